//! Secrets and signatures as Standard Webhooks has them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::control::Secret;
use domain::time::Timestamp;
use domain::webhooks::{Webhook, WebhookSigning};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::Sha256;

/// Bytes of every secret.
pub(super) const SECRET_BYTES: usize = 32;

const HMAC: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";

/// The secret of these random bytes.
pub(super) fn secret(signing: WebhookSigning, bytes: &[u8; SECRET_BYTES]) -> Secret {
    let prefix = match signing {
        WebhookSigning::Hmac => HMAC,
        WebhookSigning::Ed25519 => PRIVATE,
    };
    Secret(format!("{prefix}{}", STANDARD.encode(bytes)))
}

fn pair(secret: &Secret) -> Option<Ed25519KeyPair> {
    let seed = STANDARD.decode(secret.0.strip_prefix(PRIVATE)?).ok()?;
    Ed25519KeyPair::from_seed_unchecked(&seed).ok()
}

/// `whpk_…`: what a receiver checks with; none for a secret that both hold.
#[must_use]
pub fn public_key(secret: &Secret) -> Option<String> {
    Some(format!("{PUBLIC}{}", STANDARD.encode(pair(secret)?.public_key().as_ref())))
}

enum Key {
    Hmac(Vec<u8>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// Signs what one webhook is told.
pub(super) struct Signer(Vec<Key>);

impl Signer {
    /// With all secrets that are signed with now, the one in force first.
    pub(super) fn of(webhook: &Webhook, now: Timestamp) -> Self {
        let key = |secret: &Secret| match secret.0.strip_prefix(HMAC) {
            Some(text) => STANDARD.decode(text).ok().map(Key::Hmac),
            None => pair(secret).map(|pair| Key::Ed25519(Box::new(pair))),
        };
        Self(webhook.secrets_at(now).filter_map(|secret| key(&secret.secret)).collect())
    }

    /// The value of `webhook-signature`; `seconds` are those of the timestamp.
    pub(super) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let head = format!("{id}.{seconds}.");
        let mut value = String::with_capacity(64 * self.0.len());
        for key in &self.0 {
            if !value.is_empty() {
                value.push(' ');
            }
            match key {
                Key::Hmac(key) => {
                    // A key of any length is taken.
                    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { continue };
                    mac.update(head.as_bytes());
                    mac.update(body);
                    let _never_fails = write!(value, "v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
                }
                Key::Ed25519(pair) => {
                    let signature = pair.sign(&[head.as_bytes(), body].concat());
                    let _never_fails = write!(value, "v1a,{}", STANDARD.encode(signature.as_ref()));
                }
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{AccountId, WebhookId};
    use domain::webhooks::{OVERLAP, WebhookFormat};
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_674_087_231_000);

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId::from_raw(1),
            account: AccountId::from_raw(1),
            name: String::new(),
            url: Secret(String::new()),
            kinds: Vec::new(),
            format: WebhookFormat::Standard,
            secrets: Vec::new(),
            off: None,
            created_at: NOW,
            version: 1,
        }
    }

    #[test]
    fn an_hmac_is_the_one_of_the_specification() {
        let mut webhook = webhook();
        // The vector that the libraries of Standard Webhooks test with.
        let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        assert!(webhook.rotate(WebhookSigning::Hmac, secret, NOW));
        let signed = Signer::of(&webhook, NOW).sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_ed25519_signature_is_checked_with_the_public_key_and_both_sign_while_they_overlap() {
        let mut webhook = webhook();
        assert!(webhook.rotate(WebhookSigning::Hmac, secret(WebhookSigning::Hmac, &[3; 32]), NOW));
        let private = secret(WebhookSigning::Ed25519, &[7; 32]);
        assert!(private.0.starts_with("whsk_"));
        assert!(webhook.rotate(WebhookSigning::Ed25519, private.clone(), NOW));
        let signed = Signer::of(&webhook, NOW).sign("evn_1", 5, b"{}");
        let (one, other) = signed.split_once(' ').expect("two signatures");
        assert!(other.starts_with("v1,"));
        let signature = STANDARD.decode(one.strip_prefix("v1a,").unwrap()).unwrap();
        let public = public_key(&private).unwrap();
        let public = STANDARD.decode(public.strip_prefix("whpk_").unwrap()).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, public);
        assert!(key.verify(b"evn_1.5.{}", &signature).is_ok());
        assert!(key.verify(b"evn_1.6.{}", &signature).is_err());
        let later = Signer::of(&webhook, NOW.plus(OVERLAP)).sign("evn_1", 5, b"{}");
        assert_eq!(later, one, "the old one signs no more");
        assert_eq!(public_key(&secret(WebhookSigning::Hmac, &[3; 32])), None);
    }
}
