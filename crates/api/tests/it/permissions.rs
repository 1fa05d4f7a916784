//! Every route has its permission, and no route shows or changes what is another tenant's.

use axum::http::Request;
use domain::access::Permission;
use serde_json::{Value, json};

use crate::house::{House, Who, json_request};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What somebody can do who is known, whatever they hold.
const OF_ANYBODY: [&str; 6] =
    ["/v1/me", "/v1/session", "/v1/me/password", "/v1/me/totp", "/v1/me/totp/confirm", "/v1/me/totp/remove"];

/// Every operation that asks who one is: method, path, and what it says that it needs.
fn operations() -> Vec<(String, String, Vec<String>)> {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(scopes) = item[method]["security"][0]["key"].as_array() {
                let words = scopes.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
                found.push((method.to_uppercase(), path.clone(), words));
            }
        }
    }
    found
}

/// An id of the right form that belongs to nothing.
fn nobodys(path: &str) -> String {
    let prefix = match path.split('/').nth(2).unwrap() {
        "accounts" => "acc",
        "campaigns" => "cmp",
        "channels" => return path.replace("{id}", "chn_9"),
        "customers" => return path.replace("{id}", "cus_9"),
        "routes" => return path.replace("{id}", "rte_9"),
        "imports" => "imp",
        "keys" => "key",
        "messages" => "msg",
        "roles" => "rol",
        "templates" => "tpl",
        "users" => "usr",
        "webhooks" => "whk",
        "contacts" => "con",
        "exports" => "exp",
        "import-sources" => "src",
        other => panic!("which ids has {other}?"),
    };
    path.replace("{id}", &format!("{prefix}_0000000000000"))
}

fn asked(method: &str, path: &str) -> Request<axum::body::Body> {
    let filled = if path.contains("{id}") { nobodys(path) } else { path.replace("{month}", "2026-11") };
    json_request(method, &filled, &json!({}))
}

#[tokio::test]
async fn every_route_asks_for_the_permission_that_it_names_and_for_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let all: Vec<&str> = Permission::ALL.iter().map(|permission| permission.word()).collect();
    let mut seen = 0;
    for (method, path, scopes) in operations() {
        house.send(Who::Nobody, asked(&method, &path)).await.problem(401, "unauthorized");
        let [scope] = &scopes[..] else {
            assert!(
                scopes.is_empty() && OF_ANYBODY.contains(&path.as_str()),
                "{method} {path} names {scopes:?}"
            );
            continue;
        };
        assert!(Permission::from_word(scope).is_some(), "{method} {path}: {scope}");
        let others: Vec<&str> = all.iter().copied().filter(|word| word != scope).collect();
        let without = house.key(&others).await;
        let problem = house.send_key(&without, asked(&method, &path)).await.problem(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains(scope.as_str()), "{method} {path}: {problem}");
        let with = house.key(&[scope.as_str()]).await;
        let answer = house.send_key(&with, asked(&method, &path)).await;
        assert!(!matches!(answer.status.as_u16(), 401 | 403), "{method} {path}: {}", answer.text());
        seen += 1;
    }
    assert!(seen >= 55, "only {seen} operations were asked");
}

#[tokio::test]
async fn people_are_revealed_to_whoever_may_see_them() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let key = house
        .key(&["contacts:read", "messages:read", "suppressions:read", "inbound:read", "campaigns:read"])
        .await;
    for path in ["contacts", "messages", "suppressions", "inbound"] {
        let plain = json_request("GET", &format!("/v1/{path}"), &json!({}));
        house.send_key(&key, plain).await.ok(200);
        let revealed = json_request("GET", &format!("/v1/{path}?reveal=true"), &json!({}));
        let problem = house.send_key(&key, revealed).await.problem(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("people:reveal"));
    }
}

/// Something of the owner's for every kind of id.
async fn belongings(house: &House) -> Vec<(&'static str, String)> {
    let template =
        house.post("/v1/templates", json!({"name": "a", "category": "notice", "text": "您好"})).await.ok(201);
    let draft = json!({"name": "a", "category": "notice", "signature": "鸿雁", "text": "您好", "audience": {"kind": "all"}});
    let campaign = house.post("/v1/campaigns", draft).await.ok(201);
    let upload = house.upload("a.csv", "手机号\n13800138000\n".as_bytes()).await.ok(201);
    let message = json!({"messages": [{"phone": "13800138000", "text": "您好", "signature": "鸿雁"}]});
    let sent = house.post("/v1/messages", message).await.ok(202);
    let user = json!({"login": "zhang", "name": "张伟", "roles": ["read_only"]});
    let user = house.post("/v1/users", user).await.ok(201);
    let role =
        house.post("/v1/roles", json!({"name": "值班", "permissions": ["messages:read"]})).await.ok(201);
    let key = house.post("/v1/keys", json!({"name": "k", "scopes": ["messages:read"]})).await.ok(201);
    let account = house.post("/v1/accounts", json!({"name": "租户"})).await.ok(201);
    let webhook = json!({"name": "CRM", "url": "https://example.com/hooks"});
    let webhook = house.post("/v1/webhooks", webhook).await.ok(201);
    house.post("/v1/contacts", json!({"contacts": [{"phone": "13800138000"}]})).await.ok(200);
    let contacts = house.get("/v1/contacts").await.ok(200);
    let export = house.post("/v1/exports", json!({"of": "messages", "format": "csv"})).await.ok(202);
    let source = json!({"name": "CRM", "place": {"kind": "http", "url": "https://example.com/"}});
    let source = house.post("/v1/import-sources", source).await.ok(201);
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    vec![
        ("contacts", id(&contacts["items"][0]["id"])),
        ("exports", id(&export["id"])),
        ("import-sources", id(&source["id"])),
        ("templates", id(&template["id"])),
        ("campaigns", id(&campaign["id"])),
        ("imports", id(&upload["import"]["id"])),
        ("messages", id(&sent["results"][0]["id"])),
        ("users", id(&user["user"]["id"])),
        ("roles", id(&role["id"])),
        ("keys", id(&key["key"]["id"])),
        ("accounts", id(&account["id"])),
        ("webhooks", id(&webhook["webhook"]["id"])),
    ]
}

/// What only the operator changes about an account.
fn is_money(path: &str) -> bool {
    ["/terms", "/top-ups", "/withdrawals"].iter().any(|end| path.ends_with(end))
}

#[tokio::test]
async fn no_route_with_an_id_reaches_what_is_another_tenants() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let belongings = belongings(&house).await;
    let mut tried = 0;
    for (method, path, scopes) in operations().into_iter().filter(|(_, path, _)| path.contains("{id}")) {
        let kind = path.split('/').nth(2).unwrap().to_owned();
        let operators = scopes.iter().any(|word| Permission::from_word(word).unwrap().is_operators());
        if operators {
            let ours = ["channels", "routes", "customers"].contains(&kind.as_str()) || is_money(&path);
            assert!(ours, "{path}: whose is it?");
            house.send(Who::Stranger, asked(&method, &path)).await.problem(403, "forbidden");
            continue;
        }
        let (_, id) =
            belongings.iter().find(|(of, _)| *of == kind).unwrap_or_else(|| panic!("nothing of {kind}"));
        let body = match path.rsplit('/').next() {
            Some("link") => json!({"remove_second_factor": true}),
            Some("oidc") => json!({"issuer": "https://id.example.com", "subject": "1"}),
            Some("replay") => json!({"since": "2026-11-25T10:00:00+08:00"}),
            _ if method == "PUT" => json!({"name": "a", "category": "notice", "text": "您好"}),
            _ => json!({}),
        };
        let theirs = json_request(&method, &path.replace("{id}", id), &body);
        house.send(Who::Stranger, theirs).await.problem(404, "not_found");
        tried += 1;
    }
    assert!(tried >= 22, "only {tried} routes were tried");
    let still = house.get("/v1/keys?limit=1000").await.ok(200);
    assert!(still["items"].as_array().unwrap().iter().all(|key| key.get("revoked_at").is_none()));
}

#[tokio::test]
async fn listings_of_access_show_nothing_of_another_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    belongings(&house).await;
    let ask =
        async |path: &str| house.send(Who::Stranger, json_request("GET", path, &json!({}))).await.ok(200);
    assert_eq!(ask("/v1/users").await["items"], json!([]));
    assert_eq!(ask("/v1/audit").await["items"], json!([]));
    assert_eq!(ask("/v1/keys").await["items"].as_array().unwrap().len(), 1, "their own");
    let accounts = ask("/v1/accounts").await;
    assert_eq!(accounts["items"].as_array().unwrap().len(), 1);
    assert_eq!(accounts["items"][0]["id"], house.accounts.1.to_string());
    let roles = ask("/v1/roles").await;
    assert!(roles["roles"].as_array().unwrap().iter().all(|role| role["built_in"] == true));
    let held: Vec<&Value> = roles["roles"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|role| role["permissions"].as_array().unwrap())
        .collect();
    assert!(held.iter().all(|word| !Permission::from_word(word.as_str().unwrap()).unwrap().is_operators()));
}
