//! Reading what happened: from a place on, at once or as soon as there is something.
//!
//! Invariants: the events of one message come in their order; nothing between two places is left out without the reader
//! being told; one question reads a bounded number of events and waits for a bounded time.

mod heads;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use domain::control::ControlError;
use domain::events::{
    Event, EventCursor, EventKind, EventPlace, EventRead, EventSubject, Notice, NoticeRead,
};
use domain::ids::{AccountId, PartitionId};
use domain::ledger::LedgerError;
use domain::money::Money;

use crate::Engine;
use heads::of_control;

pub(crate) use heads::{HeadWatch, Heads, is_news};
pub use stream::EventStream;
pub(crate) use stream::Hubs;

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
    pub async fn events(self: &Arc<Self>, question: &EventsQuestion) -> Result<EventsAnswer, EventsError> {
        let account = question.account;
        let mut places = self.begin_events(account, &question.from).await?;
        let (mut events, mut passed_over) = (Vec::new(), 0);
        let mut heads = self.heads().await?;
        let until = tokio::time::sleep(question.wait);
        tokio::pin!(until);
        let mut news = None;
        loop {
            let room = question.limit as usize - events.len();
            let found = self.look_at_events(account, &mut places, &heads, room as u32).await?;
            let all = found.len();
            events.extend(found.into_iter().filter(|event| question.wants(event.kind)));
            passed_over += all;
            let done = !events.is_empty() && (all == 0 || events.len() >= question.limit as usize);
            let no_wait = all == 0 && question.wait.is_zero();
            if done || passed_over >= PASSED_OVER || no_wait {
                return Ok(EventsAnswer { events, next: EventCursor { places } });
            }
            if all > 0 {
                continue;
            }
            let news = news.get_or_insert_with(|| self.watch_heads());
            tokio::select! {
                more = news.wait_for(|heads| is_news(&places, heads)) => {
                    if let Ok(more) = more {
                        heads = Arc::clone(&more);
                        continue;
                    }
                }
                () = &mut until => {}
                // Whoever waits is answered before the node goes.
                () = self.stop.cancelled() => {}
            }
            return Ok(EventsAnswer { events, next: EventCursor { places } });
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

    /// Tells an account of something that lies outside the ledger, durably.
    ///
    /// # Errors
    /// When the control database refuses; nothing is told then.
    pub async fn note(&self, account: AccountId, event: Event) -> Result<(), ControlError> {
        self.control.add_notices(&[Notice { account, event }]).await
    }

    /// Tells an account how its balance is: [`EventKind::BalanceLow`], [`EventKind::BalanceExhausted`] or
    /// [`EventKind::BalanceRestored`].
    ///
    /// # Errors
    /// As [`Self::note`].
    pub async fn note_balance(
        &self,
        account: AccountId,
        kind: EventKind,
        balance: Money,
    ) -> Result<(), ControlError> {
        let event = Event::plain(kind, EventSubject::Account(account), self.clock.now());
        self.note(account, Event { amount: Some(balance), ..event }).await
    }

    pub(crate) async fn begin_events(
        &self,
        account: AccountId,
        from: &EventsFrom,
    ) -> Result<Vec<EventPlace>, EventsError> {
        if !self.ledger.listens(account).await? {
            return Err(EventsError::NotRecorded);
        }
        let partitions = usize::from(self.ledger.partitions().len());
        match from {
            EventsFrom::Cursor(cursor) if cursor.places.len() == partitions + 1 => Ok(cursor.places.clone()),
            // It was given out before there were notices.
            EventsFrom::Cursor(cursor) if cursor.places.len() == partitions => {
                let mut places = cursor.places.clone();
                places.push(self.oldest_notice(account).await?);
                Ok(places)
            }
            EventsFrom::Oldest => self.oldest_events(account).await,
            // It was given out before the ledger moved to another number of partitions.
            EventsFrom::Cursor(_) => Err(self.gone(account).await),
            EventsFrom::Now => {
                let oldest = self.oldest_events(account).await?;
                let heads = self.heads().await?;
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
        places.push(self.oldest_notice(account).await?);
        Ok(places)
    }

    async fn oldest_notice(&self, account: AccountId) -> Result<EventPlace, EventsError> {
        let read = self.control.notices(account, 0, 0, 1).await.map_err(of_control)?;
        let (NoticeRead::Gone { oldest: row } | NoticeRead::Page { next: row, .. }) = read;
        Ok(EventPlace { row, taken: 0 })
    }

    async fn gone(&self, account: AccountId) -> EventsError {
        match self.oldest_events(account).await {
            Ok(places) => EventsError::Gone { oldest: EventCursor { places } },
            Err(error) => error,
        }
    }

    /// Reads on from one of an account's places: of a partition, or, behind the last of these, of the notices.
    pub(crate) async fn read_events(
        &self,
        account: AccountId,
        (index, place): (usize, EventPlace),
        through: i64,
        limit: u32,
    ) -> Result<(Vec<Event>, EventPlace), EventsError> {
        if index < usize::from(self.ledger.partitions().len()) {
            let id = PartitionId(u16::try_from(index).unwrap_or(u16::MAX));
            return match self.ledger.events(id, account, place, through, limit).await? {
                EventRead::Page { events, next } => Ok((events, next)),
                EventRead::Gone { .. } => Err(self.gone(account).await),
                EventRead::Deaf => Err(EventsError::NotRecorded),
            };
        }
        match self.control.notices(account, place.row, through, limit).await.map_err(of_control)? {
            NoticeRead::Page { events, next } => Ok((events, EventPlace { row: next, taken: 0 })),
            NoticeRead::Gone { .. } => Err(self.gone(account).await),
        }
    }

    /// One look at everything that has something new; moves the places on.
    pub(crate) async fn look_at_events(
        &self,
        account: AccountId,
        places: &mut [EventPlace],
        heads: &[i64],
        limit: u32,
    ) -> Result<Vec<Event>, EventsError> {
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
        for index in open {
            let left = limit.saturating_sub(u32::try_from(events.len()).unwrap_or(u32::MAX)).min(share);
            if left == 0 {
                break;
            }
            let (some, next) = self.read_events(account, (index, places[index]), heads[index], left).await?;
            events.extend(some);
            places[index] = next;
        }
        Ok(events)
    }
}

impl EventsQuestion {
    fn wants(&self, kind: EventKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}
