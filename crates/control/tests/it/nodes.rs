//! The control database on PostgreSQL, where several nodes write: what must happen once happens once.

use std::sync::atomic::{AtomicU32, Ordering};

use control::{ControlDb, OpenControl, OpenControlError, is_sealed};
use domain::control::{
    Accounts as _, Channels as _, Contacts as _, Idempotency as _, IdempotentStart, Secret,
};
use domain::ids::{IdGenerator, MessageId};
use futures::future::join_all;
use pg::PostgresPlace;
use sealing::Sealer;

use crate::engines::Engine;
use crate::postgres_server::fresh_database;
use crate::stage::{NOW, Stage, migrate, person, row};

#[tokio::test]
async fn a_schema_that_was_not_made_or_is_older_is_refused() {
    let place = PostgresPlace::new(fresh_database().await);
    let folder = tempfile::tempdir().unwrap();
    let open = || async {
        let data = folder.path().join("data");
        let sealer = Sealer::open(&folder.path().join("keys"), &data).unwrap();
        let ids = std::sync::Arc::new(IdGenerator::new(0));
        ControlDb::open_postgres(OpenControl { folder: data, sealer, ids }, &place).await
    };
    let refused = open().await.unwrap_err();
    assert!(matches!(refused, OpenControlError::OlderSchema { found: 0, .. }), "{refused}");
    assert!(refused.to_string().contains("hongyan migrate"), "{refused}");
    migrate(&place).await.unwrap();
    assert!(!is_sealed(&place).await.unwrap());
    let db = open().await.unwrap();
    assert!(is_sealed(&place).await.unwrap());
    assert!(db.accounts().await.unwrap().is_empty());
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_refused() {
    let stage = Stage::open(Engine::Postgres).await;
    stage
        .by_hand("INSERT INTO seaql_migrations (version, applied_at) VALUES ('v99_contact_birthday', 0)")
        .await;
    let data = stage.folder();
    let sealer = Sealer::open(&data.join("../keys"), &data).unwrap();
    let options = OpenControl { folder: data, sealer, ids: std::sync::Arc::new(IdGenerator::new(0)) };
    let refused = ControlDb::open_postgres(options, stage.database()).await.unwrap_err();
    assert!(matches!(refused, OpenControlError::NewerSchema { found: 99, .. }), "{refused}");
    let refused = migrate(stage.database()).await.unwrap_err();
    assert!(refused.to_string().contains("newer program"), "{refused}");
}

#[tokio::test]
async fn a_node_with_other_keys_is_refused() {
    let stage = Stage::open(Engine::Postgres).await;
    let other = tempfile::tempdir().unwrap();
    let data = other.path().join("data");
    let sealer = Sealer::open(&other.path().join("keys"), &data).unwrap();
    let options = OpenControl { folder: data, sealer, ids: std::sync::Arc::new(IdGenerator::new(2)) };
    let refused = ControlDb::open_postgres(options, stage.database()).await.unwrap_err();
    assert!(matches!(refused, OpenControlError::OtherKeys), "{refused}");
}

#[tokio::test]
async fn of_nodes_that_start_first_at_once_one_makes_the_account() {
    let stage = Stage::open(Engine::Postgres).await;
    let nodes = [stage.db.clone(), stage.second_node(2).await, stage.second_node(3).await];
    let kept = AtomicU32::new(0);
    let start = |(db, node): (std::sync::Arc<ControlDb>, u8)| {
        let kept = &kept;
        async move {
            let keep = |_: &Secret| {
                kept.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            db.first_start(NOW, &IdGenerator::new(node), keep).await.unwrap()
        }
    };
    let first = join_all(nodes.into_iter().zip(1..).map(start)).await;
    assert_eq!(first.iter().flatten().count(), 1);
    assert_eq!(kept.load(Ordering::SeqCst), 1, "no key was shown that opens nothing");
    assert_eq!(stage.db.accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_that_two_nodes_get_at_once_is_begun_once() {
    let stage = Stage::open(Engine::Postgres).await;
    let account = stage.account("ours").await;
    let nodes = [stage.db.clone(), stage.second_node(2).await];
    for key in 0..20 {
        let key = format!("order-{key}");
        let begun = nodes.iter().zip(1u64..).map(|(db, n)| {
            let (key, id) = (&key, MessageId::from(stage.ids.next(NOW, person(n).slot())));
            async move { db.begin_idempotent(account, key, [1; 32], &[id], NOW).await.unwrap() }
        });
        let begun = join_all(begun).await;
        let fresh = begun.iter().filter(|start| **start == IdempotentStart::Fresh).count();
        assert_eq!(fresh, 1, "{begun:?}");
        assert!(begun.iter().any(|start| matches!(start, IdempotentStart::Replay(ids) if ids.len() == 1)));
    }
}

#[tokio::test]
async fn imports_of_the_same_people_on_two_nodes_neither_lose_nor_double_anybody() {
    let stage = Stage::open(Engine::Postgres).await;
    let account = stage.account("ours").await;
    let nodes = [stage.db.clone(), stage.second_node(2).await, stage.second_node(3).await];
    let upserts = nodes.iter().zip([0u64, 2_000, 4_000]).map(|(db, start)| {
        // Backwards, and everybody twice: the store has to bring them into one order.
        let rows = (start..start + 4_000).rev().flat_map(|n| [n, n]);
        let rows =
            rows.map(|n| row(person(n), "某", "某", &["all", if n % 2 == 0 { "even" } else { "odd" }]));
        let rows = rows.collect();
        async move { db.upsert_contacts(account, None, rows, NOW).await.unwrap() }
    });
    let done = join_all(upserts).await;
    assert_eq!(done.iter().map(|done| done.new).sum::<u64>(), 8_000);
    assert_eq!(done.iter().map(|done| done.new + done.updated).sum::<u64>(), 24_000);
    assert_eq!(stage.db.count_contacts(account).await.unwrap(), 8_000);
    let tags = [("all".to_owned(), 8_000), ("even".to_owned(), 4_000), ("odd".to_owned(), 4_000)];
    assert_eq!(stage.db.tags(account).await.unwrap(), tags);
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_again() {
    let stage = Stage::open(Engine::Postgres).await;
    let account = stage.account("ours").await;
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
        stage.database().name
    );
    for round in 0..5 {
        stage.by_hand(&end).await;
        stage.db.put_setting("words", "[]").await.unwrap();
        let rows = vec![row(person(round), "某", "某", &[])];
        assert_eq!(stage.db.upsert_contacts(account, None, rows, NOW).await.unwrap().new, 1);
    }
}
