//! Contacts, templates, suppressions.

use serde_json::json;

use crate::house::{House, Who, json_request, request};

#[tokio::test]
async fn contacts_are_added_by_phone_and_shown_masked() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let body = json!({"contacts": [
        {"phone": "138 0013 8000", "personal": {"姓名": "张三丰"}, "queryable": {"城市": "杭州"}, "tags": ["老客"]},
        {"phone": "86-13800138000"}, {"phone": "010-88886666"}, {"phone": "13900139000"}]});
    let answer = house.post("/v1/contacts", body).await.ok(200);
    assert_eq!((&answer["new"], &answer["updated"]), (&json!(2), &json!(0)));
    assert_eq!(answer["rejected"][0]["pointer"], "/contacts/1");
    assert_eq!(answer["rejected"][0]["reason"], "duplicate");
    assert_eq!(answer["rejected"][1]["reason"], "phone_not_mobile");

    let listed = house.get("/v1/contacts?tag=%E8%80%81%E5%AE%A2").await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let person = &listed["items"][0];
    assert_eq!((&person["phone"], &person["personal"]["姓名"]), (&json!("+86138****8000"), &json!("张**")));
    let revealed = house.get("/v1/contacts?phone=13800138000&reveal=true").await.ok(200);
    assert_eq!(revealed["items"][0]["personal"]["姓名"], "张三丰");
    let tags = house.get("/v1/tags").await.ok(200);
    assert_eq!(tags, json!({"tags": [{"name": "老客", "contacts": 1}], "contacts": 2}));
    let problem = house.get("/v1/contacts?phone=12").await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "?phone");
}

#[tokio::test]
async fn templates_are_compiled_before_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let text = "{{ 姓名 }}您好，您的专属券已到账";
    let stored = house
        .post("/v1/templates", json!({"name": "券", "category": "marketing", "text": text}))
        .await
        .ok(201);
    assert_eq!(stored["variables"], json!(["姓名"]));
    let shown = house.get(&format!("/v1/templates/{}", stored["id"].as_str().unwrap())).await.ok(200);
    assert_eq!(shown, stored);
    assert_eq!(house.get("/v1/templates").await.ok(200)["items"], json!([stored]));
    house
        .post("/v1/templates", json!({"name": "券", "category": "notice", "text": "x"}))
        .await
        .problem(409, "conflict");
    let broken = json!({"name": "坏", "category": "notice", "text": "第一行\n{% if %}"});
    let problem = house.post("/v1/templates", broken).await.problem(422, "invalid_field");
    assert_eq!((&problem["pointer"], &problem["line"]), (&json!("/text"), &json!(2)));

    let asked =
        json!({"text": text, "values": {"姓名": "张三"}, "signature": "鸿雁", "category": "marketing"});
    let preview = house.post("/v1/templates/preview", asked).await.ok(200);
    assert_eq!(preview["text"], "【鸿雁】张三您好，您的专属券已到账拒收请回复R");
    assert_eq!((&preview["parts"], &preview["cost"]["micros"]), (&json!(1), &json!(45_000)));
    let missing = json!({"text": text, "signature": "鸿雁", "category": "notice"});
    let problem = house.post("/v1/templates/preview", missing).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/values");
    let unsigned = json!({"text": "x", "signature": "1", "category": "notice"});
    let problem = house.post("/v1/templates/preview", unsigned).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/signature");
}

#[tokio::test]
async fn a_suppression_is_kept_shown_and_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let created =
        house.post("/v1/suppressions", json!({"phone": "13800138000", "source": "complaint"})).await.ok(201);
    assert_eq!(created["phone"], "+86138****8000");
    let listed = house.get("/v1/suppressions?reveal=true").await.ok(200);
    assert_eq!(listed["items"][0]["phone"], "+8613800138000");
    assert_eq!(
        (&listed["items"][0]["scope"], &listed["items"][0]["source"]),
        (&json!("entity"), &json!("complaint"))
    );
    let for_all =
        json_request("POST", "/v1/suppressions", &json!({"phone": "13900139000", "scope": "operator"}));
    house.send(Who::Stranger, for_all).await.problem(403, "forbidden");

    let path = "/v1/suppressions?phone=13800138000";
    let lift = || request("DELETE", path, axum::body::Body::empty());
    assert_eq!(house.send(Who::Stranger, lift()).await.ok(200)["lifted"], 0, "not the stranger's to lift");
    assert_eq!(house.send(Who::Owner, lift()).await.ok(200)["lifted"], 1);
    assert!(house.get("/v1/suppressions").await.ok(200)["items"][0]["lifted_at"].is_string());
}
