//! What all routes have in common: versions, limits, addresses behind proxies.

use axum::body::Body;
use serde_json::{Value, json};

use crate::house::{Answer, House, Who, json_request, request};

/// A body that gives this name.
type Named<'a> = &'a dyn Fn(&str) -> Value;

async fn change(house: &House, method: &str, path: &str, body: &Value, tag: &str) -> Answer {
    let mut asked = json_request(method, path, body);
    asked.headers_mut().insert("if-match", tag.parse().unwrap());
    house.send(Who::Owner, asked).await
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_people_edit_is_changed_only_as_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let draft = json!({"name": "a", "category": "notice", "signature": "鸿雁", "text": "您好", "audience": {"kind": "all"}});
    let campaign = house.post("/v1/campaigns", draft).await.ok(201);
    let account = house.post("/v1/accounts", json!({"name": "租户"})).await.ok(201);
    let user =
        house.post("/v1/users", json!({"login": "zhang", "name": "张", "roles": ["support"]})).await.ok(201);
    let customer =
        json!({"name": "银行", "protocol": "smpp34", "login": "bank", "secret": "pass-1", "category": "otp"});
    house.ask("PUT", "/v1/customers/cus_1", customer.clone()).await.ok(200);
    let route = house.get("/v1/routes").await.ok(200)["routes"][0].clone();
    let channel = house.get("/v1/channels").await.ok(200)["channels"][0].clone();
    let mut channel_put = json!({"cost": {"micros": 1}});
    for name in ["gateway", "name", "protocol", "host", "port", "login", "access_code"] {
        channel_put[name] = channel[name].clone();
    }
    let route_put = json!({"name": "改名", "steps": route["steps"]});
    let path = |kind: &str, id: &Value| format!("/v1/{kind}/{}", id.as_str().unwrap());
    let cases = [
        ("PATCH", path("campaigns", &campaign["id"]), json!({"name": "b"})),
        ("PATCH", path("accounts", &account["id"]), json!({"name": "b"})),
        ("PATCH", path("users", &user["user"]["id"]), json!({"name": "b"})),
        ("PUT", "/v1/prices".to_owned(), json!({"prices": [{"per_part": {"micros": 1}}]})),
        ("PUT", "/v1/channels/chn_1".to_owned(), channel_put),
        ("PUT", "/v1/routes/rte_1".to_owned(), route_put),
        (
            "PUT",
            "/v1/customers/cus_1".to_owned(),
            json!({"name": "改名", "protocol": "smpp34", "login": "bank", "category": "otp"}),
        ),
    ];
    for (method, path, body) in cases {
        let read = house.get(&path).await;
        read.ok(200);
        let mut again = request("GET", &path, Body::empty());
        again.headers_mut().insert("if-none-match", tag(&read).parse().unwrap());
        let again = house.send(Who::Owner, again).await;
        assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0), "{path}");
        let changed = change(&house, method, &path, &body, &tag(&read)).await;
        changed.ok(200);
        assert_ne!(tag(&changed), tag(&read), "{path}");
        assert_eq!(tag(&changed), tag(&house.get(&path).await), "{path}");
        change(&house, method, &path, &body, &tag(&read)).await.problem(412, "changed_meanwhile");
        change(&house, method, &path, &body, "*").await.ok(200);
    }
    let nothing = change(&house, "PUT", "/v1/customers/cus_2", &customer, "\"00\"").await;
    nothing.problem(412, "changed_meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_editors_who_read_the_same_version_one_wins_and_leaves_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let draft = json!({"name": "a", "category": "notice", "signature": "鸿雁", "text": "您好", "audience": {"kind": "all"}});
    let campaign = house.post("/v1/campaigns", draft).await.ok(201);
    let account = house.post("/v1/accounts", json!({"name": "租户"})).await.ok(201);
    let user = json!({"login": "zhang", "name": "张", "roles": ["support"]});
    let user = house.post("/v1/users", user).await.ok(201);
    let path = |kind: &str, id: &Value| format!("/v1/{kind}/{}", id.as_str().unwrap());
    let route =
        |name: &str| json!({"name": name, "steps": [{"channels": [{"channel": "chn_1", "weight": 1}]}]});
    let cases: [(&str, String, Named<'_>); 5] = [
        ("PATCH", path("campaigns", &campaign["id"]), &|name| json!({"name": name})),
        ("PATCH", path("accounts", &account["id"]), &|name| json!({"name": name})),
        ("PATCH", path("users", &user["user"]["id"]), &|name| json!({"name": name})),
        ("PUT", "/v1/routes/rte_1".to_owned(), &route),
        ("PUT", "/v1/prices".to_owned(), &|name| json!({"prices": [{"per_part": {"micros": name.len()}}]})),
    ];
    for (method, path, body) in cases {
        let read = house.get(&path).await;
        let names = ["b", "cc", "ddd", "eeee", "fffff", "gggggg"];
        let bodies: Vec<Value> = names.iter().map(|name| body(name)).collect();
        let tag = tag(&read);
        let edits = bodies.iter().map(|body| change(&house, method, &path, body, &tag));
        let answers = futures::future::join_all(edits).await;
        let won = answers.iter().filter(|answer| answer.status.is_success()).count();
        let lost = answers.iter().filter(|answer| answer.status.as_u16() == 412).count();
        assert_eq!((won, lost), (1, names.len() - 1), "{path}");
        let object = path.rsplit('/').next().unwrap();
        let object = if object == "prices" { house.accounts.0.to_string() } else { object.to_owned() };
        let log = house.get(&format!("/v1/audit?object={object}&limit=50")).await.ok(200);
        let lines = log["items"].as_array().unwrap();
        let verb = if method == "PUT" { ".put" } else { ".change" };
        let edits = lines.iter().filter(|line| line["action"].as_str().unwrap().ends_with(verb));
        assert_eq!(edits.count(), 1, "{path}: {log}");
    }
    // Who names no version loses nothing of what others did at the same time.
    let id = path("campaigns", &campaign["id"]);
    let both = futures::future::join(
        house.ask("PATCH", &id, json!({"name": "together"})),
        house.ask("PATCH", &id, json!({"speed": 77})),
    );
    let (one, other) = both.await;
    assert!(one.status.is_success() && other.status.is_success());
    let campaign = house.get(&id).await.ok(200);
    assert_eq!((&campaign["name"], &campaign["speed"]), (&json!("together"), &json!(77)));
}

#[tokio::test]
async fn every_answer_to_somebody_known_tells_their_limit_and_is_no_caches_to_keep() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    for path in ["/v1/tags", "/v1/templates/tpl_0000000000000"] {
        let answer = house.get(path).await;
        assert_eq!(answer.headers["ratelimit-policy"], "\"minute\";q=1200000;w=60", "{path}");
        assert!(answer.headers.contains_key("ratelimit") && answer.headers.contains_key("x-request-id"));
    }
    assert_eq!(house.get("/v1/tags").await.headers["cache-control"], "private, no-cache");
    assert!(!house.get("/healthz").await.headers.contains_key("ratelimit"));
}

#[tokio::test]
async fn every_body_refuses_unknown_fields_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let document = serde_json::to_value(api::openapi()).unwrap();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["post", "put", "patch"] {
            let content = &item[method]["requestBody"]["content"]["application/json"];
            // What has an id is looked for first; its bodies are the same types.
            if content.is_null() || path.contains("{id}") {
                continue;
            }
            let body = json!({"no_such_field_here": 1});
            let answer = house.ask(&method.to_uppercase(), path, body).await;
            let problem = answer.problem(422, "invalid_field");
            assert_eq!(problem["pointer"], "/no_such_field_here", "{method} {path}");
            asked += 1;
        }
    }
    assert!(asked >= 12, "only {asked} bodies were asked");
}
