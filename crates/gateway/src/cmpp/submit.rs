//! Turns a message into SUBMIT PDUs.

use domain::channel::Outgoing;
use domain::control::ChannelConfig;
use domain::phone::Phone;
use domain::text::{Segments, TextError, TextRules, segment};
use domain::time::Timestamp;
use jiff::civil::DateTime;
use wire::cmpp::{Destinations, Submit};
use wire::{EncodeError, Octets, TerminalId};

/// Beijing time in quarter hours east of Greenwich: what `ValId_Time` states and every Chinese gateway keeps.
const QUARTER_HOURS_EAST: i64 = 32;
const MILLIS_PER_QUARTER_HOUR: i64 = 900_000;

/// The fields that every SUBMIT of a channel shares, encoded once.
pub(crate) struct SubmitForm {
    msg_src: Octets<6>,
    service_id: Octets<10>,
    access_code: String,
    pub(crate) rules: TextRules,
}

impl SubmitForm {
    /// # Errors
    /// [`EncodeError`] when a configured value is longer than its field: the operator's fault.
    pub(crate) fn new(config: &ChannelConfig) -> Result<Self, EncodeError> {
        Octets::<21>::new(&config.access_code)?;
        Ok(Self {
            msg_src: Octets::new(&config.login)?,
            service_id: Octets::new(&config.service_id)?,
            access_code: config.access_code.clone(),
            rules: TextRules::CMPP,
        })
    }

    /// The parts of a message as octets.
    pub(crate) fn segments(&self, outgoing: &Outgoing, reference: u16) -> Result<Segments, TextError> {
        segment(&outgoing.text, outgoing.encoding, &self.rules, reference)
    }

    /// One part as a PDU.
    ///
    /// # Errors
    /// [`EncodeError`] when the extension makes the sender longer than 21 digits, or the part is missing.
    pub(crate) fn pdu<'a>(
        &self,
        outgoing: &Outgoing,
        segments: &'a Segments,
        part: usize,
    ) -> Result<Submit<'a>, EncodeError> {
        let content = segments.get(part).unwrap_or_default();
        let destination = destination(outgoing.phone)?;
        let src_id = match &outgoing.extension {
            None => Octets::new(&self.access_code)?,
            Some(extension) => Octets::new([self.access_code.as_str(), extension].concat())?,
        };
        let number = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        Ok(Submit {
            pk_total: number(segments.len()),
            pk_number: number(part + 1),
            service_id: self.service_id,
            tp_udhi: u8::from(segments.has_header()),
            msg_src: self.msg_src,
            src_id,
            valid_time: valid_time(outgoing.carry_until),
            destinations: Destinations::one(destination),
            ..Submit::to(destination, outgoing.encoding.code(), content)
        })
    }
}

/// Mainland numbers go without the country code, as every gateway accepts them.
fn destination(phone: Phone) -> Result<TerminalId, EncodeError> {
    let national = phone.national_cn();
    TerminalId::new(national.unwrap_or_else(|| phone.digits()).as_str())
}

/// Beijing civil time of an instant.
pub(crate) fn beijing(at: Timestamp) -> DateTime {
    let shifted = Timestamp::from_millis(at.millis() + QUARTER_HOURS_EAST * MILLIS_PER_QUARTER_HOUR);
    jiff::tz::Offset::UTC.to_datetime(shifted.to_jiff())
}

/// `YYMMDDhhmmsstnnp` (SMPP 3.3 absolute time, CMPP 2.0 §7.4.3): tenths, quarter hours, direction.
fn valid_time(until: Timestamp) -> Octets<17> {
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

/// The decimal value of MMDDHHMMSS that CONNECT carries.
pub(crate) fn connect_timestamp(now: Timestamp) -> u32 {
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
        assert_eq!(connect_timestamp(at.into()), 1_021_080_510, "the vector of the specification's practice");
        assert_eq!(valid_time(at.into()).as_str(), Some("151021080510032+"));
    }
}
