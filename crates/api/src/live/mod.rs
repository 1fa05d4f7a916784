//! The live state of campaigns and channels, as server-sent events.
//!
//! A stream begins with all there is (`snapshot`) and then tells what changed (`change`), at most once a second; whoever comes back begins
//! anew, so there is no place to be kept and nothing to be missed. Invariants: however many watch, one task reads and writes everything
//! once; while nobody watches, nothing is read; a stream ends after a quarter of an hour, so that whoever comes back is looked at again.

mod campaigns;
mod channels;
mod look;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::sse::Event as Told;
use domain::ids::AccountId;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;
use crate::streams::Place;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long a stream goes on.
const STREAMED: Duration = Duration::from_secs(900);
/// Campaigns of one account that are told, the newest.
const MOST: usize = 1_000;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(campaigns::stream)).routes(routes!(channels::stream))
}

/// What was seen of the campaigns of those accounts that somebody watches.
type Campaigns = Arc<HashMap<AccountId, Arc<[json::CampaignLive]>>>;
/// What was seen of the channels; none yet before the first look.
type Channels = Option<Arc<[json::ChannelState]>>;

/// Those who watch, and what was seen for all of them.
#[derive(Default)]
pub(crate) struct Live {
    wanted: Mutex<HashMap<AccountId, usize>>,
    /// Somebody watches an account that nobody watched before.
    nudged: Notify,
    campaigns: Mutex<Option<watch::Sender<Campaigns>>>,
    channels: Mutex<Option<watch::Sender<Channels>>>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody who watches an account's campaigns; they are looked at no more when nobody does.
struct Watching {
    state: ApiState,
    account: AccountId,
}

impl Watching {
    fn begin(state: &ApiState, account: AccountId) -> Self {
        *locked(&state.live().wanted).entry(account).or_default() += 1;
        state.live().nudged.notify_one();
        Self { state: state.clone(), account }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut wanted = locked(&self.state.live().wanted);
        if let Some(count) = wanted.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                wanted.remove(&self.account);
            }
        }
    }
}

/// A thing that is told by its id.
trait Named: PartialEq + Clone {
    fn id(&self) -> &str;
}

impl Named for json::CampaignLive {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Named for json::ChannelState {
    fn id(&self) -> &str {
        &self.id
    }
}

/// What is to be told to somebody who was told `before` last: what is new or changed, and what is gone. Nothing: none.
fn change<T: Named>(before: &[T], now: &[T]) -> Option<(Vec<T>, Vec<String>)> {
    let known: HashMap<&str, &T> = before.iter().map(|one| (one.id(), one)).collect();
    let changed = now.iter().filter(|one| known.get(one.id()).is_none_or(|known| *known != *one));
    let changed: Vec<T> = changed.cloned().collect();
    let still: std::collections::HashSet<&str> = now.iter().map(Named::id).collect();
    let gone = before.iter().map(Named::id).filter(|id| !still.contains(id)).map(str::to_owned);
    let gone: Vec<String> = gone.collect();
    (!changed.is_empty() || !gone.is_empty()).then_some((changed, gone))
}

/// One stream of what is seen in `S`: what it told last, and until when, on the monotonic clock, it goes on.
struct Open<S, T> {
    state: ApiState,
    seen: watch::Receiver<S>,
    /// None at first.
    before: Option<Arc<[T]>>,
    until: u64,
    _place: Place,
}

impl<S, T: Named> Open<S, T> {
    fn begin(state: ApiState, seen: watch::Receiver<S>, place: Place) -> Self {
        let until = state.monotonic_millis() + u64::try_from(STREAMED.as_millis()).unwrap_or(u64::MAX);
        Self { state, seen, before: None, until, _place: place }
    }

    /// The next event. `now` picks what is told of what was seen, `document` writes what changed and what is gone. None: the
    /// stream is over.
    async fn next<D: Serialize>(
        &mut self,
        now: impl Fn(&S) -> Option<Arc<[T]>>,
        document: impl Fn(Vec<T>, Vec<String>) -> D,
    ) -> Option<Told> {
        loop {
            let now = now(&self.seen.borrow_and_update());
            if let Some(now) = now {
                let event = match self.before.replace(Arc::clone(&now)) {
                    None => Some(("snapshot", now.to_vec(), Vec::new())),
                    Some(before) => change(&before, &now).map(|(changed, gone)| ("change", changed, gone)),
                };
                if let Some((name, changed, gone)) = event {
                    return told(name, &document(changed, gone));
                }
            }
            self.changed().await?;
        }
    }

    /// Waits for a change of what was seen; none: the stream is over.
    async fn changed(&mut self) -> Option<()> {
        let left = Duration::from_millis(self.until.saturating_sub(self.state.monotonic_millis()));
        let closing = self.state.closing().clone();
        tokio::select! {
            changed = self.seen.changed() => changed.ok(),
            () = tokio::time::sleep(left) => None,
            () = closing.cancelled() => None,
        }
    }
}

/// An event of a stream; where it begins, it also says when to come back.
fn told(name: &str, data: &impl Serialize) -> Option<Told> {
    let event = Told::default().event(name).data(serde_json::to_string(data).ok()?);
    Some(if name == "snapshot" { event.retry(LOOK) } else { event })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: &str, enabled: bool) -> json::ChannelState {
        json::ChannelState { id: id.to_owned(), name: "c".to_owned(), enabled, live: None }
    }

    #[test]
    fn only_what_changed_is_told_and_what_is_gone() {
        let before = [channel("chn_1", true), channel("chn_2", true), channel("chn_3", true)];
        assert_eq!(change(&before, &before), None);
        let now = [channel("chn_1", true), channel("chn_2", false), channel("chn_4", true)];
        let (changed, gone) = change(&before, &now).unwrap();
        assert_eq!(changed, [channel("chn_2", false), channel("chn_4", true)]);
        assert_eq!(gone, ["chn_3"]);
    }
}
