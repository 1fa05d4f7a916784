//! Changes of what people edit: only as it was read, and never without their line of the log.

use domain::access::Principal;
use domain::control::{
    Access as _, AuditFilter, AuditLine, Channels as _, Conditions, ControlError, Edit, Editable, Edits as _,
    PriceLine,
};
use domain::ids::AccountId;
use domain::money::Money;

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage};

on_every_engine! {
    a_change_is_made_only_as_the_thing_was_read
    of_many_who_read_the_same_one_is_first
}

fn line(stage: &Stage, account: AccountId) -> AuditLine {
    AuditLine {
        id: stage.ids.fresh(NOW).into(),
        at: NOW,
        account,
        principal: Principal::System,
        home: account,
        action: "prices.put".to_owned(),
        object: account.to_string(),
        address: None,
        request: "req_1".to_owned(),
        before: None,
        after: None,
        count: 1,
        detail: Vec::new(),
    }
}

fn price(account: AccountId, micros: i64) -> [PriceLine; 1] {
    [PriceLine {
        account,
        category: None,
        carrier: None,
        country: None,
        from: None,
        until: None,
        per_part: Money::from_micros(micros),
    }]
}

async fn lines(stage: &Stage, account: AccountId) -> usize {
    stage.db.audit_log(&AuditFilter::of(account), 100).await.unwrap().len()
}

async fn a_change_is_made_only_as_the_thing_was_read(engine: Engine) {
    let stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let of = Editable::Prices(ours);
    assert_eq!(stage.db.edition(of).await.unwrap(), 0, "never changed");
    let (first, second) = (line(&stage, ours), line(&stage, ours));
    let terms = Conditions { expected: Some(0), line: Some(&first) };
    assert!(stage.db.edit(Edit::Prices(ours, &price(ours, 1)), terms).await.unwrap());
    assert_eq!(stage.db.edition(of).await.unwrap(), 1);
    let late = Conditions { expected: Some(0), line: Some(&second) };
    let refused = stage.db.edit(Edit::Prices(ours, &price(ours, 2)), late).await;
    assert!(matches!(refused, Err(ControlError::Changed("prices"))));
    assert_eq!(stage.db.prices(ours).await.unwrap(), price(ours, 1), "nothing of it was written");
    assert_eq!((lines(&stage, ours).await, stage.db.edition(of).await.unwrap()), (1, 1));
    // The same line twice: the change goes with it.
    let twice = Conditions { expected: None, line: Some(&first) };
    stage.db.edit(Edit::Prices(ours, &price(ours, 3)), twice).await.expect_err("the line is there already");
    assert_eq!(stage.db.prices(ours).await.unwrap(), price(ours, 1));
    // Who expects nothing replaces whatever is there, and that counts too.
    stage.db.put_prices(ours, &price(ours, 4)).await.unwrap();
    assert_eq!(stage.db.edition(of).await.unwrap(), 2);
    assert_eq!(stage.db.edition(Editable::Prices(theirs)).await.unwrap(), 0, "others' are others'");
    let nobody = Edit::DeleteCustomer(domain::ids::CustomerId(9));
    assert!(!stage.db.edit(nobody, Conditions { expected: None, line: Some(&second) }).await.unwrap());
    assert_eq!(lines(&stage, ours).await, 1, "nothing was deleted, so nothing is told");
}

async fn of_many_who_read_the_same_one_is_first(engine: Engine) {
    let stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    let edits = (1..=8).map(|micros| {
        let (db, line) = (stage.db.clone(), line(&stage, ours));
        tokio::spawn(async move {
            let terms = Conditions { expected: Some(0), line: Some(&line) };
            db.edit(Edit::Prices(ours, &price(ours, micros)), terms).await
        })
    });
    let edits: Vec<_> = edits.collect();
    let mut made = 0;
    for edit in edits {
        match edit.await.unwrap() {
            Ok(_) => made += 1,
            Err(ControlError::Changed(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((made, lines(&stage, ours).await), (1, 1));
}
