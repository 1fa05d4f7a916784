//! An identity token (OpenID Connect Core 1.0, 3.1.3.7): what it must be before it is believed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::OidcError;
use crate::keys::KeySet;

/// Longest token that is looked at.
const MOST_BYTES: usize = 16 << 10;
/// How far clocks may differ, in seconds.
const SKEW: i64 = 60;
/// A token that was issued longer ago is an old one that somebody kept, in seconds.
const OLDEST: i64 = 600;
/// Longest subject, says the standard.
const SUBJECT_BYTES: usize = 255;
/// Longest e-mail address and name that are taken over.
const TEXT_BYTES: usize = 254;

/// Whom a provider vouches for.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// Who says so.
    pub issuer: String,
    /// Who it is there, for ever.
    pub subject: String,
    /// Their address, if the provider has seen that it is theirs. In small letters.
    pub verified_email: Option<String>,
    /// What they are called.
    pub name: Option<String>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What a token must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now: Timestamp,
}

/// A token taken apart, not yet believed.
pub(crate) struct Token<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    header: Header,
    claims: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that must be understood: none is here.
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    email: Option<String>,
    /// A flag; some providers write it as text.
    #[serde(default)]
    email_verified: Option<Value>,
    #[serde(default)]
    name: Option<String>,
}

impl<'a> Token<'a> {
    /// Takes one apart.
    pub(crate) fn read(text: &'a str) -> Result<Self, OidcError> {
        let malformed = || OidcError::Token("it is not a signed token · 不是已签名的令牌");
        if text.len() > MOST_BYTES {
            return Err(malformed());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let octets = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&octets(header)?).map_err(|_| malformed())?;
        if header.crit.is_some() {
            return Err(malformed());
        }
        Ok(Self { signed, signature: octets(signature)?, claims: octets(claims)?, header })
    }

    /// Whether these keys hold one that it may be signed by.
    pub(crate) fn is_known_to(&self, keys: &KeySet) -> bool {
        keys.knows(self.header.kid.as_deref(), &self.header.alg)
    }

    /// Whom it vouches for, if everything about it is right.
    pub(crate) fn person(&self, keys: &KeySet, expected: &Expected<'_>) -> Result<Person, OidcError> {
        let Header { alg, kid, .. } = &self.header;
        if !keys.signed(kid.as_deref(), alg, self.signed.as_bytes(), &self.signature) {
            return Err(OidcError::Token("no key of the provider has signed it · 签名与提供方的密钥不符"));
        }
        let claims: Claims = serde_json::from_slice(&self.claims)
            .map_err(|_| OidcError::Token("a claim is missing · 缺少必需的声明"))?;
        check(&claims, expected)?;
        let is_verified = match &claims.email_verified {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        let email = claims.email.filter(|email| is_verified && email.len() <= TEXT_BYTES);
        Ok(Person {
            issuer: claims.iss,
            subject: claims.sub,
            verified_email: email.map(|email| email.trim().to_lowercase()),
            name: claims.name.filter(|name| name.len() <= TEXT_BYTES),
        })
    }
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), OidcError> {
    let seconds = expected.now.millis().div_euclid(1_000);
    let audience: Vec<&str> = match &claims.aud {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let ours = audience.contains(&expected.client);
    let azp = claims.azp.as_deref();
    let authorized = azp.map_or(audience.len() == 1, |party| party == expected.client);
    let why = if claims.iss != expected.issuer {
        "it is another issuer's · 签发者不符"
    } else if !ours || !authorized {
        "it is for another client · 受众不符"
    } else if claims.nonce.as_deref() != Some(expected.nonce) {
        "it is the answer to another question (nonce) · 随机数（nonce）不符"
    } else if claims.exp.saturating_add(SKEW) <= seconds {
        "it has expired · 已过期"
    } else if claims.nbf.unwrap_or(claims.iat).max(claims.iat).saturating_sub(SKEW) > seconds {
        "it is from a time that is not yet: compare the clocks · 签发时间在将来，请核对时钟"
    } else if claims.iat.saturating_add(OLDEST) <= seconds {
        "it was issued too long ago · 签发过久"
    } else if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES {
        "its subject is none · 主体标识无效"
    } else {
        return Ok(());
    };
    Err(OidcError::Token(why))
}
