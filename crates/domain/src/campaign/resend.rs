//! To whom what failed may be sent again.
//!
//! A campaign and all that was sent again of it are one family. Invariants: nobody whom any message of the family
//! reached gets another one, and nobody for whom one is still on its way; what may have arrived goes out again only when
//! that is asked for by name.

use std::collections::{BTreeMap, HashMap};

use crate::ids::{CampaignId, MessageId};
use crate::message::{MessageState, Reason};

/// Ends that may be asked for.
pub const RESENDABLE: [MessageState; 5] = [
    MessageState::Undelivered,
    MessageState::Expired,
    MessageState::Failed,
    MessageState::Unknown,
    MessageState::Uncertain,
];

/// Which failures are asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResendFilter {
    /// Of [`RESENDABLE`]; none: those that certainly did not arrive.
    pub states: Vec<MessageState>,
    /// None: whatever the reason.
    pub reasons: Vec<Reason>,
}

/// What a campaign is that sends failures of another one again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resend {
    /// The campaign whose failures they are.
    pub of: CampaignId,
    /// The first of the family.
    pub root: CampaignId,
    pub filter: ResendFilter,
    /// Who asked for it: the id of a key or a person.
    pub asked_by: String,
}

/// A message of the family, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The phone as a number.
    pub phone: u64,
    pub message: MessageId,
    pub state: MessageState,
    pub reason: Reason,
    pub test: bool,
}

/// What a choice came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResendCount {
    /// Messages that would be sent again.
    pub messages: u64,
    /// The same by how they ended, most first.
    pub by_end: Vec<(MessageState, Reason, u64)>,
    /// Those of them that may have arrived.
    pub possible_duplicates: u64,
    /// Failures as asked for that are left out because the person got another message of the family.
    pub delivered: u64,
    /// Failures as asked for that are left out because another message of the family is on its way, or may have arrived.
    pub under_way: u64,
}

/// Who gets it again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Choice {
    pub count: ResendCount,
    /// By phone: of how many messages of the campaign, and which of them in the order of their ids.
    chosen: HashMap<u64, (u32, Vec<Chosen>)>,
}

/// A message that is sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// Which of its phone's messages, in the order of their ids.
    place: u32,
    /// It may have arrived: the new one is a possible duplicate.
    pub may_have_arrived: bool,
}

/// Ends that leave open whether the message arrived.
const PERHAPS: [MessageState; 2] = [MessageState::Unknown, MessageState::Uncertain];

/// What of a person is known in the family.
#[derive(Clone, Copy, Default)]
struct Known {
    delivered: bool,
    under_way: bool,
}

impl ResendFilter {
    /// Whether a message that ended so is asked for.
    #[must_use]
    pub fn asks_for(&self, state: MessageState, reason: Reason) -> bool {
        let certain = [MessageState::Undelivered, MessageState::Expired, MessageState::Failed];
        let states = if self.states.is_empty() { &certain[..] } else { &self.states[..] };
        states.contains(&state) && (self.reasons.is_empty() || self.reasons.contains(&reason))
    }

    /// Whether a message that stands so keeps its person from getting another one, before it is known how it ends.
    fn is_under_way(&self, state: MessageState) -> bool {
        match state {
            MessageState::Queued | MessageState::Sending | MessageState::Submitted => true,
            MessageState::Unknown | MessageState::Uncertain => !self.states.contains(&state),
            _ => false,
        }
    }
}

impl Choice {
    /// Chooses among a campaign's own messages; `family` are those of all other campaigns of its family.
    #[must_use]
    pub fn of(filter: &ResendFilter, mut own: Vec<Sent>, family: impl IntoIterator<Item = Sent>) -> Self {
        let mut known: HashMap<u64, Known> = HashMap::new();
        for sent in own.iter().copied().chain(family) {
            let delivered = sent.state == MessageState::Delivered;
            let under_way = filter.is_under_way(sent.state);
            if delivered || under_way {
                let person = known.entry(sent.phone).or_default();
                person.delivered |= delivered;
                person.under_way |= under_way;
            }
        }
        own.sort_by_key(|sent| (sent.phone, sent.message));
        let mut choice = Self::default();
        let mut by_end: BTreeMap<(MessageState, Reason), u64> = BTreeMap::new();
        for of_phone in own.chunk_by(|one, other| one.phone == other.phone) {
            let Some(first) = of_phone.first() else { continue };
            let Known { delivered, under_way } = known.get(&first.phone).copied().unwrap_or_default();
            let mut places = Vec::new();
            for (place, sent) in (0..).zip(of_phone) {
                if sent.test || !filter.asks_for(sent.state, sent.reason) {
                    continue;
                }
                if delivered {
                    choice.count.delivered += 1;
                } else if under_way {
                    choice.count.under_way += 1;
                } else {
                    places.push(Chosen { place, may_have_arrived: PERHAPS.contains(&sent.state) });
                    *by_end.entry((sent.state, sent.reason)).or_default() += 1;
                }
            }
            if !places.is_empty() {
                let messages = u32::try_from(of_phone.len()).unwrap_or(u32::MAX);
                choice.chosen.insert(first.phone, (messages, places));
            }
        }
        choice.count.messages = by_end.values().sum();
        let duplicates = by_end.iter().filter(|((state, _), _)| PERHAPS.contains(state));
        choice.count.possible_duplicates = duplicates.map(|(_, messages)| messages).sum();
        choice.count.by_end =
            by_end.into_iter().map(|((state, reason), messages)| (state, reason, messages)).collect();
        choice.count.by_end.sort_by_key(|(.., messages)| std::cmp::Reverse(*messages));
        choice
    }

    /// Whether a phone is among the chosen.
    #[must_use]
    pub fn has(&self, phone: u64) -> bool {
        self.chosen.contains_key(&phone)
    }

    /// The message of the row of the campaign's audience that is the `place`th of its phone, of `rows` in all, if it goes
    /// out again. Rows became messages in their order, so where there are as many of both, the row's message is known.
    #[must_use]
    pub fn takes(&self, phone: u64, place: u32, rows: u32) -> Option<Chosen> {
        let (messages, chosen) = self.chosen.get(&phone)?;
        chosen.iter().find(|chosen| *messages == rows && chosen.place == place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MessageState as S;

    fn sent(phone: u64, message: i64, state: S, reason: Reason) -> Sent {
        Sent { phone, message: MessageId::from_raw(message), state, reason, test: false }
    }

    fn filter(states: &[S], reasons: &[Reason]) -> ResendFilter {
        ResendFilter { states: states.to_vec(), reasons: reasons.to_vec() }
    }

    #[test]
    fn who_was_reached_or_may_still_be_gets_nothing() {
        let own = vec![
            sent(1, 1, S::Failed, Reason::CarrierSystem),
            sent(2, 2, S::Undelivered, Reason::Unreachable),
            sent(3, 3, S::Delivered, Reason::None),
            sent(4, 4, S::Expired, Reason::Unreachable),
            sent(5, 5, S::Uncertain, Reason::NoAnswer),
            sent(6, 6, S::Rejected, Reason::Suppressed),
            sent(7, 7, S::Unknown, Reason::NoReceipt),
            Sent { test: true, ..sent(8, 8, S::Failed, Reason::CarrierSystem) },
        ];
        let family = [sent(2, 20, S::Delivered, Reason::None), sent(4, 21, S::Queued, Reason::None)];
        let choice = Choice::of(&ResendFilter::default(), own.clone(), family);
        let who = |choice: &Choice| (1..9).filter(|phone| choice.has(*phone)).collect::<Vec<u64>>();
        assert_eq!(who(&choice), [1]);
        assert_eq!((choice.count.delivered, choice.count.under_way), (1, 1));
        assert_eq!((choice.count.messages, choice.count.possible_duplicates), (1, 0));
        let asked = Choice::of(&filter(&[S::Uncertain, S::Unknown], &[]), own.clone(), family);
        assert_eq!(who(&asked), [5, 7]);
        assert_eq!(asked.count.possible_duplicates, 2);
        let by_reason = Choice::of(&filter(&[], &[Reason::Unreachable]), own, []);
        assert_eq!(who(&by_reason), [2, 4]);
    }

    #[test]
    fn a_failed_second_try_may_be_followed_by_a_third() {
        let own = || vec![sent(1, 1, S::Failed, Reason::CarrierSystem)];
        let again =
            |state| Choice::of(&ResendFilter::default(), own(), [sent(1, 9, state, Reason::None)]).has(1);
        assert!(again(S::Failed) && again(S::Rejected));
        assert!(!again(S::Submitted) && !again(S::Uncertain) && !again(S::Delivered));
    }

    #[test]
    fn of_several_rows_of_a_phone_the_one_that_failed_goes_out_again() {
        let own = vec![
            sent(1, 12, S::Failed, Reason::CarrierSystem),
            sent(1, 10, S::Rejected, Reason::MissingVariable),
            sent(1, 11, S::Undelivered, Reason::Unreachable),
        ];
        let choice = Choice::of(&filter(&[S::Failed], &[]), own, []);
        assert_eq!([0, 1, 2].map(|place| choice.takes(1, place, 3).is_some()), [false, false, true]);
        assert_eq!(choice.takes(1, 2, 4), None, "who is who is not known any more");
        assert_eq!(choice.takes(2, 0, 1), None);
    }

    #[test]
    fn what_may_have_arrived_is_marked_and_what_certainly_failed_is_not() {
        let own = vec![
            sent(1, 1, S::Uncertain, Reason::NoAnswer),
            sent(1, 2, S::Failed, Reason::CarrierSystem),
            sent(2, 3, S::Unknown, Reason::NoReceipt),
        ];
        let choice = Choice::of(&filter(&[S::Uncertain, S::Unknown, S::Failed], &[]), own, []);
        let marked = |phone, place, rows| choice.takes(phone, place, rows).map(|it| it.may_have_arrived);
        assert_eq!(
            (marked(1, 0, 2), marked(1, 1, 2), marked(2, 0, 1)),
            (Some(true), Some(false), Some(true))
        );
        assert_eq!(choice.count.possible_duplicates, 2);
    }
}
