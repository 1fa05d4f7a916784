//! Data folders written by earlier versions open. One is kept per schema version, each with the same little story:
//! `fixtures/ledger-v1` holds one delivered notice to the phone of number 1, one queued to number 2, and an opt-out
//! of number 3; in later ones, number 2 waits by carrier. To make one for a new version, run the ignored test with `HONGYAN_FIXTURE` naming its folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use domain::channel::ReceiptStatus;
use domain::ids::IdGenerator;
use domain::lane::Stream;
use domain::ledger::Entry;
use domain::message::{Category, MessageState};
use domain::phone::Carrier;

use super::ledger_stage::*;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[tokio::test]
async fn every_version_that_was_released_opens() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for version in ["ledger-v1", "ledger-v2", "ledger-v3", "ledger-v4", "ledger-v6"] {
        let place = tempfile::tempdir().unwrap();
        copy(&fixtures.join(version), place.path());
        let keys = place.path().join("key");
        // A checkout does not keep the mode that a key file must have.
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
        let stage = Stage::with(open(&place.path().join("data"), &keys, 8), IdGenerator::new(0), NOW);
        assert_eq!(stage.ledger.partitions().len(), 1, "{version}");
        let all = stage.all_messages().await;
        let seen: Vec<_> = all.iter().map(|m| (m.phone, m.state, m.text.clone())).collect();
        let expected =
            [(phone(1), MessageState::Delivered, text(1)), (phone(2), MessageState::Queued, text(2))];
        assert_eq!(seen, expected, "{version}");
        assert_eq!(stage.ledger.suppressions(ACCOUNT, None, 9).await.unwrap()[0].phone, phone(3));
        stage.accept_one(stage.message(&lane(1, Category::Notice), 3)).await;
        let by_carrier = Stream { carrier: Some(Carrier::Mobile), ..stream(1, None) };
        let takes = [stream(1, None), by_carrier].map(|stream| (stream, 9));
        let claim = stage.claim_at(stage.home(phone(2)), FIRST, &takes).await;
        assert_eq!((claim.outgoing.len(), claim.rejected), (1, 1), "{version}");
        stage.ledger.close().await;
    }
}

#[tokio::test]
#[ignore = "writes the fixture of the present schema version"]
async fn write_the_fixture() {
    let Ok(folder) = std::env::var("HONGYAN_FIXTURE") else { return };
    let folder = Path::new(&folder);
    let ledger = open(&folder.join("data"), &folder.join("key"), 1);
    let mut stage = Stage::with(ledger, IdGenerator::new(0), NOW);
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let id = stage.accept_one(stage.message(&lane, 1)).await;
    let out = stage.claim(FIRST, stream(1, None)).await.outgoing.remove(0);
    stage.submit(&out).await;
    stage.receipt(id, 0, ReceiptStatus::Delivered, "DELIVRD").await;
    stage.pass(1);
    let mut waiting = stage.message(&lane, 2);
    waiting.entry = Entry::Queue { due_at: stage.now, by_carrier: true };
    stage.accept_one(waiting).await;
    let order = stage.opt_out(3);
    stage.ledger.suppress(stage.home(phone(3)), vec![order]).await.unwrap();
    stage.ledger.close().await;
}
