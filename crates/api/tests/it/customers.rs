//! Customers that connect to us, as an operator configures them.

use axum::body::Body;
use serde_json::json;

use crate::house::{House, Who, json_request, request};

#[tokio::test]
async fn a_customer_is_shown_without_its_password_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let put = json!({
        "name": "银行", "protocol": "smpp34", "login": "bank", "secret": "pass-1", "networks": ["10.0.0.0/8"],
        "addresses": ["10690001"], "category": "otp", "signature": "鸿雁", "signing": "always"});
    let stored = house.ask("PUT", "/v1/customers/cus_1", put.clone()).await.ok(200);
    assert_eq!(
        (&stored["login"], &stored["window"], &stored["enabled"]),
        (&json!("bank"), &json!(16), &json!(true))
    );
    let mut changed = put.clone();
    changed.as_object_mut().unwrap().remove("secret");
    changed["name"] = json!("改名");
    house.ask("PUT", "/v1/customers/cus_1", changed).await.ok(200);
    let answer = house.get("/v1/customers").await;
    assert!(!answer.text().contains("pass-1"));
    assert_eq!(answer.ok(200)["customers"][0]["name"], "改名");
    assert_eq!(house.engine.all_customers().await.unwrap()[0].secret.0, "pass-1");

    let refused = async |number: u16, name: &str, value: serde_json::Value| {
        let mut odd = put.clone();
        odd[name] = value;
        let problem = house.ask("PUT", &format!("/v1/customers/cus_{number}"), odd).await;
        problem.problem(422, "invalid_field")["pointer"].clone()
    };
    assert_eq!(refused(2, "name", json!("同名")).await, "/login", "the login is another's");
    assert_eq!(refused(1, "networks", json!(["10.0.0.0/40"])).await, "/networks");
    assert_eq!(refused(1, "protocol", json!("pigeon")).await, "/protocol");
    assert_eq!(refused(1, "login", json!("has a blank")).await, "/login");
    assert_eq!(refused(1, "secret", json!("longer than eight")).await, "/secret");
    assert_eq!(refused(1, "signature", json!(null)).await, "/signature");
    assert_eq!(refused(1, "route", json!("one")).await, "/route");
    let stranger = json_request("PUT", "/v1/customers/cus_1", &put);
    house.send(Who::Stranger, stranger).await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_deleted_customer_is_gone_and_its_number_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let put = json!({
        "name": "银行", "protocol": "smpp34", "login": "bank", "secret": "pass-1", "category": "otp",
        "signing": "own"});
    house.ask("PUT", "/v1/customers/cus_1", put.clone()).await.ok(200);
    let delete = || request("DELETE", "/v1/customers/cus_1", Body::empty());
    house.send(Who::Stranger, delete()).await.problem(403, "forbidden");
    assert_eq!(house.send(Who::Owner, delete()).await.status, 204);
    house.send(Who::Owner, delete()).await.problem(404, "not_found");
    assert_eq!(house.get("/v1/customers").await.ok(200)["customers"], json!([]));
    house.ask("PUT", "/v1/customers/cus_1", put.clone()).await.problem(409, "conflict");
    house.ask("PUT", "/v1/customers/cus_2", put).await.ok(200);
}
