//! Several nodes on one PostgreSQL: what they do at once, and what becomes of a node that is gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::channel::{Outgoing, ReceiptStatus};
use domain::ids::{MessageId, PartitionId};
use domain::lane::{LaneState, Stream};
use domain::ledger::{Expansion, Ledger as _, LedgerError, ReceiptOutcome};
use domain::message::{Category, MessageState, Reason};
use domain::nodes::{ClaimRecovery as _, NodeId};
use domain::phone::Phone;
use futures::future::join_all;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection, Row as _};
use store::postgres::{Migrated, PostgresLedger, PostgresOpenError, PostgresOptions, PostgresPlace, migrate};
use store::sealing::Sealer;

use super::engines::Engine;
use super::ledger_people::{counted, present};
use super::ledger_stage::*;
use super::postgres_server::fresh_database;

/// How long another node's work may take to be noticed: polls are at most 400 ms apart.
const NOTICED: Duration = Duration::from_secs(3);

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looked = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(NOTICED, looked).await.unwrap_or_else(|_| panic!("{what} in time"))
}

/// Claims by small bites in every partition until nothing is left, also where another node is at it.
async fn claim_all(stage: &Stage, stream: Stream) -> Vec<Outgoing> {
    let mut all = Vec::new();
    for id in stage.ledger.partitions().all() {
        loop {
            let claim = stage.claim_at(id, FIRST, &[(stream, 7)]).await;
            all.extend(claim.outgoing);
            if !claim.more {
                break;
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_claim_at_once_send_nothing_twice_and_keep_every_cap() {
    let first = Arc::new(Stage::new(Engine::Postgres, 2).await);
    let second = Arc::new(first.on_node(1).await);
    let lane = lane(1, Category::Marketing);
    first.ledger.put_lane(lane.clone()).await.unwrap();
    first.consent(0..60).await;
    let messages: Vec<_> = (0..300).map(|n| first.message(&lane, n % 60)).collect();
    first.accept(&messages).await;
    let tasks = [&first, &second, &first, &second].map(|stage| {
        let stage = Arc::clone(stage);
        tokio::spawn(async move { claim_all(&stage, stream(1, None)).await })
    });
    let mut sent: BTreeMap<MessageId, u32> = BTreeMap::new();
    let mut phones: BTreeMap<Phone, u32> = BTreeMap::new();
    for task in tasks {
        for out in task.await.unwrap() {
            *sent.entry(out.ticket.message).or_default() += 1;
            *phones.entry(out.phone).or_default() += 1;
        }
    }
    assert!(sent.values().all(|times| *times == 1), "a message was handed out twice");
    assert!(phones.values().all(|times| *times == 1), "marketing goes to a phone once a day");
    // Which node got how many is chance: one may be faster than the other everywhere.
    assert_eq!(sent.len(), 60, "everybody got theirs");
    let states = first.all_messages().await.into_iter().map(|m| m.state);
    let rest = states.filter(|state| *state != MessageState::Sending).count();
    assert_eq!(rest, 240);
    assert!(claim_all(&first, stream(1, None)).await.is_empty());
}

#[tokio::test]
async fn what_one_node_accepts_suppresses_or_pauses_counts_on_the_other() {
    let first = Stage::new(Engine::Postgres, 2).await;
    let mut second = first.on_node(1).await;
    let lane = lane(1, Category::Notice);
    first.ledger.put_lane(lane.clone()).await.unwrap();
    first.accept(&(0..10).map(|n| first.message(&lane, n)).collect::<Vec<_>>()).await;
    until("noticed", async || Some(()).filter(|()| second.ledger.due().len() == 2)).await;
    first.ledger.suppress(first.home(phone(3)), vec![first.opt_out(3)]).await.unwrap();
    let claim = second.claim(FIRST, stream(1, None)).await;
    assert_eq!((claim.outgoing.len(), claim.rejected), (9, 1));
    until("noticed", async || Some(()).filter(|()| first.ledger.due().is_empty())).await;
    second.pass(60);
    second.accept(&(20..30).map(|n| second.message(&lane, n)).collect::<Vec<_>>()).await;
    first.ledger.put_lane(as_of(&lane, 1, LaneState::Paused)).await.unwrap();
    assert!(second.claim(FIRST, stream(1, None)).await.outgoing.is_empty(), "paused everywhere");
    second.ledger.put_lane(lane.clone()).await.unwrap();
    assert!(
        second.claim(FIRST, stream(1, None)).await.outgoing.is_empty(),
        "who writes late changes nothing"
    );
    assert_eq!(second.ledger.lanes().await.unwrap(), [as_of(&lane, 1, LaneState::Paused)]);
    second.ledger.put_lane(as_of(&lane, 2, LaneState::Open)).await.unwrap();
    assert_eq!(second.claim(FIRST, stream(1, None)).await.outgoing.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receipt_on_one_node_meets_the_answer_on_the_other_whichever_is_first() {
    let first = Arc::new(Stage::new(Engine::Postgres, 1).await);
    let second = Arc::new(first.on_node(1).await);
    let lane = lane(1, Category::Notice);
    first.ledger.put_lane(lane.clone()).await.unwrap();
    first.accept(&(0..120).map(|n| first.message(&lane, n)).collect::<Vec<_>>()).await;
    let claim = first.claim(FIRST, stream(1, None)).await;
    let mut held = 0;
    for out in claim.outgoing {
        let id = out.ticket.message;
        let (settling, receiving) = (Arc::clone(&first), Arc::clone(&second));
        let answered = tokio::spawn(async move { settling.submit(&out).await });
        let received =
            tokio::spawn(async move { receiving.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await });
        let (answered, received) = tokio::join!(answered, received);
        answered.unwrap();
        held += u32::from(received.unwrap() == ReceiptOutcome::Held);
        assert_eq!(first.look(id).await.state, MessageState::Delivered, "{held} were held before");
    }
    let delivered = first.ledger.tallies(&[lane.id]).await.unwrap().into_iter();
    let delivered: i64 =
        delivered.filter(|t| t.to == MessageState::Delivered).map(|tally| tally.messages).sum();
    assert_eq!(delivered, 120, "each counted once");
}

/// Answers as they come: taken, throttled, refused, lost; and reports, early, failing and repeated ones among them.
async fn answer(stage: &Stage, outgoing: Vec<Outgoing>) {
    for out in outgoing {
        let id = out.ticket.message;
        match id.raw() % 7 {
            0 if out.ticket.attempt == 1 => {
                stage.settle(&out, FIRST, requeue(stage, Reason::CarrierSystem, true, Some(FIRST))).await;
                continue;
            }
            1 => {
                stage.settle(&out, FIRST, failed(Reason::CarrierContent)).await;
                continue;
            }
            2 => {
                stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
                stage.submit(&out).await;
            }
            3 => {
                stage.submit(&out).await;
                stage.receipt(id, 0, ReceiptStatus::Undelivered, "UNDELIV").await;
                stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
            }
            4 => {
                stage.submit(&out).await;
                stage.receipt(id, 0, ReceiptStatus::Undelivered, "MK:0001").await;
            }
            _ => {
                let (submit, receipt) =
                    (stage.submit(&out), stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD"));
                tokio::join!(submit, receipt);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_nodes_do_at_once_counts_equal_messages_and_all_of_them_end() {
    let first = Arc::new(Stage::new(Engine::Postgres, 2).await);
    let second = Arc::new(first.on_node(1).await);
    let lane = lane(1, Category::Notice);
    first.ledger.put_lane(lane.clone()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for (node, stage) in (0u64..).zip([&first, &second]) {
        let (accepting, lane) = (Arc::clone(stage), lane.clone());
        tasks.spawn(async move {
            for batch in 0..20 {
                let from = node * 1_000 + batch * 10;
                let messages: Vec<_> = (from..from + 10).map(|n| accepting.message(&lane, n)).collect();
                accepting.accept(&messages).await;
            }
        });
        for avoid in [None, Some(FIRST)] {
            let sending = Arc::clone(stage);
            tasks.spawn(async move {
                let channel = if avoid.is_none() { FIRST } else { SECOND };
                for _ in 0..60 {
                    for id in sending.ledger.partitions().all() {
                        let claim = sending.claim_at(id, channel, &[(stream(1, avoid), 9)]).await;
                        answer(&sending, claim.outgoing).await;
                    }
                }
            });
        }
        let sweeping = Arc::clone(stage);
        tasks.spawn(async move {
            for _ in 0..15 {
                sweeping.sweep().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let mut last = first.on_node(2).await;
    last.pass(60);
    for avoid in [None, Some(FIRST), None, Some(FIRST)] {
        answer(&last, claim_all(&last, stream(1, avoid)).await).await;
    }
    last.sweep().await;
    let counted = counted(&last).await;
    assert_eq!(present(&last.ledger.tallies(&[lane.id]).await.unwrap()), counted);
    assert_eq!(counted.values().map(|sum| sum.0).sum::<i64>(), 400);
    let under_way = counted.keys().find(|(state, ..)| !state.is_final());
    assert_eq!(under_way, None, "{counted:?}");
    assert!(last.ledger.due().is_empty());
    assert_eq!(last.ledger.recover(Arc::clone(&last.retry), last.now).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_chunk_that_two_nodes_bring_is_taken_once() {
    let first = Arc::new(Stage::new(Engine::Postgres, 1).await);
    let second = Arc::new(first.on_node(1).await);
    let lane = lane(1, Category::Notice);
    first.ledger.put_lane(lane.clone()).await.unwrap();
    for chunk in 1..20u64 {
        let tasks = [&first, &second].map(|stage| {
            let (stage, lane) = (Arc::clone(stage), lane.clone());
            tokio::spawn(async move {
                let messages: Vec<_> = (0..10).map(|n| stage.message(&lane, chunk * 10 + n)).collect();
                let expansion = Some(Expansion { lane: lane.id, through: chunk * 10 });
                let home = stage.home(phone(0));
                stage.ledger.accept(home, messages, expansion, stage.now).await.unwrap()
            })
        });
        let mut fresh = 0;
        for task in tasks {
            fresh += task.await.unwrap();
        }
        assert_eq!(fresh, 10);
    }
}

#[tokio::test]
async fn a_node_recovers_its_own_claims_and_those_of_one_that_died() {
    let first = Stage::new(Engine::Postgres, 2).await;
    let second = first.on_node(1).await;
    let lane = lane(1, Category::Marketing);
    first.ledger.put_lane(lane.clone()).await.unwrap();
    first.consent(0..20).await;
    first.accept(&(0..20).map(|n| first.message(&lane, n)).collect::<Vec<_>>()).await;
    for id in first.ledger.partitions().all() {
        first.claim_at(id, FIRST, &[(stream(1, None), 3)]).await;
        second.claim_at(id, SECOND, &[(stream(1, None), 2)]).await;
    }
    let retry = || Arc::clone(&first.retry);
    let third = first.second_node(2).await;
    assert_eq!(third.recover(retry(), first.now).await.unwrap(), 0, "it has claimed nothing");
    assert_eq!(second.ledger.recover(retry(), first.now).await.unwrap(), 4, "only its own");
    assert_eq!(third.recover_node(node(0), retry(), first.now).await.unwrap(), 6, "as if node 0 had died");
    assert_eq!(third.recover_node(node(0), retry(), first.now).await.unwrap(), 0);
    let uncertain = first.all_messages().await.into_iter().filter(|m| m.state == MessageState::Uncertain);
    assert_eq!(uncertain.count(), 10);
}

#[tokio::test]
async fn a_node_that_was_taken_for_dead_claims_nothing_more_and_its_next_life_does() {
    let first = Stage::new(Engine::Postgres, 2).await;
    let second = first.second_node(1).await;
    let lane = lane(1, Category::Notice);
    first.ledger.put_lane(lane.clone()).await.unwrap();
    first.accept(&(0..20).map(|n| first.message(&lane, n)).collect::<Vec<_>>()).await;
    let before = first.claim_at(PartitionId(0), FIRST, &[(stream(1, None), 3)]).await.outgoing;
    second.recover_node(node(0), Arc::clone(&first.retry), first.now).await.unwrap();
    for id in first.ledger.partitions().all() {
        let refused = first.ledger.claim(first.request(id, FIRST, &[(stream(1, None), 3)])).await;
        assert!(matches!(refused, Err(LedgerError::Fenced)), "{refused:?}");
    }
    first.submit(&before[0]).await;
    let late = first.receipt(before[0].ticket.message, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    assert!(matches!(late, ReceiptOutcome::Applied { .. }), "what the carrier took before still counts");
    let (data, keys) = (first.path().join("data"), first.path().join("keys/key"));
    let place = PostgresPlace::new(first.url());
    let sealer = Sealer::open(&keys, &data).unwrap();
    let options = PostgresOptions { place, node: NodeId { epoch: 2, ..node(0) }, sealer };
    let ledger = PostgresLedger::open(&options).await.unwrap();
    let again = Stage::with(ledger, domain::ids::IdGenerator::new(0), first.now);
    assert_eq!(again.claim_at(PartitionId(1), FIRST, &[(stream(1, None), 3)]).await.outgoing.len(), 3);
}

fn node(number: u8) -> NodeId {
    NodeId { number, epoch: 1 }
}

#[tokio::test]
async fn lost_connections_are_made_anew_and_nothing_is_lost() {
    let stage = Stage::new(Engine::Postgres, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let mut admin = PgConnection::connect(stage.url()).await.unwrap();
    // Other tests work on the same server: only this one's connections end.
    let schema: String =
        sqlx::query("SELECT current_schema()::text").fetch_one(&mut admin).await.unwrap().get(0);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = $1 AND pid <> pg_backend_pid()";
    let mine = open_named(&stage, &schema).await;
    let (mut accepted, mut sent) = (0, 0);
    for round in 0..10u64 {
        sqlx::query(end).bind(&schema).execute(&mut admin).await.unwrap();
        let messages: Vec<_> = (0..5).map(|n| stage.message(&lane, round * 5 + n)).collect();
        accepted += mine.ledger.accept(stage.home(phone(0)), messages, None, stage.now).await.unwrap();
        sqlx::query(end).bind(&schema).execute(&mut admin).await.unwrap();
        sent += mine.claim(FIRST, stream(1, None)).await.outgoing.len();
    }
    assert_eq!((accepted, sent), (50, 50));
}

/// A node whose connections bear a name of their own.
async fn open_named(stage: &Stage, name: &str) -> Stage {
    let (data, keys) = (stage.path().join("data"), stage.path().join("keys/key"));
    let place = PostgresPlace { name: name.to_owned(), ..PostgresPlace::new(stage.url()) };
    let options = PostgresOptions { place, node: node(3), sealer: Sealer::open(&keys, &data).unwrap() };
    let ledger = PostgresLedger::open(&options).await.unwrap();
    Stage::with(ledger, domain::ids::IdGenerator::new(3), stage.now)
}

#[tokio::test]
async fn a_schema_is_made_once_and_another_one_is_refused() {
    let url = fresh_database().await;
    let folder = tempfile::tempdir().unwrap();
    let sealer = Sealer::open(&folder.path().join("keys/key"), &folder.path().join("data")).unwrap();
    let options = PostgresOptions::alone(PostgresPlace::new(&url), sealer);
    let open = || async { PostgresLedger::open(&options).await.map(drop) };
    let refused = open().await.unwrap_err();
    assert!(matches!(refused, PostgresOpenError::Older { found: 0, .. }), "{refused}");
    assert!(refused.to_string().contains("hongyan migrate"), "{refused}");
    // The control tables with it, which wait at the same lock.
    for migrated in join_all((0..4).map(|_| migrate(&options.place, 4))).await {
        assert_eq!(migrated.unwrap(), Migrated { distributed: false });
    }
    open().await.unwrap();
    let other = PostgresLedger::migrate(&url, 8).await.unwrap_err();
    assert!(matches!(other, PostgresOpenError::Partitions { found: 4, asked: 8 }), "{other}");
    let mut admin = PgConnection::connect(&url).await.unwrap();
    sqlx::query("INSERT INTO ledger_schema VALUES (99)").execute(&mut admin).await.unwrap();
    for refused in [open().await.unwrap_err(), PostgresLedger::migrate(&url, 4).await.unwrap_err()] {
        assert!(matches!(refused, PostgresOpenError::Newer { found: 99, .. }), "{refused}");
    }
    let wrong = PostgresLedger::migrate("mysql://hongyan:secret@localhost", 4).await.unwrap_err();
    assert!(!format!("{wrong} {wrong:?}").contains("secret"));
}

#[tokio::test]
async fn a_closed_ledger_says_so() {
    let stage = Stage::new(Engine::Postgres, 1).await;
    stage.ledger.close().await;
    assert!(matches!(stage.ledger.lanes().await, Err(LedgerError::Closed)));
    assert!(matches!(stage.ledger.put_lane(lane(1, Category::Notice)).await, Err(LedgerError::Closed)));
}

#[tokio::test]
async fn no_table_shows_a_phone_or_a_text() {
    let stage = Stage::new(Engine::Postgres, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.accept(&(0..5).map(|n| stage.message(&lane, n)).collect::<Vec<_>>()).await;
    for out in stage.claim(FIRST, stream(1, None)).await.outgoing.iter().take(3) {
        stage.submit(out).await;
        stage.receipt(out.ticket.message, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    }
    stage.ledger.suppress(stage.home(phone(3)), vec![stage.opt_out(3)]).await.unwrap();
    let mut admin = PgConnection::connect(stage.url()).await.unwrap();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
    let mut shown = String::new();
    for row in sqlx::query(tables).fetch_all(&mut admin).await.unwrap() {
        let table: String = row.get(0);
        let text = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t");
        let row = sqlx::query(AssertSqlSafe(text)).fetch_one(&mut admin).await.unwrap();
        shown.push_str(&row.get::<String, _>(0));
    }
    assert!(shown.len() > 1_000, "the tables are searched");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for number in 0..5 {
        let phone = phone(number);
        let digits = phone.national_cn().unwrap();
        let needles = [
            digits.as_str().to_owned(),
            hex(digits.as_str().as_bytes()),
            hex(&phone.to_u64().to_le_bytes()[..6]),
            hex(&phone.to_u64().to_be_bytes()[2..]),
            hex("号通知".as_bytes()),
            "号通知".to_owned(),
        ];
        let found = needles.iter().find(|needle| shown.contains(needle.as_str()));
        assert_eq!(found, None);
    }
}
