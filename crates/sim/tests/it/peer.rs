//! A CMPP client that a test drives step by step.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use sim::{Handle, SimConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use wire::cmpp::{ClientConfig, Destinations, Event, MsgId, Reported, Session, Submit, Version};
use wire::{CloseCause, Millis, Octets, Secret, TerminalId};

/// Longest wait for anything in these tests.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Connected,
    Refused,
    Answer { token: u64, msg_id: MsgId, result: u32 },
    Report { msg_id: MsgId, stat: String, phone: String },
    Inbound { phone: String, content: Vec<u8> },
    Malformed,
    Unsupported,
    Lost(u64),
    Closed(CloseCause),
}

pub(crate) struct Peer {
    stream: TcpStream,
    session: Session,
    /// Result with which receipts and messages are acknowledged; `None` leaves them unanswered.
    pub(crate) acknowledge: Option<u32>,
    pub(crate) seen: Vec<Seen>,
}

pub(crate) fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(3 * PATIENCE, test).await.expect("the test hangs") })
}

pub(crate) async fn start(config: SimConfig) -> (Handle, CancellationToken) {
    let stop = CancellationToken::new();
    let handle = sim::run(config, stop.clone()).await.unwrap();
    (handle, stop)
}

/// Waits until a condition on the simulator holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 5 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

impl Peer {
    pub(crate) async fn connect(addr: SocketAddr, secret: &str, window: usize, version: Version) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        let client = ClientConfig {
            window,
            check_server_authenticator: !secret.is_empty(),
            ..ClientConfig::new(Octets::new("900001").unwrap(), Secret::new(secret), version)
        };
        let session = Session::client(client, Millis(0), 101_000_000);
        let mut peer = Self { stream, session, acknowledge: Some(0), seen: Vec::new() };
        // Receipts of an earlier connection may come with the answer to the log-in.
        peer.wait(|seen| !seen.is_empty()).await;
        peer
    }

    pub(crate) async fn open(addr: SocketAddr) -> Self {
        let peer = Self::connect(addr, "", 64, Version::V30).await;
        assert_eq!(peer.seen.first(), Some(&Seen::Connected));
        peer
    }

    /// Submits one part; `header` is (reference, total, number).
    pub(crate) fn submit(&mut self, token: u64, phone: &str, text: &str, header: Option<(u8, u8, u8)>) {
        let mut content = Vec::new();
        if let Some((reference, total, number)) = header {
            content.extend([5, 0, 3, reference, total, number]);
        }
        content.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        let phone = TerminalId::new(phone).unwrap();
        let submit = Submit { tp_udhi: u8::from(header.is_some()), ..Submit::to(phone, 8, &content) };
        self.session.submit(Millis(0), token, &submit).unwrap();
    }

    /// Submits one part to many phones at once.
    pub(crate) fn submit_many(&mut self, token: u64, phones: &[&str], text: &str) {
        let content: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let phones: Vec<TerminalId> = phones.iter().map(|phone| TerminalId::new(phone).unwrap()).collect();
        let submit =
            Submit { destinations: Destinations::many(&phones), ..Submit::to(phones[0], 8, &content) };
        self.session.submit(Millis(0), token, &submit).unwrap();
    }

    /// Reads and writes until what was seen satisfies a condition, or the connection is over.
    pub(crate) async fn wait(&mut self, done: impl Fn(&[Seen]) -> bool) {
        let mut buffer = vec![0; 65_536];
        loop {
            self.poll();
            let output = self.session.output().to_vec();
            // A connection cut by the carrier shows when reading.
            if self.stream.write_all(&output).await.is_ok() {
                self.session.advance_output(output.len());
            }
            if done(&self.seen) || matches!(self.seen.last(), Some(Seen::Closed(_))) {
                return;
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            match read.expect("the carrier says nothing") {
                Ok(0) | Err(_) => self.session.close(),
                Ok(octets) => self.session.feed(Millis(0), &buffer[..octets]),
            }
        }
    }

    pub(crate) fn count(&self, what: impl Fn(&Seen) -> bool) -> usize {
        self.seen.iter().filter(|seen| what(seen)).count()
    }

    fn poll(&mut self) {
        let mut owed = Vec::new();
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        while let Some(event) = self.session.poll_event() {
            self.seen.push(match event {
                Event::Connected { .. } => Seen::Connected,
                Event::ConnectRefused(_) => Seen::Refused,
                Event::SubmitAnswered { token, msg_id, result, .. } => Seen::Answer { token, msg_id, result },
                Event::Report { sequence, report: Reported { report, deliver } } => {
                    owed.push((sequence, deliver.msg_id));
                    Seen::Report {
                        msg_id: report.msg_id,
                        stat: text(report.stat.as_bytes()),
                        phone: text(report.dest_terminal_id.as_bytes()),
                    }
                }
                Event::Inbound { sequence, deliver } => {
                    owed.push((sequence, deliver.msg_id));
                    let phone = text(deliver.src_terminal_id.as_bytes());
                    Seen::Inbound { phone, content: deliver.content.as_bytes().to_vec() }
                }
                Event::Malformed { .. } => Seen::Malformed,
                Event::Unsupported { .. } => Seen::Unsupported,
                Event::Lost { token, .. } => Seen::Lost(token),
                Event::Closed { cause } => Seen::Closed(cause),
                other => panic!("unexpected: {other:?}"),
            });
        }
        if let Some(result) = self.acknowledge {
            for (sequence, msg_id) in owed {
                self.session.ack_deliver(sequence, msg_id, result);
            }
        }
    }
}
