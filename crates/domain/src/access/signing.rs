//! Signed requests: what the header holds and what the signature covers.
//!
//! Instead of RFC 9421, whose serialisation needs a library that few customers have, the signature covers a text that
//! any language puts together in five lines. It covers all that decides what happens: method, target, body, for whom,
//! the idempotency key, when, and a number used once.

use crate::ids::KeyId;

/// The first line of what is signed: another scheme would begin with another one.
pub const SIGNATURE_SCHEME: &str = "hongyan-hmac-sha256-v1";
/// How far the time of a signature may be from ours, in seconds.
pub const SIGNATURE_WINDOW_SECONDS: i64 = 300;
/// Characters of a number used once.
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 8..=64;

/// The header `Hongyan-Signature: key=key_…,t=1795573800,n=…,v1=…`.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureHeader {
    /// Whose secret signed.
    pub key: KeyId,
    /// When, in seconds since 1970.
    pub at: i64,
    /// Different in every request of the key.
    pub nonce: String,
    /// HMAC-SHA-256 of [`signed_text`].
    pub mac: [u8; 32],
}

/// What is wrong with a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// The header cannot be read.
    #[error("the header is not of the form key=key_…,t=seconds,n=8 to 64 letters or digits,v1=64 hex digits")]
    Form,
    /// The clocks differ too much, or the request is old.
    #[error("the time of the signature is more than {SIGNATURE_WINDOW_SECONDS} s from ours")]
    Clock,
    /// It was used before.
    #[error("this signature was used before")]
    Replayed,
    /// It does not fit the request.
    #[error("the signature does not fit the request")]
    Mismatch,
}

impl SignatureHeader {
    /// Reads the header's value.
    ///
    /// # Errors
    /// [`SignatureError::Form`].
    pub fn parse(value: &str) -> Result<Self, SignatureError> {
        let (mut key, mut at, mut nonce, mut mac) = (None, None, None, None);
        for part in value.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or(SignatureError::Form)?;
            match name {
                "key" => key = value.parse().ok(),
                "t" => at = value.parse().ok(),
                "n" => nonce = Some(value),
                "v1" => mac = hex(value),
                // What a later version adds is not ours to refuse: what counts is covered by v1.
                _ => {}
            }
        }
        let nonce = nonce.filter(|nonce| {
            NONCE_CHARS.contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        match (key, at, nonce, mac) {
            (Some(key), Some(at), Some(nonce), Some(mac)) => {
                Ok(Self { key, at, nonce: nonce.to_owned(), mac })
            }
            _ => Err(SignatureError::Form),
        }
    }

    /// Whether the signature is of this time.
    ///
    /// # Errors
    /// [`SignatureError::Clock`].
    pub fn check_clock(&self, now_seconds: i64) -> Result<(), SignatureError> {
        let apart = now_seconds.checked_sub(self.at).map_or(i64::MAX, i64::saturating_abs);
        if apart <= SIGNATURE_WINDOW_SECONDS { Ok(()) } else { Err(SignatureError::Clock) }
    }
}

/// What of a request is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedParts<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Path and query, as sent.
    pub target: &'a str,
    /// The header `Hongyan-Account`, or nothing.
    pub account: &'a str,
    /// The header `Idempotency-Key`, or nothing.
    pub idempotency_key: &'a str,
    /// SHA-256 of the body; of nothing when there is none.
    pub body_sha256: &'a [u8; 32],
}

/// The text whose HMAC-SHA-256 is `v1`: eight lines, each but the last ended by a line feed.
#[must_use]
pub fn signed_text(at: i64, nonce: &str, parts: &SignedParts<'_>) -> String {
    let body: String = parts.body_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let SignedParts { method, target, account, idempotency_key, .. } = parts;
    format!("{SIGNATURE_SCHEME}\n{at}\n{nonce}\n{method}\n{target}\n{account}\n{idempotency_key}\n{body}")
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}
