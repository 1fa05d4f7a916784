//! Watching heartbeats without trusting anybody's clock.

use std::collections::HashMap;
use std::time::Duration;

use super::{NodeId, NodeRow};

/// What one node has seen of the heartbeats, by its own monotonic clock.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lookout {
    /// Of each life, the newest heartbeat and when it was first seen.
    seen: HashMap<NodeId, (u64, u64)>,
}

impl Lookout {
    /// Takes note of what was read, and names those who have been silent for `silence`. `now_millis` is read after the
    /// rows were: a heartbeat was written before it is seen, so silence is never measured too long.
    pub fn look(&mut self, rows: &[NodeRow], now_millis: u64, silence: Duration) -> Vec<NodeRow> {
        let living: Vec<&NodeRow> = rows.iter().filter(|row| row.standing.holds()).collect();
        self.seen.retain(|node, _| living.iter().any(|row| row.node == *node));
        let limit = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        let mut silent = Vec::new();
        for row in living {
            let (beat, since) = self.seen.entry(row.node).or_insert((row.beat, now_millis));
            if *beat != row.beat {
                (*beat, *since) = (row.beat, now_millis);
            }
            if now_millis.saturating_sub(*since) >= limit {
                silent.push(*row);
            }
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::Standing;
    use crate::time::Timestamp;

    const SILENCE: Duration = Duration::from_millis(100);

    fn row(number: u8, epoch: u32, beat: u64) -> NodeRow {
        let node = NodeId { number, epoch };
        NodeRow { node, standing: Standing::Live, beat, clock: Timestamp::default() }
    }

    #[test]
    fn only_who_stays_silent_while_it_is_watched_is_named() {
        let mut lookout = Lookout::default();
        assert!(lookout.look(&[row(1, 1, 5), row(2, 1, 9)], 1_000, SILENCE).is_empty(), "first seen now");
        assert!(lookout.look(&[row(1, 1, 6), row(2, 1, 9)], 1_099, SILENCE).is_empty());
        assert_eq!(lookout.look(&[row(1, 1, 6), row(2, 1, 9)], 1_100, SILENCE), [row(2, 1, 9)]);
        assert_eq!(lookout.look(&[row(1, 1, 6), row(2, 2, 9)], 1_199, SILENCE), [row(1, 1, 6)], "a new life");
    }

    #[test]
    fn a_watcher_that_was_frozen_itself_accuses_nobody_who_went_on() {
        let mut lookout = Lookout::default();
        lookout.look(&[row(1, 1, 5)], 0, SILENCE);
        assert!(lookout.look(&[row(1, 1, 40)], 60_000, SILENCE).is_empty());
    }

    #[test]
    fn who_has_ended_is_forgotten() {
        let mut lookout = Lookout::default();
        lookout.look(&[row(1, 1, 5)], 0, SILENCE);
        let ended = NodeRow { standing: Standing::Ended, ..row(1, 1, 5) };
        assert!(lookout.look(&[ended], 500, SILENCE).is_empty());
        assert_eq!(lookout, Lookout::default());
    }
}
