//! Customers' programs that others wrote, towards our ports: Python's `smpplib` and `pycmpp`, node's `smpp`. The carrier
//! behind us is node's too, so what goes in and out was written by neither side of this house.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::downstream::Scene;
use crate::interop_carriers::{ANSWER, LONG, open_channel};
use crate::peer::{Peer, whole};

const PHONE: &str = "13800138000";
const SOURCE: &str = "10690001";

/// Our server between a message centre and customers.
async fn scene() -> (Scene, Peer) {
    let mut centre = Peer::start("smpp_server.js", &json!({"password": "right"}));
    let port = centre.next("listening").await["port"].clone();
    let scene = Scene::without_carrier(CancellationToken::new());
    open_channel(&scene.house, &port, json!({})).await;
    centre.next("bound").await;
    scene.put(1, "smpp34", json!({})).await;
    // pycmpp fills no field up: a login has all six letters.
    scene.put(2, "cmpp20", json!({"login": "901002"})).await;
    (scene, centre)
}

fn customer(script: &str, login: &str, password: &str, at: SocketAddr) -> Peer {
    Peer::start(script, &json!({"port": at.port(), "login": login, "password": password}))
}

fn sorted(events: &[Value], field: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let mut values: Vec<_> = events.iter().map(|event| text(&event[field])).collect();
    values.sort();
    values
}

/// A text of three parts goes through as it came. Returns the ids that its parts were answered with.
async fn long_text(customer: &mut Peer, centre: &mut Peer, to: Value) -> Vec<String> {
    let text = format!("【鸿雁】{LONG}");
    customer
        .order(&json!({"do": "send", "from": SOURCE, "to": to, "text": text, "way": "udh", "reference": 7}));
    let answers = customer.several("answer", 3).await;
    assert!(answers.iter().all(|answer| answer["status"] == 0), "{answers:?}");
    let parts = centre.several("submit", 3).await;
    assert_eq!(whole(&parts), text);
    assert!(parts.iter().all(|part| part["to"] == format!("86{PHONE}")));
    sorted(&answers, "id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smpplib_sends_long_texts_and_is_told_everything() {
    let (scene, mut centre) = scene().await;
    let mut wrong = customer("smpplib_client.py", "user1", "wrong", scene.smpp);
    assert_eq!(wrong.next("refused").await["status"], 0x0E, "ESME_RINVPASWD");
    let mut client = customer("smpplib_client.py", "user1", "secret", scene.smpp);
    client.next("bound").await;
    let ids = long_text(&mut client, &mut centre, format!("86{PHONE}").into()).await;
    let reports = client.several("deliver", 3).await;
    assert_eq!(sorted(&reports, "id"), ids);
    assert!(reports.iter().all(|report| report["stat"] == "DELIVRD" && report["esm_class"] == 4));

    // What a phone writes in two parts comes in two parts.
    let answer = json!({"do": "inbound", "from": format!("86{PHONE}"), "to": "10690123", "text": ANSWER,
        "way": "sar", "reference": 3});
    centre.order(&answer);
    let parts = client.several("deliver", 2).await;
    assert_eq!(whole(&parts), ANSWER);
    assert!(parts.iter().all(|part| part["from"] == format!("86{PHONE}")));

    // It goes away, and is told afterwards what it missed.
    client.order(&json!({"do": "drop"}));
    centre.order(&json!({"do": "inbound", "from": format!("86{PHONE}"), "to": "10690123", "text": "还在吗",
        "way": "udh", "reference": 4}));
    assert_eq!(centre.several("answer", 3).await.last().unwrap()["status"], 0, "it is durable here");
    client.order(&json!({"do": "connect"}));
    client.next("bound").await;
    assert_eq!(client.next("deliver").await["text"], "还在吗");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_client_sends_long_texts_in_every_way() {
    let (scene, mut centre) = scene().await;
    let mut client = customer("smpp_client.js", "user1", "secret", scene.smpp);
    client.next("bound").await;
    for (number, (way, answers)) in
        [("plain", 1), ("udh", 3), ("sar", 3), ("payload", 1)].into_iter().enumerate()
    {
        let text = if way == "plain" {
            "【鸿雁】一条短信".to_owned()
        } else {
            format!("【鸿雁】{number}{LONG}")
        };
        client.order(
            &json!({"do": "send", "from": SOURCE, "to": format!("86{PHONE}"), "text": text, "way": way,
            "reference": number}),
        );
        let answered = client.several("answer", answers).await;
        assert!(answered.iter().all(|answer| answer["status"] == 0), "{way}: {answered:?}");
        let outgoing = centre.several("submit", if way == "plain" { 1 } else { 3 }).await;
        assert_eq!(whole(&outgoing), text, "{way}");
        let reports = client.several("deliver", answers).await;
        assert_eq!(sorted(&reports, "receipted"), sorted(&answered, "id"), "{way}");
        assert!(reports.iter().all(|report| report["text"].as_str().unwrap().contains("stat:DELIVRD")));
    }
    // A number that is not its own.
    client.order(&json!({"do": "send", "from": "999", "to": PHONE, "text": "【鸿雁】一", "way": "plain"}));
    assert_eq!(client.next("answer").await["status"], 0x0A, "ESME_RINVSRCADR");
    // None: its first.
    client.order(&json!({"do": "send", "from": "", "to": PHONE, "text": "【鸿雁】二", "way": "plain"}));
    assert_eq!(client.next("answer").await["status"], 0);

    client.order(&json!({"do": "drop"}));
    client.next("closed").await;
    client.order(&json!({"do": "connect"}));
    client.next("bound").await;
    centre.order(&json!({"do": "inbound", "from": format!("86{PHONE}"), "to": "10690123", "text": ANSWER,
        "way": "udh", "reference": 9}));
    // The report of the last message may have waited for it too.
    let mut parts = Vec::new();
    while parts.len() < 2 {
        let delivered = client.next("deliver").await;
        if delivered["esm_class"] != 4 {
            parts.push(delivered);
        }
    }
    assert_eq!(whole(&parts), ANSWER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pycmpp_sends_long_texts_without_a_number_of_its_own() {
    let (scene, mut centre) = scene().await;
    let mut nobody = customer("pycmpp_client.py", "901009", "secret", scene.cmpp);
    assert_eq!(nobody.next("refused").await["status"], 2, "nobody of this login");
    drop(nobody);
    let mut client = customer("pycmpp_client.py", "901002", "secret", scene.cmpp);
    client.next("bound").await;
    // It leaves Src_Id empty.
    let ids = long_text(&mut client, &mut centre, json!([PHONE])).await;
    let reports = client.several("report", 3).await;
    assert_eq!(sorted(&reports, "id"), ids);
    assert!(reports.iter().all(|report| report["stat"] == "DELIVRD" && report["phone"] == PHONE));

    centre.order(&json!({"do": "inbound", "from": format!("86{PHONE}"), "to": "10690123", "text": ANSWER,
        "way": "payload"}));
    let parts = client.several("deliver", 2).await;
    assert_eq!(whole(&parts), ANSWER);
    assert!(parts.iter().all(|part| part["from"] == PHONE && part["to"] == SOURCE));

    // It dies; what comes while it is away waits for the next one.
    drop(client);
    centre.several("answer", 1).await;
    centre.order(&json!({"do": "inbound", "from": format!("86{PHONE}"), "to": "10690123", "text": "还在吗",
        "way": "payload"}));
    assert_eq!(centre.next("answer").await["status"], 0, "it is durable here");
    let mut client = customer("pycmpp_client.py", "901002", "secret", scene.cmpp);
    client.next("bound").await;
    assert_eq!(client.next("deliver").await["text"], "还在吗");
    client.order(&json!({"do": "send", "to": [PHONE], "text": "【鸿雁】重连之后"}));
    assert_eq!(client.next("answer").await["status"], 0);
    assert_eq!(centre.next("submit").await["text"], "【鸿雁】重连之后");
    assert_eq!(client.next("report").await["stat"], "DELIVRD");
}
