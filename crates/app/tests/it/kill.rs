//! `kill -9` of the server in the middle of a campaign, ten times, against one carrier that lives on and counts.
//!
//! The carrier's set of messages is the outside truth: what the ledger says afterwards must be the same, message by
//! message. The campaign is marketing, so nothing may go twice at all: what was in flight at a kill stays uncertain.

use std::collections::HashMap;
use std::time::Duration;

use domain::phone::{Country, Phone};
use serde_json::{Value, json};
use sim::{MessageTruth, SimConfig, Truth};
use tokio_util::sync::CancellationToken;

use crate::house::{Channel, House, csv};

/// How many get the campaign; 100,000 by hand: `HONGYAN_KILL_RECIPIENTS=100000 cargo nextest run -p app kill`.
const RECIPIENTS: &str = "HONGYAN_KILL_RECIPIENTS";
const RECIPIENTS_DEFAULT: u64 = 20_000;
const KILLS: u32 = 10;
const CHANNEL: Channel = Channel { connections: 2, window: 8, parts_per_second: 0 };
/// Seconds that the sending would take without a kill: longer than the server lives between all kills together.
const SENDING_SECONDS: u64 = 12;
/// Looks, 50 ms apart, after which a campaign is taken to be stuck.
const PATIENCE_LOOKS: u32 = 2_400;
/// Of those who can get the message, so many per thousand must have got it.
const DELIVERED_PER_MILLE: u64 = 995;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_lose_nothing_and_send_nothing_twice() {
    let recipients = std::env::var(RECIPIENTS).map_or(RECIPIENTS_DEFAULT, |text| text.parse().unwrap());
    let stop = CancellationToken::new();
    let carrier = sim::run(SimConfig::ideal(), stop.clone()).await.unwrap();
    let mut house = House::open();
    let pace = u32::try_from(recipients / SENDING_SECONDS).unwrap();
    house.open_channel(carrier.addr(), &Channel { parts_per_second: pace, ..CHANNEL }).await;
    let id = prepare(&house, recipients);
    house.ask(&["campaign", "start", &id]).ok();

    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..KILLS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The first is within the expansion of the audience; the others anywhere.
        let millis = if round == 0 { 40 } else { 50 + (dice >> 33) % 900 };
        tokio::time::sleep(Duration::from_millis(millis)).await;
        house.kill();
        house.start();
    }
    assert!(carrier.counters().messages < recipients, "the kills came too late to matter");

    let over = |progress: &Value| progress["state"] == "finished";
    house.progress_until(&id, PATIENCE_LOOKS, over).await;
    for _ in 0..200 {
        if carrier.counters().pending == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let settled = |progress: &Value| progress["submitted"] == progress["delivered"];
    house.progress_until(&id, PATIENCE_LOOKS, settled).await;

    let report = house.ask(&["campaign", "report", &id, "--json"]).json();
    check(&house, &id, &report["funnel"], &carrier.truth(), recipients);
    assert_eq!(house.terminate(), 0);
    stop.cancel();
}

fn prepare(house: &House, recipients: u64) -> String {
    let list = house.write("list.csv", csv(recipients));
    let text = "{{ 姓名 }}您好，您的会员券已到账，请到店使用。";
    house.ask(&["import", &list, "--tag", "all", "--source", "test", "--basis", "consent", "--json"]).json();
    let id = house
        .ask(&["campaign", "create", "--name", "kill", "--signature", "鸿雁", "--text", text, "--tag", "all"])
        .ok();
    let counted = house.ask(&["campaign", "preflight", id.trim(), "--json"]).json();
    assert_eq!(counted["eligible"], recipients);
    id.trim().to_owned()
}

/// Compares ledger and carrier message by message.
fn check(house: &House, id: &str, funnel: &Value, truth: &Truth, recipients: u64) {
    let export = house.ask(&["campaign", "export", id, "--reveal"]).ok();
    let mut at_carrier: HashMap<u64, MessageTruth> =
        truth.messages.iter().map(|seen| (seen.phone, *seen)).collect();
    assert_eq!(at_carrier.len(), truth.messages.len(), "one text per phone");
    let (mut messages, mut uncertain) = (0, 0);
    for line in export.lines().skip(1) {
        let mut cells = line.split(',').skip(1);
        let phone = Phone::parse(cells.next().unwrap(), Country::CN).unwrap().to_u64();
        let seen = at_carrier.remove(&phone);
        messages += 1;
        match cells.next().unwrap() {
            "delivered" => {
                assert!(seen.is_some_and(|seen| seen.delivered), "delivered, says only the ledger")
            }
            "uncertain" => uncertain += 1,
            state => panic!("a message is {state} in the end"),
        }
        assert!(seen.is_none_or(|seen| seen.count == 1), "a message went twice");
    }
    assert_eq!(messages, recipients, "everybody has one message");
    assert!(at_carrier.is_empty(), "the carrier has what the ledger does not know");
    let bound = u64::from(KILLS) * u64::from(CHANNEL.connections) * u64::from(CHANNEL.window);
    assert!(uncertain <= bound, "{uncertain} uncertain, at most {bound} after {KILLS} kills");
    let delivered = truth.delivered() as u64;
    assert!(delivered * 1_000 >= recipients * DELIVERED_PER_MILLE, "{delivered} of {recipients} delivered");
    assert_eq!(funnel["accepted"]["messages"], json!(recipients));
    assert_eq!(funnel["uncertain"]["messages"], json!(uncertain));
    assert_eq!(funnel["delivered"]["messages"], json!(recipients - uncertain), "the tallies say the same");
    println!("{recipients} recipients, {KILLS} kills: {delivered} delivered, {uncertain} uncertain");
}
