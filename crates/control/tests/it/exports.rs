//! Exports are kept, found by their accounts, and forgotten in time.

use std::time::Duration;

use domain::billing::Charge;
use domain::control::{Export, ExportFormat, ExportMonth, ExportOf, ExportState, Exports as _};
use domain::message::MessageState;
use domain::policy::Zone;

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage};

on_every_engine! {
    an_export_is_its_accounts_and_unfinished_ones_are_found
}

async fn an_export_is_its_accounts_and_unfinished_ones_are_found(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let mut export = Export {
        id: stage.ids.fresh(NOW).into(),
        account: ours,
        of: ExportOf::Statement,
        format: ExportFormat::Parquet,
        reveal: true,
        campaign: Some(stage.ids.fresh(NOW).into()),
        of_state: Some(MessageState::Delivered),
        tag: Some("张伟的客户".to_owned()),
        month: Some(ExportMonth {
            month: "2026-11".parse().unwrap(),
            zone: Zone::named("Asia/Tokyo").unwrap(),
            otherwise: Charge::Delivered,
        }),
        state: ExportState::Waiting,
        tries: 0,
        rows: 0,
        bytes: 0,
        file: None,
        created_at: NOW,
        finished_at: None,
    };
    stage.db.put_export(&export).await.unwrap();
    let later = Export { id: stage.ids.fresh(NOW).into(), account: theirs, ..export.clone() };
    stage.db.put_export(&later).await.unwrap();
    assert_eq!(stage.db.unfinished_exports(10).await.unwrap(), [export.clone(), later.clone()]);
    assert_eq!(stage.db.unfinished_exports(1).await.unwrap(), [export.clone()]);
    (export.state, export.rows, export.bytes, export.tries) = (ExportState::Finished, 9, 81, 2);
    (export.file, export.finished_at) = (Some(stage.ids.fresh(NOW).into()), Some(NOW));
    stage.db.put_export(&export).await.unwrap();
    stage.restart().await;
    assert_eq!(stage.db.export(ours, export.id).await.unwrap(), Some(export.clone()));
    assert_eq!(stage.db.export(theirs, export.id).await.unwrap(), None, "another's");
    assert_eq!(stage.db.exports(ours, 10).await.unwrap(), [export.clone()]);
    assert_eq!(stage.db.unfinished_exports(10).await.unwrap(), [later]);
    assert_eq!(stage.db.expire_exports(NOW).await.unwrap(), 0);
    assert_eq!(stage.db.expire_exports(NOW.plus(Duration::from_secs(60))).await.unwrap(), 2);
    assert_eq!(stage.db.export(ours, export.id).await.unwrap(), None);
}
