//! What is on disk tells no phone, no name and no text.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::access::{KeyRules, PermissionSet, Principal};
use domain::control::{
    Access as _, AccessChange, ApiKey, ApprovedTemplate, Audience, AudienceRow, AudienceStats,
    Audiences as _, AuditLine, Campaigns as _, ChannelConfig, Channels as _, Contacts as _, Idempotency as _,
    Import, ImportCounts, ImportMapping, ImportState, Imports as _, KeyGrant, Protocol, Provider, Quirks,
    RejectedRow, SecondFactor, Secret, TemplateRecord, Templates as _, Uploads as _, User,
};
use domain::ids::{AccountId, ChannelId, GatewayId};
use domain::message::Category;
use domain::money::Money;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};

use crate::engines::Engine;
use crate::stage::{NOW, Stage, person, row};

const NAME: &str = "欧阳震华";
const TEXT: &str = "您预订的房间已经确认";
const SECRET: &str = "carrier-passw0rd";

#[tokio::test]
async fn no_file_tells_a_phone_a_name_or_a_text() {
    let stage = Stage::open(Engine::Sqlite).await;
    let account = stage.account("ours").await;
    tell_everything(&stage, account).await;
    let forbidden = forbidden();
    let search = |when: &str| {
        let mut searched = 0;
        for path in files(&stage.folder()) {
            let content = fs::read(&path).unwrap();
            searched += content.len();
            for (what, needle) in &forbidden {
                let found = content.windows(needle.len()).any(|window| window == needle.as_slice());
                assert!(!found, "{what} stands in {} {when}", path.display());
            }
        }
        searched
    };
    assert!(search("while it is open (write-ahead log)") > 100_000);
    stage.db.close().await.unwrap();
    assert!(search("after it was closed") > 50_000);
}

#[tokio::test]
async fn no_table_of_a_database_tells_a_phone_a_name_or_a_text() {
    let stage = Stage::open(Engine::Postgres).await;
    let account = stage.account("ours").await;
    tell_everything(&stage, account).await;
    let mut db = PgConnection::connect(&stage.database().url).await.unwrap();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
    let tables: Vec<(String,)> = sqlx::query_as(tables).fetch_all(&mut db).await.unwrap();
    assert!(
        tables.len() > control::control_tables().len(),
        "with the steps that were taken: {}",
        tables.len()
    );
    let mut searched = 0;
    for (table,) in tables {
        let rows = sqlx::query_as(AssertSqlSafe(format!("SELECT t::text FROM {table} t")));
        let rows: Vec<(String,)> = rows.fetch_all(&mut db).await.unwrap();
        for (row,) in rows {
            searched += row.len();
            for (what, needle) in forbidden() {
                // Columns of bytes are shown in hexadecimal digits.
                let hex: String = needle.iter().map(|byte| format!("{byte:02x}")).collect();
                let plain = row.as_bytes().windows(needle.len()).any(|window| window == needle);
                assert!(!plain && !row.contains(&hex), "{what} stands in {table}");
            }
        }
    }
    assert!(searched > 2_000, "{searched}");
}

fn forbidden() -> Vec<(&'static str, Vec<u8>)> {
    let phone = person(12_345_678);
    vec![
        ("the phone in digits", b"13812345678".to_vec()),
        ("the phone in binary", phone.to_u64().to_le_bytes()[..5].to_vec()),
        ("the phone in binary", phone.to_u64().to_be_bytes()[3..].to_vec()),
        ("the name", NAME.as_bytes().to_vec()),
        ("the text", TEXT.as_bytes().to_vec()),
        ("the text in UCS-2", TEXT.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("the password", SECRET.as_bytes().to_vec()),
        ("the digest of a body", vec![0xab; 32]),
    ]
}

async fn tell_everything(stage: &Stage, account: AccountId) {
    tell_people(stage, account).await;
    let (db, phone) = (&stage.db, person(12_345_678));
    let import_id = stage.ids.fresh(NOW).into();
    db.upsert_contacts(account, None, vec![row(phone, NAME, "北京", &["vip"])], NOW).await.unwrap();
    db.upsert_contacts(account, None, vec![row(phone, NAME, "上海", &[])], NOW).await.unwrap();
    let rejected = RejectedRow { line: 2, reason: TEXT.to_owned(), record: format!("13812345678,{NAME}") };
    db.add_rejected(account, import_id, vec![rejected]).await.unwrap();
    let import = Import {
        id: import_id,
        account,
        file_name: format!("{NAME}.csv"),
        bytes: 1,
        mapping: ImportMapping::default(),
        tags: vec![],
        source: NAME.to_owned(),
        basis: None,
        state: ImportState::Failed,
        counts: ImportCounts::default(),
        trouble: Some(TEXT.to_owned()),
        created_at: NOW,
        finished_at: None,
    };
    db.put_import(&import).await.unwrap();
    let mut campaign = stage.campaign(account, TEXT);
    campaign.test_numbers = vec![phone];
    db.add_campaign(&campaign).await.unwrap();
    let template = TemplateRecord {
        id: stage.ids.fresh(NOW).into(),
        account,
        name: "预订".to_owned(),
        category: Category::Notice,
        source: TEXT.to_owned(),
        created_at: NOW,
    };
    db.add_template(&template).await.unwrap();
    let audience = Audience {
        id: stage.ids.fresh(NOW).into(),
        account,
        campaign: campaign.id,
        columns: vec!["姓名".to_owned()],
        stats: AudienceStats::default(),
        chunks: 0,
        checksum: None,
    };
    db.begin_audience(&audience).await.unwrap();
    let person = AudienceRow {
        contact: None,
        phone,
        test: false,
        possible_duplicate: false,
        values: vec![NAME.to_owned()],
    };
    db.append_chunks(account, audience.id, 0, vec![vec![person]]).await.unwrap();
    db.finish_audience(account, audience.id, AudienceStats::default()).await.unwrap();
    db.begin_idempotent(account, "k", [0xab; 32], &[], NOW).await.unwrap();
    db.put_channel(&channel()).await.unwrap();
    let (db, id) = (Arc::clone(db), stage.ids.fresh(NOW).into());
    let uploading = tokio::task::spawn_blocking(move || {
        let mut upload = db.create_upload(account, id).unwrap();
        upload.write_all(format!("手机,姓名,备注\n13812345678,{NAME},{TEXT}\n").as_bytes()).unwrap();
        upload.flush().unwrap();
    });
    uploading.await.unwrap();
}

fn channel() -> ChannelConfig {
    ChannelConfig {
        id: ChannelId(1),
        gateway: GatewayId(1),
        name: "一号".to_owned(),
        protocol: Protocol::Cmpp20,
        host: "127.0.0.1".to_owned(),
        port: 7890,
        login: "901234".to_owned(),
        secret: Secret(SECRET.to_owned()),
        access_code: "1069".to_owned(),
        service_id: String::new(),
        connections: 1,
        window: 16,
        parts_per_second: None,
        carriers: vec![],
        categories: vec![],
        cost: Money::ZERO,
        enabled: true,
        quirks: Quirks::default(),
        provider: Some(std::sync::Arc::new(Provider {
            callback_token: Some(Secret(SECRET.to_owned())),
            templates: vec![ApprovedTemplate {
                code: "1".to_owned(),
                text: TEXT.to_owned(),
                sign: Some(NAME.to_owned()),
            }],
            ..Provider::default()
        })),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A person with all that is known of them, and a key that signs.
async fn tell_people(stage: &Stage, account: AccountId) {
    let user = User {
        id: stage.ids.fresh(NOW).into(),
        account,
        login: NAME.to_owned(),
        name: NAME.to_owned(),
        password: Some(Secret(SECRET.to_owned())),
        second_factor: Some(SecondFactor {
            secret: Secret(SECRET.to_owned()),
            confirmed: true,
            last_step: 1,
            recovery: Vec::new(),
        }),
        roles: Vec::new(),
        disabled_at: None,
        created_at: NOW,
        revision: 0,
    };
    let key = ApiKey {
        id: stage.ids.fresh(NOW).into(),
        account,
        name: "signing".to_owned(),
        secret_sha256: [9; 32],
        created_at: NOW,
        revoked_at: None,
    };
    let grant = KeyGrant {
        key,
        scopes: PermissionSet::all(),
        rules: KeyRules::default(),
        signing: Some(Secret(SECRET.to_owned())),
        per_minute: None,
        used_at: None,
    };
    let line = AuditLine {
        id: stage.ids.fresh(NOW).into(),
        at: NOW,
        account,
        principal: Principal::User(user.id),
        home: account,
        action: "users.create".to_owned(),
        object: user.id.to_string(),
        address: None,
        request: String::new(),
        before: None,
        after: None,
        count: 1,
        detail: Vec::new(),
    };
    stage.db.change_access(&[AccessChange::AddUser(user), AccessChange::AddKey(grant)], &line).await.unwrap();
    stage.db.attempt(NAME, NOW).await.unwrap().unwrap();
}
