//! From the ledger's counters to what is posted.

use std::collections::HashMap;

use domain::billing::{Charge, Flow, Purse};
use domain::control::{Posting, PostingKey};
use domain::ids::{AccountId, CampaignId, ChannelId, LaneId, PartitionId};
use domain::lane::Lane;
use domain::ledger::Tally;
use domain::message::{Category, MessageState};
use domain::money::Money;

/// What of a lane says how its messages' money moves. Never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LaneTerms {
    pub account: AccountId,
    pub campaign: Option<CampaignId>,
    pub category: Category,
    pub charge: Charge,
    pub purse: Purse,
}

impl LaneTerms {
    pub(super) fn of(lane: &Lane) -> Self {
        let Lane { account, campaign, category, charge, purse, .. } = *lane;
        Self { account, campaign, category, charge, purse }
    }
}

/// What counters of one hour and partition come to, by key; keys whose counters moved nothing are left out. `tallies` must hold
/// all lanes of the hour: a key may have several.
///
/// # Errors
/// The first lane that `lanes` does not know.
pub(super) fn postings(
    (partition, hour): (PartitionId, i64),
    tallies: &[Tally],
    lanes: &HashMap<LaneId, LaneTerms>,
    cost: impl Fn(ChannelId) -> Money,
) -> Result<Vec<Posting>, LaneId> {
    let mut sums: HashMap<PostingKey, Posting> = HashMap::new();
    for tally in tallies {
        let lane = lanes.get(&tally.lane).ok_or(tally.lane)?;
        let key = PostingKey {
            account: lane.account,
            partition,
            hour,
            campaign: lane.campaign,
            purse: lane.purse,
            category: lane.category,
            carrier: tally.carrier,
            channel: tally.channel,
        };
        let sum = sums.entry(key).or_insert_with(|| Posting::nothing(key));
        sum.flow += Flow::of(lane.charge, tally.from, tally.to, tally.price);
        let sign = charged(lane.charge, tally);
        sum.messages += sign * tally.messages;
        sum.parts += sign * tally.parts;
        if let Some(channel) = tally.channel.filter(|_| is_taken(tally)) {
            sum.cost += cost(channel) * tally.parts;
        }
    }
    let mut all: Vec<Posting> = sums
        .into_values()
        .filter(|sum| {
            sum.flow != Flow::default() || sum.messages != 0 || sum.parts != 0 || sum.cost != Money::ZERO
        })
        .collect();
    all.sort_by_key(|posting| {
        let key = &posting.key;
        (key.account, key.campaign, key.purse, key.category, key.carrier, key.channel)
    });
    Ok(all)
}

/// 1 where a move charges its messages, -1 where it takes that back.
fn charged(charge: Charge, tally: &Tally) -> i64 {
    let one = Money::from_micros(1);
    let flow = Flow::of(charge, tally.from, tally.to, one);
    (flow.charged + flow.recovered - flow.reopened - flow.refunded).micros()
}

/// Whether a carrier took the messages by this move: it wants to be paid for their parts, whatever becomes of them.
fn is_taken(tally: &Tally) -> bool {
    use MessageState::{Delivered, Expired, Sending, Submitted, Uncertain, Undelivered};
    match tally.from {
        Some(Sending) => tally.to == Submitted,
        Some(Uncertain) => matches!(tally.to, Submitted | Delivered | Undelivered | Expired),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::message::Reason;
    use domain::phone::Carrier;

    fn tally(lane: i64, from: Option<MessageState>, to: MessageState, messages: i64) -> Tally {
        Tally {
            lane: LaneId::from_raw(lane),
            hour: 7,
            channel: from.map(|_| ChannelId(3)),
            from,
            from_reason: Reason::None,
            to,
            reason: Reason::None,
            test: false,
            carrier: Carrier::Mobile,
            messages,
            parts: 2 * messages,
            price: Money::from_micros(50 * messages),
        }
    }

    #[test]
    fn lanes_of_one_key_are_posted_together_and_a_refund_takes_its_messages_off() {
        use MessageState::{Queued, Sending, Submitted, Undelivered};
        let terms = LaneTerms {
            account: AccountId::from_raw(1),
            campaign: None,
            category: Category::Notice,
            charge: Charge::Refunded,
            purse: Purse::Allowance,
        };
        let lanes = [1, 2].map(|lane| (LaneId::from_raw(lane), terms)).into();
        let tallies = [
            tally(1, None, Queued, 4),
            tally(2, None, Queued, 1),
            tally(1, Some(Queued), Sending, 4),
            tally(1, Some(Sending), Submitted, 4),
            tally(1, Some(Submitted), Undelivered, 1),
        ];
        let cost = |channel: ChannelId| Money::from_micros(i64::from(channel.0));
        let posted = postings((PartitionId(0), 7), &tallies, &lanes, cost).unwrap();
        let amount = |micros| Money::from_micros(micros);
        let [accepted, sent] = posted.as_slice() else { panic!("{posted:?}") };
        assert_eq!(accepted.flow, Flow { reserved: amount(250), ..Flow::default() });
        assert_eq!(sent.flow, Flow { charged: amount(200), refunded: amount(50), ..Flow::default() });
        assert_eq!((sent.messages, sent.parts, sent.cost), (3, 6, amount(24)));
        let unknown = postings((PartitionId(0), 7), &[tally(9, None, Queued, 1)], &lanes, cost);
        assert_eq!(unknown, Err(LaneId::from_raw(9)));
    }
}
