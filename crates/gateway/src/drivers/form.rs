//! What submits of all protocols have in common: the sender, the phone, times, part numbers.

use std::time::Duration;

use domain::channel::Outgoing;
use domain::control::{ChannelConfig, NumberForm};
use domain::phone::Phone;
use domain::text::Segments;
use domain::time::Timestamp;
use jiff::civil::DateTime;
use wire::{EncodeError, Octets, TerminalId};

/// Beijing time in quarter hours east of Greenwich: what times on the wire state and every Chinese gateway keeps.
const QUARTER_HOURS_EAST: i64 = 32;
const MILLIS_PER_QUARTER_HOUR: i64 = 900_000;

/// Sender and form of phones, as configured.
pub(crate) struct Form {
    access_code: String,
    extension: bool,
    numbers: NumberForm,
}

impl Form {
    /// # Errors
    /// [`EncodeError`] when the access code is longer than any field: the operator's fault.
    pub(crate) fn new(config: &ChannelConfig, usual: NumberForm) -> Result<Self, EncodeError> {
        Octets::<21>::new(&config.access_code)?;
        Ok(Self {
            access_code: config.access_code.clone(),
            extension: config.quirks.sender_extension,
            numbers: config.quirks.numbers.unwrap_or(usual),
        })
    }

    /// The number that the phone shows.
    ///
    /// # Errors
    /// [`EncodeError`] when the extension makes it longer than 21 digits.
    pub(crate) fn sender(&self, outgoing: &Outgoing) -> Result<Octets<21>, EncodeError> {
        match outgoing.extension.as_deref().filter(|_| self.extension) {
            None => Octets::new(&self.access_code),
            Some(extension) => Octets::new([self.access_code.as_str(), extension].concat()),
        }
    }

    /// The phone in the carrier's form.
    ///
    /// # Errors
    /// [`EncodeError`] never for a phone of at most 15 digits.
    pub(crate) fn destination(&self, phone: Phone) -> Result<TerminalId, EncodeError> {
        let national = (self.numbers == NumberForm::National).then(|| phone.national_cn()).flatten();
        TerminalId::new(national.unwrap_or_else(|| phone.digits()).as_str())
    }
}

/// Total and number of a part, from 1.
pub(crate) fn part_numbers(segments: &Segments, part: usize) -> (u8, u8) {
    let number = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    (number(segments.len()), number(part + 1))
}

/// Beijing civil time of an instant.
pub(crate) fn beijing(at: Timestamp) -> DateTime {
    let shifted = Timestamp::from_millis(at.millis() + QUARTER_HOURS_EAST * MILLIS_PER_QUARTER_HOUR);
    jiff::tz::Offset::UTC.to_datetime(shifted.to_jiff())
}

/// `YYMMDDhhmmsstnnp` (SMPP 3.3 absolute time; CMPP 2.0 §7.4.3 and the others take it from there): tenths, quarter
/// hours, direction.
pub(crate) fn absolute_time<const N: usize>(until: Timestamp) -> Octets<N> {
    let t = beijing(until);
    let mut text = [b'0'; 16];
    let fields = [
        i32::from(t.year() % 100),
        t.month().into(),
        t.day().into(),
        t.hour().into(),
        t.minute().into(),
        t.second().into(),
    ];
    for (pair, value) in text.chunks_exact_mut(2).zip(fields) {
        let value = u8::try_from(value.clamp(0, 99)).unwrap_or(0);
        pair[0] = b'0' + value / 10;
        pair[1] = b'0' + value % 10;
    }
    text[13..].copy_from_slice(b"32+");
    Octets::from_field(&text).unwrap_or_default()
}

/// `YYMMDDHHMM` in Beijing, which reports state.
pub(crate) fn minute_text(at: Timestamp) -> Octets<10> {
    Octets::from_field(&absolute_time::<17>(at).as_bytes()[..10]).unwrap_or_default()
}

/// How long from `now` until a time on the wire: absolute or relative (`R`) in sixteen octets; zero when it has passed,
/// `None` when there is none, or none that can be read.
pub(crate) fn time_left(text: &[u8], now: Timestamp) -> Option<Duration> {
    let [digits @ .., direction] = text else { return None };
    if text.len() != 16 {
        return None;
    }
    let pair = |place: usize| -> Option<i64> {
        let text = std::str::from_utf8(digits.get(2 * place..2 * place + 2)?).ok()?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    };
    let fields: Vec<i64> = (0..6).map(pair).collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = *fields.as_slice() else { return None };
    if *direction == b'R' {
        let days = year * 365 + month * 30 + day;
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        return Some(Duration::from_secs(seconds.unsigned_abs()));
    }
    let small = |field: i64| i8::try_from(field).ok();
    let date = jiff::civil::Date::new(2000 + i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    let time = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    let civil = jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?.as_millisecond();
    let quarters: i64 = std::str::from_utf8(digits.get(13..15)?).ok()?.parse().ok()?;
    let east = if *direction == b'-' { -quarters } else { quarters };
    let until = Timestamp::from_millis(civil - east * MILLIS_PER_QUARTER_HOUR);
    Some(until.since(now))
}

/// The decimal value of MMDDHHMMSS that log-ins and sequence numbers carry.
pub(crate) fn clock_number(now: Timestamp) -> u32 {
    let t = beijing(now);
    [t.month(), t.day(), t.hour(), t.minute(), t.second()]
        .iter()
        .fold(0u32, |value, field| value * 100 + u32::from(field.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_beijing_time() {
        let at: jiff::Timestamp = "2015-10-21T00:05:10Z".parse().unwrap();
        assert_eq!(clock_number(at.into()), 1_021_080_510, "the vector of the specification's practice");
        assert_eq!(absolute_time::<17>(at.into()).as_str(), Some("151021080510032+"));
        assert_eq!(minute_text(at.into()).as_str(), Some("1510210805"));
    }

    #[test]
    fn times_on_the_wire_are_read_in_both_forms() {
        let at: jiff::Timestamp = "2015-10-21T00:05:10Z".parse().unwrap();
        let hour_before = Timestamp::from(at).minus(Duration::from_secs(3_600));
        let left = |text: &[u8]| time_left(text, hour_before);
        assert_eq!(left(b"151021080510032+"), Some(Duration::from_secs(3_600)));
        assert_eq!(left(b"151020200510016-"), Some(Duration::from_secs(3_600)));
        assert_eq!(left(b"151021000510000+"), Some(Duration::from_secs(3_600)));
        assert_eq!(left(b"141021080510032+"), Some(Duration::ZERO), "it has passed");
        assert_eq!(left(b"000001020304000R"), Some(Duration::from_secs(((24 + 2) * 60 + 3) * 60 + 4)));
        for text in [&b""[..], b"151321080510032+", b"15102108051003", b"15102108051003x2"] {
            assert_eq!(left(text), None);
        }
    }
}
