//! Messages that are followed to their end, so that whoever sent them over Tencent Cloud's SDK may pull how they ended.
//!
//! They are looked at, at growing distances, rather than told of: whichever node a receipt comes to, the one that took
//! the request sees it. Invariants: at most [`FOLLOWED`] are followed and [`LOOKS`] looks are under way at once. What is
//! followed lies in memory: a restart forgets it, and the message itself is fetched instead.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{AccountId, MessageId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::tencent::{Pulls, Wanted};
use crate::state::ApiState;

/// Messages that are followed at once, by this process.
const FOLLOWED: usize = 20_000;
/// Looks under way at once.
const LOOKS: usize = 64;
/// Messages that were just taken and wait to be followed: some twenty of the largest requests.
const FRESH: usize = 4_096;
/// The first distance between two looks, in milliseconds; it doubles.
const FIRST_LOOK: u64 = 250;
/// The longest distance.
const LAST_LOOK: u64 = 30_000;
/// A message that is followed.
pub(super) struct Followed {
    pub account: AccountId,
    pub message: MessageId,
    /// What its report says of the request.
    pub wanted: Wanted,
    distance: u64,
}

impl Followed {
    pub(super) fn new(account: AccountId, message: MessageId, wanted: Wanted) -> Self {
        Self { account, message, wanted, distance: FIRST_LOOK }
    }
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
            tracing::warn!("too many messages are followed: the report of one is left out");
        }
        taken
    }
}

async fn follow(api: ApiState, pulls: Arc<Pulls>, mut fresh: mpsc::Receiver<Followed>) {
    let mut waiting: BinaryHeap<Reverse<Entry>> = BinaryHeap::new();
    let mut looks: JoinSet<(Followed, bool)> = JoinSet::new();
    loop {
        let now = api.monotonic_millis();
        while looks.len() < LOOKS && waiting.peek().is_some_and(|next| next.0.0 <= now) {
            let Some(Reverse(Entry(_, followed))) = waiting.pop() else { break };
            looks.spawn(look(api.clone(), Arc::clone(&pulls), followed));
        }
        let idle = looks.len() >= LOOKS || waiting.is_empty();
        let until = waiting.peek().map_or(LAST_LOOK, |next| next.0.0.saturating_sub(now).max(1));
        tokio::select! {
            came = fresh.recv(), if waiting.len() + looks.len() < FOLLOWED => match came {
                Some(followed) => waiting.push(Reverse(Entry(now + FIRST_LOOK, followed))),
                // Nobody can ask for more: the process ends.
                None => return,
            },
            Some(done) = looks.join_next() => {
                let Ok((mut followed, ended)) = done else { continue };
                if !ended {
                    followed.distance = (followed.distance * 2).min(LAST_LOOK);
                    waiting.push(Reverse(Entry(api.monotonic_millis() + followed.distance, followed)));
                }
            }
            () = tokio::time::sleep(std::time::Duration::from_millis(until)), if !idle => {}
        }
    }
}

/// Whether it has ended; its report waits to be pulled then.
async fn look(api: ApiState, pulls: Arc<Pulls>, followed: Followed) -> (Followed, bool) {
    let ended = match api.ledger().message(followed.account, followed.message).await {
        Ok(Some(record)) => {
            if record.state.is_final() {
                pulls.add(&record, &followed.wanted);
            }
            record.state.is_final()
        }
        // It was retired: there is nothing to tell any more.
        Ok(None) => true,
        Err(_) => false,
    };
    (followed, ended)
}
