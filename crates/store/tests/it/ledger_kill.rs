//! `kill -9` in the middle of everything: a child process accepts, claims and "sends", is killed at random moments,
//! and starts again. What it wrote to plain files beside the ledger is the outside truth.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions as FileOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{IdGenerator, MessageId};
use domain::ledger::{Disposition, Ledger, Settlement};
use domain::message::{Category, MessageState};
use store::postgres::PostgresLedger;

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;
use super::postgres_server::fresh_database;

on_every_engine! {
    nothing_is_lost_and_nothing_goes_twice_unmarked_over_ten_kills
}

/// Names the folder to the child; without it the child's test has nothing to do.
const FOLDER: &str = "HONGYAN_KILL_TEST_FOLDER";
const ROUND: &str = "HONGYAN_KILL_TEST_ROUND";
/// Names the database to it, where the ledger is on PostgreSQL.
const URL: &str = "HONGYAN_KILL_TEST_URL";
const ROUNDS: u8 = 10;
/// Of these, so many without waiting for the work to begin.
const BLIND_KILLS: u8 = 2;
/// What the fake channel takes at once, per partition.
const WINDOW: u32 = 30;
const PARTITIONS: u16 = 2;

/// Lines that survive the process: a write to a file that is not synced survives its writer's death.
struct Truth(File);

impl Truth {
    fn at(folder: &Path, name: &str) -> Self {
        Self(FileOptions::new().create(true).append(true).open(folder.join(name)).unwrap())
    }

    fn say(&mut self, lines: &str) {
        self.0.write_all(lines.as_bytes()).unwrap();
    }
}

fn lines(folder: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    // The last line may be half of one.
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
}

#[tokio::test]
async fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let (folder, round) = (Path::new(&folder), round.parse::<u8>().unwrap());
    let ledger = open_again(folder, std::env::var(URL).ok().as_deref()).await;
    let mut stage =
        Stage::with(ledger, IdGenerator::new(round), NOW.plus(Duration::from_secs(60) * u32::from(round)));
    let found = stage.ledger.recover(Arc::clone(&stage.retry), stage.now).await.unwrap();
    Truth::at(folder, "recovered").say(&format!("{found}\n"));
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let (mut accepted, mut sent, mut settled) =
        (Truth::at(folder, "accepted"), Truth::at(folder, "sent"), Truth::at(folder, "settled"));
    for batch in 0u64.. {
        let first = u64::from(round) * 100_000 + batch * 40;
        let messages: Vec<_> = (first..first + 40).map(|n| stage.message(&lane, n)).collect();
        stage.accept(&messages).await;
        accepted.say(&messages.iter().map(|m| format!("{}\n", m.id)).collect::<String>());
        for id in stage.ledger.partitions().all() {
            let takes = [(stream(1, None), WINDOW), (stream(1, Some(FIRST)), WINDOW)];
            let claim = stage.claim_at(id, FIRST, &takes).await;
            let lines = claim.outgoing.iter();
            sent.say(
                &lines
                    .map(|o| format!("{} {}\n", o.ticket.message, o.possible_duplicate))
                    .collect::<String>(),
            );
            let answers: Vec<Settlement> = claim
                .outgoing
                .iter()
                .map(|o| Settlement {
                    ticket: o.ticket,
                    channel: FIRST,
                    at: stage.now,
                    disposition: Disposition::Submitted {
                        gateway: GATEWAY,
                        ids: vec![carrier_id(o.ticket.message, 0)],
                    },
                })
                .collect();
            stage.ledger.settle(id, answers).await.unwrap();
            settled
                .say(&claim.outgoing.iter().map(|o| format!("{}\n", o.ticket.message)).collect::<String>());
        }
        stage.now = stage.now.plus(Duration::from_millis(1));
    }
}

async fn open_again(folder: &Path, url: Option<&str>) -> Arc<dyn Ledger> {
    let (data, keys) = (folder.join("data"), folder.join("keys/key"));
    match url {
        None => open(&data, &keys, PARTITIONS),
        Some(url) => open_postgres(url, &data, &keys, 0).await,
    }
}

async fn nothing_is_lost_and_nothing_goes_twice_unmarked_over_ten_kills(engine: Engine) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = folder.path();
    let url = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => {
            let url = fresh_database().await;
            PostgresLedger::migrate(&url, PARTITIONS).await.unwrap();
            Some(url)
        }
    };
    // Keys before the first kill, so that no round is spent on a death while they are made.
    let ledger = open_again(path, url.as_deref()).await;
    ledger.close().await;
    drop(ledger);
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "ledger_kill::child", "--nocapture", "--test-threads=1"]);
        child.env(FOLDER, path).env(ROUND, round.to_string());
        child.envs(url.iter().map(|url| (URL, url)));
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The first ones wherever they are in their start; the others at work, however slow the machine is today.
        if round >= BLIND_KILLS {
            until_at_work(path).await;
        }
        tokio::time::sleep(Duration::from_millis(50 + u64::from(round) * 37 % 200)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let later = NOW.plus(Duration::from_secs(3_600));
    let ledger = open_again(path, url.as_deref()).await;
    let mut stage = Stage::with(ledger, IdGenerator::new(31), later);
    let in_flight = stage.ledger.recover(Arc::clone(&stage.retry), stage.now).await.unwrap();
    let bound = 2 * WINDOW;
    assert!(in_flight <= bound, "{in_flight} in flight at the last kill");
    assert!(lines(path, "recovered").iter().all(|found| found.parse::<u32>().unwrap() <= bound));
    // The retries of what was in flight are due by then.
    stage.pass(60);
    check(&stage, path).await;
}

/// Until this round's child has had something accepted.
async fn until_at_work(path: &Path) {
    let before = lines(path, "accepted").len();
    for _ in 0..400 {
        if lines(path, "accepted").len() > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the child does not get to work");
}

async fn check(stage: &Stage, path: &Path) {
    let id = |text: &str| text.parse::<MessageId>().unwrap();
    let accepted: Vec<MessageId> = lines(path, "accepted").iter().map(|line| id(line)).collect();
    assert!(accepted.len() >= 300, "the child worked: {}", accepted.len());
    let mut sent: HashMap<MessageId, (u32, u32)> = HashMap::new();
    for line in lines(path, "sent") {
        let (message, duplicate) = line.split_once(' ').unwrap();
        let count = sent.entry(id(message)).or_default();
        *count = if duplicate == "true" { (count.0, count.1 + 1) } else { (count.0 + 1, count.1) };
    }
    assert!(sent.values().all(|(unmarked, _)| *unmarked <= 1), "unmarked twice");
    let settled: HashSet<MessageId> = lines(path, "settled").iter().map(|line| id(line)).collect();
    for message in &accepted {
        let record = stage.look(*message).await;
        let known = matches!(record.state, MessageState::Queued | MessageState::Submitted);
        assert!(known, "{message} is {}", record.state);
        if settled.contains(message) {
            assert_eq!(record.state, MessageState::Submitted, "{message} was acknowledged as submitted");
        }
    }
    // What waits goes out now; nothing that was answered is among it.
    for stream in [stream(1, None), stream(1, Some(FIRST))] {
        loop {
            let claim = stage.claim(SECOND, stream).await;
            for out in &claim.outgoing {
                let message = out.ticket.message;
                assert!(!settled.contains(&message), "{message} was submitted and is claimed again");
                assert!(
                    out.possible_duplicate || !sent.contains_key(&message),
                    "{message} goes twice unmarked"
                );
                stage.submit(out).await;
            }
            if claim.outgoing.is_empty() {
                break;
            }
        }
    }
    let all = stage.all_messages().await;
    assert!(all.len() >= accepted.len());
    let left = all.iter().find(|m| m.state != MessageState::Submitted);
    assert!(left.is_none(), "everything accepted went out, but {left:?}");
}
