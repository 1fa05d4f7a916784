//! `hongyan source`: contacts that are fetched, by the program as it is run.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{CONFIG, House, anywhere};

/// Looks until a run must have ended, and the time between two of them.
const LOOKS: u32 = 1_200;
const LOOK: Duration = Duration::from_millis(50);

/// Answers every request with one file; where it is.
fn place() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/people.csv", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4_096];
            let read = stream.read(&mut asked).unwrap();
            assert!(asked[..read].windows(13).any(|seen| seen == b"open sesame\r\n"), "with the secret");
            let file = "手机号,姓名\n13800138000,张伟\n";
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len());
            stream.write_all(format!("{head}{file}").as_bytes()).unwrap();
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_added_and_fetched_from_the_command_line() {
    let mut house = House::on(None);
    house.write("hongyan.toml", format!("private_callbacks = true\n{CONFIG}"));
    house.start();
    let url = place();
    let source =
        json!({"name": "CRM", "place": {"kind": "http", "url": url, "authorization": "open sesame"}});
    let file = house.write("source.json", source.to_string());
    let made = house.ask(&["source", "add", &file, "--json"]).json();
    let id = made["id"].as_str().unwrap();
    assert!(house.ask_zh(&["source", "list"]).ok().contains("仅手动"));
    house.ask(&["source", "run", id]).ok();
    let mut looks = 0;
    let run: Value = loop {
        let runs = house.ask(&["source", "runs", id, "--json"]).json();
        if runs["items"][0]["finished_at"].is_string() {
            break runs["items"][0].clone();
        }
        looks += 1;
        assert!(looks < LOOKS, "{runs}");
        std::thread::sleep(LOOK);
    };
    assert_eq!((&run["state"], &run["counts"]["new"]), (&json!("finished"), &json!(1)), "{run}");
    assert!(house.ask_zh(&["source", "runs", id]).ok().contains("完成"));
    house.ask(&["source", "disable", id]).ok();
    let broken = house.write("broken.json", "{\n\"name\": 1}");
    let said = house.ask(&["source", "add", &broken]).failed(2);
    assert!(said.contains("broken.json, line 2"), "{said}");
    house.ask(&["source", "delete", id]).ok();
    assert_eq!(house.ask(&["source", "list", "--json"]).json()["sources"], json!([]));
    assert_eq!(house.terminate(), 0);
    assert!(!anywhere(&house.path("data"), b"open sesame"), "sealed");
}
