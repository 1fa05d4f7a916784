//! Files into contacts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;

async fn finished(house: &House, id: &str) -> Value {
    for _ in 0..500 {
        let import = house.get(&format!("/v1/imports/{id}")).await.ok(200);
        if import["state"] != "running" {
            return import;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the import does not end");
}

#[tokio::test]
async fn a_file_becomes_contacts() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let csv = "手机号,姓名,城市\n13800138000,张三,杭州\n1380013800,李四,=1+1\n13900139000,王五,北京\n";
    let uploaded = house.upload("..%2F%E4%BC%9A%E5%91%98.csv", csv.as_bytes()).await.ok(201);
    assert_eq!((&uploaded["has_phone"], &uploaded["has_header"]), (&json!(true), &json!(true)));
    assert_eq!(uploaded["columns"][0]["use"], "phone");
    assert_eq!(uploaded["columns"][0]["examples"][0], "+86138****8000");
    assert_eq!(uploaded["import"]["file_name"], "会员.csv");
    let id = uploaded["import"]["id"].as_str().unwrap();

    let start = json!({"tags": ["老客"], "source": "门店登记", "basis": "consent"});
    let started = house.post(&format!("/v1/imports/{id}/start"), start.clone()).await;
    assert_eq!(started.status, 202, "{}", started.text());
    let import = finished(&house, id).await;
    assert_eq!(import["state"], "finished");
    assert_eq!(import["counts"], json!({"read": 3, "new": 2, "updated": 0, "duplicate": 0, "invalid": 1}));
    assert_eq!(import["bytes_read"], import["bytes"]);
    assert_eq!((&import["source"], &import["basis"]), (&json!("门店登记"), &json!("consent")));
    house.post(&format!("/v1/imports/{id}/start"), start).await.problem(409, "conflict");
    assert_eq!(house.get("/v1/imports").await.ok(200)["items"][0]["id"], id);

    let rejected = house.get(&format!("/v1/imports/{id}/rejected.csv")).await;
    assert_eq!(rejected.headers["content-type"], "text/csv; charset=utf-8");
    let line = rejected.text().lines().nth(1).unwrap();
    assert!(line.starts_with("3,phone_too_short") && line.ends_with("1380013800,李四,'=1+1"), "{line}");
    assert_eq!(house.get("/v1/tags").await.ok(200)["tags"][0], json!({"name": "老客", "contacts": 2}));
}

#[tokio::test]
async fn what_is_no_spreadsheet_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let exe = [b"MZ\x90\x00".as_slice(), &[0; 512]].concat();
    let problem = house.upload("list.xlsx", &exe).await.problem(422, "unreadable_file");
    assert!(problem["detail"].as_str().unwrap().contains("not a spreadsheet"));
    house.upload("empty.csv", b"").await.problem(422, "unreadable_file");
    let uploaded = house.upload("a.csv", "手机号\n13800138000\n".as_bytes()).await.ok(201);
    let id = uploaded["import"]["id"].as_str().unwrap();
    let mapping = json!({"mapping": [{"name": "手机号", "use": "personal"}]});
    house.post(&format!("/v1/imports/{id}/start"), mapping).await.problem(422, "unreadable_file");
}
