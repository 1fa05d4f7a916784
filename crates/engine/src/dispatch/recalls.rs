//! Recalls that meet a claim under way.
//!
//! A refusal may be committed after a claim and be recalled before the claim's messages reach their channel: the channel
//! had nothing to take back then. So a claim looks, at the moment of handing over, at what was recalled since it began.
//! Invariant: handing over and recalling exclude each other.

use std::collections::{BTreeMap, VecDeque};

use domain::channel::Outgoing;
use domain::phone::Phone;

/// Phones recalled while claims were under way.
#[derive(Debug, Default)]
pub(super) struct Recalls {
    made: u64,
    recent: VecDeque<(u64, Phone)>,
    /// Claims under way, by the number of recalls made before they began.
    under_way: BTreeMap<u64, u32>,
}

/// A claim under way; given back to [`Recalls::end`].
#[derive(Debug)]
pub(super) struct UnderWay(u64);

impl Recalls {
    pub(super) fn begin(&mut self) -> UnderWay {
        *self.under_way.entry(self.made).or_default() += 1;
        UnderWay(self.made)
    }

    pub(super) fn recall(&mut self, phone: Phone) {
        self.made += 1;
        if !self.under_way.is_empty() {
            self.recent.push_back((self.made, phone));
        }
    }

    /// Splits what a claim took into what may be handed over and what was recalled since it began.
    pub(super) fn split(&self, claim: &UnderWay, outgoing: Vec<Outgoing>) -> (Vec<Outgoing>, Vec<Outgoing>) {
        let since =
            |phone: Phone| self.recent.iter().any(|(number, known)| *number > claim.0 && *known == phone);
        if self.recent.is_empty() {
            return (outgoing, Vec::new());
        }
        outgoing.into_iter().partition(|one| !since(one.phone))
    }

    pub(super) fn end(&mut self, claim: &UnderWay) {
        if let Some(claims) = self.under_way.get_mut(&claim.0) {
            *claims -= 1;
            if *claims == 0 {
                self.under_way.remove(&claim.0);
            }
        }
        let oldest = self.under_way.keys().next().copied().unwrap_or(u64::MAX);
        while self.recent.front().is_some_and(|(number, _)| *number <= oldest) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::channel::Ticket;
    use domain::ids::{MessageId, PartitionId};
    use domain::message::Category;
    use domain::phone::Country;
    use domain::text::Encoding;
    use domain::time::Timestamp;

    use super::*;

    fn phone(last: u32) -> Phone {
        Phone::parse(&format!("1380013800{last}"), Country::CN).unwrap()
    }

    fn outgoing(last: u32) -> Outgoing {
        let ticket =
            Ticket { message: MessageId::from_raw(1), attempt: 1, claim: 1, partition: PartitionId(0) };
        Outgoing {
            ticket,
            phone: phone(last),
            text: Arc::from(""),
            encoding: Encoding::Ucs2,
            parts: 1,
            category: Category::Marketing,
            extension: None,
            valid_until: Timestamp::FAR_FUTURE,
            carry_until: Timestamp::FAR_FUTURE,
            possible_duplicate: false,
        }
    }

    #[test]
    fn a_recall_reaches_the_claims_that_were_under_way_and_no_other() {
        let mut recalls = Recalls::default();
        recalls.recall(phone(1));
        let first = recalls.begin();
        recalls.recall(phone(2));
        let second = recalls.begin();
        recalls.recall(phone(3));
        let kept = |claim| {
            let (kept, back) = recalls.split(claim, (1..5).map(outgoing).collect());
            assert_eq!(kept.len() + back.len(), 4);
            kept.iter().map(|one| one.phone).collect::<Vec<_>>()
        };
        assert_eq!(kept(&first), [phone(1), phone(4)]);
        assert_eq!(kept(&second), [phone(1), phone(2), phone(4)]);
        recalls.end(&first);
        assert_eq!(recalls.recent.len(), 1, "the second claim still needs its own");
        recalls.end(&second);
        assert!(recalls.recent.is_empty() && recalls.under_way.is_empty());
    }
}
