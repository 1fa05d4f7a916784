//! Which signatures were used lately, on this node.
//!
//! Bounded: two generations of fingerprints. What the older one forgets is refused by its age instead, so that a
//! forgotten signature is never good again. A start forgets everything, so nothing older than it is good.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash, RandomState};

use domain::access::{SIGNATURE_WINDOW_SECONDS, SignatureError};
use domain::ids::KeyId;

/// Fingerprints of one generation: 8 MiB or so.
const GENERATION: usize = 500_000;

#[derive(Default)]
struct Generation {
    seen: HashSet<u64>,
    newest: i64,
}

/// See the module.
pub(crate) struct Replays {
    hasher: RandomState,
    current: Generation,
    before: Generation,
    /// Seconds since 1970: what was signed before is not good.
    floor: i64,
}

impl Replays {
    /// Nothing that was signed before `began` is good.
    pub(crate) fn new(began: i64) -> Self {
        Self {
            hasher: RandomState::new(),
            current: Generation::default(),
            before: Generation::default(),
            floor: began,
        }
    }

    /// Takes a signature of the time `at` once.
    ///
    /// # Errors
    /// [`SignatureError::Replayed`], or [`SignatureError::Clock`] when nobody can tell any more.
    pub(crate) fn admit(&mut self, key: KeyId, nonce: &str, at: i64, now: i64) -> Result<(), SignatureError> {
        self.take((key, at, nonce), at, now)
    }

    /// Takes a nonce once, whatever the time it comes with.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub(crate) fn admit_nonce(
        &mut self,
        key: KeyId,
        nonce: &str,
        at: i64,
        now: i64,
    ) -> Result<(), SignatureError> {
        self.take((key, nonce), at, now)
    }

    fn take(&mut self, what: impl Hash, at: i64, now: i64) -> Result<(), SignatureError> {
        if at < self.floor {
            return Err(SignatureError::Clock);
        }
        let fingerprint = self.hasher.hash_one(what);
        if self.before.seen.contains(&fingerprint) || !self.current.seen.insert(fingerprint) {
            return Err(SignatureError::Replayed);
        }
        self.current.newest = self.current.newest.max(at);
        let is_old = self.before.newest < now - 2 * SIGNATURE_WINDOW_SECONDS;
        if self.current.seen.len() >= GENERATION || (is_old && self.current.seen.len() > GENERATION / 2) {
            let forgotten = std::mem::replace(&mut self.before, std::mem::take(&mut self.current));
            if !forgotten.seen.is_empty() {
                self.floor = self.floor.max(forgotten.newest + 1);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: KeyId = KeyId::from_raw(7);

    #[test]
    fn a_signature_is_good_once_and_not_from_before_the_start() {
        let mut replays = Replays::new(1_000);
        assert_eq!(replays.admit(KEY, "n", 1_000, 1_000), Ok(()));
        assert_eq!(replays.admit(KEY, "n", 1_000, 1_001), Err(SignatureError::Replayed));
        assert_eq!(replays.admit(KEY, "m", 1_000, 1_001), Ok(()));
        assert_eq!(replays.admit(KeyId::from_raw(8), "n", 1_000, 1_001), Ok(()));
        assert_eq!(replays.admit(KEY, "o", 999, 1_001), Err(SignatureError::Clock));
    }

    #[test]
    fn a_nonce_is_good_once_whatever_its_time() {
        let mut replays = Replays::new(1_000);
        assert_eq!(replays.admit_nonce(KEY, "n", 1_000, 1_000), Ok(()));
        assert_eq!(replays.admit_nonce(KEY, "n", 1_001, 1_001), Err(SignatureError::Replayed));
        assert_eq!(replays.admit_nonce(KeyId::from_raw(8), "n", 1_001, 1_001), Ok(()));
    }

    #[test]
    fn what_is_forgotten_is_refused_by_its_age() {
        let mut replays = Replays::new(0);
        for at in 0..2 * i64::try_from(GENERATION).unwrap() {
            replays.admit(KEY, "n", at, at).unwrap();
        }
        replays.admit(KEY, "n", 2_000_000, 2_000_000).unwrap();
        assert!(replays.before.seen.len() + replays.current.seen.len() <= 2 * GENERATION);
        assert!(replays.admit(KEY, "n", 5, 6).is_err(), "forgotten or not, it is not good again");
        for at in 2_000_001..2_000_001 + i64::try_from(GENERATION).unwrap() {
            replays.admit(KEY, "n", at, at).unwrap();
        }
        assert_eq!(replays.admit(KEY, "n", 5, 6), Err(SignatureError::Clock), "long gone");
    }
}
