//! Allowances: what an account may have accepted in a partition, drawn in the transaction that accepts; and counters by the hour.

use domain::billing::{Charge, Purse};
use domain::channel::ReceiptStatus;
use domain::ids::{AccountId, LaneId, PartitionId};
use domain::lane::{Lane, LaneState};
use domain::ledger::{Allowance, Entry, Expansion, LedgerError, NewMessage, Tally};
use domain::message::{Category, MessageState, Reason};
use domain::money::Money;
use domain::policy::RuleId;

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;

const ONLY: PartitionId = PartitionId(0);
/// Of one message of the stage.
const PRICE: i64 = 45_000;

on_every_engine! {
    what_a_lane_is_paid_from_never_changes
    messages_draw_on_their_allowance_once_and_no_further
    only_new_messages_that_wait_draw
    a_refused_call_leaves_nothing_and_hurts_no_other
    an_allowance_is_granted_and_given_back_in_sums_that_only_grow
    calls_at_once_never_draw_more_than_there_is
    counters_are_read_by_the_hour_lane_by_lane
}

fn amount(messages: i64) -> Money {
    Money::from_micros(messages * PRICE)
}

fn bounded(id: i64) -> Lane {
    Lane { campaign: None, purse: Purse::Allowance, ..lane(id, Category::Notice) }
}

async fn stage_with(engine: Engine, lanes: &[Lane]) -> Stage {
    let stage = Stage::new(engine, 1).await;
    for lane in lanes {
        stage.ledger.put_lane(lane.clone()).await.unwrap();
    }
    stage
}

fn some(stage: &Stage, lane: &Lane, numbers: std::ops::Range<u64>) -> Vec<NewMessage> {
    numbers.map(|number| stage.message(lane, number)).collect()
}

async fn allowance(stage: &Stage) -> Allowance {
    let all = stage.ledger.allowances(ONLY).await.unwrap();
    let among = all.into_iter().find(|(account, _)| *account == ACCOUNT).map(|(_, of)| of);
    let alone = stage.ledger.allowance(ONLY, ACCOUNT).await.unwrap();
    assert_eq!(alone, among.unwrap_or_default());
    alone
}

async fn what_a_lane_is_paid_from_never_changes(engine: Engine) {
    let first = Lane { charge: Charge::Delivered, ..bounded(1) };
    let stage = stage_with(engine, std::slice::from_ref(&first)).await;
    let other = Lane { charge: Charge::Submitted, purse: Purse::Open, ..as_of(&first, 3, LaneState::Paused) };
    stage.ledger.put_lane(other).await.unwrap();
    let stage = stage.reopen().await;
    let kept = stage.ledger.lanes().await.unwrap().remove(0);
    assert_eq!((kept.charge, kept.purse), (Charge::Delivered, Purse::Allowance));
    assert_eq!((kept.version, kept.state), (3, LaneState::Paused));
}

async fn messages_draw_on_their_allowance_once_and_no_further(engine: Engine) {
    let lane = bounded(1);
    let stage = stage_with(engine, std::slice::from_ref(&lane)).await;
    let messages = some(&stage, &lane, 0..4);
    let refused = stage.ledger.accept(ONLY, messages.clone(), None, stage.now).await;
    let short = |refused: Result<u32, LedgerError>| match refused {
        Err(LedgerError::Overdrawn { account: ACCOUNT, missing }) => missing,
        other => panic!("{other:?}"),
    };
    assert_eq!(short(refused), amount(4));
    stage.ledger.granted(ONLY, ACCOUNT, amount(5)).await.unwrap();
    assert_eq!(stage.accept(&messages).await, 4);
    // The same again is here already, and costs nothing, although it would not fit.
    assert_eq!(stage.accept(&messages).await, 0);
    let mut more = messages.clone();
    more.extend(some(&stage, &lane, 10..11));
    more.push(more[4].clone());
    assert_eq!(stage.accept(&more).await, 1);
    assert_eq!(
        allowance(&stage).await,
        Allowance { granted: amount(5), drawn: amount(5), ..Allowance::default() }
    );
    let refused = stage.ledger.accept(ONLY, some(&stage, &lane, 20..22), None, stage.now).await;
    assert_eq!(short(refused), amount(2));
    let stage = stage.reopen().await;
    assert_eq!(allowance(&stage).await.left(), Money::ZERO);
    assert_eq!(stage.all_messages().await.len(), 5);
}

async fn only_new_messages_that_wait_draw(engine: Engine) {
    let (lane, open) = (bounded(1), lane(2, Category::Notice));
    let held = Lane { id: LaneId::from_raw(3), purse: Purse::Hold, ..open.clone() };
    let stage = stage_with(engine, &[lane.clone(), open.clone(), held.clone()]).await;
    let mut messages = some(&stage, &open, 0..3);
    messages.extend(some(&stage, &held, 3..6));
    let mut refused = stage.message(&lane, 6);
    refused.entry = Entry::Reject { reason: Reason::TextTooLong, rule: RuleId::NONE };
    messages.push(refused);
    messages.push(NewMessage { price: Money::ZERO, ..stage.message(&lane, 7) });
    assert_eq!(stage.accept(&messages).await, 8);
    assert_eq!(stage.ledger.allowances(ONLY).await.unwrap(), []);
}

async fn a_refused_call_leaves_nothing_and_hurts_no_other(engine: Engine) {
    let lane = bounded(1);
    let stage = stage_with(engine, std::slice::from_ref(&lane)).await;
    stage.ledger.granted(ONLY, ACCOUNT, amount(3)).await.unwrap();
    let (large, small) = (some(&stage, &lane, 0..4), some(&stage, &lane, 10..13));
    let through = Some(Expansion { lane: lane.id, through: 9 });
    let (large, small) = tokio::join!(
        stage.ledger.accept(ONLY, large, through, stage.now),
        stage.ledger.accept(ONLY, small, None, stage.now)
    );
    assert!(matches!(large, Err(LedgerError::Overdrawn { .. })), "{large:?}");
    assert_eq!(small.unwrap(), 3);
    assert_eq!(stage.all_messages().await.len(), 3);
    assert_eq!(stage.ledger.expanded_through(ONLY, lane.id).await.unwrap(), 0);
    assert_eq!(allowance(&stage).await.left(), Money::ZERO);
}

async fn an_allowance_is_granted_and_given_back_in_sums_that_only_grow(engine: Engine) {
    let lane = bounded(1);
    let stage = stage_with(engine, std::slice::from_ref(&lane)).await;
    assert_eq!(stage.ledger.give_back(ONLY, ACCOUNT, amount(9)).await.unwrap(), Money::ZERO);
    for total in [amount(10), amount(4), amount(10)] {
        stage.ledger.granted(ONLY, ACCOUNT, total).await.unwrap();
    }
    stage.accept(&some(&stage, &lane, 0..4)).await;
    assert_eq!(stage.ledger.give_back(ONLY, ACCOUNT, amount(2)).await.unwrap(), amount(2));
    assert_eq!(stage.ledger.give_back(ONLY, ACCOUNT, amount(99)).await.unwrap(), amount(6));
    assert_eq!(stage.ledger.give_back(ONLY, ACCOUNT, amount(99)).await.unwrap(), amount(6));
    let all = Allowance { granted: amount(10), drawn: amount(4), returned: amount(6) };
    let other = AccountId::from_raw(77);
    stage.ledger.granted(ONLY, other, amount(1)).await.unwrap();
    let stage = stage.reopen().await;
    let granted = Allowance { granted: amount(1), ..Allowance::default() };
    assert_eq!(stage.ledger.allowances(ONLY).await.unwrap(), [(ACCOUNT, all), (other, granted)]);
}

async fn calls_at_once_never_draw_more_than_there_is(engine: Engine) {
    let lane = bounded(1);
    let stage = stage_with(engine, std::slice::from_ref(&lane)).await;
    stage.ledger.granted(ONLY, ACCOUNT, amount(25)).await.unwrap();
    let calls = (0..10u64).map(|call| {
        let messages = some(&stage, &lane, call * 10..call * 10 + 4);
        stage.ledger.accept(ONLY, messages, None, stage.now)
    });
    let outcomes = futures::future::join_all(calls).await;
    let taken = outcomes.iter().filter(|outcome| matches!(outcome, Ok(4))).count();
    assert_eq!(taken, 6, "{outcomes:?}");
    assert_eq!(stage.all_messages().await.len(), 24);
    assert_eq!(allowance(&stage).await.left(), amount(1));
}

async fn by_hour(stage: &Stage, hour: i64) -> Vec<Tally> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = stage.ledger.hour_tallies(ONLY, hour, after).await.unwrap();
        all.extend(page);
        after = next;
        if next.is_none() {
            return all;
        }
    }
}

async fn counters_are_read_by_the_hour_lane_by_lane(engine: Engine) {
    let (one, two) = (bounded(1), lane(2, Category::Notice));
    let mut stage = stage_with(engine, &[one.clone(), two.clone()]).await;
    stage.ledger.granted(ONLY, ACCOUNT, amount(9)).await.unwrap();
    let first = stage.now.hour();
    stage.accept(&some(&stage, &one, 0..3)).await;
    stage.accept(&some(&stage, &two, 10..12)).await;
    stage.pass(2 * 3_600);
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing;
    stage.submit(&out[0]).await;
    stage.receipt(out[0].ticket.message, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    // Some of it may be folded by now, some not.
    stage.sweep().await;
    assert_eq!(stage.ledger.next_hour(ONLY, 0).await.unwrap(), Some(first));
    assert_eq!(stage.ledger.next_hour(ONLY, first).await.unwrap(), Some(first + 2));
    assert_eq!(stage.ledger.next_hour(ONLY, first + 2).await.unwrap(), None);
    assert_eq!(by_hour(&stage, first + 1).await, []);
    let accepted = by_hour(&stage, first).await;
    let seen: Vec<_> = accepted.iter().map(|tally| (tally.lane, tally.to, tally.messages)).collect();
    assert_eq!(seen, [(one.id, MessageState::Queued, 3), (two.id, MessageState::Queued, 2)]);
    let (after_one, end) = stage.ledger.hour_tallies(ONLY, first, Some(one.id)).await.unwrap();
    assert_eq!((after_one, end), (accepted[1..].to_vec(), None));
    let mut both = accepted;
    both.extend(by_hour(&stage, first + 2).await);
    let mut whole = stage.ledger.tallies(&[one.id, two.id]).await.unwrap();
    let order = |tally: &Tally| (tally.hour, tally.lane, tally.from, tally.to);
    both.sort_by_key(order);
    whole.sort_by_key(order);
    assert_eq!(both, whole);
}
