//! What every handler needs: the running system, the clock, ids, and who spoke lately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use access::{Access, Identity};
use domain::access::Principal;
use domain::control::{Control, Statements};
use domain::ids::{FreshId, IdGenerator};
use domain::ledger::Ledger;
use domain::time::{Clock, Timestamp};
use engine::Engine;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::limits::{KEY_PER_MINUTE, Limits, PERSON_PER_MINUTE, SIGN_INS_PER_MINUTE};
use crate::live::Live;
use crate::problem::{Kind, Problem};
use crate::session::Oidc;
use crate::streams::Streams;

pub(crate) use crate::limits::Turn;

/// How long somebody who was looked up is believed: what another node revoked works this much longer at most.
const BELIEVED_MILLIS: u64 = 2_000;
/// Keys and sessions remembered at once; beyond that all are forgotten, which costs a look-up each.
const REMEMBERED: usize = 1_024;

/// What somebody showed, by its digest. The kinds are apart, so that a cookie is never taken for a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Credential {
    /// A key.
    Bearer([u8; 32]),
    /// A session's cookie.
    Session([u8; 32]),
}

/// The state of the router. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    statements: Arc<dyn Statements>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdGenerator>,
    known: Mutex<HashMap<Credential, (Arc<Identity>, u64)>>,
    callers: Mutex<Limits<Principal>>,
    strangers: Mutex<Limits<Option<IpAddr>>>,
    requests: AtomicU64,
    streams: Streams,
    live: Live,
    oidc: OnceLock<Oidc>,
    closing: CancellationToken,
}

impl ApiState {
    /// The API of one engine. `clock` and `ids` are the ones that the engine was made with; `statements` are of the same
    /// control database.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        statements: Arc<dyn Statements>,
        clock: Arc<dyn Clock>,
        ids: Arc<IdGenerator>,
    ) -> Self {
        // Request ids of two runs differ in their first part.
        let requests = AtomicU64::new(clock.now().millis().unsigned_abs() << 20);
        Self(Arc::new(Inner {
            engine,
            statements,
            clock,
            ids,
            known: Mutex::default(),
            callers: Mutex::default(),
            strangers: Mutex::default(),
            requests,
            streams: Streams::default(),
            live: Live::default(),
            oidc: OnceLock::new(),
            closing: CancellationToken::new(),
        }))
    }

    /// People may sign in over this provider too. Once, before anything is served.
    pub fn set_oidc(&self, oidc: Oidc) {
        let _only_the_first_counts = self.0.oidc.set(oidc);
    }

    pub(crate) fn oidc(&self) -> Option<&Oidc> {
        self.0.oidc.get()
    }

    /// The running system.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// Who may do what.
    #[must_use]
    pub fn access(&self) -> &Access {
        self.0.engine.access()
    }

    /// The control database.
    #[must_use]
    pub fn control(&self) -> &Arc<dyn Control> {
        self.0.engine.control()
    }

    pub(crate) fn statements(&self) -> &Arc<dyn Statements> {
        &self.0.statements
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        self.0.engine.ledger()
    }

    /// The zone of schedules and reports.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.0.engine.settings().zone
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Milliseconds of a clock that never goes back.
    #[must_use]
    pub fn monotonic_millis(&self) -> u64 {
        self.0.clock.monotonic_millis()
    }

    pub(crate) fn fresh_id(&self) -> FreshId {
        self.0.ids.fresh(self.now())
    }

    /// Streams that are open, by who opened them.
    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// Those who watch campaigns and channels.
    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    /// Cancelled when the listener takes no more requests: streams end then.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    /// A fresh id of a request.
    #[must_use]
    pub fn request_id(&self) -> String {
        format!("req_{:x}", self.0.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Who showed this a moment ago.
    pub(crate) fn remembered(&self, credential: &Credential) -> Option<Arc<Identity>> {
        let now = self.monotonic_millis();
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(credential).filter(|(_, until)| now < *until).map(|(identity, _)| Arc::clone(identity))
    }

    /// Remembers who showed this, and that they were here.
    pub(crate) fn remember(&self, credential: Credential, identity: Identity) -> Arc<Identity> {
        self.access().note_use(&identity);
        let until = self.monotonic_millis() + BELIEVED_MILLIS;
        let identity = Arc::new(identity);
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(credential, (Arc::clone(&identity), until));
        identity
    }

    /// Access was changed: everybody is looked up anew.
    pub(crate) fn forget_all(&self) {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Counts a request of somebody who is known.
    ///
    /// # Errors
    /// [`Kind::RateLimited`] beyond their limit.
    pub(crate) fn take_turn(&self, identity: &Identity, context: &Context) -> Result<(), Problem> {
        let limit = match identity.principal {
            Principal::Key(_) => identity.per_minute.unwrap_or(KEY_PER_MINUTE),
            Principal::User(_) | Principal::System => PERSON_PER_MINUTE,
        };
        let mut callers = self.0.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = callers.take(identity.principal, limit, self.monotonic_millis());
        drop(callers);
        context.tell(|told| told.turn = Some(turn));
        if turn.within { Ok(()) } else { Err(Problem::new(Kind::RateLimited).after_seconds(turn.reset)) }
    }

    /// Counts a request over another interface. `false`: it is beyond the limit.
    #[must_use]
    pub fn takes(&self, identity: &Identity) -> bool {
        self.take_turn(identity, &Context::new(String::new(), None, None)).is_ok()
    }

    /// Counts an attempt of somebody who is not known yet.
    ///
    /// # Errors
    /// [`Kind::RateLimited`] beyond the limit of their address.
    pub(crate) fn take_stranger(&self, context: &Context) -> Result<(), Problem> {
        let mut strangers = self.0.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = strangers.take(context.address, SIGN_INS_PER_MINUTE, self.monotonic_millis());
        drop(strangers);
        context.tell(|told| told.turn = Some(turn));
        if turn.within { Ok(()) } else { Err(Problem::new(Kind::RateLimited).after_seconds(turn.reset)) }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cookie_is_no_key() {
        let digest = [7; 32];
        assert!(super::Credential::Bearer(digest) != super::Credential::Session(digest));
    }
}
