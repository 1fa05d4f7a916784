//! A full disk, a second process, a damaged folder, and what may never be found on disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use domain::channel::ReceiptStatus;
use domain::ids::InboundId;
use domain::ledger::{InboundRecord, Ledger as _, LedgerError};
use domain::message::Category;
use store::ledger::{LedgerOpenError, OpenOptions, SqliteLedger};
use store::sealing::Sealer;

use super::engines::Engine;
use super::ledger_stage::*;

fn options(stage: &Stage) -> OpenOptions {
    let folder = stage.path();
    let sealer = Sealer::open(&folder.join("keys/key"), &folder.join("data")).unwrap();
    OpenOptions::new(folder.join("data"), sealer)
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_closes() {
    let stage = Stage::new(Engine::Sqlite, 2).await;
    let refused = SqliteLedger::open(&options(&stage)).map(drop).unwrap_err();
    assert!(matches!(refused, LedgerOpenError::InUse { .. }), "{refused}");
    stage.ledger.close().await;
    assert!(matches!(stage.ledger.lanes().await, Ok(_) | Err(LedgerError::Closed)));
    let lane = lane(1, Category::Notice);
    assert!(matches!(stage.ledger.put_lane(lane).await, Err(LedgerError::Closed)));
    SqliteLedger::open(&options(&stage)).unwrap();
}

#[tokio::test]
async fn a_ledger_keeps_its_number_of_files_and_misses_none() {
    let stage = Stage::new(Engine::Sqlite, 3).await;
    stage.ledger.close().await;
    let mut options = options(&stage);
    options.partitions = 8;
    let ledger = SqliteLedger::open(&options).unwrap();
    assert_eq!(ledger.partitions().len(), 3);
    ledger.close().await;
    let folder = stage.path().join("data/ledger");
    fs::copy(folder.join("p001.db"), folder.join("p002.db")).unwrap();
    let refused = SqliteLedger::open(&options).map(drop).unwrap_err();
    assert!(matches!(refused, LedgerOpenError::Incomplete { partitions: 3, .. }), "{refused}");
}

#[tokio::test]
async fn a_folder_of_a_newer_version_is_left_alone() {
    let stage = Stage::new(Engine::Sqlite, 1).await;
    stage.ledger.close().await;
    let file = stage.path().join("data/ledger/p000.db");
    let db = rusqlite::Connection::open(&file).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let refused = SqliteLedger::open(&options(&stage)).map(drop).unwrap_err();
    assert!(matches!(refused, LedgerOpenError::Newer { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn nothing_on_disk_shows_a_phone_or_a_text() {
    let stage = Stage::new(Engine::Sqlite, 2).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.accept(&(0..20).map(|n| stage.message(&lane, n)).collect::<Vec<_>>()).await;
    for out in stage.claim(FIRST, stream(1, None)).await.outgoing.iter().take(10) {
        stage.submit(out).await;
        stage.receipt(out.ticket.message, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    }
    let record = InboundRecord {
        id: InboundId::from_raw(5),
        account: Some(ACCOUNT),
        gateway: GATEWAY,
        channel: FIRST,
        carrier_id: domain::channel::CarrierMessageId::Text("abc".into()),
        from: phone(3),
        to: "10690001".into(),
        text: "一句回复".into(),
        answers: None,
        campaign: None,
        opted_out: true,
        received_at: stage.now,
    };
    stage.ledger.inbound(record, vec![stage.opt_out(3)]).await.unwrap();
    let while_open = files(&stage.path().join("data"));
    assert!(
        while_open.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()),
        "the log is searched"
    );
    stage.ledger.close().await;
    let closed = files(&stage.path().join("data"));
    let mut needles: Vec<Vec<u8>> = vec!["一句回复".into(), "号通知".into(), "鸿雁".into()];
    for number in 0..20 {
        let phone = phone(number);
        let national = phone.national_cn().unwrap();
        needles.extend([national.as_str().into(), phone.to_u64().to_le_bytes()[..6].to_vec()]);
        needles.extend([
            phone.to_u64().to_be_bytes()[2..].to_vec(),
            text(number).encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ]);
    }
    assert!(needles.iter().all(|needle| needle.len() >= 6));
    for (name, bytes) in while_open.iter().chain(&closed) {
        for needle in &needles {
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_slice());
            assert!(!found, "{name} holds {needle:?}");
        }
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all
}

#[tokio::test]
async fn a_full_disk_refuses_keeps_what_was_there_and_goes_on_with_space() {
    let stage = Stage::new(Engine::Sqlite, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage.accept(&(0..50).map(|n| stage.message(&lane, n)).collect::<Vec<_>>()).await;
    let claim = stage.claim_at(stage.home(phone(0)), FIRST, &[(stream(1, None), 10)]).await;
    stage.ledger.close().await;
    let mut options = options(&stage);
    options.max_pages = Some(40);
    let ledger = SqliteLedger::open(&options).unwrap();
    let home = stage.home(phone(0));
    let flood: Vec<_> = (100..2_000).map(|n| stage.message(&lane, n)).collect();
    let refused = ledger.accept(home, flood.clone(), None, stage.now).await;
    assert!(matches!(refused, Err(LedgerError::Full)), "{refused:?}");
    assert!(refused.unwrap_err().is_retryable());
    let ticket = claim.outgoing[0].ticket;
    assert!(ledger.message(ACCOUNT, ticket.message).await.unwrap().is_some());
    assert!(ledger.message(ACCOUNT, flood[0].id).await.unwrap().is_none(), "nothing of the call was kept");
    let (small, large) = (vec![stage.message(&lane, 60)], flood.clone());
    let both = tokio::join!(
        ledger.accept(home, large, None, stage.now),
        ledger.accept(home, small, None, stage.now)
    );
    assert!(matches!(both.0, Err(LedgerError::Full)));
    assert_eq!(both.1.unwrap(), 1, "what fails fails alone");
    ledger.close().await;
    options.max_pages = None;
    let ledger = Arc::clone(&SqliteLedger::open(&options).unwrap());
    assert_eq!(ledger.accept(home, flood, None, stage.now).await.unwrap(), 1_900);
    assert_eq!(ledger.recover(Arc::clone(&stage.retry), stage.now).await.unwrap(), 10);
}
