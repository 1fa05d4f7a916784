//! One sign-in under way: what the browser keeps until it comes back.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::time::Timestamp;
use sha2::{Digest as _, Sha256};

/// How long somebody may take at the provider.
pub const FLOW_KEPT: Duration = Duration::from_secs(600);
/// Octets of each secret: 256 bits.
const SECRET_BYTES: usize = 32;

/// What ties an answer to the browser that asked. Lies in a cookie that scripts do not see, and nowhere else: any node takes the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Flow {
    /// Comes back in the address.
    pub(crate) state: String,
    /// Comes back in the token.
    pub(crate) nonce: String,
    /// Shown to the provider with the code (RFC 7636).
    pub(crate) verifier: String,
    pub(crate) begun_at: Timestamp,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("begun_at", &self.begun_at).finish_non_exhaustive()
    }
}

impl Flow {
    /// Random octets that one takes.
    pub const RANDOM_BYTES: usize = 3 * SECRET_BYTES;

    /// Begins one, from fresh random octets.
    #[must_use]
    pub fn begin(random: &[u8; Self::RANDOM_BYTES], now: Timestamp) -> Self {
        let text =
            |place: usize| URL_SAFE_NO_PAD.encode(&random[place * SECRET_BYTES..(place + 1) * SECRET_BYTES]);
        Self { state: text(0), nonce: text(1), verifier: text(2), begun_at: now }
    }

    /// For the cookie.
    #[must_use]
    pub fn write(&self) -> String {
        format!("{}.{}.{}.{}", self.state, self.nonce, self.verifier, self.begun_at.millis())
    }

    /// From the cookie.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut secret = || {
            let part = parts.next()?;
            let octets = URL_SAFE_NO_PAD.decode(part).ok()?;
            (octets.len() == SECRET_BYTES).then(|| part.to_owned())
        };
        let (state, nonce, verifier) = (secret()?, secret()?, secret()?);
        let begun_at = Timestamp::from_millis(parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { state, nonce, verifier, begun_at })
    }

    /// Whether an answer with this state, that comes now, is to this question.
    pub(crate) fn takes(&self, state: &str, now: Timestamp) -> bool {
        // A clock that was set back makes nothing younger than it is for ever.
        let in_time = now.since(self.begun_at) < FLOW_KEPT && self.begun_at.since(now) < FLOW_KEPT;
        let same = ring::digest::digest(&ring::digest::SHA256, state.as_bytes());
        let own = ring::digest::digest(&ring::digest::SHA256, self.state.as_bytes());
        in_time && same.as_ref() == own.as_ref()
    }

    /// What the provider is shown of the verifier at first.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_573_800_000);

    #[test]
    fn a_flow_comes_back_from_its_cookie_and_takes_its_own_state_in_time() {
        let flow = Flow::begin(&std::array::from_fn(|place| place as u8), NOW);
        let read = Flow::read(&flow.write()).unwrap();
        assert!(read == flow && flow.state != flow.nonce && flow.nonce != flow.verifier);
        assert!(flow.takes(&flow.state, NOW.plus(Duration::from_secs(599))));
        assert!(!flow.takes(&flow.state, NOW.plus(FLOW_KEPT)), "too late");
        assert!(!flow.takes(&flow.nonce, NOW), "another's");
        let later = Flow { begun_at: NOW.plus(FLOW_KEPT), ..flow.clone() };
        assert!(!later.takes(&later.state, NOW), "from a time that is not yet");
        let cookie = flow.write();
        for bad in ["", "a.b.c.1", &cookie[1..], &format!("{cookie}.x"), &cookie.replace('.', "_")] {
            assert!(Flow::read(bad).is_none(), "{bad}");
        }
        assert!(!format!("{flow:?}").contains(&flow.verifier));
    }

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let flow = Flow { verifier, ..Flow::begin(&[0; Flow::RANDOM_BYTES], NOW) };
        assert_eq!(flow.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
