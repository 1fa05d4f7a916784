//! Contacts, tags, imports, frozen audiences.

use std::time::Duration;

use domain::control::{
    Audience, AudienceRow, AudienceStats, Audiences as _, Campaigns as _, ColumnUse, ContactFilter,
    Contacts as _, ControlError, Import, ImportCounts, ImportMapping, ImportState, Imports as _, RejectedRow,
    Upserted,
};
use domain::ids::{AccountId, ContactId};
use domain::policy::LegalBasis;

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage, pairs, person, row};

on_every_engine! {
    people_are_added_by_phone_and_updated_without_losing_what_they_had
    pages_by_id_and_by_tags_meet_everybody_once
    many_people_are_written_in_several_transactions_and_all_are_there
    imports_at_the_same_time_neither_lose_nor_double_anybody
    an_import_keeps_its_counts_and_its_rejected_rows
    an_audience_is_frozen_in_chunks_and_checked
    a_chunk_that_was_moved_or_damaged_is_not_read
}

fn tagged(tags: &[&str]) -> ContactFilter {
    ContactFilter { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..ContactFilter::default() }
}

async fn people_are_added_by_phone_and_updated_without_losing_what_they_had(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let import = Some(stage.ids.fresh(NOW).into());
    let rows = vec![row(person(1), "张伟", "北京", &["vip", "vip"]), row(person(2), "王芳", "上海", &[])];
    let done = stage.db.upsert_contacts(ours, import, rows, NOW).await.unwrap();
    assert_eq!(done, Upserted { new: 2, updated: 0 });
    let mut again = row(person(1), "张伟", "广州", &["新客"]);
    again.personal = pairs(&[("地址", "天河路 1 号")]);
    let later = NOW.plus(Duration::from_secs(1));
    let rows = vec![again, row(person(2), "王芳", "上海", &[]), row(person(3), "李娜", "成都", &["新客"])];
    let done = stage.db.upsert_contacts(ours, None, rows, later).await.unwrap();
    assert_eq!(done, Upserted { new: 1, updated: 2 });
    stage.restart().await;

    let found = ContactFilter { phone: Some(person(1)), ..ContactFilter::default() };
    let [zhang] = &stage.db.contacts(ours, &found, 10).await.unwrap()[..] else { panic!("one person") };
    assert_eq!(zhang.personal, pairs(&[("姓名", "张伟"), ("地址", "天河路 1 号")]));
    assert_eq!(zhang.queryable, pairs(&[("城市", "广州")]));
    assert_eq!(zhang.tags, ["vip", "新客"]);
    assert_eq!((zhang.import, zhang.created_at, zhang.updated_at), (import, NOW, later));
    let wang = ContactFilter { phone: Some(person(2)), ..ContactFilter::default() };
    assert_eq!(stage.db.contacts(ours, &wang, 1).await.unwrap()[0].updated_at, NOW, "nothing new was said");

    assert_eq!(stage.db.count_contacts(ours).await.unwrap(), 3);
    assert_eq!(stage.db.tags(ours).await.unwrap(), [("vip".to_owned(), 1), ("新客".to_owned(), 2)]);
    assert_eq!(stage.db.count_contacts(theirs).await.unwrap(), 0);
    assert!(stage.db.contacts(theirs, &found, 10).await.unwrap().is_empty());
    assert!(stage.db.contacts(theirs, &tagged(&["vip"]), 10).await.unwrap().is_empty());
    assert!(stage.db.tags(theirs).await.unwrap().is_empty());
    let done = stage.db.upsert_contacts(theirs, None, vec![row(person(1), "x", "y", &["vip"])], NOW).await;
    assert_eq!(done.unwrap(), Upserted { new: 1, updated: 0 }, "the same phone is another's contact too");
}

async fn pages_by_id_and_by_tags_meet_everybody_once(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let tags: [&[&str]; 4] = [&["a"], &["b"], &["a", "b"], &[]];
    let rows = (0..1000u64).map(|n| row(person(n), "某", "某", tags[usize::try_from(n % 4).unwrap()]));
    stage.db.upsert_contacts(account, None, rows.collect(), NOW).await.unwrap();
    for (filter, expected) in [
        (tagged(&[]), 1000),
        (tagged(&["a"]), 500),
        (tagged(&["a", "b"]), 750),
        (tagged(&["b", "unknown"]), 500),
        (tagged(&["unknown"]), 0),
    ] {
        let all = walk(&stage, account, filter).await;
        assert!(all.is_sorted_by(|a, b| a < b), "in order, nobody twice");
        assert_eq!(all.len(), expected);
    }
    let mut both = tagged(&["b"]);
    both.phone = Some(person(0));
    assert!(stage.db.contacts(account, &both, 10).await.unwrap().is_empty(), "person 0 has only tag a");
}

async fn many_people_are_written_in_several_transactions_and_all_are_there(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let rows = |from: u64, city: &'static str| {
        (from..from + 12_001).map(move |n| row(person(n), "某", city, &["a"]))
    };
    let done = stage.db.upsert_contacts(account, None, rows(0, "北京").collect(), NOW).await.unwrap();
    assert_eq!(done, Upserted { new: 12_001, updated: 0 });
    let later = NOW.plus(Duration::from_secs(1));
    let half = rows(6_000, "上海").map(|mut row| {
        row.tags.push("b".to_owned());
        row
    });
    let done = stage.db.upsert_contacts(account, None, half.collect(), later).await.unwrap();
    assert_eq!(done, Upserted { new: 6_000, updated: 6_001 });
    assert_eq!(walk(&stage, account, tagged(&[])).await.len(), 18_001);
    assert_eq!(walk(&stage, account, tagged(&["b"])).await.len(), 12_001);
    assert_eq!(stage.db.tags(account).await.unwrap(), [("a".to_owned(), 18_001), ("b".to_owned(), 12_001)]);
    for (number, city, updated_at) in [(5_999, "北京", NOW), (6_000, "上海", later), (18_000, "上海", later)]
    {
        let found = ContactFilter { phone: Some(person(number)), ..ContactFilter::default() };
        let [one] = &stage.db.contacts(account, &found, 2).await.unwrap()[..] else { panic!("one person") };
        assert_eq!((one.queryable[0].1.as_str(), one.updated_at), (city, updated_at));
    }
}

async fn walk(stage: &Stage, account: AccountId, mut filter: ContactFilter) -> Vec<ContactId> {
    let mut all = Vec::new();
    loop {
        let page = stage.db.contacts(account, &filter, 33).await.unwrap();
        let Some(last) = page.last() else { return all };
        filter.after = Some(last.id);
        all.extend(page.iter().map(|contact| contact.id));
    }
}

async fn imports_at_the_same_time_neither_lose_nor_double_anybody(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let upsert = |start: u64| {
        let db = stage.db.clone();
        tokio::spawn(async move {
            let rows = (start..start + 600).map(|n| row(person(n), "某", "某", &["all"])).collect();
            db.upsert_contacts(account, None, rows, NOW).await.unwrap()
        })
    };
    let (a, b, c) = (upsert(0), upsert(300), upsert(600));
    let done = [a.await.unwrap(), b.await.unwrap(), c.await.unwrap()];
    assert_eq!(done.iter().map(|done| done.new).sum::<u64>(), 1200);
    assert_eq!(done.iter().map(|done| done.updated).sum::<u64>(), 600);
    assert_eq!(stage.db.count_contacts(account).await.unwrap(), 1200);
    assert_eq!(stage.db.tags(account).await.unwrap(), [("all".to_owned(), 1200)]);
    let db = stage.db.clone();
    db.close().await.unwrap();
    let rows = vec![row(person(1), "x", "y", &[])];
    let closed = db.upsert_contacts(account, None, rows, NOW).await;
    assert!(matches!(closed, Err(ControlError::Unavailable(_))));
}

async fn an_import_keeps_its_counts_and_its_rejected_rows(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut import = Import {
        id: stage.ids.fresh(NOW).into(),
        account: ours,
        file_name: "会员.csv".to_owned(),
        bytes: 1234,
        mapping: ImportMapping {
            columns: vec![("手机号".to_owned(), ColumnUse::Phone), ("备注".to_owned(), ColumnUse::Ignore)],
        },
        tags: vec!["三月".to_owned()],
        source: "门店登记".to_owned(),
        basis: None,
        state: ImportState::Uploaded,
        counts: ImportCounts::default(),
        trouble: None,
        created_at: NOW,
        finished_at: None,
    };
    stage.db.put_import(&import).await.unwrap();
    import.state = ImportState::Failed;
    import.basis = Some(LegalBasis::Contract);
    import.counts = ImportCounts { read: 5, new: 1, updated: 2, duplicate: 1, invalid: 1 };
    import.trouble = Some("第 6 行不是文本".to_owned());
    import.finished_at = Some(NOW);
    stage.db.put_import(&import).await.unwrap();
    assert_eq!(stage.db.import(ours, import.id).await.unwrap(), Some(import.clone()));
    assert_eq!(stage.db.import(theirs, import.id).await.unwrap(), None);
    assert_eq!(stage.db.imports(ours, 5).await.unwrap(), [import.clone()]);
    let stolen = Import { account: theirs, ..import.clone() };
    assert!(matches!(stage.db.put_import(&stolen).await, Err(ControlError::Exists("import"))));

    let rejected = |line: u64| RejectedRow {
        line,
        reason: "too_short".to_owned(),
        record: format!("1380013,某人{line}"),
    };
    stage.db.add_rejected(ours, import.id, (2..40).map(rejected).collect()).await.unwrap();
    stage.db.add_rejected(ours, import.id, (30..50).map(rejected).collect()).await.unwrap();
    let page = stage.db.rejected(ours, import.id, 9, 100).await.unwrap();
    assert_eq!(page.len(), 40, "lines 10 to 49, none twice");
    assert!(page[0] == rejected(10) && page[39] == rejected(49));
    assert!(stage.db.rejected(theirs, import.id, 0, 100).await.unwrap().is_empty());
}

fn people(chunk: u64, count: u64) -> Vec<AudienceRow> {
    let row = |n: u64| AudienceRow {
        contact: (!n.is_multiple_of(3)).then(|| ContactId::from_raw(i64::try_from(n).unwrap() + 1)),
        phone: person(n),
        test: n == 7,
        possible_duplicate: n == 9,
        values: vec![format!("姓名{n}"), String::new()],
    };
    (chunk * 1000..chunk * 1000 + count).map(row).collect()
}

async fn an_audience_is_frozen_in_chunks_and_checked(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let header = |id| Audience {
        id,
        account: ours,
        campaign: stage.ids.fresh(NOW).into(),
        columns: vec!["姓名".to_owned(), "城市".to_owned()],
        stats: AudienceStats::default(),
        chunks: 0,
        checksum: None,
    };
    let (audience, copy) = (header(stage.ids.fresh(NOW).into()), header(stage.ids.fresh(NOW).into()));
    let stats = AudienceStats { read: 2501, invalid: 1, duplicate: 0, people: 2500, tests: 1 };
    let db = &stage.db;
    db.begin_audience(&audience).await.unwrap();
    db.append_chunks(ours, audience.id, 0, vec![people(0, 1000), people(1, 1000)]).await.unwrap();
    db.append_chunks(ours, audience.id, 1, vec![people(5, 10), people(2, 500)]).await.unwrap();
    let frozen = db.finish_audience(ours, audience.id, stats).await.unwrap();
    assert_eq!((frozen.chunks, frozen.stats), (3, stats));
    assert_eq!(db.finish_audience(ours, audience.id, stats).await.unwrap(), frozen);
    db.append_chunks(ours, audience.id, 2, vec![people(2, 500)]).await.unwrap();
    let late = db.append_chunks(ours, audience.id, 3, vec![people(3, 1)]).await;
    assert!(matches!(late, Err(ControlError::Changed("audience"))), "finished");

    db.begin_audience(&copy).await.unwrap();
    db.append_chunks(ours, copy.id, 1, vec![people(1, 1000), people(2, 500)]).await.unwrap();
    let gap = db.finish_audience(ours, copy.id, stats).await;
    assert!(matches!(gap, Err(ControlError::Inconsistent { column: "number", .. })), "chunk 0 is missing");
    db.append_chunks(ours, copy.id, 0, vec![people(0, 1000)]).await.unwrap();
    let same = db.finish_audience(ours, copy.id, stats).await.unwrap();
    assert_eq!(same.checksum, frozen.checksum, "the same people in the same order");

    stage.restart().await;
    let db = &stage.db;
    assert_eq!(db.audience(ours, audience.id).await.unwrap(), Some(frozen));
    assert!(db.chunk(ours, audience.id, 1).await.unwrap() == Some(people(1, 1000)), "as first written");
    assert!(db.chunk(ours, audience.id, 2).await.unwrap() == Some(people(2, 500)));
    assert!(db.chunk(ours, audience.id, 3).await.unwrap().is_none());
    assert!(db.chunk(theirs, audience.id, 1).await.unwrap().is_none());
    assert_eq!(db.audience(theirs, audience.id).await.unwrap(), None);
    db.drop_audience(theirs, audience.id).await.unwrap();
    assert!(db.chunk(ours, audience.id, 0).await.unwrap().is_some(), "not theirs to drop");
    let foreign = db.append_chunks(theirs, audience.id, 0, vec![people(0, 1)]).await;
    assert!(matches!(foreign, Err(ControlError::Changed("audience"))));
    let later = NOW.plus(Duration::from_secs(1));
    let both = [(ours, audience.id), (ours, copy.id)];
    assert_eq!(db.forgotten_audiences(later, 10).await.unwrap(), both, "no campaign holds either");
    let mut holder = stage.campaign(ours, "您好");
    holder.frozen = Some(copy.id);
    db.add_campaign(&holder).await.unwrap();
    assert_eq!(db.forgotten_audiences(later, 10).await.unwrap(), both[..1]);
    assert_eq!(db.forgotten_audiences(NOW, 10).await.unwrap(), [], "a preflight may be making them");
    db.drop_audience(ours, audience.id).await.unwrap();
    assert_eq!(db.audience(ours, audience.id).await.unwrap(), None);
    assert!(db.chunk(ours, audience.id, 0).await.unwrap().is_none());
    assert!(db.chunk(ours, copy.id, 0).await.unwrap().is_some());
}

async fn a_chunk_that_was_moved_or_damaged_is_not_read(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let audience = Audience {
        id: stage.ids.fresh(NOW).into(),
        account,
        campaign: stage.ids.fresh(NOW).into(),
        columns: vec![],
        stats: AudienceStats::default(),
        chunks: 0,
        checksum: None,
    };
    stage.db.begin_audience(&audience).await.unwrap();
    let chunks = vec![people(0, 1000), people(1, 1000), people(2, 1000)];
    stage.db.append_chunks(account, audience.id, 0, chunks).await.unwrap();
    let exchange = "UPDATE audience_chunk SET sealed = \
        (SELECT sealed FROM audience_chunk WHERE number = 1) WHERE number = 0";
    assert_eq!(stage.by_hand(exchange).await, 1);
    let damage = "UPDATE audience_chunk SET digest = (SELECT sealed FROM audience_chunk WHERE number = 2) WHERE number = 1";
    assert_eq!(stage.by_hand(damage).await, 1);
    for number in 0..2 {
        let read = stage.db.chunk(account, audience.id, number).await;
        assert!(matches!(read, Err(ControlError::Inconsistent { .. })), "chunk {number}");
    }
    assert!(stage.db.chunk(account, audience.id, 2).await.unwrap().is_some());
}
