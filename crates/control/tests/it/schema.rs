//! The schema: old files are opened, newer ones are refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control::{ControlDb, OpenControl, OpenControlError};
use domain::control::{
    Accounts as _, Audience, AudienceRow, AudienceStats, Audiences as _, Campaigns as _, ContactFilter,
    Contacts as _,
};
use domain::ids::{AccountId, AudienceId, IdGenerator};
use sealing::Sealer;

use crate::engines::Engine;
use crate::stage::{NOW, Stage, open, person, row};

#[tokio::test]
async fn a_file_of_a_newer_or_a_strange_program_is_refused() {
    for (step, newer) in [("v99_contact_birthday", true), ("m20260101_contact", false)] {
        let stage = Stage::open(Engine::Sqlite).await;
        stage.db.close().await.unwrap();
        let by_hand = rusqlite::Connection::open(ControlDb::file(&stage.folder())).unwrap();
        let insert = "INSERT INTO seaql_migrations (version, applied_at) VALUES (?1, 0)";
        by_hand.execute(insert, [step]).unwrap();
        let sealer = Sealer::open(&stage.folder().join("../keys"), &stage.folder()).unwrap();
        let ids = Arc::new(IdGenerator::new(0));
        let opened = ControlDb::open(OpenControl { folder: stage.folder(), sealer, ids }).await;
        match opened.expect_err("refused") {
            OpenControlError::NewerSchema { found: 99, .. } => assert!(newer),
            OpenControlError::ForeignSchema { step: named } => assert!(!newer && named == step),
            other => panic!("{other}"),
        }
    }
}

const FIXTURE_AUDIENCE: AudienceId = AudienceId::from_raw(77);

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"))
}

/// Every version that was ever released; none is taken away.
#[tokio::test]
async fn files_of_older_versions_are_opened_and_brought_up_to_date() {
    for version in [1, 2, 3, 7] {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("data")).unwrap();
        for file in ["keys", "data/key.check", "data/control.db"] {
            fs::copy(fixture(version).join(file), place.path().join(file)).unwrap();
        }
        // A repository keeps no such permission.
        fs::set_permissions(place.path().join("keys"), Permissions::from_mode(0o600)).unwrap();
        let db = open(place.path(), &Arc::new(IdGenerator::new(0))).await;
        let [account] = &db.accounts().await.unwrap()[..] else { panic!("one account") };
        let people = db.contacts(account.id, &ContactFilter::default(), 10).await.unwrap();
        assert_eq!(people.iter().map(|contact| contact.phone).collect::<Vec<_>>(), [person(1)]);
        let campaigns = db.campaigns(account.id, None, 10).await.unwrap();
        assert_eq!(campaigns[0].text, "您好{{ 姓名 }}");
        assert!(db.chunk(account.id, FIXTURE_AUDIENCE, 0).await.unwrap() == Some(frozen_rows()));
    }
}

fn frozen_rows() -> Vec<AudienceRow> {
    vec![AudienceRow {
        contact: None,
        phone: person(2),
        test: false,
        possible_duplicate: false,
        values: vec!["张伟".to_owned()],
    }]
}

/// Writes a folder that the test above opens. Run once per version, before the next one is begun, with
/// `HONGYAN_CONTROL_FIXTURE` naming the folder: `cargo test -p control write_the_control_fixture -- --ignored`
#[tokio::test]
#[ignore = "writes the fixture of the current version"]
async fn write_the_control_fixture() {
    let Some(place) = std::env::var_os("HONGYAN_CONTROL_FIXTURE").map(PathBuf::from) else { return };
    let stage = Stage::open(Engine::Sqlite).await;
    let account: AccountId = stage.account("fixture").await;
    stage
        .db
        .upsert_contacts(account, None, vec![row(person(1), "王芳", "上海", &["vip"])], NOW)
        .await
        .unwrap();
    stage.db.add_campaign(&stage.campaign(account, "您好{{ 姓名 }}")).await.unwrap();
    let audience = Audience {
        id: FIXTURE_AUDIENCE,
        account,
        campaign: stage.ids.fresh(NOW).into(),
        columns: vec!["姓名".to_owned()],
        stats: AudienceStats::default(),
        chunks: 0,
        checksum: None,
    };
    stage.db.begin_audience(&audience).await.unwrap();
    stage.db.append_chunks(account, audience.id, 0, vec![frozen_rows()]).await.unwrap();
    stage.db.finish_audience(account, audience.id, AudienceStats::default()).await.unwrap();
    stage.db.close().await.unwrap();
    let by_hand = rusqlite::Connection::open(ControlDb::file(&stage.folder())).unwrap();
    // Small pages make a small file; the program does not mind.
    by_hand.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM;").unwrap();
    drop(by_hand);
    fs::create_dir_all(place.join("data")).unwrap();
    for file in ["keys", "data/key.check", "data/control.db"] {
        fs::copy(stage.folder().join("..").join(file), place.join(file)).unwrap();
    }
}
