//! What the outermost layer and the handlers tell each other about one request.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use access::{Actor, Digest};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::control::AuditLine;
use sha2::{Digest as _, Sha256};

use crate::auth::Caller;
use crate::etag::Tag;
use crate::state::{ApiState, Turn};

/// One request. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    /// Its id.
    pub(crate) request: String,
    /// Where it came from, as far as that is known.
    pub(crate) address: Option<IpAddr>,
    /// SHA-256 of the body of a signed request; of nothing when it is not signed.
    pub(crate) body_sha256: [u8; 32],
    told: Arc<Mutex<Told>>,
}

/// What the handlers told.
#[derive(Default)]
pub(crate) struct Told {
    /// Who was let in, and whether they act for another account.
    pub(crate) entered: Option<(Actor, bool)>,
    /// Whether the use-case has written its line of the log itself.
    pub(crate) is_logged: bool,
    /// The object before the change.
    pub(crate) before: Option<Digest>,
    /// What of the caller's limit is left.
    pub(crate) turn: Option<Turn>,
}

impl Context {
    pub(crate) fn new(request: String, address: Option<IpAddr>, body_sha256: Option<[u8; 32]>) -> Self {
        let body_sha256 = body_sha256.unwrap_or_else(|| Sha256::digest([]).into());
        Self { request, address, body_sha256, told: Arc::default() }
    }

    /// Of a request; of one that did not come through the outermost layer, an empty one.
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get().cloned().unwrap_or_else(|| Self::new(String::new(), None, None))
    }

    pub(crate) fn entered(&self, caller: &Caller, acting: bool) {
        self.tell(|told| told.entered = Some((caller.actor().clone(), acting)));
    }

    /// The use-case writes the log itself, together with what it does.
    pub(crate) fn is_logged(&self) {
        self.tell(|told| told.is_logged = true);
    }

    /// The line of the log for a use-case that writes it together with the change; `before` is what `If-Match` saw.
    pub(crate) fn line(
        &self,
        state: &ApiState,
        caller: &Caller,
        action: &str,
        object: &impl ToString,
        after: Option<Tag>,
    ) -> AuditLine {
        self.is_logged();
        let mut line = state.access().audit_line(caller.actor(), action, object);
        line.before = self.told.lock().unwrap_or_else(PoisonError::into_inner).before;
        line.after = after.map(Tag::digest);
        line
    }

    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was told, at the end.
    pub(crate) fn told(&self) -> Told {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}
