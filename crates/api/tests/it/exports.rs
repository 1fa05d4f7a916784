//! Exports: asked for, written, fetched whole and in parts, by those who may.

use axum::body::Body;
use domain::control::ExportState;
use serde_json::{Value, json};

use crate::events::send;
use crate::house::{House, Who, request};

/// Asks for a file and lets it be written.
async fn exported(house: &House, order: Value) -> Value {
    let export = house.post("/v1/exports", order).await.ok(202);
    assert_eq!(export["status"], "waiting");
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    house.get(&format!("{path}/file")).await.problem(409, "conflict");
    house.engine.run_exports().await;
    house.get(&path).await.ok(200)
}

async fn fetched(house: &House, export: &Value) -> Vec<u8> {
    assert_eq!(export["status"], "finished", "{export}");
    let answer = house.get(&format!("/v1/exports/{}/file", export["id"].as_str().unwrap())).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(export["bytes"], answer.bytes.len());
    answer.bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_exported_as_it_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    send(&house, 0, 1_000).await;
    send(&house, 1_000, 234).await;
    let contact = json!({"phone": "13800138000", "personal": {"姓名": "=HYPERLINK(1)"}, "tags": ["会员"]});
    house.post("/v1/contacts", json!({"contacts": [contact, {"phone": "13900139000"}]})).await.ok(200);
    house.post("/v1/suppressions", json!({"phone": "13700137000", "source": "complaint"})).await.ok(201);

    let all = exported(&house, json!({"of": "messages", "format": "csv"})).await;
    assert_eq!(all["rows"], 1_234);
    let text = String::from_utf8(fetched(&house, &all).await).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1_235);
    assert!(lines[0].starts_with("\u{feff}编号 id,手机号 phone,") && lines[1].contains(",86138****"));
    let none = exported(&house, json!({"of": "messages", "format": "csv", "state": "delivered"})).await;
    assert_eq!(none["rows"], 0);
    assert_eq!(String::from_utf8(fetched(&house, &none).await).unwrap().lines().count(), 1);

    let tagged = json!({"of": "contacts", "format": "csv", "tag": "会员", "reveal": true});
    let contacts = exported(&house, tagged).await;
    let text = String::from_utf8(fetched(&house, &contacts).await).unwrap();
    assert!(text.contains("8613800138000") && text.contains("姓名==HYPERLINK(1)"), "{text}");
    assert!(!text.contains("8613900139000"), "another tag");
    let suppressions = exported(&house, json!({"of": "suppressions", "format": "csv"})).await;
    let text = String::from_utf8(fetched(&house, &suppressions).await).unwrap();
    assert!(text.contains("86137****7000,entity,"), "{text}");
    assert_eq!(exported(&house, json!({"of": "inbound", "format": "csv"})).await["rows"], 0);

    let table = exported(&house, json!({"of": "messages", "format": "parquet"})).await;
    let bytes = fetched(&house, &table).await;
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "a whole Parquet file");
    assert_eq!(table["rows"], 1_234);

    // What is written as XLSX is read as XLSX, by the reader of imports.
    let sheet = exported(&house, json!({"of": "contacts", "format": "xlsx", "reveal": true})).await;
    let bytes = fetched(&house, &sheet).await;
    let read = house.upload("a.xlsx", &bytes).await.ok(201);
    assert_eq!((&read["format"], &read["has_header"]), (&json!("xlsx"), &json!(true)), "{read}");
    assert_eq!(read["columns"][1]["name"], "手机号 phone");
    let mut phones: Vec<&str> =
        read["columns"][1]["examples"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    phones.sort_unstable();
    assert_eq!(phones, ["+86138****8000", "+86139****9000"], "masked, since they are read as phones");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_fetched_in_parts_by_those_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    send(&house, 0, 900).await;
    let export = exported(&house, json!({"of": "messages", "format": "csv", "reveal": true})).await;
    let whole = fetched(&house, &export).await;
    assert!(whole.len() > 65_536, "more than one sealed piece");
    let path = format!("/v1/exports/{}/file", export["id"].as_str().unwrap());
    let part = async |range: &str| {
        let mut asked = request("GET", &path, Body::empty());
        asked.headers_mut().insert("range", range.parse().unwrap());
        house.send(Who::Owner, asked).await
    };
    let middle = part("bytes=65000-66000").await;
    assert_eq!(middle.status.as_u16(), 206);
    assert_eq!(middle.headers["content-range"], format!("bytes 65000-66000/{}", whole.len()).as_str());
    assert_eq!(middle.bytes, whole[65_000..=66_000]);
    let rest = part(&format!("bytes={}-", whole.len() - 7)).await;
    assert_eq!((rest.status.as_u16(), rest.bytes.as_slice()), (206, &whole[whole.len() - 7..]));
    assert_eq!(part("bytes=9999999-").await.status.as_u16(), 200, "what cannot be is left aside");

    house.send(Who::Stranger, request("GET", &path, Body::empty())).await.problem(404, "not_found");
    let key = house.key(&["messages:read"]).await;
    house.send_key(&key, request("GET", &path, Body::empty())).await.problem(403, "forbidden");
    let order = json!({"of": "contacts", "format": "csv"});
    let asked = crate::house::json_request("POST", "/v1/exports", &order);
    house.send_key(&key, asked).await.problem(403, "forbidden");
    let odd = json!({"of": "contacts", "format": "csv", "state": "delivered"});
    assert_eq!(house.post("/v1/exports", odd).await.problem(422, "invalid_field")["pointer"], "/state");
    for month in [json!(null), json!("2026-13")] {
        let odd = json!({"of": "statement", "format": "csv", "month": month});
        assert_eq!(house.post("/v1/exports", odd).await.problem(422, "invalid_field")["pointer"], "/month");
    }
    assert!(!std::fs::read_dir(folder.path().join("data/uploads")).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        bytes.windows(11).any(|seen| seen == b"86138001300")
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_interrupted_begins_anew_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    send(&house, 0, 10).await;
    let order = json!({"of": "messages", "format": "csv"});
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(house.post("/v1/exports", order.clone()).await.ok(202)["id"].as_str().unwrap().to_owned());
    }
    house.post("/v1/exports", order.clone()).await.problem(409, "conflict");
    let control = house.engine.control();
    let mut killed = control.export(house.accounts.0, ids[0].parse().unwrap()).await.unwrap().unwrap();
    // As a node leaves it that dies while it writes.
    (killed.state, killed.tries, killed.rows) = (ExportState::Running, 1, 7);
    control.put_export(&killed).await.unwrap();
    let mut hopeless = control.export(house.accounts.0, ids[1].parse().unwrap()).await.unwrap().unwrap();
    (hopeless.state, hopeless.tries) = (ExportState::Running, 5);
    control.put_export(&hopeless).await.unwrap();
    house.engine.run_exports().await;
    let shown = async |id: &str| house.get(&format!("/v1/exports/{id}")).await.ok(200);
    let again = shown(&ids[0]).await;
    assert_eq!((&again["status"], &again["rows"]), (&json!("finished"), &json!(10)));
    assert_eq!(shown(&ids[1]).await["status"], "failed");
    house.get(&format!("/v1/exports/{}/file", ids[1])).await.problem(409, "conflict");
    let listed = house.get("/v1/exports").await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 5);
    house.post("/v1/exports", order).await.ok(202);
    // Forgotten with its file after a week.
    house.pass(std::time::Duration::from_secs(8 * 86_400));
    control.expire_exports(domain::time::Timestamp::from_millis(house.seconds() * 1_000)).await.unwrap();
    house.get(&format!("/v1/exports/{}", ids[0])).await.problem(404, "not_found");
}
