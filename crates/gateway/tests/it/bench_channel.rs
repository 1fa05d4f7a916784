//! A channel under test: its carrier, its events, and messages to hand over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use domain::channel::{Channel, ChannelEvent, Outgoing, Receipt, SubmitOutcome, Submitted, Ticket};
use domain::control::{ChannelConfig, Protocol, Quirks, Secret};
use domain::ids::{ChannelId, GatewayId, MessageId, PartitionId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::{Carrier, Phone};
use domain::text::{TextRules, plan};
use domain::time::{Clock, Timestamp};
use gateway::ChannelSettings;
use sim::{Handle, SimConfig};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct WallClock(Instant);

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "the test's edge of the world: sockets run in real time")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// What a test changes of the usual channel.
pub(crate) struct Wish {
    pub(crate) protocol: Protocol,
    pub(crate) connections: u16,
    pub(crate) window: u16,
    pub(crate) parts_per_second: Option<u32>,
    pub(crate) response_timeout: Duration,
    pub(crate) secret: &'static str,
    pub(crate) quirks: Quirks,
}

impl Wish {
    /// The configuration of a channel to this port of this machine.
    pub(crate) fn config(self, port: u16) -> ChannelConfig {
        ChannelConfig {
            id: ChannelId(1),
            gateway: GatewayId(1),
            name: "测试通道".into(),
            protocol: self.protocol,
            host: "127.0.0.1".into(),
            port,
            login: "900001".into(),
            secret: Secret(self.secret.into()),
            access_code: "10690001".into(),
            service_id: "test".into(),
            connections: self.connections,
            window: self.window,
            parts_per_second: self.parts_per_second,
            carriers: vec![Carrier::Mobile],
            categories: vec![Category::Marketing],
            cost: Money::ZERO,
            enabled: true,
            quirks: self.quirks,
            provider: None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test's edge of the world")]
pub(crate) fn clock() -> Arc<WallClock> {
    Arc::new(WallClock(Instant::now()))
}

fn settings(clock: &Arc<WallClock>) -> ChannelSettings {
    ChannelSettings {
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        active_test_interval: Duration::from_secs(30),
        response_timeout: Wish::default().response_timeout,
        seed: 7,
    }
}

/// Settings on the clock of this machine.
pub(crate) fn real_settings(response_timeout: Duration) -> ChannelSettings {
    ChannelSettings { response_timeout, ..settings(&clock()) }
}

/// Whether a channel starts with this configuration; it is stopped at once.
pub(crate) fn starts(config: ChannelConfig) -> bool {
    let (sender, _events) = mpsc::channel(1);
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let started = gateway::start(config, settings(&clock()), sender, &tracker, &stop);
    stop.cancel();
    started.is_ok()
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            protocol: Protocol::Cmpp30,
            connections: 2,
            window: 16,
            parts_per_second: None,
            response_timeout: Duration::from_secs(10),
            secret: "secret",
            quirks: Quirks::default(),
        }
    }
}

pub(crate) struct Bench {
    pub(crate) carrier: Handle,
    pub(crate) channel: Arc<dyn Channel>,
    events: mpsc::Receiver<(ChannelId, ChannelEvent)>,
    pub(crate) stop: CancellationToken,
    pub(crate) tracker: TaskTracker,
    clock: Arc<WallClock>,
    /// Answers by message; a second one for a message is kept too.
    pub(crate) answers: HashMap<MessageId, Vec<SubmitOutcome>>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) inbound: Vec<domain::channel::Inbound>,
    pub(crate) trouble: Option<String>,
    /// Whether DELIVERs are acknowledged.
    pub(crate) acknowledges: bool,
}

impl Bench {
    pub(crate) async fn start(carrier: SimConfig, wish: Wish) -> Self {
        let carrier = sim::run(carrier, CancellationToken::new()).await.unwrap();
        let clock = clock();
        let (sender, events) = mpsc::channel(64);
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let response_timeout = wish.response_timeout;
        let config = wish.config(carrier.addr().port());
        let settings = ChannelSettings { response_timeout, ..settings(&clock) };
        let channel = gateway::start(config, settings, sender, &tracker, &stop).unwrap();
        Self {
            carrier,
            channel,
            events,
            stop,
            tracker,
            clock,
            answers: HashMap::new(),
            receipts: Vec::new(),
            inbound: Vec::new(),
            trouble: None,
            acknowledges: true,
        }
    }

    /// Waits until all window is free.
    pub(crate) async fn connected(&mut self, parts: u32) {
        self.until(|bench| bench.channel.capacity().parts >= parts).await;
    }

    /// Takes events until something holds.
    pub(crate) async fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                let event = tokio::time::timeout(Duration::from_millis(20), self.events.recv()).await;
                if let Ok(Some((_, event))) = event {
                    self.take(event);
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it took too long");
    }

    fn take(&mut self, event: ChannelEvent) {
        match event {
            ChannelEvent::Submitted(answers) => {
                for Submitted { outgoing, outcome, .. } in answers {
                    self.answers.entry(outgoing.ticket.message).or_default().push(outcome);
                }
            }
            ChannelEvent::Arrived { receipts, inbound, acknowledge } => {
                self.receipts.extend(receipts);
                self.inbound.extend(inbound);
                if self.acknowledges {
                    acknowledge();
                }
            }
            ChannelEvent::Ended => {}
            ChannelEvent::Connections { trouble, .. } => self.trouble = trouble.or(self.trouble.take()),
        }
    }

    /// Hands messages over as capacity allows until all are out.
    pub(crate) async fn send_all(&mut self, messages: Vec<Outgoing>) {
        let mut waiting = messages;
        while !waiting.is_empty() {
            self.until(|bench| bench.channel.capacity().parts > 0).await;
            let mut room = self.channel.capacity().parts;
            let mut batch = Vec::new();
            while room > 0
                && let Some(message) = waiting.pop()
            {
                room = room.saturating_sub(message.parts.into());
                batch.push(message);
            }
            self.hand_over(batch, 2_000);
        }
    }

    pub(crate) fn hand_over(&self, batch: Vec<Outgoing>, within_millis: u64) {
        self.channel.submit(batch, self.clock.monotonic_millis() + within_millis);
    }

    pub(crate) fn answered(&self) -> usize {
        self.answers.len()
    }

    pub(crate) fn count(&self, of: impl Fn(&SubmitOutcome) -> bool) -> usize {
        self.answers.values().filter(|outcomes| outcomes.iter().any(&of)).count()
    }
}

/// `count` messages with texts of their own to phones of their own.
pub(crate) fn messages(count: u64, text: &str) -> Vec<Outgoing> {
    (0..count)
        .map(|n| {
            let text = format!("【鸿雁】第{n}位：{text}");
            let planned = plan(&text, &TextRules::CMPP).unwrap();
            Outgoing {
                ticket: Ticket {
                    message: MessageId::from_raw(i64::try_from(n).unwrap() + 1),
                    attempt: 1,
                    claim: 1,
                    partition: PartitionId(0),
                },
                phone: Phone::from_u64(8_613_800_000_000 + n).unwrap(),
                text: text.into(),
                encoding: planned.encoding,
                parts: planned.parts,
                category: Category::Marketing,
                extension: None,
                valid_until: Timestamp::from_millis(1_900_000_000_000),
                carry_until: Timestamp::from_millis(1_900_000_000_000),
                possible_duplicate: false,
            }
        })
        .collect()
}
