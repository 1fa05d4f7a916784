//! What every handler needs: the running system, the clock, ids, and who spoke lately.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::control::Control;
use domain::ids::{FreshId, IdGenerator};
use domain::ledger::Ledger;
use domain::time::{Clock, Timestamp};
use engine::Engine;
use jiff::tz::TimeZone;

use crate::auth::Caller;

/// How long a key that was looked up is believed: a revoked one works this much longer at most.
const KEY_BELIEVED_MILLIS: u64 = 2_000;
/// Keys remembered at once; beyond that all are forgotten, which costs a look-up each.
const KEYS_REMEMBERED: usize = 1_024;

/// The state of the router. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdGenerator>,
    keys: Mutex<HashMap<[u8; 32], (Caller, u64)>>,
    requests: AtomicU64,
}

impl ApiState {
    /// The API of one engine. `clock` and `ids` are the ones that the engine was made with.
    #[must_use]
    pub fn new(engine: Arc<Engine>, clock: Arc<dyn Clock>, ids: Arc<IdGenerator>) -> Self {
        // Request ids of two runs differ in their first part.
        let requests = AtomicU64::new(clock.now().millis().unsigned_abs() << 20);
        Self(Arc::new(Inner { engine, clock, ids, keys: Mutex::default(), requests }))
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    pub(crate) fn control(&self) -> &Arc<dyn Control> {
        self.0.engine.control()
    }

    pub(crate) fn ledger(&self) -> &Arc<dyn Ledger> {
        self.0.engine.ledger()
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.0.engine.settings().zone
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn monotonic_millis(&self) -> u64 {
        self.0.clock.monotonic_millis()
    }

    pub(crate) fn fresh_id(&self) -> FreshId {
        self.0.ids.fresh(self.now())
    }

    pub(crate) fn request_id(&self) -> String {
        format!("req_{:x}", self.0.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Who this digest belonged to a moment ago.
    pub(crate) fn remembered(&self, digest: &[u8; 32]) -> Option<Caller> {
        let now = self.monotonic_millis();
        let keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(digest).filter(|(_, until)| now < *until).map(|(caller, _)| *caller)
    }

    pub(crate) fn remember(&self, digest: [u8; 32], caller: Caller) {
        let until = self.monotonic_millis() + KEY_BELIEVED_MILLIS;
        let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_REMEMBERED {
            keys.clear();
        }
        keys.insert(digest, (caller, until));
    }
}
