//! `kill -9` of the server in the middle of a campaign, against one carrier that lives on and counts.
//!
//! The carrier's set of messages is the outside truth: what the ledger says afterwards must be the same, message by
//! message. Marketing may go to nobody twice: what was in flight at a kill stays uncertain. A notice is sent again, and
//! then it is marked.

use std::collections::HashMap;
use std::time::Duration;

use domain::phone::{Country, Phone};
use reqwest::Method;
use serde_json::{Value, json};
use sim::{Handle, MessageTruth, SimConfig};
use tokio_util::sync::CancellationToken;

use crate::house::{Channel, House, csv};

/// How many get the campaign; 100,000 by hand: `HONGYAN_KILL_RECIPIENTS=100000 cargo nextest run -p app kill`.
const RECIPIENTS: &str = "HONGYAN_KILL_RECIPIENTS";
const RECIPIENTS_DEFAULT: u64 = 20_000;
const KILLS: u32 = 10;
/// Of these, so many without waiting for the sending to begin.
const EARLY_KILLS: u32 = 2;
/// Each comes within so many milliseconds.
const KILL_WITHIN_MILLIS: u64 = 400;
const CHANNEL: Channel = Channel { connections: 2, window: 8, parts_per_second: 0 };
/// Seconds that the sending would take without a kill: longer than the server lives between all kills together.
const SENDING_SECONDS: u64 = 10;
/// Looks, 50 ms apart, after which a campaign is taken to be stuck.
const PATIENCE_LOOKS: u32 = 2_400;
/// Of those who can get the message, so many per thousand must have got it.
const DELIVERED_PER_MILLE: u64 = 995;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_lose_nothing_and_send_nothing_twice() {
    let recipients = std::env::var(RECIPIENTS).map_or(RECIPIENTS_DEFAULT, |text| text.parse().unwrap());
    let mut run = Run::begin("marketing", recipients).await;
    run.kill(KILLS).await;
    let found = run.end().await;
    let bound = u64::from(KILLS) * u64::from(CHANNEL.connections) * u64::from(CHANNEL.window);
    assert!(found.uncertain <= bound, "{} uncertain, at most {bound}", found.uncertain);
    assert_eq!(found.copies, 0, "marketing never goes twice");
    let delivered = run.carrier.truth().delivered() as u64;
    assert!(delivered * 1_000 >= recipients * DELIVERED_PER_MILLE, "{delivered} of {recipients} delivered");
    println!("{recipients} recipients, {KILLS} kills: {delivered} delivered, {} uncertain", found.uncertain);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_and_send_nothing_twice_on_a_server() {
    let recipients = 3_000;
    let mut run = Run::begin_on(House::open_postgres().await, "marketing", recipients).await;
    run.kill(3).await;
    let found = run.end().await;
    let bound = 3 * u64::from(CHANNEL.connections) * u64::from(CHANNEL.window);
    assert!(found.uncertain <= bound, "{} uncertain, at most {bound}", found.uncertain);
    assert_eq!(found.copies, 0, "marketing never goes twice");
    let delivered = run.carrier.truth().delivered() as u64;
    assert!(
        delivered * 1_000 >= (recipients - bound) * DELIVERED_PER_MILLE,
        "{delivered} of {recipients} delivered"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_in_flight_at_a_kill_is_sent_again_and_marked() {
    let mut run = Run::begin("notice", 3_000).await;
    run.kill(5).await;
    let found = run.end().await;
    assert_eq!(found.uncertain, 0, "every notice arrives in the end");
    let marked = 5 * u64::from(CHANNEL.connections) * u64::from(CHANNEL.window);
    assert!(found.marked <= marked && found.copies <= found.marked, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_leaves_nothing_uncertain() {
    let mut run = Run::begin("marketing", 3_000).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(run.house.terminate(), 0);
    assert!(run.carrier.counters().messages < 3_000, "the stop came too late to matter");
    run.house.start();
    let found = run.end().await;
    assert_eq!((found.uncertain, found.copies), (0, 0));
}

/// A campaign that is being sent.
struct Run {
    house: House,
    carrier: Handle,
    id: String,
    recipients: u64,
    stop: CancellationToken,
}

/// What the comparison of both sides found.
#[derive(Debug, Default)]
struct Found {
    uncertain: u64,
    /// Messages marked as possible duplicates.
    marked: u64,
    /// Copies beyond the first that the carrier received.
    copies: u64,
}

impl Run {
    async fn begin(category: &str, recipients: u64) -> Self {
        Self::begin_on(House::open(), category, recipients).await
    }

    async fn begin_on(house: House, category: &str, recipients: u64) -> Self {
        let stop = CancellationToken::new();
        let carrier = sim::run(SimConfig::ideal(), stop.clone()).await.unwrap();
        let pace = u32::try_from(recipients / SENDING_SECONDS).unwrap();
        house.open_channel(carrier.addr(), &Channel { parts_per_second: pace, ..CHANNEL }).await;
        let id = prepare(&house, category, recipients);
        house.ask(&["campaign", "start", &id]).ok();
        Self { house, carrier, id, recipients, stop }
    }

    /// Kills the server and starts it again, the first times within the expansion of the audience or the start-up,
    /// then at moments that look random while it sends.
    async fn kill(&mut self, times: u32) {
        let mut dice = 0x2545_f491_4f6c_dd1d_u64;
        for round in 0..times {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if round >= EARLY_KILLS {
                self.until_sending().await;
            }
            tokio::time::sleep(Duration::from_millis((dice >> 33) % KILL_WITHIN_MILLIS)).await;
            self.house.kill();
            assert_eq!(self.house.verify().json()["found"], 0, "what is left holds together");
            self.house.start();
        }
        assert!(self.carrier.counters().messages < self.recipients, "the kills came too late to matter");
    }

    /// Until the carrier has got a message from the present server.
    async fn until_sending(&self) {
        let before = self.carrier.counters().messages;
        for _ in 0..PATIENCE_LOOKS {
            if self.carrier.counters().messages > before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the server does not go on sending");
    }

    /// Waits for the end of the campaign and its receipts, and compares.
    async fn end(&mut self) -> Found {
        let over = |progress: &Value| progress["state"] == "finished";
        self.house.progress_until(&self.id, PATIENCE_LOOKS, over).await;
        let settled = |progress: &Value| progress["submitted"] == progress["delivered"];
        self.house.progress_until(&self.id, PATIENCE_LOOKS, settled).await;
        let found = self.compare().await;
        let report = self.house.ask(&["campaign", "report", &self.id, "--json"]).json();
        let funnel = &report["funnel"];
        assert_eq!(funnel["accepted"]["messages"], json!(self.recipients));
        assert_eq!(funnel["uncertain"]["messages"], json!(found.uncertain));
        let delivered = self.recipients - found.uncertain;
        assert_eq!(funnel["delivered"]["messages"], json!(delivered), "the tallies say the same");
        assert_eq!(self.house.terminate(), 0);
        self.stop.cancel();
        let verified = self.house.verify();
        assert_eq!(verified.code, 0, "{}", verified.out);
        assert_eq!(verified.json()["messages"], json!(self.recipients));
        found
    }

    /// Ledger against carrier, message by message.
    async fn compare(&self) -> Found {
        let truth = self.carrier.truth();
        let mut at_carrier: HashMap<u64, MessageTruth> =
            truth.messages.iter().map(|seen| (seen.phone, *seen)).collect();
        assert_eq!(at_carrier.len(), truth.messages.len(), "one text per phone");
        let messages = self.messages().await;
        assert_eq!(messages.len() as u64, self.recipients, "everybody has one message");
        let mut found = Found::default();
        for message in &messages {
            let phone = Phone::parse(message["phone"].as_str().unwrap(), Country::CN).unwrap().to_u64();
            let seen = at_carrier.remove(&phone);
            match message["state"].as_str().unwrap() {
                "delivered" => {
                    assert!(seen.is_some_and(|seen| seen.delivered), "delivered, says only the ledger");
                }
                "uncertain" => found.uncertain += 1,
                state => panic!("a message is {state} in the end"),
            }
            let marked = message["possible_duplicate"] == true;
            found.marked += u64::from(marked);
            let copies = seen.map_or(0, |seen| u64::from(seen.count).saturating_sub(1));
            assert!(copies == 0 || marked, "a message went twice and is not marked");
            found.copies += copies;
        }
        assert!(at_carrier.is_empty(), "the carrier has what the ledger does not know");
        found
    }

    /// All messages of the campaign, page by page.
    async fn messages(&self) -> Vec<Value> {
        let first = format!("/v1/messages?campaign={}&reveal=true&limit=1000", self.id);
        let mut path = first.clone();
        let mut messages = Vec::new();
        loop {
            let mut page = self.house.api(Method::GET, &path, None).await;
            messages.append(page["items"].as_array_mut().unwrap());
            match page["next"].as_str() {
                Some(next) => path = format!("{first}&cursor={next}"),
                None => return messages,
            }
        }
    }
}

fn prepare(house: &House, category: &str, recipients: u64) -> String {
    let list = house.write("list.csv", csv(recipients));
    let text = "{{ 姓名 }}您好，您的会员券已到账，请到店使用。";
    house.ask(&["import", &list, "--tag", "all", "--source", "test", "--basis", "consent", "--json"]).json();
    let draft =
        ["--name", "kill", "--signature", "鸿雁", "--text", text, "--tag", "all", "--category", category];
    let id = house.ask(&[&["campaign", "create"], &draft[..]].concat()).ok();
    let counted = house.ask(&["campaign", "preflight", id.trim(), "--json"]).json();
    assert_eq!(counted["eligible"], recipients);
    id.trim().to_owned()
}
