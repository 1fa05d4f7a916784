//! `hongyan export`: what the platform holds, in a file of one's own.

use serde_json::json;

use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_are_exported_from_the_command_line() {
    let mut house = House::open();
    let contacts = json!({"contacts": [
        {"phone": "13800138000", "personal": {"姓名": "张伟"}, "tags": ["会员"]},
        {"phone": "13900139000"},
    ]});
    house.api(reqwest::Method::POST, "/v1/contacts", Some(&contacts)).await;
    let path = house.path("contacts.csv").display().to_string();
    let said = house.ask_zh(&["export", "contacts", "--tag", "会员", "--reveal", "--out", &path]).ok();
    assert!(said.contains("导出完成"), "{said}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("8613800138000") && text.contains("姓名=张伟"), "{text}");
    assert!(!text.contains("8613900139000"), "another tag");
    let sheet = house.path("all.xlsx").display().to_string();
    let export = house.ask(&["export", "contacts", "--out", &sheet, "--json"]).json();
    assert_eq!((&export["rows"], &export["format"]), (&json!(2), &json!("xlsx")));
    assert!(std::fs::read(&sheet).unwrap().starts_with(b"PK"), "a zip file");
    let table = house.path("all.parquet").display().to_string();
    house.ask(&["export", "contacts", "--out", &table]).ok();
    assert!(std::fs::read(&table).unwrap().starts_with(b"PAR1"), "a Parquet file");
    let refused = house.ask(&["export", "everything", "--out", &sheet]).failed(2);
    assert!(refused.contains("messages") && refused.contains("suppressions"), "{refused}");
    assert_eq!(house.terminate(), 0);
}
