//! The words of the books: whose they are, what moves between them, and what an account has agreed to.

use std::fmt;

use crate::ids::AccountId;
use crate::message::coded_enum;
use crate::money::Money;

coded_enum! {
    /// One book. Those of an account hold what is its; the operator's hold the other side.
    Book {
        /// An account's: what it may still spend. Negative: it owes.
        Funds = 1, "funds";
        /// An account's: granted to partitions, for messages that come in there.
        Allowance = 2, "allowance";
        /// An account's: held for launched campaigns that are not all accepted yet.
        Held = 3, "held";
        /// An account's: of accepted messages whose fate is open.
        Reserved = 4, "reserved";
        /// The operator's, kept for each account: what came in and went back.
        Cash = 5, "cash";
        /// The operator's, kept for each account: what messages earned.
        Revenue = 6, "revenue";
    }
}

coded_enum! {
    /// Why money moved.
    TransferKind {
        /// Cash to funds: the account paid.
        TopUp = 1, "top_up";
        /// Funds to cash: the operator paid back, or corrected a top-up.
        Withdrawal = 2, "withdrawal";
        /// Funds to allowance.
        Grant = 3, "grant";
        /// Allowance to funds.
        GrantReturned = 4, "grant_returned";
        /// Funds to held: a campaign was launched.
        Hold = 5, "hold";
        /// Held to funds: what a campaign did not need.
        HoldReturned = 6, "hold_returned";
        /// A purse (funds, allowance, held) to reserved: accepted.
        Accepted = 7, "accepted";
        /// Reserved to revenue.
        Charged = 8, "charged";
        /// Reserved to funds: not sent.
        Released = 9, "released";
        /// Revenue to reserved: tried again.
        Reopened = 10, "reopened";
        /// Revenue to funds: did not arrive.
        Refunded = 11, "refunded";
        /// Funds to revenue: arrived after all.
        Recovered = 12, "recovered";
    }
}

/// One movement between two books of one account (the operator's side is kept for each account too). `amount` is never negative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    pub account: AccountId,
    pub kind: TransferKind,
    pub from: Book,
    pub to: Book,
    pub amount: Money,
}

coded_enum! {
    /// How an account pays.
    Mode {
        /// Nothing bounds it; what it sends is on its bill.
        Open = 1, "open";
        /// It spends what it has, and as much as its credit.
        Bounded = 2, "bounded";
    }
}

/// Bounds on what an account may have accepted within a time, by the clock of its zone; none: without bound.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    pub daily: Option<Money>,
    pub monthly: Option<Money>,
}

/// What an account has agreed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    pub mode: Mode,
    pub charge: super::Charge,
    /// How far its funds may fall below zero. Zero: prepaid.
    pub credit: Money,
    pub limits: Limits,
    /// Below this, it is told that its balance is low.
    pub alert_below: Option<Money>,
    /// Counts its changes from 0.
    pub revision: u32,
}

impl Default for Terms {
    /// Of an account with which nothing was agreed: the installation's own.
    fn default() -> Self {
        Self {
            mode: Mode::Open,
            charge: super::Charge::Submitted,
            credit: Money::ZERO,
            limits: Limits::default(),
            alert_below: None,
            revision: 0,
        }
    }
}
