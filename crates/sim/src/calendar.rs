//! The carrier's wall clock, as its receipts and message ids tell it: China has one zone and no summer time.

use wire::cmpp::{MsgId, MsgIdParts};
use wire::{Millis, Octets};

/// Hours that China is ahead of UTC.
const CHINA_OFFSET_HOURS: i8 = 8;
/// Two digits for the year.
const CENTURY: i16 = 100;

/// Minutes whose text is kept: most receipts tell of this minute and the one before.
const MINUTES_KEPT: usize = 8;

/// Converts times on the simulator's clock; remembers the last second and minute, since tens of thousands ask a second.
pub(crate) struct Calendar {
    started_unix_ms: i64,
    second: Option<(u64, MsgIdParts)>,
    minutes: [Option<(i64, Octets<10>)>; MINUTES_KEPT],
}

impl Calendar {
    pub(crate) fn new(started_unix_ms: i64) -> Self {
        Self { started_unix_ms, second: None, minutes: [None; MINUTES_KEPT] }
    }

    /// `YYMMDDHHMM`.
    pub(crate) fn minute(&mut self, at: Millis) -> Octets<10> {
        let minute = self.unix_ms(at).div_euclid(60_000);
        let place = minute.rem_euclid(MINUTES_KEPT as i64) as usize;
        if let Some((_, text)) = self.minutes[place].filter(|(known, _)| *known == minute) {
            return text;
        }
        let date = self.civil(at);
        let (year, month, day) = (date.year().rem_euclid(CENTURY), date.month(), date.day());
        let text = format!("{year:02}{month:02}{day:02}{:02}{:02}", date.hour(), date.minute());
        let text = Octets::new(text).expect("ten digits are ASCII and fit ten octets");
        self.minutes[place] = Some((minute, text));
        text
    }

    /// The id of the `counter`-th message. Beyond 65,536 a second real gateways add gateways, and so does this one: ids of one
    /// run never repeat.
    pub(crate) fn msg_id(&mut self, at: Millis, gateway: u32, counter: u64) -> MsgId {
        let second = at.0 / 1000;
        let parts = match self.second {
            Some((known, parts)) if known == second => parts,
            _ => {
                let date = self.civil(at);
                let parts = MsgIdParts {
                    month: date.month().unsigned_abs(),
                    day: date.day().unsigned_abs(),
                    hour: date.hour().unsigned_abs(),
                    minute: date.minute().unsigned_abs(),
                    second: date.second().unsigned_abs(),
                    ..MsgIdParts::default()
                };
                self.second = Some((second, parts));
                parts
            }
        };
        MsgId::from_parts(MsgIdParts {
            gateway: gateway.wrapping_add((counter >> 16) as u32),
            sequence: (counter & 0xFFFF) as u16,
            ..parts
        })
    }

    /// The decimal value of MMDDHHMMSS.
    pub(crate) fn clock_number(&self, at: Millis) -> u32 {
        let date = self.civil(at);
        [date.month(), date.day(), date.hour(), date.minute(), date.second()]
            .iter()
            .fold(0, |value, field| value * 100 + u32::from(field.unsigned_abs()))
    }

    fn unix_ms(&self, at: Millis) -> i64 {
        self.started_unix_ms.saturating_add(i64::try_from(at.0).unwrap_or(i64::MAX))
    }

    fn civil(&self, at: Millis) -> jiff::civil::DateTime {
        let timestamp =
            jiff::Timestamp::from_millisecond(self.unix_ms(at)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        jiff::tz::offset(CHINA_OFFSET_HOURS).to_datetime(timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_chinese_and_ids_do_not_repeat() {
        // 2026-11-24 16:59:59 UTC is 00:59:59 the next day in China.
        let mut calendar = Calendar::new(1_795_539_599_000);
        assert_eq!(calendar.minute(Millis(0)).as_bytes(), b"2611250059");
        assert_eq!(calendar.minute(Millis(1000)).as_bytes(), b"2611250100");
        let first = calendar.msg_id(Millis(1), 7, 0);
        assert_eq!(first.parts().hour, 0);
        assert_eq!(first.parts().gateway, 7);
        assert_ne!(first, calendar.msg_id(Millis(2), 7, 65_536));
    }
}
