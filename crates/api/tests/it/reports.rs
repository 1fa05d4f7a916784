//! Reports: sums that agree with the lists, for whoever may see them.

use axum::body::Body;
use serde_json::{Value, json};

use crate::events::{claim, deliver, send, submit};
use crate::house::{House, Who, request};

/// Ten messages: four delivered, three taken without a receipt, one claimed, two refused by policy.
async fn furnished(folder: &std::path::Path) -> House {
    let house = House::open(folder).await;
    house.post("/v1/suppressions", json!({"phone": "13800139000", "source": "complaint"})).await.ok(201);
    house.post("/v1/suppressions", json!({"phone": "13800139001", "source": "complaint"})).await.ok(201);
    send(&house, 0, 8).await;
    send(&house, 9_000, 2).await;
    let outs = claim(&house).await;
    assert_eq!(outs.len(), 8);
    for out in &outs[..7] {
        submit(&house, out).await;
    }
    for out in &outs[..4] {
        deliver(&house, out).await;
    }
    house
}

fn messages(row: &Value, column: &str) -> i64 {
    row[column]["messages"].as_i64().unwrap()
}

#[tokio::test]
async fn every_grouping_sums_to_what_the_lists_hold() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path()).await;
    let listed = async |state: &str| {
        let page = house.get(&format!("/v1/messages?limit=1000&state={state}")).await.ok(200);
        i64::try_from(page["items"].as_array().unwrap().len()).unwrap()
    };
    for by in ["day", "hour", "carrier", "channel", "category", "campaign", "reason"] {
        let report = house.get(&format!("/v1/reports/messages?by={by}")).await.ok(200);
        let total = &report["total"];
        assert_eq!((messages(total, "accepted"), messages(total, "submitted")), (10, 7), "{by}: {report}");
        for state in ["delivered", "undelivered", "expired", "failed", "rejected", "cancelled", "uncertain"] {
            assert_eq!(messages(total, state), listed(state).await, "{by} {state}");
        }
        assert_eq!(messages(total, "under_way"), listed("queued").await + listed("sending").await);
        let rows = report["rows"].as_array().unwrap();
        for column in ["accepted", "submitted", "delivered", "rejected", "under_way"] {
            let sum: i64 = rows.iter().map(|row| messages(row, column)).sum();
            assert_eq!(sum, messages(total, column), "{by} {column}");
        }
    }
    let by_reason = house.get("/v1/reports/messages?by=reason").await.ok(200);
    let rows = by_reason["rows"].as_array().unwrap();
    let refused = rows.iter().find(|row| messages(row, "rejected") == 2).expect("why they were refused");
    assert!(!refused["key"].as_str().unwrap().is_empty() && refused["explanation"].is_string());
    let by_day = house.get("/v1/reports/messages?by=day").await.ok(200);
    assert_eq!(by_day["rows"][0]["key"], "2026-11-25");
}

#[tokio::test]
async fn a_report_is_of_a_time_and_of_accounts_that_one_sees() {
    let folder = tempfile::tempdir().unwrap();
    let house = furnished(folder.path()).await;
    let of = async |query: &str| house.get(&format!("/v1/reports/messages?by=day&{query}")).await;
    let before = of("to=2026-11-25T10:00:00%2B08:00").await.ok(200);
    assert_eq!((&before["rows"], messages(&before["total"], "accepted")), (&json!([]), 0));
    let within = of("from=2026-11-25T10:00:00%2B08:00&to=2026-11-25T11:00:00%2B08:00").await.ok(200);
    assert_eq!(messages(&within["total"], "accepted"), 10);
    assert_eq!(of("from=yesterday").await.problem(422, "invalid_field")["pointer"], "?from");
    let backwards = of("from=2026-11-25T11:00:00Z&to=2026-11-25T10:00:00Z").await;
    assert_eq!(backwards.problem(422, "invalid_field")["pointer"], "?to");

    let theirs = of(&format!("account={}", house.accounts.1)).await.ok(200);
    assert_eq!(messages(&theirs["total"], "accepted"), 0, "the operator sees a tenant that sent nothing");
    assert_eq!(messages(&of("account=all").await.ok(200)["total"], "accepted"), 10);
    let stranger = async |query: &str| {
        let path = format!("/v1/reports/messages?by=day{query}");
        house.send(Who::Stranger, request("GET", &path, Body::empty())).await
    };
    stranger(&format!("&account={}", house.accounts.0)).await.problem(404, "not_found");
    for query in ["", "&account=all"] {
        assert_eq!(messages(&stranger(query).await.ok(200)["total"], "accepted"), 0, "{query}");
    }
    let csv = house.get("/v1/reports/messages.csv?by=carrier").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = csv.text().lines().collect();
    assert!(lines[1].starts_with("mobile,10,7,4,"), "{}", csv.text());
    assert!(lines.last().unwrap().starts_with("合计 total,10,7,4,"), "{}", csv.text());
}
