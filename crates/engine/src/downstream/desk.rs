//! What is on its way to one customer: read from the ledger ahead of need, handed to whichever connection asks first, and
//! kept in mind until the ledger has forgotten it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::downstream::{
    Delivery, DeliveryKey, Handed, News, Report, Waiting, WaitingKind, WaitingPlace, What,
};
use domain::ids::{CustomerId, PartitionId};
use domain::message::MessageState;
use tokio::sync::Notify;

use crate::nodes::millis;

/// Rows of the ledger that may be under way at once.
const ROWS: usize = 4_096;
/// How often a customer may refuse a delivery before it is given up.
const REFUSALS: u8 = 3;
/// How long one that was refused waits.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// Which row of the ledger.
pub(super) type Row = (PartitionId, WaitingKind, WaitingPlace);

/// One customer's desk.
pub(super) struct Desk {
    pub(super) customer: CustomerId,
    state: Mutex<State>,
    due: Notify,
}

#[derive(Default)]
struct State {
    /// Connections that take deliveries.
    takers: usize,
    /// Somebody came since the ledger was last looked through.
    new: bool,
    queue: VecDeque<Delivery>,
    /// Taken and not done.
    out: HashMap<DeliveryKey, Delivery>,
    /// Rows under way, and how many deliveries of each are not done.
    rows: HashMap<Row, usize>,
    refusals: HashMap<DeliveryKey, u8>,
    /// Refused, and when they go out again.
    parked: Vec<(u64, Delivery)>,
    /// Rows that are done, for the ledger to forget.
    finished: Vec<Row>,
}

impl Desk {
    pub(super) fn new(customer: CustomerId) -> Self {
        Self { customer, state: Mutex::default(), due: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attach(&self) {
        let mut state = self.state();
        state.takers += 1;
        state.new = true;
    }

    /// The ledger is to be looked through for it.
    pub(super) fn is_to_be_read(&self) {
        self.state().new = true;
    }

    /// Whether nobody is there and the ledger has forgotten all that was told.
    pub(super) fn is_left(&self) -> bool {
        let state = self.state();
        state.takers == 0 && state.rows.is_empty() && state.finished.is_empty()
    }

    /// Whether somebody came since the last call.
    pub(super) fn is_new(&self) -> bool {
        std::mem::take(&mut self.state().new)
    }

    pub(super) fn is_attended(&self) -> bool {
        self.state().takers > 0
    }

    /// With the last connection everything not finished is let go: the ledger has it.
    pub(super) fn detach(&self) {
        let mut state = self.state();
        state.takers = state.takers.saturating_sub(1);
        if state.takers == 0 {
            let finished = std::mem::take(&mut state.finished);
            *state =
                State { rows: finished.iter().map(|row| (*row, 0)).collect(), finished, ..State::default() };
        }
    }

    /// How many rows may be read now; 0 without a connection that takes them.
    pub(super) fn room(&self) -> usize {
        let state = self.state();
        if state.takers == 0 { 0 } else { ROWS.saturating_sub(state.rows.len()) }
    }

    /// Rows of a partition that are under way: a page from the start holds them again.
    pub(super) fn known(&self, partition: PartitionId, kind: WaitingKind) -> usize {
        self.state().rows.keys().filter(|row| row.0 == partition && row.1 == kind).count()
    }

    pub(super) async fn due(&self) {
        let notified = self.due.notified();
        if !self.state().queue.is_empty() {
            return;
        }
        notified.await;
    }

    /// Takes in rows that were read, in order of time, but for those that are known.
    pub(super) fn fill(&self, mut read: Vec<(PartitionId, WaitingKind, Waiting)>) {
        read.sort_by_key(|(_, _, waiting)| waiting.place);
        let mut state = self.state();
        for (partition, kind, waiting) in read {
            let row = (partition, kind, waiting.place);
            if state.takers == 0 || state.rows.contains_key(&row) {
                continue;
            }
            let deliveries = deliveries(row, waiting);
            state.rows.insert(row, deliveries.len());
            if deliveries.is_empty() {
                state.finished.push(row);
            }
            state.queue.extend(deliveries);
        }
        if !state.queue.is_empty() {
            self.due.notify_waiters();
        }
    }

    pub(super) fn take(&self, limit: usize) -> Vec<Delivery> {
        let mut state = self.state();
        let count = limit.min(state.queue.len());
        let taken: Vec<Delivery> = state.queue.drain(..count).collect();
        state.out.extend(taken.iter().map(|delivery| (delivery.key, delivery.clone())));
        taken
    }

    pub(super) fn done(&self, key: DeliveryKey, handed: Handed, now: u64) {
        let mut state = self.state();
        let Some(delivery) = state.out.remove(&key) else { return };
        match handed {
            Handed::Lost => {
                state.queue.push_front(delivery);
                self.due.notify_waiters();
                return;
            }
            Handed::Refused => {
                let refusals = state.refusals.entry(key).or_default();
                *refusals += 1;
                if *refusals < REFUSALS {
                    let again = now + millis(AFTER_REFUSAL);
                    state.parked.push((again, delivery));
                    return;
                }
                tracing::warn!(customer = %self.customer, "a delivery was refused {REFUSALS} times and is given up");
            }
            Handed::Impossible => {
                tracing::warn!(customer = %self.customer, "a delivery that the protocol cannot carry is given up");
            }
            Handed::Taken => {}
        }
        state.refusals.remove(&key);
        let row = (key.partition, key.kind, key.place);
        if let Some(left) = state.rows.get_mut(&row) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                state.finished.push(row);
            }
        }
    }

    /// Puts back what was refused some time ago.
    pub(super) fn unpark(&self, now: u64) {
        let mut state = self.state();
        let (due, later) = std::mem::take(&mut state.parked).into_iter().partition(|(at, _)| *at <= now);
        state.parked = later;
        let due: Vec<(u64, Delivery)> = due;
        if !due.is_empty() {
            state.queue.extend(due.into_iter().map(|(_, delivery)| delivery));
            self.due.notify_waiters();
        }
    }

    /// Rows for the ledger to forget; they stay known until [`Self::forgotten`].
    pub(super) fn finished(&self) -> Vec<Row> {
        std::mem::take(&mut self.state().finished)
    }

    /// Whether the ledger forgot them; else they are offered again.
    pub(super) fn forgotten(&self, rows: Vec<Row>, forgotten: bool) {
        let mut state = self.state();
        if forgotten {
            for row in &rows {
                state.rows.remove(row);
            }
        } else {
            state.finished.extend(rows);
        }
    }
}

/// What a row means for its customer: a report for each part that it wants to hear of, or a message.
fn deliveries((partition, kind, place): Row, waiting: Waiting) -> Vec<Delivery> {
    let key = |part: usize| {
        let part = u16::try_from(part).unwrap_or(u16::MAX);
        DeliveryKey { place, kind, partition, part }
    };
    let phone = waiting.phone;
    match waiting.what {
        What::Inbound { to, text } => {
            vec![Delivery { key: key(0), news: News::Inbound { phone, to, text: text.into() } }]
        }
        What::Fragment { .. } => Vec::new(),
        What::Report { message, origin, ending } => {
            let parts = origin.parts.len();
            let report = |(index, id): (usize, &u128)| {
                let state = ending.of_part(index, parts);
                let wanted =
                    if state == MessageState::Delivered { origin.on_success } else { origin.on_failure };
                let report = Report {
                    id: *id,
                    phone,
                    source: origin.source.clone(),
                    state,
                    reason: ending.reason,
                    code: ending.code,
                    submitted_at: message.made_at(),
                    done_at: place.at,
                };
                wanted.then(|| Delivery { key: key(index), news: News::Report(report) })
            };
            origin.parts.iter().enumerate().filter_map(report).collect()
        }
    }
}
