//! Who is let in, who is not, and how refusals speak.

use axum::body::Body;
use serde_json::json;

use crate::house::{House, Who, json_request, request};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[tokio::test]
async fn every_route_of_the_document_asks_for_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let document = serde_json::to_value(api::openapi()).unwrap();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let is_public = api::PUBLIC_PATHS.contains(&path.as_str());
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            if path == api::CALLBACK_PATH {
                let guessed = path.replace("{id}", "chn_1").replace("{token}", "guessed");
                let asked = json_request(&method.to_uppercase(), &guessed, &json!({}));
                house.send(Who::Nobody, asked).await.problem(404, "not_found");
                assert!(item[method].get("security").is_none(), "its address is the key");
                continue;
            }
            let filled = path.replace("{id}", "cmp_0000000000000");
            let answer =
                house.send(Who::Nobody, json_request(&method.to_uppercase(), &filled, &json!({}))).await;
            if is_public {
                assert_eq!(answer.status, 200, "{method} {path}");
                assert!(item[method].get("security").is_none(), "{method} {path} says that it needs a key");
                continue;
            }
            if api::OIDC_PATHS.contains(&path.as_str()) {
                answer.problem(404, "not_found");
                assert!(item[method].get("security").is_none(), "who is not known yet has no key");
                continue;
            }
            if api::SIGN_IN_PATHS.contains(&path.as_str()) && *method == "post" {
                answer.problem(422, "invalid_field");
                assert!(item[method].get("security").is_none(), "who is not known yet has no key");
                continue;
            }
            answer.problem(401, "unauthorized");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert!(
                item[method]["security"][0].get("key").is_some(),
                "{method} {path} hides that it needs a key"
            );
            asked += 1;
        }
    }
    assert!(asked >= 30, "only {asked} operations were asked");
}

#[tokio::test]
async fn a_wrong_key_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    for header in ["Bearer hy_wrong", "Bearer ", "Basic aHk6", "hy_wrong"] {
        let mut asked = request("GET", "/v1/tags", Body::empty());
        asked.headers_mut().insert("authorization", header.parse().unwrap());
        house.send(Who::Nobody, asked).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn another_tenant_sees_nothing_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let template =
        house.post("/v1/templates", json!({"name": "a", "category": "notice", "text": "您好"})).await.ok(201);
    let draft = json!({"name": "a", "category": "notice", "signature": "鸿雁", "text": "您好", "audience": {"kind": "all"}});
    let campaign = house.post("/v1/campaigns", draft).await.ok(201);
    let upload = house.upload("a.csv", "手机号\n13800138000\n".as_bytes()).await.ok(201);
    let message = json!({"messages": [{"phone": "13800138000", "text": "您好", "signature": "鸿雁"}]});
    let sent = house.post("/v1/messages", message).await.ok(202);
    let id = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let campaign = id(&campaign["id"]);
    let import = id(&upload["import"]["id"]);
    let paths = [
        ("GET", format!("/v1/templates/{}", id(&template["id"]))),
        ("GET", format!("/v1/campaigns/{campaign}")),
        ("GET", format!("/v1/campaigns/{campaign}/report")),
        ("GET", format!("/v1/campaigns/{campaign}/progress")),
        ("GET", format!("/v1/campaigns/{campaign}/messages.csv")),
        ("PATCH", format!("/v1/campaigns/{campaign}")),
        ("POST", format!("/v1/campaigns/{campaign}/preflight")),
        ("POST", format!("/v1/campaigns/{campaign}/start")),
        ("POST", format!("/v1/campaigns/{campaign}/pause")),
        ("POST", format!("/v1/campaigns/{campaign}/resume")),
        ("POST", format!("/v1/campaigns/{campaign}/cancel")),
        ("POST", format!("/v1/campaigns/{campaign}/approve-held-words")),
        ("GET", format!("/v1/imports/{import}")),
        ("GET", format!("/v1/imports/{import}/rejected.csv")),
        ("POST", format!("/v1/imports/{import}/start")),
        ("GET", format!("/v1/messages/{}", id(&sent["results"][0]["id"]))),
        ("POST", format!("/v1/messages/{}/cancel", id(&sent["results"][0]["id"]))),
        ("POST", format!("/v1/messages/{}/redact", id(&sent["results"][0]["id"]))),
    ];
    for (method, path) in paths {
        house.send(Who::Stranger, json_request(method, &path, &json!({}))).await.problem(404, "not_found");
    }
    for path in
        ["/v1/campaigns", "/v1/templates", "/v1/imports", "/v1/messages", "/v1/contacts", "/v1/suppressions"]
    {
        let page = house.send(Who::Stranger, request("GET", path, Body::empty())).await.ok(200);
        assert_eq!(page["items"], json!([]), "{path}");
    }
    house.ask("PUT", "/v1/events/recording", json!({"on": true})).await.ok(200);
    let cursor = house.get("/v1/events?from=oldest").await.ok(200)["next"].as_str().unwrap().to_owned();
    let path = format!("/v1/events?cursor={cursor}");
    house.send(Who::Stranger, request("GET", &path, Body::empty())).await.problem(409, "conflict");
    for path in ["/v1/channels", "/v1/routes"] {
        house.send(Who::Stranger, request("GET", path, Body::empty())).await.problem(403, "forbidden");
    }
    let stranger = house.send(Who::Stranger, request("GET", "/v1/prices", Body::empty())).await.ok(200);
    assert_eq!(stranger["prices"], json!([]));
}

#[tokio::test]
async fn a_refusal_speaks_the_readers_language_and_names_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let mut asked =
        json_request("POST", "/v1/templates", &json!({"name": "a", "category": "otp", "txt": "x"}));
    asked.headers_mut().insert("accept-language", "zh-CN,en;q=0.5".parse().unwrap());
    asked.headers_mut().insert("x-request-id", "trace-7".parse().unwrap());
    let answer = house.send(Who::Owner, asked).await;
    let problem = answer.problem(422, "invalid_field");
    assert_eq!((&problem["pointer"], &problem["title"]), (&json!("/txt"), &json!("字段有误")));
    assert_eq!(problem["request_id"], "trace-7");
    assert_eq!(answer.headers["x-request-id"], "trace-7");
    assert_eq!(answer.headers["content-language"], "zh-CN");

    let mut broken = request("POST", "/v1/templates", Body::from("{\"name\":\n\"a\",}"));
    broken.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let problem = house.send(Who::Owner, broken).await.problem(400, "invalid_json");
    assert_eq!((&problem["line"], &problem["title"]), (&json!(2), &json!("Invalid JSON")));
    assert!(problem["request_id"].as_str().unwrap().starts_with("req_"));

    let untyped = request("POST", "/v1/templates", Body::from("{}"));
    house.send(Who::Owner, untyped).await.problem(415, "unsupported_media_type");
    let big = json!({"name": "x".repeat(api::JSON_BYTES), "category": "otp", "text": "x"});
    house.post("/v1/templates", big).await.problem(413, "too_large");
    house.get("/v1/nowhere").await.problem(404, "not_found");
    house.ask("PUT", "/v1/tags", json!({})).await.problem(405, "method_not_allowed");
    house.get("/v1/templates/tpl_x").await.problem(404, "not_found");
    let problem = house.get("/v1/messages?limit=0").await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "?limit");
}
