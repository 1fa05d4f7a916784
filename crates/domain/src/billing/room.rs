//! How much an account may still have accepted.

use super::books::{Mode, Terms};
use crate::control::Short;
use crate::money::Money;

/// What bounds an account leave it; `None`: no bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    funds: Option<Money>,
    daily: Option<Money>,
    monthly: Option<Money>,
}

impl Room {
    /// Of an account with these terms and funds, which may have had `today` and `month` accepted already.
    #[must_use]
    pub fn of(terms: &Terms, funds: Money, today: Money, month: Money) -> Self {
        match terms.mode {
            Mode::Open => Self { funds: None, daily: None, monthly: None },
            Mode::Bounded => Self {
                funds: Some(funds + terms.credit),
                daily: terms.limits.daily.map(|limit| limit - today),
                monthly: terms.limits.monthly.map(|limit| limit - month),
            },
        }
    }

    /// How much more would have to be there for an amount, and the tightest bound; `None`: there is room for it.
    #[must_use]
    pub fn lacks(self, amount: Money) -> Option<(Money, Short)> {
        let (left, short) = self.tightest()?;
        (left < amount).then_some((amount - left, short))
    }

    /// From `least` to `most`, as much as there is room for.
    ///
    /// # Errors
    /// The tightest bound, when it leaves less than `least`.
    pub fn take(self, least: Money, most: Money) -> Result<Money, Short> {
        match self.tightest() {
            Some((left, short)) if left < least => Err(short),
            Some((left, _)) => Ok(most.max(least).min(left)),
            None => Ok(most.max(least)),
        }
    }

    /// What the tightest bound leaves, below nothing where more was spent, and which it is.
    fn tightest(self) -> Option<(Money, Short)> {
        let bounds = [
            self.funds.map(|left| (left, Short::Funds { left: left.max(Money::ZERO) })),
            self.daily.map(|left| (left, Short::Daily { left: left.max(Money::ZERO) })),
            self.monthly.map(|left| (left, Short::Monthly { left: left.max(Money::ZERO) })),
        ];
        bounds.into_iter().flatten().min_by_key(|(left, _)| *left)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    const fn money(micros: i64) -> Money {
        Money::from_micros(micros)
    }

    #[test]
    fn the_tightest_bound_decides_and_is_named() {
        let limits = Limits { daily: Some(money(100)), monthly: Some(money(150)) };
        let terms = Terms { mode: Mode::Bounded, credit: money(20), limits, ..Terms::default() };
        let take = |funds, today, month, least, most| {
            Room::of(&terms, money(funds), money(today), money(month)).take(money(least), money(most))
        };
        assert_eq!(take(50, 0, 0, 10, 60), Ok(money(60)));
        assert_eq!(take(50, 0, 0, 10, 500), Ok(money(70)), "funds and credit");
        assert_eq!(take(500, 40, 40, 10, 500), Ok(money(60)), "the day");
        assert_eq!(take(500, 40, 140, 10, 500), Ok(money(10)), "the month");
        assert_eq!(take(500, 40, 141, 10, 500), Err(Short::Monthly { left: money(9) }));
        assert_eq!(take(500, 120, 120, 1, 1), Err(Short::Daily { left: Money::ZERO }), "never below nothing");
        assert_eq!(take(-20, 0, 0, 1, 1), Err(Short::Funds { left: Money::ZERO }));
        let lacks = |funds, amount| Room::of(&terms, money(funds), money(0), money(0)).lacks(money(amount));
        assert_eq!(lacks(50, 70), None);
        assert_eq!(lacks(50, 71), Some((money(1), Short::Funds { left: money(70) })));
        assert_eq!(lacks(-30, 5), Some((money(15), Short::Funds { left: Money::ZERO })), "its debt too");
        assert_eq!(lacks(500, 130), Some((money(30), Short::Daily { left: money(100) })));
        let open = Room::of(&Terms::default(), money(-1_000), money(0), money(0));
        assert_eq!(open.take(money(5), money(9)), Ok(money(9)));
    }
}
