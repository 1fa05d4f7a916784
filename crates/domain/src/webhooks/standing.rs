//! Where a webhook stands, and what a batch of calls does to that.

use std::time::Duration;

use super::{Again, Called, WebhookOff};
use crate::events::{Event, EventCursor};
use crate::time::Timestamp;

/// How long after each failed try the next one comes, as Svix has it; after the last of them an event is given up.
pub const SCHEDULE: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(10 * 3_600),
];
/// Failures one after the other, without one success between, after which an endpoint is taken for down.
pub const HELD_AFTER: u32 = 32;
/// How long an endpoint that is down is left alone, at first; it doubles.
const FIRST_HOLD: Duration = Duration::from_secs(5);
/// At most: so soon is a working endpoint noticed again.
const LAST_HOLD: Duration = Duration::from_secs(5 * 60);
/// Events of one webhook that wait to be tried again; beyond, its place moves no further.
pub const MOST_WAITING: u32 = 1_000;
/// After so long without one success an endpoint is disabled.
pub const DISABLED_AFTER: Duration = Duration::from_secs(5 * 86_400);

/// Where a webhook stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Grows with each change: of two who move it at once, one is refused.
    pub revision: i64,
    /// What comes next.
    pub cursor: EventCursor,
    /// Failures since the last success.
    pub failures: u32,
    /// Since when there was no success.
    pub failing_since: Option<Timestamp>,
    /// When something was taken last.
    pub taken_at: Option<Timestamp>,
    /// While it is down: when it is tried next.
    pub held_until: Option<Timestamp>,
    /// When it was last told that events were dropped before it had them.
    pub lagged_at: Option<Timestamp>,
    /// Events that wait to be tried again.
    pub waiting: u32,
}

impl Standing {
    /// Begins here.
    #[must_use]
    pub fn at(cursor: EventCursor) -> Self {
        Self {
            revision: 1,
            cursor,
            failures: 0,
            failing_since: None,
            taken_at: None,
            held_until: None,
            lagged_at: None,
            waiting: 0,
        }
    }

    /// Whether it is taken for down: one call at a time finds out whether it still is.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.failures >= HELD_AFTER
    }

    /// Whether so much waits that nothing new is read.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting >= MOST_WAITING
    }

    /// Whether it may be called now.
    #[must_use]
    pub fn may_be_called(&self, now: Timestamp) -> bool {
        !self.is_down() || self.held_until.is_none_or(|until| until <= now)
    }

    fn fail(&mut self, now: Timestamp) {
        self.failing_since.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        if self.is_down() {
            let doubled = (self.failures - HELD_AFTER).min(16);
            self.held_until = Some(now.plus((FIRST_HOLD * (1 << doubled)).min(LAST_HOLD)));
        }
    }

    fn succeed(&mut self, now: Timestamp) {
        self.failures = 0;
        self.failing_since = None;
        self.held_until = None;
        self.taken_at = Some(now);
    }
}

/// An event that was to be told, and what came of it.
#[derive(Clone, Debug)]
pub struct Tried {
    pub event: Event,
    /// How often before.
    pub tries: u8,
    /// Whether it waited for this try.
    pub waited: bool,
    /// None: it was left out, since too many before it had failed.
    pub called: Option<Called>,
}

/// What becomes of one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    Taken,
    /// It waits.
    Again(Again),
    /// It stays where it was read: the place does not move.
    Stays,
    GivenUp,
}

/// What a batch does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// In the order of what was tried.
    pub done: Vec<Done>,
    /// The endpoint was down and works again.
    pub release: bool,
    pub off: Option<WebhookOff>,
}

/// A time to wait, somewhat longer or shorter, so that what failed together is not tried together. `dice` is random.
#[must_use]
pub fn jittered(wait: Duration, dice: u64) -> Duration {
    // From nine tenths to eleven tenths.
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis - millis / 10 + dice % (millis / 5 + 1))
}

/// Decides what comes of a batch, and moves the standing; not its cursor, nor what waits.
///
/// A batch of a single event that is new, tried while the endpoint is down, is a probe: when it fails, nothing moves.
pub fn settle(standing: &mut Standing, tried: &[Tried], now: Timestamp, dice: u64) -> Settled {
    let was_down = standing.is_down();
    let mut off = None;
    let mut taken = false;
    let done = tried.iter().enumerate().map(|(place, one)| {
        let dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(place as u64 * 7_919) >> 16;
        let later =
            |wait, tries| Done::Again(Again { event: one.event, tries, due: now.plus(jittered(wait, dice)) });
        let Some(called) = &one.called else { return later(SCHEDULE[0], one.tries) };
        if called.is_taken() {
            standing.succeed(now);
            taken = true;
            return Done::Taken;
        }
        standing.fail(now);
        if called.is_gone() {
            off = Some(WebhookOff::Gone);
        }
        if was_down && !one.waited {
            return Done::Stays;
        }
        match SCHEDULE.get(usize::from(one.tries)) {
            Some(wait) => later(*wait, one.tries + 1),
            None => Done::GivenUp,
        }
    });
    let done = done.collect();
    if standing.failing_since.is_some_and(|since| now >= since.plus(DISABLED_AFTER)) {
        off = off.or(Some(WebhookOff::Failing));
    }
    if taken {
        off = None;
    }
    Settled { done, release: was_down && taken, off }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EventKind, EventSubject};
    use crate::ids::MessageId;
    use crate::webhooks::CallFault;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn standing() -> Standing {
        Standing::at(EventCursor { places: Vec::new() })
    }

    fn tried(number: i64, tries: u8, status: Option<u16>) -> Tried {
        let subject = EventSubject::Message(MessageId::from_raw(number));
        let called = match status {
            Some(status) => Called::Answered { status, headers: Vec::new(), body: String::new() },
            None => Called::Failed(CallFault::TimedOut),
        };
        let event = Event::plain(EventKind::Delivered, subject, NOW);
        Tried { event, tries, waited: tries > 0, called: Some(called) }
    }

    #[test]
    fn each_failure_waits_longer_and_the_last_is_given_up() {
        let mut standing = standing();
        for (tries, wait) in (0u8..).zip(SCHEDULE) {
            for dice in [0, 1, u64::MAX, 0x9e37_79b9_7f4a_7c15] {
                let settled = settle(&mut standing, &[tried(1, tries, Some(500))], NOW, dice);
                let [Done::Again(again)] = settled.done[..] else { panic!("{settled:?}") };
                assert_eq!(again.tries, tries + 1);
                let waits = again.due.since(NOW);
                assert!(waits >= wait * 9 / 10 && waits <= wait * 11 / 10, "{waits:?} for {wait:?}");
            }
        }
        let last = u8::try_from(SCHEDULE.len()).unwrap();
        assert_eq!(settle(&mut standing, &[tried(1, last, None)], NOW, 3).done, [Done::GivenUp]);
        assert_eq!(settle(&mut standing, &[tried(1, 3, Some(200))], NOW, 3).done, [Done::Taken]);
        assert_eq!((standing.failures, standing.failing_since), (0, None));
    }

    #[test]
    fn an_endpoint_that_is_down_is_probed_and_loses_nothing() {
        let mut standing = standing();
        let many: Vec<Tried> = (0..i64::from(HELD_AFTER)).map(|n| tried(n, 0, None)).collect();
        let settled = settle(&mut standing, &many, NOW, 5);
        assert!(settled.done.iter().all(|done| matches!(done, Done::Again(_))), "tried again each");
        assert!(standing.is_down() && !standing.may_be_called(NOW));
        let (mut now, mut probes) = (NOW, 0);
        while now < NOW.plus(DISABLED_AFTER).minus(LAST_HOLD) {
            now = standing.held_until.expect("it is down");
            assert!(standing.may_be_called(now));
            let settled = settle(&mut standing, &[tried(99, 0, None)], now, 5);
            assert_eq!((&settled.done[..], settled.off), (&[Done::Stays][..], None));
            probes += 1;
        }
        assert!(probes > 1_000 && probes < 1_600, "every five minutes: {probes}");
        let later = now.plus(LAST_HOLD);
        let settled = settle(&mut standing.clone(), &[tried(99, 0, None)], later, 5);
        assert_eq!(settled.off, Some(WebhookOff::Failing));
        let settled = settle(&mut standing, &[tried(99, 0, Some(204))], later, 5);
        assert_eq!(settled, Settled { done: vec![Done::Taken], release: true, off: None });
        assert!(!standing.is_down());
    }

    #[test]
    fn one_that_is_gone_is_switched_off_and_what_was_left_out_has_lost_no_try() {
        let mut one = standing();
        assert_eq!(settle(&mut one, &[tried(1, 0, Some(410))], NOW, 0).off, Some(WebhookOff::Gone));
        let left = Tried { called: None, ..tried(2, 4, None) };
        let settled = settle(&mut standing(), &[left], NOW, 0);
        assert!(matches!(settled.done[..], [Done::Again(Again { tries: 4, .. })]));
    }
}
