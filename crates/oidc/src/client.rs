//! Asking a provider: its documents, kept for a while, and the code for a token.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::access::{Fetch, Fetched};
use domain::control::Secret;
use domain::text::Bilingual;
use domain::time::{Clock, Timestamp};
use form_urlencoded::{Serializer, byte_serialize};
use serde::Deserialize;

use crate::OidcError;
use crate::flow::{FLOW_KEPT, Flow};
use crate::keys::KeySet;
use crate::provider::{Provider, is_trusted};
use crate::token::{Expected, Person, Token};

/// How long a provider's documents are kept.
const KEPT_MILLIS: u64 = 3_600_000;
/// Documents are not read again sooner, whatever tokens name: who sends tokens with invented keys makes no work.
const LEAST_MILLIS: u64 = 60_000;
/// Answers that are remembered as used; beyond that, and after their time, the oldest is forgotten.
const USED: usize = 10_000;
/// Longest code and state that are looked at.
const MOST_BYTES: usize = 4_096;

/// What an operator says of a provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As the provider writes itself.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// None: a public client, which has only PKCE.
    pub client_secret: Option<Secret>,
    /// Where the browser comes back: our own address and `/v1/session/oidc/callback`.
    pub redirect_uri: String,
    /// What is asked for; `openid` is.
    pub scopes: Vec<String>,
}

impl Settings {
    /// Whether they can be used.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), SettingsError> {
        for (name, text) in [("issuer", &self.issuer), ("redirect_uri", &self.redirect_uri)] {
            if text.is_empty() {
                return Err(SettingsError::Missing(name));
            }
            if !is_trusted(text) {
                return Err(SettingsError::Address(name));
            }
        }
        if self.client_id.is_empty() { Err(SettingsError::Missing("client_id")) } else { Ok(()) }
    }
}

/// Why settings cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an address that is trusted.
    #[error("oidc.{0} must be an https address (http only on this machine)")]
    Address(&'static str),
    /// Nothing there.
    #[error("oidc.{0} is missing")]
    Missing(&'static str),
}

impl SettingsError {
    /// What to tell the operator.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            Self::Address(name) => format!("oidc.{name} 应为 https 地址（只有本机可用 http）"),
            Self::Missing(name) => format!("缺少 oidc.{name}"),
        };
        Bilingual { zh: zh.into(), en: self.to_string().into() }
    }
}

/// What the browser brought back.
#[derive(Clone, Default)]
pub struct Answer {
    /// For a token.
    pub code: Option<String>,
    /// Whose question it answers.
    pub state: String,
    /// The provider refused: in its word.
    pub error: Option<String>,
    /// Who answers (RFC 9207), where the provider says so.
    pub issuer: Option<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("error", &self.error).finish_non_exhaustive()
    }
}

/// A provider and what is known of it.
pub struct Client {
    settings: Settings,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    /// One reads, the others wait for what it finds.
    known: tokio::sync::Mutex<Option<Known>>,
    used: Mutex<VecDeque<(String, Timestamp)>>,
}

#[derive(Clone)]
struct Known {
    provider: Provider,
    keys: KeySet,
    read_at: u64,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

impl Client {
    /// Nothing is read before the first sign-in.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(
        settings: Settings,
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let used = Mutex::new(VecDeque::new());
        Ok(Self { settings, fetch, clock, known: tokio::sync::Mutex::new(None), used })
    }

    /// Where the browser goes to sign in there.
    ///
    /// # Errors
    /// When the provider cannot be asked, or its document is none.
    pub async fn address(&self, flow: &Flow) -> Result<String, OidcError> {
        let provider = self.known(None).await?.provider;
        let mut scopes = self.settings.scopes.clone();
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_uri)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &flow.state)
            .append_pair("nonce", &flow.nonce)
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256")
            .finish();
        let endpoint = provider.authorization_endpoint;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{joint}{query}"))
    }

    /// Whom the provider vouches for, by the answer to a question of this browser's. An answer is taken once, whatever comes of it.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn person(&self, flow: &Flow, answer: &Answer) -> Result<Person, OidcError> {
        let now = self.clock.now();
        if answer.state.len() > MOST_BYTES || !flow.takes(&answer.state, now) {
            return Err(OidcError::State);
        }
        self.use_up(&flow.state, now)?;
        if answer.issuer.as_ref().is_some_and(|issuer| *issuer != self.settings.issuer) {
            return Err(OidcError::Refused("another issuer answers".to_owned()));
        }
        if let Some(word) = &answer.error {
            // A word of the standard (RFC 6749, 4.1.2.1); whatever else stands there is not shown.
            let plain =
                word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            return Err(OidcError::Refused(if plain { word.clone() } else { "unknown_error".to_owned() }));
        }
        let code = answer.code.as_ref().filter(|code| !code.is_empty() && code.len() <= MOST_BYTES);
        let code = code.ok_or_else(|| OidcError::Refused("no code".to_owned()))?;
        let provider = self.known(None).await?.provider;
        let written = self.token(&provider, flow, code).await?;
        let token = Token::read(&written)?;
        let keys = self.known(Some(&token)).await?.keys;
        let Settings { issuer, client_id, .. } = &self.settings;
        token.person(&keys, &Expected { issuer, client: client_id, nonce: &flow.nonce, now })
    }

    /// Refuses what was used, and remembers this as used.
    fn use_up(&self, state: &str, now: Timestamp) -> Result<(), OidcError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while used.front().is_some_and(|(_, at)| now.since(*at) >= 2 * FLOW_KEPT) || used.len() >= USED {
            used.pop_front();
        }
        if used.iter().any(|(known, _)| known == state) {
            return Err(OidcError::Replayed);
        }
        used.push_back((state.to_owned(), now));
        Ok(())
    }

    async fn token(&self, provider: &Provider, flow: &Flow, code: &str) -> Result<String, OidcError> {
        let what = "token_endpoint";
        let (authorization, form) = self.request(provider, flow, code);
        let asked = self.fetch.post_form(&provider.token_endpoint, authorization.as_deref(), form);
        let answered = asked.await.map_err(|fault| OidcError::Unreachable { what, fault })?;
        if answered.status != 200 {
            return Err(OidcError::Code { status: answered.status });
        }
        let tokens: Option<Tokens> = serde_json::from_slice(&answered.body).ok();
        let written = tokens.and_then(|tokens| tokens.id_token);
        written.ok_or(OidcError::Provider { what, why: "an id_token is expected" })
    }

    /// What the code is exchanged with: the header, where the secret goes there, and the form.
    fn request(&self, provider: &Provider, flow: &Flow, code: &str) -> (Option<String>, String) {
        let Settings { client_id, client_secret, redirect_uri, .. } = &self.settings;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("code_verifier", &flow.verifier);
        let mut authorization = None;
        match client_secret {
            Some(secret) if !provider.wants_secret_in_form() => {
                // RFC 6749, 2.3.1: both are written as in a form first.
                let escaped = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", escaped(client_id), escaped(&secret.0));
                authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
            }
            Some(secret) => {
                form.append_pair("client_id", client_id).append_pair("client_secret", &secret.0);
            }
            None => {
                form.append_pair("client_id", client_id);
            }
        }
        (authorization, form.finish())
    }

    /// The provider's documents: as they are known, unless they are old, or a token names a key that is not among them.
    async fn known(&self, token: Option<&Token<'_>>) -> Result<Known, OidcError> {
        let mut known = self.known.lock().await;
        let now = self.clock.monotonic_millis();
        if let Some(kept) = known.as_ref() {
            let age = now.saturating_sub(kept.read_at);
            let lacks = token.is_some_and(|token| !token.is_known_to(&kept.keys));
            if age < LEAST_MILLIS || (age < KEPT_MILLIS && !lacks) {
                return Ok(kept.clone());
            }
        }
        let issuer = &self.settings.issuer;
        let document = self.document("openid-configuration", &Provider::address(issuer)).await?;
        let provider = Provider::read(&document, issuer)?;
        let keys = KeySet::read(&self.document("jwks_uri", &provider.jwks_uri).await?)?;
        Ok(known.insert(Known { provider, keys, read_at: now }).clone())
    }

    async fn document(&self, what: &'static str, address: &str) -> Result<Vec<u8>, OidcError> {
        let fetched = self.fetch.get(address).await;
        match fetched.map_err(|fault| OidcError::Unreachable { what, fault })? {
            Fetched { status: 200, body } => Ok(body),
            Fetched { .. } => {
                Err(OidcError::Provider { what, why: "it is answered with another status than 200" })
            }
        }
    }
}
