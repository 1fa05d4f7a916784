//! When a source is fetched: every so many minutes, or at the minutes that a line of cron names, by the clock of a zone.
//!
//! A line of cron has five fields: minute, hour, day of the month, month, day of the week (0 or 7 is Sunday), each `*`, a
//! number, a range `1-5`, a step `*/15` or `8-18/2`, or several with commas. As everywhere: if both kinds of days are
//! named, either will do. A time that the clock leaves out is the moment after it; one that it repeats is the first.

use std::str::FromStr;
use std::time::Duration;

use domain::time::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// Longest time between two fetches that `every` may name: a week.
const MOST_MINUTES: u32 = 7 * 24 * 60;
/// Days that are looked ahead: a leap day may be eight years away.
const DAYS_AHEAD: u32 = 366 * 9;
/// Longest text.
const TEXT_BYTES: usize = 200;

/// When to fetch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule(When);

#[derive(Clone, PartialEq, Eq, Debug)]
enum When {
    ByHand,
    Every { minutes: u32 },
    Cron(Cron),
}

/// Numbers as bits.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether days of the month, and of the week, were named.
    named: (bool, bool),
}

/// A schedule that nobody can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Neither `every N` nor five fields.
    #[error("write `every 30` (minutes) or five fields of cron, such as `0 3 * * 1-5`")]
    Form,
    /// `every` with a number that is none, or too large.
    #[error("`every` takes from 1 to {MOST_MINUTES} minutes")]
    Minutes,
    /// A field of cron that is out of its range, or not one.
    #[error("the field `{0}` of the cron line cannot be read")]
    Field(&'static str),
    /// A day that no year has.
    #[error("no such day ever comes")]
    Never,
}

impl ScheduleError {
    /// In Chinese and English, with what to write.
    #[must_use]
    pub fn explain(self) -> (String, String) {
        let zh = match self {
            Self::Form => "应为 every 30（分钟）或五段的 cron，例如 0 3 * * 1-5".to_owned(),
            Self::Minutes => format!("every 后应为 1 到 {MOST_MINUTES} 分钟"),
            Self::Field(name) => format!("cron 的“{name}”一段无法识别"),
            Self::Never => "这样的日期不会出现".to_owned(),
        };
        (zh, self.to_string())
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self(When::ByHand));
        }
        if text.len() > TEXT_BYTES {
            return Err(ScheduleError::Form);
        }
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        match fields[..] {
            ["every", minutes] => {
                let minutes = minutes.parse().map_err(|_| ScheduleError::Minutes)?;
                if !(1..=MOST_MINUTES).contains(&minutes) {
                    return Err(ScheduleError::Minutes);
                }
                Ok(Self(When::Every { minutes }))
            }
            [minutes, hours, days, months, weekdays] => {
                let weekdays_read = field(weekdays, 0, 7, "weekday")?;
                let cron = Cron {
                    minutes: field(minutes, 0, 59, "minute")?,
                    hours: field(hours, 0, 23, "hour")?,
                    days: field(days, 1, 31, "day")?,
                    months: field(months, 1, 12, "month")?,
                    // 7 is Sunday too.
                    weekdays: (weekdays_read | weekdays_read >> 7) & 0x7F,
                    named: (!days.starts_with('*'), !weekdays.starts_with('*')),
                };
                let ever = cron.next(Timestamp::from_millis(0), &TimeZone::UTC).is_some();
                if ever { Ok(Self(When::Cron(cron))) } else { Err(ScheduleError::Never) }
            }
            _ => Err(ScheduleError::Form),
        }
    }
}

/// One field of cron as bits.
fn field(text: &str, least: u32, most: u32, name: &'static str) -> Result<u64, ScheduleError> {
    let odd = || ScheduleError::Field(name);
    let number = |text: &str| {
        let number: u32 = text.parse().map_err(|_| odd())?;
        if text.starts_with('+') || !(least..=most).contains(&number) { Err(odd()) } else { Ok(number) }
    };
    let mut bits = 0u64;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0).ok_or_else(odd)?))
            }
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None if range == "*" => (least, most),
            // As cron has it, `5/15` goes on to the end.
            None => (number(range)?, if step.is_some() { most } else { number(range)? }),
        };
        if first > last {
            return Err(odd());
        }
        let step = usize::try_from(step.unwrap_or(1)).map_err(|_| odd())?;
        (first..=last).step_by(step).for_each(|number| bits |= 1 << number);
    }
    Ok(bits)
}

impl Schedule {
    /// Whether anything happens by itself.
    #[must_use]
    pub const fn is_by_hand(&self) -> bool {
        matches!(self.0, When::ByHand)
    }

    /// The first time after `now`; none if only by hand.
    #[must_use]
    pub fn next(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.0 {
            When::ByHand => None,
            When::Every { minutes } => Some(now.plus(Duration::from_secs(u64::from(*minutes) * 60))),
            When::Cron(cron) => cron.next(now, zone),
        }
    }
}

impl Cron {
    fn next(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut day = now.to_jiff().to_zoned_datetime(zone.clone()).date();
        for _ in 0..DAYS_AHEAD {
            if self.has_day(day) {
                // A clock that was put back shows an earlier time later, so the earliest instant is looked for.
                let found = self.times().filter_map(|time| at(day, time, zone)).filter(|at| *at > now).min();
                if found.is_some() {
                    return found;
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn has_day(&self, day: Date) -> bool {
        let has = |bits: u64, number: i8| u32::try_from(number).is_ok_and(|number| bits >> number & 1 == 1);
        let (of_month, of_week) =
            (has(self.days, day.day()), has(self.weekdays, day.weekday().to_sunday_zero_offset()));
        let fits = match self.named {
            (true, true) => of_month || of_week,
            _ => of_month && of_week,
        };
        has(self.months, day.month()) && fits
    }

    fn times(&self) -> impl Iterator<Item = Time> {
        let (minutes, hours) = (self.minutes, self.hours);
        let hours = (0i8..24).filter(move |hour| hours >> hour & 1 == 1);
        hours.flat_map(move |hour| {
            let minutes = (0i8..60).filter(move |minute| minutes >> minute & 1 == 1);
            minutes.filter_map(move |minute| Time::new(hour, minute, 0, 0).ok())
        })
    }
}

fn at(day: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok().map(Timestamp::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn local(text: &str, zone: &TimeZone) -> Timestamp {
        let at: jiff::civil::DateTime = text.parse().unwrap();
        zone.to_ambiguous_timestamp(at).compatible().unwrap().into()
    }

    fn zone(name: &str) -> TimeZone {
        domain::policy::Zone::named(name).unwrap().rules().clone()
    }

    #[track_caller]
    fn next(schedule: &str, now: &str, expected: &str, zone: &TimeZone) {
        let found = schedule.parse::<Schedule>().unwrap().next(local(now, zone), zone);
        assert_eq!(found, Some(local(expected, zone)), "{schedule} after {now}");
    }

    #[test]
    fn the_next_time_is_by_the_clock_of_the_zone() {
        let china = zone("Asia/Shanghai");
        // 2026-11-28 is a Saturday.
        next("0 3 * * *", "2026-11-28T02:59:59", "2026-11-28T03:00", &china);
        next("0 3 * * *", "2026-11-28T03:00", "2026-11-29T03:00", &china);
        next("0 3 * * 1-5", "2026-11-28T02:00", "2026-11-30T03:00", &china);
        next("*/15 8-18 * * *", "2026-11-28T18:46", "2026-11-29T08:00", &china);
        next("5/20 * * * *", "2026-11-28T10:06", "2026-11-28T10:25", &china);
        next("0 0 29 2 *", "2026-11-28T00:00", "2028-02-29T00:00", &china);
        next("0 0 1 * 7", "2026-11-28T00:00", "2026-11-29T00:00", &china);
        next("0 9,21 1 1,7 *", "2026-11-28T00:00", "2027-01-01T09:00", &china);
        next("every 30", "2026-11-28T23:45", "2026-11-29T00:15", &china);
        assert_eq!(" ".parse::<Schedule>().unwrap().next(Timestamp::from_millis(0), &china), None);
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_is_not_left_out() {
        let paris = zone("Europe/Paris");
        // 2027-03-28: from 02:00 to 03:00.
        next("30 2 * * *", "2027-03-27T12:00", "2027-03-28T03:30", &paris);
        next("30 2 * * *", "2027-03-28T03:30", "2027-03-29T02:30", &paris);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (text, expected) in [
            ("daily", ScheduleError::Form),
            ("0 3 * *", ScheduleError::Form),
            ("every 0", ScheduleError::Minutes),
            ("every 99999", ScheduleError::Minutes),
            ("every soon", ScheduleError::Minutes),
            ("60 3 * * *", ScheduleError::Field("minute")),
            ("0 24 * * *", ScheduleError::Field("hour")),
            ("0 3 0 * *", ScheduleError::Field("day")),
            ("0 3 * 13 *", ScheduleError::Field("month")),
            ("0 3 * * 8", ScheduleError::Field("weekday")),
            ("5-1 3 * * *", ScheduleError::Field("minute")),
            ("*/0 3 * * *", ScheduleError::Field("minute")),
            ("+5 3 * * *", ScheduleError::Field("minute")),
            (", 3 * * *", ScheduleError::Field("minute")),
            ("0 0 31 2 *", ScheduleError::Never),
        ] {
            assert_eq!(text.parse::<Schedule>().unwrap_err(), expected, "{text}");
        }
        assert_eq!("x".repeat(300).parse::<Schedule>().unwrap_err(), ScheduleError::Form);
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_panics_and_the_next_time_is_later(text in "[0-9*/,-]{1,6}( [0-9*/,-]{1,6}){4}") {
            let now = Timestamp::from_millis(1_795_573_800_000);
            if let Ok(schedule) = text.parse::<Schedule>() {
                prop_assert!(schedule.next(now, &TimeZone::UTC).is_some_and(|next| next > now));
            }
        }
    }
}
