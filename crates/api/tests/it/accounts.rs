//! The operator's tenants, their sub-accounts, and acting for them.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::house::{House, Who, json_request};

fn acting(account: &str, method: &str, path: &str, body: &Value) -> Request<Body> {
    let mut request = json_request(method, path, body);
    request.headers_mut().insert("hongyan-account", account.parse().unwrap());
    request
}

fn id(document: &Value) -> String {
    document["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn accounts_are_opened_one_level_down_and_seen_from_above() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let tenant = house.post("/v1/accounts", json!({"name": "租户", "entity": "某某公司"})).await.ok(201);
    assert_eq!((&tenant["kind"], tenant.get("parent")), (&json!("tenant"), None));
    let below = json!({"name": "分公司", "parent": tenant["id"]});
    let below = house.post("/v1/accounts", below).await.ok(201);
    assert_eq!(
        (&below["parent"], &below["entity"]),
        (&tenant["id"], &tenant["entity"]),
        "it shares the entity"
    );
    let too_deep = json!({"name": "x", "parent": below["id"]});
    let problem = house.post("/v1/accounts", too_deep).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/parent");
    house.post("/v1/accounts", json!({"name": ""})).await.problem(422, "invalid_field");

    // A tenant opens its own sub-account, and only that.
    let own = json_request("POST", "/v1/accounts", &json!({"name": "own"}));
    let own = house.send(Who::Stranger, own).await.ok(201);
    assert_eq!(own["parent"], house.accounts.1.to_string());
    let foreign = json_request("POST", "/v1/accounts", &json!({"name": "x", "parent": tenant["id"]}));
    house.send(Who::Stranger, foreign).await.problem(422, "invalid_field");
    let seen = house.send(Who::Stranger, json_request("GET", "/v1/accounts", &json!({}))).await.ok(200);
    let seen: Vec<String> = seen["items"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(seen, [house.accounts.1.to_string(), id(&own)]);

    let first = house.get("/v1/accounts?limit=2").await.ok(200);
    let next = first["next"].as_str().unwrap();
    let rest = house.get(&format!("/v1/accounts?cursor={next}")).await.ok(200);
    let count = |page: &Value| page["items"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&rest), rest.get("next")), (2, 3, None));
    assert_eq!(first["items"][0]["kind"], "operator");
}

#[tokio::test]
async fn who_is_above_acts_for_an_account_explicitly_and_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let tenant = id(&house.post("/v1/accounts", json!({"name": "租户"})).await.ok(201));
    let template = json!({"name": "a", "category": "notice", "text": "您好"});
    let made = house.send(Who::Owner, acting(&tenant, "POST", "/v1/templates", &template)).await.ok(201);
    assert_eq!(house.get("/v1/templates").await.ok(200)["items"], json!([]), "not the operator's own");
    let theirs = house.send(Who::Owner, acting(&tenant, "GET", "/v1/templates", &json!({}))).await.ok(200);
    assert_eq!(theirs["items"][0]["id"], made["id"]);
    let price = json!({"prices": [{"per_part": {"micros": 50_000}}]});
    house.send(Who::Owner, acting(&tenant, "PUT", "/v1/prices", &price)).await.ok(200);
    assert_eq!(house.get("/v1/prices").await.ok(200)["prices"][0]["per_part"]["micros"], 45_000);

    let log = house.send(Who::Owner, acting(&tenant, "GET", "/v1/audit", &json!({}))).await.ok(200);
    let lines = log["items"].as_array().unwrap();
    let actions: Vec<&str> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["prices.put", "templates.read", "templates.create"], "looking is logged too");
    assert!(lines.iter().all(|line| line["home"] == house.accounts.0.to_string()));
    assert_eq!((&lines[2]["object"], &lines[2]["address"]), (&made["id"], &json!("10.0.0.7")));

    // Sideways, upwards, and without the permission there is nothing.
    for account in
        [tenant.clone(), house.accounts.0.to_string(), "acc_0000000000000".to_owned(), "x".to_owned()]
    {
        let asked = acting(&account, "GET", "/v1/templates", &json!({}));
        house.send(Who::Stranger, asked).await.problem(404, "not_found");
    }
    let key = house.key(&["templates:read"]).await;
    house.send_key(&key, acting(&tenant, "GET", "/v1/templates", &json!({}))).await.problem(403, "forbidden");
    let key = house.key(&["templates:read", "accounts:act"]).await;
    house.send_key(&key, acting(&tenant, "GET", "/v1/templates", &json!({}))).await.ok(200);
    // Whoever acts for a tenant gives no more than a tenant can hold.
    let operators = json!({"name": "k", "scopes": ["channels:read"]});
    house
        .send(Who::Owner, acting(&tenant, "POST", "/v1/keys", &operators))
        .await
        .problem(422, "invalid_field");
}

#[tokio::test]
async fn a_disabled_account_lets_nobody_in_nor_its_sub_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let tenant = id(&house.post("/v1/accounts", json!({"name": "租户"})).await.ok(201));
    let below = id(&house.post("/v1/accounts", json!({"name": "b", "parent": tenant})).await.ok(201));
    let mut keys = Vec::new();
    for account in [&tenant, &below] {
        let body = json!({"name": "k", "scopes": ["contacts:read"]});
        let made = house.send(Who::Owner, acting(account, "POST", "/v1/keys", &body)).await.ok(201);
        keys.push(made["secret"].as_str().unwrap().to_owned());
    }
    let tags = || json_request("GET", "/v1/tags", &json!({}));
    let path = format!("/v1/accounts/{tenant}");
    house.send_key(&keys[1], tags()).await.ok(200);
    let off = house.ask("PATCH", &path, json!({"disabled": true})).await.ok(200);
    assert_eq!(off["disabled"], true);
    for key in &keys {
        house.send_key(key, tags()).await.problem(403, "account_disabled");
    }
    house.ask("PATCH", &path, json!({"disabled": false, "name": "改名"})).await.ok(200);
    house.send_key(&keys[0], tags()).await.ok(200);
    assert_eq!(house.get(&path).await.ok(200)["name"], "改名");
    let own = format!("/v1/accounts/{}", house.accounts.0);
    house.ask("PATCH", &own, json!({"disabled": true})).await.problem(409, "conflict");
    let itself =
        json_request("PATCH", &format!("/v1/accounts/{}", house.accounts.1), &json!({"disabled": true}));
    house.send(Who::Stranger, itself).await.problem(409, "conflict");
}
