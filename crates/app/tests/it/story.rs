//! A whole campaign by commands alone: serve, import, create, preflight, start, watch, report, export.

use serde_json::{Value, json};
use sim::SimConfig;
use tokio_util::sync::CancellationToken;

use crate::house::{Channel, House, anywhere, csv};

const TEXT: &str =
    "{{ 姓名 }}您好，{% if 等级 == 'VIP' %}VIP专属折扣{% else %}新人首单立减{% endif %}已到账。";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_from_spreadsheet_to_report() {
    let stop = CancellationToken::new();
    let carrier = sim::run(SimConfig::ideal(), stop.clone()).await.unwrap();
    let mut house = House::open();
    house.open_channel(carrier.addr(), &Channel::PLAIN).await;

    let mut list = csv(200);
    list.push_str("12,坏号码,新客\n13800000011,重复,新客\n");
    let list = house.write("members.csv", list);
    let rejected = house.path("rejected.csv").display().to_string();
    let imported = house
        .ask(&[
            "import",
            &list,
            "--tag",
            "会员",
            "--source",
            "门店登记",
            "--basis",
            "consent",
            "--map",
            "等级=queryable",
            "--rejected",
            &rejected,
            "--json",
        ])
        .json();
    assert_eq!(
        imported["counts"],
        json!({"read": 202, "new": 200, "updated": 0, "duplicate": 1, "invalid": 1})
    );
    assert!(std::fs::read_to_string(&rejected).unwrap().contains("202"), "the line of the bad row");

    let draft = ["--name", "会员日", "--signature", "鸿雁", "--text", TEXT, "--tag", "会员"];
    let id = house.ask(&[&["campaign", "create"], &draft[..]].concat()).ok().trim().to_owned();
    let counted = house.ask(&["campaign", "preflight", &id, "--json"]).json();
    assert_eq!((&counted["eligible"], &counted["cost"]["micros"]), (&json!(200), &json!(9_000_000)));
    let shown = house.ask_zh(&["campaign", "preflight", &id]).ok();
    assert!(shown.contains("会收到") && shown.contains("¥9.00"), "{shown}");

    house.ask(&["campaign", "start", &id]).ok();
    let watched = house.ask(&["campaign", "watch", &id, "--json"]).json();
    assert_eq!((&watched["state"], &watched["delivered"]), (&json!("finished"), &json!(200)));
    let report = house.ask(&["campaign", "report", &id, "--json"]).json();
    assert_eq!(report["funnel"]["delivered"]["messages"], 200);
    assert_eq!(report["funnel"]["cost"], counted["cost"], "the preflight said so");
    let table = house.ask_zh(&["campaign", "report", &id]).ok();
    assert!(table.contains("送达") && table.contains("¥9.00"), "{table}");

    assert_eq!(carrier.counters().messages, 200);
    assert_eq!(carrier.truth().delivered(), 200);
    let export = house.ask(&["campaign", "export", &id, "--reveal"]).ok();
    assert_eq!(export.lines().count(), 201);
    assert!(export.contains("8613800000011,delivered"), "{export}");

    one_message(&house);
    assert_eq!(house.terminate(), 0);
    assert!(!anywhere(&house.path("data"), b"13800000011"), "no phone is on disk in clear");
    assert!(!anywhere(&house.path("data"), "新人首单".as_bytes()) || template_only(&house), "no text either");
    stop.cancel();
}

/// Sends one, twice with the same idempotency key, and looks at its trail.
fn one_message(house: &House) {
    let args = [
        "send",
        "--to",
        "139 0013 8000",
        "--signature",
        "鸿雁",
        "--text",
        "您的验证码是246810",
        "--category",
    ];
    let args = [&args[..], &["otp", "--idempotency-key", "login-1"]].concat();
    let id = house.ask(&args).ok();
    assert_eq!(house.ask(&args).ok(), id, "the same key is the same message");
    let id = id.trim();
    let mut message = Value::Null;
    for _ in 0..100 {
        message = house.ask(&["message", "show", id, "--json"]).json();
        if message["state"] == "delivered" {
            break;
        }
    }
    let trail: Vec<&str> =
        message["trail"].as_array().unwrap().iter().filter_map(|e| e["event"].as_str()).collect();
    assert_eq!((trail.first(), trail.last()), (Some(&"accepted"), Some(&"delivered")));
    let shown = house.ask_zh(&["message", "show", id]).ok();
    assert!(shown.contains("139****8000") && shown.contains("经过"), "{shown}");
}

/// The campaign's template is kept as the person wrote it: it is no message's text.
fn template_only(house: &House) -> bool {
    !anywhere(&house.path("data"), "您好，新人首单立减已到账".as_bytes())
}
