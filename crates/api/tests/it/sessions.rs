//! People: links, passwords, sessions, second factors, lock-out.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::house::{Answer, House, Who, json_request};

const PASSWORD: &str = "correct horse battery";

/// A session as a browser keeps it.
struct Browser<'a> {
    house: &'a House,
    cookie: String,
}

impl Browser<'_> {
    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let mut request = json_request(method, path, &body);
        request.headers_mut().insert("cookie", self.cookie.parse().unwrap());
        request.headers_mut().insert("hongyan-csrf", "1".parse().unwrap());
        self.house.send_as_is(request).await
    }
}

fn posted(path: &str, body: &Value) -> Request<Body> {
    json_request("POST", path, body)
}

async fn sign_in(house: &House, body: Value) -> Answer {
    house.send(Who::Nobody, posted("/v1/session", &body)).await
}

async fn signed_in<'a>(house: &'a House, body: Value) -> Browser<'a> {
    let answer = sign_in(house, body).await;
    answer.ok(201);
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for attribute in ["__Host-hongyan=hyc_", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(set.contains(attribute), "{set}");
    }
    let cookie = set.split(';').next().unwrap().to_owned();
    Browser { house, cookie }
}

async fn owner(house: &House) -> Browser<'_> {
    let taken = json!({"token": house.owner_link, "password": PASSWORD});
    let owner = house.send(Who::Nobody, posted("/v1/password", &taken)).await.ok(200);
    assert_eq!((&owner["login"], &owner["roles"]), (&json!("owner"), &json!(["owner"])));
    signed_in(house, json!({"login": " Owner ", "password": PASSWORD})).await
}

#[tokio::test]
async fn the_first_start_is_owned_by_whoever_takes_its_link_once() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    sign_in(&house, json!({"login": "owner", "password": ""})).await.problem(401, "wrong_password");
    let weak = json!({"token": house.owner_link, "password": "short"});
    let problem = house.send(Who::Nobody, posted("/v1/password", &weak)).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/password");
    let owner = owner(&house).await;
    let again = json!({"token": house.owner_link, "password": PASSWORD});
    house.send(Who::Nobody, posted("/v1/password", &again)).await.problem(410, "link_gone");
    let me = owner.ask("GET", "/v1/me", json!({})).await.ok(200);
    assert_eq!((&me["operator"], &me["user"]["login"]), (&json!(true), &json!("owner")));
    assert_eq!(me["account"], house.accounts.0.to_string());
    owner.ask("GET", "/v1/channels", json!({})).await.ok(200);
    let by_key = house.get("/v1/me").await.ok(200);
    assert!(by_key.get("user").is_none() && by_key["principal"].as_str().unwrap().starts_with("key_"));
}

#[tokio::test]
async fn a_session_changes_nothing_for_a_foreign_page_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let owner = owner(&house).await;
    let template = json!({"name": "a", "category": "notice", "text": "您好"});
    let mut foreign = posted("/v1/templates", &template);
    foreign.headers_mut().insert("cookie", owner.cookie.parse().unwrap());
    house.send_as_is(foreign).await.problem(403, "foreign_page");
    owner.ask("POST", "/v1/templates", template).await.ok(201);
    let as_key = owner.cookie.split_once('=').unwrap().1.to_owned();
    house.send_key(&as_key, json_request("GET", "/v1/me", &json!({}))).await.problem(401, "unauthorized");

    let second = signed_in(&house, json!({"login": "owner", "password": PASSWORD})).await;
    let change = json!({"old": PASSWORD, "new": "staple of another horse"});
    owner
        .ask("POST", "/v1/me/password", json!({"old": "not my password", "new": "staple of another horse"}))
        .await
        .problem(401, "wrong_password");
    owner.ask("POST", "/v1/me/password", change).await.ok(200);
    second.ask("GET", "/v1/me", json!({})).await.problem(401, "unauthorized");
    sign_in(&house, json!({"login": "owner", "password": PASSWORD})).await.problem(401, "wrong_password");

    let out = owner.ask("DELETE", "/v1/session", json!({})).await;
    out.ok(200);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    owner.ask("GET", "/v1/me", json!({})).await.problem(401, "unauthorized");
    let third = signed_in(&house, json!({"login": "owner", "password": "staple of another horse"})).await;
    house.pass(Duration::from_secs(12 * 3_600));
    third.ask("GET", "/v1/me", json!({})).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn guessing_is_locked_out_and_tells_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    owner(&house).await;
    for login in ["owner", "nobody-at-all"] {
        for _ in 0..5 {
            let guess = json!({"login": login, "password": "guessed password"});
            sign_in(&house, guess).await.problem(401, "wrong_password");
        }
        let right = sign_in(&house, json!({"login": login, "password": PASSWORD})).await;
        right.problem(429, "locked_out");
        assert_eq!(right.headers["retry-after"], "30");
    }
    house.pass(Duration::from_secs(30));
    signed_in(&house, json!({"login": "owner", "password": PASSWORD})).await;
    let log = house.get("/v1/audit?action=session.refused").await.ok(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 5);
    // One address has so many attempts a minute, under whatever login.
    for n in 0..30 {
        sign_in(&house, json!({"login": format!("user-{n}"), "password": "x"})).await;
    }
    let many = sign_in(&house, json!({"login": "owner", "password": PASSWORD})).await;
    many.problem(429, "rate_limited");
}

fn code(secret: &str, at: i64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(at).unwrap()).to_string()
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_confirmed_and_each_code_is_good_once() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let owner = owner(&house).await;
    let begun = owner.ask("POST", "/v1/me/totp", json!({})).await.ok(201);
    let secret = begun["secret"].as_str().unwrap();
    assert!(begun["uri"].as_str().unwrap().starts_with("otpauth://totp/Hongyan:owner?secret="));
    let plain = json!({"login": "owner", "password": PASSWORD});
    signed_in(&house, plain.clone()).await;
    owner.ask("POST", "/v1/me/totp/confirm", json!({"code": "000000"})).await.problem(401, "wrong_password");
    let confirm = json!({"code": code(secret, house.seconds())});
    let codes = owner.ask("POST", "/v1/me/totp/confirm", confirm.clone()).await.ok(200);
    let codes = codes["recovery_codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);

    sign_in(&house, plain.clone()).await.problem(401, "second_factor_needed");
    let with = |name: &str, value: &Value| {
        let mut body = plain.clone();
        body[name] = value.clone();
        body
    };
    sign_in(&house, with("code", &confirm["code"])).await.problem(401, "wrong_password");
    house.pass(Duration::from_secs(30));
    let fresh = json!(code(secret, house.seconds()));
    signed_in(&house, with("code", &fresh)).await;
    sign_in(&house, with("code", &fresh)).await.problem(401, "wrong_password");
    signed_in(&house, with("recovery_code", &codes[3])).await;
    sign_in(&house, with("recovery_code", &codes[3])).await.problem(401, "wrong_password");

    let remove = json!({"password": PASSWORD, "recovery_code": codes[4]});
    owner
        .ask("POST", "/v1/me/totp/remove", json!({"password": PASSWORD}))
        .await
        .problem(401, "second_factor_needed");
    owner.ask("POST", "/v1/me/totp/remove", remove).await.ok(200);
    signed_in(&house, plain).await;
    house.ask("POST", "/v1/me/totp", json!({})).await.problem(403, "forbidden");
}

async fn invited(house: &House, login: &str, roles: &[&str]) -> (String, String) {
    let body = json!({"login": login, "name": login, "roles": roles});
    let invited = house.post("/v1/users", body).await.ok(201);
    let token = invited["token"].as_str().unwrap().to_owned();
    assert_eq!(invited["path"], format!("/welcome#{token}"));
    let taken = json!({"token": token, "password": PASSWORD});
    house.send(Who::Nobody, posted("/v1/password", &taken)).await.ok(200);
    (invited["user"]["id"].as_str().unwrap().to_owned(), token)
}

#[tokio::test]
async fn people_do_what_their_roles_hold_and_give_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let role = json!({"name": "人事", "permissions": ["users:read", "users:write", "messages:read"]});
    let role = house.post("/v1/roles", role).await.ok(201)["id"].as_str().unwrap().to_owned();
    let (staff, _) = invited(&house, "staff", &[role.as_str()]).await;
    let (boss, _) = invited(&house, "boss", &["owner"]).await;
    let staff_in = signed_in(&house, json!({"login": "staff", "password": PASSWORD})).await;
    staff_in.ask("GET", "/v1/messages", json!({})).await.ok(200);
    staff_in.ask("GET", "/v1/campaigns", json!({})).await.problem(403, "forbidden");
    let more = json!({"login": "friend", "name": "friend", "roles": ["marketer"]});
    let problem = staff_in.ask("POST", "/v1/users", more).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/roles");
    staff_in.ask("POST", &format!("/v1/users/{boss}/link"), json!({})).await.problem(403, "forbidden");
    staff_in
        .ask("PATCH", &format!("/v1/users/{boss}"), json!({"disabled": true}))
        .await
        .problem(403, "forbidden");
    staff_in
        .ask("PATCH", &format!("/v1/users/{staff}"), json!({"roles": [role]}))
        .await
        .problem(409, "conflict");

    // A role that changes, changes what whoever has it may do; one that goes, goes.
    let path = format!("/v1/roles/{role}");
    house.ask("PATCH", &path, json!({"permissions": ["campaigns:read"]})).await.ok(200);
    staff_in.ask("GET", "/v1/campaigns", json!({})).await.ok(200);
    staff_in.ask("GET", "/v1/messages", json!({})).await.problem(403, "forbidden");
    house.ask("DELETE", &path, json!({})).await.ok(200);
    staff_in.ask("GET", "/v1/campaigns", json!({})).await.problem(403, "forbidden");

    house.ask("PATCH", &format!("/v1/users/{staff}"), json!({"disabled": true})).await.ok(200);
    staff_in.ask("GET", "/v1/me", json!({})).await.problem(401, "unauthorized");
    sign_in(&house, json!({"login": "staff", "password": PASSWORD})).await.problem(401, "wrong_password");
    let taken = json!({"login": "boss", "name": "x", "roles": ["owner"]});
    let problem = house.post("/v1/users", taken).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/login");
    let problem = house.post("/v1/users", json!({"login": "xyz", "name": "x", "roles": ["king"]})).await;
    assert_eq!(problem.problem(422, "invalid_field")["pointer"], "/roles/0");
}

#[tokio::test]
async fn a_reset_ends_earlier_links_and_sessions_and_a_link_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (id, _) = invited(&house, "staff", &["support"]).await;
    let before = signed_in(&house, json!({"login": "staff", "password": PASSWORD})).await;
    let path = format!("/v1/users/{id}/link");
    let token = async |house: &House| {
        house.post(&path, json!({})).await.ok(201)["token"].as_str().unwrap().to_owned()
    };
    let (first, second) = (token(&house).await, token(&house).await);
    let take = async |token: &str| {
        let body = json!({"token": token, "password": "quite another password"});
        house.send(Who::Nobody, posted("/v1/password", &body)).await
    };
    take(&first).await.problem(410, "link_gone");
    before.ask("GET", "/v1/me", json!({})).await.ok(200);
    take(&second).await.ok(200);
    before.ask("GET", "/v1/me", json!({})).await.problem(401, "unauthorized");
    let third = token(&house).await;
    house.pass(Duration::from_secs(72 * 3_600));
    take(&third).await.problem(410, "link_gone");
    let page = house.send(Who::Nobody, json_request("GET", "/welcome", &json!({}))).await;
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert!(page.text().contains("/v1/password") && !page.text().contains("src="));
}
