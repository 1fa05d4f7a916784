//! Channels, routes and prices.

use domain::control::{ChannelTurn, ChannelTurns as _};
use domain::ids::{ChannelId, TurnId};
use domain::routing::{Trouble, Turn};
use serde_json::json;

use crate::house::{CHANNEL_SECRET, House, NOON, Who, json_request};

#[tokio::test]
async fn a_channel_is_shown_without_its_password_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let answer = house.get("/v1/channels").await;
    assert!(!answer.text().contains(CHANNEL_SECRET));
    let channel = answer.ok(200)["channels"][0].clone();
    let put = json!({
        "gateway": "gwy_1", "name": "改名", "protocol": channel["protocol"], "host": "10.0.0.8", "port": 7890,
        "login": "login", "access_code": "10690000", "carriers": ["mobile"], "cost": {"micros": 31_000}});
    let changed = house.ask("PUT", "/v1/channels/chn_1", put.clone()).await.ok(200);
    assert_eq!((&changed["name"], &changed["carriers"]), (&json!("改名"), &json!(["mobile"])));
    let stored = house.engine.channels().await.unwrap();
    assert_eq!(stored[0].secret.0, CHANNEL_SECRET);

    let problem = house.ask("PUT", "/v1/channels/chn_2", put.clone()).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/secret");
    let mut odd = put.clone();
    odd["protocol"] = json!("pigeon");
    let problem = house.ask("PUT", "/v1/channels/chn_1", odd).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/protocol");
    let mut odd = put.clone();
    odd["quirks"] = json!({"receipt_ids": "octal"});
    let problem = house.ask("PUT", "/v1/channels/chn_1", odd).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/quirks");
    let mut settled = put.clone();
    settled["protocol"] = json!("smpp34");
    settled["quirks"] = json!({"receipt_ids": "decimal_of_hex", "receipts": "every_part"});
    let changed = house.ask("PUT", "/v1/channels/chn_1", settled).await.ok(200);
    assert_eq!(changed["quirks"], json!({"receipt_ids": "decimal_of_hex"}), "the usual needs no word");
    let mut strange = put.clone();
    strange["provider"] = json!({});
    let problem = house.ask("PUT", "/v1/channels/chn_1", strange).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/provider", "a carrier has no such settings");
    let mut nowhere = put.clone();
    nowhere.as_object_mut().unwrap().remove("host");
    let problem = house.ask("PUT", "/v1/channels/chn_1", nowhere).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/host");
    house
        .send(Who::Stranger, json_request("PUT", "/v1/channels/chn_1", &put))
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn channels_of_different_carriers_share_a_route() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    for (id, carrier) in [("chn_2", "mobile"), ("chn_3", "unicom")] {
        let channel = json!({"gateway": "gwy_2", "name": carrier, "protocol": "cmpp30", "host": "127.0.0.1",
            "port": 7890, "login": "login", "secret": "secret", "access_code": "10690001",
            "carriers": [carrier], "cost": {"micros": 1}});
        house.ask("PUT", &format!("/v1/channels/{id}"), channel).await.ok(200);
    }
    let steps = json!([{"channels": [{"channel": "chn_2", "weight": 1}, {"channel": "chn_3", "weight": 1}]}]);
    house.ask("PUT", "/v1/routes/rte_2", json!({"name": "混合", "steps": steps})).await.ok(200);
    let phones = ["13800138000", "13012345678", "13312345678"];
    let items = phones.map(|phone| json!({"phone": phone, "text": "您好", "signature": "鸿雁"}));
    let sent = house.post("/v1/messages", json!({"messages": items, "route": "rte_2"})).await.ok(202);
    let words: Vec<_> = (0..3).map(|place| sent["results"][place]["refused"]["reason"].as_str()).collect();
    assert_eq!(words, [None, None, Some("no_route")], "{sent}");
}

#[tokio::test]
async fn routes_and_prices_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let step = |channel: &str| json!({"channels": [{"channel": channel, "weight": 1}]});
    let route = json!({"name": "备用", "steps": [step("chn_1")]});
    house.ask("PUT", "/v1/routes/rte_2", route).await.ok(200);
    let routes = house.get("/v1/routes").await.ok(200);
    assert_eq!(routes["routes"][1]["id"], "rte_2");
    let nowhere = json!({"name": "x", "steps": [step("chn_1"), step("chn_9")]});
    let problem = house.ask("PUT", "/v1/routes/rte_2", nowhere).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/steps/1/channels/0/channel");

    let prices = json!({"prices": [{"per_part": {"micros": 40_000, "currency": "CNY"}},
        {"category": "otp", "carrier": "mobile", "per_part": {"micros": 50_000, "currency": "CNY"}}]});
    assert_eq!(house.ask("PUT", "/v1/prices", prices.clone()).await.ok(200), prices);
    assert_eq!(house.get("/v1/prices").await.ok(200), prices);
    let message = json!({"messages": [{"phone": "13800138000", "text": "您好", "signature": "鸿雁", "category": "otp"}]});
    let sent = house.post("/v1/messages", message).await.ok(202);
    assert_eq!(sent["results"][0]["price"]["micros"], 50_000);
    let below = json!({"prices": [{"per_part": {"micros": -1}}]});
    let problem = house.ask("PUT", "/v1/prices", below).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/prices/0/per_part/micros");
}

#[tokio::test]
async fn what_happened_to_a_channel_is_told_newest_first_and_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let turns: Vec<ChannelTurn> = [Turn::Connected, Turn::Down(Trouble::Errors), Turn::Probing]
        .into_iter()
        .zip(1..)
        .map(|(turn, id)| ChannelTurn {
            id: TurnId::from_raw(id),
            channel: ChannelId(1),
            at: NOON,
            node: 0,
            turn,
        })
        .collect();
    house.control.add_turns(&turns, NOON).await.unwrap();
    let page = house.get("/v1/channels/chn_1/history?limit=2").await.ok(200);
    let told = |page: &serde_json::Value| {
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|item| (item["turn"].clone(), item["because"].clone())).collect::<Vec<_>>()
    };
    let null = serde_json::Value::Null;
    assert_eq!(told(&page), [(json!("probing"), null.clone()), (json!("down"), json!("submit_errors"))]);
    let next = page["next"].as_str().unwrap();
    let page = house.get(&format!("/v1/channels/chn_1/history?cursor={next}")).await.ok(200);
    assert_eq!(told(&page), [(json!("connected"), null)]);
    house.get("/v1/channels/chn_9/history").await.problem(404, "not_found");
    let stranger = json_request("GET", "/v1/channels/chn_1/history", &json!({}));
    house.send(Who::Stranger, stranger).await.problem(403, "forbidden");
}
