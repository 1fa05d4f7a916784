//! What disks do and what people do to files: a full disk, one that became read-only, a log that ends in the middle of a
//! page, a file deleted under a running server. Each is said clearly, and what was acknowledged is there afterwards.
//!
//! Full and read-only disks are real ones in memory, which only root may mount; elsewhere these tests say so and end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::house::{Channel, House, csv};

/// Messages of one request.
const BATCH: u64 = 200;

/// A file system in memory, mounted for as long as there is one.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, mebibytes: u32) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={mebibytes}m");
        let args = ["-t", "tmpfs", "-o", &options, "tmpfs"];
        let mounted =
            Command::new("mount").args(args).arg(at).output().is_ok_and(|said| said.status.success());
        if !mounted {
            eprintln!("skipped: this user may not mount a file system");
        }
        mounted.then(|| Self(at.to_owned()))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _status = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A server whose channel reaches nobody, so that all it accepts stays.
async fn house(folder: TempDir) -> House {
    let house = House::open_in(folder);
    house.open_channel("127.0.0.1:9".parse().unwrap(), &Channel::PLAIN).await;
    house
}

/// The same with its data folder on a disk of its own, which is unmounted after the server is gone.
async fn house_on_disk(mebibytes: u32) -> Option<(House, Disk)> {
    let folder = TempDir::new().unwrap();
    let disk = Disk::mount(&folder.path().join("data"), mebibytes)?;
    Some((house(folder).await, disk))
}

fn batch(number: u64) -> Value {
    let one = |n| {
        json!({
            "phone": format!("139{n:08}"), "text": format!("您的订单 {n} 已发货，请注意查收。"),
            "signature": "鸿雁", "category": "notice",
        })
    };
    json!({ "messages": (number * BATCH..(number + 1) * BATCH).map(one).collect::<Vec<_>>() })
}

/// Sends a batch; the ids of what was accepted, else why it was not.
async fn send(house: &House, number: u64) -> Result<Vec<String>, (StatusCode, Value)> {
    let (status, answer) = house.answer(Method::POST, "/v1/messages", Some(&batch(number))).await;
    if !status.is_success() {
        return Err((status, answer));
    }
    let results = answer["results"].as_array().unwrap().iter();
    Ok(results.map(|item| item["id"].as_str().unwrap().to_owned()).collect())
}

/// Sends batches until one is refused.
async fn send_until_refused(house: &House, accepted: &mut BTreeSet<String>) -> (StatusCode, Value) {
    for number in 0..2_000 {
        match send(house, number).await {
            Ok(ids) => accepted.extend(ids),
            Err(refused) => return refused,
        }
    }
    panic!("nothing was refused");
}

/// Stops the server, looks through its folder, starts it again and asks for everything that was accepted.
async fn nothing_is_lost(house: &mut House, accepted: &BTreeSet<String>) {
    assert_eq!(house.terminate(), 0);
    house.verify().ok();
    house.start();
    for id in accepted.iter().step_by(17) {
        house.api(Method::GET, &format!("/v1/messages/{id}"), None).await;
    }
    let mut listed = BTreeSet::new();
    let mut page = "/v1/messages?limit=1000".to_owned();
    loop {
        let answer = house.api(Method::GET, &page, None).await;
        listed
            .extend(answer["items"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()));
        let Some(next) = answer["next"].as_str() else { break };
        page = format!("/v1/messages?limit=1000&cursor={next}");
    }
    let lost = accepted.difference(&listed).count();
    assert_eq!(lost, 0, "of {} accepted", accepted.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_new_work_and_goes_on_when_space_returns() {
    let Some((mut house, disk)) = house_on_disk(12).await else { return };
    let mut accepted = BTreeSet::new();
    let (status, problem) = send_until_refused(&house, &mut accepted).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{problem}");
    assert_eq!(
        problem["type"].as_str().and_then(|kind| kind.rsplit(':').next()),
        Some("disk_full"),
        "{problem}"
    );
    assert!(!accepted.is_empty());
    // Looking things up needs no space.
    let first = accepted.first().unwrap();
    house.api(Method::GET, &format!("/v1/messages/{first}"), None).await;

    disk.remount("size=64m");
    accepted.extend(send(&house, 5_000).await.unwrap());
    nothing_is_lost(&mut house, &accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_became_read_only_refuses_and_goes_on_when_it_is_writable_again() {
    let Some((mut house, disk)) = house_on_disk(64).await else { return };
    let mut accepted: BTreeSet<_> = send(&house, 0).await.unwrap().into_iter().collect();
    house.terminate();

    disk.remount("ro");
    let refused = house.serve().output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("data") && said.to_lowercase().contains("read-only"), "{said}");

    disk.remount("rw");
    house.start();
    accepted.extend(send(&house, 1).await.unwrap());
    nothing_is_lost(&mut house, &accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_ends_in_the_middle_of_a_page_loses_nothing_that_was_acknowledged() {
    let mut house = house(TempDir::new().unwrap()).await;
    let accepted: BTreeSet<_> = send(&house, 0).await.unwrap().into_iter().collect();
    house.kill();
    for partition in 0..8 {
        // A machine that lost its power while it appended: half of a page that no commit covers.
        let log = house.path("data").join(format!("ledger/p{partition:03}.db-wal"));
        File::options().append(true).open(log).unwrap().write_all(&[0x5A; 24 + 2_000]).unwrap();
    }
    house.start();
    nothing_is_lost(&mut house, &accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_deleted_under_the_server_is_noticed_before_anything_is_acknowledged_into_it() {
    let mut house = house(TempDir::new().unwrap()).await;
    send(&house, 0).await.unwrap();
    let file = house.path("data").join("ledger/p003.db");
    let kept = house.path("kept.db");
    fs::rename(&file, &kept).unwrap();
    let (status, problem) = send(&house, 1).await.unwrap_err();
    assert!(status.is_server_error(), "{status} {problem}");

    // The name alone is not enough: what lies there now is another file.
    fs::copy(&kept, &file).unwrap();
    send(&house, 2).await.unwrap_err();

    house.kill();
    fs::rename(&kept, &file).unwrap();
    house.start();

    let control = house.path("data/control.db");
    fs::rename(&control, &kept).unwrap();
    let list = house.write("list.csv", csv(3));
    assert_ne!(house.ask(&["import", &list, "--basis", "consent"]).code, 0);
    house.kill();
    fs::rename(&kept, &control).unwrap();
    house.start();
    send(&house, 3).await.unwrap();
    assert_eq!(house.terminate(), 0);
    house.verify().ok();
}
