//! Templates and contacts are edited by who has read them, and by nobody else.

use axum::body::Body;
use serde_json::{Value, json};

use crate::house::{House, Who, json_request, request};

async fn changed(house: &House, method: &str, path: &str, tag: &str, body: &Value) -> crate::house::Answer {
    let mut asked = json_request(method, path, body);
    asked.headers_mut().insert("if-match", tag.parse().unwrap());
    house.send(Who::Owner, asked).await
}

async fn tag(house: &House, path: &str) -> String {
    house.get(path).await.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_template_is_edited_and_campaigns_keep_the_text_that_they_were_made_with() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    house.post("/v1/contacts", json!({"contacts": [{"phone": "13800138000"}]})).await.ok(200);
    let old = json!({"name": "通知", "category": "notice", "text": "旧的文本"});
    let id = house.post("/v1/templates", old).await.ok(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/templates/{id}");
    let draft = json!({"name": "a", "category": "notice", "signature": "鸿雁", "template": id, "audience": {"kind": "all"}});
    let campaign = house.post("/v1/campaigns", draft).await.ok(201)["id"].as_str().unwrap().to_owned();

    let first = tag(&house, &path).await;
    let new = json!({"name": "促销", "category": "marketing", "text": "新的文本 {{ 姓名 }}"});
    let edited = changed(&house, "PUT", &path, &first, &new).await;
    assert_eq!(edited.headers["etag"].to_str().unwrap(), tag(&house, &path).await);
    let edited = edited.ok(200);
    assert_eq!((&edited["name"], &edited["category"]), (&json!("促销"), &json!("marketing")));
    assert_eq!((&edited["text"], &edited["variables"]), (&new["text"], &json!(["姓名"])));
    changed(&house, "PUT", &path, &first, &new).await.problem(412, "changed_meanwhile");
    let shown = house.get(&format!("/v1/campaigns/{campaign}")).await.ok(200);
    assert_eq!(shown["text"], "旧的文本", "{shown}");
    assert_eq!(house.get(&path).await.ok(200)["text"], new["text"]);

    // What cannot be is refused, and another's is not there.
    let broken = json!({"name": "促销", "category": "notice", "text": "{{ "});
    house.ask("PUT", &path, broken).await.problem(422, "invalid_field");
    house.post("/v1/templates", json!({"name": "其他", "category": "notice", "text": "x"})).await.ok(201);
    let taken = json!({"name": "其他", "category": "notice", "text": "x"});
    assert_eq!(house.ask("PUT", &path, taken).await.status.as_u16(), 409);
    house.send(Who::Stranger, json_request("PUT", &path, &new)).await.problem(404, "not_found");
    assert_eq!(house.get(&path).await.ok(200)["name"], "促销");
}

#[tokio::test]
async fn a_contact_is_edited_without_writing_over_what_is_hidden_or_newer() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let person = json!({"phone": "13800138000", "personal": {"姓名": "张三", "备注": "旧"}, "queryable": {"城市": "杭州"},
        "tags": ["a", "b"]});
    house.post("/v1/contacts", json!({"contacts": [person]})).await.ok(200);
    let listed = house.get("/v1/contacts").await.ok(200);
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/contacts/{id}");
    let shown = house.get(&path).await.ok(200);
    assert_eq!(shown, listed["items"][0], "as it is listed: masked");
    assert_eq!(tag(&house, &path).await, tag(&house, &format!("{path}?reveal=true")).await);

    let first = tag(&house, &path).await;
    let edit = json!({"personal": {"备注": null, "称呼": "先生"}, "queryable": {"城市": "上海"}, "tags": ["b", " c ", "c"]});
    house.pass(std::time::Duration::from_secs(1));
    let edited = changed(&house, "PATCH", &path, &first, &edit).await;
    assert_eq!(edited.headers["etag"].to_str().unwrap(), tag(&house, &path).await);
    assert!(!edited.text().contains("先生"), "{}", edited.text());
    edited.ok(200);
    let now = house.get(&format!("{path}?reveal=true")).await.ok(200);
    assert_eq!(now["personal"], json!({"姓名": "张三", "称呼": "先生"}));
    assert_eq!((&now["queryable"], &now["tags"]), (&json!({"城市": "上海"}), &json!(["b", "c"])));
    let tags = house.get("/v1/tags").await.ok(200);
    let counted: Vec<(&str, i64)> = tags["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| (tag["name"].as_str().unwrap(), tag["contacts"].as_i64().unwrap()))
        .collect();
    assert_eq!(counted, [("a", 0), ("b", 1), ("c", 1)]);
    assert_eq!(house.get("/v1/contacts?tag=a").await.ok(200)["items"], json!([]));

    // Another editor, and an import, are both seen.
    changed(&house, "PATCH", &path, &first, &edit).await.problem(412, "changed_meanwhile");
    let before = tag(&house, &path).await;
    house.pass(std::time::Duration::from_secs(1));
    let import = json!({"contacts": [{"phone": "13800138000", "queryable": {"城市": "北京"}}]});
    house.post("/v1/contacts", import).await.ok(200);
    changed(&house, "PATCH", &path, &before, &edit).await.problem(412, "changed_meanwhile");
    house.ask("PATCH", &path, json!({"tags": []})).await.ok(200);
    let left = house.get(&path).await.ok(200);
    assert_eq!((&left["tags"], &left["queryable"]["城市"]), (&json!([]), &json!("北京")));

    house.ask("PATCH", &path, json!({"personal": {"": "x"}})).await.problem(422, "invalid_field");
    house.ask("PATCH", &path, json!({"phone": "13900139000"})).await.problem(422, "invalid_field");
    house.send(Who::Stranger, request("GET", &path, Body::empty())).await.problem(404, "not_found");
    house.send(Who::Stranger, json_request("PATCH", &path, &edit)).await.problem(404, "not_found");
}
