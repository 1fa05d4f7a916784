//! Who guesses passwords has to wait, longer each time.

use std::time::Duration;

use crate::time::Timestamp;

/// Attempts before the first wait: people mistype.
pub const FREE_ATTEMPTS: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait: whoever wants to lock others out by guessing must keep at it.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// After so long without an attempt all is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

/// Attempts to sign in under one login since the last that succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// When the last one was.
    pub last_at: Timestamp,
    /// Nobody is let in before.
    pub locked_until: Timestamp,
}

/// Nobody is let in under this login before then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many failed attempts; wait until {until:?}")]
pub struct Locked {
    /// When the next attempt is looked at.
    pub until: Timestamp,
}

impl Failures {
    /// Counts an attempt before its password is looked at, so that many at once are worth no more than one after the
    /// other. An attempt that succeeds takes the count away afterwards.
    ///
    /// # Errors
    /// [`Locked`]: the attempt is not to be looked at, nor counted.
    pub fn attempt(self, now: Timestamp) -> Result<Self, Locked> {
        if now < self.locked_until {
            return Err(Locked { until: self.locked_until });
        }
        let before = if now.since(self.last_at) > FORGOTTEN_AFTER { 0 } else { self.count };
        let count = before.saturating_add(1);
        let wait = count.checked_sub(FREE_ATTEMPTS).map_or(Duration::ZERO, |beyond| {
            FIRST_WAIT.saturating_mul(1 << beyond.min(16)).min(LONGEST_WAIT)
        });
        Ok(Self { count, last_at: now, locked_until: now.plus(wait) })
    }

    /// Whether nobody needs to remember this any longer.
    #[must_use]
    pub fn is_forgotten(self, now: Timestamp) -> bool {
        now.since(self.last_at) > FORGOTTEN_AFTER && now >= self.locked_until
    }
}
