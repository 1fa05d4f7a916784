//! What waits for customers that connect to us: told in the transaction that brought it about, kept until it is forgotten.

use domain::channel::{CarrierMessageId, ReceiptStatus};
use domain::downstream::{
    Ending, Fragment, Origin, WAITING_AGE, WAITING_ROWS, Waiting, WaitingKind, WaitingPlace, What,
};
use domain::ids::{CustomerId, InboundId, MessageId, PartitionId};
use domain::ledger::{Disposition, Entry, InboundRecord, NewMessage};
use domain::message::{Category, MessageState, Reason};
use domain::policy::RuleId;
use domain::time::Timestamp;

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;

const CUSTOMER: CustomerId = CustomerId(4);

on_every_engine! {
    an_end_is_told_once_and_kept_over_a_restart_until_forgotten
    an_answer_goes_to_the_customer_whose_message_it_answers
    what_one_receipt_stands_for_shares_the_end
    parts_are_kept_sealed_until_they_are_forgotten
    only_what_is_named_is_forgotten
    what_is_too_old_is_dropped
    what_is_beyond_the_bound_is_dropped_oldest_first
    whoever_something_waits_for_is_told
}

fn from_customer(stage: &Stage, number: u64, parts: u8) -> NewMessage {
    let origin = Origin {
        customer: CUSTOMER,
        source: "1069000188".into(),
        parts: (0..parts).map(|part| u128::from(number) << 8 | u128::from(part)).collect(),
        on_success: true,
        on_failure: true,
    };
    NewMessage { parts, origin: Some(Box::new(origin)), ..stage.message(&lane(1, Category::Notice), number) }
}

async fn page(stage: &Stage, kind: WaitingKind) -> Vec<Waiting> {
    let mut all = Vec::new();
    for id in stage.ledger.partitions().all() {
        all.extend(stage.ledger.waiting(id, CUSTOMER, kind, WaitingPlace::START, 100).await.unwrap());
    }
    all
}

async fn forget(stage: &Stage, kind: WaitingKind, all: &[Waiting]) {
    for waiting in all {
        let partition = stage.home(waiting.phone);
        stage.ledger.forget_waiting(partition, CUSTOMER, kind, vec![waiting.place]).await.unwrap();
    }
}

fn ending(waiting: &Waiting) -> (MessageId, Ending) {
    match &waiting.what {
        What::Report { message, ending, .. } => (*message, *ending),
        _ => panic!("a report"),
    }
}

async fn an_end_is_told_once_and_kept_over_a_restart_until_forgotten(engine: Engine) {
    let stage = Stage::new(engine, 4).await;
    stage.ledger.put_lane(lane(1, Category::Notice)).await.unwrap();
    let own = stage.accept_one(stage.message(&lane(1, Category::Notice), 9)).await;
    let long = stage.accept_one(from_customer(&stage, 1, 2)).await;
    let mut refused = from_customer(&stage, 2, 1);
    refused.entry = Entry::Reject { reason: Reason::PartsMissing, rule: RuleId(0) };
    let refused = stage.accept_one(refused).await;
    for out in stage.claim(FIRST, stream(1, None)).await.outgoing {
        stage.submit(&out).await;
    }
    stage.receipt(own, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    let told = page(&stage, WaitingKind::Report).await;
    assert_eq!(
        told.iter().map(ending).map(|(id, e)| (id, e.state)).collect::<Vec<_>>(),
        [(refused, MessageState::Rejected)]
    );
    forget(&stage, WaitingKind::Report, &told).await;

    stage.receipt(long, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    assert_eq!(page(&stage, WaitingKind::Report).await, [], "one part is not the end");
    stage.receipt(long, 1, ReceiptStatus::Undelivered, "MK:0012").await;
    let stage = stage.reopen().await;
    let told = page(&stage, WaitingKind::Report).await;
    let [waiting] = told.as_slice() else { panic!("{} reports", told.len()) };
    assert_eq!(waiting.phone, phone(1));
    let What::Report { origin, ending, .. } = &waiting.what else { panic!("a report") };
    assert_eq!((&*origin.source, origin.parts.as_slice()), ("1069000188", [256, 257].as_slice()));
    assert_eq!((ending.state, ending.code.as_str()), (MessageState::Undelivered, "MK:0012"));
    assert_eq!(
        [0, 1].map(|part| ending.of_part(part, 2)),
        [MessageState::Delivered, MessageState::Undelivered]
    );
    let after = stage
        .ledger
        .waiting(stage.home(phone(1)), CUSTOMER, WaitingKind::Report, waiting.place, 100)
        .await
        .unwrap();
    assert_eq!(after, [], "nothing lies behind it");
    forget(&stage, WaitingKind::Report, &told).await;
    assert_eq!(page(&stage, WaitingKind::Report).await, []);
}

async fn an_answer_goes_to_the_customer_whose_message_it_answers(engine: Engine) {
    let stage = Stage::new(engine, 4).await;
    stage.ledger.put_lane(lane(1, Category::Notice)).await.unwrap();
    let answered = stage.accept_one(from_customer(&stage, 1, 1)).await;
    let own = stage.accept_one(stage.message(&lane(1, Category::Notice), 2)).await;
    let inbound = |number: u64, answers: MessageId| InboundRecord {
        id: InboundId::from(stage.ids.next(stage.now, phone(number).slot())),
        account: Some(ACCOUNT),
        gateway: GATEWAY,
        channel: FIRST,
        carrier_id: CarrierMessageId::Number(number),
        from: phone(number),
        to: "10690123".into(),
        text: "好的\n谢谢".to_owned(),
        answers: Some(answers),
        campaign: None,
        opted_out: false,
        received_at: stage.now,
    };
    let first = inbound(1, answered);
    assert!(stage.ledger.inbound(first.clone(), Vec::new()).await.unwrap());
    assert!(!stage.ledger.inbound(first, Vec::new()).await.unwrap());
    assert!(stage.ledger.inbound(inbound(2, own), Vec::new()).await.unwrap());
    let told = page(&stage, WaitingKind::Inbound).await;
    let [waiting] = told.as_slice() else { panic!("{} answers", told.len()) };
    let expected = What::Inbound { to: "1069000188".into(), text: "好的\n谢谢".to_owned() };
    assert!(waiting.phone == phone(1) && waiting.what == expected);
    forget(&stage, WaitingKind::Inbound, &told).await;
    assert_eq!(page(&stage, WaitingKind::Inbound).await, []);
}

fn fragment(stage: &Stage, number: u64, at: Timestamp) -> Fragment {
    let item = InboundId::from(stage.ids.next(stage.now, phone(number).slot())).raw();
    let place = WaitingPlace { at, item };
    Fragment { customer: CUSTOMER, place, phone: phone(number), body: format!("第{number}段\n正文") }
}

async fn what_one_receipt_stands_for_shares_the_end(engine: Engine) {
    let stage = Stage::new(engine, 4).await;
    stage.ledger.put_lane(lane(1, Category::Notice)).await.unwrap();
    let long = stage.accept_one(from_customer(&stage, 1, 2)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    let ids = vec![carrier_id(long, 0)];
    stage.settle(&out, FIRST, Disposition::Submitted { gateway: GATEWAY, ids }).await;
    stage.receipt(long, 0, ReceiptStatus::Undelivered, "MK:0012").await;
    let told = page(&stage, WaitingKind::Report).await;
    let (_, ending) = ending(&told[0]);
    assert_eq!([0, 1].map(|part| ending.of_part(part, 2)), [MessageState::Undelivered; 2]);
}

async fn only_what_is_named_is_forgotten(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let (first, second) = (
        fragment(&stage, 1, stage.now),
        fragment(&stage, 2, stage.now.plus(std::time::Duration::from_secs(3_600))),
    );
    let twin = |at: &Fragment, item: &Fragment| {
        let place = WaitingPlace { at: at.place.at, item: item.place.item };
        Fragment { place, ..item.clone() }
    };
    let all = [first.clone(), second.clone(), twin(&first, &second), twin(&second, &first)];
    let home = stage.home(phone(1));
    stage.ledger.hold_fragments(home, all.to_vec()).await.unwrap();
    let named = vec![first.place, second.place];
    stage.ledger.forget_waiting(home, CUSTOMER, WaitingKind::Fragment, named).await.unwrap();
    let left = page(&stage, WaitingKind::Fragment).await;
    assert_eq!(left.iter().map(|waiting| waiting.place).collect::<Vec<_>>(), [all[2].place, all[3].place]);
}

async fn parts_are_kept_sealed_until_they_are_forgotten(engine: Engine) {
    let stage = Stage::new(engine, 4).await;
    let part = fragment(&stage, 1, stage.now);
    let home = stage.home(phone(1));
    for _ in 0..2 {
        stage.ledger.hold_fragments(home, vec![part.clone()]).await.unwrap();
    }
    let stage = stage.reopen().await;
    let held = page(&stage, WaitingKind::Fragment).await;
    let [waiting] = held.as_slice() else { panic!("{} parts", held.len()) };
    assert!(waiting.what == What::Fragment { body: part.body } && waiting.phone == phone(1));
    forget(&stage, WaitingKind::Fragment, &held).await;
    assert_eq!(page(&stage, WaitingKind::Fragment).await, []);
}

async fn what_is_too_old_is_dropped(engine: Engine) {
    let stage = Stage::new(engine, 4).await;
    let young = fragment(&stage, 1, stage.now.minus(WAITING_AGE));
    let old = fragment(&stage, 2, Timestamp::from_millis(young.place.at.millis() - 1));
    for part in [&young, &old] {
        stage.ledger.hold_fragments(stage.home(part.phone), vec![part.clone()]).await.unwrap();
    }
    stage.sweep().await;
    let left = page(&stage, WaitingKind::Fragment).await;
    assert_eq!(left.iter().map(|waiting| waiting.place).collect::<Vec<_>>(), [young.place]);
}

/// Rows before and after the bound and its slack, oldest first.
async fn what_is_beyond_the_bound_is_dropped_oldest_first(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let hold = async |from: u32, to: u32| {
        for numbers in (from..to).collect::<Vec<_>>().chunks(16_384) {
            let part = |number: &u32| {
                let at = Timestamp::from_millis(stage.now.millis() - 10_000_000 + i64::from(*number));
                Fragment {
                    customer: CUSTOMER,
                    place: WaitingPlace { at, item: i64::from(*number) },
                    phone: phone(1),
                    body: String::new(),
                }
            };
            let parts = numbers.iter().map(part).collect();
            stage.ledger.hold_fragments(PartitionId(0), parts).await.unwrap();
        }
    };
    let oldest = async || {
        let first = (PartitionId(0), CUSTOMER, WaitingKind::Fragment, WaitingPlace::START);
        stage.ledger.waiting(first.0, first.1, first.2, first.3, 1).await.unwrap()[0].place.item
    };
    let full = WAITING_ROWS + moves::waiting::SLACK;
    hold(0, full).await;
    stage.sweep().await;
    assert_eq!(oldest().await, 0, "a little more than the bound stays until it is worth looking");
    hold(full, full + 1).await;
    stage.sweep().await;
    assert_eq!(oldest().await, i64::from(full - WAITING_ROWS));
    hold(full + 1, full + 100).await;
    stage.sweep().await;
    assert_eq!(oldest().await, i64::from(full - WAITING_ROWS), "counted anew, there is room");
}

async fn whoever_something_waits_for_is_told(engine: Engine) {
    let stage = Stage::new(engine, 4).await;
    stage.ledger.put_lane(lane(1, Category::Notice)).await.unwrap();
    let told = || stage.ledger.told().contains(&(stage.home(phone(1)), CUSTOMER));
    let mine = stage.accept_one(from_customer(&stage, 1, 1)).await;
    let own = stage.accept_one(stage.message(&lane(1, Category::Notice), 1)).await;
    for out in stage.claim(FIRST, stream(1, None)).await.outgoing {
        stage.submit(&out).await;
    }
    assert!(!told(), "nothing has ended");
    stage.receipt(own, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    assert!(!told(), "nobody asked for it");
    stage.receipt(mine, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    assert!(told());
    // Told some times more where a commit may take its time, and then no more.
    let mut times = 0;
    while told() {
        times += 1;
        assert!(times < 10);
    }
    let inbound = InboundRecord {
        id: InboundId::from(stage.ids.next(stage.now, phone(1).slot())),
        account: Some(ACCOUNT),
        gateway: GATEWAY,
        channel: FIRST,
        carrier_id: CarrierMessageId::Number(1),
        from: phone(1),
        to: "10690123".into(),
        text: "好的".to_owned(),
        answers: Some(mine),
        campaign: None,
        opted_out: false,
        received_at: stage.now,
    };
    assert!(stage.ledger.inbound(inbound, Vec::new()).await.unwrap());
    assert!(told());
}
