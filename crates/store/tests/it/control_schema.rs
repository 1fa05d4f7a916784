//! The schema: old files are opened, newer ones are refused.

use std::sync::Arc;

use domain::ids::IdGenerator;
use store::control::{ControlDb, OpenControl, OpenControlError};
use store::sealing::Sealer;

use crate::control_stage::Stage;

#[tokio::test]
async fn a_file_of_a_newer_or_a_strange_program_is_refused() {
    for (step, newer) in [("v2_contact_birthday", true), ("m20260101_contact", false)] {
        let stage = Stage::open().await;
        stage.db.close().await.unwrap();
        let by_hand = rusqlite::Connection::open(ControlDb::file(&stage.folder())).unwrap();
        let insert = "INSERT INTO seaql_migrations (version, applied_at) VALUES (?1, 0)";
        by_hand.execute(insert, [step]).unwrap();
        let sealer = Sealer::open(&stage.folder().join("../keys"), &stage.folder()).unwrap();
        let ids = Arc::new(IdGenerator::new(0));
        let opened = ControlDb::open(OpenControl { folder: stage.folder(), sealer, ids }).await;
        match opened.expect_err("refused") {
            OpenControlError::NewerSchema { found: 2, known: 1 } => assert!(newer),
            OpenControlError::ForeignSchema { step: named } => assert!(!newer && named == step),
            other => panic!("{other}"),
        }
    }
}
