//! Days and months of the books: spans of whole hours, because what messages move is counted by the hour.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::time::Timestamp;

const HOUR_MILLIS: i64 = 3_600_000;

/// Hours since the Unix epoch, from the first to before the last. An hour belongs to the day in which it begins: where a zone's
/// midnight is no full hour of UTC, the books' day begins with the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HourSpan {
    pub from: i64,
    /// The first hour after it.
    pub until: i64,
}

impl HourSpan {
    /// The hours that begin from `from` on and before `until`.
    #[must_use]
    pub fn between(from: Timestamp, until: Timestamp) -> Self {
        Self { from: first_hour(from), until: first_hour(until) }
    }

    /// The local day of an instant.
    #[must_use]
    pub fn day(at: Timestamp, zone: &TimeZone) -> Self {
        let today = local_date(at, zone);
        Self::between(midnight(today, zone), midnight(today.tomorrow().unwrap_or(Date::MAX), zone))
    }

    /// Whether the instant is in one of its hours.
    #[must_use]
    pub fn holds(self, at: Timestamp) -> bool {
        (self.from..self.until).contains(&at.hour())
    }

    /// Where its first hour begins.
    #[must_use]
    pub const fn begins(self) -> Timestamp {
        Timestamp::from_millis(self.from.saturating_mul(HOUR_MILLIS))
    }

    /// Where the first hour after it begins.
    #[must_use]
    pub const fn ends(self) -> Timestamp {
        Timestamp::from_millis(self.until.saturating_mul(HOUR_MILLIS))
    }
}

/// A calendar month, as `2026-11`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Month {
    year: i16,
    month: i8,
}

/// Text that is not a month.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a month: write year and month, such as 2026-11")]
pub struct MonthError;

impl Month {
    /// The local month of an instant.
    #[must_use]
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        let date = local_date(at, zone);
        Self { year: date.year(), month: date.month() }
    }

    /// The month before.
    #[must_use]
    pub fn before(self) -> Self {
        match self.month {
            1 => Self { year: self.year.saturating_sub(1), month: 12 },
            month => Self { month: month - 1, ..self },
        }
    }

    /// The month after.
    #[must_use]
    pub fn after(self) -> Self {
        match self.month {
            12 => Self { year: self.year.saturating_add(1), month: 1 },
            month => Self { month: month + 1, ..self },
        }
    }

    /// Its hours by the clock of a zone.
    #[must_use]
    pub fn span(self, zone: &TimeZone) -> HourSpan {
        HourSpan::between(midnight(self.first_day(), zone), midnight(self.after().first_day(), zone))
    }

    fn first_day(self) -> Date {
        Date::new(self.year, self.month, 1).unwrap_or(Date::ZERO)
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        let digits = |part: &str, length: usize| {
            (part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse().ok())
        };
        let year: i16 = digits(year, 4).flatten().ok_or(MonthError)?;
        let month: i16 = digits(month, 2).flatten().ok_or(MonthError)?;
        let month = i8::try_from(month).ok().filter(|month| (1..=12).contains(month)).ok_or(MonthError)?;
        // Before computers there were no short messages, and after it instants end.
        if (1970..=9998).contains(&year) { Ok(Self { year, month }) } else { Err(MonthError) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

fn local_date(at: Timestamp, zone: &TimeZone) -> Date {
    at.to_jiff().to_zoned_datetime(zone.clone()).date()
}

/// The first instant of a local day.
fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned_datetime(zone.clone()).map_or(Timestamp::FAR_FUTURE, |start| start.timestamp().into())
}

fn first_hour(at: Timestamp) -> i64 {
    at.millis().saturating_add(HOUR_MILLIS - 1).div_euclid(HOUR_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn months_are_read_and_follow_each_other() {
        let month: Month = "2026-12".parse().unwrap();
        assert_eq!((month.to_string(), month.after().to_string()), ("2026-12".into(), "2027-01".into()));
        assert_eq!(month.after().before(), month);
        for bad in ["2026-13", "2026-00", "2026-1", "26-01", "2026", "2026-+1", "１２３４-01", "1960-01"]
        {
            assert_eq!(bad.parse::<Month>(), Err(MonthError), "{bad}");
        }
    }

    #[test]
    fn a_month_in_shanghai_begins_eight_hours_before_that_of_greenwich() {
        let span = "2026-11".parse::<Month>().unwrap().span(&zone("Asia/Shanghai"));
        assert_eq!((span.begins(), span.ends()), (at("2026-10-31T16:00:00Z"), at("2026-11-30T16:00:00Z")));
        assert!(span.holds(at("2026-11-30T15:59:59Z")) && !span.holds(at("2026-11-30T16:00:00Z")));
        assert_eq!(Month::of(at("2026-10-31T16:00:00Z"), &zone("Asia/Shanghai")).to_string(), "2026-11");
    }

    #[test]
    fn days_follow_each_other_without_gap_whatever_the_zone() {
        for name in ["Asia/Shanghai", "Asia/Kolkata", "America/New_York", "Asia/Kathmandu", "UTC"] {
            let zone = zone(name);
            let mut day = HourSpan::day(at("2026-03-01T12:00:00Z"), &zone);
            for _ in 0..300 {
                let next = HourSpan::day(day.ends().plus(std::time::Duration::from_secs(7_200)), &zone);
                assert_eq!(next.from, day.until, "{name}");
                assert!((23..=25).contains(&(next.until - next.from)), "{name}");
                day = next;
            }
        }
    }
}
