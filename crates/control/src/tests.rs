//! What only the inside can provoke: statements against the schema, and a disk that is full.

use std::sync::Arc;

use domain::control::{Accounts as _, Channels as _, ContactRow, Contacts as _, ControlError};
use domain::ids::{AccountId, IdGenerator};
use domain::phone::Phone;
use domain::time::Timestamp;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_772_330_400_000);
const ACCOUNT: AccountId = AccountId::from_raw(1);

async fn open(place: &Path, max_pages: Option<u32>) -> Arc<ControlDb> {
    let folder = place.join("data");
    let sealer = Sealer::open(&place.join("keys"), &folder).unwrap();
    let ids = Arc::new(IdGenerator::new(0));
    ControlDb::open_bounded(OpenControl { folder, sealer, ids }, max_pages).await.unwrap()
}

fn people(count: u64) -> Vec<ContactRow> {
    let row = |n| ContactRow {
        phone: Phone::from_u64(8_613_800_000_000 + n).unwrap(),
        personal: vec![("姓名".to_owned(), "某人".repeat(10))],
        queryable: vec![("城市".to_owned(), "某城".to_owned())],
        tags: vec!["某".to_owned()],
    };
    (0..count).map(row).collect()
}

#[tokio::test]
async fn every_bulk_statement_fits_the_migrated_schema() {
    let place = tempfile::tempdir().unwrap();
    open(place.path(), None).await;
    let connection = rusqlite::Connection::open(ControlDb::file(&place.path().join("data"))).unwrap();
    for statement in bulk::sqlite::sql::ALL {
        connection.prepare(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_work_goes_on_when_there_is_room() {
    let place = tempfile::tempdir().unwrap();
    let db = open(place.path(), Some(300)).await;
    let room = "词".repeat(250_000);
    db.put_setting("words", &room).await.unwrap();
    let full = db.upsert_contacts(ACCOUNT, None, people(2500), NOW).await;
    assert!(matches!(full, Err(ControlError::Full)), "{full:?}");
    assert_eq!(db.count_contacts(ACCOUNT).await.unwrap(), 0, "nothing of it was kept");
    let full = db.put_setting("more words", &room).await;
    assert!(matches!(full, Err(ControlError::Full)), "{full:?}");
    assert_eq!(db.accounts().await.unwrap().len(), 0, "reading goes on");
    db.put_setting("words", "few").await.unwrap();
    assert_eq!(db.upsert_contacts(ACCOUNT, None, people(2500), NOW).await.unwrap().new, 2500);
}

#[tokio::test]
async fn a_command_that_fails_takes_no_other_with_it() {
    let place = tempfile::tempdir().unwrap();
    let db = open(place.path(), None).await;
    // While the turn is taken, commands gather behind the first.
    let turn = db.turn.as_ref().unwrap().lock().await;
    let run = |command| {
        let db = Arc::clone(&db);
        tokio::spawn(async move { db.bulk.run(command).await })
    };
    let upserting = bulk::Upserting { account: ACCOUNT, import: None, now: NOW };
    let upsert = |count| {
        let mut slices = bulk::slices(&db.sealer, people(count), 10);
        bulk::Command::Upsert(bulk::prepare(&db.ids, upserting, slices.remove(0)))
    };
    let chunk = bulk::SealedChunk { number: 0, digest: vec![1], sealed: vec![1] };
    let nowhere = bulk::Command::Append {
        account: ACCOUNT,
        audience: domain::ids::AudienceId::from_raw(1),
        chunks: vec![chunk],
    };
    let (first, good, bad) = (run(upsert(5)), run(upsert(10)), run(nowhere));
    tokio::task::yield_now().await;
    drop(turn);
    assert!(matches!(bad.await.unwrap(), Err(ControlError::Changed("audience"))));
    assert!(first.await.unwrap().is_ok() && good.await.unwrap().is_ok());
    assert_eq!(db.count_contacts(ACCOUNT).await.unwrap(), 10);
}
