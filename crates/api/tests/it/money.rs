//! Balances, payments, terms, statements and margins, as people ask for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use domain::billing::{Charge, Flow, Purse};
use domain::channel::{CarrierCode, CarrierMessageId, Receipt, ReceiptStatus};
use domain::control::{Books as _, Posting, PostingKey};
use domain::ids::{ChannelId, GatewayId, PartitionId};
use domain::ledger::{ClaimRequest, Disposition, Ledger as _, Settlement, Take};
use domain::money::Money;
use domain::phone::CarrierSet;
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::house::{House, NOON, Who, json_request};

fn paying(account: &str, what: &str, key: &str, body: &Value) -> Request<Body> {
    let mut request = json_request("POST", &format!("/v1/accounts/{account}/{what}"), body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

fn of_account(account: &str, path: &str) -> Request<Body> {
    let mut request = json_request("GET", path, &json!({}));
    request.headers_mut().insert("hongyan-account", account.parse().unwrap());
    request
}

#[tokio::test]
async fn a_payment_is_booked_once_and_seen_by_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let theirs = house.accounts.1.to_string();
    let body = json!({"amount": {"micros": 5_000_000}, "reference": "工行 1"});
    let first = house.send(Who::Owner, paying(&theirs, "top-ups", "a", &body)).await.ok(201);
    let again = house.send(Who::Owner, paying(&theirs, "top-ups", "a", &body)).await.ok(201);
    assert_eq!((&first, &first["kind"], &first["to"]), (&again, &json!("top_up"), &json!("funds")));
    let other = json!({"amount": {"micros": 6_000_000}, "reference": "工行 1"});
    let reused = house.send(Who::Owner, paying(&theirs, "top-ups", "a", &other)).await;
    assert_eq!(reused.json()["type"], "urn:hongyan:problem:idempotency_mismatch");
    let plain = json_request("POST", &format!("/v1/accounts/{theirs}/top-ups"), &body);
    let problem = house.send(Who::Owner, plain).await.problem(422, "invalid_field");
    assert!(problem["detail"].as_str().unwrap().contains("Idempotency-Key"));
    for bad in [json!({"micros": 0}), json!({"micros": -1}), json!({"micros": 1, "currency": "USD"})] {
        let request = paying(&theirs, "top-ups", "b", &json!({"amount": bad}));
        house.send(Who::Owner, request).await.problem(422, "invalid_field");
    }
    house.send(Who::Stranger, paying(&theirs, "top-ups", "c", &body)).await.problem(403, "forbidden");

    let seen = house.send(Who::Stranger, json_request("GET", "/v1/balance", &json!({}))).await.ok(200);
    assert_eq!((&seen["funds"]["micros"], &seen["account"]), (&json!(5_000_000), &json!(theirs)));
    assert!(seen.get("available").is_none(), "nothing bounds it");
    assert_eq!(house.get("/v1/balance").await.ok(200)["funds"]["micros"], 0, "the operator's own");
    let journal = house.send(Who::Owner, of_account(&theirs, "/v1/transfers?kind=top_up")).await.ok(200);
    assert_eq!(journal["items"], json!([first]));
    let none = house.send(Who::Owner, of_account(&theirs, "/v1/transfers?kind=hold")).await.ok(200);
    assert_eq!(none["items"], json!([]));
    house.get("/v1/transfers?kind=gift").await.problem(422, "invalid_field");
}

#[tokio::test]
async fn terms_are_agreed_with_if_match_and_bound_withdrawals() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let theirs = house.accounts.1.to_string();
    let path = format!("/v1/accounts/{theirs}/terms");
    let shown = house.get(&path).await;
    assert_eq!(shown.ok(200)["mode"], "open");
    let tag = shown.headers["etag"].clone();
    let terms = json!({"mode": "bounded", "charge": "delivered", "credit": {"micros": 7}, "daily_limit": {"micros": 9}});
    let mut put = json_request("PUT", &path, &terms);
    put.headers_mut().insert("if-match", tag.clone());
    let agreed = house.send(Who::Owner, put).await.ok(200);
    assert_eq!((&agreed["charge"], &agreed["zone"]), (&json!("delivered"), &json!("Asia/Shanghai")));
    let mut late = json_request("PUT", &path, &terms);
    late.headers_mut().insert("if-match", tag);
    house.send(Who::Owner, late).await.problem(412, "changed_meanwhile");
    for (field, value) in
        [("zone", json!("Mars")), ("monthly_limit", json!({"micros": 8})), ("fee", json!(1))]
    {
        let mut bad = terms.clone();
        bad[field] = value;
        house.ask("PUT", &path, bad).await.problem(422, "invalid_field");
    }
    house.send(Who::Stranger, json_request("PUT", &path, &terms)).await.problem(403, "forbidden");
    let own = house.send(Who::Stranger, json_request("GET", &path, &json!({}))).await.ok(200);
    assert_eq!(own, agreed);
    let body = json!({"amount": {"micros": 8}});
    let problem =
        house.send(Who::Owner, paying(&theirs, "withdrawals", "a", &body)).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("0.000007"), "{problem}");
    let body = json!({"amount": {"micros": 7}});
    house.send(Who::Owner, paying(&theirs, "withdrawals", "a", &body)).await.ok(201);
    let balance = house.send(Who::Stranger, json_request("GET", "/v1/balance", &json!({}))).await.ok(200);
    assert_eq!((&balance["funds"]["micros"], &balance["available"]["micros"]), (&json!(-7), &json!(0)));
}

#[tokio::test]
async fn prices_have_countries_and_times_and_never_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (before, after) = ("2026-11-25T10:00:00+08:00", "2026-11-25T11:00:00+08:00");
    let line = |micros: i64, more: Value| {
        let mut line = json!({"per_part": {"micros": micros}});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let lines = json!({"prices": [
        line(1, json!({"until": after})), line(2, json!({"from": after})),
        line(3, json!({"country": "JP", "from": before})),
    ]});
    house.ask("PUT", "/v1/prices", lines).await.ok(200);
    let told = house.get("/v1/prices").await.ok(200);
    assert_eq!(told["prices"].as_array().unwrap().len(), 3);
    assert_eq!(told["prices"][1]["from"], "2026-11-25T11:00:00.000+08:00");
    let send = async |phone: &str| {
        let message = json!({"messages": [{"phone": phone, "text": "您好", "signature": "鸿雁"}]});
        house.post("/v1/messages", message).await.ok(202)["results"][0]["price"]["micros"].as_i64().unwrap()
    };
    assert_eq!((send("13800138000").await, send("+819012345678").await), (1, 3));
    house.pass(Duration::from_hours(1));
    assert_eq!(send("13800138000").await, 2);
    for (lines, pointer) in [
        (json!([line(1, json!({})), line(2, json!({"from": after}))]), "/prices/1/from"),
        (json!([line(1, json!({"country": "CN"}))]), "/prices/0/country"),
        (json!([line(1, json!({"from": after, "until": before}))]), "/prices/0/until"),
        (json!([line(-1, json!({}))]), "/prices/0/per_part/micros"),
    ] {
        let problem =
            house.ask("PUT", "/v1/prices", json!({"prices": lines})).await.problem(422, "invalid_field");
        assert_eq!(problem["pointer"], pointer);
    }
}

/// Posts what the ledger's counters come to, as the running system does.
async fn post_all(house: &House, charge: Charge) {
    let ledger = &house.ledger;
    let lanes: BTreeMap<_, _> =
        ledger.lanes().await.unwrap().into_iter().map(|lane| (lane.id, lane)).collect();
    let ids: Vec<_> = lanes.keys().copied().collect();
    let mut postings: Vec<Posting> = Vec::new();
    for tally in ledger.tallies(&ids).await.unwrap() {
        let lane = &lanes[&tally.lane];
        let key = PostingKey {
            account: lane.account,
            partition: PartitionId(0),
            hour: tally.hour,
            campaign: lane.campaign,
            purse: Purse::Open,
            category: lane.category,
            carrier: tally.carrier,
            channel: tally.channel,
        };
        let flow = Flow::of(charge, tally.from, tally.to, tally.price);
        let one = Flow::of(charge, tally.from, tally.to, Money::from_micros(1));
        let sign = (one.earned() - one.refunded).micros();
        let (messages, parts) = (sign * tally.messages, sign * tally.parts);
        match postings.iter_mut().find(|posting| posting.key == key) {
            Some(known) => {
                known.flow += flow;
                known.messages += messages;
                known.parts += parts;
            }
            None => postings.push(Posting { key, flow, messages, parts, cost: Money::ZERO }),
        }
    }
    house.control.post(&postings, NOON).await.unwrap();
}

/// A carrier that takes what is due, and says of every other message that it did not arrive.
async fn carrier(house: &House, now: Timestamp) {
    let mut next = 0;
    while let Some(due) = house.ledger.due().into_iter().find(|due| due.earliest <= now) {
        let request = ClaimRequest {
            partition: due.partition,
            channel: ChannelId(1),
            gateway: GatewayId(1),
            carriers: CarrierSet::ALL,
            takes: vec![Take { stream: due.stream, limit: 100, reach: CarrierSet::ALL }],
            max_parts: 100,
            now,
            policy: house.engine.policy(),
        };
        let (mut settlements, mut receipts) = (Vec::new(), Vec::new());
        for outgoing in house.ledger.claim(request).await.unwrap().outgoing {
            next += 1;
            let id = CarrierMessageId::Number(next);
            let (status, code) = match next % 2 {
                0 => (ReceiptStatus::Delivered, &b"DELIVRD"[..]),
                _ => (ReceiptStatus::Undelivered, &b"MK:0001"[..]),
            };
            receipts.push(Receipt {
                gateway: GatewayId(1),
                carrier_id: id.clone(),
                phone: Some(outgoing.phone),
                status,
                code: CarrierCode::new(code),
                received_at: now,
            });
            let disposition = Disposition::Submitted { gateway: GatewayId(1), ids: vec![id] };
            let (ticket, channel) = (outgoing.ticket, ChannelId(1));
            settlements.push(Settlement { ticket, channel, at: now, disposition });
        }
        house.ledger.settle(due.partition, settlements).await.unwrap();
        let later = now.plus(Duration::from_hours(1));
        let retry = Arc::new(RetryPolicy::default());
        house.ledger.receipts(due.partition, receipts, true, retry, later).await.unwrap();
    }
}

fn cells(csv: &str) -> Vec<Vec<String>> {
    csv.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn a_statement_is_the_sum_of_its_messages() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let ours = house.accounts.0.to_string();
    let terms = json!({"mode": "open", "charge": "refunded", "credit": {"micros": 0}});
    house.ask("PUT", &format!("/v1/accounts/{ours}/terms"), terms).await.ok(200);
    let body = json!({"amount": {"micros": 9_000_000}});
    house.send(Who::Owner, paying(&ours, "top-ups", "a", &body)).await.ok(201);
    let long = "长".repeat(100);
    for (number, phone) in
        ["13800138000", "13800138001", "13800138002", "13000130000", "13000130001"].iter().enumerate()
    {
        let text = if number == 1 { long.as_str() } else { "您好" };
        let message = json!({"messages": [{"phone": phone, "text": text, "signature": "鸿雁"}]});
        house.post("/v1/messages", message).await.ok(202);
    }
    carrier(&house, NOON).await;
    post_all(&house, Charge::Refunded).await;
    post_all(&house, Charge::Refunded).await;

    let statement = house.get("/v1/statements/2026-11").await.ok(200);
    assert_eq!((&statement["adds_up"], &statement["over"]), (&json!(true), &json!(false)));
    let lines = statement["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 2, "{statement}");
    assert!(lines.iter().any(|line| line["refunded"]["micros"].as_i64().unwrap() > 0), "{statement}");
    let csv = house.get("/v1/statements/2026-11/messages.csv").await;
    let rows = cells(csv.text());
    assert_eq!(rows.len(), 5, "{}", csv.text());
    for line in lines {
        let of_line = rows.iter().filter(|row| row[4] == line["carrier"].as_str().unwrap());
        let of_line: Vec<_> = of_line.collect();
        let sum = |place: usize| of_line.iter().map(|row| row[place].parse::<i64>().unwrap()).sum::<i64>();
        let money = |place: usize| {
            of_line.iter().map(|row| row[place].parse::<Money>().unwrap()).sum::<Money>().micros()
        };
        assert_eq!((sum(8), sum(9)), (line["messages"].as_i64().unwrap(), line["parts"].as_i64().unwrap()));
        assert_eq!(json!(money(10)), line["charged"]["micros"]);
        assert_eq!(json!(money(11)), line["refunded"]["micros"]);
    }
    assert!(!csv.text().contains("138001380"), "no phones");
    let order = json!({"of": "statement", "month": "2026-11", "format": "csv"});
    let export = house.post("/v1/exports", order).await.ok(202);
    house.engine.run_exports().await;
    let path = format!("/v1/exports/{}/file", export["id"].as_str().unwrap());
    assert_eq!(cells(house.get(&path).await.text()), rows, "the same lines, as a file");
    let told = house.get("/v1/statements/2026-11.csv").await;
    assert!(
        told.text().contains("期末 closing") && told.headers["content-type"] == "text/csv; charset=utf-8"
    );
    let paper = house.get("/v1/statements/2026-11.pdf").await;
    assert!(paper.bytes.starts_with(b"%PDF-") && paper.headers["content-type"] == "application/pdf");
    let months = house.get("/v1/statements").await.ok(200);
    assert_eq!(months["months"], json!([{"month": "2026-11", "over": false}]));
    for path in ["2026-13", "2026-11.xls", "november/messages.csv"] {
        house.get(&format!("/v1/statements/{path}")).await.problem(404, "not_found");
    }
    let theirs =
        house.send(Who::Stranger, json_request("GET", "/v1/statements/2026-11", &json!({}))).await.ok(200);
    assert_eq!((&theirs["lines"], &theirs["closing"]["total"]["micros"]), (&json!([]), &json!(0)));

    let margins = house.get("/v1/margins?by=channel").await.ok(200);
    assert_eq!(margins["lines"][0]["of"], "chn_1");
    assert_eq!(margins["lines"][0]["revenue"], statement["amount"]);
    house.get("/v1/margins?by=moon").await.problem(422, "invalid_field");
    house
        .get("/v1/margins?from=2026-11-25T10:00:00Z&to=2026-11-24T10:00:00Z")
        .await
        .problem(422, "invalid_field");
}
