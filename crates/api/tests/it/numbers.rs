//! Numbers and codes over HTTP.

use std::sync::Arc;

use axum::body::Body;
use domain::channel::{CarrierCode, CarrierMessageId, Receipt, ReceiptStatus};
use domain::ids::{ChannelId, GatewayId, PartitionId};
use domain::ledger::{Claim, ClaimRequest, Disposition, Ledger as _, Settlement, Take};
use domain::phone::CarrierSet;
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use serde_json::json;

use crate::house::{House, NOON, Who, json_request, request};

const CSV: &str = "prefix,province,city,carrier\n1380013,北京,北京,移动\n1390013,广东,深圳,\n";

async fn import(house: &House, who: Who, bytes: &[u8]) -> crate::house::Answer {
    house.send(who, request("POST", "/v1/numbers/imports", Body::from(bytes.to_vec()))).await
}

#[tokio::test]
async fn ranges_are_imported_shown_and_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    assert_eq!(house.get("/v1/numbers").await.ok(200)["version"], 0);
    import(&house, Who::Stranger, CSV.as_bytes()).await.problem(403, "forbidden");
    let done = import(&house, Who::Owner, CSV.as_bytes()).await.ok(201);
    assert_eq!((&done["table"]["ranges"], &done["table"]["version"]), (&json!(2), &json!(1)));

    let bad = import(&house, Who::Owner, "prefix,province\n1380013,北京\n138,北京\n".as_bytes()).await;
    let problem = bad.problem(422, "unreadable_file");
    assert!(problem["detail"].as_str().unwrap().contains("line 3"), "{problem}");
    assert_eq!(house.get("/v1/numbers").await.ok(200)["version"], 1, "nothing has changed");

    let shown = house.post("/v1/numbers/show", json!({"phone": "138 0013 8000"})).await.ok(200);
    let expected = json!({"phone": "+86138****8000", "country": "CN", "kind": "normal", "carrier": "mobile",
        "heading": "mobile", "province": "北京", "city": "北京", "not_of": [], "called_dead": []});
    assert_eq!(shown, expected);
    house.post("/v1/numbers/show", json!({"phone": "12"})).await.problem(422, "invalid_field");

    let message = json!({"messages": [{"phone": "13900138000", "text": "您好", "signature": "鸿雁"}]});
    let sent = house.post("/v1/messages", message).await.ok(202);
    let id = sent["results"][0]["id"].as_str().unwrap();
    let message = house.get(&format!("/v1/messages/{id}")).await.ok(200);
    assert_eq!((&message["province"], &message["city"]), (&json!("广东"), &json!("深圳")));
    house.post("/v1/contacts", json!({"contacts": [{"phone": "13900138000"}]})).await.ok(200);
    assert_eq!(house.get("/v1/contacts").await.ok(200)["items"][0]["province"], "广东");

    let less = "prefix,province\n1380013,上海\n";
    assert_eq!(import(&house, Who::Owner, less.as_bytes()).await.ok(201)["table"]["version"], 2);
    let message = house.get(&format!("/v1/messages/{id}")).await.ok(200);
    assert_eq!(message.get("province"), None);
}

async fn claim(house: &House, partition: PartitionId, now: Timestamp) -> Claim {
    let due = house.ledger.due().into_iter().filter(|due| due.partition == partition);
    let take = |due: domain::ledger::Due| Take { stream: due.stream, limit: 9, reach: CarrierSet::ALL };
    let request = ClaimRequest {
        partition,
        channel: ChannelId(1),
        gateway: GatewayId(1),
        carriers: CarrierSet::ALL,
        takes: due.map(take).collect(),
        max_parts: 99,
        now,
        policy: house.engine.policy(),
    };
    house.ledger.claim(request).await.unwrap()
}

/// What is due is taken, and its receipts say this.
async fn call_dead(house: &House, code: &str) {
    for partition in house.ledger.partitions().all() {
        for out in claim(house, partition, NOON).await.outgoing {
            let gateway = GatewayId(1);
            let ids = vec![CarrierMessageId::Number(out.ticket.message.raw().cast_unsigned())];
            let disposition = Disposition::Submitted { gateway, ids: ids.clone() };
            let settlement = Settlement { ticket: out.ticket, channel: ChannelId(1), at: NOON, disposition };
            house.ledger.settle(partition, vec![settlement]).await.unwrap();
            let receipt = Receipt {
                gateway,
                carrier_id: ids[0].clone(),
                phone: None,
                status: ReceiptStatus::Undelivered,
                code: CarrierCode::new(code.as_bytes()),
                received_at: NOON,
            };
            let retry = Arc::new(RetryPolicy::default());
            house.ledger.receipts(partition, vec![receipt], true, retry, NOON).await.unwrap();
        }
    }
}

#[tokio::test]
async fn codes_are_listed_explained_and_the_unknown_ones_counted() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let codes = house.get("/v1/codes").await.ok(200);
    assert!(codes["codes"].as_array().unwrap().len() > 500);
    let told = house.get("/v1/codes/explain?code=MK:0012&protocol=cmpp").await.ok(200);
    assert_eq!((&told["known"], &told["reason"]), (&json!(true), &json!("unknown_number")));
    let told = house.get("/v1/codes/explain?code=1&protocol=sgip").await.ok(200);
    assert_eq!(told["code"], "SGIP:1");
    let told = house.get("/v1/codes/explain?code=QQ:1&gateway=gwy_1").await.ok(200);
    assert_eq!((&told["known"], &told["reason"]), (&json!(false), &json!("carrier_unknown")));
    for (query, pointer) in [
        ("code=", "?code"),
        ("code=A&protocol=pigeon", "?protocol"),
        ("code=A&gateway=1", "?gateway"),
        ("protocol=cmpp", "?code"),
    ] {
        let answer = house.get(&format!("/v1/codes/explain?{query}")).await;
        assert_eq!(answer.problem(422, "invalid_field")["pointer"], pointer);
    }
    let stranger = request("GET", "/v1/codes/unknown", Body::empty());
    house.send(Who::Stranger, stranger).await.problem(403, "forbidden");
    assert_eq!(house.get("/v1/codes/unknown").await.ok(200), json!({"codes": []}));

    let message = json!({"messages": [{"phone": "13900138000", "text": "您好", "signature": "鸿雁"}]});
    house.post("/v1/messages", message).await.ok(202);
    call_dead(&house, "QQ:0001").await;
    let unknown = house.get("/v1/codes/unknown").await.ok(200);
    let first = &unknown["codes"][0];
    assert_eq!(
        (&first["gateway"], &first["code"], &first["times"]),
        (&json!("gwy_1"), &json!("QQ:0001"), &json!(1))
    );
}

#[tokio::test]
async fn what_dead_numbers_save_is_told_to_their_account_alone() {
    let folder = tempfile::tempdir().unwrap();
    // One day is enough here, for a clock that stands still.
    let once = domain::numbers::DeadNumber { failures: 1, ..Default::default() };
    let policy = domain::policy::PolicyBuilder::builtin()
        .without(&[domain::policy::RuleId::CONSENT])
        .with_dead_number(domain::policy::RuleId::DEAD_NUMBER, once)
        .build()
        .unwrap();
    let house = House::open_with(folder.path(), policy).await;
    house
        .post("/v1/contacts", json!({"contacts": [{"phone": "13900138000"}, {"phone": "13800138000"}]}))
        .await
        .ok(200);
    let message =
        |text: &str| json!({"messages": [{"phone": "13900138000", "text": text, "signature": "鸿雁"}]});
    house.post("/v1/messages", message("第一条")).await.ok(202);
    let again = house.post("/v1/messages", message("第二条")).await.ok(202);
    // The first claim takes both; so the second message is sent before anything is known. The third is not.
    call_dead(&house, "MK:0001").await;
    assert_eq!(again["accepted"], 1);
    let csv = house.get("/v1/numbers/dead.csv?reveal=true").await;
    let lines: Vec<&str> = csv.text().trim_end().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains(",8613900138000,"), "{lines:?}");
    let masked = house.get("/v1/numbers/dead.csv").await;
    assert!(!masked.text().contains("8613900138000"));

    let shown = house.post("/v1/numbers/show", json!({"phone": "13900138000"})).await.ok(200);
    assert_eq!(shown["called_dead"].as_array().unwrap().len(), 1);
    assert!(shown["dead_until"].is_string());
    let asked = json_request("POST", "/v1/numbers/show", &json!({"phone": "13900138000"}));
    let told = house.send(Who::Stranger, asked).await.ok(200);
    assert_eq!((&told["called_dead"], &told["heading"]), (&json!([]), &told["carrier"]));
    assert_eq!(told.get("dead_until"), None, "what others' messages taught is not for every account");

    house.post("/v1/messages", message("第三条")).await.ok(202);
    for partition in house.ledger.partitions().all() {
        assert!(claim(&house, partition, NOON).await.outgoing.is_empty());
    }
    let report = house.get("/v1/numbers/cleaning").await.ok(200);
    let saved = json!({"messages": 1, "parts": 1, "saved": {"micros": 45_000, "currency": "CNY"}});
    assert_eq!(report["total"], saved);
    assert_eq!(report["campaigns"], json!([saved]));
    let stranger = json_request("GET", "/v1/numbers/cleaning", &json!({}));
    assert_eq!(house.send(Who::Stranger, stranger).await.ok(200)["campaigns"], json!([]));
    let stranger = request("GET", "/v1/numbers/dead.csv", Body::empty());
    assert_eq!(house.send(Who::Stranger, stranger).await.text().lines().count(), 1);
}
