//! Events for accounts that listen: told in the transaction that makes them true, in order, and none missed.

use std::time::Duration;

use domain::channel::{CarrierMessageId, ReceiptStatus};
use domain::events::{EVENT_AGE, Event, EventKind, EventPlace, EventRead, EventSubject};
use domain::ids::{AccountId, InboundId, MessageId, PartitionId};
use domain::ledger::{Entry, InboundRecord};
use domain::message::{Category, Reason};
use domain::policy::RuleId;
use sea_orm::sqlx::{self, Connection as _, Row as _};

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;

on_every_engine! {
    only_who_listens_has_events_and_each_end_is_told_once
    a_message_tells_its_life_in_order_over_a_restart
    an_answer_and_a_refusal_are_told
    a_page_ends_anywhere_and_goes_on_there
    what_is_old_is_gone_and_a_late_reader_is_told
    who_stops_listening_finds_nothing_of_before
}

async fn listening(engine: Engine, partitions: u16) -> Stage {
    let stage = Stage::new(engine, partitions).await;
    stage.ledger.put_lane(lane(1, Category::Notice)).await.unwrap();
    stage.ledger.listen(ACCOUNT, true).await.unwrap();
    stage
}

/// Once all that was committed may be read: on a server that others use too, their transactions are waited for.
async fn heads(stage: &Stage) -> Vec<i64> {
    let newest = match stage.database() {
        None => 0,
        Some(url) => {
            let mut asking = sqlx::PgConnection::connect(url).await.unwrap();
            let newest = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ledger_event_seq_seq";
            sqlx::query(newest).fetch_one(&mut asking).await.unwrap().get(0)
        }
    };
    loop {
        let heads = stage.ledger.event_heads().await.unwrap();
        if heads[0] >= newest {
            return heads;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn read(stage: &Stage, id: PartitionId, from: EventPlace, limit: u32) -> EventRead {
    let through = heads(stage).await[usize::from(id.0)];
    stage.ledger.events(id, ACCOUNT, from, through, limit).await.unwrap()
}

fn page(read: EventRead) -> (Vec<Event>, EventPlace) {
    match read {
        EventRead::Page { events, next } => (events, next),
        other => panic!("{other:?}"),
    }
}

fn oldest(read: EventRead) -> EventPlace {
    match read {
        EventRead::Gone { oldest } => oldest,
        other => panic!("{other:?}"),
    }
}

/// Everything that is kept, in the order of the partitions.
async fn all(stage: &Stage) -> Vec<Event> {
    let mut all = Vec::new();
    for id in stage.ledger.partitions().all() {
        let from = oldest(read(stage, id, EventPlace::START, 100).await);
        all.extend(page(read(stage, id, from, 1_000).await).0);
    }
    all
}

fn told(events: &[Event], of: MessageId) -> Vec<EventKind> {
    events.iter().filter(|event| event.subject == EventSubject::Message(of)).map(|event| event.kind).collect()
}

async fn only_who_listens_has_events_and_each_end_is_told_once(engine: Engine) {
    let stage = Stage::new(engine, 4).await;
    stage.ledger.put_lane(lane(1, Category::Notice)).await.unwrap();
    let early = stage.accept_one(stage.message(&lane(1, Category::Notice), 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing;
    stage.submit(&out[0]).await;
    assert!(!stage.ledger.listens(ACCOUNT).await.unwrap());
    assert_eq!(read(&stage, stage.home(phone(1)), EventPlace::START, 9).await, EventRead::Deaf);

    stage.ledger.listen(ACCOUNT, true).await.unwrap();
    assert!(stage.ledger.listens(ACCOUNT).await.unwrap());
    stage.receipt(early, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    stage.receipt(early, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    let mut refused = stage.message(&lane(1, Category::Notice), 2);
    refused.entry = Entry::Reject { reason: Reason::PartsMissing, rule: RuleId(0) };
    let refused = stage.accept_one(refused).await;
    // A second account listens as well, and has nothing to hear.
    let other = AccountId::from_raw(77);
    stage.ledger.listen(other, true).await.unwrap();
    let events = all(&stage).await;
    assert_eq!(told(&events, early), [EventKind::Delivered]);
    assert_eq!(told(&events, refused), [EventKind::Rejected]);
    let delivered = events.iter().find(|event| event.kind == EventKind::Delivered).unwrap();
    assert_eq!((delivered.campaign, delivered.channel), (lane(1, Category::Notice).campaign, Some(FIRST)));
    assert_eq!((delivered.code.as_str(), delivered.attempts), ("DELIVRD", 1));
    let home = stage.home(phone(1));
    let through = heads(&stage).await[usize::from(home.0)];
    let place = oldest(stage.ledger.events(home, other, EventPlace::START, through, 9).await.unwrap());
    let (nothing, next) = page(stage.ledger.events(home, other, place, through, 9).await.unwrap());
    assert_eq!((nothing, next), (Vec::new(), EventPlace::behind(through).max(place)));
}

async fn a_message_tells_its_life_in_order_over_a_restart(engine: Engine) {
    let mut stage = listening(engine, 4).await;
    let id = stage.accept_one(stage.message(&lane(1, Category::Notice), 1)).await;
    let failing = stage.accept_one(stage.message(&lane(1, Category::Notice), 2)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing;
    for out in &out {
        if out.ticket.message == failing {
            stage.settle(out, FIRST, failed(Reason::Unreachable)).await;
        } else {
            stage.submit(out).await;
        }
    }
    let home = stage.home(phone(1));
    let from = oldest(read(&stage, home, EventPlace::START, 9).await);
    let (before, next) = page(read(&stage, home, from, 9).await);
    assert_eq!(told(&before, id), [EventKind::Submitted]);
    stage = stage.reopen().await;
    stage.pass(5);
    stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    let (after, _) = page(read(&stage, home, next, 9).await);
    assert_eq!(told(&after, id), [EventKind::Delivered], "it goes on where it stood");
    let events = all(&stage).await;
    assert_eq!(told(&events, id), [EventKind::Submitted, EventKind::Delivered]);
    assert_eq!(told(&events, failing), [EventKind::Failed]);
    // A process that dies between write and answer: uncertain, then queued again as a possible duplicate.
    let lost = stage.accept_one(stage.message(&lane(1, Category::Notice), 3)).await;
    assert_eq!(stage.claim(FIRST, stream(1, None)).await.outgoing.len(), 1);
    assert_eq!(stage.ledger.recover(std::sync::Arc::clone(&stage.retry), stage.now).await.unwrap(), 1);
    assert_eq!(told(&all(&stage).await, lost), [EventKind::Uncertain]);
}

async fn an_answer_and_a_refusal_are_told(engine: Engine) {
    let stage = listening(engine, 2).await;
    let answered = stage.accept_one(stage.message(&lane(1, Category::Notice), 1)).await;
    let record = InboundRecord {
        id: InboundId::from(stage.ids.next(stage.now, phone(1).slot())),
        account: Some(ACCOUNT),
        gateway: GATEWAY,
        channel: FIRST,
        carrier_id: CarrierMessageId::Number(9),
        from: phone(1),
        to: "10690123".into(),
        text: "TD".to_owned(),
        answers: Some(answered),
        campaign: None,
        opted_out: true,
        received_at: stage.now,
    };
    let orders = vec![stage.opt_out(1)];
    assert!(stage.ledger.inbound(record.clone(), orders.clone()).await.unwrap());
    assert!(!stage.ledger.inbound(record.clone(), orders).await.unwrap());
    let events = all(&stage).await;
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Inbound, EventKind::OptedOut]);
    assert!(events.iter().all(|event| event.subject == EventSubject::Inbound(record.id)));
}

async fn a_page_ends_anywhere_and_goes_on_there(engine: Engine) {
    let stage = listening(engine, 1).await;
    let messages: Vec<_> = (0..40).map(|number| stage.message(&lane(1, Category::Notice), number)).collect();
    stage.accept(&messages).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing;
    for out in &out {
        stage.submit(out).await;
    }
    let receipts =
        messages.iter().map(|m| receipt(carrier_id(m.id, 0), ReceiptStatus::Delivered, "DELIVRD", stage.now));
    let retry = std::sync::Arc::clone(&stage.retry);
    stage.ledger.receipts(PartitionId(0), receipts.collect(), true, retry, stage.now).await.unwrap();
    let whole = all(&stage).await;
    assert_eq!(whole.len(), 80);
    for limit in [1, 7, 79, 80] {
        let mut place = oldest(read(&stage, PartitionId(0), EventPlace::START, limit).await);
        let mut seen = Vec::new();
        while seen.len() < 80 {
            let (events, next) = page(read(&stage, PartitionId(0), place, limit).await);
            assert!(events.len() <= limit as usize && next > place);
            seen.extend(events);
            place = next;
        }
        assert_eq!(seen, whole, "limit {limit}");
    }
}

async fn what_is_old_is_gone_and_a_late_reader_is_told(engine: Engine) {
    let mut stage = listening(engine, 1).await;
    let home = PartitionId(0);
    let start = oldest(read(&stage, home, EventPlace::START, 9).await);
    let id = stage.accept_one(stage.message(&lane(1, Category::Notice), 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing;
    stage.submit(&out[0]).await;
    let (_, behind_first) = page(read(&stage, home, start, 9).await);
    stage.now = stage.now.plus(EVENT_AGE);
    stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    stage.sweep().await;
    assert_eq!(told(&all(&stage).await, id), [EventKind::Submitted, EventKind::Delivered], "not a day more");
    stage.now = stage.now.plus(Duration::from_millis(1));
    stage.sweep().await;
    let oldest = oldest(read(&stage, home, start, 9).await);
    assert!(oldest > start);
    assert_eq!(told(&page(read(&stage, home, oldest, 9).await).0, id), [EventKind::Delivered]);
    let (events, _) = page(read(&stage, home, behind_first, 9).await);
    assert_eq!(told(&events, id), [EventKind::Delivered], "who had read it misses nothing");
}

async fn who_stops_listening_finds_nothing_of_before(engine: Engine) {
    let stage = listening(engine, 1).await;
    let id = stage.accept_one(stage.message(&lane(1, Category::Notice), 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing;
    stage.submit(&out[0]).await;
    let start = oldest(read(&stage, PartitionId(0), EventPlace::START, 9).await);
    stage.ledger.listen(ACCOUNT, true).await.unwrap();
    assert_eq!(told(&page(read(&stage, PartitionId(0), start, 9).await).0, id), [EventKind::Submitted]);
    stage.ledger.listen(ACCOUNT, false).await.unwrap();
    assert_eq!(read(&stage, PartitionId(0), start, 9).await, EventRead::Deaf);
    stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    stage.ledger.listen(ACCOUNT, true).await.unwrap();
    let again = oldest(read(&stage, PartitionId(0), start, 9).await);
    assert_eq!(page(read(&stage, PartitionId(0), again, 9).await).0, []);
    stage.sweep().await;
    assert_eq!(all(&stage).await, []);
}

/// Two writers at once: the one that has the smaller number commits later.
#[tokio::test]
async fn a_late_commit_with_a_smaller_number_is_not_missed() {
    let stage = listening(Engine::Postgres, 1).await;
    let home = PartitionId(0);
    let messages: Vec<_> = (0..2).map(|number| stage.message(&lane(1, Category::Notice), number)).collect();
    stage.accept(&messages).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing;
    let mut place = oldest(read(&stage, home, EventPlace::START, 9).await);

    let mut late = sqlx::PgConnection::connect(stage.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT 1 FROM ledger_lane FOR KEY SHARE").execute(&mut late).await.unwrap();
    // What another node writes at the end of a transaction that goes on.
    let entry: Vec<u8> = {
        stage.submit(&out[0]).await;
        sqlx::query_scalar("SELECT entry FROM ledger_event").fetch_one(&mut late).await.unwrap()
    };
    let add = "INSERT INTO ledger_event (partition, account, at, entry) VALUES (0, $1, $2, $3)";
    let query = sqlx::query(add).bind(ACCOUNT.raw()).bind(stage.now.millis()).bind(&entry);
    query.execute(&mut late).await.unwrap();
    stage.submit(&out[1]).await;
    let seqs: Vec<i64> = {
        let mut reader = sqlx::PgConnection::connect(stage.url()).await.unwrap();
        sqlx::query_scalar("SELECT seq FROM ledger_event ORDER BY seq").fetch_all(&mut reader).await.unwrap()
    };
    let [before, after] = seqs.as_slice() else { panic!("{seqs:?}") };
    assert_eq!(after - before, 2, "the number between them is that of the late one");

    let mut seen = Vec::new();
    for _ in 0..4 {
        let through = stage.ledger.event_heads().await.unwrap()[0];
        assert!(through <= *before, "nothing behind what is still missing is shown");
        let read = stage.ledger.events(home, ACCOUNT, place, through, 9).await.unwrap();
        let (events, next) = page(read);
        seen.extend(events);
        place = next;
    }
    sqlx::raw_sql("COMMIT").execute(&mut late).await.unwrap();
    for _ in 0..2 {
        let (events, next) = page(read(&stage, home, place, 9).await);
        seen.extend(events);
        place = next;
    }
    let of = |place: usize| EventSubject::Message(out[place].ticket.message);
    let subjects: Vec<EventSubject> = seen.iter().map(|event| event.subject).collect();
    assert_eq!(subjects, [of(0), of(0), of(1)]);
}
