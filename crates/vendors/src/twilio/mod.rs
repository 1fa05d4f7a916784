//! Twilio's messages, API version 2010-04-01: create, fetch, list, cancel, redact, delete, and status callbacks.
//!
//! The account's sid is `AC` and its number, a key's `SK` and its number; either goes with a secret of ours as its
//! password. What Twilio calls a message's sender is a channel's matter here: see docs/moving-from-twilio.md.

mod callback;
mod create;
mod error;
mod read;
mod resource;
mod update;

use access::AccessTrouble;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::access::Permission;
use domain::ids::{AccountId, KeyId, MessageId};

use super::Desk;
use super::doorman::{Guest, admit, number, peer};
pub(super) use callback::StatusCallback;
use error::Refusal;

/// Longest `user:password` in base64 that is looked at.
const CREDENTIALS_BYTES: usize = 512;

pub(super) fn router() -> Router<Desk> {
    let lists = get(read::list).post(create::create).fallback(not_allowed);
    let one = get(read::fetch).post(update::update).delete(update::delete).fallback(not_allowed);
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", lists)
        .route("/2010-04-01/Accounts/{account}/Messages/{message}", one)
}

async fn not_allowed() -> Refusal {
    Refusal::METHOD
}

/// Whoever showed a key that opens the account in the path.
struct Caller {
    guest: Guest,
    /// As the path has it.
    sid: String,
    /// The rest of the path, without `.json`.
    message: Option<MessageId>,
}

impl Caller {
    async fn let_in(parts: &mut Parts, desk: &Desk, needed: Permission) -> Result<Self, Refusal> {
        let path: Result<Path<Vec<(String, String)>>, PathRejection> =
            Path::from_request_parts(parts, desk).await;
        let Path(path) = path.map_err(|_| Refusal::NOT_FOUND)?;
        let named =
            |name: &str| path.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let sid = named("account").unwrap_or_default().to_owned();
        let account = account(&sid).ok_or(Refusal::NOT_FOUND)?;
        let shown = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (user, secret) = shown.and_then(basic).ok_or(Refusal::UNAUTHORIZED)?;
        let access = desk.api.access();
        let known = match (user.strip_prefix("AC"), user.strip_prefix("SK")) {
            (Some(_), _) if user == sid => access.vendor_token_shown(account, &secret).await,
            (_, Some(key)) => match number(key) {
                Some(key) => access.vendor_key_shown(KeyId::from_raw(key), &secret).await,
                None => Err(AccessTrouble::Unknown),
            },
            _ => Err(AccessTrouble::Unknown),
        };
        let guest = admit(&desk.api, known.map_err(Refusal::of_trouble)?, peer(parts), needed)?;
        // A key opens its own account alone; another one is told as if it were not there.
        if guest.account != account {
            return Err(Refusal::NOT_FOUND);
        }
        let message = named("message").and_then(|file| file.strip_suffix(".json")).and_then(message);
        Ok(Self { guest, sid, message })
    }
}

fn account(sid: &str) -> Option<AccountId> {
    number(sid.strip_prefix("AC")?).map(AccountId::from_raw)
}

fn message(sid: &str) -> Option<MessageId> {
    let hex = sid.strip_prefix("SM").or_else(|| sid.strip_prefix("MM"))?;
    let whole = hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| i64::from_str_radix(hex, 16).ok()).flatten().map(MessageId::from_raw)
}

/// `Basic` credentials (RFC 7617).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, shown) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || shown.len() > CREDENTIALS_BYTES {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(shown.trim()).ok()?).ok()?;
    let (user, secret) = text.split_once(':')?;
    Some((user.to_owned(), secret.to_owned()))
}

/// A sid as Twilio's look: two letters and 32 hex digits.
fn sid(prefix: &str, raw: i64) -> String {
    format!("{prefix}{raw:032x}")
}

/// The version of their API.
const VERSION: &str = "2010-04-01";
