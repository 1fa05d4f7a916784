//! Times to offer for a campaign: people read at ten and at three on workdays.

use domain::time::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// Hours offered, local.
const HOURS: [i8; 2] = [10, 15];
/// A fortnight holds more than enough workdays.
const DAYS_LOOKED_AT: usize = 14;

/// The next `count` times of 10:00 and 15:00 from Monday to Friday after `now`. Public holidays are not known here.
#[must_use]
pub fn suggested_times(now: Timestamp, zone: &TimeZone, count: usize) -> Vec<Timestamp> {
    let today = now.to_jiff().to_zoned_datetime(zone.clone()).date();
    let days = std::iter::successors(Some(today), |day: &Date| day.tomorrow().ok()).take(DAYS_LOOKED_AT);
    days.filter(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday))
        .flat_map(|day| HOURS.map(|hour| day.at(hour, 0, 0, 0)))
        .filter_map(|local| local.to_zoned_datetime(zone.clone()).ok())
        .map(|at| Timestamp::from(at.timestamp()))
        .filter(|at| *at > now)
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn friday_afternoon_is_followed_by_monday_morning() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let friday = jiff::civil::date(2026, 11, 27).at(14, 0, 0, 0).to_zoned_datetime(zone.clone()).unwrap();
        let times: Vec<String> = suggested_times(friday.timestamp().into(), &zone, 3)
            .into_iter()
            .map(|at| at.rfc3339(&zone))
            .collect();
        assert_eq!(
            times,
            ["2026-11-27T15:00:00+08:00", "2026-11-30T10:00:00+08:00", "2026-11-30T15:00:00+08:00"]
        );
    }
}
