//! Sign in at a provider of identities, and come back.
//!
//! What ties both together lies in a cookie of the browser's, so any node takes the answer.

use access::{Admission, SignedIn, Vouched};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use oidc::{Answer, FLOW_KEPT, Flow, OidcError};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{asked, set_cookie};
use crate::context::Context;
use crate::problem::{Kind, Problem};
use crate::request::Params;
use crate::state::ApiState;

/// Paths of people who are not known yet, and have no key. Nothing is there where no provider is set.
pub const OIDC_PATHS: [&str; 2] = ["/v1/session/oidc", "/v1/session/oidc/callback"];

/// Comes along when the provider's page leads back here, which cookies of sessions do not: they are not for other sites' links.
const FLOW_COOKIE: &str = "__Host-hongyan-oidc";

/// Signing in over a provider: how, and whom it lets in.
pub struct Oidc {
    /// The provider.
    pub client: oidc::Client,
    /// As it writes itself.
    pub issuer: String,
    /// What its word may do.
    pub admission: Admission,
}

impl ApiState {
    /// Where somebody can sign in besides here.
    ///
    /// # Errors
    /// Not found where no provider is set.
    fn provider(&self) -> Result<&Oidc, Problem> {
        self.oidc().ok_or_else(|| {
            Problem::no_such("登录方式：未配置身份提供方", "way to sign in: no provider is set")
        })
    }
}

/// 经身份提供方登录 · Sign in over a provider
///
/// For browsers: leads to the provider (OpenID Connect), which leads back to `callback`. Not found where the operator set none.
#[utoipa::path(
    get, path = "/v1/session/oidc", tag = "access",
    responses((status = 303, description = "To the provider."))
)]
pub(crate) async fn begin(State(state): State<ApiState>, context: Context) -> Result<Response, Problem> {
    let provider = state.provider()?;
    state.take_stranger(&context)?;
    let mut random = [0; Flow::RANDOM_BYTES];
    state.control().random(&mut random)?;
    let flow = Flow::begin(&random, state.now());
    let address = provider.client.address(&flow).await.map_err(|error| refused(&error))?;
    let location = HeaderValue::from_str(&address).map_err(|_| Problem::new(Kind::Internal))?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    keep_flow(response.headers_mut(), Some(&flow));
    Ok(response)
}

/// What the provider's page sends along. Providers add words of their own: what is not named here is passed over.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Back {
    /// For a token; good once.
    #[serde(default)]
    code: Option<String>,
    /// Of the question that this answers.
    #[serde(default)]
    state: String,
    /// Why there is no code.
    #[serde(default)]
    error: Option<String>,
    /// Who answers.
    #[serde(default)]
    iss: Option<String>,
}

/// 登录完成 · Come back from the provider
///
/// Sets the session's cookie, as signing in with a password does. An answer is taken once, from the browser that asked, within ten minutes.
#[utoipa::path(
    get, path = "/v1/session/oidc/callback", tag = "access", params(Back),
    responses((status = 200, content_type = "text/html", body = String, description = "Signed in; the cookie is set.",
        example = "<!doctype html>…"))
)]
pub(crate) async fn callback(
    State(state): State<ApiState>,
    context: Context,
    headers: HeaderMap,
    Params(back): Params<Back>,
) -> Result<Response, Problem> {
    let provider = state.provider()?;
    state.take_stranger(&context)?;
    let flow = flow_of(&headers).ok_or_else(|| refused(&OidcError::State))?;
    let answer = Answer { code: back.code, state: back.state, error: back.error, issuer: back.iss };
    let person = provider.client.person(&flow, &answer).await.map_err(|error| refused(&error))?;
    let vouched = Vouched {
        issuer: person.issuer,
        subject: person.subject,
        verified_email: person.verified_email,
        name: person.name,
    };
    let signed_in = state.access().sign_in_vouched(&vouched, &provider.admission, &asked(&context)).await?;
    Ok(page(&signed_in))
}

fn page(signed_in: &SignedIn) -> Response {
    // The next page is asked for by this one, which is ours: a cookie that is not for other sites' links goes along only then.
    let text = "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=/docs\">\
        <title>鸿雁 · Hongyan</title><p>已登录 · Signed in. <a href=\"/docs\">/docs</a>";
    let mut response = Html(text).into_response();
    let headers = response.headers_mut();
    set_cookie(headers, Some(&signed_in.secret.0));
    keep_flow(headers, None);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    );
    response
}

/// Sets the cookie of a sign-in under way, or takes it away.
fn keep_flow(headers: &mut HeaderMap, flow: Option<&Flow>) {
    let age = flow.map_or(0, |_| FLOW_KEPT.as_secs());
    let secret = flow.map(Flow::write).unwrap_or_default();
    let text = format!("{FLOW_COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={age}");
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn flow_of(headers: &HeaderMap) -> Option<Flow> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == FLOW_COOKIE).and_then(|(_, value)| Flow::read(value))
}

fn refused(error: &OidcError) -> Problem {
    tracing::info!(%error, "a sign-in over the provider was not taken");
    let kind = if error.passes() { Kind::Unavailable } else { Kind::SignInRefused };
    Problem::new(kind).with(error.explain())
}
