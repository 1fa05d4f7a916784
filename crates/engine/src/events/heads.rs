//! How far there are events, looked at by one task for all who wait.
//!
//! Where several nodes write, a look costs the database a query; so it is made more seldom the longer nothing happens, and
//! not at all while nobody waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::events::EventPlace;
use domain::ledger::LedgerError;
use tokio::sync::watch;

use super::EventsError;
use crate::Engine;

/// Between two looks while something happens.
const LOOK: Duration = Duration::from_millis(100);
/// Between two looks at a database that others write to, when nothing has happened for long.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// Looks at the ledger for each look at the notices: these are seldom, and each look is a query.
const NOTICE_EVERY: u32 = 5;

/// The last row that may be read in each partition and, behind them, the last notice.
pub(crate) type Heads = Arc<Vec<i64>>;

/// Those who wait, and the task that looks for them.
#[derive(Default)]
pub(crate) struct HeadWatch(Mutex<Option<watch::Sender<Heads>>>);

/// Whether something is there that was not read.
pub(crate) fn is_news(places: &[EventPlace], heads: &[i64]) -> bool {
    places.iter().zip(heads).any(|(place, head)| place.row <= *head)
}

impl Engine {
    /// How far there are events now.
    pub(crate) async fn heads(&self) -> Result<Heads, EventsError> {
        let mut heads = self.ledger.event_heads().await?;
        heads.push(self.control.notice_head().await.map_err(of_control)?);
        Ok(Arc::new(heads))
    }

    /// Told whenever there is more; what was known last is seen at once, and may be older than a look.
    pub(crate) fn watch_heads(self: &Arc<Self>) -> watch::Receiver<Heads> {
        let mut running = self.heads.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = running.as_ref() {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(Heads::default());
        *running = Some(sender.clone());
        drop(running);
        self.tasks.spawn(look(Arc::clone(self), sender));
        receiver
    }
}

async fn look(engine: Arc<Engine>, sender: watch::Sender<Heads>) {
    let is_shared = engine.node.joined().is_some();
    let (mut wait, mut notice) = (LOOK, 0);
    for round in 0u32.. {
        {
            let mut running = engine.heads.0.lock().unwrap_or_else(PoisonError::into_inner);
            if sender.receiver_count() == 0 {
                *running = None;
                return;
            }
        }
        match look_once(&engine, round, &mut notice).await {
            Ok(heads) => {
                let is_new = sender.send_if_modified(|known| {
                    let is_new = **known != heads;
                    if is_new {
                        *known = Arc::new(heads);
                    }
                    is_new
                });
                wait = if is_new || !is_shared { LOOK } else { (wait * 5 / 4).min(LAST_LOOK) };
            }
            Err(error) => {
                tracing::warn!(%error, "it is not known how far there are events; those who wait wait longer");
                wait = LAST_LOOK;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = engine.stop.cancelled() => break,
        }
    }
    // Nobody is told any more; whoever asks again starts another task, which ends at once.
    *engine.heads.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

async fn look_once(engine: &Engine, round: u32, notice: &mut i64) -> Result<Vec<i64>, EventsError> {
    let mut heads = engine.ledger.event_heads().await?;
    if round.is_multiple_of(NOTICE_EVERY) {
        *notice = engine.control.notice_head().await.map_err(of_control)?;
    }
    heads.push(*notice);
    Ok(heads)
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
pub(super) fn of_control(error: domain::control::ControlError) -> EventsError {
    EventsError::Ledger(LedgerError::Unavailable(error.to_string()))
}
