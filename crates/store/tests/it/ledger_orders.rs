//! What is asked of single messages: a claim comes before or after a cancellation, never in between; what is forgotten is gone and
//! what counters, caps and receipts need stays.

use std::time::Duration;

use domain::channel::ReceiptStatus;
use domain::downstream::{Origin, WaitingKind, WaitingPlace, What};
use domain::events::{EventKind, EventPlace, EventRead};
use domain::ids::{AccountId, CustomerId, MessageId, PartitionId};
use domain::ledger::{
    Cancelling, Forgetting, LedgerError, NewMessage, Redacting, SentCounts, SentOver, TrailEvent,
};
use domain::message::{Category, MessageState, Reason};
use domain::time::Timestamp;

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;

const CUSTOMER: CustomerId = CustomerId(4);
const STRANGER: AccountId = AccountId::from_raw(77);

on_every_engine! {
    what_waits_is_cancelled_once_and_told_as_any_end
    what_is_on_its_way_or_has_ended_is_not_cancelled
    of_a_claim_and_a_cancellation_at_once_one_is_first
    what_waits_for_another_try_is_cancelled_too
    a_text_is_forgotten_and_nothing_else
    an_answer_to_a_forgotten_text_is_still_understood
    a_customers_message_is_found_by_each_of_its_ids
    what_a_customer_sent_is_counted
}

async fn listening(engine: Engine) -> Stage {
    let stage = Stage::new(engine, 4).await;
    stage.ledger.put_lane(lane(1, Category::Notice)).await.unwrap();
    stage.ledger.listen(ACCOUNT, true).await.unwrap();
    stage
}

fn from_customer(stage: &Stage, number: u64, parts: Vec<u128>) -> NewMessage {
    let (customer, source) = (CUSTOMER, "1069000188".into());
    let origin = Origin { customer, source, parts, on_success: true, on_failure: true };
    NewMessage { origin: Some(Box::new(origin)), ..stage.message(&lane(1, Category::Notice), number) }
}

async fn cancel(stage: &Stage, id: MessageId) -> Cancelling {
    let partition = stage.ledger.partitions().of_message(id);
    stage.ledger.cancel(partition, ACCOUNT, vec![id], stage.now).await.unwrap().remove(0)
}

async fn redact(stage: &Stage, id: MessageId, how: Forgetting) -> Redacting {
    let partition = stage.ledger.partitions().of_message(id);
    stage.ledger.redact(partition, ACCOUNT, vec![id], how, stage.now).await.unwrap().remove(0)
}

async fn what_waits_is_cancelled_once_and_told_as_any_end(engine: Engine) {
    let mut stage = listening(engine).await;
    let id = stage.accept_one(from_customer(&stage, 1, vec![9])).await;
    let other = stage.accept_one(stage.message(&lane(1, Category::Notice), 2)).await;
    let home = stage.home(phone(1));
    stage.pass(1);
    let answers = stage.ledger.cancel(home, STRANGER, vec![id], stage.now).await.unwrap();
    assert_eq!(answers, [Cancelling::NoSuch], "another account's");
    assert_eq!(cancel(&stage, id).await, Cancelling::Cancelled);
    stage.pass(1);
    assert_eq!(cancel(&stage, id).await, Cancelling::Cancelled, "the same again");
    let stage = stage.reopen().await;
    let record = stage.look(id).await;
    assert_eq!((record.state, record.reason), (MessageState::Cancelled, Reason::CancelledOnRequest));
    assert_eq!(
        record.trail.iter().map(|e| e.event).collect::<Vec<_>>(),
        [TrailEvent::Accepted, TrailEvent::Cancelled]
    );
    let tallies = stage.ledger.tallies(&[lane(1, Category::Notice).id]).await.unwrap();
    let cancelled: Vec<_> = tallies.iter().filter(|t| t.to == MessageState::Cancelled).collect();
    assert_eq!(
        (cancelled.len(), cancelled[0].messages, cancelled[0].from),
        (1, 1, Some(MessageState::Queued))
    );
    let kind = WaitingKind::Report;
    let told = stage.ledger.waiting(home, CUSTOMER, kind, WaitingPlace::START, 9).await.unwrap();
    let [told] = told.as_slice() else { panic!("{} reports", told.len()) };
    let What::Report { ending, .. } = &told.what else { panic!("a report") };
    assert_eq!(ending.state, MessageState::Cancelled);
    let claimed: Vec<MessageId> =
        stage.claim(FIRST, stream(1, None)).await.outgoing.iter().map(|out| out.ticket.message).collect();
    assert_eq!(claimed, [other]);
    assert_eq!(kinds(&stage, home, id).await, [EventKind::Cancelled]);
    let elsewhere = PartitionId((home.0 + 1) % 4);
    let refused = stage.ledger.cancel(elsewhere, ACCOUNT, vec![id], stage.now).await;
    assert!(matches!(refused, Err(LedgerError::NoSuch(_))));
}

/// The kinds of the events of one message, once all that was committed may be read.
async fn kinds(stage: &Stage, partition: PartitionId, id: MessageId) -> Vec<EventKind> {
    for _ in 0..400 {
        let through = stage.ledger.event_heads().await.unwrap()[usize::from(partition.0)];
        let mut read =
            stage.ledger.events(partition, ACCOUNT, EventPlace::START, through, 100).await.unwrap();
        if let EventRead::Gone { oldest } = read {
            read = stage.ledger.events(partition, ACCOUNT, oldest, through, 100).await.unwrap();
        }
        let EventRead::Page { events, .. } = read else { panic!("{read:?}") };
        let kinds: Vec<EventKind> = events
            .iter()
            .filter(|event| event.subject == domain::events::EventSubject::Message(id))
            .map(|event| event.kind)
            .collect();
        if !kinds.is_empty() {
            return kinds;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no event")
}

async fn what_is_on_its_way_or_has_ended_is_not_cancelled(engine: Engine) {
    let stage = listening(engine).await;
    let id = stage.accept_one(stage.message(&lane(1, Category::Notice), 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    assert_eq!(cancel(&stage, id).await, Cancelling::TooLate(MessageState::Sending));
    stage.submit(&out).await;
    assert_eq!(cancel(&stage, id).await, Cancelling::TooLate(MessageState::Submitted));
    stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    assert_eq!(cancel(&stage, id).await, Cancelling::Ended(MessageState::Delivered));
    assert_eq!(stage.look(id).await.state, MessageState::Delivered);
    let none = MessageId::from(stage.ids.next(stage.now, phone(1).slot()));
    assert_eq!(cancel(&stage, none).await, Cancelling::NoSuch);
}

async fn of_a_claim_and_a_cancellation_at_once_one_is_first(engine: Engine) {
    let stage = listening(engine).await;
    for number in 0..20 {
        let id = stage.accept_one(stage.message(&lane(1, Category::Notice), number)).await;
        let (claim, answer) = tokio::join!(stage.claim(FIRST, stream(1, None)), cancel(&stage, id));
        let claimed = claim.outgoing.iter().any(|out| out.ticket.message == id);
        let state = stage.look(id).await.state;
        match answer {
            Cancelling::Cancelled => assert_eq!((claimed, state), (false, MessageState::Cancelled)),
            Cancelling::TooLate(_) => assert_eq!((claimed, state), (true, MessageState::Sending)),
            other => panic!("{other:?}"),
        }
    }
}

async fn what_waits_for_another_try_is_cancelled_too(engine: Engine) {
    let stage = listening(engine).await;
    let id = stage.accept_one(stage.message(&lane(1, Category::Notice), 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.settle(&out, FIRST, requeue(&stage, Reason::CarrierSystem, true, Some(FIRST))).await;
    assert_eq!(stage.look(id).await.state, MessageState::Queued);
    assert_eq!(cancel(&stage, id).await, Cancelling::Cancelled);
    let mut stage = stage;
    stage.pass(120);
    assert!(stage.claim(SECOND, stream(1, Some(FIRST))).await.outgoing.is_empty());
}

async fn a_text_is_forgotten_and_nothing_else(engine: Engine) {
    let mut stage = listening(engine).await;
    let id = stage.accept_one(from_customer(&stage, 1, vec![9])).await;
    assert_eq!(redact(&stage, id, Forgetting::Text).await, Redacting::NotEnded(MessageState::Queued));
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    stage.receipt(id, 0, ReceiptStatus::Undelivered, "MK:0001").await;
    let before = stage.look(id).await;
    stage.pass(5);
    let (home, since) = (stage.home(phone(1)), stage.now);
    let answers = stage.ledger.redact(home, STRANGER, vec![id], Forgetting::Text, since).await.unwrap();
    assert_eq!(answers, [Redacting::NoSuch], "another account's");
    assert_eq!(redact(&stage, id, Forgetting::Text).await, Redacting::Redacted { since });
    stage.pass(5);
    assert_eq!(redact(&stage, id, Forgetting::Text).await, Redacting::Redacted { since }, "the same again");
    let stage = stage.reopen().await;
    let record = stage.look(id).await;
    assert_eq!((record.text.as_str(), record.redacted_at(), record.deleted_at()), ("", Some(since), None));
    assert_eq!((record.phone, record.state, record.reason), (before.phone, before.state, before.reason));
    assert_eq!(
        (record.parts, record.price, record.changed_at()),
        (before.parts, before.price, before.changed_at())
    );
    assert_eq!(record.trail.last().map(|entry| entry.event), Some(TrailEvent::Redacted));
    // A report and a late receipt find all that they need.
    let kind = WaitingKind::Report;
    let told = stage.ledger.waiting(home, CUSTOMER, kind, WaitingPlace::START, 9).await.unwrap();
    assert_eq!(told[0].phone, phone(1));
    stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    let late = stage.look(id).await;
    assert_eq!(
        (late.state, late.text.as_str(), late.redacted_at()),
        (MessageState::Delivered, "", Some(since))
    );
    assert_eq!(redact(&stage, id, Forgetting::Whole).await, Redacting::Redacted { since });
    assert!(stage.look(id).await.deleted_at().is_some());
}

async fn an_answer_to_a_forgotten_text_is_still_understood(engine: Engine) {
    let stage = listening(engine).await;
    let mut offer = stage.message(&lane(1, Category::Notice), 1);
    "【鸿雁】优惠，拒收请回复R".clone_into(&mut offer.text);
    let id = stage.accept_one(offer).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    let offered = async || {
        let since = Timestamp::from_millis(0);
        let over = SentOver { gateway: GATEWAY, channels: Vec::new() };
        stage.ledger.last_sent(phone(1), &over, since).await.unwrap()[0].offered_opt_out
    };
    assert!(offered().await);
    redact(&stage, id, Forgetting::Text).await;
    assert!(offered().await, "whoever answers R has refused");
}

async fn a_customers_message_is_found_by_each_of_its_ids(engine: Engine) {
    let stage = listening(engine).await;
    let part =
        || u128::from(MessageId::from(stage.ids.next(stage.now, phone(1).slot())).raw().unsigned_abs());
    let ids = vec![part(), part()];
    let long = stage.accept_one(from_customer(&stage, 1, ids.clone())).await;
    stage.accept_one(from_customer(&stage, 2, vec![5])).await;
    let second = Duration::from_secs(1);
    let between = (stage.now.minus(second), stage.now.plus(second));
    let find = async |customer, id, between| {
        let mut all = Vec::new();
        for partition in stage.ledger.partitions().all() {
            let sent = stage.ledger.sent_as(partition, customer, id, between).await.unwrap();
            all.extend(sent.into_iter().map(|sent| sent.message));
        }
        all
    };
    assert_eq!(find(CUSTOMER, ids[0], between).await, [long]);
    assert_eq!(find(CUSTOMER, ids[1], between).await, [long]);
    assert_eq!(find(CustomerId(5), ids[0], between).await, []);
    assert_eq!(find(CUSTOMER, 6, between).await, []);
    assert_eq!(find(CUSTOMER, ids[0], (between.0, stage.now.minus(second))).await, []);
}

async fn what_a_customer_sent_is_counted(engine: Engine) {
    let stage = listening(engine).await;
    let ended = stage.accept_one(from_customer(&stage, 1, vec![1, 2])).await;
    let sent = stage.accept_one(from_customer(&stage, 2, vec![3])).await;
    stage.accept_one(from_customer(&stage, 3, vec![4])).await;
    stage.accept_one(stage.message(&lane(1, Category::Notice), 4)).await;
    cancel(&stage, ended).await;
    for out in stage.claim(FIRST, stream(1, None)).await.outgoing {
        if out.ticket.message == sent {
            stage.submit(&out).await;
        }
    }
    let count = async |customer, until| {
        let between = (MessageId::first_at(stage.now), MessageId::first_at(until));
        let mut counts = SentCounts::default();
        for partition in stage.ledger.partitions().all() {
            let (some, next) = stage.ledger.count_sent(partition, customer, between).await.unwrap();
            assert_eq!(next, None);
            counts = counts.and(some);
        }
        counts
    };
    let later = stage.now.plus(Duration::from_secs(60));
    let expected = SentCounts { messages: 3, forwarded: 1, waiting: 1, failed: 2 };
    assert_eq!(count(CUSTOMER, later).await, expected);
    assert_eq!(count(CustomerId(5), later).await, SentCounts::default());
    assert_eq!(count(CUSTOMER, stage.now).await, SentCounts::default());
}
