//! When an account is told how its balance is.

use std::fmt;

use super::books::{Mode, Terms};
use crate::events::EventKind;
use crate::message::coded_enum;
use crate::money::Money;

coded_enum! {
    /// How a balance is, as its account was told last.
    BalanceLevel {
        /// Nothing to be told of.
        Enough = 1, "enough";
        /// Below what the account wants to be told of.
        Low = 2, "low";
        /// It does not pay for the cheapest message any more.
        Exhausted = 3, "exhausted";
    }
}

impl BalanceLevel {
    /// Of an account with these terms, which may still spend `available`. `cheapest`: its lowest price of a part that is not nothing,
    /// if it has one. Nothing is ever short where nothing bounds the account, though it may want to be told.
    #[must_use]
    pub fn of(terms: &Terms, available: Money, cheapest: Option<Money>) -> Self {
        let spent = available <= Money::ZERO || cheapest.is_some_and(|price| available < price);
        if terms.mode == Mode::Bounded && spent {
            Self::Exhausted
        } else if terms.alert_below.is_some_and(|bound| available < bound) {
            Self::Low
        } else {
            Self::Enough
        }
    }

    /// What the account is told when its balance comes to be so; nothing where it was so before.
    #[must_use]
    pub fn told_after(self, before: Self) -> Option<EventKind> {
        (self != before).then_some(match self {
            Self::Enough => EventKind::BalanceRestored,
            Self::Low => EventKind::BalanceLow,
            Self::Exhausted => EventKind::BalanceExhausted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn money(micros: i64) -> Money {
        Money::from_micros(micros)
    }

    #[test]
    fn a_balance_is_low_below_its_bound_and_exhausted_below_the_cheapest_message() {
        let terms = Terms { mode: Mode::Bounded, alert_below: Some(money(100)), ..Terms::default() };
        let level = |available| BalanceLevel::of(&terms, money(available), Some(money(5)));
        let levels = [100, 99, 5, 4, 0, -7].map(level);
        assert_eq!(levels[0], BalanceLevel::Enough);
        assert_eq!(levels[1..3], [BalanceLevel::Low; 2]);
        assert_eq!(levels[3..], [BalanceLevel::Exhausted; 3]);
        assert_eq!(BalanceLevel::of(&terms, money(0), None), BalanceLevel::Exhausted, "no price at all");
        let quiet = Terms { alert_below: None, ..terms };
        assert_eq!(BalanceLevel::of(&quiet, money(5), Some(money(5))), BalanceLevel::Enough);
        let open = Terms { mode: Mode::Open, ..terms };
        assert_eq!(BalanceLevel::of(&open, money(-9), Some(money(5))), BalanceLevel::Low, "on its bill");
    }

    #[test]
    fn each_change_is_told_once() {
        use BalanceLevel::{Enough, Exhausted, Low};
        assert_eq!(Low.told_after(Enough), Some(EventKind::BalanceLow));
        assert_eq!(Exhausted.told_after(Low), Some(EventKind::BalanceExhausted));
        assert_eq!(Low.told_after(Exhausted), Some(EventKind::BalanceLow), "some again, and little");
        assert_eq!(Enough.told_after(Exhausted), Some(EventKind::BalanceRestored));
        for level in BalanceLevel::ALL {
            assert_eq!(level.told_after(*level), None);
        }
    }
}
