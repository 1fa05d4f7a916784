//! A client and a server talk in virtual time: a campaign with reports and replies, both ways through full
//! windows.

use std::collections::{BTreeMap, BTreeSet};

use wire::cmpp::{
    Answer, Ask, ClientConfig, Deliver, Event, MsgId, Outcome, Query, QueryCounts, QueryResp, Report,
    Reported, ServerConfig, Session, Submit, Version, auth,
};
use wire::{CloseCause, Millis, Octets, Secret, TerminalId};

use crate::framing::config;

const MESSAGES: u64 = 2_000;
/// Every n-th submit is refused for flow control.
const REFUSED_EVERY: u64 = 7;

struct Pair {
    client: Session,
    server: Session,
    now: Millis,
    next: u64,
    accepted: BTreeMap<u64, MsgId>,
    refused: BTreeSet<u64>,
    reported: BTreeSet<MsgId>,
    inbound: Vec<Vec<u8>>,
    /// Reports that the server still has to deliver.
    due: Vec<(MsgId, TerminalId)>,
    delivered: u64,
    deliver_token: u64,
    counts: Option<QueryCounts>,
    cancelled: Option<u32>,
    closed: Vec<CloseCause>,
}

fn phone(token: u64) -> TerminalId {
    TerminalId::new(format!("138{token:08}")).unwrap()
}

impl Pair {
    fn new(version: Version) -> Self {
        let now = Millis(0);
        let client = Session::client(ClientConfig { window: 32, ..config(version) }, now, 1_021_080_510);
        let server = Session::server(&ServerConfig { window: 8, ..ServerConfig::default() }, now);
        Self {
            client,
            server,
            now,
            next: 0,
            accepted: BTreeMap::new(),
            refused: BTreeSet::new(),
            reported: BTreeSet::new(),
            inbound: Vec::new(),
            due: Vec::new(),
            delivered: 0,
            deliver_token: 0,
            counts: None,
            cancelled: None,
            closed: Vec::new(),
        }
    }

    fn tick(&mut self) {
        self.now = Millis(self.now.0 + 5);
        let mut octets = Vec::new();
        self.client.take_output(&mut octets);
        self.server.feed(self.now, &octets);
        self.poll_server();
        self.server_delivers();
        octets.clear();
        self.server.take_output(&mut octets);
        self.client.feed(self.now, &octets);
        self.poll_client();
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
    }

    fn client_submits(&mut self) {
        while self.next < MESSAGES && self.client.free_window() > 0 {
            let submit = Submit {
                src_id: Octets::new("10690001").unwrap(),
                ..Submit::to(phone(self.next), 8, b"\x9e\x3f")
            };
            self.client.submit(self.now, self.next, &submit).unwrap();
            self.next += 1;
        }
    }

    fn server_delivers(&mut self) {
        while self.server.free_window() > 0 {
            let Some((msg_id, phone)) = self.due.pop() else { return };
            let report = Report {
                msg_id,
                stat: Octets::new("DELIVRD").unwrap(),
                submit_time: Octets::new("2611250900").unwrap(),
                done_time: Octets::new("2611250901").unwrap(),
                dest_terminal_id: phone,
                smsc_sequence: 1,
            };
            let mut content = Vec::new();
            report.encode(self.server.version(), &mut content).unwrap();
            let dest = Octets::new("10690001").unwrap();
            self.deliver_token += 1;
            self.server
                .deliver(self.now, self.deliver_token, &Deliver::report(phone, dest, &content))
                .unwrap();
        }
    }

    fn poll_server(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::ConnectRequested { log_in, .. } => {
                    let secret = Secret::new("888888");
                    assert!(auth::verify(&log_in, &secret));
                    self.server.accept(&secret);
                }
                Event::Submit { sequence, submit } => {
                    let phone = submit.destinations.get(0).unwrap();
                    let number: u64 = phone.as_str().unwrap()[3..].parse().unwrap();
                    assert_eq!(submit.content.as_bytes(), b"\x9e\x3f");
                    if number.is_multiple_of(REFUSED_EVERY) {
                        self.server.answer_submit(sequence, MsgId(0), 8);
                    } else {
                        let msg_id = MsgId(1_000_000 + number);
                        self.server.answer_submit(sequence, msg_id, 0);
                        self.due.push((msg_id, phone));
                    }
                }
                Event::DeliverAnswered { result, waited_ms, .. } => {
                    assert_eq!(result, 0);
                    assert!((5..=10).contains(&waited_ms), "one or two ticks");
                    self.delivered += 1;
                }
                Event::Asked { sequence, ask: Ask::Query(query) } => {
                    let counts = QueryCounts { mt_messages: 42, ..QueryCounts::default() };
                    self.server.answer_query(sequence, &QueryResp { query, counts });
                }
                Event::Asked { sequence, ask: Ask::Cancel(msg_id) } => {
                    self.server.answer_cancel(sequence, u8::from(msg_id.0 != 9));
                }
                Event::Closed { cause } => self.closed.push(cause),
                other => panic!("the server did not expect {other:?}"),
            }
        }
    }

    fn poll_client(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Connected { .. } => {}
                Event::SubmitAnswered { token, msg_id, result: 0, .. } => {
                    assert_eq!(self.accepted.insert(token, msg_id), None);
                }
                Event::SubmitAnswered { token, result, .. } => {
                    assert_eq!(result, 8);
                    assert!(self.refused.insert(token));
                }
                Event::Report { sequence, report: Reported { report, deliver } } => {
                    assert_eq!(report.outcome(), Outcome::Delivered);
                    assert_eq!(report.dest_terminal_id, deliver.src_terminal_id);
                    assert!(self.reported.insert(report.msg_id));
                    let msg_id = deliver.msg_id;
                    self.client.ack_deliver(sequence, msg_id, 0);
                }
                Event::Inbound { sequence, deliver } => {
                    self.inbound.push(deliver.content.as_bytes().to_vec());
                    let msg_id = deliver.msg_id;
                    self.client.ack_deliver(sequence, msg_id, 0);
                }
                Event::Answered { token: 90_000, answer: Answer::Query(answer) } => {
                    self.counts = Some(answer.counts);
                }
                Event::Answered { token: 90_001, answer: Answer::Cancel(success_id) } => {
                    self.cancelled = Some(success_id);
                }
                Event::Closed { cause } => self.closed.push(cause),
                other => panic!("the client did not expect {other:?}"),
            }
        }
    }
}

fn campaign(version: Version) {
    let mut pair = Pair::new(version);
    for _ in 0..2_000 {
        pair.tick();
        pair.client_submits();
    }
    let refused = MESSAGES.div_ceil(REFUSED_EVERY);
    assert_eq!(pair.refused.len() as u64, refused);
    assert_eq!(pair.accepted.len() as u64, MESSAGES - refused);
    assert_eq!(pair.reported, pair.accepted.values().copied().collect());
    assert_eq!(pair.delivered, MESSAGES - refused);

    let dest = Octets::new("10690001").unwrap();
    pair.server.deliver(pair.now, 80_000, &Deliver::inbound(phone(1), dest, 0, b"TD")).unwrap();
    pair.client.query(pair.now, 90_000, &Query::default()).unwrap();
    pair.client.cancel(pair.now, 90_001, MsgId(9)).unwrap();
    pair.tick();
    pair.tick();
    assert_eq!(pair.inbound, [b"TD"]);
    assert_eq!(pair.counts.map(|counts| counts.mt_messages), Some(42));
    assert_eq!(pair.cancelled, Some(0));

    // An idle hour: heartbeats keep the connection.
    for _ in 0..60 {
        pair.now = Millis(pair.now.0 + 60_000);
        pair.tick();
        pair.tick();
    }
    assert!(pair.closed.is_empty());

    pair.client.terminate(pair.now);
    pair.tick();
    assert_eq!(pair.closed, [CloseCause::PeerTerminated, CloseCause::Terminated]);
}

#[test]
fn a_campaign_over_version_two() {
    campaign(Version::V20);
}

#[test]
fn a_campaign_over_version_three() {
    campaign(Version::V30);
}
