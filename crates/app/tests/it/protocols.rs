//! One campaign over four carriers, one for each protocol, made over the API: it names no route, and each number goes over
//! the route of its carrier. One carrier is killed and one returns errors half-way.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::json;
use sim::{At, Fault, FaultKind, Protocol, SimConfig};
use tokio_util::sync::CancellationToken;

use crate::house::House;

/// Phones of mobile, unicom, telecom and broadnet, mixed.
const PREFIXES: [&str; 4] = ["138", "130", "133", "192"];
const CARRIERS: [&str; 4] = ["mobile", "unicom", "telecom", "broadnet"];
const PEOPLE: u64 = 240;
/// Messages of two parts that may be unanswered when a carrier dies, or half taken when one begins to refuse: two
/// connections of sixteen parts at each.
const IN_FLIGHT: u64 = 32;

fn people() -> String {
    let row = |n: u64| {
        let prefix = PREFIXES[usize::try_from(n % 4).unwrap()];
        format!("{prefix}{:08},客户{n},新客\n", n * 7 + 11)
    };
    std::iter::once("手机号,姓名,等级\n".to_owned()).chain((0..PEOPLE).map(row)).collect()
}

async fn channel(house: &House, number: u16, protocol: &str, carrier: SocketAddr, more: serde_json::Value) {
    let mut body = json!({
        "gateway": format!("gwy_{number}"), "name": protocol, "protocol": protocol,
        "host": carrier.ip().to_string(), "port": carrier.port(), "login": "901234", "secret": "secret",
        "access_code": "10690123", "service_id": "TEST", "connections": 2, "window": 16, "parts_per_second": 60,
        "cost": {"micros": 30_000}
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let put = house.api(reqwest::Method::PUT, &format!("/v1/channels/chn_{number}"), Some(&body)).await;
    assert_eq!(put["protocol"], protocol);
    assert_eq!(put["quirks"], more.get("quirks").cloned().unwrap_or_else(|| json!({})));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_over_four_protocols_survives_a_dead_and_a_refusing_carrier() {
    let stop = CancellationToken::new();
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    // The first carrier is killed in the middle, the second refuses everything from then on.
    let dies = vec![Fault { at: At::AfterSubmits(20), kind: FaultKind::StopListening }];
    let refuses = vec![Fault { at: At::AfterSubmits(20), kind: FaultKind::RefuseAll { millis: u64::MAX } }];
    let start = |config: SimConfig, protocol| sim::run(config.speaking(protocol), stop.clone());
    let cmpp = start(SimConfig { faults: dies, ..SimConfig::ideal() }, Protocol::Cmpp).await.unwrap();
    let sgip = SimConfig { faults: refuses, deliver_to: Some(listen), ..SimConfig::ideal() };
    let sgip = start(sgip, Protocol::Sgip).await.unwrap();
    let smgp = start(SimConfig::ideal(), Protocol::Smgp).await.unwrap();
    let smpp = start(SimConfig::ideal(), Protocol::Smpp).await.unwrap();

    let house = House::open();
    channel(&house, 1, "cmpp30", cmpp.addr(), json!({"carriers": ["mobile"]})).await;
    let quirks = json!({"listen": listen.to_string(), "node": "3010092008", "corporation": "92008"});
    channel(&house, 2, "sgip12", sgip.addr(), json!({"carriers": ["unicom"], "quirks": quirks})).await;
    channel(&house, 3, "smgp30", smgp.addr(), json!({"carriers": ["telecom"]})).await;
    // Reaches everybody: it is there when another is not.
    channel(&house, 4, "smpp34", smpp.addr(), json!({"quirks": {"binds": "separate"}})).await;
    for (carrier, number) in CARRIERS.iter().zip(1..) {
        let step = |number: u16| json!({"channels": [{"channel": format!("chn_{number}"), "weight": 1}]});
        let steps = if number == 4 { json!([step(4)]) } else { json!([step(number), step(4)]) };
        let route = json!({"name": carrier, "steps": steps, "scope": {"carriers": [carrier]}});
        house.api(reqwest::Method::PUT, &format!("/v1/routes/rte_{number}"), Some(&route)).await;
    }
    let prices = json!({"prices": [{"per_part": {"micros": 45_000}}]});
    house.api(reqwest::Method::PUT, "/v1/prices", Some(&prices)).await;

    let list = house.write("members.csv", people());
    house.ask(&["import", &list, "--tag", "会员", "--source", "门店登记", "--basis", "consent"]).ok();
    let text = "{{ 姓名 }}您好，满200减50，全场通用，还有更多好礼等您来领。".to_owned()
        + &"活动详情请到店咨询。".repeat(6);
    let draft = ["--name", "四网", "--signature", "鸿雁", "--text", &text, "--tag", "会员"];
    let id = house.ask(&[&["campaign", "create"], &draft[..]].concat()).ok().trim().to_owned();
    let counted = house.ask(&["campaign", "preflight", &id, "--json"]).json();
    for (place, share) in counted["by_route"].as_array().unwrap().iter().enumerate() {
        assert_eq!(
            (&share["route"], &share["people"]),
            (&json!(format!("rte_{}", place + 1)), &json!(PEOPLE / 4))
        );
    }
    assert_eq!(counted["unrouted"], json!([]));
    house.ask(&["campaign", "start", &id]).ok();
    let done = |progress: &serde_json::Value| {
        let delivered = progress["delivered"].as_u64().unwrap_or(0);
        // What may have arrived is not sent again: it is marketing.
        delivered >= PEOPLE - IN_FLIGHT && progress["state"] == "finished"
    };
    let progress = house.progress_until(&id, 1_200, done).await;
    let delivered = progress["delivered"].as_u64().unwrap();

    let carriers = [&cmpp, &sgip, &smgp, &smpp];
    for (carrier, name) in carriers.iter().zip(["cmpp", "sgip", "smgp", "smpp"]) {
        let counters = carrier.counters();
        assert!(counters.messages > 5, "{name}: {}", counters.messages);
        assert_eq!(counters.duplicates, 0, "{name}");
    }
    let seen: u64 = carriers.iter().map(|carrier| carrier.counters().messages).sum();
    assert!(seen <= PEOPLE && seen >= delivered, "{seen} at the carriers, {delivered} delivered");
    let quarter = PEOPLE / 4;
    assert_eq!(smgp.counters().messages, quarter, "who does well keeps what is its own");
    assert!(
        smpp.counters().messages > quarter + 40,
        "it took what the killed and the refusing one could not"
    );
    stop.cancel();
}
