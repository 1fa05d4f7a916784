//! Sources of contacts: kept sealed, due once whoever looks, with their runs and what was fetched last.

use std::time::Duration;

use domain::control::{
    Conditions, ControlError, Edit, Edits as _, ImportCounts, ImportMapping, ImportSource, RunState, Secret,
    SourceMemory, SourcePlace, SourceRun, Sources as _,
};
use domain::ids::AccountId;
use domain::policy::{LegalBasis, Zone};

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage};

on_every_engine! {
    a_source_is_its_accounts_and_changes_by_its_edition
    a_due_source_is_begun_once_and_its_runs_are_kept
}

fn source(stage: &Stage, account: AccountId, name: &str) -> ImportSource {
    ImportSource {
        id: stage.ids.fresh(NOW).into(),
        account,
        name: name.to_owned(),
        place: SourcePlace::S3 {
            endpoint: "https://s3.example.com".to_owned(),
            region: "cn-north-1".to_owned(),
            bucket: "people".to_owned(),
            object: "daily/会员.csv".to_owned(),
            key_id: "AKID".to_owned(),
            secret: Secret("not-to-be-seen".to_owned()),
        },
        schedule: "every 30".to_owned(),
        zone: Zone::named("Asia/Shanghai").unwrap(),
        mapping: ImportMapping::default(),
        tags: vec!["会员".to_owned()],
        origin: "CRM".to_owned(),
        basis: Some(LegalBasis::ALL[0]),
        enabled: true,
        created_at: NOW,
        next_at: Some(NOW),
    }
}

fn run(stage: &Stage, of: &ImportSource) -> SourceRun {
    SourceRun {
        id: stage.ids.fresh(NOW).into(),
        account: of.account,
        source: of.id,
        state: RunState::Waiting,
        by_hand: false,
        tries: 0,
        bytes: 0,
        import: None,
        counts: ImportCounts::default(),
        trouble: None,
        created_at: NOW,
        finished_at: None,
    }
}

async fn put(stage: &Stage, source: &ImportSource, expected: Option<u64>) -> Result<bool, ControlError> {
    stage.db.edit(Edit::Source(source), Conditions { expected, line: None }).await
}

async fn a_source_is_its_accounts_and_changes_by_its_edition(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut first = source(&stage, ours, "first");
    put(&stage, &first, None).await.unwrap();
    let mut second = source(&stage, theirs, "second");
    second.place = SourcePlace::Postgres {
        host: "db.example.com".to_owned(),
        port: 5432,
        database: "crm".to_owned(),
        user: "reader".to_owned(),
        password: Secret("not-to-be-seen".to_owned()),
        tls: true,
        query: "SELECT phone FROM people".to_owned(),
    };
    second.next_at = None;
    put(&stage, &second, None).await.unwrap();
    assert_eq!(stage.db.source(theirs, first.id).await.unwrap(), None, "another's");
    first.name = "renamed".to_owned();
    put(&stage, &first, Some(1)).await.unwrap();
    let outrun = put(&stage, &first, Some(1)).await;
    assert!(matches!(outrun, Err(ControlError::Changed("source"))), "{outrun:?}");
    stage.restart().await;
    assert_eq!(stage.db.sources(ours).await.unwrap(), [first.clone()]);
    assert_eq!(stage.db.source(theirs, second.id).await.unwrap(), Some(second.clone()));
    let shown = format!("{first:?}{second:?}");
    assert!(!shown.contains("not-to-be-seen") && !shown.contains("SELECT"), "{shown}");
    let delete = |account, id| {
        let db = stage.db.clone();
        async move { db.edit(Edit::DeleteSource(account, id), Conditions::default()).await.unwrap() }
    };
    assert!(!delete(theirs, first.id).await, "another's");
    assert!(delete(ours, first.id).await);
    assert_eq!(stage.db.sources(ours).await.unwrap(), []);
}

async fn a_due_source_is_begun_once_and_its_runs_are_kept(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let mut of = source(&stage, account, "people");
    put(&stage, &of, None).await.unwrap();
    assert_eq!(stage.db.due_sources(NOW.minus(Duration::from_millis(1)), 9).await.unwrap(), []);
    assert_eq!(stage.db.due_sources(NOW, 9).await.unwrap(), [of.clone()]);
    let next = NOW.plus(Duration::from_secs(1_800));
    let mut first = run(&stage, &of);
    assert!(stage.db.begin_due(&first, NOW, Some(next)).await.unwrap());
    assert!(!stage.db.begin_due(&run(&stage, &of), NOW, Some(next)).await.unwrap(), "another was faster");
    assert_eq!(stage.db.unfinished_runs(9).await.unwrap(), [first.clone()]);
    assert_eq!(stage.db.source(account, of.id).await.unwrap().unwrap().next_at, Some(next));

    let memory = SourceMemory {
        etag: Some("\"1\"".to_owned()),
        modified: Some("Sun, 01 Mar 2026 02:00:00 GMT".to_owned()),
        digest: Some([7; 32]),
    };
    (first.state, first.tries, first.bytes) = (RunState::Finished, 1, 99);
    first.counts = ImportCounts { read: 5, new: 1, updated: 2, duplicate: 1, invalid: 1 };
    (first.trouble, first.finished_at) = (Some("说明 / words".to_owned()), Some(next));
    assert_eq!(stage.db.source_memory(of.id).await.unwrap(), SourceMemory::default());
    stage.db.put_run(&first, Some(&memory)).await.unwrap();
    assert_eq!(stage.db.source_memory(of.id).await.unwrap(), memory);
    let second = run(&stage, &of);
    stage.db.edit(Edit::AddRun(&second), Conditions::default()).await.unwrap();
    assert_eq!(stage.db.runs(account, of.id, 9).await.unwrap(), [second.clone(), first.clone()]);
    assert_eq!(stage.db.unfinished_runs(9).await.unwrap(), [second]);

    // Another name is the same place; another place or mapping knows nothing of the last file.
    of.name = "renamed".to_owned();
    put(&stage, &of, None).await.unwrap();
    assert_eq!(stage.db.source_memory(of.id).await.unwrap(), memory);
    of.tags.clear();
    put(&stage, &of, None).await.unwrap();
    assert_eq!(stage.db.source_memory(of.id).await.unwrap(), SourceMemory::default());
    assert_eq!(stage.db.expire_runs(NOW).await.unwrap(), 0);
    assert_eq!(stage.db.expire_runs(NOW.plus(Duration::from_secs(60))).await.unwrap(), 2);
    assert_eq!(stage.db.runs(account, of.id, 9).await.unwrap(), []);
}
