//! SMPP 3.4 and 5.0.

use std::net::SocketAddr;

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, ReceiptStatus};
use domain::control::{Alphabet, ChannelConfig, LongText, NumberForm, Protocol, ReceiptIds};
use domain::text::{Concat, Dialect, Segments, TextRules, pack, unpack};
use domain::time::Timestamp;
use sha2::{Digest as _, Sha256};
use wire::concat::take_apart;
use wire::session::Protocol as _;
use wire::smpp::{
    Address, Bind, BindKind, ClientConfig, Pdu, Place, Reported, Session, ShortMessage, Smpp, Version,
    status, tag,
};
use wire::tlv::{Tlvs, append};
use wire::{EncodeError, Hidden, Octets, Secret, TerminalId};

use super::form::{Form, absolute_time};
use super::{Driver, Duty, Heard, Opening, Told, Verdict, phone, prefixed, status_of};

/// What a status of an answer is called.
const ANSWERS: &str = "SMPPERR";
/// ESME_RINVSRCADR: the sender is wrong.
const BAD_SOURCE: u32 = 0x0A;
/// `esm_class`: the content begins with a user data header.
const ESM_UDHI: u8 = 0x40;
/// Type of number and numbering plan of an E.164 number.
const INTERNATIONAL: (u8, u8) = (1, 1);
/// Of a sender that is a name.
const ALPHANUMERIC: (u8, u8) = (5, 0);
/// Of a sender whose number the message centre knows best.
const UNKNOWN: (u8, u8) = (0, 0);
/// `data_coding` of the message centre's default alphabet.
const DEFAULT_ALPHABET: u8 = 0;
/// `data_coding` of Latin-1.
const LATIN1: u8 = 3;
/// How long the same words of the same phone are the same message, since a deliver_sm has no id: longer than any
/// message centre waits before it delivers again.
const SAME_MILLIS: i64 = 15 * 60_000;
/// Octets of the name of a message without an id: enough that no two share one.
const NAME_OCTETS: usize = 12;

/// The fields that every submit_sm of a channel shares, encoded once.
pub(crate) struct SmppDriver {
    form: Form,
    system_id: Octets<16>,
    password: Hidden<16>,
    system_type: Octets<13>,
    service_type: Octets<6>,
    source_type: (u8, u8),
    version: Version,
    registered_delivery: u8,
    receipt_ids: ReceiptIds,
    alphabet: Alphabet,
    packed: bool,
    long_text: LongText,
}

impl SmppDriver {
    fn client(&self, opening: &Opening<'_>, kind: BindKind) -> ClientConfig {
        ClientConfig {
            kind,
            system_type: self.system_type,
            version: self.version,
            window: opening.config.window.into(),
            timing: opening.timing(),
            ..ClientConfig::new(self.system_id, self.password)
        }
    }

    /// Writes content and optional parameters of one submit behind each other; how long the first is.
    ///
    /// # Errors
    /// [`EncodeError`] never for what [`Segments`] holds.
    fn write_content(
        &self,
        segments: &Segments,
        (part, coding): (usize, u8),
        out: &mut Vec<u8>,
    ) -> Result<usize, EncodeError> {
        let way = if segments.has_header() { self.long_text } else { LongText::Header };
        let packed = self.packed && coding == DEFAULT_ALPHABET;
        let of = |part| segments.get(part).unwrap_or_default();
        match way {
            LongText::Header if packed => with_body(of(part), segments.has_header(), pack, out),
            LongText::Header => out.extend_from_slice(of(part)),
            LongText::Sar => {
                let (concat, body) = apart(of(part));
                if packed {
                    with_body(body, false, pack, out);
                } else {
                    out.extend_from_slice(body);
                }
                let length = out.len();
                if let Some(concat) = concat {
                    append(tag::SAR_MSG_REF_NUM, &concat.reference.number().to_be_bytes(), out)?;
                    append(tag::SAR_TOTAL_SEGMENTS, &[concat.total], out)?;
                    append(tag::SAR_SEGMENT_SEQNUM, &[concat.number], out)?;
                }
                return Ok(length);
            }
            LongText::Payload => {
                let whole: Vec<u8> = segments.iter().flat_map(|part| apart(part).1).copied().collect();
                let whole = if packed { pack(&whole, 0) } else { whole };
                append(tag::MESSAGE_PAYLOAD, &whole, out)?;
                return Ok(0);
            }
        }
        Ok(out.len())
    }
}

/// A part's header and what follows it.
fn apart(part: &[u8]) -> (Option<wire::concat::Concat>, &[u8]) {
    take_apart(part).map_or((None, part), |parts| (parts.concat, parts.body))
}

impl Driver for SmppDriver {
    type Protocol = Smpp;
    const DIALECT: Dialect = Dialect::Smpp;

    fn new(config: &ChannelConfig) -> Result<Self, EncodeError> {
        // A NUL ends each of these on the wire, and a password is shorter than its field's type (SMPP 3.4, 4.1 and 5.2).
        Octets::<15>::new(&config.login)?;
        Octets::<8>::new(&config.secret.0)?;
        Octets::<5>::new(&config.service_id)?;
        Octets::<20>::new(&config.access_code)?;
        let named = config.access_code.bytes().any(|byte| !byte.is_ascii_digit());
        let usual = if named { ALPHANUMERIC } else { UNKNOWN };
        Ok(Self {
            form: Form::new(config, NumberForm::International)?,
            system_id: Octets::new(&config.login)?,
            password: Hidden(Octets::new(&config.secret.0)?),
            system_type: Octets::new(&config.quirks.system_type)?,
            service_type: Octets::new(&config.service_id)?,
            source_type: config.quirks.source_type.unwrap_or(usual),
            version: if config.protocol == Protocol::Smpp50 { Version::V50 } else { Version::V34 },
            registered_delivery: config.quirks.ask_receipts.into(),
            receipt_ids: config.quirks.receipt_ids,
            alphabet: config.quirks.default_alphabet,
            packed: config.quirks.packed_septets,
            long_text: config.quirks.long_text,
        })
    }

    fn rules(&self) -> &TextRules {
        &TextRules::SMPP
    }

    fn separates() -> bool {
        true
    }

    fn open(&self, opening: &Opening<'_>) -> Session {
        let kind = match opening.duty {
            Duty::Both => BindKind::Transceiver,
            Duty::Send => BindKind::Transmitter,
            Duty::Receive => BindKind::Receiver,
        };
        Session::client(&self.client(opening, kind), opening.now())
    }

    /// Where message centres call us with an outbind.
    fn listens(config: &ChannelConfig) -> Option<SocketAddr> {
        config.quirks.listen
    }

    fn awaiting(&self, opening: &Opening<'_>) -> Option<Session> {
        Some(Session::called(&self.client(opening, BindKind::Receiver), opening.now()))
    }

    /// Who calls must know the password: it is what we then bind with, and it travels in clear.
    fn admit(&self, log_in: &Bind, secret: &Secret) -> Result<(), u32> {
        if Smpp::verify(log_in, secret) { Ok(()) } else { Err(status::BAD_PASSWORD) }
    }

    fn submits(&self, segments: &Segments) -> usize {
        if self.long_text == LongText::Payload { 1 } else { segments.len() }
    }

    fn pdu<'a>(
        &self,
        outgoing: &Outgoing,
        segments: &'a Segments,
        part: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        let number = self.form.destination(outgoing.phone)?;
        let destination = Address { ton: INTERNATIONAL.0, npi: INTERNATIONAL.1, number };
        let sender = TerminalId::new(self.form.sender(outgoing)?.as_bytes())?;
        let source = Address { ton: self.source_type.0, npi: self.source_type.1, number: sender };
        let length = self.write_content(segments, (part, outgoing.encoding.code()), scratch)?;
        let (content, tlvs) = scratch.split_at(length);
        let header = segments.has_header() && self.long_text == LongText::Header;
        Ok(Pdu::SubmitSm(ShortMessage {
            service_type: self.service_type,
            source,
            esm_class: if header { ESM_UDHI } else { 0 },
            tlvs: Tlvs::new(tlvs),
            validity_period: absolute_time(outgoing.carry_until),
            registered_delivery: self.registered_delivery,
            ..ShortMessage::to(destination, outgoing.encoding.code(), content)
        }))
    }

    fn verdict(&self, message_id: &Octets<65>, answer: u32) -> Verdict {
        match answer {
            status::OK => Verdict::Taken(id(message_id, answered(self.receipt_ids))),
            status::THROTTLED | status::QUEUE_FULL => Verdict::Throttled,
            answer => Verdict::Refused(prefixed(ANSWERS, answer)),
        }
    }

    fn misfit(&self) -> CarrierCode {
        prefixed(ANSWERS, BAD_SOURCE)
    }

    /// `err` is specific to the message centre: it is shown, and does not decide.
    fn told(&self, reported: &Reported<'_>) -> Option<Told> {
        let receipt = &reported.receipt;
        let status = status_of(receipt.stat.as_bytes())?;
        let code = match receipt.err.as_bytes() {
            b"" | b"000" | b"0" => CarrierCode::new(receipt.stat.as_bytes()),
            _ if status == ReceiptStatus::Delivered => CarrierCode::new(receipt.stat.as_bytes()),
            err => CarrierCode::new(&[receipt.stat.as_bytes(), b"/", err].concat()),
        };
        let phone = phone(&reported.deliver.source.number);
        let carrier_id = id(&receipt.message_id, receipted(self.receipt_ids));
        Some(Told { carrier_id, phone, status, code })
    }

    fn report_id(_reported: &Reported<'_>) -> Octets<65> {
        Octets::EMPTY
    }

    fn heard<'a>(&self, _place: Place, deliver: &'a ShortMessage<'_>, at: Timestamp) -> Heard<'a> {
        let content = deliver.content().as_bytes();
        let default = deliver.data_coding == DEFAULT_ALPHABET;
        let latin1 = self.alphabet == Alphabet::Latin1 && default;
        let segment = deliver.segment().map(|segment| Concat {
            reference: segment.reference.number(),
            total: segment.total,
            number: segment.number,
        });
        Heard {
            carrier_id: seen(self.password.0.as_bytes(), deliver, content, at),
            from: phone(&deliver.source.number),
            to: deliver.destination.number.as_str().unwrap_or("").into(),
            content: if self.packed && default {
                let mut unpacked = Vec::new();
                with_body(content, deliver.has_header(), unpack, &mut unpacked);
                unpacked.into()
            } else {
                content.into()
            },
            coding: if latin1 { LATIN1 } else { deliver.data_coding },
            has_header: deliver.has_header(),
            segment,
        }
    }

    fn deliver_id(_deliver: &ShortMessage<'_>) -> Octets<65> {
        Octets::EMPTY
    }
}

/// Turns the body behind a header, if there is one, and leaves the header as it is.
fn with_body(content: &[u8], has_header: bool, turn: fn(&[u8], usize) -> Vec<u8>, out: &mut Vec<u8>) {
    let length = content.first().filter(|_| has_header).map_or(0, |length| usize::from(*length) + 1);
    let (header, body) = content.split_at(length.min(content.len()));
    out.extend_from_slice(header);
    out.extend_from_slice(&turn(body, header.len()));
}

/// An id that carriers write in two ways, as the number that both mean; what is no number stays as it is.
fn id(message_id: &Octets<65>, radix: Option<u32>) -> CarrierMessageId {
    let text = message_id.as_str().unwrap_or_default();
    let number = radix.and_then(|radix| u64::from_str_radix(text, radix).ok());
    number.map_or_else(
        || CarrierMessageId::Text(String::from_utf8_lossy(message_id.as_bytes()).into()),
        CarrierMessageId::Number,
    )
}

/// The radix of ids in answers.
fn answered(ids: ReceiptIds) -> Option<u32> {
    match ids {
        ReceiptIds::AsAnswered => None,
        ReceiptIds::DecimalOfHex => Some(16),
        ReceiptIds::HexOfDecimal => Some(10),
    }
}

/// The radix of ids in receipts.
fn receipted(ids: ReceiptIds) -> Option<u32> {
    match ids {
        ReceiptIds::AsAnswered => None,
        ReceiptIds::DecimalOfHex => Some(10),
        ReceiptIds::HexOfDecimal => Some(16),
    }
}

/// A name for a message that has none: equal for a redelivered one, and keyed, since it is kept in clear.
fn seen(key: &[u8], deliver: &ShortMessage<'_>, content: &[u8], at: Timestamp) -> CarrierMessageId {
    let window = at.millis().div_euclid(SAME_MILLIS).to_be_bytes();
    let mut digest = Sha256::new();
    for field in
        [key, deliver.source.number.as_bytes(), deliver.destination.number.as_bytes(), content, &window]
    {
        digest.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(field);
    }
    let name = digest
        .finalize()
        .iter()
        .take(NAME_OCTETS)
        .fold(String::new(), |name, octet| format!("{name}{octet:02x}"));
    CarrierMessageId::Text(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_two_ways_of_writing_are_one_number() {
        let id_of = |text: &str, radix| id(&Octets::new(text).unwrap(), radix);
        for (ids, answer, receipt) in [
            (ReceiptIds::DecimalOfHex, "038601FA", "0059113978"),
            (ReceiptIds::HexOfDecimal, "59113978", "38601fa"),
        ] {
            let expected = CarrierMessageId::Number(59_113_978);
            assert_eq!(id_of(answer, answered(ids)), expected);
            assert_eq!(id_of(receipt, receipted(ids)), expected);
        }
        let as_written = CarrierMessageId::Text("0059113978".into());
        assert_eq!(id_of("0059113978", receipted(ReceiptIds::AsAnswered)), as_written);
        assert_eq!(id_of("A-1", Some(10)), CarrierMessageId::Text("A-1".into()));
    }

    #[test]
    fn packed_septets_leave_the_header_as_it_is() {
        for (content, has_header) in
            [(&b"Hello world"[..], false), (b"\x05\x00\x03\x01\x02\x01Hello world", true)]
        {
            let (mut packed, mut unpacked) = (Vec::new(), Vec::new());
            with_body(content, has_header, pack, &mut packed);
            assert!(packed.len() < content.len());
            assert_eq!(packed[..6] == content[..6], has_header);
            with_body(&packed, has_header, unpack, &mut unpacked);
            assert_eq!(unpacked, content);
        }
    }

    #[test]
    fn a_redelivered_message_has_the_same_name_and_another_has_not() {
        let of = |text: &'static [u8], millis| {
            let deliver = ShortMessage::to(Address::default(), 0, text);
            seen(b"key", &deliver, text, Timestamp::from_millis(millis))
        };
        assert_eq!(of(b"TD", 1_000), of(b"TD", 60_000));
        assert_ne!(of(b"TD", 1_000), of(b"T", 1_000));
        assert_ne!(of(b"TD", 1_000), of(b"TD", 1_000 + SAME_MILLIS), "said again much later");
    }
}
