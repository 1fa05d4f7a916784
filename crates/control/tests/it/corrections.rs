//! Contacts and templates as somebody edits them: what is given is what is there afterwards, and nobody is overwritten.

use std::time::Duration;

use domain::control::{
    Conditions, ContactFilter, Contacts as _, ControlError, Edit, Editable, Edits as _, TemplateRecord,
    Templates as _,
};
use domain::ids::AccountId;
use domain::message::Category;

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage, pairs, person, row};

on_every_engine! {
    a_contact_becomes_what_is_given_with_the_counts_of_its_tags
    a_template_is_replaced_by_its_edition_and_never_anothers
}

async fn counts(stage: &Stage, account: AccountId) -> Vec<(String, u64)> {
    stage.db.tags(account).await.unwrap()
}

async fn a_contact_becomes_what_is_given_with_the_counts_of_its_tags(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    let rows = vec![row(person(1), "张伟", "北京", &["a", "b"]), row(person(2), "王芳", "上海", &["a"])];
    stage.db.upsert_contacts(account, None, rows, NOW).await.unwrap();
    let all = stage.db.contacts(account, &ContactFilter::default(), 9).await.unwrap();
    let mut edited = all.iter().find(|one| one.phone == person(1)).unwrap().clone();
    edited.personal = pairs(&[("姓名", "张三")]);
    edited.queryable = Vec::new();
    edited.tags = vec!["b".to_owned(), "c".to_owned()];
    edited.updated_at = NOW.plus(Duration::from_secs(1));
    let change = Edit::ChangeContact(&edited, NOW);
    assert!(stage.db.edit(change, Conditions { expected: Some(0), line: None }).await.unwrap());
    let of = |names: &[&str]| ContactFilter {
        tags: names.iter().map(|name| (*name).to_owned()).collect(),
        ..ContactFilter::default()
    };
    assert!(stage.db.contacts(account, &of(&["c"]), 9).await.unwrap() == [edited.clone()]);
    assert_eq!(stage.db.contacts(account, &of(&["a"]), 9).await.unwrap().len(), 1, "one tag less");
    let tagged = [("a".to_owned(), 1), ("b".to_owned(), 1), ("c".to_owned(), 1)];
    assert_eq!(counts(&stage, account).await, tagged);
    // An import that was faster is seen by its time, another editor by the edition.
    let late = stage.db.edit(change, Conditions::default()).await;
    assert!(matches!(late, Err(ControlError::Changed("contact"))), "{late:?}");
    let again = Edit::ChangeContact(&edited, edited.updated_at);
    let late = stage.db.edit(again, Conditions { expected: Some(0), line: None }).await;
    assert!(matches!(late, Err(ControlError::Changed("contact"))), "{late:?}");
    assert_eq!(stage.db.edition(Editable::Contact(edited.id)).await.unwrap(), 1, "refused ones do not count");
    assert_eq!(counts(&stage, account).await, tagged);
    // And an import finds the person again.
    let rows = vec![row(person(1), "张三", "广州", &["c"])];
    let done = stage.db.upsert_contacts(account, None, rows, edited.updated_at).await.unwrap();
    assert_eq!((done.new, done.updated), (0, 1));
    assert_eq!(counts(&stage, account).await, tagged);
}

async fn a_template_is_replaced_by_its_edition_and_never_anothers(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut template = TemplateRecord {
        id: stage.ids.fresh(NOW).into(),
        account: ours,
        name: "促销".to_owned(),
        category: Category::Marketing,
        source: "旧".to_owned(),
        created_at: NOW,
    };
    stage.db.add_template(&template).await.unwrap();
    let foreign = TemplateRecord { account: theirs, ..template.clone() };
    assert!(!stage.db.edit(Edit::ChangeTemplate(&foreign), Conditions::default()).await.unwrap());
    (template.name, template.source) = ("通知".to_owned(), "新".to_owned());
    template.category = Category::Notice;
    let terms = Conditions { expected: Some(0), line: None };
    assert!(stage.db.edit(Edit::ChangeTemplate(&template), terms).await.unwrap());
    let late = stage.db.edit(Edit::ChangeTemplate(&template), terms).await;
    assert!(matches!(late, Err(ControlError::Changed("template"))), "{late:?}");
    let other =
        TemplateRecord { id: stage.ids.fresh(NOW).into(), name: "其他".to_owned(), ..template.clone() };
    stage.db.add_template(&other).await.unwrap();
    let taken = TemplateRecord { name: "通知".to_owned(), ..other };
    let taken = stage.db.edit(Edit::ChangeTemplate(&taken), Conditions::default()).await;
    assert!(matches!(taken, Err(ControlError::Exists(_))), "{taken:?}");
    stage.restart().await;
    assert_eq!(stage.db.template(ours, template.id).await.unwrap(), Some(template));
}
