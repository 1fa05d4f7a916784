//! What an account is told at the end of a month, and what the operator earned.

use super::calendar::Month;
use super::flow::Flow;
use crate::ids::{AccountId, ChannelId};
use crate::message::{Category, coded_enum};
use crate::money::Money;
use crate::phone::Carrier;

use std::fmt;

/// What is an account's at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Holdings {
    /// What it may spend.
    pub funds: Money,
    /// What is set aside: allowances, holds of campaigns, and messages whose fate is open.
    pub reserved: Money,
}

impl Holdings {
    /// Both together: what only payments and charges change.
    #[must_use]
    pub fn total(self) -> Money {
        self.funds + self.reserved
    }
}

/// What messages of one category to one carrier came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatementLine {
    pub category: Category,
    pub carrier: Carrier,
    /// Net of those paid back.
    pub messages: i64,
    /// Net of those paid back.
    pub parts: i64,
    pub charged: Money,
    pub refunded: Money,
}

impl StatementLine {
    /// What is paid.
    #[must_use]
    pub fn amount(self) -> Money {
        self.charged - self.refunded
    }
}

/// A month of an account's money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    pub account: AccountId,
    pub month: Month,
    pub opening: Holdings,
    pub top_ups: Money,
    pub withdrawals: Money,
    /// By category, then carrier.
    pub lines: Vec<StatementLine>,
    pub closing: Holdings,
}

impl Statement {
    /// What messages cost, less what was paid back.
    #[must_use]
    pub fn amount(&self) -> Money {
        self.lines.iter().map(|line| line.amount()).sum()
    }

    /// Whether opening and what came in, less what went out, are what is left: each of the four is read by itself.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.opening.total() + self.top_ups - self.withdrawals - self.amount() == self.closing.total()
    }
}

impl Flow {
    /// What of it is charged, in or out of it: charged and recovered, less what was taken back to be tried again.
    #[must_use]
    pub fn earned(self) -> Money {
        self.charged + self.recovered - self.reopened
    }
}

coded_enum! {
    /// What margins are told by.
    MarginBy {
        Channel = 1, "channel";
        Account = 2, "account";
        Carrier = 3, "carrier";
    }
}

/// What margins are told of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MarginOf {
    /// `None`: what no channel had taken.
    Channel(Option<ChannelId>),
    Account(AccountId),
    Carrier(Carrier),
}

/// What came in and what it cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MarginLine {
    pub of: MarginOf,
    /// Net of those paid back.
    pub messages: i64,
    pub parts: i64,
    pub revenue: Money,
    pub cost: Money,
}

impl MarginLine {
    /// What is left.
    #[must_use]
    pub fn margin(self) -> Money {
        self.revenue - self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_knows_whether_it_adds_up() {
        let money = Money::from_micros;
        let line = StatementLine {
            category: Category::Otp,
            carrier: Carrier::Mobile,
            messages: 2,
            parts: 2,
            charged: money(90),
            refunded: money(30),
        };
        let statement = Statement {
            account: AccountId::from_raw(1),
            month: "2026-11".parse().unwrap(),
            opening: Holdings { funds: money(100), reserved: money(20) },
            top_ups: money(50),
            withdrawals: money(10),
            lines: vec![line],
            closing: Holdings { funds: money(70), reserved: money(30) },
        };
        assert!(statement.adds_up());
        assert!(!Statement { withdrawals: money(11), ..statement }.adds_up());
    }
}
