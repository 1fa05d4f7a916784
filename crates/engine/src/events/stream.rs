//! Events as a stream to many at once: one reader for each account, whose findings all its listeners share.
//!
//! Each finding says which place it goes on from and which it leads to. A listener who stands elsewhere reads by itself until
//! it stands there, so that nobody misses or repeats anything, wherever it began and however slow it is. A finding is turned
//! into text once, whoever hears it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use domain::events::{Event, EventCursor, EventPlace};
use domain::ids::AccountId;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{EventsError, EventsFrom, Heads, is_news};
use crate::Engine;

/// Findings that a listener may be behind before it reads by itself.
const BEHIND: usize = 64;
/// Events of one finding, at most.
const PAGE: u32 = 500;

/// What the reader of an account found at one of its places.
struct Finding {
    index: usize,
    from: EventPlace,
    to: EventPlace,
    events: Vec<Event>,
}

/// The reader of one account.
pub(crate) struct Hub {
    findings: broadcast::Sender<Arc<Finding>>,
    over: CancellationToken,
}

/// Readers by account, while somebody listens.
pub(crate) type Hubs = Mutex<HashMap<AccountId, Weak<Hub>>>;

/// What one listener hears.
pub struct EventStream {
    engine: Arc<Engine>,
    account: AccountId,
    places: Vec<EventPlace>,
    /// Kept alive by its listeners.
    hub: Arc<Hub>,
    findings: broadcast::Receiver<Arc<Finding>>,
    /// It reads by itself, since it is behind.
    reads: bool,
}

impl EventStream {
    /// Where it stands.
    #[must_use]
    pub fn cursor(&self) -> EventCursor {
        EventCursor { places: self.places.clone() }
    }

    /// The next events; waits until there are some.
    ///
    /// # Errors
    /// [`EventsError`]; the stream is over then. None: the node ends.
    pub async fn next(&mut self) -> Result<Option<Vec<Event>>, EventsError> {
        loop {
            if self.reads {
                let heads = self.engine.heads().await?;
                let events = self.read(&heads).await?;
                self.reads = is_news(&self.places, &heads);
                if !events.is_empty() {
                    return Ok(Some(events));
                }
                if self.reads {
                    continue;
                }
            }
            let heard = tokio::select! {
                heard = self.findings.recv() => heard,
                // The reader has ended, since storage did not answer: the listener comes again.
                () = self.hub.over.cancelled() => return Ok(None),
                () = self.engine.stop.cancelled() => return Ok(None),
            };
            match heard {
                Ok(finding) => {
                    let events = self.follow(&finding).await?;
                    if !events.is_empty() {
                        return Ok(Some(events));
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => self.reads = true,
                Err(broadcast::error::RecvError::Closed) => return Ok(None),
            }
        }
    }

    async fn read(&mut self, heads: &Heads) -> Result<Vec<Event>, EventsError> {
        self.engine.look_at_events(self.account, &mut self.places, heads, PAGE).await
    }

    /// What of a finding is new to this listener.
    async fn follow(&mut self, finding: &Finding) -> Result<Vec<Event>, EventsError> {
        let place = self.places[finding.index];
        if place >= finding.to {
            return Ok(Vec::new());
        }
        self.places[finding.index] = finding.to;
        if place == finding.from {
            return Ok(finding.events.clone());
        }
        // It stands elsewhere: it reads from there to where the finding leads.
        let through = if finding.to.taken == 0 { finding.to.row - 1 } else { finding.to.row };
        let (mut events, mut at) = (Vec::new(), place);
        while at < finding.to {
            let (some, next) =
                self.engine.read_events(self.account, (finding.index, at), through, PAGE).await?;
            if next <= at {
                break;
            }
            events.extend(some);
            at = next;
        }
        // It may have come further than that.
        self.places[finding.index] = at.max(finding.to);
        Ok(events)
    }
}

impl Engine {
    /// Begins to tell an account's events as they happen, from a place on.
    ///
    /// # Errors
    /// [`EventsError`].
    pub async fn stream_events(
        self: &Arc<Self>,
        account: AccountId,
        from: &EventsFrom,
    ) -> Result<EventStream, EventsError> {
        // Heard from before the first look on, so that nothing lies between the two.
        let (hub, findings) = self.hub(account).await?;
        let places = self.begin_events(account, from).await?;
        Ok(EventStream { engine: Arc::clone(self), account, places, hub, findings, reads: true })
    }

    async fn hub(
        self: &Arc<Self>,
        account: AccountId,
    ) -> Result<(Arc<Hub>, broadcast::Receiver<Arc<Finding>>), EventsError> {
        let running = |hubs: &HashMap<AccountId, Weak<Hub>>| {
            let hub = hubs.get(&account).and_then(Weak::upgrade)?;
            let findings = hub.findings.subscribe();
            Some((hub, findings))
        };
        if let Some(found) = running(&self.hubs()) {
            return Ok(found);
        }
        let places = self.begin_events(account, &EventsFrom::Now).await?;
        let mut hubs = self.hubs();
        // Another listener may have been faster.
        if let Some(found) = running(&hubs) {
            return Ok(found);
        }
        hubs.retain(|_, hub| hub.strong_count() > 0);
        let (sender, findings) = broadcast::channel(BEHIND);
        let hub = Arc::new(Hub { findings: sender, over: CancellationToken::new() });
        hubs.insert(account, Arc::downgrade(&hub));
        drop(hubs);
        let (engine, weak) = (Arc::clone(self), Arc::downgrade(&hub));
        self.tasks.spawn(async move {
            if let Err(error) = engine.find_for_all(account, places, &weak).await {
                tracing::debug!(%error, "the events of an account are not streamed any more");
            }
            engine.hubs().retain(|_, known| !known.ptr_eq(&weak));
            // Those who listen are told.
            if let Some(hub) = weak.upgrade() {
                hub.over.cancel();
            }
        });
        Ok((hub, findings))
    }

    fn hubs(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, Weak<Hub>>> {
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads for all who listen, until nobody does.
    async fn find_for_all(
        self: &Arc<Self>,
        account: AccountId,
        mut places: Vec<EventPlace>,
        hub: &Weak<Hub>,
    ) -> Result<(), EventsError> {
        let mut news = self.watch_heads();
        loop {
            let heads = tokio::select! {
                heads = news.wait_for(|heads| is_news(&places, heads)) => match heads {
                    Ok(heads) => Arc::clone(&heads),
                    Err(_) => return Ok(()),
                },
                () = tokio::time::sleep(std::time::Duration::from_secs(5)) => {
                    if hub.strong_count() == 0 { return Ok(()) }
                    continue;
                }
                () = self.stop.cancelled() => return Ok(()),
            };
            for index in 0..places.len().min(heads.len()) {
                while places[index].row <= heads[index] {
                    let from = places[index];
                    let (events, to) = self.read_events(account, (index, from), heads[index], PAGE).await?;
                    if to <= from {
                        break;
                    }
                    places[index] = to;
                    let Some(hub) = hub.upgrade() else { return Ok(()) };
                    // Findings without events tell how far everything is.
                    let _nobody_hears = hub.findings.send(Arc::new(Finding { index, from, to, events }));
                }
            }
        }
    }
}
