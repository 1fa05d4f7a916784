//! Terms, prices, channels and routes from the command line, and the currency of an installation.

use serde_json::json;

use crate::house::{House, Said, program};

#[test]
fn terms_and_prices_are_kept_from_the_command_line() {
    let house = House::open();
    let account = house.ask(&["account", "create", "--name", "租户", "--json"]).json();
    let account = account["id"].as_str().expect("an id").to_owned();
    let set =
        ["terms", "set", &account, "--mode", "bounded", "--credit", "12.5", "--daily-limit", "100", "--json"];
    let terms = house.ask(&set).json();
    assert_eq!((&terms["mode"], &terms["credit"]["micros"]), (&json!("bounded"), &json!(12_500_000)));
    let terms = house
        .ask(&["terms", "set", &account, "--daily-limit", "none", "--charge", "delivered", "--json"])
        .json();
    assert_eq!(
        (&terms["mode"], &terms["charge"]),
        (&json!("bounded"), &json!("delivered")),
        "the rest stays"
    );
    assert!(terms.get("daily_limit").is_none());
    let shown = house.ask_zh(&["terms", "show", &account]).ok();
    assert!(shown.contains("信用额度") && shown.contains("¥12.50"), "{shown}");
    let all = house.ask(&["terms", "list", "--json"]).json();
    assert!(all.as_array().expect("a list").iter().any(|one| one["account"] == json!(account)));
    let wrong = house.ask(&["terms", "set", &account, "--mode", "free"]).failed(2);
    assert!(wrong.contains("bounded"), "{wrong}");
    house.ask(&["terms", "set", &account, "--credit", "1,5"]).failed(2);

    let price = |args: &[&str]| house.ask(&[&["price"], args, &["--for-account", &account]].concat());
    price(&["set", "0.045"]).ok();
    price(&["set", "0.05", "--category", "marketing", "--from", "2027-01-01T00:00:00+08:00"]).ok();
    price(&["set", "0.04"]).ok();
    let prices = price(&["list", "--json"]).json();
    assert_eq!(
        prices["prices"].as_array().expect("lines").len(),
        2,
        "the general line was replaced: {prices}"
    );
    price(&["remove", "--category", "marketing", "--from", "2026-12-31T16:00:00Z"]).ok();
    let shown = price(&["list"]).ok();
    assert!(shown.contains("¥0.04") && !shown.contains("0.05"), "{shown}");
    let missing = price(&["remove", "--country", "JP"]).failed(2);
    assert!(missing.contains("no such line"), "{missing}");
}

#[test]
fn channels_and_routes_are_kept_from_the_command_line() {
    let house = House::open();
    let file = house.path("channel.json");
    let channel = json!({"gateway": "gwy_1", "name": "主通道", "protocol": "cmpp30", "host": "127.0.0.1", "port": 1,
        "login": "901234", "access_code": "1069", "cost": {"micros": 30_000}, "enabled": false});
    std::fs::write(&file, channel.to_string()).unwrap();
    let secret = house.path("secret");
    std::fs::write(&secret, "pass-word\n").unwrap();
    let path = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
    let refused = house.ask(&["channel", "set", "chn_7", &path(&file)]).failed(4);
    assert!(refused.contains("/secret"), "{refused}");
    house.ask(&["channel", "set", "chn_7", &path(&file), "--secret-file", &path(&secret)]).ok();
    let shown = house
        .ask(&["channel", "set", "chn_7", "--cost", "0.025", "--parts-per-second", "50", "--json"])
        .json();
    assert_eq!((&shown["cost"]["micros"], &shown["parts_per_second"]), (&json!(25_000), &json!(50)));
    assert_eq!(shown["name"], "主通道", "the rest stays");
    // What was shown may be edited and put back.
    std::fs::write(&file, shown.to_string()).unwrap();
    house.ask(&["channel", "set", "chn_7", &path(&file), "--parts-per-second", "none"]).ok();
    let all = house.ask(&["channel", "list", "--json"]).json();
    let known =
        all["channels"].as_array().expect("a list").iter().find(|one| one["id"] == "chn_7").expect("there");
    assert!(known.get("parts_per_second").is_none());
    assert!(house.ask_zh(&["channel", "show", "chn_7"]).ok().contains("停用"));

    let file = house.path("route.json");
    let route = json!({"name": "备用", "steps": [{"channels": [{"channel": "chn_7", "weight": 1}]}]});
    std::fs::write(&file, route.to_string()).unwrap();
    house.ask(&["route", "set", "rte_7", &path(&file)]).ok();
    let shown = house.ask(&["route", "show", "rte_7", "--json"]).json();
    std::fs::write(&file, shown.to_string()).unwrap();
    house.ask(&["route", "set", "rte_7", &path(&file)]).ok();
    assert!(house.ask(&["route", "list"]).ok().contains("chn_7"));
    std::fs::write(&file, "{").unwrap();
    assert!(house.ask(&["route", "set", "rte_7", &path(&file)]).failed(2).contains("line 1"));
}

#[test]
fn an_installation_keeps_its_currency() {
    let mut house = House::open();
    house.ask(&["price", "set", "0.045"]).ok();
    assert_eq!(house.terminate(), 0);
    let in_euros = |house: &House, lang: &str| {
        let mut serve = house.serve();
        serve.env("HONGYAN__CURRENCY", "EUR").env("HONGYAN_LANG", lang);
        Said::of(&serve.output().unwrap()).failed(2)
    };
    assert!(in_euros(&house, "en").contains("set currency = \"CNY\""));
    assert!(in_euros(&house, "zh").contains("请将配置 currency 改为"));
    house.start();
    let prices = house.ask(&["price", "list", "--json"]).json();
    assert_eq!(prices["prices"][0]["per_part"]["currency"], "CNY");
    let mut wrong = program();
    wrong.env("HONGYAN__CURRENCY", "RMB").args(["config", "show"]);
    assert!(Said::of(&wrong.output().unwrap()).failed(2).contains("ISO 4217"));
}
