//! A stopped installation moves over to PostgreSQL: nothing is lost, nothing doubled, however often it is interrupted.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use domain::billing::{Charge, Purse};
use domain::channel::{CarrierMessageId, ReceiptStatus};
use domain::control::{Accounts as _, Campaigns as _, ContactFilter, ContactRow, Contacts as _};
use domain::ids::{IdGenerator, InboundId};
use domain::lane::Lane;
use domain::ledger::{Expansion, InboundRecord, MessageRecord, ReceiptOutcome};
use domain::message::{Category, MessageState};
use domain::money::Money;
use domain::phone::Phone;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, Connection as _};
use store::control::{ControlDb, OpenControl};
use store::copy::{Copied, CopyError, Transfer};
use store::ledger::{LedgerOpenError, OpenOptions, SqliteLedger};
use store::postgres::{PostgresLedger, PostgresOptions, PostgresPlace, migrate, verify};
use store::sealing::Sealer;

use super::engines::Engine;
use super::ledger_stage::*;
use super::postgres_server::fresh_database;

const FILES: u16 = 2;

/// Paid from an allowance, on delivery.
fn notice() -> Lane {
    Lane { charge: Charge::Delivered, purse: Purse::Allowance, ..lane(1, Category::Notice) }
}

/// A folder with a ledger in which everything has happened, and a control database.
async fn lived_in() -> Stage {
    let mut stage = Stage::new(Engine::Sqlite, FILES).await;
    let (notice, marketing) = (notice(), lane(2, Category::Marketing));
    for lane in [&notice, &marketing] {
        stage.ledger.put_lane(lane.clone()).await.unwrap();
    }
    stage.consent(0..40).await;
    for id in stage.ledger.partitions().all() {
        stage.ledger.granted(id, ACCOUNT, Money::from_micros(5_000_000)).await.unwrap();
    }
    stage.accept(&(0..40).map(|n| stage.message(&notice, n)).collect::<Vec<_>>()).await;
    for id in stage.ledger.partitions().all() {
        let claim = stage.claim_at(id, FIRST, &[(stream(1, None), 12)]).await;
        for (n, out) in claim.outgoing.iter().enumerate().filter(|(n, _)| n % 4 != 3) {
            stage.submit(out).await;
            let status = if n % 2 == 0 { ReceiptStatus::Delivered } else { ReceiptStatus::Undelivered };
            if n % 3 != 0 {
                // Some are called dead, the others' code is in no table.
                let code = if n % 5 == 0 { "MK:0001" } else { "X" };
                stage.receipt(out.ticket.message, 0, status, code).await;
            }
        }
        let through = Some(Expansion { lane: marketing.id, through: 1_000 + u64::from(id.0) });
        stage.ledger.accept(id, Vec::new(), through, stage.now).await.unwrap();
    }
    stage.pass(3);
    // One that knows no message yet, one with letters in its id, and replies.
    let stranger = receipt(CarrierMessageId::Number(5), ReceiptStatus::Delivered, "X", stage.now);
    let lettered = receipt(CarrierMessageId::Text("0a-f".into()), ReceiptStatus::Expired, "X", stage.now);
    for one in [stranger, lettered] {
        let held =
            stage.ledger.receipts(stage.home(phone(3)), vec![one], true, Arc::clone(&stage.retry), stage.now);
        assert_eq!(held.await.unwrap(), [ReceiptOutcome::Held]);
    }
    for number in [5, 6, 50] {
        let record = InboundRecord {
            id: InboundId::from(stage.ids.next(stage.now, phone(number).slot())),
            account: Some(ACCOUNT),
            gateway: GATEWAY,
            channel: FIRST,
            carrier_id: CarrierMessageId::Number(number),
            from: phone(number),
            to: "10690001".into(),
            text: "退订".into(),
            answers: None,
            campaign: None,
            opted_out: true,
            received_at: stage.now,
        };
        assert!(stage.ledger.inbound(record, vec![stage.opt_out(number)]).await.unwrap());
    }
    stage
}

/// The same folder's control database, with people whom the ledger knows by consent or refusal only.
async fn control(stage: &Stage) -> Arc<ControlDb> {
    let folder = stage.path().join("data");
    let sealer = Sealer::open(&stage.path().join("keys/key"), &folder).unwrap();
    ControlDb::open(OpenControl { folder, sealer, ids: Arc::new(IdGenerator::new(3)) }).await.unwrap()
}

fn sealer(stage: &Stage) -> Arc<Sealer> {
    Sealer::open(&stage.path().join("keys/key"), &stage.path().join("data")).unwrap()
}

fn copy_to(stage: &Stage, place: &PostgresPlace) -> Transfer {
    let folder = stage.path().join("data");
    Transfer { page_rows: 7, ..Transfer::new(folder, sealer(stage), place.clone(), stage.now) }
}

async fn new_place(partitions: u16) -> PostgresPlace {
    let place = PostgresPlace { connections: 3, ..PostgresPlace::new(fresh_database().await) };
    migrate(&place, partitions).await.unwrap();
    place
}

/// One person, as an import tells.
fn person(phone: Phone) -> ContactRow {
    let pairs = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    ContactRow {
        phone,
        personal: pairs("姓名", "王芳"),
        queryable: pairs("城市", "上海"),
        tags: vec!["vip".to_owned()],
    }
}

/// A database that somebody else has begun to use.
async fn begin_another(place: &PostgresPlace) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let sealer = Sealer::open(&folder.path().join("keys"), &data).unwrap();
    let ids = Arc::new(IdGenerator::new(4));
    let options = OpenControl { folder: data, sealer, ids: Arc::clone(&ids) };
    let db = ControlDb::open_postgres(options, place).await.unwrap();
    db.first_start(Timestamp::from_millis(1_772_330_400_000), &ids, |_| Ok(())).await.unwrap();
    db.close().await.unwrap();
}

/// Copies, interrupted after every so many pages. Returns how often.
async fn copied(copy: &Transfer, pages: u32) -> (Copied, u32) {
    let mut interrupted = 0;
    loop {
        let mut left = pages;
        // The comparison at the end begins anew each time, so it is not among what is interrupted.
        let mut tell = |step: &store::copy::Step| {
            left -= u32::from(!step.comparing);
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match copy.run(&mut tell).await {
            Err(CopyError::Stopped) => interrupted += 1,
            done => return (done.unwrap(), interrupted),
        }
    }
}

async fn everything(stage: &Stage) -> (Vec<MessageRecord>, HashMap<String, i64>) {
    let mut tallies = HashMap::new();
    for tally in stage.ledger.tallies(&[lane(1, Category::Notice).id]).await.unwrap() {
        *tallies.entry(format!("{:?} {:?} {:?}", tally.hour, tally.to, tally.reason)).or_default() +=
            tally.messages;
    }
    let mut messages = stage.all_messages().await;
    messages.sort_by_key(|message| message.id);
    (messages, tallies)
}

#[tokio::test]
async fn an_installation_moves_over_whole_however_often_it_is_interrupted() {
    for (partitions, pages) in [(FILES, u32::MAX), (3 * FILES, 9)] {
        let stage = lived_in().await;
        let db = control(&stage).await;
        let first = db.first_start(stage.now, &IdGenerator::new(3), |_| Ok(())).await.unwrap().unwrap();
        let account = first.account.id;
        let people = (0..60).map(|n| person(phone(n))).collect();
        db.upsert_contacts(account, None, people, stage.now).await.unwrap();
        db.close().await.unwrap();
        let in_flight =
            stage.all_messages().await.iter().filter(|m| m.state == MessageState::Sending).count();
        assert!(in_flight > 2);
        stage.ledger.close().await;

        let place = new_place(partitions).await;
        let copy = copy_to(&stage, &place);
        let (done, interrupted) = copied(&copy, pages).await;
        assert!(interrupted > 1 || pages == u32::MAX, "{interrupted}");
        let rows = |name: &str| done.tables.iter().find(|(table, _)| table == name).map(|(_, rows)| *rows);
        assert_eq!(
            (done.partitions, rows("ledger_message"), rows("contact")),
            (partitions, Some(40), Some(60))
        );
        assert_eq!((rows("ledger_inbound"), rows("ledger_suppression")), (Some(3), Some(3)));
        assert!(matches!(copy.run(&mut |_| ControlFlow::Continue(())).await, Err(CopyError::Done)));
        compare(stage, &place, partitions, account).await;
    }
}

/// Both sides as their ports tell them, once the folder is taken back.
async fn compare(stage: Stage, place: &PostgresPlace, partitions: u16, account: domain::ids::AccountId) {
    let data = stage.path().join("data");
    let refused = SqliteLedger::open(&OpenOptions::new(&data, sealer(&stage))).map(drop).unwrap_err();
    assert!(matches!(refused, LedgerOpenError::Moved { .. }), "{refused}");
    std::fs::remove_file(data.join("ledger/moved")).unwrap();
    let (keys, now) = (sealer(&stage), stage.now);
    let stage = stage.reopen().await;
    let (messages, tallies) = everything(&stage).await;
    assert!(messages.iter().any(|m| m.state == MessageState::Queued));
    assert!(messages.iter().all(|m| m.state != MessageState::Sending), "what was in flight was ended");

    let whole = verify(place, &keys).await.unwrap();
    assert_eq!((whole.found, whole.messages, whole.partitions), (0, 40, partitions), "{whole:?}");
    let ledger =
        PostgresLedger::open(&PostgresOptions::alone(place.clone(), Arc::clone(&keys))).await.unwrap();
    let there = Stage::with(ledger.clone(), IdGenerator::new(4), now);
    let (there_messages, there_tallies) = everything(&there).await;
    let told = |message: &MessageRecord| format!("{message:?} {} {}", message.phone.to_u64(), message.text);
    let all = |messages: &[MessageRecord]| messages.iter().map(told).collect::<Vec<_>>();
    assert_eq!(all(&there_messages), all(&messages));
    assert_eq!(there_tallies, tallies);
    let codes = stage.ledger.unknown_codes().await.unwrap();
    assert!(!codes.is_empty() && there.ledger.unknown_codes().await.unwrap() == codes);
    let mut dead = 0;
    for number in 0..60 {
        let facts = |stage: &Stage| {
            let ledger = Arc::clone(&stage.ledger);
            async move { ledger.facts(ledger.partitions().of(phone(number).slot()), vec![phone(number)]).await }
        };
        let (here, there) = (facts(&stage).await.unwrap(), facts(&there).await.unwrap());
        dead += here[0].number.failures.len();
        assert_eq!(here, there, "what claims know of phone {number}");
    }
    assert!(dead > 0, "some phone was called dead");
    for id in there.ledger.partitions().all() {
        let through = there.ledger.expanded_through(id, lane(2, Category::Marketing).id).await.unwrap();
        assert_eq!(through, 1_000 + u64::from(id.0 % FILES), "marks stay with their file's slots");
    }
    compare_money(&stage, &there).await;
    let inbounds = |stage: &Stage| {
        let ledger = Arc::clone(&stage.ledger);
        let told = |one: &InboundRecord| {
            let from =
                (one.id, one.from.to_u64(), one.to.to_string(), one.text.clone(), one.carrier_id.clone());
            (from, one.opted_out, one.answers, one.received_at)
        };
        async move { ledger.inbounds(ACCOUNT, None, 10).await.unwrap().iter().map(told).collect::<Vec<_>>() }
    };
    assert_eq!(inbounds(&there).await, inbounds(&stage).await);
    assert_eq!(
        there.ledger.suppressions(ACCOUNT, None, 10).await.unwrap().len(),
        stage.ledger.suppressions(ACCOUNT, None, 10).await.unwrap().len()
    );
    // It goes on there: numbers are not given out twice, and what waits is sent.
    there.ledger.suppress(there.home(phone(9)), vec![there.opt_out(9)]).await.unwrap();
    let claim = there.claim(FIRST, stream(1, None)).await;
    assert!(!claim.outgoing.is_empty());
    for out in &claim.outgoing {
        there.submit(out).await;
        there.receipt(out.ticket.message, 0, ReceiptStatus::Delivered, "X").await;
    }
    assert_eq!(verify(place, &keys).await.unwrap().found, 0);

    let options = OpenControl { folder: data, sealer: keys, ids: Arc::new(IdGenerator::new(5)) };
    there_is_a_control_database(options, place, account).await;
    there.ledger.close().await;
}

async fn there_is_a_control_database(
    options: OpenControl,
    place: &PostgresPlace,
    account: domain::ids::AccountId,
) {
    let db = ControlDb::open_postgres(options, place).await.unwrap();
    assert_eq!(db.accounts().await.unwrap().len(), 1);
    assert_eq!(db.contacts(account, &ContactFilter::default(), 100).await.unwrap().len(), 60);
    assert!(db.campaigns(account, None, 5).await.unwrap().is_empty());
}

async fn compare_money(here: &Stage, there: &Stage) {
    for id in here.ledger.partitions().all() {
        let (here, there) = (here.ledger.allowances(id).await, there.ledger.allowances(id).await);
        assert_eq!(here.unwrap(), there.unwrap());
    }
    let lanes = there.ledger.lanes().await.unwrap();
    assert!(lanes.iter().any(|lane| (lane.charge, lane.purse) == (Charge::Delivered, Purse::Allowance)));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_changed() {
    let stage = lived_in().await;
    let in_use = copy_to(&stage, &new_place(FILES).await).run(&mut |_| ControlFlow::Continue(())).await;
    assert!(matches!(in_use, Err(CopyError::Folder(LedgerOpenError::InUse { .. }))), "{in_use:?}");
    stage.ledger.close().await;

    let odd = copy_to(&stage, &new_place(3).await).run(&mut |_| ControlFlow::Continue(())).await;
    assert!(matches!(odd, Err(CopyError::Partitions { from: FILES, to: 3 })), "{odd:?}");

    let taken = new_place(FILES).await;
    begin_another(&taken).await;
    let taken = copy_to(&stage, &taken).run(&mut |_| ControlFlow::Continue(())).await;
    assert!(matches!(taken, Err(CopyError::NotEmpty)), "{taken:?}");

    let empty = PostgresPlace::new(fresh_database().await);
    let empty = copy_to(&stage, &empty).run(&mut |_| ControlFlow::Continue(())).await;
    assert!(empty.unwrap_err().to_string().contains("hongyan migrate"));
    assert!(!stage.path().join("data/ledger/moved").exists());
}

#[tokio::test]
async fn a_row_that_is_missing_or_changed_there_is_noticed() {
    let stage = lived_in().await;
    control(&stage).await.close().await.unwrap();
    stage.ledger.close().await;
    let place = new_place(FILES).await;
    let copy = copy_to(&stage, &place);
    let mut pages = 0;
    let counted = copy
        .run(&mut |step| {
            pages += u32::from(!step.comparing);
            if step.comparing { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await;
    assert!(matches!(counted, Err(CopyError::Stopped)) && pages > 20, "{counted:?} after {pages} pages");
    let mut db = sqlx::PgConnection::connect(&place.url).await.unwrap();
    let damage = "UPDATE ledger_message SET contact = 7 WHERE id = (SELECT max(id) FROM ledger_message)";
    sqlx::query(damage).execute(&mut db).await.unwrap();
    let noticed = copy.run(&mut |_| ControlFlow::Continue(())).await;
    assert!(
        matches!(&noticed, Err(CopyError::Differs { table, .. }) if table == "ledger_message"),
        "{noticed:?}"
    );
}
