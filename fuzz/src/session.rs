//! A session of each protocol, driven by a script.

use std::collections::BTreeMap;

use wire::session::{Event, Protocol, Session};
use wire::{Millis, Octets, Request, Role, Secret, TerminalId, cmpp, sgip, smgp, smpp};

/// The decimal value of MMDDHHMMSS of the log-ins.
const TIME: u32 = 1_021_080_510;

/// The first octet of a script chooses role and version, then each octet is a step, some with operands. Every token
/// comes back exactly once, `Closed` is the last event and comes after a close.
fn script<P: Peer>(data: &[u8]) {
    let Some((setup, script)) = data.split_first() else { return };
    let mut run = Run::<P>::new(P::begin(setup & 1 == 0, setup & 2 != 0));
    let mut rest = script;
    while let Some((step, tail)) = rest.split_first() {
        rest = run.step(*step, tail);
        run.poll();
    }
    run.session.close();
    run.poll();
    assert!(run.closed, "a closed session says so");
    assert!(run.open.values().all(|came_back| *came_back), "a token was swallowed");
    assert_eq!(run.session.open_requests(), 0);
    assert_eq!(run.session.poll_timeout(), None);
}

/// A CMPP session.
pub fn cmpp_session(data: &[u8]) {
    script::<cmpp::Cmpp>(data);
}

/// An SGIP session.
pub fn sgip_session(data: &[u8]) {
    script::<sgip::Sgip>(data);
}

/// An SMGP session.
pub fn smgp_session(data: &[u8]) {
    script::<smgp::Smgp>(data);
}

/// An SMPP session.
pub fn smpp_session(data: &[u8]) {
    script::<smpp::Smpp>(data);
}

/// What a script needs of a protocol.
trait Peer: Protocol {
    fn begin(client: bool, newer: bool) -> Session<Self>;
    fn sample(request: Request) -> Self::Pdu<'static>;
    fn id() -> Self::MsgId;
}

fn phone() -> TerminalId {
    TerminalId::new("8613800000000").expect("digits")
}

fn string<const N: usize>(text: &str) -> Octets<N> {
    Octets::new(text).expect("it fits")
}

impl Peer for cmpp::Cmpp {
    fn begin(client: bool, newer: bool) -> Session<Self> {
        let version = if newer { cmpp::Version::V30 } else { cmpp::Version::V20 };
        if client {
            let config = cmpp::ClientConfig::new(string("900001"), Secret::new("888888"), version);
            cmpp::Session::client(cmpp::ClientConfig { window: 4, ..config }, Millis(0), TIME)
        } else {
            let config =
                cmpp::ServerConfig { highest_version: version, window: 4, ..cmpp::ServerConfig::default() };
            cmpp::Session::server(&config, Millis(0))
        }
    }

    fn sample(request: Request) -> cmpp::Pdu<'static> {
        match request {
            Request::Submit => cmpp::Pdu::Submit(cmpp::Submit::to(phone(), 0, b"hello")),
            Request::Deliver => {
                cmpp::Pdu::Deliver(cmpp::Deliver::inbound(phone(), Octets::EMPTY, 0, b"hello"))
            }
            Request::Query => cmpp::Pdu::Query(cmpp::Query::default()),
            Request::Cancel => cmpp::Pdu::Cancel(cmpp::MsgId(1)),
        }
    }

    fn id() -> cmpp::MsgId {
        cmpp::MsgId(1)
    }
}

impl Peer for sgip::Sgip {
    fn begin(client: bool, _newer: bool) -> Session<Self> {
        if client {
            let password = wire::octets::Hidden(string("testpwd"));
            let config = sgip::ClientConfig::new(string("testusername"), password, 3_010_092_008);
            sgip::Session::client(&sgip::ClientConfig { window: 4, ..config }, Millis(0), TIME)
        } else {
            let config = sgip::ListenerConfig::new(sgip::LoginType::ServiceProvider, 1);
            sgip::Session::listener(&sgip::ListenerConfig { window: 4, ..config }, Millis(0), TIME)
        }
    }

    fn sample(request: Request) -> sgip::Pdu<'static> {
        match request {
            Request::Submit => sgip::Pdu::Submit(sgip::Submit::to(phone(), 0, b"hello")),
            Request::Deliver => sgip::Pdu::Report(sgip::Report {
                submit: sgip::Sequence::default(),
                report_type: 0,
                user_number: phone(),
                state: 0,
                error_code: 0,
                reserve: Octets::EMPTY,
            }),
            Request::Query | Request::Cancel => sgip::Pdu::Trace(sgip::Trace {
                submit: sgip::Sequence::default(),
                user_number: phone(),
                reserve: Octets::EMPTY,
            }),
        }
    }

    fn id() -> sgip::Sequence {
        sgip::Sequence::default()
    }
}

impl Peer for smgp::Smgp {
    fn begin(client: bool, newer: bool) -> Session<Self> {
        if client {
            let version = if newer { smgp::Version::V30 } else { smgp::Version::V13 };
            let config = smgp::ClientConfig::new(string("testid"), Secret::new("testauth"));
            smgp::Session::client(&smgp::ClientConfig { window: 4, version, ..config }, Millis(0), TIME)
        } else {
            let config = smgp::ServerConfig { window: 4, ..smgp::ServerConfig::default() };
            smgp::Session::server(&config, Millis(0))
        }
    }

    fn sample(request: Request) -> smgp::Pdu<'static> {
        match request {
            Request::Submit => smgp::Pdu::Submit(smgp::Submit::to(phone(), 0, b"hello")),
            Request::Deliver => {
                smgp::Pdu::Deliver(smgp::Deliver::inbound(phone(), Octets::EMPTY, 0, b"hello"))
            }
            Request::Query | Request::Cancel => smgp::Pdu::Query(smgp::Query::default()),
        }
    }

    fn id() -> smgp::MsgId {
        smgp::MsgId([1; 10])
    }
}

impl Peer for smpp::Smpp {
    fn begin(client: bool, newer: bool) -> Session<Self> {
        if client {
            let version = if newer { smpp::Version::V50 } else { smpp::Version::V34 };
            let password = wire::octets::Hidden(string("twitter"));
            let config = smpp::ClientConfig::new(string("twitter"), password);
            smpp::Session::client(&smpp::ClientConfig { window: 4, version, ..config }, Millis(0))
        } else {
            let config = smpp::ServerConfig { window: 4, ..smpp::ServerConfig::default() };
            smpp::Session::server(&config, Millis(0))
        }
    }

    fn sample(request: Request) -> smpp::Pdu<'static> {
        let address = smpp::Address { ton: 1, npi: 1, number: phone() };
        let message_id = string("1");
        match request {
            Request::Submit => smpp::Pdu::SubmitSm(smpp::ShortMessage::to(address, 0, b"hello")),
            Request::Deliver => smpp::Pdu::DeliverSm(smpp::ShortMessage::to(address, 0, b"hello")),
            Request::Query => smpp::Pdu::QuerySm(smpp::QuerySm { message_id, source: address }),
            Request::Cancel => smpp::Pdu::CancelSm(smpp::CancelSm {
                service_type: Octets::EMPTY,
                message_id,
                source: address,
                destination: address,
            }),
        }
    }

    fn id() -> Octets<65> {
        string("1")
    }
}

struct Run<P: Peer> {
    session: Session<P>,
    now: Millis,
    token: u64,
    /// Tokens given away, and whether they came back.
    open: BTreeMap<u64, bool>,
    closed: bool,
}

impl<P: Peer> Run<P> {
    fn new(session: Session<P>) -> Self {
        Self { session, now: Millis(0), token: 0, open: BTreeMap::new(), closed: false }
    }

    fn step<'a>(&mut self, step: u8, rest: &'a [u8]) -> &'a [u8] {
        match step % 8 {
            // Feed as many octets as the rest of the step says, so that PDUs are cut everywhere.
            0..=3 => {
                let (chunk, rest) = rest.split_at(rest.len().min(usize::from(step / 4) + 1));
                self.session.feed(self.now, chunk);
                return rest;
            }
            4 => self.now = Millis(self.now.0 + u64::from(step) * 250),
            5 => self.send(),
            6 if step == 254 => self.session.terminate(self.now),
            6 => {
                self.session.handle_timeout(self.now);
            }
            _ => {
                let mut out = Vec::new();
                self.session.take_output(&mut out);
                assert!(self.session.output().is_empty());
            }
        }
        rest
    }

    fn send(&mut self) {
        self.token += 1;
        let request = match (self.session.role(), self.token % 4) {
            (Role::Server, _) => Request::Deliver,
            (Role::Client, 0) => Request::Cancel,
            (Role::Client, 1) => Request::Query,
            (Role::Client, _) => Request::Submit,
        };
        let free = self.session.free_window();
        let sent = self.session.send(self.now, request, self.token, &P::sample(request));
        assert_eq!(sent.is_ok(), free > 0, "a request is taken exactly when the window is open");
        if sent.is_ok() {
            self.open.insert(self.token, false);
        }
    }

    fn poll(&mut self) {
        enum Reply<S> {
            Accept,
            Submit(S),
            Deliver(S),
            None,
        }
        while let Some(event) = self.session.poll_event() {
            assert!(!self.closed, "an event after the last one");
            let mut back = None;
            let reply = match event {
                Event::ConnectRequested { .. } => Reply::Accept,
                Event::Submit { sequence, .. } => Reply::Submit(sequence),
                Event::Report { sequence, .. } | Event::Inbound { sequence, .. } => Reply::Deliver(sequence),
                Event::SubmitAnswered { token, .. }
                | Event::DeliverAnswered { token, .. }
                | Event::Answered { token, .. }
                | Event::Unanswered { token, .. }
                | Event::Lost { token, .. } => {
                    back = Some(token);
                    Reply::None
                }
                Event::Closed { .. } => {
                    self.closed = true;
                    Reply::None
                }
                _ => Reply::None,
            };
            match reply {
                Reply::Accept => self.session.accept(&Secret::new("888888")),
                Reply::Submit(sequence) => self.session.answer_submit(sequence, P::id(), 0),
                Reply::Deliver(sequence) => self.session.ack_deliver(sequence, P::id(), 0),
                Reply::None => {}
            }
            if let Some(token) = back {
                assert_eq!(self.open.insert(token, true), Some(false), "token {token} came back twice");
            }
        }
    }
}
