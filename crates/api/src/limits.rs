//! How many requests a caller may make: per minute and node, told with every answer
//! (draft-ietf-httpapi-ratelimit-headers).

use std::collections::HashMap;
use std::hash::Hash;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Of a key that has no limit of its own: above what one node takes.
pub(crate) const KEY_PER_MINUTE: u32 = 1_200_000;
/// Of a person: more than any page asks.
pub(crate) const PERSON_PER_MINUTE: u32 = 6_000;
/// Attempts to sign in or to take a link from one address.
pub(crate) const SIGN_INS_PER_MINUTE: u32 = 30;
/// The length of a window.
const WINDOW_MILLIS: u64 = 60_000;
/// Callers counted at once; with more, those whose window has ended are forgotten, then all.
const COUNTED: usize = 20_000;

/// Where a caller stands after one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    pub(crate) limit: u32,
    pub(crate) left: u32,
    /// Seconds until the next window.
    pub(crate) reset: u64,
    /// Whether the request is within the limit.
    pub(crate) within: bool,
}

/// Counts of one kind of callers.
pub(crate) struct Limits<K>(HashMap<K, (u64, u32)>);

impl<K> Default for Limits<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Limits<K> {
    /// Counts one request of `who` at `now`, on a clock that never goes back.
    pub(crate) fn take(&mut self, who: K, limit: u32, now: u64) -> Turn {
        let window = now / WINDOW_MILLIS;
        if self.0.len() >= COUNTED && !self.0.contains_key(&who) {
            self.0.retain(|_, (counted, _)| *counted == window);
            if self.0.len() >= COUNTED {
                self.0.clear();
            }
        }
        let (counted, count) = self.0.entry(who).or_insert((window, 0));
        if *counted != window {
            (*counted, *count) = (window, 0);
        }
        let within = *count < limit;
        *count = count.saturating_add(u32::from(within));
        let reset = (WINDOW_MILLIS - now % WINDOW_MILLIS).div_ceil(1_000);
        Turn { limit, left: limit - *count, reset, within }
    }
}

impl Turn {
    /// Tells the caller.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let Self { limit, left, reset, .. } = self;
        let policy = format!("\"minute\";q={limit};w=60");
        let rest = format!("\"minute\";r={left};t={reset}");
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", rest)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_and_renewed_and_others_are_not_concerned() {
        let mut limits = Limits::default();
        assert_eq!(limits.take(1, 2, 0), Turn { limit: 2, left: 1, reset: 60, within: true });
        assert_eq!(limits.take(1, 2, 59_999), Turn { limit: 2, left: 0, reset: 1, within: true });
        assert!(!limits.take(1, 2, 59_999).within && limits.take(2, 2, 59_999).within);
        assert!(limits.take(1, 2, 60_000).within);
        for who in 0..2 * COUNTED {
            limits.take(who, 2, 60_000);
        }
        assert!(limits.0.len() <= COUNTED);
    }
}
