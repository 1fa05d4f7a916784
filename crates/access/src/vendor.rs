//! Keys as other vendors' SDKs use them: to sign as that vendor signs, or shown as its password.
//!
//! What a vendor's signature covers is the API's to know; here is the secret to check it with, and the memory of what was
//! used. Invariant: a key that is good for nothing else here is good for nothing there.

use std::sync::PoisonError;

use domain::access::SignatureError;
use domain::control::Secret;
use domain::ids::{AccountId, KeyId};
use subtle::ConstantTimeEq as _;

use crate::Access;
use crate::{AccessTrouble, Identity, secret_digest};

/// A key with the secret that its owner signs with.
#[derive(Clone)]
pub struct VendorKey {
    /// Which.
    pub key: KeyId,
    /// Whose, and what it may do. Its rules are the caller's to look at.
    pub identity: Identity,
    /// What signatures are made with.
    pub secret: Secret,
}

impl Access {
    /// The key that signs under this id.
    ///
    /// # Errors
    /// [`AccessTrouble`]: no key signs under this id, the account is disabled, or the database does not answer.
    pub async fn vendor_key(&self, id: KeyId) -> Result<VendorKey, AccessTrouble> {
        let grant = self.control.signing_key(id).await?.ok_or(AccessTrouble::Unknown)?;
        let secret = grant.signing.clone().ok_or(AccessTrouble::Unknown)?;
        Ok(VendorKey { key: id, identity: self.identity_of_grant(grant).await?, secret })
    }

    /// The key that is shown with its secret, where a vendor's SDK does so: one that signs, or a bearer key.
    ///
    /// # Errors
    /// As [`Self::vendor_key`]; a wrong secret is told as an unknown key.
    pub async fn vendor_key_shown(&self, id: KeyId, secret: &str) -> Result<VendorKey, AccessTrouble> {
        match self.vendor_key(id).await {
            Ok(known) => {
                let same: bool = known.secret.0.as_bytes().ct_eq(secret.as_bytes()).into();
                if same { Ok(known) } else { Err(AccessTrouble::Unknown) }
            }
            Err(AccessTrouble::Unknown) => {
                let shown = self.vendor_secret_shown(secret).await?;
                if shown.key == id { Ok(shown) } else { Err(AccessTrouble::Unknown) }
            }
            Err(other) => Err(other),
        }
    }

    /// The bearer key of an account that is shown without its id.
    ///
    /// # Errors
    /// As [`Self::vendor_key_shown`].
    pub async fn vendor_token_shown(
        &self,
        account: AccountId,
        secret: &str,
    ) -> Result<VendorKey, AccessTrouble> {
        let shown = self.vendor_secret_shown(secret).await?;
        if shown.identity.home.account.id == account { Ok(shown) } else { Err(AccessTrouble::Unknown) }
    }

    async fn vendor_secret_shown(&self, secret: &str) -> Result<VendorKey, AccessTrouble> {
        let grant = self.control.bearer_key(&secret_digest(secret)).await?.ok_or(AccessTrouble::Unknown)?;
        let key = grant.key.id;
        let identity = self.identity_of_grant(grant).await?;
        Ok(VendorKey { key, identity, secret: Secret(secret.to_owned()) })
    }

    /// Takes a number that a key uses once; `at` is the time of its signature, in seconds since 1970.
    ///
    /// # Errors
    /// [`SignatureError::Replayed`]; [`SignatureError::Clock`] when nobody can tell any more.
    pub fn take_vendor_nonce(&self, key: KeyId, nonce: &str, at: i64) -> Result<(), SignatureError> {
        let now = self.clock.now().millis().div_euclid(1_000);
        let mut replays = self.replays.lock().unwrap_or_else(PoisonError::into_inner);
        replays.admit_nonce(key, nonce, at, now)
    }
}
