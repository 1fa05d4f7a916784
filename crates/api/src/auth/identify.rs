//! From the headers of a request to somebody who is known.

use std::sync::Arc;

use access::{AccessTrouble, Identity, SignedRequest, secret_digest};
use axum::http::header::{AUTHORIZATION, COOKIE as COOKIES};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use domain::access::{SignatureError, SignatureHeader, SignedParts};

use super::{ACCOUNT_HEADER, COOKIE, CSRF_HEADER};
use crate::context::Context;
use crate::layers::SIGNATURE;
use crate::problem::{Kind, Problem};
use crate::state::{ApiState, Credential};

/// Longest key or cookie looked at; ours have less than 60 characters.
const MAX_SECRET_BYTES: usize = 256;

pub(super) async fn identify(
    parts: &Parts,
    state: &ApiState,
    context: &Context,
) -> Result<Arc<Identity>, Problem> {
    if let Some(value) = parts.headers.get(SIGNATURE) {
        let value = value.to_str().map_err(|_| AccessTrouble::from(SignatureError::Form))?;
        return by_signature(parts, state, context, value).await;
    }
    if let Some(value) = parts.headers.get(AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(bearer).ok_or(Problem::new(Kind::Unauthorized))?;
        let credential = Credential::Bearer(secret_digest(secret));
        if let Some(known) = state.remembered(&credential) {
            return Ok(known);
        }
        let identity = state.access().identity_of_key(&secret_digest(secret)).await?;
        return Ok(state.remember(credential, identity));
    }
    let secret = cookie(&parts.headers).ok_or(Problem::new(Kind::Unauthorized))?;
    check_origin(parts)?;
    let credential = Credential::Session(secret_digest(secret));
    if let Some(known) = state.remembered(&credential) {
        return Ok(known);
    }
    let identity = state.access().identity_of_session(secret).await?;
    Ok(state.remember(credential, identity))
}

async fn by_signature(
    parts: &Parts,
    state: &ApiState,
    context: &Context,
    value: &str,
) -> Result<Arc<Identity>, Problem> {
    let header = SignatureHeader::parse(value).map_err(AccessTrouble::from)?;
    let plain = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let signed = SignedRequest {
        header: &header,
        parts: SignedParts {
            method: parts.method.as_str(),
            target,
            account: plain(ACCOUNT_HEADER),
            idempotency_key: plain("idempotency-key"),
            body_sha256: &context.body_sha256,
        },
    };
    let identity = state.access().identity_of_signature(signed).await?;
    state.access().note_use(&identity);
    Ok(Arc::new(identity))
}

/// The credentials of `Bearer …` (RFC 6750 §2.1); the scheme's name has no case (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, secret) = header.split_once(' ')?;
    let secret = secret.trim();
    let fits = !secret.is_empty() && secret.len() <= MAX_SECRET_BYTES;
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(secret)
}

/// The session's secret.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIES).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, secret) = pairs.find(|(name, _)| *name == COOKIE)?;
    (!secret.is_empty() && secret.len() <= MAX_SECRET_BYTES).then_some(secret)
}

/// Browsers send the cookie along whoever asks, so what changes something has to show that one of our pages asks.
fn check_origin(parts: &Parts) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let is_ours = parts.headers.contains_key(CSRF_HEADER);
    let site = parts.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let is_near = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    if is_ours && is_near { Ok(()) } else { Err(Problem::new(Kind::ForeignPage)) }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let request = headers
            .iter()
            .fold(Request::builder().method(method), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = |value: &str| cookie(&parts("GET", &[("cookie", value)]).headers).map(str::to_owned);
        assert_eq!(found("a=b; __Host-hongyan=hyc_1; c=d").as_deref(), Some("hyc_1"));
        assert_eq!(found("hongyan=hyc_1"), None);
        assert_eq!(found("__Host-hongyan="), None);
        assert_eq!(found(&format!("__Host-hongyan={}", "x".repeat(300))), None);
    }

    #[test]
    fn a_session_changes_nothing_for_a_foreign_page() {
        assert!(check_origin(&parts("GET", &[])).is_ok());
        assert!(check_origin(&parts("POST", &[])).is_err());
        assert!(check_origin(&parts("POST", &[("hongyan-csrf", "1")])).is_ok());
        let near = [("hongyan-csrf", "1"), ("sec-fetch-site", "same-origin")];
        assert!(check_origin(&parts("POST", &near)).is_ok());
        let far = [("hongyan-csrf", "1"), ("sec-fetch-site", "cross-site")];
        assert!(check_origin(&parts("DELETE", &far)).is_err());
    }
}
