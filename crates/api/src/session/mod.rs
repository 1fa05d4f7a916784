//! Signing in and out, choosing a password with a one-time link, and the page that takes the link.

mod begin;
mod end;
mod oidc;
mod password;
mod welcome;

pub use oidc::{OIDC_PATHS, Oidc};

use access::{AccessTrouble, SESSION_KEPT, SignIn};
use axum::http::{HeaderMap, HeaderValue, header};
use domain::time::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::COOKIE;
use crate::context::Context;
use crate::problem::Problem;
use crate::state::ApiState;

/// What is asked by people who are not known yet. They are counted by their address.
pub const SIGN_IN_PATHS: [&str; 2] = ["/v1/session", "/v1/password"];

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(begin::begin, end::end))
        .routes(routes!(password::password))
        .routes(routes!(welcome::welcome))
        .routes(routes!(oidc::begin))
        .routes(routes!(oidc::callback))
}

/// Where a person asks from.
pub(crate) fn asked(context: &Context) -> SignIn {
    SignIn { address: context.address, request: context.request.clone() }
}

/// A refusal, with how long to wait when that is why.
pub(crate) fn refused(trouble: AccessTrouble, now: Timestamp) -> Problem {
    let wait = match &trouble {
        AccessTrouble::Locked(locked) => Some(locked.until.since(now).as_secs().max(1)),
        _ => None,
    };
    let problem = Problem::from(trouble);
    match wait {
        Some(seconds) => problem.after_seconds(seconds),
        None => problem,
    }
}

/// Sets the cookie, or takes it away when there is no secret. Scripts do not see it, other sites' requests do not carry it.
fn set_cookie(headers: &mut HeaderMap, secret: Option<&str>) {
    let age = secret.map_or(0, |_| SESSION_KEPT.as_secs());
    let secret = secret.unwrap_or("");
    let text = format!("{COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={age}");
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
