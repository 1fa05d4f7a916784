//! Documents of the whole installation: replaced as a whole, with a mark that others can ask for cheaply.

use domain::control::{ControlError, Documents as _};

use super::engines::{Engine, on_every_engine};
use super::stage::{NOW, Stage};

on_every_engine! {
    a_document_is_replaced_as_a_whole_and_a_damaged_one_is_refused
}

async fn a_document_is_replaced_as_a_whole_and_a_damaged_one_is_refused(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    assert_eq!(stage.db.document_mark("ranges").await.unwrap(), None);
    assert_eq!(stage.db.document("ranges").await.unwrap(), None);
    let content: Vec<u8> = (0..=255).cycle().take(700_000).collect();
    let first = stage.db.put_document("ranges", b"one", NOW).await.unwrap();
    let second = stage.db.put_document("ranges", &content, NOW).await.unwrap();
    assert_eq!((first.version, second.version), (1, 2));
    assert_ne!(first.checksum, second.checksum);
    stage.restart().await;
    let read = stage.db.document("ranges").await.unwrap().unwrap();
    assert!(read.mark == second && read.content == content);
    assert_eq!(stage.db.document_mark("ranges").await.unwrap(), Some(second));
    assert_eq!(stage.by_hand("UPDATE document SET content = checksum").await, 1);
    let damaged = stage.db.document("ranges").await.err();
    assert!(matches!(damaged, Some(ControlError::Inconsistent { table: "document", column: "content" })));
}
