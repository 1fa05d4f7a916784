//! SGIP 1.2: submits go over connections that we open; the carrier opens its own to deliver and report, or uses ours.

use std::net::SocketAddr;

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, ReceiptStatus};
use domain::control::{ChannelConfig, NumberForm};
use domain::text::{Dialect, Segments, TextRules};
use domain::time::Timestamp;
use wire::destinations::Destinations;
use wire::session::Protocol as _;
use wire::sgip::{
    Ask, Bind, ClientConfig, Deliver, ListenerConfig, LoginType, Pdu, Place, Report, Sequence, Session, Sgip,
    State, Submit, result,
};
use wire::{EncodeError, Hidden, Octets, Secret, TerminalId};

use super::form::{Form, absolute_time, clock_number};
use super::{Driver, Heard, Opening, Told, Verdict, phone, prefixed};

/// What results of answers are called; the same numbers mean other things in reports.
const ANSWERS: &str = "SGIPERR";
/// What error codes of reports are called.
const REPORTS: &str = "SGIP";
/// `ReportFlag`: a report in any case, and none.
const REPORT_ALWAYS: u8 = 1;
const REPORT_NEVER: u8 = 2;

/// The fields that every SUBMIT of a channel shares, encoded once.
pub(crate) struct SgipDriver {
    form: Form,
    login: Octets<16>,
    password: Hidden<16>,
    corp_id: Octets<5>,
    service_type: Octets<10>,
    report_flag: u8,
    node: u32,
}

impl Driver for SgipDriver {
    type Protocol = Sgip;
    const DIALECT: Dialect = Dialect::China;

    fn new(config: &ChannelConfig) -> Result<Self, EncodeError> {
        let corporation = &config.quirks.corporation;
        let login = Octets::new(&config.login)?;
        Ok(Self {
            form: Form::new(config, NumberForm::International)?,
            login,
            password: Hidden(Octets::new(&config.secret.0)?),
            corp_id: Octets::new(corporation)?,
            service_type: Octets::new(&config.service_id)?,
            report_flag: if config.quirks.ask_receipts { REPORT_ALWAYS } else { REPORT_NEVER },
            node: config.quirks.node,
        })
    }

    fn rules(&self) -> &TextRules {
        &TextRules::SGIP
    }

    fn open(&self, opening: &Opening<'_>) -> Session {
        let config = ClientConfig {
            last_sequence: opening.last_sequence,
            window: opening.config.window.into(),
            idle: opening.settings.active_test_interval,
            response_timeout: opening.settings.response_timeout,
            ..ClientConfig::new(self.login, self.password, self.node)
        };
        Session::client(&config, opening.now(), opening.timestamp())
    }

    fn listens(config: &ChannelConfig) -> Option<SocketAddr> {
        config.quirks.listen
    }

    fn awaiting(&self, opening: &Opening<'_>) -> Option<Session> {
        let config = ListenerConfig {
            window: opening.config.window.into(),
            idle: opening.settings.active_test_interval,
            response_timeout: opening.settings.response_timeout,
            ..ListenerConfig::new(LoginType::Gateway, self.node)
        };
        Some(Session::listener(&config, opening.now(), opening.timestamp()))
    }

    /// The carrier logs in with the name and password that it gave us, which is how contracts have it.
    fn admit(&self, bind: &Bind, secret: &Secret) -> Result<(), u32> {
        let known = bind.login_name == self.login && Sgip::verify(bind, secret);
        if known { Ok(()) } else { Err(result::ILLEGAL_LOGIN) }
    }

    fn tick(session: &mut Session, now: Timestamp) {
        session.set_time(clock_number(now));
    }

    fn pdu<'a>(
        &self,
        outgoing: &Outgoing,
        segments: &'a Segments,
        part: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        let destination = self.form.destination(outgoing.phone)?;
        let content = segments.get(part).unwrap_or_default();
        Ok(Pdu::Submit(Submit {
            sp_number: self.form.sender(outgoing)?,
            destinations: Destinations::one(destination),
            corp_id: self.corp_id,
            service_type: self.service_type,
            expire_time: absolute_time(outgoing.carry_until),
            report_flag: self.report_flag,
            tp_udhi: u8::from(segments.has_header()),
            ..Submit::to(TerminalId::default(), outgoing.encoding.code(), content)
        }))
    }

    fn verdict(&self, submit: &Sequence, answer: u32) -> Verdict {
        match answer {
            result::OK => Verdict::Taken(id(*submit)),
            result::FLOW | result::QUEUE_FULL => Verdict::Throttled,
            answer => Verdict::Refused(prefixed(ANSWERS, answer)),
        }
    }

    fn misfit(&self) -> CarrierCode {
        prefixed(ANSWERS, result::PARAMETER)
    }

    fn told(&self, report: &Report) -> Option<Told> {
        let (status, code) = match report.outcome() {
            State::Delivered => (ReceiptStatus::Delivered, CarrierCode::new(b"DELIVRD")),
            State::Waiting => return None,
            State::Failed => (ReceiptStatus::Undelivered, prefixed(REPORTS, report.error_code.into())),
        };
        Some(Told { carrier_id: id(report.submit), phone: phone(&report.user_number), status, code })
    }

    fn report_id(report: &Report) -> Sequence {
        report.submit
    }

    fn heard<'a>(&self, place: Place, deliver: &'a Deliver<'_>, _at: Timestamp) -> Heard<'a> {
        Heard {
            carrier_id: id(place.sequence),
            from: phone(&deliver.user_number),
            to: deliver.sp_number.as_str().unwrap_or("").into(),
            content: deliver.content.as_bytes().into(),
            coding: deliver.message_coding,
            has_header: deliver.has_header(),
            segment: None,
        }
    }

    fn deliver_id(_deliver: &Deliver<'_>) -> Sequence {
        Sequence::default()
    }

    fn reply(ask: &Ask) -> Option<Pdu<'static>> {
        match ask {
            Ask::UserReport(_) => Some(Pdu::UserReportResp(0)),
            Ask::Trace(_) => None,
        }
    }
}

fn id(sequence: Sequence) -> CarrierMessageId {
    CarrierMessageId::Text(sequence.to_string().into())
}
