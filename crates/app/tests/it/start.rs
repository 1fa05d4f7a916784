//! Starting on a data folder: keys, a folder in use, configuration, and stopping.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::house::{House, Said, program, run, run_zh};

fn said(mut command: Command, lang: &str) -> Said {
    let output = command.env("HONGYAN_LANG", lang).output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn keys_are_made_for_their_owner_alone_and_a_stop_is_clean() {
    let mut house = House::open();
    for name in ["data.key", "data.owner"] {
        let mode = std::fs::metadata(house.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(house.terminate(), 0);
    house.start();
    assert_eq!(house.terminate(), 0);
}

#[test]
fn a_second_process_on_the_folder_is_refused() {
    let house = House::open();
    let en = said(house.serve(), "en").failed(2);
    assert!(en.contains("in use by another process"), "{en}");
    let zh = said(house.serve(), "zh").failed(2);
    assert!(zh.contains("正被另一个进程使用"), "{zh}");
}

#[test]
fn a_missing_a_wrong_and_an_open_key_file_are_refused() {
    let mut house = House::open();
    house.terminate();
    let key = house.path("data.key");
    let kept = std::fs::read(&key).unwrap();

    std::fs::remove_file(&key).unwrap();
    let en = said(house.serve(), "en").failed(2);
    assert!(en.contains("is missing") && en.contains("restore"), "{en}");
    assert!(said(house.serve(), "zh").failed(2).contains("密钥文件"));
    assert!(!key.exists(), "no new key is made over sealed data");

    let other = format!("hongyan-keys 1\n1 {}\n", "ab".repeat(32));
    std::fs::write(&key, other).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(said(house.serve(), "en").failed(2).contains("not the one"));

    std::fs::write(&key, &kept).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(said(house.serve(), "en").failed(2).contains("chmod 600"));

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    house.start();
    assert_eq!(house.terminate(), 0);
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    let house = House::open();
    let wrong = house.write("wrong.toml", "partition = 4\n");
    let err = run(&["serve", "--config", &wrong]).failed(2);
    assert!(err.contains("partition"), "{err}");
    let missing = house.path("nowhere.toml").display().to_string();
    assert!(run(&["serve", "--config", &missing]).failed(2).contains("nowhere.toml"));
    let shown = run(&["serve", "--print-config"]).ok();
    assert!(shown.contains("marketing_hours"), "{shown}");

    let err = run(&["config", "check", &wrong]).failed(2);
    assert!(err.contains("wrong.toml:1") && err.contains("partitions"), "{err}");
    let zh = run_zh(&["config", "check", &wrong]).failed(2);
    assert!(zh.contains("wrong.toml:1") && zh.contains("没有设置项"), "{zh}");
    let pair = house
        .write("pair.toml", "[tls]\ncert_file = \"/nowhere/tls.crt\"\nkey_file = \"/nowhere/tls.key\"\n");
    assert!(run_zh(&["config", "check", &pair]).failed(2).contains("证书"));
    let defaults = house.write("defaults.toml", shown);
    run(&["config", "check", &defaults]).ok();
    let shown = run(&["config", "show", "--config", &defaults, "--json"]).json();
    assert_eq!(shown["policy.marketing_per_day"]["value"], 1);
    assert_eq!(shown["metrics.listen"]["from"]["variable"], "HONGYAN__METRICS__LISTEN");
}

#[tokio::test]
async fn metrics_are_told_on_an_address_of_their_own_and_logs_are_objects() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .env("HONGYAN__LOG_FORMAT", "json")
        .env("HONGYAN_LOG", "api=debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let up = lines.find_map(|line| line.strip_prefix("Hongyan is up: ").map(str::to_owned));
    let up = up.expect("the server says where it is");
    let told = lines.find_map(|line| line.strip_prefix("metrics: ").map(str::to_owned));
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let api = up.split(' ').next().unwrap();
    let asked = format!("{api}/v1/messages?phone=13800138000");
    assert_eq!(http.get(asked).send().await.unwrap().status().as_u16(), 401);
    let page = http.get(told.expect("and where metrics are")).send().await.unwrap().text().await.unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    for name in [
        "hongyan_build_info{version=",
        "hongyan_ready 1",
        "process_resident_memory_bytes ",
        "hongyan_http_answers_total{class=\"4xx\"} 1",
    ] {
        assert!(page.contains(name), "{name}: {page}");
    }
    let log = String::from_utf8(output.stderr).unwrap();
    let entries: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(entries.iter().any(|entry| entry["message"] == "answered" && entry["status"] == 401), "{log}");
    assert!(!log.contains("13800138000"), "{log}");
}

#[test]
fn the_doctor_looks_and_says_what_is_wrong() {
    let mut house = House::open();
    house.terminate();
    let data = house.path("data").display().to_string();
    let said = run(&["doctor", "--data", &data, "--json"]);
    let findings: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let checks: Vec<&str> = findings.as_array().unwrap().iter().filter_map(|f| f["check"].as_str()).collect();
    assert!(
        ["version", "clock", "steady", "policy", "serving", "files", "disk", "space", "key"]
            .iter()
            .all(|name| checks.contains(name)),
        "{checks:?}"
    );

    std::fs::set_permissions(house.path("data.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let zh = run_zh(&["doctor", "--data", &data]);
    assert_eq!(zh.code, 4, "{}{}", zh.out, zh.err);
    assert!(zh.out.contains('✗') && zh.out.contains("644"), "{}", zh.out);
}

#[test]
fn verify_refuses_what_is_none_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("none");
    let refused = run_zh(&["verify", "--data", &folder.display().to_string()]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("没有账本"), "{}", refused.err);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "no folder and no key was made");
}
