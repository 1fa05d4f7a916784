//! Reading what happened: from a place on, at once or as soon as there is something.
//!
//! Invariants: the events of one message come in their order; nothing between two places is left out without the reader
//! being told; one question reads a bounded number of events and waits for a bounded time.

use std::time::Duration;

use domain::events::{Event, EventCursor, EventKind, EventPlace, EventRead};
use domain::ids::{AccountId, PartitionId};
use domain::ledger::LedgerError;

use crate::Engine;

/// How often a question that waits looks again. A look that finds nothing asks memory, or the database for one number.
const LOOK: Duration = Duration::from_millis(100);
/// Events that one question passes over because of other kinds than it asked for, before it answers with what it has.
const PASSED_OVER: usize = 20_000;

/// Where a reader begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventsFrom {
    /// With what happens from now on.
    Now,
    /// With the oldest that is kept.
    Oldest,
    /// Where it stood.
    Cursor(EventCursor),
}

/// A question for events.
#[derive(Clone, Debug)]
pub struct EventsQuestion {
    pub account: AccountId,
    pub from: EventsFrom,
    /// Empty: all.
    pub kinds: Vec<EventKind>,
    pub limit: u32,
    /// How long to wait when there is nothing yet.
    pub wait: Duration,
}

/// Events, and where to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventsAnswer {
    pub events: Vec<Event>,
    pub next: EventCursor,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// Nobody asked for the account's events to be recorded.
    #[error("events of this account are not recorded")]
    NotRecorded,
    /// Some of what comes next is not kept any more; what is, begins here.
    #[error("what comes next is not kept any more")]
    Gone { oldest: EventCursor },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Engine {
    /// Answers with events from a place on: at most as many as asked for, perhaps fewer although there are more, and none
    /// when nothing happened for as long as was to be waited.
    ///
    /// # Errors
    /// [`EventsError`].
    pub async fn events(&self, question: &EventsQuestion) -> Result<EventsAnswer, EventsError> {
        let account = question.account;
        let mut places = self.begin_events(account, &question.from).await?;
        let (mut events, mut passed_over) = (Vec::new(), 0);
        let mut looks_left = question.wait.as_millis() / LOOK.as_millis();
        loop {
            let room = question.limit as usize - events.len();
            let found = self.look_at_events(account, &mut places, room as u32).await?;
            let all = found.len();
            events.extend(found.into_iter().filter(|event| question.wants(event.kind)));
            passed_over += all;
            let done = !events.is_empty() && (all == 0 || events.len() >= question.limit as usize);
            if done || passed_over >= PASSED_OVER || (all == 0 && looks_left == 0) {
                return Ok(EventsAnswer { events, next: EventCursor { places } });
            }
            if all > 0 {
                continue;
            }
            looks_left -= 1;
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                // Whoever waits is answered before the node goes.
                () = self.stop.cancelled() => looks_left = 0,
            }
        }
    }

    /// Whether an account's events are recorded.
    ///
    /// # Errors
    /// When the ledger refuses.
    pub async fn records_events(&self, account: AccountId) -> Result<bool, LedgerError> {
        self.ledger.listens(account).await
    }

    /// Begins or ends recording an account's events. What begins after this returns is recorded.
    ///
    /// # Errors
    /// When the ledger refuses; repeating it mends what was done by half.
    pub async fn record_events(&self, account: AccountId, on: bool) -> Result<(), LedgerError> {
        self.ledger.listen(account, on).await
    }

    async fn begin_events(
        &self,
        account: AccountId,
        from: &EventsFrom,
    ) -> Result<Vec<EventPlace>, EventsError> {
        if !self.ledger.listens(account).await? {
            return Err(EventsError::NotRecorded);
        }
        let partitions = self.ledger.partitions();
        match from {
            EventsFrom::Cursor(cursor) if cursor.places.len() == usize::from(partitions.len()) => {
                Ok(cursor.places.clone())
            }
            EventsFrom::Oldest => self.oldest_events(account).await,
            // It was given out before the ledger moved to another number of partitions.
            EventsFrom::Cursor(_) => Err(self.gone(account).await),
            EventsFrom::Now => {
                let oldest = self.oldest_events(account).await?;
                let heads = self.ledger.event_heads().await?;
                // Where nothing happened since it began to listen, the head lies before that.
                Ok(heads
                    .iter()
                    .zip(oldest)
                    .map(|(head, first)| EventPlace::behind(*head).max(first))
                    .collect())
            }
        }
    }

    async fn oldest_events(&self, account: AccountId) -> Result<Vec<EventPlace>, EventsError> {
        let mut places = Vec::new();
        for id in self.ledger.partitions().all() {
            match self.ledger.events(id, account, EventPlace::START, 0, 1).await? {
                EventRead::Page { next, .. } => places.push(next),
                EventRead::Gone { oldest } => places.push(oldest),
                EventRead::Deaf => return Err(EventsError::NotRecorded),
            }
        }
        Ok(places)
    }

    async fn gone(&self, account: AccountId) -> EventsError {
        match self.oldest_events(account).await {
            Ok(places) => EventsError::Gone { oldest: EventCursor { places } },
            Err(error) => error,
        }
    }

    /// One look at every partition that has something new; moves the places on.
    async fn look_at_events(
        &self,
        account: AccountId,
        places: &mut [EventPlace],
        limit: u32,
    ) -> Result<Vec<Event>, EventsError> {
        let heads = self.ledger.event_heads().await?;
        let news = |(place, head): (&EventPlace, &i64)| place.row <= *head;
        let mut open: Vec<usize> =
            (0..places.len().min(heads.len())).filter(|n| news((&places[*n], &heads[*n]))).collect();
        // Each has its share, and each is the first one in turn, as the places move.
        let turn = places.iter().fold(0u64, |sum, place| {
            sum.wrapping_add(place.row.cast_unsigned()).wrapping_add(u64::from(place.taken))
        });
        if !open.is_empty() {
            let first = usize::try_from(turn % open.len() as u64).unwrap_or(0);
            open.rotate_left(first);
        }
        let share = limit.div_ceil(u32::try_from(open.len().max(1)).unwrap_or(u32::MAX));
        let mut events = Vec::new();
        for place in open {
            let left = limit.saturating_sub(u32::try_from(events.len()).unwrap_or(u32::MAX)).min(share);
            if left == 0 {
                break;
            }
            let id = PartitionId(u16::try_from(place).unwrap_or(u16::MAX));
            match self.ledger.events(id, account, places[place], heads[place], left).await? {
                EventRead::Page { events: some, next } => {
                    events.extend(some);
                    places[place] = next;
                }
                EventRead::Gone { .. } => return Err(self.gone(account).await),
                EventRead::Deaf => return Err(EventsError::NotRecorded),
            }
        }
        Ok(events)
    }
}

impl EventsQuestion {
    fn wants(&self, kind: EventKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}
