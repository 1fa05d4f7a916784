//! SMGP 3.0.3, also with the layouts of version 1.3.

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, ReceiptStatus};
use domain::control::{ChannelConfig, NumberForm, Protocol};
use domain::text::{Dialect, Segments, TextRules};
use domain::time::Timestamp;
use wire::destinations::Destinations;
use wire::smgp::{
    ClientConfig, Deliver, Login, LoginMode, MsgId, Pdu, Reported, Session, Smgp, Submit, Version, tag,
};
use wire::tlv::{self, Tlvs};
use wire::{EncodeError, Octets, Secret};

use super::form::{Form, absolute_time, part_numbers};
use super::{Driver, Duty, Heard, Opening, Told, Verdict, phone, prefixed, status_of};

/// `Status`: the system is busy.
const BUSY: u32 = 1;
/// `Status`: the sender is wrong.
const SRC_TERM_ID: u32 = 46;
/// `Status`: not let in.
const AUTHENTICATION: u32 = 21;
/// What a status of an answer is called.
const ANSWERS: &str = "SMGPERR";
/// `MsgFormat` of UCS-2.
const UCS2: u8 = 8;

/// The fields that every Submit of a channel shares, encoded once.
pub(crate) struct SmgpDriver {
    form: Form,
    login: Octets<8>,
    service_id: Octets<10>,
    version: Version,
    need_report: u8,
    unflagged_headers: bool,
}

impl Driver for SmgpDriver {
    type Protocol = Smgp;
    const DIALECT: Dialect = Dialect::China;

    fn new(config: &ChannelConfig) -> Result<Self, EncodeError> {
        Ok(Self {
            form: Form::new(config, NumberForm::National)?,
            login: Octets::new(&config.login)?,
            service_id: Octets::new(&config.service_id)?,
            version: if config.protocol == Protocol::Smgp13 { Version::V13 } else { Version::V30 },
            need_report: config.quirks.ask_receipts.into(),
            unflagged_headers: config.quirks.unflagged_headers,
        })
    }

    fn rules(&self) -> &TextRules {
        &TextRules::SMGP
    }

    fn separates() -> bool {
        true
    }

    fn open(&self, opening: &Opening<'_>) -> Session {
        let mode = match opening.duty {
            Duty::Both => LoginMode::Both,
            Duty::Send => LoginMode::Send,
            Duty::Receive => LoginMode::Receive,
        };
        let config = ClientConfig {
            mode,
            version: self.version,
            window: opening.config.window.into(),
            timing: opening.timing(),
            ..ClientConfig::new(self.login, Secret::new(opening.config.secret.0.clone()))
        };
        Session::client(&config, opening.now(), opening.timestamp())
    }

    fn admit(&self, _log_in: &Login, _secret: &Secret) -> Result<(), u32> {
        Err(AUTHENTICATION)
    }

    fn pdu<'a>(
        &self,
        outgoing: &Outgoing,
        segments: &'a Segments,
        part: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        let destination = self.form.destination(outgoing.phone)?;
        if segments.has_header() {
            let (total, number) = part_numbers(segments, part);
            tlv::append(tag::TP_UDHI, &[1], scratch)?;
            tlv::append(tag::PK_TOTAL, &[total], scratch)?;
            tlv::append(tag::PK_NUMBER, &[number], scratch)?;
        }
        let content = segments.get(part).unwrap_or_default();
        Ok(Pdu::Submit(Submit {
            need_report: self.need_report,
            service_id: self.service_id,
            valid_time: absolute_time(outgoing.carry_until),
            src_term_id: self.form.sender(outgoing)?,
            destinations: Destinations::one(destination),
            tlvs: Tlvs::new(scratch),
            ..Submit::to(destination, outgoing.encoding.code(), content)
        }))
    }

    fn verdict(&self, msg_id: &MsgId, status: u32) -> Verdict {
        match status {
            0 => Verdict::Taken(id(*msg_id)),
            BUSY => Verdict::Throttled,
            status => Verdict::Refused(prefixed(ANSWERS, status)),
        }
    }

    fn misfit(&self) -> CarrierCode {
        prefixed(ANSWERS, SRC_TERM_ID)
    }

    /// The cause stands in `Err` where `Stat` is one of the common words.
    fn told(&self, reported: &Reported<'_>) -> Option<Told> {
        let report = &reported.report;
        let status = status_of(report.stat.as_bytes())?;
        let code = match report.err.as_bytes() {
            b"" | b"000" => CarrierCode::new(report.stat.as_bytes()),
            _ if status == ReceiptStatus::Delivered => CarrierCode::new(report.stat.as_bytes()),
            err => CarrierCode::new(&[report.stat.as_bytes(), b":", err].concat()),
        };
        let phone = phone(&reported.deliver.src_term_id);
        Some(Told { carrier_id: id(report.msg_id), phone, status, code })
    }

    fn report_id(reported: &Reported<'_>) -> MsgId {
        reported.deliver.msg_id
    }

    fn heard<'a>(&self, _sequence: u32, deliver: &'a Deliver<'_>, _at: Timestamp) -> Heard<'a> {
        let content = deliver.content.as_bytes();
        let unflagged = self.unflagged_headers && deliver.msg_format == UCS2 && looks_like_a_header(content);
        Heard {
            carrier_id: id(deliver.msg_id),
            from: phone(&deliver.src_term_id),
            to: deliver.dest_term_id.as_str().unwrap_or("").into(),
            content: content.into(),
            coding: deliver.msg_format,
            has_header: deliver.has_header() || unflagged,
            segment: None,
        }
    }

    fn deliver_id(deliver: &Deliver<'_>) -> MsgId {
        deliver.msg_id
    }
}

/// `05 00 03 reference total number` with a number that makes sense. A text may begin so in theory.
fn looks_like_a_header(content: &[u8]) -> bool {
    matches!(content, [5, 0, 3, _, total, number, ..] if (1..=*total).contains(number))
}

fn id(msg_id: MsgId) -> CarrierMessageId {
    CarrierMessageId::Text(msg_id.to_string().into())
}
