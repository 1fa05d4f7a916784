//! Whether a key that is known is let in.

use core::net::IpAddr;

use ipnet::IpNet;

use crate::time::Timestamp;

/// Networks that one key may name: more than anybody keeps up to date by hand.
pub const MAX_NETWORKS: usize = 64;

/// What a key is let in by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyRules {
    /// Where it may be used from; empty: anywhere.
    pub networks: Vec<IpNet>,
    /// From then on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// When somebody took it back.
    pub revoked_at: Option<Timestamp>,
}

/// Why a key that is known is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyRefusal {
    /// Somebody took it back.
    #[error("the key was revoked")]
    Revoked,
    /// Its time is over.
    #[error("the key has expired")]
    Expired,
    /// It is used from where it may not be used, or nobody knows from where.
    #[error("the key may not be used from this address")]
    ForeignAddress,
}

impl KeyRules {
    /// Whether the key is let in when it is shown from `from` at `now`.
    ///
    /// # Errors
    /// [`KeyRefusal`]; what holds for ever is told before what may change.
    pub fn admit(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), KeyRefusal> {
        if self.revoked_at.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyRefusal::Expired);
        }
        // A peer of the fourth kind that came over a socket of the sixth is the same peer.
        let from = from.map(|from| from.to_canonical());
        let is_near = |from: IpAddr| self.networks.iter().any(|network| network.contains(&from));
        if self.networks.is_empty() || from.is_some_and(is_near) {
            Ok(())
        } else {
            Err(KeyRefusal::ForeignAddress)
        }
    }
}
