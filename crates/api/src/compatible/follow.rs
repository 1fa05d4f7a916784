//! Messages that are followed to their end, so that whoever sent them over a vendor's SDK hears of it.
//!
//! They are looked at, at growing distances, rather than told of: whichever node a receipt comes to, the one that took
//! the request sees it. Invariants: at most [`FOLLOWED`] are followed at once, [`CALLS`] calls are under way, and a
//! message's news go out one after the other. What is followed lies in memory: a restart forgets it, and the message
//! itself is fetched instead.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{AccountId, MessageId};
use domain::ledger::MessageRecord;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::outbound::Caller;
use super::tencent::{Pulls, Wanted};
use super::twilio::StatusCallback;
use crate::state::ApiState;

/// Messages that are followed at once, by this process.
const FOLLOWED: usize = 20_000;
/// Calls under way at once.
const CALLS: usize = 64;
/// Messages that were just taken and wait to be followed: some twenty of the largest requests.
const FRESH: usize = 4_096;
/// The first distance between two looks, in milliseconds; it doubles.
const FIRST_LOOK: u64 = 250;
/// The longest distance.
const LAST_LOOK: u64 = 30_000;
/// How often a call is tried.
const TRIES: u8 = 3;
/// How long a call that failed waits, times its number.
const AFTER_FAILURE: u64 = 5_000;

/// Who hears of a message.
pub(super) enum Sink {
    /// Is called.
    Twilio(StatusCallback),
    /// Pulls.
    Tencent(Wanted),
}

/// A message that is followed.
pub(super) struct Followed {
    pub account: AccountId,
    pub message: MessageId,
    /// Who is told.
    pub sink: Sink,
    /// The steps that were told.
    told: usize,
    tries: u8,
    distance: u64,
}

impl Followed {
    pub(super) fn new(account: AccountId, message: MessageId, sink: Sink) -> Self {
        Self { account, message, sink, told: 0, tries: 0, distance: FIRST_LOOK }
    }
}

/// What became of a look.
#[derive(Clone, Copy)]
enum Look {
    /// Nothing new; it has ended or not.
    Quiet { ended: bool },
    /// A call was made.
    Told(bool),
}

struct Entry(u64, Followed);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// The follower; its loop starts with the first message, and ends with it.
pub(super) struct Follow {
    api: ApiState,
    pulls: Arc<Pulls>,
    send: Mutex<Option<mpsc::Sender<Followed>>>,
}

impl Follow {
    pub(super) fn new(api: ApiState, pulls: Arc<Pulls>) -> Self {
        Self { api, pulls, send: Mutex::default() }
    }

    /// Follows a message. `false`: too many are followed already.
    pub(super) fn begin(&self, followed: Followed) -> bool {
        let mut send = self.send.lock().unwrap_or_else(PoisonError::into_inner);
        let send = send.get_or_insert_with(|| {
            let (send, receive) = mpsc::channel(FRESH);
            tokio::spawn(follow(self.api.clone(), Arc::clone(&self.pulls), receive));
            send
        });
        let taken = send.try_send(followed).is_ok();
        if !taken {
            tracing::warn!("too many messages are followed: callbacks of one are left out");
        }
        taken
    }
}

async fn follow(api: ApiState, pulls: Arc<Pulls>, mut fresh: mpsc::Receiver<Followed>) {
    let Some(caller) = Caller::new(api.engine().settings().private_callbacks) else {
        tracing::error!("TLS cannot be set up: no callbacks are made");
        return;
    };
    let mut waiting: BinaryHeap<Reverse<Entry>> = BinaryHeap::new();
    let mut looks: JoinSet<(Followed, Look)> = JoinSet::new();
    loop {
        let now = api.monotonic_millis();
        while looks.len() < CALLS && waiting.peek().is_some_and(|next| next.0.0 <= now) {
            let Some(Reverse(Entry(_, followed))) = waiting.pop() else { break };
            looks.spawn(look(api.clone(), Arc::clone(&pulls), caller.clone(), followed));
        }
        let idle = looks.len() >= CALLS || waiting.is_empty();
        let until = waiting.peek().map_or(LAST_LOOK, |next| next.0.0.saturating_sub(now).max(1));
        tokio::select! {
            came = fresh.recv(), if waiting.len() + looks.len() < FOLLOWED => match came {
                Some(followed) => waiting.push(Reverse(Entry(now + FIRST_LOOK, followed))),
                // Nobody can ask for more: the process ends.
                None => return,
            },
            Some(done) = looks.join_next() => {
                let Ok((followed, look)) = done else { continue };
                if let Some((after, followed)) = again(followed, look) {
                    waiting.push(Reverse(Entry(api.monotonic_millis() + after, followed)));
                }
            }
            () = tokio::time::sleep(std::time::Duration::from_millis(until)), if !idle => {}
        }
    }
}

/// When a message is looked at again; not at all once all is told.
fn again(mut followed: Followed, look: Look) -> Option<(u64, Followed)> {
    match look {
        Look::Quiet { ended: true } => None,
        Look::Quiet { ended: false } => {
            followed.distance = (followed.distance * 2).min(LAST_LOOK);
            Some((followed.distance, followed))
        }
        Look::Told(true) => {
            followed.told += 1;
            followed.tries = 0;
            Some((0, followed))
        }
        Look::Told(false) => {
            followed.tries += 1;
            if followed.tries >= TRIES {
                followed.told += 1;
                followed.tries = 0;
            }
            Some((AFTER_FAILURE * u64::from(followed.tries.max(1)), followed))
        }
    }
}

async fn look(api: ApiState, pulls: Arc<Pulls>, caller: Caller, followed: Followed) -> (Followed, Look) {
    let found = api.ledger().message(followed.account, followed.message).await;
    let record: MessageRecord = match found {
        Ok(Some(record)) => record,
        // It was retired: there is nothing to tell any more.
        Ok(None) => return (followed, Look::Quiet { ended: true }),
        Err(_) => return (followed, Look::Quiet { ended: false }),
    };
    let look = match &followed.sink {
        Sink::Twilio(callback) => {
            let (steps, ended) = StatusCallback::steps(&record);
            match steps.get(followed.told) {
                Some(step) => Look::Told(callback.tell(&caller, &record, step).await),
                None => Look::Quiet { ended },
            }
        }
        Sink::Tencent(wanted) => {
            let ended = record.state.is_final();
            if ended {
                pulls.add(&record, wanted);
            }
            Look::Quiet { ended }
        }
    };
    (followed, look)
}
