//! How often something is asked of PostgreSQL, and the waits in between.

use std::time::Duration;

/// Tries in all.
const TRIES: u32 = 6;
/// Wait before the second try; doubles for each further one, so that all of them span some 1.2 seconds: a failover
/// takes longer, and then the caller is told.
const BACK_OFF: Duration = Duration::from_millis(40);

/// The tries of one transaction or look that are left; the first one is under way.
pub struct Tries {
    left: u32,
    wait: Duration,
}

impl Default for Tries {
    fn default() -> Self {
        Self { left: TRIES - 1, wait: BACK_OFF }
    }
}

impl Tries {
    /// Waits for the next try. `false`, at once: there is none.
    pub async fn again(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        tokio::time::sleep(self.wait).await;
        self.wait *= 2;
        true
    }
}
