//! One message after another through the port: what every implementation of the ledger has to do.

use domain::channel::ReceiptStatus::{Delivered, Expired, Undelivered};
use domain::channel::TakenPart;
use domain::lane::{Lane, LaneState};
use domain::ledger::{Disposition, Entry, Expansion, LedgerError, ReceiptOutcome, TrailEvent};
use domain::message::{Category, MessageState, Reason};
use domain::time::Timestamp;
use std::sync::Arc;

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;

on_every_engine! {
    a_message_is_accepted_claimed_settled_and_arrives
    expansion_takes_each_ordinal_once
    takes_are_followed_in_order_and_parts_bound_a_claim
    the_carrier_gives_marketing_up_at_the_end_of_sending_hours
    throttling_spends_no_attempt_and_a_failed_channel_is_avoided
    parts_arrive_one_by_one
    receipts_before_the_answer_are_kept_and_unknown_ones_dropped_in_time
    a_receipt_from_before_a_message_went_out_is_of_another_one
    a_failure_receipt_is_retried_elsewhere_and_a_late_success_withdraws_the_retry
    a_late_receipt_corrects_a_gloomy_end_once
    pausing_holds_and_cancelling_ends
    a_clock_far_behind_is_refused_and_a_little_behind_does_not_go_back
    what_was_in_flight_at_a_crash_is_uncertain_or_tried_again
}

async fn a_message_is_accepted_claimed_settled_and_arrives(engine: Engine) {
    let stage = Stage::new(engine, 2).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let message = stage.message(&lane, 1);
    let id = message.id;
    assert_eq!(stage.accept(std::slice::from_ref(&message)).await, 1);
    assert_eq!(stage.accept(&[message]).await, 0, "repeating changes nothing");
    let due = stage.ledger.due();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].stream, due[0].earliest), (stream(1, None), stage.now));

    let claim = stage.claim(FIRST, stream(1, None)).await;
    let [out] = claim.outgoing.as_slice() else { panic!("one message: {claim:?}") };
    assert_eq!((out.phone, &*out.text, out.ticket.attempt), (phone(1), text(1).as_str(), 1));
    assert!(stage.ledger.due().is_empty() && !claim.more);
    assert!(stage.claim(SECOND, stream(1, None)).await.outgoing.is_empty(), "taken once");
    assert_eq!(stage.look(id).await.state, MessageState::Sending);

    stage.submit(out).await;
    assert_eq!(stage.look(id).await.state, MessageState::Submitted);
    let applied = ReceiptOutcome::Applied { message: id, state: MessageState::Delivered };
    assert_eq!(stage.receipt(id, 0, Delivered, "DELIVRD").await, applied);
    assert_eq!(stage.receipt(id, 0, Delivered, "DELIVRD").await, ReceiptOutcome::Duplicate);
    assert_eq!(stage.receipt(id, 0, Undelivered, "MK:0001").await, ReceiptOutcome::Duplicate);

    let record = stage.look(id).await;
    assert_eq!(
        (record.state, record.code.as_str(), record.attempts),
        (MessageState::Delivered, "DELIVRD", 1)
    );
    let events: Vec<_> = record.trail.iter().map(|entry| entry.event).collect();
    use TrailEvent as T;
    assert_eq!(events, [T::Accepted, T::Claimed, T::Submitted, T::Delivered]);
    let other = domain::ids::AccountId::from_raw(77);
    assert!(stage.ledger.message(other, id).await.unwrap().is_none(), "another account sees nothing");
}

async fn expansion_takes_each_ordinal_once(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let home = stage.ledger.partitions().all().next().unwrap();
    let chunk: Vec<_> = (0..10).map(|n| stage.message(&lane, n)).collect();
    let again: Vec<_> = (0..10).map(|n| stage.message(&lane, n)).collect();
    let expansion = |through| Some(Expansion { lane: lane.id, through });
    assert_eq!(stage.ledger.accept(home, chunk, expansion(10), NOW).await.unwrap(), 10);
    assert_eq!(
        stage.ledger.accept(home, again.clone(), expansion(10), NOW).await.unwrap(),
        0,
        "other ids, same chunk"
    );
    assert_eq!(stage.ledger.expanded_through(home, lane.id).await.unwrap(), 10);
    let stage = stage.reopen().await;
    assert_eq!(
        stage.ledger.accept(home, again.clone(), expansion(10), NOW).await.unwrap(),
        0,
        "after a restart too"
    );
    assert_eq!(stage.ledger.accept(home, again, expansion(20), NOW).await.unwrap(), 10);
}

async fn takes_are_followed_in_order_and_parts_bound_a_claim(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let (otp, notice) = (lane(1, Category::Otp), lane(2, Category::Notice));
    for lane in [&otp, &notice] {
        stage.ledger.put_lane(lane.clone()).await.unwrap();
    }
    let mut messages: Vec<_> = (0..6).map(|n| stage.message(&notice, n)).collect();
    for (message, wait) in messages.iter_mut().zip(1..) {
        message.entry =
            Entry::Queue { due_at: Timestamp::from_millis(NOW.millis() - 100 + wait), by_carrier: false };
    }
    messages[3].parts = 3;
    messages.extend((10..12).map(|n| stage.message(&otp, n)));
    stage.accept(&messages).await;
    let home = stage.home(phone(0));
    let takes = [(stream(1, None), 5), (stream(2, None), 2)];
    let claim = stage.claim_at(home, FIRST, &takes).await;
    let lanes: Vec<_> = claim.outgoing.iter().map(|out| out.category).collect();
    assert_eq!(lanes, [Category::Otp, Category::Otp, Category::Notice, Category::Notice]);
    assert!(claim.more);
    let came_to: Vec<_> = claim.takes.iter().map(|take| (take.outgoing, take.handled)).collect();
    assert_eq!(came_to, [(2, 2), (2, 2)], "of each take");
    let takes = || {
        vec![domain::ledger::Take {
            stream: stream(2, None),
            limit: 9,
            reach: domain::phone::CarrierSet::ALL,
        }]
    };
    let first = stage.claim_parts(home, FIRST, takes(), 3).await;
    assert_eq!((first.outgoing.len(), first.more), (1, true), "the next one has more parts than are left");
    assert_eq!(first.unfit, None, "another one had part of the room");
    let none = stage.claim_parts(home, FIRST, takes(), 2).await;
    assert_eq!((none.outgoing.len(), none.unfit), (0, Some((stream(2, None), 3))));
    let rest = stage.claim_parts(home, FIRST, takes(), 100).await;
    assert_eq!((rest.outgoing.len(), rest.more), (3, false));
}

async fn the_carrier_gives_marketing_up_at_the_end_of_sending_hours(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let (notice, marketing) = (lane(1, Category::Notice), lane(2, Category::Marketing));
    for lane in [&notice, &marketing] {
        stage.ledger.put_lane(lane.clone()).await.unwrap();
    }
    stage.consent(2..4).await;
    let hours = |hours: u64| stage.now.plus(std::time::Duration::from_secs(hours * 3_600));
    let mut messages =
        [stage.message(&notice, 1), stage.message(&marketing, 2), stage.message(&marketing, 3)];
    messages[0].valid_until = hours(48);
    messages[1].valid_until = hours(48);
    messages[2].valid_until = hours(4);
    stage.accept(&messages).await;
    let mut out = stage.claim(FIRST, stream(1, None)).await.outgoing;
    out.extend(stage.claim(FIRST, stream(2, None)).await.outgoing);
    // It is ten o'clock, and the hours end at eight in the evening.
    let told: Vec<_> = out.iter().map(|out| (out.phone, out.carry_until, out.valid_until)).collect();
    let expected =
        [(phone(1), hours(48), hours(48)), (phone(2), hours(10), hours(48)), (phone(3), hours(4), hours(4))];
    assert_eq!(told, expected);
}

async fn throttling_spends_no_attempt_and_a_failed_channel_is_avoided(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let id = stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.settle(&out, FIRST, requeue(&stage, Reason::Throttled, false, None)).await;
    let facts = stage.ledger.facts(stage.home(phone(1)), vec![phone(1)]).await.unwrap();
    assert!(facts[0].recents.is_empty(), "what no carrier took does not count for caps");

    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    assert_eq!(out.ticket.attempt, 1, "the first try again");
    stage.settle(&out, FIRST, requeue(&stage, Reason::CarrierSystem, true, Some(FIRST))).await;
    assert!(stage.claim(FIRST, stream(1, None)).await.outgoing.is_empty());
    stage.pass(1);
    let out = stage.claim(SECOND, stream(1, Some(FIRST))).await.outgoing.remove(0);
    assert_eq!(out.ticket.attempt, 2);
    stage.settle(&out, SECOND, failed(Reason::CarrierContent)).await;
    let record = stage.look(id).await;
    assert_eq!((record.state, record.reason), (MessageState::Failed, Reason::CarrierContent));
    assert!(stage.ledger.due().is_empty());
}

async fn parts_arrive_one_by_one(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let mut message = stage.message(&lane, 1);
    message.parts = 2;
    let id = stage.accept_one(message).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    let applied = |state| ReceiptOutcome::Applied { message: id, state };
    assert_eq!(stage.receipt(id, 1, Delivered, "DELIVRD").await, applied(MessageState::Submitted));
    assert_eq!(stage.receipt(id, 1, Delivered, "DELIVRD").await, ReceiptOutcome::Duplicate);
    assert_eq!(stage.receipt(id, 0, Delivered, "DELIVRD").await, applied(MessageState::Delivered));

    let mut message = stage.message(&lane, 2);
    message.parts = 2;
    let id = stage.accept_one(message).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    let ids = vec![TakenPart { part: 0, id: carrier_id(id, 0) }];
    let partly =
        Disposition::Failed { reason: Reason::Partial, code: Default::default(), gateway: GATEWAY, ids };
    stage.settle(&out, FIRST, partly).await;
    stage.receipt(id, 0, Delivered, "DELIVRD").await;
    assert_eq!(stage.look(id).await.state, MessageState::Failed, "one part is not a message");
}

async fn receipts_before_the_answer_are_kept_and_unknown_ones_dropped_in_time(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let id = stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    assert_eq!(stage.receipt(id, 0, Delivered, "DELIVRD").await, ReceiptOutcome::Held);
    let mut stage = stage.reopen().await;
    stage.submit(&out).await;
    assert_eq!(stage.look(id).await.state, MessageState::Delivered);

    let stranger = domain::ids::MessageId::from_raw(99);
    assert_eq!(stage.receipt(stranger, 0, Delivered, "DELIVRD").await, ReceiptOutcome::Held);
    let home = stage.home(phone(1));
    let lost = vec![receipt(carrier_id(stranger, 1), Delivered, "DELIVRD", stage.now)];
    let outcome =
        stage.ledger.receipts(home, lost, false, Arc::clone(&stage.retry), stage.now).await.unwrap();
    assert_eq!(outcome, [ReceiptOutcome::Unmatched]);
    stage.pass(73 * 3_600);
    assert_eq!(stage.sweep().await.receipts_dropped, 1);
}

async fn a_receipt_from_before_a_message_went_out_is_of_another_one(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let id = stage.accept_one(stage.message(&lane, 1)).await;
    // The carrier used the id before: this one's message is not here any more.
    assert_eq!(stage.receipt(id, 0, Undelivered, "UNDELIV").await, ReceiptOutcome::Held);
    stage.pass(3_600);
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    assert_eq!(stage.look(id).await.state, MessageState::Submitted, "it says nothing of this message");
    let applied = ReceiptOutcome::Applied { message: id, state: MessageState::Delivered };
    assert_eq!(stage.receipt(id, 0, Delivered, "DELIVRD").await, applied);
}

async fn a_failure_receipt_is_retried_elsewhere_and_a_late_success_withdraws_the_retry(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let id = stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    let queued = ReceiptOutcome::Applied { message: id, state: MessageState::Queued };
    assert_eq!(
        stage.receipt(id, 0, Undelivered, "UNDELIV").await,
        queued,
        "{:?}",
        stage.look(id).await.reason
    );
    assert_eq!(stage.ledger.due()[0].stream, stream(1, Some(FIRST)));
    stage.pass(1);
    let arrived = ReceiptOutcome::Applied { message: id, state: MessageState::Delivered };
    assert_eq!(stage.receipt(id, 0, Delivered, "DELIVRD").await, arrived);
    assert!(stage.ledger.due().is_empty(), "the retry is withdrawn");
    stage.pass(3_600);
    assert!(stage.claim(SECOND, stream(1, Some(FIRST))).await.outgoing.is_empty());
}

async fn a_late_receipt_corrects_a_gloomy_end_once(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let (expired, unknown) = (stage.message(&lane, 1), stage.message(&lane, 2));
    let ids = [expired.id, unknown.id];
    stage.accept(&[expired, unknown]).await;
    for out in stage.claim(FIRST, stream(1, None)).await.outgoing {
        stage.submit(&out).await;
    }
    stage.pass(5 * 3_600);
    let applied = |id, state| ReceiptOutcome::Applied { message: id, state };
    assert_eq!(stage.receipt(ids[0], 0, Expired, "EXPIRED").await, applied(ids[0], MessageState::Expired));
    stage.pass(72 * 3_600);
    assert_eq!(stage.sweep().await.unknown, 1);
    assert_eq!(stage.look(ids[1]).await.reason, Reason::NoReceipt);
    for id in ids {
        assert_eq!(stage.receipt(id, 0, Delivered, "DELIVRD").await, applied(id, MessageState::Delivered));
        assert_eq!(stage.receipt(id, 0, Expired, "EXPIRED").await, ReceiptOutcome::Duplicate);
    }
    assert_eq!(stage.sweep().await.unknown, 0);
}

async fn pausing_holds_and_cancelling_ends(engine: Engine) {
    let stage = Stage::new(engine, 2).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.accept(&(0..20).map(|n| stage.message(&lane, n)).collect::<Vec<_>>()).await;
    let paused = Lane { speed: Some(7), ..as_of(&lane, 2, LaneState::Paused) };
    stage.ledger.put_lane(paused.clone()).await.unwrap();
    assert!(stage.ledger.due().is_empty());
    assert!(stage.claim(FIRST, stream(1, None)).await.outgoing.is_empty());
    stage.ledger.put_lane(as_of(&lane, 1, LaneState::Open)).await.unwrap();
    assert!(stage.ledger.due().is_empty(), "an older copy never overwrites a newer one");
    assert_eq!(stage.ledger.lanes().await.unwrap(), [paused]);
    let stage = stage.reopen().await;
    assert!(stage.ledger.due().is_empty(), "so does a restart");
    stage.ledger.put_lane(as_of(&lane, 1, LaneState::Open)).await.unwrap();
    assert!(stage.ledger.due().is_empty(), "nor after one");
    stage.ledger.put_lane(as_of(&lane, 2, LaneState::Open)).await.unwrap();
    let home = stage.ledger.partitions().all().next().unwrap();
    assert_eq!(stage.claim_at(home, FIRST, &[(stream(1, None), 3)]).await.outgoing.len(), 3);
    stage.ledger.put_lane(as_of(&lane, 3, LaneState::Cancelled)).await.unwrap();
    assert_eq!(stage.sweep().await.cancelled, 17);
    stage.ledger.put_lane(as_of(&lane, 4, LaneState::Open)).await.unwrap();
    assert!(stage.claim(FIRST, stream(1, None)).await.outgoing.is_empty(), "cancelled is for good");
    assert_eq!(stage.ledger.lanes().await.unwrap(), [as_of(&lane, 4, LaneState::Cancelled)]);
}

async fn a_clock_far_behind_is_refused_and_a_little_behind_does_not_go_back(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let id = stage.accept_one(stage.message(&lane, 1)).await;
    let home = stage.home(phone(1));
    let at = |millis| Timestamp::from_millis(NOW.millis() - millis);
    let behind = stage.ledger.accept(home, vec![stage.message(&lane, 2)], None, at(5_001)).await;
    assert!(matches!(behind, Err(LedgerError::ClockBehind { behind_millis: 5_001 })));
    let retry = Arc::clone(&stage.retry);
    stage.ledger.recover(retry, at(5_000)).await.unwrap();
    assert_eq!(stage.look(id).await.trail[0].at, NOW);
}

async fn what_was_in_flight_at_a_crash_is_uncertain_or_tried_again(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let (notice, marketing) = (lane(1, Category::Notice), lane(2, Category::Marketing));
    for lane in [&notice, &marketing] {
        stage.ledger.put_lane(lane.clone()).await.unwrap();
    }
    stage.consent(2..4).await;
    let messages = [stage.message(&notice, 1), stage.message(&marketing, 2), stage.message(&marketing, 3)];
    let ids = messages.clone().map(|m| m.id);
    stage.accept(&messages).await;
    stage.claim(FIRST, stream(1, None)).await;
    let claim = stage.claim(FIRST, stream(2, None)).await;
    assert_eq!(claim.outgoing.len(), 2, "{claim:?}");
    stage.submit(&claim.outgoing[1]).await;
    let answered = claim.outgoing[1].ticket.message;
    let mut stage = stage.reopen().await;
    assert_eq!(stage.ledger.recover(Arc::clone(&stage.retry), stage.now).await.unwrap(), 2);
    assert_eq!(stage.ledger.recover(Arc::clone(&stage.retry), stage.now).await.unwrap(), 0);
    assert_eq!(stage.look(answered).await.state, MessageState::Submitted);
    let lost = stage.look(claim.outgoing[0].ticket.message).await;
    assert_eq!((lost.state, lost.reason), (MessageState::Uncertain, Reason::ConnectionLost));
    let again = stage.look(ids[0]).await;
    assert_eq!((again.state, again.possible_duplicate), (MessageState::Queued, true));
    stage.pass(60);
    let out = stage.claim(SECOND, stream(1, Some(FIRST))).await.outgoing.remove(0);
    assert!(out.possible_duplicate && out.ticket.attempt == 2);
    stage.submit(&claim.outgoing[0]).await;
    assert_eq!(stage.look(lost.id).await.state, MessageState::Submitted, "its answer came after all");
}
