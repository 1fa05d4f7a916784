//! Uploaded files: sealed, readable from anywhere, refused when they are not whole.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use domain::control::Uploads as _;
use domain::ids::{AccountId, ImportId};

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage};

const PIECE: usize = 64 * 1024;

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

fn put(stage: &Stage, account: AccountId, content: &[u8]) -> ImportId {
    let id = stage.ids.fresh(NOW).into();
    let mut file = stage.db.create_upload(account, id).unwrap();
    file.write_all(content).unwrap();
    file.flush().unwrap();
    file.flush().unwrap();
    assert!(file.write_all(b"more").is_err(), "complete");
    id
}

fn place(stage: &Stage, id: ImportId) -> PathBuf {
    stage.folder().join("uploads").join(format!("{id}.sealed"))
}

on_every_engine! {
    files_of_every_length_come_back_from_any_position
    files_are_gone_after_their_time
}

/// The port blocks, as files do.
async fn blocking(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.unwrap();
}

async fn files_of_every_length_come_back_from_any_position(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    blocking(move || come_back_from_any_position(&stage, account)).await;
}

fn come_back_from_any_position(stage: &Stage, account: AccountId) {
    for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 33 * PIECE + 17] {
        let content = bytes(length);
        let id = put(stage, account, &content);
        let mut file = stage.db.open_upload(account, id).unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert!(read == content, "{length} bytes");
        for start in [0, 1, length / 2, length.saturating_sub(1), length, length + 5] {
            let expected = content.get(start..).unwrap_or(&[]);
            file.seek(SeekFrom::Start(u64::try_from(start).unwrap())).unwrap();
            read.clear();
            file.read_to_end(&mut read).unwrap();
            assert!(read == expected, "{length} bytes from {start}");
        }
        assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), u64::try_from(length).unwrap());
        assert!(file.seek(SeekFrom::End(-1 - i64::try_from(length).unwrap())).is_err());
    }
}

#[tokio::test]
async fn a_file_that_was_cut_or_damaged_or_is_not_complete_is_refused() {
    let stage = Stage::open(Engine::Sqlite).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let kind = |account, id| stage.db.open_upload(account, id).err().map(|error| error.kind());
    let whole = put(&stage, ours, &bytes(3 * PIECE));
    assert_eq!(kind(theirs, whole), Some(ErrorKind::NotFound));
    let again = stage.db.create_upload(ours, whole).err().map(|error| error.kind());
    assert_eq!(again, Some(ErrorKind::AlreadyExists));
    let length = fs::metadata(place(&stage, whole)).unwrap().len();
    let sealed_piece = u64::try_from(PIECE + 18).unwrap();
    for cut in [1, sealed_piece, 2 * sealed_piece, length - 21, length - 20, length] {
        let id = put(&stage, ours, &bytes(3 * PIECE));
        let file = OpenOptions::new().write(true).open(place(&stage, id)).unwrap();
        file.set_len(length - cut).unwrap();
        assert_eq!(kind(ours, id), Some(ErrorKind::InvalidData), "{cut} bytes cut off");
    }
    let mut damaged = fs::read(place(&stage, whole)).unwrap();
    damaged[100] ^= 1;
    fs::write(place(&stage, whole), damaged).unwrap();
    let mut file = stage.db.open_upload(ours, whole).unwrap();
    assert_eq!(file.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::InvalidData);

    let id = stage.ids.fresh(NOW).into();
    let mut partial = stage.db.create_upload(ours, id).unwrap();
    partial.write_all(&bytes(PIECE * 2)).unwrap();
    assert_eq!(kind(ours, id), Some(ErrorKind::NotFound));
    drop(partial);
    let left = fs::read_dir(stage.folder().join("uploads")).unwrap();
    let partial = left.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "partial");
    assert_eq!(partial.count(), 0);
}

async fn files_are_gone_after_their_time(engine: Engine) {
    let stage = Stage::open(engine).await;
    let account = stage.account("ours").await;
    blocking(move || gone_after_their_time(&stage, account)).await;
}

fn gone_after_their_time(stage: &Stage, account: AccountId) {
    let old = put(stage, account, b"old");
    let later = NOW.plus(Duration::from_secs(60));
    let new = stage.ids.fresh(later).into();
    let mut file = stage.db.create_upload(account, new).unwrap();
    file.write_all(b"new").unwrap();
    file.flush().unwrap();
    fs::write(stage.folder().join("uploads/readme.txt"), "not ours").unwrap();
    assert_eq!(stage.db.expire_uploads(NOW).unwrap(), 0);
    assert_eq!(stage.db.expire_uploads(later).unwrap(), 1);
    let gone = stage.db.open_upload(account, old).err().map(|error| error.kind());
    assert_eq!(gone, Some(ErrorKind::NotFound));
    assert!(stage.db.open_upload(account, new).is_ok());
}

#[tokio::test]
async fn what_one_node_took_another_one_reads() {
    let stage = Stage::open(Engine::Postgres).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    let other = stage.second_node(2).await;
    blocking(move || {
        let content = bytes(20 * PIECE + 5);
        let id = put(&stage, ours, &content);
        let mut read = Vec::new();
        other.open_upload(ours, id).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == content);
        let kind = |account, id| other.open_upload(account, id).err().map(|error| error.kind());
        assert_eq!(kind(theirs, id), Some(ErrorKind::NotFound));
        let again = other.create_upload(ours, id).err().map(|error| error.kind());
        assert_eq!(again, Some(ErrorKind::AlreadyExists));

        let partial_id = stage.ids.fresh(NOW).into();
        let mut partial = stage.db.create_upload(ours, partial_id).unwrap();
        partial.write_all(&content).unwrap();
        assert_eq!(kind(ours, partial_id), Some(ErrorKind::NotFound), "it is not complete");
        drop(partial);
        let later = NOW.plus(Duration::from_secs(60));
        assert_eq!(other.expire_uploads(later).unwrap(), 2, "the complete and the partial one");
        assert_eq!(fs::read_dir(stage.folder().join("uploads")).unwrap().count(), 0, "no file was made");
    })
    .await;
}

#[tokio::test]
async fn a_file_in_the_database_that_was_cut_or_damaged_is_refused() {
    let stage = Stage::open(Engine::Postgres).await;
    let account = stage.account("ours").await;
    let stage = std::sync::Arc::new(stage);
    for damage in [
        "UPDATE upload SET pieces = pieces - 1",
        "DELETE FROM upload_piece WHERE number = 2",
        "UPDATE upload_piece SET sealed = set_byte(sealed, 100, get_byte(sealed, 100) # 1)",
    ] {
        let holder = stage.clone();
        let id = tokio::task::spawn_blocking(move || put(&holder, account, &bytes(3 * PIECE))).await.unwrap();
        assert!(stage.by_hand(damage).await > 0);
        let reader = stage.clone();
        blocking(move || {
            let refused = reader.db.open_upload(account, id).err().map(|error| error.kind());
            assert_eq!(refused, Some(ErrorKind::InvalidData), "{damage}");
        })
        .await;
    }
}
