//! The bodies of the fuzz targets, one per decoder. Each panics when a promise of `wire` is broken.
//!
//! Tests of `wire` include this file and run the bodies over the corpus and over mutations of it, so the
//! promises are also checked where libFuzzer is missing.

use std::collections::BTreeMap;

use wire::cmpp::{
    ClientConfig, Deliver, Event, MsgId, Pdu, QueryResp, Report, ServerConfig, Session, Submit, Version,
    decode, describe, encode,
};
use wire::concat::take_apart;
use wire::{Content, Millis, Octets, Role, Secret, TerminalId};

/// Decoding never panics; what was decoded and can be written decodes to the same; a description covers every
/// octet.
pub fn cmpp_decode(data: &[u8]) {
    for version in [Version::V20, Version::V30] {
        let decoded = decode(data, version);
        let described = describe(data, version);
        assert_eq!(decoded.err(), described.as_ref().err().copied(), "decoder and description disagree");
        let (Ok((sequence, pdu)), Ok(described)) = (decoded, described) else { continue };
        let covered: usize = described.fields.iter().map(|field| field.octets.len()).sum();
        assert_eq!(covered, data.len(), "the description misses octets");

        let mut written = Vec::new();
        if encode(&pdu, sequence, version, &mut written).is_ok() {
            assert_eq!(
                decode(&written, version),
                Ok((sequence, pdu)),
                "a PDU changes when it is written and read"
            );
        } else {
            assert!(written.is_empty(), "a failed encoding leaves octets behind");
        }
        if let Pdu::Deliver(deliver) = pdu {
            report(deliver.content);
        }
    }
    report(Content(data));
}

fn report(content: Content<'_>) {
    let Ok(report) = Report::decode(content) else { return };
    for version in [Version::V20, Version::V30] {
        let mut written = Vec::new();
        if report.encode(version, &mut written).is_ok() {
            assert_eq!(
                Report::decode(Content(&written)),
                Ok(report),
                "a report changes when it is written and read"
            );
        }
    }
}

/// A header is taken apart without losing octets, and its concatenation survives being written.
pub fn concat_header(data: &[u8]) {
    let Ok(parts) = take_apart(data) else { return };
    assert_eq!(1 + parts.elements.len() + parts.body.len(), data.len(), "octets are lost");
    if let Some(concat) = parts.concat {
        assert!(concat.number >= 1 && concat.number <= concat.total, "a part outside its message");
        let mut written = Vec::new();
        concat.write(&mut written);
        assert_eq!(written.len(), concat.header_octets());
        let again = take_apart(&written).expect("a header we wrote fits itself");
        assert_eq!(again.concat, Some(concat), "a header changes when it is written and read");
    }
}

/// A session driven by a script: the first octet chooses role and version, then each octet is a step, some
/// with operands. Every token comes back exactly once, `Closed` is the last event and comes after a close.
pub fn cmpp_session(data: &[u8]) {
    let Some((setup, script)) = data.split_first() else { return };
    let version = if setup & 2 == 0 { Version::V20 } else { Version::V30 };
    let mut run = Run::new(setup & 1 == 0, version);
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

struct Run {
    session: Session,
    now: Millis,
    token: u64,
    /// Tokens given away, and whether they came back.
    open: BTreeMap<u64, bool>,
    closed: bool,
}

impl Run {
    fn new(client: bool, version: Version) -> Self {
        let now = Millis(0);
        let session = if client {
            let source = Octets::new("900001").expect("six digits");
            let config =
                ClientConfig { window: 4, ..ClientConfig::new(source, Secret::new("888888"), version) };
            Session::client(config, now, 1_021_080_510)
        } else {
            Session::server(
                &ServerConfig { highest_version: version, window: 4, ..ServerConfig::default() },
                now,
            )
        };
        Self { session, now, token: 0, open: BTreeMap::new(), closed: false }
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
        let phone = TerminalId::new("13800000000").expect("digits");
        let (now, token) = (self.now, self.token);
        let free = self.session.free_window();
        let sent = match (self.session.role(), token % 3) {
            (Role::Server, _) => {
                self.session.deliver(now, token, &Deliver::inbound(phone, Octets::EMPTY, 0, b"hello"))
            }
            (Role::Client, 0) => self.session.cancel(now, token, MsgId(token)),
            (Role::Client, _) => self.session.submit(now, token, &Submit::to(phone, 0, b"hello")),
        };
        assert_eq!(sent.is_ok(), free > 0, "a request is taken exactly when the window is open");
        if sent.is_ok() {
            self.open.insert(token, false);
        }
    }

    fn poll(&mut self) {
        enum Reply {
            Accept,
            Submit(u32),
            Deliver(u32),
            Query(u32),
            Cancel(u32),
            None,
        }
        while let Some(event) = self.session.poll_event() {
            assert!(!self.closed, "an event after the last one");
            let mut back = None;
            let reply = match event {
                Event::ConnectRequested { .. } => Reply::Accept,
                Event::Submit { sequence, .. } => Reply::Submit(sequence),
                Event::Report { sequence, .. } | Event::Inbound { sequence, .. } => Reply::Deliver(sequence),
                Event::Query { sequence, .. } => Reply::Query(sequence),
                Event::Cancel { sequence, .. } => Reply::Cancel(sequence),
                Event::SubmitAnswered { token, .. }
                | Event::DeliverAnswered { token, .. }
                | Event::QueryAnswered { token, .. }
                | Event::CancelAnswered { token, .. }
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
                Reply::Submit(sequence) => self.session.answer_submit(sequence, MsgId(1), 0),
                Reply::Deliver(sequence) => self.session.ack_deliver(sequence, MsgId(1), 0),
                Reply::Query(sequence) => self.session.answer_query(sequence, &QueryResp::default()),
                Reply::Cancel(sequence) => self.session.answer_cancel(sequence, 0),
                Reply::None => {}
            }
            if let Some(token) = back {
                assert_eq!(self.open.insert(token, true), Some(false), "token {token} came back twice");
            }
        }
    }
}
