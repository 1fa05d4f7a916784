//! A long message from a phone whose parts come over two connections: each part is acknowledged over its own.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use domain::channel::ChannelEvent;
use domain::text::{Encoding, TextRules, segment};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::cmpp::{Deliver, MsgId, Pdu, ServerConfig, Session};
use wire::session::Event;
use wire::{Millis, Octets, Request, Secret, TerminalId};

use crate::bench_channel::{Wish, real_settings};

const PATIENCE: Duration = Duration::from_secs(20);

/// One connection as the carrier has it.
struct Line {
    stream: TcpStream,
    session: Session,
    now: u64,
    up: bool,
    /// Tokens of the DELIVERs that were acknowledged over it.
    acknowledged: Vec<u64>,
}

impl Line {
    async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = timeout(PATIENCE, listener.accept()).await.expect("in time").unwrap();
        let session = Session::server(&ServerConfig::default(), Millis(0));
        let mut line = Self { stream, session, now: 0, up: false, acknowledged: Vec::new() };
        line.until(|line| line.up).await;
        line
    }

    fn deliver(&mut self, token: u64, content: &[u8]) {
        let deliver = Deliver {
            msg_id: MsgId(token),
            tp_udhi: 1,
            ..Deliver::inbound(
                TerminalId::new("13800138000").unwrap(),
                Octets::new("10690001").unwrap(),
                8,
                content,
            )
        };
        self.session.send(Millis(self.now), Request::Deliver, token, &Pdu::Deliver(deliver)).unwrap();
    }

    async fn turn(&mut self) {
        let mut out = Vec::new();
        self.session.take_output(&mut out);
        self.stream.write_all(&out).await.unwrap();
        let mut buffer = vec![0; 4_096];
        match timeout(Duration::from_millis(5), self.stream.read(&mut buffer)).await {
            Err(_) => self.now += 5,
            Ok(octets) => self.session.feed(Millis(self.now), &buffer[..octets.unwrap()]),
        }
        self.session.handle_timeout(Millis(self.now));
        loop {
            match self.session.poll_event() {
                None => return,
                Some(Event::ConnectRequested { .. }) => {
                    self.session.accept(&Secret::new("secret"));
                    self.up = true;
                }
                Some(Event::DeliverAnswered { token, result: 0, .. }) => self.acknowledged.push(token),
                Some(_) => {}
            }
        }
    }

    async fn until(&mut self, wanted: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !wanted(self) {
                self.turn().await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("in time");
    }
}

#[tokio::test]
async fn each_part_is_acknowledged_over_the_connection_that_brought_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let config = Wish { connections: 2, ..Wish::default() }.config(listener.local_addr().unwrap().port());
    let (sender, mut events) = mpsc::channel(16);
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let _channel =
        gateway::start(config, real_settings(Duration::from_secs(10)), sender, &tracker, &stop).unwrap();
    let mut first = Line::accept(&listener).await;
    let mut second = Line::accept(&listener).await;
    let text = "请把我的地址改到杭州市西湖区，".repeat(6);
    let parts = segment(&text, Encoding::Ucs2, &TextRules::MAINLAND, 7).unwrap();
    assert_eq!(parts.len(), 2);
    second.deliver(2, parts.get(1).unwrap());
    second.turn().await;
    second.turn().await;
    first.deliver(1, parts.get(0).unwrap());
    first.turn().await;
    let acknowledge = timeout(PATIENCE, async {
        loop {
            first.turn().await;
            second.turn().await;
            if let Ok((_, ChannelEvent::Arrived { inbound, acknowledge, .. })) = events.try_recv() {
                assert_eq!(inbound.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), [text.as_str()]);
                return acknowledge;
            }
        }
    })
    .await
    .expect("in time");
    assert!(first.acknowledged.is_empty() && second.acknowledged.is_empty(), "not before it is durable");
    acknowledge();
    first.until(|line| !line.acknowledged.is_empty()).await;
    second.until(|line| !line.acknowledged.is_empty()).await;
    assert_eq!((first.acknowledged, second.acknowledged), (vec![1], vec![2]));
    stop.cancel();
    drop(Arc::new(tracker));
}
