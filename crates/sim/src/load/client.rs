//! What a pump says in each protocol: its log-in, its submits, and what it repeats of reports and messages.

use domain::text::TextRules;
use wire::cmpp::{self, Cmpp};
use wire::session::{Protocol, Session};
use wire::sgip::{self, Sgip};
use wire::smgp::{self, Smgp, tag};
use wire::smpp::{self, Smpp, status};
use wire::tlv::{self, Tlvs};
use wire::{EncodeError, Hidden, Millis, Octets, Secret, TerminalId};

use super::{PumpConfig, PumpPart};

/// `MMDDHHMMSS` of the log-in and of SGIP's numbers. A fixed one serves: an authenticator only has to fit it, and numbers
/// of one pump differ without it.
const TIMESTAMP: u32 = 101_000_000;
/// SGIP: the node of the pump's connections; each has so many numbers to itself.
const NODE: u32 = 3_010_092_008;
const NUMBERS_PER_CONNECTION: u32 = 1 << 26;
/// `esm_class`: the content begins with a user data header.
const ESM_UDHI: u8 = 0x40;
/// CMPP and SGIP and SMGP: too fast.
const CMPP_FLOW: u32 = 8;
const SMGP_BUSY: u32 = 1;

/// A protocol as a pump speaks it. The value holds the fields that every submit shares.
pub(super) trait Client: Sized + Send + 'static {
    type Protocol: Protocol;
    /// How texts are cut.
    const RULES: TextRules;

    /// # Errors
    /// [`EncodeError`] when a configured value does not fit its field.
    fn new(config: &PumpConfig) -> Result<Self, EncodeError>;

    /// A session that has written its log-in; `index` says which of the pump's connections it is.
    fn session(
        &self,
        config: &PumpConfig,
        index: usize,
        now: Millis,
    ) -> Result<Session<Self::Protocol>, EncodeError>;

    /// A part as a submit to a mainland number of eleven digits.
    ///
    /// # Errors
    /// [`EncodeError`] when it does not fit.
    fn submit<'a>(
        &self,
        phone: u64,
        part: &'a PumpPart,
    ) -> Result<<Self::Protocol as Protocol>::Pdu<'a>, EncodeError>;

    /// Whether an answer asks for a slower pace.
    fn is_throttled(result: u32) -> bool;

    /// The id that the answer to a report repeats, and whether it says that the message arrived.
    fn reported(
        report: &<Self::Protocol as Protocol>::Report<'_>,
    ) -> (<Self::Protocol as Protocol>::MsgId, bool);

    /// The id that the answer to a message repeats.
    fn heard(deliver: &<Self::Protocol as Protocol>::Deliver<'_>) -> <Self::Protocol as Protocol>::MsgId;
}

/// As written at home.
fn national(phone: u64) -> Result<TerminalId, EncodeError> {
    TerminalId::new(phone.to_string())
}

/// With the country before it.
fn international(phone: u64) -> Result<TerminalId, EncodeError> {
    TerminalId::new(format!("86{phone}"))
}

pub(super) struct CmppClient {
    login: Octets<6>,
    source: Octets<21>,
}

impl Client for CmppClient {
    type Protocol = Cmpp;
    const RULES: TextRules = TextRules::CMPP;

    fn new(config: &PumpConfig) -> Result<Self, EncodeError> {
        Ok(Self { login: Octets::new(&config.login)?, source: Octets::new(&config.source)? })
    }

    fn session(&self, config: &PumpConfig, _index: usize, now: Millis) -> Result<cmpp::Session, EncodeError> {
        let secret = Secret::new(config.secret.as_bytes());
        let client = cmpp::ClientConfig {
            window: config.window,
            ..cmpp::ClientConfig::new(self.login, secret, config.version)
        };
        Ok(cmpp::Session::client(client, now, TIMESTAMP))
    }

    fn submit<'a>(&self, phone: u64, part: &'a PumpPart) -> Result<cmpp::Pdu<'a>, EncodeError> {
        Ok(cmpp::Pdu::Submit(cmpp::Submit {
            pk_total: part.total,
            pk_number: part.number,
            tp_udhi: u8::from(part.has_header),
            msg_src: self.login,
            src_id: self.source,
            ..cmpp::Submit::to(national(phone)?, part.format, &part.content)
        }))
    }

    fn is_throttled(result: u32) -> bool {
        result == CMPP_FLOW
    }

    fn reported(reported: &cmpp::Reported<'_>) -> (cmpp::MsgId, bool) {
        (reported.deliver.msg_id, reported.report.outcome() == cmpp::Outcome::Delivered)
    }

    fn heard(deliver: &cmpp::Deliver<'_>) -> cmpp::MsgId {
        deliver.msg_id
    }
}

pub(super) struct SgipClient {
    login: Octets<16>,
    source: Octets<21>,
}

impl Client for SgipClient {
    type Protocol = Sgip;
    const RULES: TextRules = TextRules::SGIP;

    fn new(config: &PumpConfig) -> Result<Self, EncodeError> {
        Ok(Self { login: Octets::new(&config.login)?, source: Octets::new(&config.source)? })
    }

    fn session(&self, config: &PumpConfig, index: usize, now: Millis) -> Result<sgip::Session, EncodeError> {
        let password = Hidden(Octets::new(&config.secret)?);
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let client = sgip::ClientConfig {
            window: config.window,
            last_sequence: index.wrapping_mul(NUMBERS_PER_CONNECTION),
            ..sgip::ClientConfig::new(self.login, password, NODE)
        };
        Ok(sgip::Session::client(&client, now, TIMESTAMP))
    }

    fn submit<'a>(&self, phone: u64, part: &'a PumpPart) -> Result<sgip::Pdu<'a>, EncodeError> {
        Ok(sgip::Pdu::Submit(sgip::Submit {
            sp_number: self.source,
            tp_udhi: u8::from(part.has_header),
            ..sgip::Submit::to(international(phone)?, part.format, &part.content)
        }))
    }

    fn is_throttled(result: u32) -> bool {
        matches!(result, sgip::result::FLOW | sgip::result::QUEUE_FULL)
    }

    fn reported(report: &sgip::Report) -> (sgip::Sequence, bool) {
        (report.submit, report.outcome() == sgip::State::Delivered)
    }

    fn heard(_deliver: &sgip::Deliver<'_>) -> sgip::Sequence {
        sgip::Sequence::default()
    }
}

pub(super) struct SmgpClient {
    login: Octets<8>,
    source: Octets<21>,
}

impl Client for SmgpClient {
    type Protocol = Smgp;
    const RULES: TextRules = TextRules::SMGP;

    fn new(config: &PumpConfig) -> Result<Self, EncodeError> {
        Ok(Self { login: Octets::new(&config.login)?, source: Octets::new(&config.source)? })
    }

    fn session(&self, config: &PumpConfig, _index: usize, now: Millis) -> Result<smgp::Session, EncodeError> {
        let secret = Secret::new(config.secret.as_bytes());
        let client =
            smgp::ClientConfig { window: config.window, ..smgp::ClientConfig::new(self.login, secret) };
        Ok(smgp::Session::client(&client, now, TIMESTAMP))
    }

    fn submit<'a>(&self, phone: u64, part: &'a PumpPart) -> Result<smgp::Pdu<'a>, EncodeError> {
        Ok(smgp::Pdu::Submit(smgp::Submit {
            src_term_id: self.source,
            tlvs: Tlvs::new(&part.parameters),
            ..smgp::Submit::to(national(phone)?, part.format, &part.content)
        }))
    }

    fn is_throttled(result: u32) -> bool {
        result == SMGP_BUSY
    }

    fn reported(reported: &smgp::Reported<'_>) -> (smgp::MsgId, bool) {
        (reported.deliver.msg_id, reported.report.stat.as_bytes() == b"DELIVRD")
    }

    fn heard(deliver: &smgp::Deliver<'_>) -> smgp::MsgId {
        deliver.msg_id
    }
}

pub(super) struct SmppClient {
    system_id: Octets<16>,
    source: smpp::Address,
}

impl Client for SmppClient {
    type Protocol = Smpp;
    const RULES: TextRules = TextRules::SMPP;

    fn new(config: &PumpConfig) -> Result<Self, EncodeError> {
        let number = TerminalId::new(&config.source)?;
        let source = smpp::Address { ton: 0, npi: 0, number };
        Ok(Self { system_id: Octets::new(&config.login)?, source })
    }

    fn session(&self, config: &PumpConfig, _index: usize, now: Millis) -> Result<smpp::Session, EncodeError> {
        let password = Hidden(Octets::new(&config.secret)?);
        let client =
            smpp::ClientConfig { window: config.window, ..smpp::ClientConfig::new(self.system_id, password) };
        Ok(smpp::Session::client(&client, now))
    }

    fn submit<'a>(&self, phone: u64, part: &'a PumpPart) -> Result<smpp::Pdu<'a>, EncodeError> {
        let destination = smpp::Address { ton: 1, npi: 1, number: international(phone)? };
        Ok(smpp::Pdu::SubmitSm(smpp::ShortMessage {
            source: self.source,
            esm_class: if part.has_header { ESM_UDHI } else { 0 },
            ..smpp::ShortMessage::to(destination, part.format, &part.content)
        }))
    }

    fn is_throttled(result: u32) -> bool {
        matches!(result, status::THROTTLED | status::QUEUE_FULL)
    }

    fn reported(reported: &smpp::Reported<'_>) -> (Octets<65>, bool) {
        (Octets::EMPTY, reported.receipt.stat.as_bytes() == b"DELIVRD")
    }

    fn heard(_deliver: &smpp::ShortMessage<'_>) -> Octets<65> {
        Octets::EMPTY
    }
}

/// What SMGP says beside the content of a part with a header.
pub(super) fn parameters(total: u8, number: u8) -> Result<Vec<u8>, EncodeError> {
    let mut octets = Vec::new();
    for (tag, value) in [(tag::TP_UDHI, 1), (tag::PK_TOTAL, total), (tag::PK_NUMBER, number)] {
        tlv::append(tag, &[value], &mut octets)?;
    }
    Ok(octets)
}
