//! Days and hours in zones that move their clocks, against what the wall clock reads minute by minute.

use super::*;
use jiff::civil::{Time, date, time};
use proptest::prelude::*;

/// Gaps and folds at night and at midnight, by an hour and by half an hour, and a day that never was.
const ZONES: [&str; 8] = [
    "Asia/Shanghai",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/St_Johns",
    "Pacific/Apia",
    "America/Sao_Paulo",
];
const MINUTE: i64 = 60 * SECOND;

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

fn reads(zone: &Zone, millis: i64) -> jiff::civil::DateTime {
    zone.rules().to_datetime(at(millis).to_jiff())
}

#[test]
fn a_gap_opens_at_the_jump_and_a_fold_opens_twice() {
    let new_york = zone("America/New_York");
    let instant = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
    let hours = Hours::new(time(2, 30, 0, 0), time(4, 0, 0, 0), new_york.clone()).unwrap();
    // 2026-03-08: 02:00 EST is followed by 03:00 EDT.
    assert_eq!(hours.next_opening(instant("2026-03-08T05:00:00Z")), instant("2026-03-08T07:00:00Z"));
    let hours = Hours::new(time(1, 30, 0, 0), time(1, 45, 0, 0), new_york).unwrap();
    // 2026-11-01: 02:00 EDT is followed by 01:00 EST, so 01:30 comes at 05:30 and at 06:30 UTC.
    assert_eq!(hours.next_opening(instant("2026-11-01T04:00:00Z")), instant("2026-11-01T05:30:00Z"));
    assert_eq!(hours.next_opening(instant("2026-11-01T05:30:00Z")), instant("2026-11-01T06:30:00Z"));
    assert_eq!(hours.next_closing(instant("2026-11-01T06:30:00Z")), instant("2026-11-01T06:45:00Z"));
}

#[test]
fn a_day_that_begins_in_a_gap_begins_at_the_jump() {
    // Cairo leaps from 00:00 to 01:00 on 2026-04-24.
    let cairo = zone("Africa/Cairo");
    let noon = date(2026, 4, 24).at(12, 0, 0, 0).to_zoned_datetime(cairo.rules().clone()).unwrap();
    let start = cairo.day_start(noon.timestamp().into(), 0);
    assert_eq!(reads(&cairo, start.millis()), date(2026, 4, 24).at(1, 0, 0, 0));
    assert_eq!(reads(&cairo, start.millis() - 1).date(), date(2026, 4, 23));
}

#[test]
fn calendar_windows_reach_over_whole_local_days() {
    let window = Window::CalendarDays(3, Zone::china());
    // Monday 10:00: the window began on Saturday at midnight.
    assert_eq!(window.start(at(MORNING)), at(MORNING - 10 * HOUR - 2 * DAY));
    assert_eq!(window.start(at(MORNING - 10 * HOUR)), at(MORNING - 10 * HOUR - 2 * DAY));
    assert_eq!(window.start(at(MORNING - 10 * HOUR - 1)), at(MORNING - 10 * HOUR - 3 * DAY));
    assert_eq!(Window::Rolling(Duration::from_secs(60)).start(at(MORNING)), at(MORNING - 60 * SECOND + 1));
}

#[test]
fn absurd_instants_do_not_panic() {
    for name in ZONES {
        let hours = Hours::new(time(8, 0, 0, 0), time(20, 0, 0, 0), zone(name)).unwrap();
        for millis in [i64::MIN, -1, 0, 1, Timestamp::FAR_FUTURE.millis(), i64::MAX] {
            let _ =
                (hours.is_open(at(millis)), hours.next_opening(at(millis)), hours.next_closing(at(millis)));
            let _ = hours.zone().day_start(at(millis), u16::MAX);
        }
    }
}

/// Whole minutes near a change of clocks as often as anywhere else.
fn minute_and_zone() -> impl Strategy<Value = (i64, Zone)> {
    let years = 1_293_840_000_000_i64..1_893_456_000_000;
    (years, proptest::sample::select(&ZONES[..]), any::<bool>(), -30 * 60_i64..30 * 60).prop_map(
        |(millis, name, near, minutes)| {
            let zone = zone(name);
            let jump =
                zone.rules().following(at(millis).to_jiff()).next().map(|t| t.timestamp().as_millisecond());
            let millis = match jump.filter(|_| near) {
                Some(jump) => jump + minutes * MINUTE,
                None => millis,
            };
            (millis - millis.rem_euclid(MINUTE), zone)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_next_opening_is_the_first_open_minute(
        (now, zone) in minute_and_zone(), open in 0..1_439_i64, length in 1..1_440_i64,
    ) {
        let clock = |minute: i64| Time::new((minute / 60).try_into().unwrap(), (minute % 60).try_into().unwrap(), 0, 0);
        let close = (open + length).min(1_440);
        let (open_at, close_at) = (clock(open).unwrap(), clock(close % 1_440).unwrap());
        let hours = Hours::new(open_at, close_at, zone.clone()).unwrap();
        let reads_open = |millis: i64| {
            let reading = reads(&zone, millis);
            (open..close).contains(&(i64::from(reading.hour()) * 60 + i64::from(reading.minute())))
        };
        prop_assert_eq!(hours.is_open(at(now)), reads_open(now));
        let edge = |to: bool| (1..=3 * 1_440).map(|minute| now + minute * MINUTE)
            .find(|&millis| reads_open(millis) == to && reads_open(millis - MINUTE) != to);
        if let Some(opening) = edge(true) {
            prop_assert_eq!(hours.next_opening(at(now)), at(opening));
        }
        if let Some(closing) = edge(false) {
            prop_assert_eq!(hours.next_closing(at(now)), at(closing));
        }
    }

    #[test]
    fn a_day_starts_at_the_first_minute_of_its_date((now, zone) in minute_and_zone()) {
        let today = reads(&zone, now).date();
        let first = (0..=49 * 60).map(|minute| now - minute * MINUTE)
            .filter(|&millis| reads(&zone, millis).date() == today).min();
        prop_assert_eq!(Some(zone.day_start(at(now), 0)), first.map(at));
    }
}
