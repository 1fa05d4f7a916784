//! What a channel has for claims now.

use super::Condition;
use crate::channel::Capacity;
use crate::ids::PartitionId;
use crate::lane::Stream;
use crate::pace::kept_of_window;

/// What a channel's claims have of its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Occupied {
    /// Parts that all connections together may have unanswered.
    pub window: u32,
    /// Claimed, and not settled.
    pub in_flight: u32,
    /// Promised to claims that are under way.
    pub promised: u32,
}

/// Parts that the next claim may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Room {
    /// For emergencies.
    pub parts: u32,
    /// For everything else: never more than `parts`.
    pub open: u32,
    /// It will not get larger: a message of more parts may go by itself.
    pub most: bool,
}

/// The first message of a stream, which has more parts than a claim had room for ([`crate::ledger::Claim::unfit`]). Its channel
/// claims nothing but emergencies until there is room for it: small messages of others would take each part that becomes
/// free, and it would wait for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfit {
    pub partition: PartitionId,
    pub stream: Stream,
    pub parts: u8,
}

impl Unfit {
    /// The parts that a claim of its stream may take now, or `None`: it waits. A channel that never has room for it gives it all
    /// it has, and more: a window of two takes a text of five parts when nothing else is on its way.
    #[must_use]
    pub fn claims(self, room: Room, is_emergency: bool) -> Option<u32> {
        let free = if is_emergency { room.parts } else { room.open };
        let parts = u32::from(self.parts);
        if free >= parts { Some(free) } else { room.most.then_some(parts) }
    }
}

impl Room {
    /// By what the channel can write, what the ledger has in flight on it, and how well it is. What is kept for
    /// emergencies is kept of the window and of the pace, each for itself: were it taken off the lesser of both, a channel
    /// with a wide window and a slow pace would carry nothing else.
    #[must_use]
    pub fn of(capacity: Capacity, occupied: Occupied, condition: Condition) -> Self {
        let left = occupied.window.saturating_sub(occupied.in_flight);
        let left_open = left.saturating_sub(kept_of_window(occupied.window));
        let parts = capacity.parts.min(left).saturating_sub(occupied.promised);
        let open = capacity.open.min(left_open).saturating_sub(occupied.promised).min(parts);
        let most = match condition {
            // Alone, it carries on with all it has.
            Condition::Up | Condition::Recovering { allowance: 0 } => u32::MAX,
            Condition::Recovering { allowance } | Condition::Probing { allowance } => allowance,
            Condition::Down { .. } => 0,
        };
        let (parts, open) = (parts.min(most), open.min(most));
        let rests = capacity.rested && occupied.in_flight == 0 && occupied.promised == 0;
        Self { parts, open, most: rests && open > 0 }
    }

    /// What is left for emergencies only.
    #[must_use]
    pub fn kept(self) -> u32 {
        self.parts.saturating_sub(self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::Trouble;

    const FREE: Occupied = Occupied { window: 1_024, in_flight: 0, promised: 0 };

    fn capacity(parts: u32, open: u32) -> Capacity {
        Capacity { parts, open, rested: false, connections_up: 4 }
    }

    fn room(parts: u32, open: u32) -> Room {
        Room { parts, open, most: false }
    }

    #[test]
    fn a_message_longer_than_all_room_goes_when_nothing_else_is_on_its_way() {
        let stream = Stream { lane: crate::ids::LaneId::from_raw(1), carrier: None, avoid: None };
        let unfit = Unfit { partition: PartitionId(0), stream, parts: 5 };
        let two = |rested| Capacity { rested, ..capacity(2, 2) };
        let narrow = |in_flight, promised| Occupied { window: 2, in_flight, promised };
        let claims = |capacity, occupied| unfit.claims(Room::of(capacity, occupied, Condition::Up), false);
        assert_eq!(claims(two(true), narrow(0, 0)), Some(5));
        for occupied in [narrow(1, 0), narrow(0, 1)] {
            assert_eq!(claims(two(true), occupied), None, "the ledger has something on its way");
        }
        assert_eq!(claims(two(false), narrow(0, 0)), None, "there will be more room");
        // A probe of fewer messages than it has parts.
        let probing =
            Room::of(Capacity { rested: true, ..capacity(9, 9) }, FREE, Condition::Probing { allowance: 3 });
        assert_eq!(unfit.claims(probing, false), Some(5));
        let down = Condition::Down { trouble: Trouble::Disconnected, until_millis: None };
        assert_eq!(unfit.claims(Room::of(two(true), narrow(0, 0), down), false), None);
        assert_eq!((unfit.claims(room(9, 4), false), unfit.claims(room(9, 4), true)), (None, Some(9)));
        assert_eq!(unfit.claims(room(9, 7), false), Some(7));
    }

    #[test]
    fn a_wide_window_and_a_slow_pace_leave_room_for_everybody() {
        // Ten parts a second: less than a 64th of the window.
        assert_eq!(Room::of(capacity(14, 10), FREE, Condition::Up), room(14, 10));
        assert_eq!(Room::of(capacity(4, 0), FREE, Condition::Up), room(4, 0));
        assert_eq!(Room::of(capacity(4, 0), FREE, Condition::Up).kept(), 4);
    }

    #[test]
    fn the_last_of_the_window_is_for_emergencies() {
        let nearly = Occupied { in_flight: 1_000, ..FREE };
        assert_eq!(Room::of(capacity(1_024, 1_024), nearly, Condition::Up), room(24, 8));
        let promised = Occupied { promised: 10, ..nearly };
        assert_eq!(Room::of(capacity(1_024, 1_024), promised, Condition::Up), room(14, 0));
    }

    #[test]
    fn a_channel_that_is_not_well_gives_no_more_than_it_may() {
        let of = |condition| Room::of(capacity(100, 90), FREE, condition);
        assert_eq!(of(Condition::Recovering { allowance: 0 }), room(100, 90));
        assert_eq!(of(Condition::Probing { allowance: 5 }), room(5, 5));
        let down = Condition::Down { trouble: Trouble::Disconnected, until_millis: None };
        assert_eq!(of(down), room(0, 0));
    }
}
