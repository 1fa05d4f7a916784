//! The loop of one endpoint: reads on from its place, calls, writes down what came of it, and goes on.
//!
//! Calls about one subject are made one after the other, in their order; about different ones at once. A batch is written
//! down as a whole, together with the place behind it: whoever is killed before tells it again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::control::ControlError;
use domain::events::{Event, EventCursor, EventKind, EventSubject, Notice};
use domain::ids::{AccountId, WebhookId};
use domain::nodes::Duty;
use domain::time::Timestamp;
use domain::webhooks::{
    Again, Called, Delivery, Done, HELD_AFTER, Outbound, Settlement, Standing, Tried, Webhook, WebhookFormat,
    settle,
};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::WebhookTrouble;
use super::sign::Signer;
use crate::Engine;
use crate::events::{EventsError, Heads, is_news};

/// Calls of one endpoint that are under way at once.
pub(super) const UNDER_WAY: usize = 64;
/// Events of one batch.
const BATCH: u32 = 512;
/// How long a loop believes what it read of its webhook: what another node changed is seen after this.
const BELIEVED_MILLIS: u64 = 5_000;
/// Looks at events that nobody wants before that they were passed over is written down.
const PASSED_OVER: u32 = 10;
/// How long a loop waits after storage refused it.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);
/// The longest wait between two looks of a loop that finds nothing while others do.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// The first one.
const FIRST_LOOK: Duration = Duration::from_millis(50);
/// How old events of status callbacks are at least: by then it is written down where they go.
const CALLBACKS_AFTER: Duration = Duration::from_secs(1);

/// What is known of the webhook.
struct Known {
    webhook: Webhook,
    standing: Standing,
    read_at: u64,
    /// Looks whose events were passed over since the place was written down.
    passed: u32,
}

/// What a round came to.
enum Next {
    AtOnce,
    /// Nothing to be done until something happens, in any account.
    News,
    /// Nothing to be done for so long.
    Wait(Duration),
    /// It is not called any more, or not by this node.
    End,
}

/// What a look at the account's events saw.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Nothing happened to anybody.
    NoNews,
    /// Something happened to others.
    Nothing,
    /// Something, wanted or not.
    Some,
}

/// What all calls of a batch share.
struct Calling<'a> {
    webhook: &'a Webhook,
    url: Arc<str>,
    signer: Signer,
    /// One after the other.
    failures: AtomicU32,
}

/// A call that was made.
struct Made {
    index: usize,
    called: Called,
    at: Timestamp,
    millis: u32,
}

/// One endpoint's loop.
pub(super) struct Endpoint {
    engine: Arc<Engine>,
    outbound: Arc<dyn Outbound>,
    account: AccountId,
    id: WebhookId,
    known: Option<Known>,
    heads: watch::Receiver<Heads>,
    changed: watch::Receiver<u64>,
    idle: Duration,
}

impl Endpoint {
    pub(super) fn new(
        engine: &Arc<Engine>,
        outbound: &Arc<dyn Outbound>,
        (account, id): (AccountId, WebhookId),
    ) -> Self {
        let mut changed = engine.webhooks.changed.subscribe();
        changed.mark_unchanged();
        Self {
            engine: Arc::clone(engine),
            outbound: Arc::clone(outbound),
            account,
            id,
            known: None,
            heads: engine.watch_heads(),
            changed,
            idle: FIRST_LOOK,
        }
    }

    /// Calls until the webhook is gone or off, or another node calls.
    pub(super) async fn run(mut self) {
        loop {
            let (wait, for_news) = match self.round().await {
                Ok(Next::AtOnce) => continue,
                Ok(Next::News) => (LAST_LOOK, true),
                Ok(Next::Wait(wait)) => (wait, false),
                Ok(Next::End) => return,
                Err(error) => {
                    tracing::warn!(webhook = %self.id, %error, "a webhook is not called for the moment");
                    self.known = None;
                    (AFTER_TROUBLE, false)
                }
            };
            let engine = Arc::clone(&self.engine);
            tokio::select! {
                () = engine.stop.cancelled() => return,
                _ = self.changed.changed() => self.known = None,
                _ = self.heads.changed(), if for_news => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn round(&mut self) -> Result<Next, WebhookTrouble> {
        if !self.engine.node.holds(Duty::Webhooks) || self.engine.is_draining() {
            return Ok(Next::End);
        }
        if !self.learn().await? {
            return Ok(Next::End);
        }
        let now = self.engine.clock.now();
        let Some(known) = &mut self.known else { return Ok(Next::End) };
        if !known.standing.may_be_called(now) {
            let until = known.standing.held_until.map_or(LAST_LOOK, |until| until.since(now));
            return Ok(Next::Wait(until.min(LAST_LOOK)));
        }
        let is_down = known.standing.is_down();
        let due = match known.standing.waiting {
            0 => Vec::new(),
            _ => self.engine.control.due(self.id, now, if is_down { 1 } else { BATCH }).await?,
        };
        let mut batch: Vec<Tried> = due.iter().map(waited).collect();
        let mut cursor = known.standing.cursor.clone();
        let mut seen = Seen::NoNews;
        if batch.is_empty() || !(is_down || known.standing.is_full()) {
            let fresh = if is_down { 1 } else { BATCH };
            match self.read(&mut cursor, fresh).await {
                Ok((some, what)) => {
                    seen = what;
                    batch.extend(some);
                }
                Err(WebhookTrouble::Events(EventsError::Gone { oldest })) => return self.lag(oldest).await,
                Err(error) => return Err(error),
            }
        }
        if batch.is_empty() {
            return Ok(self.rest(cursor, seen));
        }
        self.idle = FIRST_LOOK;
        self.tell(batch, cursor, now).await
    }

    /// Reads what is written of the webhook, unless it was read a moment ago. `false`: it is not to be called.
    async fn learn(&mut self) -> Result<bool, ControlError> {
        let now = self.engine.clock.monotonic_millis();
        if self
            .known
            .as_ref()
            .is_some_and(|known| now < known.read_at + BELIEVED_MILLIS && known.passed < PASSED_OVER)
        {
            return Ok(true);
        }
        let control = &self.engine.control;
        let webhook = control.webhook(self.account, self.id).await?.filter(|webhook| webhook.off.is_none());
        let standing = control.standing(self.id).await?;
        let (Some(webhook), Some(mut standing)) = (webhook, standing) else { return Ok(false) };
        let mut passed = 0;
        if let Some(before) = self.known.take().filter(|before| before.standing.revision == standing.revision)
        {
            standing.cursor = before.standing.cursor;
            passed = before.passed;
            if passed >= PASSED_OVER && control.settle(&self.settlement(standing.clone())).await? {
                standing.revision += 1;
                passed = 0;
            }
        }
        self.known = Some(Known { webhook, standing, read_at: now, passed });
        Ok(true)
    }

    /// Nothing was there for it.
    fn rest(&mut self, cursor: EventCursor, seen: Seen) -> Next {
        if let Some(known) = &mut self.known {
            known.standing.cursor = cursor;
            known.passed += u32::from(seen == Seen::Some);
        }
        match seen {
            Seen::Some => Next::AtOnce,
            Seen::NoNews => Next::News,
            // Others have events, and this account has none: it looks more and more seldom.
            Seen::Nothing => {
                self.idle = (self.idle * 2).min(LAST_LOOK);
                Next::Wait(self.idle)
            }
        }
    }

    /// Events from the cursor on that the endpoint wants, and whether there were any at all.
    async fn read(
        &mut self,
        cursor: &mut EventCursor,
        limit: u32,
    ) -> Result<(Vec<Tried>, Seen), WebhookTrouble> {
        let Some(known) = &self.known else { return Ok((Vec::new(), Seen::NoNews)) };
        let is_callbacks = known.webhook.format == WebhookFormat::Callbacks;
        let heads = Arc::clone(&self.heads.borrow_and_update());
        if !is_news(&cursor.places, &heads) {
            return Ok((Vec::new(), Seen::NoNews));
        }
        if is_callbacks {
            tokio::time::sleep(CALLBACKS_AFTER).await;
        }
        let found = self.engine.look_at_events(self.account, &mut cursor.places, &heads, limit).await?;
        let seen = if found.is_empty() { Seen::Nothing } else { Seen::Some };
        let wanted = found.into_iter().filter(|event| known.webhook.wants(event.kind));
        let mut wanted: Vec<Event> = wanted.collect();
        if is_callbacks {
            wanted = self.engine.only_followed(self.account, wanted).await?;
        }
        let fresh = |event| Tried { event, tries: 0, waited: false, called: None };
        Ok((wanted.into_iter().map(fresh).collect(), seen))
    }

    /// Makes the calls of a batch, and writes down what came of them.
    async fn tell(
        &mut self,
        mut batch: Vec<Tried>,
        cursor: EventCursor,
        now: Timestamp,
    ) -> Result<Next, WebhookTrouble> {
        let Some(known) = &self.known else { return Ok(Next::AtOnce) };
        let times = self.call_all(&known.webhook, &mut batch, now).await?;
        let now = self.engine.clock.now();
        let mut standing = known.standing.clone();
        let settled = settle(&mut standing, &batch, now, self.dice());
        let mut settlement = self.settlement(standing);
        for ((tried, done), (at, millis)) in batch.into_iter().zip(settled.done).zip(times) {
            match done {
                Done::Again(again) => settlement.again.push(again),
                Done::Taken | Done::GivenUp if tried.waited => settlement.done.push(tried.event.id()),
                _ => {}
            }
            if let Some(called) = tried.called {
                let given_up = done == Done::GivenUp;
                let tries = tried.tries + 1;
                settlement.log.push(Delivery { event: tried.event, at, tries, millis, called, given_up });
            }
            if done != Done::Stays {
                settlement.standing.cursor.clone_from(&cursor);
            }
        }
        settlement.release = settled.release;
        settlement.off = settled.off;
        self.keep(settlement).await
    }

    async fn keep(&mut self, settlement: Settlement) -> Result<Next, WebhookTrouble> {
        self.engine.metrics.webhook_calls(&settlement.log);
        let kept = self.engine.control.settle(&settlement).await?;
        let changes_waiting =
            !settlement.again.is_empty() || !settlement.done.is_empty() || settlement.release;
        match &mut self.known {
            Some(known) if kept && !changes_waiting && settlement.off.is_none() => {
                known.standing = settlement.standing;
                known.standing.revision += 1;
                known.passed = 0;
            }
            // Somebody else moved it, or how much waits is counted where it is kept.
            _ => self.known = None,
        }
        if let Some(off) = settlement.off {
            tracing::warn!(webhook = %self.id, %off, "a webhook is disabled");
        }
        Ok(Next::AtOnce)
    }

    /// Events were dropped before the endpoint had them: it goes on with the oldest that are kept, and its account is told.
    async fn lag(&mut self, oldest: EventCursor) -> Result<Next, WebhookTrouble> {
        let Some(known) = &self.known else { return Ok(Next::AtOnce) };
        let now = self.engine.clock.now();
        let standing = Standing { cursor: oldest, lagged_at: Some(now), ..known.standing.clone() };
        tracing::warn!(webhook = %self.id, "a webhook was behind for too long; events were dropped");
        let next = self.keep(self.settlement(standing)).await?;
        let event = Event::plain(EventKind::WebhookLagged, EventSubject::Webhook(self.id), now);
        self.engine.control.add_notices(&[Notice { account: self.account, event }]).await?;
        Ok(next)
    }

    fn settlement(&self, standing: Standing) -> Settlement {
        Settlement {
            webhook: self.id,
            standing,
            again: Vec::new(),
            done: Vec::new(),
            release: false,
            log: Vec::new(),
            off: None,
            now: self.engine.clock.now(),
        }
    }

    /// Makes all calls, and says when each was made and how many milliseconds it took. After many failures one after the
    /// other the rest is left out.
    async fn call_all(
        &self,
        webhook: &Webhook,
        batch: &mut [Tried],
        now: Timestamp,
    ) -> Result<Vec<(Timestamp, u32)>, WebhookTrouble> {
        let mut queues: Vec<Vec<(usize, Event)>> = Vec::new();
        let mut places: HashMap<EventSubject, usize> = HashMap::new();
        for (index, tried) in batch.iter().enumerate() {
            let place = *places.entry(tried.event.subject).or_insert(queues.len());
            if place == queues.len() {
                queues.push(Vec::new());
            }
            queues[place].push((index, tried.event));
        }
        let calling = Calling {
            webhook,
            url: webhook.url.0.as_str().into(),
            signer: Signer::of(webhook, now),
            failures: AtomicU32::new(0),
        };
        let mut times = vec![(now, 0); batch.len()];
        let mut queues = queues.into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < UNDER_WAY
                && let Some(queue) = queues.next()
            {
                under_way.push(self.call_queue(&calling, queue));
            }
            let Some(made) = under_way.next().await else { return Ok(times) };
            for Made { index, called, at, millis } in made? {
                times[index] = (at, millis);
                batch[index].called = Some(called);
            }
        }
    }

    /// Makes calls one after the other.
    async fn call_queue(
        &self,
        calling: &Calling<'_>,
        queue: Vec<(usize, Event)>,
    ) -> Result<Vec<Made>, WebhookTrouble> {
        let mut made = Vec::with_capacity(queue.len());
        for (index, event) in queue {
            if calling.failures.load(Ordering::Relaxed) >= HELD_AFTER {
                break;
            }
            let at = self.engine.clock.now();
            let call = match calling.webhook.format {
                WebhookFormat::Callbacks => self.engine.write_callback(self.account, &event).await?,
                _ => {
                    let with = (&calling.url, &calling.signer);
                    self.engine.write_call(calling.webhook, with, &event, at).await?
                }
            };
            let began = self.engine.clock.monotonic_millis();
            let called = match call {
                Some(call) => self.outbound.call(call).await,
                // What its format has no words for is as good as told.
                None => Called::Answered { status: 204, headers: Vec::new(), body: String::new() },
            };
            let took = self.engine.clock.monotonic_millis().saturating_sub(began);
            if called.is_taken() {
                calling.failures.store(0, Ordering::Relaxed);
            } else {
                calling.failures.fetch_add(1, Ordering::Relaxed);
            }
            made.push(Made { index, called, at, millis: u32::try_from(took).unwrap_or(u32::MAX) });
        }
        Ok(made)
    }

    /// Not secret, and not the same twice.
    fn dice(&self) -> u64 {
        self.id.raw().cast_unsigned() ^ self.engine.clock.monotonic_millis().rotate_left(32)
    }
}

fn waited(again: &Again) -> Tried {
    Tried { event: again.event, tries: again.tries, waited: true, called: None }
}
