//! A campaign from draft to report.

use std::sync::Arc;
use std::time::Duration;

use domain::channel::{CarrierCode, CarrierMessageId, Receipt, ReceiptStatus};
use domain::ids::{ChannelId, GatewayId};
use domain::ledger::{ClaimRequest, Disposition, Ledger as _, Settlement, Take};
use domain::phone::CarrierSet;
use domain::retry::RetryPolicy;
use serde_json::{Value, json};

use crate::house::{House, NOON};

fn draft(audience: &Value) -> Value {
    json!({"name": "双十一", "category": "marketing", "signature": "鸿雁",
        "text": "{{ 姓名 }}您好，您的专属券已到账", "audience": audience})
}

async fn file(house: &House) -> Value {
    let csv = "手机号,姓名\n13800138000,张三\n13900139000,李四\n13700137000,\n12,王五\n";
    let uploaded = house.upload("a.csv", csv.as_bytes()).await.ok(201);
    json!({"kind": "file", "import": uploaded["import"]["id"]})
}

/// A carrier that takes and delivers whatever is due.
async fn carrier(house: &House) {
    let mut next = 0;
    while let Some(due) = house.ledger.due().into_iter().find(|due| due.earliest <= NOON) {
        let request = ClaimRequest {
            partition: due.partition,
            channel: ChannelId(1),
            gateway: GatewayId(1),
            carriers: CarrierSet::ALL,
            takes: vec![Take { stream: due.stream, limit: 100, reach: CarrierSet::ALL }],
            max_parts: 100,
            now: NOON,
            policy: house.engine.policy(),
        };
        let (mut settlements, mut receipts) = (Vec::new(), Vec::new());
        for outgoing in house.ledger.claim(request).await.unwrap().outgoing {
            next += 1;
            let id = CarrierMessageId::Number(next);
            receipts.push(Receipt {
                gateway: GatewayId(1),
                carrier_id: id.clone(),
                phone: Some(outgoing.phone),
                status: ReceiptStatus::Delivered,
                code: CarrierCode::new(b"DELIVRD"),
                received_at: NOON,
            });
            let disposition = Disposition::Submitted { gateway: GatewayId(1), ids: vec![id] };
            settlements.push(Settlement {
                ticket: outgoing.ticket,
                channel: ChannelId(1),
                at: NOON,
                disposition,
            });
        }
        house.ledger.settle(due.partition, settlements).await.unwrap();
        let retry = Arc::new(RetryPolicy::default());
        house.ledger.receipts(due.partition, receipts, true, retry, NOON).await.unwrap();
    }
}

async fn progress_until(house: &House, id: &str, done: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let progress = house.get(&format!("/v1/campaigns/{id}/progress")).await.ok(200);
        if done(&progress) {
            return progress;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the campaign does not get there");
}

#[tokio::test]
async fn a_campaign_is_counted_started_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let audience = file(&house).await;
    let campaign = house.post("/v1/campaigns", draft(&audience)).await.ok(201);
    let id = campaign["id"].as_str().unwrap();
    let path = |action: &str| format!("/v1/campaigns/{id}/{action}");
    assert_eq!(campaign["state"], "draft");
    house.post(&path("start"), json!({})).await.problem(409, "conflict");

    let counted = house.post(&path("preflight"), json!({})).await.ok(200);
    let preflight = &counted["preflight"];
    assert_eq!((&preflight["people"], &preflight["invalid"]), (&json!(3), &json!(1)));
    assert_eq!((&preflight["eligible"], &preflight["cost"]["micros"]), (&json!(2), &json!(90_000)));
    assert_eq!(preflight["rejected"][0]["reason"], "missing_variable");
    assert_eq!(preflight["samples"][0]["text"], "【鸿雁】张三您好，您的专属券已到账拒收请回复R");
    assert_eq!(preflight["samples"][0]["phone"], "+86138****8000");
    let progress = house.get(&path("progress")).await.ok(200);
    assert_eq!((&progress["preflight"], &progress["preflight_done"]), (&json!("done"), &json!(3)));

    assert_eq!(house.post(&path("start"), json!({})).await.ok(200)["state"], "running");
    progress_until(&house, id, |progress| progress["expanded"] == true).await;
    carrier(&house).await;
    let progress = progress_until(&house, id, |progress| progress["delivered"] == 2).await;
    assert_eq!((&progress["rejected"], &progress["queued"]), (&json!(1), &json!(0)));

    let report = house.get(&path("report")).await.ok(200);
    let funnel = &report["funnel"];
    assert_eq!(funnel["eligible"]["messages"], preflight["eligible"]);
    assert_eq!(funnel["cost"], preflight["cost"]);
    assert_eq!(funnel["rejections"][0]["reason"], "missing_variable");
    assert_eq!(funnel["rejections"][0]["messages"], 1);
    assert_eq!(funnel["left_out"], 1);

    let csv = house.get(&path("messages.csv")).await;
    assert_eq!(csv.text().lines().count(), 4);
    assert!(csv.text().contains(",86138****8000,delivered,none,") && !csv.text().contains("13800138000"));
    let revealed = house.get(&format!("{}?reveal=true", path("messages.csv"))).await;
    assert!(revealed.text().contains(",8613800138000,"));
    let listed = house.get(&format!("/v1/messages?campaign={id}&state=delivered")).await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_draft_is_edited_field_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let audience = file(&house).await;
    let mut written = draft(&audience);
    written["test_numbers"] = json!(["13600136000"]);
    let campaign = house.post("/v1/campaigns", written).await.ok(201);
    assert_eq!(campaign["test_numbers"], json!(["+86136****6000"]));
    let path = format!("/v1/campaigns/{}", campaign["id"].as_str().unwrap());
    let changes = json!({"name": "改名", "speed": 500, "scheduled_at": "2026-11-26T10:00:00+08:00"});
    let edited = house.ask("PATCH", &path, changes).await.ok(200);
    assert_eq!(
        (&edited["name"], &edited["speed"], &edited["text"]),
        (&json!("改名"), &json!(500), &campaign["text"])
    );
    assert_eq!(edited["scheduled_at"], "2026-11-26T10:00:00.000+08:00");
    assert_eq!(edited["test_numbers"], campaign["test_numbers"], "masking does not leak into what is kept");
    let cleared = house.ask("PATCH", &path, json!({"speed": null, "scheduled_at": null})).await.ok(200);
    assert!(cleared.get("speed").is_none() && cleared.get("scheduled_at").is_none());
    for (changes, pointer) in [
        (json!({"sped": 1}), "/sped"),
        (json!({"speed": "fast"}), "/speed"),
        (json!({"name": ""}), "/name"),
        (json!({"scheduled_at": "2026-11-24T10:00:00+08:00"}), "/scheduled_at"),
        (json!({"text": "{{ 积分 }}"}), "/text"),
        (json!({"test_numbers": ["13600136000", "12"]}), "/test_numbers/1"),
        (json!({"template": "tpl_0000000000000"}), "/template"),
        (json!({"audience": {"kind": "file", "import": "imp_0000000000000"}}), "/audience/import"),
        (json!({"window_close": {"kind": "drop_after", "at": "soon"}}), "/window_close/at"),
    ] {
        let problem = house.ask("PATCH", &path, changes).await.problem(422, "invalid_field");
        assert_eq!(problem["pointer"], pointer);
    }
}

#[tokio::test]
async fn a_campaign_is_paused_resumed_and_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let audience = file(&house).await;
    let campaign = house.post("/v1/campaigns", draft(&audience)).await.ok(201);
    let id = campaign["id"].as_str().unwrap();
    let path = |action: &str| format!("/v1/campaigns/{id}/{action}");
    house.post(&path("preflight?wait_seconds=99"), json!({})).await.problem(422, "invalid_field");
    house.post(&path("preflight"), json!({})).await.ok(200);
    house.post(&path("start"), json!({})).await.ok(200);
    assert_eq!(house.post(&path("pause"), json!({})).await.ok(200)["state"], "paused");
    house.post(&path("pause"), json!({})).await.problem(409, "conflict");
    assert_eq!(house.post(&path("resume"), json!({})).await.ok(200)["state"], "running");
    assert_eq!(house.post(&path("cancel"), json!({})).await.ok(200)["state"], "cancelled");
    house.post(&path("approve-held-words"), json!({})).await.problem(409, "conflict");
    let listed = house.get("/v1/campaigns").await.ok(200);
    assert_eq!(listed["items"][0]["id"], id);
    assert!(listed["items"][0].get("preflight").is_none());
    let times = house.get("/v1/schedules/suggested").await.ok(200);
    assert_eq!(times["times"][0], "2026-11-25T15:00:00.000+08:00");
}

#[tokio::test]
async fn a_course_is_shown_as_it_was_written_and_mistakes_are_pointed_at() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path()).await;
    let audience = file(&house).await;
    let with = |more: Value| {
        let mut draft = draft(&audience);
        draft.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        draft
    };
    for (more, pointer) in [
        (json!({"canary": {"percent": 100}}), "/canary"),
        (json!({"canary": {"percent": 5, "people": 5}}), "/canary"),
        (json!({"canary": {"people": 5, "wait_seconds": 99_999_999}}), "/canary"),
        (json!({"limits": {"failures": {"per_10_000": 10_001, "at_least": 1}}}), "/limits"),
        (json!({"route": "rte_99"}), "/route"),
    ] {
        let problem = house.post("/v1/campaigns", with(more)).await.problem(422, "invalid_field");
        assert_eq!(problem["pointer"], pointer);
    }
    let usual = house.post("/v1/campaigns", with(json!({}))).await.ok(201);
    assert_eq!(usual["limits"]["complaints"], json!({"per_10_000": 30, "at_least": 200}));
    assert!(usual.get("route").is_none() && usual["routes"] == json!([]));
    let id = usual["id"].as_str().unwrap();
    let resend = format!("/v1/campaigns/{id}/resend");
    house.post(&resend, json!({})).await.problem(409, "conflict");
    let problem = house.post(&resend, json!({"states": ["delivered"]})).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/states");
    let canary = json!({"percent": 5, "wait_seconds": 60, "then": "wait_for_person"});
    let asked = json!({"canary": canary, "limits": {}, "route": "rte_1"});
    let written = house.post("/v1/campaigns", with(asked)).await.ok(201);
    let id = written["id"].as_str().unwrap();
    assert_eq!((&written["canary"]["phase"], &written["limits"]), (&json!("sending"), &json!({})));
    house.post(&format!("/v1/campaigns/{id}/preflight"), json!({})).await.ok(200);
    let shown = house.get(&format!("/v1/campaigns/{id}")).await.ok(200);
    assert_eq!(shown["routes"], json!([{"route": "rte_1", "carriers": [], "countries": []}]));
    assert_eq!(shown["preflight"]["by_route"][0]["route"], "rte_1");
    assert_eq!(
        (&shown["canary"]["percent"], &shown["canary"]["then"]),
        (&json!(5), &json!("wait_for_person"))
    );
}
