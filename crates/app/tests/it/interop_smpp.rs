//! What SMPP has beside the usual, against node's `smpp`: other ways of a long text, TLS in both roles, outbind.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::house::{CONFIG, House};
use crate::interop_carriers::{ANSWER, LONG, heard, open_channel, send, state_becomes};
use crate::peer::{Peer, whole};

fn port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_texts_go_out_by_sar_or_whole() {
    let mut centre = Peer::start("smpp_server.js", &json!({"password": "right"}));
    let port = centre.next("listening").await["port"].clone();
    let house = House::open();
    for (way, submits) in [("sar", 3), ("payload", 1)] {
        open_channel(&house, &port, json!({"quirks": {"long_text": way}})).await;
        centre.next("bound").await;
        let id = send(&house, "13800138000", &format!("{way}{LONG}"));
        let parts = centre.several("submit", submits).await;
        assert_eq!(whole(&parts), format!("【鸿雁】{way}{LONG}"));
        assert!(parts.iter().all(|part| part["way"] == way && part["esm_class"] == 0), "{parts:?}");
        let message = state_becomes(&house, &id, "delivered").await;
        assert_eq!(message["parts"], 3, "what it costs does not change");
        // A short one is as ever.
        send(&house, "13800138001", way);
        assert_eq!(centre.next("submit").await["way"], "plain");
        // In GSM letters, too.
        let latin = "Your parcel is on its way; please have the code ready at the door. ".repeat(4);
        let latin = format!("{way}: {}", latin.trim());
        let id = send(&house, "13800138002", &latin);
        // The signature makes it UCS-2 here; the carrier reads the same either way.
        let count = if way == "payload" { 1 } else { 5 };
        let parts = centre.several("submit", count).await;
        assert_eq!(whole(&parts), format!("【鸿雁】{latin}"));
        state_becomes(&house, &id, "delivered").await;
    }
}

/// A certificate for localhost that is its own authority, and its key.
fn certificate(folder: &Path, name: &str) -> (String, String) {
    let config = "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=localhost\n[ext]\n\
                  basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost\n";
    let at = |kind: &str| folder.join(format!("{name}.{kind}")).display().to_string();
    std::fs::write(at("cnf"), config).unwrap();
    let arguments =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let made = Command::new("openssl")
        .args(arguments)
        .args(["-config", &at("cnf"), "-keyout", &at("key"), "-out", &at("pem")])
        .output()
        .expect("openssl, which ca-certificates brings along");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (at("pem"), at("key"))
}

async fn trouble(house: &House, word: &str) {
    let mut channels = Value::Null;
    for _ in 0..600 {
        channels = house.api(Method::GET, "/v1/channels", None).await;
        let live = &channels["channels"][0]["live"];
        if live["trouble"].as_str().is_some_and(|trouble| trouble.contains(word)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no word of {word}: {channels}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_towards_a_message_centre_and_towards_a_customer() {
    let folder = tempfile::tempdir().unwrap();
    let (pem, key) = certificate(folder.path(), "right");
    let (other, _) = certificate(folder.path(), "other");
    let mut centre = Peer::start("smpp_server.js", &json!({"password": "right", "cert": pem, "key": key}));
    let carrier = centre.next("listening").await["port"].clone();

    let ours = port();
    let mut house = House::on(None);
    let ports = format!("[downstream]\nsmpp_tls = \"{ours}\"\ntls_certificate = {pem:?}\n");
    house.write("hongyan.toml", format!("{CONFIG}{ports}"));
    let refused = house.command_zh("serve --listen 127.0.0.1:0").failed(2);
    assert!(refused.contains("tls_key"), "{refused}");
    house.write("hongyan.toml", format!("{CONFIG}{ports}tls_key = {key:?}\n"));
    house.start();

    // Somebody else's authority: nothing is said to who cannot prove its name.
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let quirks =
        |ca: &str, name: &str| json!({"quirks": {"tls": "yes", "tls_ca": read(ca), "tls_name": name}});
    open_channel(&house, &carrier, quirks(&other, "localhost")).await;
    trouble(&house, "certificate").await;
    open_channel(&house, &carrier, quirks(&pem, "example.com")).await;
    trouble(&house, "certificate").await;
    open_channel(&house, &carrier, quirks(&pem, "localhost")).await;
    centre.next("bound").await;

    let customer = json!({
        "name": "tls", "protocol": "smpp34", "login": "user1", "secret": "secret", "addresses": ["10690001"],
        "connections": 1, "window": 10, "category": "notice", "signature": "鸿雁", "signing": "missing"
    });
    house.api(Method::PUT, "/v1/customers/cus_1", Some(&customer)).await;
    let setup = json!({"port": ours.port(), "login": "user1", "password": "secret", "ca": pem});
    let mut client = Peer::start("smpp_client.js", &setup);
    client.next("bound").await;
    client
        .order(&json!({"do": "send", "from": "10690001", "to": "8613800138000", "text": LONG, "way": "udh",
        "reference": 1}));
    let answers = client.several("answer", 2).await;
    assert!(answers.iter().all(|answer| answer["status"] == 0), "{answers:?}");
    client.several("answer", 1).await;
    let parts = centre.several("submit", 3).await;
    assert_eq!(whole(&parts), format!("【鸿雁】{LONG}"));
    let reports = client.several("deliver", 3).await;
    assert!(reports.iter().all(|report| report["state"] == 2), "{reports:?}");
    centre.order(
        &json!({"do": "inbound", "from": "8613800138000", "to": "10690123", "text": ANSWER, "way": "udh",
        "reference": 5}),
    );
    assert_eq!(whole(&client.several("deliver", 2).await), ANSWER);

    // In clear it is answered by nobody, on either side.
    let mut clear =
        Peer::start("smpp_client.js", &json!({"port": ours.port(), "login": "user1", "password": "secret"}));
    // What comes is TLS's alert, which it takes for a PDU.
    clear.next("error").await;
    // Only where it is spoken.
    let cmpp = json!({
        "gateway": "gwy_1", "name": "x", "protocol": "cmpp30", "host": "127.0.0.1", "port": 1, "login": "901234",
        "secret": "secret", "access_code": "1", "cost": {"micros": 1}, "quirks": {"tls": "yes"}
    });
    let (status, problem) = house.answer(Method::PUT, "/v1/channels/chn_9", Some(&cmpp)).await;
    assert_eq!((status.as_u16(), &problem["pointer"]), (422, &json!("/quirks")));
    let mut both = cmpp.clone();
    both["protocol"] = json!("smpp34");
    both["quirks"]["listen"] = json!("127.0.0.1:1");
    let (status, problem) = house.answer(Method::PUT, "/v1/channels/chn_9", Some(&both)).await;
    assert_eq!((status.as_u16(), &problem["pointer"]), (422, &json!("/quirks")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_centre_that_calls_is_bound_to_over_its_connection() {
    let mut centre = Peer::start("smpp_server.js", &json!({"password": "right"}));
    let carrier = centre.next("listening").await["port"].clone();
    let ours = port();
    let house = House::open();
    let quirks = json!({"quirks": {"binds": "separate", "listen": ours.to_string()}});
    open_channel(&house, &carrier, quirks).await;
    // Nothing of ours receives: the message centre is to call.
    assert_eq!(centre.next("bound").await["kind"], "bind_transmitter");
    // Who does not know the password is not told it.
    centre.order(&json!({"do": "outbind", "port": ours.port(), "login": "smsc", "password": "wrong"}));
    centre.next("closed").await;
    centre.order(&json!({"do": "outbind", "port": ours.port(), "login": "smsc", "password": "right"}));
    let bound = centre.next("bound").await;
    assert_eq!((&bound["kind"], &bound["login"]), (&json!("bind_receiver"), &json!("hongyan")));
    send(&house, "13800138000", "您的包裹到了");
    centre.next("submit").await;
    centre.order(
        &json!({"do": "inbound", "from": "8613800138000", "to": "10690123", "text": ANSWER, "way": "udh",
        "reference": 2}),
    );
    let answers = centre.several("answer", 2).await;
    assert!(answers.iter().all(|answer| answer["status"] == 0));
    assert_eq!(heard(&house, 1).await[0]["text"], ANSWER);
}
