//! CMPP 2.0 and 3.0.

use std::sync::atomic::{AtomicU8, Ordering};

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing};
use domain::control::{ChannelConfig, NumberForm, Protocol};
use domain::text::{Dialect, Segments, TextRules};
use domain::time::Timestamp;
use wire::cmpp::{
    ClientConfig, Cmpp, Connect, Deliver, Destinations, MsgId, Pdu, Refusal, Reported, Session, Submit,
    Version,
};
use wire::{EncodeError, Octets, Secret};

use super::form::{Form, absolute_time, part_numbers};
use super::{Driver, Heard, Opening, Told, Verdict, phone, status_of};

/// `Result` of SUBMIT_RESP: flow control.
const THROTTLED: u32 = 8;
/// `Result` of SUBMIT_RESP for a wrong sender, given on the carrier's behalf when ours does not fit its field.
const SRC_ID: &[u8] = b"10";
/// `Status` of CONNECT_RESP: not let in.
const STATUS_OTHER: u32 = 5;

/// The fields that every SUBMIT of a channel shares, encoded once.
pub(crate) struct CmppDriver {
    form: Form,
    login: Octets<6>,
    service_id: Octets<10>,
    registered_delivery: u8,
    /// The version octet to ask for: the configured one, or what the gateway has said it speaks.
    version: AtomicU8,
}

impl Driver for CmppDriver {
    type Protocol = Cmpp;
    const DIALECT: Dialect = Dialect::China;

    fn new(config: &ChannelConfig) -> Result<Self, EncodeError> {
        let version = if config.protocol == Protocol::Cmpp20 { Version::V20 } else { Version::V30 };
        Ok(Self {
            form: Form::new(config, NumberForm::National)?,
            login: Octets::new(&config.login)?,
            service_id: Octets::new(&config.service_id)?,
            registered_delivery: config.quirks.ask_receipts.into(),
            version: AtomicU8::new(version.octet()),
        })
    }

    fn rules(&self) -> &TextRules {
        &TextRules::CMPP
    }

    fn open(&self, opening: &Opening<'_>) -> Session {
        let version = Version::from_octet(self.version.load(Ordering::Relaxed)).unwrap_or(Version::V20);
        let secret = Secret::new(opening.config.secret.0.clone());
        let config = ClientConfig {
            window: opening.config.window.into(),
            active_test_interval: opening.settings.active_test_interval,
            response_timeout: opening.settings.response_timeout,
            ..ClientConfig::new(self.login, secret, version)
        };
        Session::client(config, opening.now(), opening.timestamp())
    }

    fn retries(&self, asked: Version, refusal: &Refusal) -> bool {
        let lower = refusal.retry_with(asked);
        if let Some(lower) = lower {
            self.version.store(lower.octet(), Ordering::Relaxed);
        }
        lower.is_some()
    }

    fn admit(&self, _log_in: &Connect, _secret: &Secret) -> Result<(), u32> {
        Err(STATUS_OTHER)
    }

    fn pdu<'a>(
        &self,
        outgoing: &Outgoing,
        segments: &'a Segments,
        part: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        let destination = self.form.destination(outgoing.phone)?;
        let (pk_total, pk_number) = part_numbers(segments, part);
        let content = segments.get(part).unwrap_or_default();
        Ok(Pdu::Submit(Submit {
            pk_total,
            pk_number,
            registered_delivery: self.registered_delivery,
            service_id: self.service_id,
            tp_udhi: u8::from(segments.has_header()),
            msg_src: self.login,
            src_id: self.form.sender(outgoing)?,
            valid_time: absolute_time(outgoing.carry_until),
            destinations: Destinations::one(destination),
            ..Submit::to(destination, outgoing.encoding.code(), content)
        }))
    }

    fn verdict(&self, msg_id: &MsgId, result: u32) -> Verdict {
        match result {
            0 => Verdict::Taken(CarrierMessageId::Number(msg_id.0)),
            THROTTLED => Verdict::Throttled,
            result => Verdict::Refused(CarrierCode::new(result.to_string().as_bytes())),
        }
    }

    fn misfit(&self) -> CarrierCode {
        CarrierCode::new(SRC_ID)
    }

    fn told(&self, reported: &Reported<'_>) -> Option<Told> {
        let report = &reported.report;
        Some(Told {
            carrier_id: CarrierMessageId::Number(report.msg_id.0),
            phone: phone(&report.dest_terminal_id),
            status: status_of(report.stat.as_bytes())?,
            code: CarrierCode::new(report.stat.as_bytes()),
        })
    }

    fn report_id(reported: &Reported<'_>) -> MsgId {
        reported.deliver.msg_id
    }

    fn heard<'a>(&self, _sequence: u32, deliver: &'a Deliver<'_>, _at: Timestamp) -> Heard<'a> {
        Heard {
            carrier_id: CarrierMessageId::Number(deliver.msg_id.0),
            from: phone(&deliver.src_terminal_id),
            to: deliver.dest_id.as_str().unwrap_or("").into(),
            content: deliver.content.as_bytes().into(),
            coding: deliver.msg_fmt,
            has_header: deliver.has_header(),
            segment: None,
        }
    }

    fn deliver_id(deliver: &Deliver<'_>) -> MsgId {
        deliver.msg_id
    }
}
