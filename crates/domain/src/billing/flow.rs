//! From states to money.

use std::fmt;
use std::ops::AddAssign;

use crate::message::{MessageState, coded_enum};
use crate::money::Money;

coded_enum! {
    /// When a message is paid for. Frozen in its lane.
    Charge {
        /// What the carrier took is paid, whatever its receipt says.
        Submitted = 1, "submitted";
        /// As `submitted`, but paid back when a receipt says that it did not arrive.
        Refunded = 2, "refunded";
        /// Only what arrived is paid.
        Delivered = 3, "delivered";
    }
}

coded_enum! {
    /// Where the money of an accepted message comes from. Frozen in its lane.
    Purse {
        /// Straight from the account: nothing bounds it.
        Open = 1, "open";
        /// From what the account was granted in the message's partition: accepted only if that suffices.
        Allowance = 2, "allowance";
        /// From what was held for its campaign at launch.
        Hold = 3, "hold";
    }
}

/// Where the price of a message is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Position {
    /// The account cannot spend it elsewhere; the operator does not have it.
    Reserved,
    /// The operator has it.
    Charged,
    /// The account has it.
    Released,
}

impl Charge {
    /// Where the price of a message in this state is. A message whose fate is open stays reserved; one that no receipt ever
    /// told of counts as the carrier counts it.
    #[must_use]
    pub fn position(self, state: MessageState) -> Position {
        use MessageState as S;
        match state {
            S::Queued | S::Sending | S::Uncertain => Position::Reserved,
            S::Rejected | S::Cancelled | S::Failed => Position::Released,
            S::Delivered => Position::Charged,
            S::Submitted if self == Self::Delivered => Position::Reserved,
            S::Unknown if self == Self::Delivered => Position::Released,
            S::Submitted | S::Unknown => Position::Charged,
            S::Undelivered | S::Expired if self == Self::Submitted => Position::Charged,
            S::Undelivered | S::Expired => Position::Released,
        }
    }
}

/// What moved between positions; each amount is of its own direction and never negative.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Flow {
    /// Purse to reserved: accepted.
    pub reserved: Money,
    /// Reserved to charged.
    pub charged: Money,
    /// Reserved to released.
    pub released: Money,
    /// Charged to reserved: what was paid is tried again.
    pub reopened: Money,
    /// Charged to released.
    pub refunded: Money,
    /// Released to charged: it arrived after all.
    pub recovered: Money,
}

impl Flow {
    /// What a move between states does to the price of the messages that make it; `from` is `None` at acceptance.
    /// A message that is refused at acceptance costs nothing at any time.
    #[must_use]
    pub fn of(charge: Charge, from: Option<MessageState>, to: MessageState, price: Money) -> Self {
        use Position::{Charged, Released, Reserved};
        let mut flow = Self::default();
        let to = charge.position(to);
        match (from.map(|from| charge.position(from)), to) {
            (None, Reserved) => flow.reserved = price,
            (Some(Reserved), Charged) => flow.charged = price,
            (Some(Reserved), Released) => flow.released = price,
            (Some(Charged), Reserved) => flow.reopened = price,
            (Some(Charged), Released) => flow.refunded = price,
            (Some(Released), Charged) => flow.recovered = price,
            // No edge of the lifecycle leads from an end back to a queue, and nothing is accepted as sent.
            (None, Charged | Released) | (Some(Released), Reserved) => {}
            (Some(from), to) => debug_assert_eq!(from, to),
        }
        flow
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, other: Self) {
        self.reserved += other.reserved;
        self.charged += other.charged;
        self.released += other.released;
        self.reopened += other.reopened;
        self.refunded += other.refunded;
        self.recovered += other.recovered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_of_the_lifecycle_moves_money_one_way_or_not_at_all() {
        let price = Money::from_micros(7);
        for charge in Charge::ALL {
            for (from, to) in MessageState::EDGES {
                let flow = Flow::of(*charge, Some(*from), *to, price);
                let moved = [flow.charged, flow.released, flow.reopened, flow.refunded, flow.recovered];
                let sum: Money = moved.into_iter().sum();
                let expected =
                    if charge.position(*from) == charge.position(*to) { Money::ZERO } else { price };
                assert_eq!(sum, expected, "{charge}: {from} to {to}");
                assert_eq!(flow.reserved, Money::ZERO);
            }
        }
    }
}
