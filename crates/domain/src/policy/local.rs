//! Local days and sending hours through a time-zone database.
//!
//! Invariants: windows are half-open; what the wall clock reads decides, so a gap shortens a window and a fold
//! lengthens it; the first instant of a day is the first one whose date it is. Zones without transitions (mainland
//! China) are answered by arithmetic alone, because a claim asks for every message.

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::time::Timestamp;

const DAY_SECONDS: i64 = 86_400;
/// From here on a zone without transitions is treated as a fixed offset: 2000-01-01T00:00:00Z.
const FIXED_SINCE_SECOND: i64 = 946_684_800;
/// No zone has ever kept its clocks from a given hour for longer than two days (Samoa left out one whole day).
const SEARCH_DAYS: i64 = 4;

/// A name that is in no time-zone database.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no such time zone: {0}; write a name such as Asia/Shanghai")]
pub struct ZoneError(pub String);

/// A time zone by its IANA name, from the database that is built in: the same on every machine.
#[derive(Clone)]
pub struct Zone {
    name: Box<str>,
    rules: TimeZone,
    /// Seconds east of UTC, when nothing has changed since [`FIXED_SINCE_SECOND`] and no change is planned.
    fixed: Option<i64>,
}

impl Zone {
    /// Looks a zone up.
    ///
    /// # Errors
    /// [`ZoneError`] for a name that is in no database.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        let rules = TimeZoneDatabase::bundled().get(name).map_err(|_| ZoneError(name.to_owned()))?;
        let since = Timestamp::from_millis(FIXED_SINCE_SECOND * 1_000).to_jiff();
        let fixed = match rules.following(since).next() {
            Some(_) => None,
            None => Some(i64::from(rules.to_offset(since).seconds())),
        };
        Ok(Self { name: name.into(), rules, fixed })
    }

    /// Mainland China has one time, `Asia/Shanghai`.
    #[must_use]
    pub fn china() -> Self {
        Self::named("Asia/Shanghai").expect("the built-in database has Asia/Shanghai")
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone's rules, for printing times.
    #[must_use]
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// The offset that holds for ever around `at`, if there is one.
    fn fixed_at(&self, at: Timestamp) -> Option<i64> {
        let known = FIXED_SINCE_SECOND + DAY_SECONDS..=Timestamp::FAR_FUTURE.millis() / 1_000;
        self.fixed.filter(|_| known.contains(&(at.millis() / 1_000)))
    }

    /// Seconds since midnight as the wall clock reads at `at`: 0..86,400.
    fn second_of_day(&self, at: Timestamp) -> i64 {
        let second = at.millis().div_euclid(1_000);
        let offset = self.fixed_at(at).unwrap_or_else(|| self.rules.to_offset(at.to_jiff()).seconds().into());
        second.saturating_add(offset).rem_euclid(DAY_SECONDS)
    }

    /// The date on the wall calendar at `at`.
    fn date(&self, at: Timestamp) -> Date {
        self.rules.to_datetime(at.to_jiff()).date()
    }

    /// The first instant of the local day that lies `days_back` days before the one of `at` (0: the same day).
    #[must_use]
    pub fn day_start(&self, at: Timestamp, days_back: u16) -> Timestamp {
        let days = i64::from(days_back) * DAY_SECONDS;
        if let Some(offset) = self.fixed_at(at.minus(Duration::from_secs(days.unsigned_abs()))) {
            let local = at.millis().div_euclid(1_000) + offset;
            let midnight = local - local.rem_euclid(DAY_SECONDS) - days;
            return Timestamp::from_millis((midnight - offset) * 1_000);
        }
        let date =
            self.date(at).checked_sub(jiff::Span::new().days(i64::from(days_back))).unwrap_or(Date::MIN);
        self.rules
            .to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0))
            .compatible()
            .ok()
            .and_then(|midnight| self.first_of_date(midnight.timestamp(), date))
            .unwrap_or_else(|| at.minus(Duration::from_secs(days.unsigned_abs())))
    }

    /// `midnight` as jiff resolves it, or the transition shortly before it at which the date began.
    fn first_of_date(&self, midnight: jiff::Timestamp, date: Date) -> Option<Timestamp> {
        let begun = self.rules.preceding(midnight).next().map(|transition| transition.timestamp());
        match begun {
            Some(transition) if self.rules.to_datetime(transition).date() == date => Some(transition.into()),
            _ => Some(midnight.into()),
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The hours of every day in which sending is allowed: open ≤ wall clock < close.
#[derive(Clone, PartialEq, Debug)]
pub struct Hours {
    open: Time,
    close: Time,
    zone: Zone,
}

/// Hours that are empty or end before they begin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("sending hours must begin before they end: {open}-{close}")]
pub struct HoursError {
    /// First minute of the window as given.
    pub open: Time,
    /// End of the window as given.
    pub close: Time,
}

impl Hours {
    /// Hours from `open` to before `close`, in whole seconds; a `close` of 00:00 is the end of the day.
    ///
    /// # Errors
    /// [`HoursError`] when `open` does not come before `close`.
    pub fn new(open: Time, close: Time, zone: Zone) -> Result<Self, HoursError> {
        let whole = |time: Time| Time::constant(time.hour(), time.minute(), time.second(), 0);
        let hours = Self { open: whole(open), close: whole(close), zone };
        if hours.open_second() < hours.close_second() { Ok(hours) } else { Err(HoursError { open, close }) }
    }

    /// First moment of the window.
    #[must_use]
    pub fn open(&self) -> Time {
        self.open
    }

    /// End of the window, itself outside; 00:00 is the end of the day.
    #[must_use]
    pub fn close(&self) -> Time {
        self.close
    }

    /// Whose wall clock counts.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    fn open_second(&self) -> i64 {
        second_of(self.open)
    }

    fn close_second(&self) -> i64 {
        match second_of(self.close) {
            0 => DAY_SECONDS,
            second => second,
        }
    }

    /// How long a day's window is when no clock is changed in it.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_secs((self.close_second() - self.open_second()).unsigned_abs())
    }

    /// Whether sending is allowed at `at`.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        (self.open_second()..self.close_second()).contains(&self.zone.second_of_day(at))
    }

    /// The first instant after `at` at which the window opens.
    #[must_use]
    pub fn next_opening(&self, at: Timestamp) -> Timestamp {
        self.next_edge(at, self.open, true)
    }

    /// The first instant after `at` at which the window closes. Hours of a whole day never do.
    #[must_use]
    pub fn next_closing(&self, at: Timestamp) -> Timestamp {
        if self.close_second() - self.open_second() == DAY_SECONDS {
            return Timestamp::FAR_FUTURE;
        }
        self.next_edge(at, self.close, false)
    }

    /// The first instant after `at` where the window is open (or closed) and was not just before: it lies where the
    /// wall clock reads `edge`, or at a transition that jumps over it.
    fn next_edge(&self, at: Timestamp, edge: Time, open: bool) -> Timestamp {
        if let Some(offset) = self.zone.fixed_at(at) {
            let local = at.millis().div_euclid(1_000) + offset;
            let today = local - local.rem_euclid(DAY_SECONDS) + second_of(edge);
            let next = if today > local { today } else { today + DAY_SECONDS };
            return Timestamp::from_millis((next - offset) * 1_000);
        }
        let rules = &self.zone.rules;
        let horizon = at.plus(Duration::from_secs((SEARCH_DAYS * DAY_SECONDS).unsigned_abs()));
        let today = self.zone.date(at);
        let edges = (0..=SEARCH_DAYS).filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok());
        let read = edges.flat_map(|date| readings(rules, date.to_datetime(edge)));
        let jumps = rules.following(at.to_jiff()).map(|t| Timestamp::from(t.timestamp()));
        let before = |instant: Timestamp| instant.minus(Duration::from_millis(1));
        read.flatten()
            .chain(jumps.take_while(|jump| *jump <= horizon))
            .filter(|&instant| {
                instant > at && self.is_open(instant) == open && self.is_open(before(instant)) != open
            })
            .min()
            .unwrap_or(horizon)
    }
}

/// The at most two instants at which a wall clock may read `reading` (or would, across a gap).
fn readings(rules: &TimeZone, reading: DateTime) -> [Option<Timestamp>; 2] {
    let ambiguous = rules.to_ambiguous_timestamp(reading);
    [ambiguous.earlier().ok().map(Timestamp::from), ambiguous.later().ok().map(Timestamp::from)]
}

fn second_of(time: Time) -> i64 {
    i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second())
}
