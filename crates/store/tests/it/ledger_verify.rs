//! What must hold between a ledger's rows, and that each way of breaking it is found.

use domain::billing::Purse;
use domain::lane::Lane;
use domain::message::Category;
use rusqlite::Connection;
use sea_orm::sqlx::{self, Connection as _, PgConnection};
use store::ledger::{LedgerOpenError, Rule, Verified, verify};
use store::postgres::PostgresPlace;
use store::sealing::Sealer;

use super::engines::Engine;
use super::ledger_stage::*;

/// Messages that wait, are in flight, are submitted and are delivered; an opt-out.
async fn lived_in(engine: Engine) -> Stage {
    let stage = Stage::new(engine, 1).await;
    let lane = Lane { purse: Purse::Allowance, ..lane(1, Category::Notice) };
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let total = stage.message(&lane, 0).price * 7;
    stage.ledger.granted(stage.home(phone(0)), ACCOUNT, total).await.unwrap();
    for number in 0..6 {
        stage.accept_one(stage.message(&lane, number)).await;
    }
    let claim = stage.claim_at(stage.home(phone(0)), FIRST, &[(stream(1, None), 3)]).await;
    assert_eq!(claim.outgoing.len(), 3);
    stage.submit(&claim.outgoing[0]).await;
    stage.submit(&claim.outgoing[1]).await;
    stage
        .receipt(claim.outgoing[0].ticket.message, 0, domain::channel::ReceiptStatus::Delivered, "DELIVRD")
        .await;
    stage.ledger.suppress(stage.home(phone(7)), vec![stage.opt_out(7)]).await.unwrap();
    stage
}

fn look(stage: &Stage) -> Verified {
    let data = stage.path().join("data");
    let sealer = Sealer::open(&stage.path().join("keys/key"), &data).unwrap();
    verify(&data, &sealer).unwrap()
}

#[tokio::test]
async fn a_ledger_in_use_or_that_is_none_is_refused() {
    let stage = lived_in(Engine::Sqlite).await;
    let data = stage.path().join("data");
    let sealer = Sealer::open(&stage.path().join("keys/key"), &data).unwrap();
    assert!(matches!(verify(&data, &sealer), Err(LedgerOpenError::InUse { .. })), "it is open");
    assert!(matches!(verify(stage.path(), &sealer), Err(LedgerOpenError::Io { .. })), "there is none");
}

#[tokio::test]
async fn whatever_is_broken_by_hand_is_found() {
    for (rule, by_hand) in [
        (Rule::Queued, "DELETE FROM queue WHERE message = (SELECT max(message) FROM queue)"),
        (
            Rule::Queue,
            "UPDATE queue SET due_at = due_at + 1 WHERE message = (SELECT max(message) FROM queue)",
        ),
        (Rule::Queue, "INSERT INTO queue VALUES (1, 0, 5, 77)"),
        (Rule::Claimed, "DELETE FROM claim"),
        (Rule::Part, "UPDATE part SET message = 77"),
        (Rule::Receipt, "INSERT INTO early SELECT gateway, carrier_id, 1, 'DELIVRD', 0 FROM part"),
        (Rule::Tally, "UPDATE tally SET messages = messages + 1"),
        (Rule::Opens, "UPDATE message SET sealed = zeroblob(80) WHERE id = (SELECT min(id) FROM message)"),
        (Rule::Readable, "UPDATE message SET life = zeroblob(9) WHERE id = (SELECT min(id) FROM message)"),
        (Rule::Allowance, "UPDATE allowance SET drawn = drawn - 1"),
        (Rule::Allowance, "UPDATE allowance SET returned = granted"),
        (Rule::Allowance, "DELETE FROM allowance"),
        (Rule::Suppression, "DELETE FROM person"),
    ] {
        let stage = lived_in(Engine::Sqlite).await;
        stage.ledger.close().await;
        let whole = look(&stage);
        assert_eq!((whole.found, whole.messages, whole.queued, whole.in_flight), (0, 6, 3, 1));
        assert_eq!((whole.parts, whole.suppressions), (2, 1));
        let file = Connection::open(stage.path().join("data/ledger/p000.db")).unwrap();
        assert!(file.execute(by_hand, []).unwrap() > 0, "{by_hand}");
        drop(file);
        let broken = look(&stage);
        assert!(
            broken.findings.iter().any(|finding| finding.rule == rule),
            "{by_hand}: {:?}",
            broken.findings
        );
    }
}

/// The same on PostgreSQL, while a node is at work.
#[tokio::test]
async fn whatever_is_broken_in_a_database_is_found() {
    for (rule, by_hand) in [
        (Rule::Queued, "DELETE FROM ledger_queue WHERE message = (SELECT max(message) FROM ledger_queue)"),
        (
            Rule::Queue,
            "UPDATE ledger_queue SET due_at = due_at + 1 WHERE message = (SELECT max(message) FROM ledger_queue)",
        ),
        (Rule::Queue, "INSERT INTO ledger_queue VALUES (0, 1, 0, 5, 77)"),
        (Rule::Claimed, "DELETE FROM ledger_claim"),
        (Rule::Part, "UPDATE ledger_part SET message = 77"),
        (
            Rule::Receipt,
            "INSERT INTO ledger_early SELECT partition, gateway, carrier_id, 1, 'DELIVRD', 0 FROM ledger_part",
        ),
        (Rule::Tally, "UPDATE ledger_tally_delta SET messages = messages + 1"),
        (
            Rule::Opens,
            "UPDATE ledger_message SET sealed = '\\x00' WHERE id = (SELECT min(id) FROM ledger_message)",
        ),
        (
            Rule::Readable,
            "UPDATE ledger_message SET life = '\\x00' WHERE id = (SELECT min(id) FROM ledger_message)",
        ),
        (Rule::Allowance, "UPDATE ledger_allowance SET drawn = drawn - 1"),
        (Rule::Allowance, "UPDATE ledger_allowance SET returned = granted"),
        (Rule::Allowance, "DELETE FROM ledger_allowance"),
        (Rule::Suppression, "DELETE FROM ledger_person"),
    ] {
        let stage = lived_in(Engine::Postgres).await;
        let sealer = Sealer::open(&stage.path().join("keys/key"), &stage.path().join("data")).unwrap();
        let place = PostgresPlace { connections: 2, ..PostgresPlace::new(stage.url()) };
        let whole = store::postgres::verify(&place, &sealer).await.unwrap();
        assert_eq!((whole.found, whole.messages, whole.queued, whole.in_flight), (0, 6, 3, 1), "{whole:?}");
        assert_eq!((whole.parts, whole.suppressions), (2, 1));
        let mut db = PgConnection::connect(stage.url()).await.unwrap();
        let changed = sqlx::query(by_hand).execute(&mut db).await.unwrap().rows_affected();
        assert!(changed > 0, "{by_hand}");
        let broken = store::postgres::verify(&place, &sealer).await.unwrap();
        assert!(
            broken.findings.iter().any(|finding| finding.rule == rule),
            "{by_hand}: {:?}",
            broken.findings
        );
    }
}
