//! A customer that connects to us, in every protocol: what it was answered and told, to be asserted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use domain::text::{Dialect, Encoding, Segments, TextRules, decode, segment};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use wire::cmpp::Cmpp;
use wire::session::{Event, Protocol, Session};
use wire::sgip::{LoginType, Sgip};
use wire::smgp::Smgp;
use wire::smpp::{BindKind, Smpp};
use wire::{Hidden, Millis, Octets, Request, Secret, TerminalId, cmpp, sgip, smgp, smpp};

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The number that these customers send from.
pub(crate) const SOURCE: &str = "1069000188";

/// A report, whatever the protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) stat: String,
    pub(crate) phone: String,
}

/// A message from a phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Heard {
    pub(crate) phone: String,
    pub(crate) to: String,
    pub(crate) text: String,
}

/// How a customer speaks.
pub(crate) trait Speech: Protocol {
    fn session(login: &str, secret: &str, now: Millis) -> Session<Self>;
    fn submit<'a>(phone: &str, content: &'a [u8], coding: u8, has_header: bool) -> Self::Pdu<'a>;
    fn id(id: &Self::MsgId) -> String;
    fn told(report: &Self::Report<'_>) -> (Told, Self::MsgId);
    fn heard(deliver: &Self::Deliver<'_>) -> (Heard, Self::MsgId);
}

fn field(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn text(content: &[u8], coding: u8, has_header: bool) -> String {
    decode(content, coding, has_header, Dialect::China).text
}

impl Speech for Cmpp {
    fn session(login: &str, secret: &str, now: Millis) -> Session<Self> {
        let (login, secret) = (Octets::new(login).unwrap(), Secret::new(secret));
        let config = cmpp::ClientConfig::new(login, secret, cmpp::Version::V30);
        Session::<Self>::client(cmpp::ClientConfig { window: 1_000, ..config }, now, 1_021_080_510)
    }

    fn submit<'a>(phone: &str, content: &'a [u8], coding: u8, has_header: bool) -> cmpp::Pdu<'a> {
        cmpp::Pdu::Submit(cmpp::Submit {
            src_id: Octets::new(SOURCE).unwrap(),
            tp_udhi: u8::from(has_header),
            ..cmpp::Submit::to(TerminalId::new(phone).unwrap(), coding, content)
        })
    }

    fn id(id: &cmpp::MsgId) -> String {
        format!("{:x}", id.0)
    }

    fn told(reported: &cmpp::Reported<'_>) -> (Told, cmpp::MsgId) {
        let report = &reported.report;
        let told = Told {
            id: Self::id(&report.msg_id),
            stat: field(report.stat.as_bytes()),
            phone: field(report.dest_terminal_id.as_bytes()),
        };
        (told, reported.deliver.msg_id)
    }

    fn heard(deliver: &cmpp::Deliver<'_>) -> (Heard, cmpp::MsgId) {
        let heard = Heard {
            phone: field(deliver.src_terminal_id.as_bytes()),
            to: field(deliver.dest_id.as_bytes()),
            text: text(deliver.content.as_bytes(), deliver.msg_fmt, deliver.has_header()),
        };
        (heard, deliver.msg_id)
    }
}

impl Speech for Smpp {
    fn session(login: &str, secret: &str, now: Millis) -> Session<Self> {
        let (login, secret) = (Octets::new(login).unwrap(), Hidden(Octets::new(secret).unwrap()));
        let config = smpp::ClientConfig { window: 1_000, ..smpp::ClientConfig::new(login, secret) };
        Session::<Self>::client(&config, now)
    }

    fn submit<'a>(phone: &str, content: &'a [u8], coding: u8, has_header: bool) -> smpp::Pdu<'a> {
        let address =
            |number: &str| smpp::Address { ton: 1, npi: 1, number: TerminalId::new(number).unwrap() };
        smpp::Pdu::SubmitSm(smpp::ShortMessage {
            source: address(SOURCE),
            esm_class: if has_header { 0x40 } else { 0 },
            registered_delivery: 1,
            ..smpp::ShortMessage::to(address(&format!("86{phone}")), coding, content)
        })
    }

    fn id(id: &Octets<65>) -> String {
        field(id.as_bytes())
    }

    fn told(reported: &smpp::Reported<'_>) -> (Told, Octets<65>) {
        let told = Told {
            id: Self::id(&reported.receipt.message_id),
            stat: field(reported.receipt.stat.as_bytes()),
            phone: field(reported.deliver.source.number.as_bytes()),
        };
        (told, Octets::EMPTY)
    }

    fn heard(deliver: &smpp::ShortMessage<'_>) -> (Heard, Octets<65>) {
        let heard = Heard {
            phone: field(deliver.source.number.as_bytes()),
            to: field(deliver.destination.number.as_bytes()),
            text: text(deliver.content().as_bytes(), deliver.data_coding, deliver.has_header()),
        };
        (heard, Octets::EMPTY)
    }
}

impl Speech for Smgp {
    fn session(login: &str, secret: &str, now: Millis) -> Session<Self> {
        let config = smgp::ClientConfig::new(Octets::new(login).unwrap(), Secret::new(secret));
        Session::<Self>::client(&smgp::ClientConfig { window: 1_000, ..config }, now, 1_021_080_510)
    }

    fn submit<'a>(phone: &str, content: &'a [u8], coding: u8, has_header: bool) -> smgp::Pdu<'a> {
        let tlvs = if has_header { wire::tlv::Tlvs::new(&[0, 2, 0, 1, 1]) } else { wire::tlv::Tlvs::NONE };
        smgp::Pdu::Submit(smgp::Submit {
            src_term_id: Octets::new(SOURCE).unwrap(),
            tlvs,
            ..smgp::Submit::to(TerminalId::new(phone).unwrap(), coding, content)
        })
    }

    fn id(id: &smgp::MsgId) -> String {
        id.to_string()
    }

    fn told(reported: &smgp::Reported<'_>) -> (Told, smgp::MsgId) {
        let told = Told {
            id: Self::id(&reported.report.msg_id),
            stat: field(reported.report.stat.as_bytes()),
            phone: field(reported.deliver.src_term_id.as_bytes()),
        };
        (told, reported.deliver.msg_id)
    }

    fn heard(deliver: &smgp::Deliver<'_>) -> (Heard, smgp::MsgId) {
        let heard = Heard {
            phone: field(deliver.src_term_id.as_bytes()),
            to: field(deliver.dest_term_id.as_bytes()),
            text: text(deliver.content.as_bytes(), deliver.msg_format, deliver.has_header()),
        };
        (heard, deliver.msg_id)
    }
}

impl Speech for Sgip {
    fn session(login: &str, secret: &str, now: Millis) -> Session<Self> {
        let (login, secret) = (Octets::new(login).unwrap(), Hidden(Octets::new(secret).unwrap()));
        let config =
            sgip::ClientConfig { window: 1_000, ..sgip::ClientConfig::new(login, secret, 3_010_092_008) };
        Session::<Self>::client(&config, now, 1_021_080_510)
    }

    fn submit<'a>(phone: &str, content: &'a [u8], coding: u8, has_header: bool) -> sgip::Pdu<'a> {
        sgip::Pdu::Submit(sgip::Submit {
            sp_number: Octets::new(SOURCE).unwrap(),
            tp_udhi: u8::from(has_header),
            ..sgip::Submit::to(TerminalId::new(format!("86{phone}")).unwrap(), coding, content)
        })
    }

    fn id(id: &sgip::Sequence) -> String {
        format!("{}-{}-{}", id.node, id.time, id.number)
    }

    fn told(report: &sgip::Report) -> (Told, sgip::Sequence) {
        let told = Told {
            id: Self::id(&report.submit),
            stat: if report.state == 0 { "DELIVRD".to_owned() } else { report.error_code.to_string() },
            phone: field(report.user_number.as_bytes()),
        };
        (told, report.submit)
    }

    fn heard(deliver: &sgip::Deliver<'_>) -> (Heard, sgip::Sequence) {
        let heard = Heard {
            phone: field(deliver.user_number.as_bytes()),
            to: field(deliver.sp_number.as_bytes()),
            text: text(deliver.content.as_bytes(), deliver.message_coding, deliver.has_header()),
        };
        (heard, sgip::Sequence::default())
    }
}

/// One connection of a customer.
pub(crate) struct Customer<P: Speech> {
    stream: TcpStream,
    session: Session<P>,
    now: u64,
    sent: u64,
    /// Whether reports and messages are acknowledged.
    pub(crate) acknowledges: bool,
    pub(crate) connected: bool,
    pub(crate) refused: Option<String>,
    pub(crate) closed: bool,
    /// By token: result, and the id.
    pub(crate) answers: BTreeMap<u64, (u32, String)>,
    pub(crate) told: Vec<Told>,
    pub(crate) heard: Vec<Heard>,
    /// Answers to questions.
    pub(crate) others: Vec<P::Answer>,
}

impl<P: Speech> Customer<P> {
    /// Connects and waits for the answer to the log-in.
    pub(crate) async fn log_in(to: SocketAddr, login: &str, secret: &str) -> Self {
        let mut customer =
            Self::on(TcpStream::connect(to).await.unwrap(), P::session(login, secret, Millis(0)));
        customer.until(|customer| customer.connected || customer.refused.is_some() || customer.closed).await;
        customer
    }

    /// On a connection that is there.
    pub(crate) fn on(stream: TcpStream, session: Session<P>) -> Self {
        Self {
            stream,
            session,
            now: 0,
            sent: 0,
            acknowledges: true,
            connected: false,
            refused: None,
            closed: false,
            answers: BTreeMap::new(),
            told: Vec::new(),
            heard: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Sends one part; its token.
    pub(crate) fn submit(&mut self, phone: &str, content: &[u8], coding: u8, has_header: bool) -> u64 {
        let pdu = P::submit(phone, content, coding, has_header);
        self.ask(&pdu)
    }

    /// Sends any submit; its token.
    pub(crate) fn ask(&mut self, pdu: &P::Pdu<'_>) -> u64 {
        self.sent += 1;
        self.session.send(Millis(self.now), Request::Submit, self.sent, pdu).unwrap();
        self.sent
    }

    /// Asks something else, and waits for the answer.
    pub(crate) async fn question(&mut self, request: Request, pdu: &P::Pdu<'_>) {
        self.sent += 1;
        self.session.send(Millis(self.now), request, self.sent, pdu).unwrap();
        let before = self.others.len();
        self.until(|customer| customer.others.len() > before).await;
    }

    /// Sends a short text; its token.
    pub(crate) fn send(&mut self, phone: &str, text: &str) -> u64 {
        let content: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        self.submit(phone, &content, 8, false)
    }

    /// Writes and reads until it is as wanted.
    pub(crate) async fn until(&mut self, mut wanted: impl FnMut(&Self) -> bool) {
        let waiting = async {
            loop {
                self.turn().await;
                if wanted(self) {
                    return;
                }
            }
        };
        timeout(PATIENCE, waiting).await.expect("in time");
    }

    /// Goes on for a while.
    pub(crate) async fn linger(&mut self, millis: u64) {
        let end = self.now + millis;
        while self.now < end && !self.closed {
            self.turn().await;
        }
    }

    async fn turn(&mut self) {
        let mut out = Vec::new();
        self.session.take_output(&mut out);
        if self.stream.write_all(&out).await.is_err() {
            self.closed = true;
        }
        let mut buffer = vec![0; 65_536];
        match timeout(Duration::from_millis(5), self.stream.read(&mut buffer)).await {
            Err(_) => self.now += 5,
            Ok(Ok(octets)) if octets > 0 => self.session.feed(Millis(self.now), &buffer[..octets]),
            Ok(_) => {
                self.closed = true;
                sleep(Duration::from_millis(1)).await;
            }
        }
        self.session.handle_timeout(Millis(self.now));
        while self.step() {}
    }

    fn step(&mut self) -> bool {
        let Some(event) = self.session.poll_event() else { return false };
        let acknowledged = match event {
            Event::Connected { .. } => {
                self.connected = true;
                None
            }
            Event::ConnectRefused(refusal) => {
                self.refused = Some(format!("{refusal:?}"));
                None
            }
            Event::ConnectRequested { .. } => {
                self.connected = true;
                self.session.accept(&Secret::new(""));
                None
            }
            Event::SubmitAnswered { token, msg_id, result, .. } => {
                self.answers.insert(token, (result, P::id(&msg_id)));
                None
            }
            Event::Answered { answer, .. } => {
                self.others.push(answer);
                None
            }
            Event::Report { sequence, report } => {
                let (told, id) = P::told(&report);
                self.told.push(told);
                Some((sequence, id))
            }
            Event::Inbound { sequence, deliver } => {
                let (heard, id) = P::heard(&deliver);
                self.heard.push(heard);
                Some((sequence, id))
            }
            Event::Closed { .. } => {
                self.closed = true;
                None
            }
            _ => None,
        };
        if let Some((sequence, id)) = acknowledged.filter(|_| self.acknowledges) {
            self.session.ack_deliver(sequence, id, 0);
        }
        true
    }
}

/// The parts of a long text as a customer cuts it.
pub(crate) fn cut(text: &str, reference: u16) -> Segments {
    segment(text, Encoding::Ucs2, &TextRules::MAINLAND, reference).unwrap()
}

/// An SGIP customer's own server: waits for us to connect.
pub(crate) async fn called_back(listener: &tokio::net::TcpListener) -> Customer<Sgip> {
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.expect("in time").unwrap();
    let config = sgip::ListenerConfig::new(LoginType::Gateway, 3_010_092_008);
    Customer::on(stream, Session::<Sgip>::listener(&config, Millis(0), 1_021_080_510))
}

/// SMPP for one direction only.
pub(crate) fn bind(kind: BindKind, login: &str, secret: &str) -> Session<Smpp> {
    let (login, secret) = (Octets::new(login).unwrap(), Hidden(Octets::new(secret).unwrap()));
    let config = smpp::ClientConfig { kind, window: 1_000, ..smpp::ClientConfig::new(login, secret) };
    Session::<Smpp>::client(&config, Millis(0))
}
