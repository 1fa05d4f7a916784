//! Versions of what people edit: `ETag` on answers, `If-Match` on changes (RFC 9110 §13).
//!
//! A version is a digest of the document, the same that the audit log tells as before and after.

use access::{Digest, digest_of};
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::context::Context;
use crate::problem::{Kind, Problem};

/// The version of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tag(Digest);

impl Tag {
    pub(crate) fn of(document: &impl Serialize) -> Self {
        Self(digest_of(&[&serde_json::to_string(document).unwrap_or_default()]))
    }

    /// As the audit log tells it.
    pub(crate) const fn digest(self) -> Digest {
        self.0
    }

    fn text(self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("\"{digits}\"")
    }
}

/// A document with its version.
pub(crate) struct Tagged<T>(pub(crate) T, pub(crate) Tag);

impl<T: Serialize> Tagged<T> {
    pub(crate) fn new(document: T) -> Self {
        let tag = Tag::of(&document);
        Self(document, tag)
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        if let Ok(value) = HeaderValue::from_str(&self.1.text()) {
            response.headers_mut().insert(ETAG, value);
        }
        response
    }
}

/// The versions that a change is meant for; none: whatever it is now.
pub(crate) struct IfMatch {
    wanted: Option<String>,
    context: Context,
}

impl IfMatch {
    /// Whether a version was named.
    pub(crate) fn is_asked(&self) -> bool {
        self.wanted.as_deref().is_some_and(|wanted| wanted.trim() != "*")
    }

    /// Whether the change is meant for this version, which is the one before it.
    ///
    /// # Errors
    /// [`Kind::ChangedMeanwhile`].
    pub(crate) fn check(&self, current: Tag) -> Result<(), Problem> {
        self.context.tell(|told| told.before = Some(current.0));
        let text = current.text();
        let fits = |wanted: &String| {
            wanted.split(',').any(|tag| matches!(tag.trim(), tag if tag == "*" || tag == text))
        };
        if self.wanted.as_ref().is_none_or(fits) { Ok(()) } else { Err(Problem::new(Kind::ChangedMeanwhile)) }
    }

    /// [`Self::check`] of something that may not be there yet.
    ///
    /// # Errors
    /// As [`Self::check`]; also when a version was named of what is not there.
    pub(crate) fn check_some(&self, current: Option<Tag>) -> Result<(), Problem> {
        match (current, &self.wanted) {
            (Some(current), _) => self.check(current),
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Problem::new(Kind::ChangedMeanwhile)),
        }
    }
}

impl IfMatch {
    /// What the write itself has to find, where a version was named: nobody may change the thing between the check and the
    /// write.
    pub(crate) fn expects<T>(&self, as_read: T) -> Option<T> {
        self.wanted.is_some().then_some(as_read)
    }

    /// A refusal of the write: that somebody was faster is what the caller asked to be told, if a version was named.
    pub(crate) fn settle(&self, problem: impl Into<Problem>) -> Problem {
        let problem = problem.into();
        if self.wanted.is_some() && problem.is_outrun() {
            Problem::new(Kind::ChangedMeanwhile)
        } else {
            problem
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let wanted = parts.headers.get(IF_MATCH).map(|value| value.to_str().unwrap_or("").to_owned());
        Ok(Self { wanted, context: Context::of(parts) })
    }
}

/// Whether the reader has this version already (`If-None-Match`).
pub(crate) fn is_known(asked: Option<&HeaderValue>, answered: &HeaderMap) -> bool {
    let (Some(asked), Some(tag)) = (asked.and_then(|value| value.to_str().ok()), answered.get(ETAG)) else {
        return false;
    };
    let Ok(tag) = tag.to_str() else { return false };
    asked.split(',').any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*")
}
