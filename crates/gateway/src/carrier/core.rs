//! What all tasks of a channel share.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::channel::{CarrierMessageId, ChannelEvent, Outgoing, Receipt, SubmitOutcome, Submitted};
use domain::control::ChannelConfig;
use domain::ids::ChannelId;
use domain::phone::Phone;
use domain::time::Clock;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use wire::session::Protocol;

use super::assembly::Assembly;
use super::handover::{Handover, Owed};
use crate::drivers::{Driver, Duty, Opening, Verdict};
use crate::pace::Pace;
use crate::tls::TlsClient;

/// Sequence numbers set aside for one session: more than any sends within a second.
const NUMBERS_PER_SESSION: u32 = 1 << 20;
/// Long messages whose carrier reports their first part only and whose report is awaited; beyond it the oldest is
/// forgotten, and stays without a receipt.
const MOST_COMPANIONS: usize = 100_000;
/// Reports kept for the answers of their messages' other parts, which are some milliseconds away.
const MOST_EARLY: usize = 1_000;

/// What a channel needs besides its configuration.
#[derive(Clone)]
pub struct ChannelSettings {
    pub clock: Arc<dyn Clock>,
    /// C: silence after which the peer is tested.
    pub active_test_interval: Duration,
    /// T: how long an answer may take before the message is uncertain.
    pub response_timeout: Duration,
    /// Seeds the jitter of reconnects.
    pub seed: u64,
}

/// What all tasks of a channel share.
pub(crate) struct Core<D: Driver> {
    pub(crate) config: ChannelConfig,
    pub(crate) settings: ChannelSettings,
    pub(crate) driver: D,
    /// How connections to the carrier are enciphered, if they are.
    pub(crate) tls: Option<TlsClient>,
    /// Connections that submit.
    pub(crate) connections: Vec<Arc<Handover<D::Protocol>>>,
    pub(crate) up: AtomicU16,
    pub(crate) stop: CancellationToken,
    /// Tasks that have not ended.
    pub(crate) running: AtomicU16,
    pub(crate) pace: Mutex<Pace>,
    pub(crate) assembly: Mutex<Assembly<Owed<D::Protocol>>>,
    pub(crate) companions: Mutex<Companions>,
    pub(crate) references: References,
    sessions: AtomicU32,
    /// Wakes whoever waits for capacity.
    pub(crate) changed: Notify,
    pub(crate) events: mpsc::Sender<(ChannelId, ChannelEvent)>,
}

impl<D: Driver> Core<D> {
    pub(crate) fn new(
        config: ChannelConfig,
        settings: ChannelSettings,
        (driver, tls): (D, Option<TlsClient>),
        events: mpsc::Sender<(ChannelId, ChannelEvent)>,
        stop: CancellationToken,
    ) -> Self {
        let now = settings.clock.monotonic_millis();
        // Another process of this channel, or another channel of this node, begins elsewhere.
        let begin = settings.seed ^ u64::from(config.id.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            pace: Mutex::new(Pace::new(config.parts_per_second, now)),
            connections: (0..config.connections).map(|_| Handover::new()).collect(),
            up: AtomicU16::new(0),
            stop,
            running: AtomicU16::new(0),
            assembly: Mutex::default(),
            companions: Mutex::default(),
            references: References::new(),
            sessions: AtomicU32::new((begin >> 32) as u32),
            changed: Notify::new(),
            events,
            driver,
            tls,
            config,
            settings,
        }
    }

    pub(crate) fn now_millis(&self) -> u64 {
        self.settings.clock.monotonic_millis()
    }

    pub(crate) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn companions(&self) -> MutexGuard<'_, Companions> {
        self.companions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an answer to a submit means here: carriers may have codes of their own for flow control.
    pub(crate) fn verdict(&self, msg_id: &<D::Protocol as Protocol>::MsgId, result: u32) -> Verdict {
        if result != 0 && self.config.quirks.throttle_codes.contains(&result) {
            return Verdict::Throttled;
        }
        self.driver.verdict(msg_id, result)
    }

    pub(crate) fn submitted(&self, outgoing: Outgoing, outcome: SubmitOutcome) -> Submitted {
        Submitted { outgoing, at: self.settings.clock.now(), outcome }
    }

    pub(crate) fn opening(&self, duty: Duty) -> Opening<'_> {
        let last_sequence = self.sessions.fetch_add(NUMBERS_PER_SESSION, Ordering::Relaxed);
        Opening { config: &self.config, settings: &self.settings, duty, last_sequence }
    }

    /// A channel that was stopped tells nothing: another one with its id may be running already.
    pub(crate) async fn tell_connections(&self, trouble: Option<String>) {
        if self.stop.is_cancelled() {
            return;
        }
        let event = ChannelEvent::Connections {
            up: self.up.load(Ordering::Relaxed),
            configured: self.config.connections,
            trouble,
        };
        let _closed_at_shutdown = self.events.send((self.config.id, event)).await;
    }
}

/// Concatenation references: a counter per class of phones, so that two long messages to one phone never share one
/// within 256 of them.
pub(crate) struct References(Box<[AtomicU16]>);

impl References {
    fn new() -> Self {
        Self((0..domain::phone::SLOT_COUNT).map(|_| AtomicU16::new(0)).collect())
    }

    pub(crate) fn next(&self, phone: Phone) -> u16 {
        self.0[usize::from(phone.slot().get())].fetch_add(1, Ordering::Relaxed)
    }
}

/// The other parts of long messages whose carrier reports the first part for all. They live in memory: what is
/// awaited when the process ends stays without its receipt.
#[derive(Default)]
pub(crate) struct Companions {
    of_first: HashMap<CarrierMessageId, Vec<CarrierMessageId>>,
    order: VecDeque<CarrierMessageId>,
    /// Reports that came while other parts were still unanswered, oldest first.
    early: VecDeque<Receipt>,
}

impl Companions {
    /// Remembers the ids of a message's parts. Returns the report of its first, if that has come already.
    pub(crate) fn add(&mut self, ids: &[CarrierMessageId]) -> Option<Receipt> {
        let (first, others) = ids.split_first()?;
        let place = self.early.iter().position(|receipt| receipt.carrier_id == *first);
        let early = place.and_then(|place| self.early.remove(place));
        if others.is_empty() {
            return None;
        }
        if self.of_first.insert(first.clone(), others.to_vec()).is_none() {
            self.order.push_back(first.clone());
        }
        while self.order.len() > MOST_COMPANIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.of_first.remove(&oldest);
        }
        early
    }

    /// Keeps a report of which nobody knows yet whether it stands for other parts too.
    pub(crate) fn keep(&mut self, receipt: Receipt) {
        if self.early.len() >= MOST_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(receipt);
    }

    /// The other parts of the message whose first part this is; they stay, for a repeated report changes nothing.
    pub(crate) fn of(&self, first: &CarrierMessageId) -> &[CarrierMessageId] {
        self.of_first.get(first).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companions_are_bounded_and_found_by_the_first_part() {
        let id = CarrierMessageId::Number;
        let mut companions = Companions::default();
        companions.add(&[id(1)]);
        assert!(companions.of(&id(1)).is_empty(), "a single part has none");
        for first in 0..MOST_COMPANIONS as u64 + 5 {
            companions.add(&[id(first * 10), id(first * 10 + 1), id(first * 10 + 2)]);
        }
        assert!(companions.of(&id(40)).is_empty(), "the oldest are forgotten");
        assert_eq!(companions.of(&id(50)), [id(51), id(52)]);
        assert_eq!(companions.order.len(), MOST_COMPANIONS);
    }

    #[test]
    fn a_report_before_the_last_answer_is_found_by_it() {
        let receipt = |number| Receipt {
            gateway: domain::ids::GatewayId(1),
            carrier_id: CarrierMessageId::Number(number),
            phone: None,
            status: domain::channel::ReceiptStatus::Delivered,
            code: domain::channel::CarrierCode::default(),
            received_at: domain::time::Timestamp::from_millis(0),
        };
        let mut companions = Companions::default();
        for number in 0..MOST_EARLY as u64 + 1 {
            companions.keep(receipt(number));
        }
        let ids = |first| [CarrierMessageId::Number(first), CarrierMessageId::Number(first + 1_000_000)];
        assert!(companions.add(&ids(0)).is_none(), "the oldest is forgotten");
        assert_eq!(companions.add(&ids(7)).map(|early| early.carrier_id), Some(CarrierMessageId::Number(7)));
        assert!(companions.add(&ids(7)).is_none(), "told once");
        assert!(companions.add(&ids(8)[..1]).is_none(), "a single part stands for itself");
    }
}
