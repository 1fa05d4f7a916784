//! Our channels towards message centres that others wrote: node's `smpp` and Python's `smppy`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::house::House;
use crate::peer::{Peer, whole};

/// Three parts in UCS-2.
pub(crate) const LONG: &str = "尊敬的客户，您的订单已经发出，预计三天之内送到，请您留意查收短信并凭取件码到门店领取，\
    过期不候，如有疑问请致电客服；感谢您的支持与信任，祝您生活愉快，万事如意，我们期待再次为您服务。\
    请注意：本次活动最终解释权归商家所有，详情请见门店公告，最后一句有个表情🙂，它占两个码元。";
/// What a phone writes, in two parts.
pub(crate) const ANSWER: &str = "你好，我昨天已经收到了包裹，但是里面少了一件，麻烦你们帮我查一下是怎么回事，谢谢！\
    另外，取件码在门店试了三次都提示无效，请重新发一个给我，最好今天下午之前。";

/// A channel over SMPP to `port`, a route over it, and prices.
pub(crate) async fn open_channel(house: &House, port: &Value, more: Value) {
    let mut body = json!({
        "gateway": "gwy_1", "name": "peer", "protocol": "smpp34", "host": "127.0.0.1", "port": port,
        "login": "hongyan", "secret": "right", "access_code": "10690123", "connections": 1, "window": 16,
        "cost": {"micros": 30_000}
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    house.api(Method::PUT, "/v1/channels/chn_1", Some(&body)).await;
    let route = json!({"name": "peer", "steps": [{"channels": [{"channel": "chn_1", "weight": 1}]}]});
    house.api(Method::PUT, "/v1/routes/rte_1", Some(&route)).await;
    house.api(Method::PUT, "/v1/prices", Some(&json!({"prices": [{"per_part": {"micros": 45_000}}]}))).await;
}

pub(crate) fn send(house: &House, phone: &str, text: &str) -> String {
    house.ask(&["send", "--to", phone, "--signature", "鸿雁", "--text", text]).ok().trim().to_owned()
}

pub(crate) async fn state_becomes(house: &House, id: &str, state: &str) -> Value {
    let mut message = Value::Null;
    for _ in 0..600 {
        message = house.api(Method::GET, &format!("/v1/messages/{id}"), None).await;
        if message["state"] == state {
            return message;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not become {state}: {message}");
}

pub(crate) async fn heard(house: &House, count: usize) -> Vec<Value> {
    for _ in 0..600 {
        let inbound = house.api(Method::GET, "/v1/inbound?reveal=true", None).await;
        let items = inbound["items"].as_array().unwrap();
        if items.len() >= count {
            return items.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("fewer than {count} messages came in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_message_centre_takes_long_texts_and_tells_everything_back() {
    let mut centre = Peer::start("smpp_server.js", &json!({"password": "right"}));
    let port = centre.next("listening").await["port"].clone();
    let house = House::open();
    open_channel(&house, &port, json!({"secret": "wrong"})).await;
    assert_eq!(centre.next("refused").await["login"], "hongyan");
    open_channel(&house, &port, json!({"secret": "right"})).await;
    let bound = centre.next("bound").await;
    assert_eq!((&bound["kind"], &bound["version"]), (&json!("bind_transceiver"), &json!(0x34)));

    let id = send(&house, "13800138000", LONG);
    let parts = centre.several("submit", 3).await;
    assert_eq!(whole(&parts), format!("【鸿雁】{LONG}"), "as node reads it");
    assert!(parts.iter().all(|part| part["way"] == "udh" && part["coding"] == 8));
    assert!(parts.iter().all(|part| part["to"] == "8613800138000" && part["from"] == "10690123"));
    state_becomes(&house, &id, "delivered").await;
    let answered = centre.several("receipt_answered", 3).await;
    assert!(answered.iter().all(|answer| answer["status"] == 0));

    // What phones write, in each of the three ways of a long text.
    for (reference, way) in ["udh", "sar", "payload"].into_iter().enumerate() {
        let text = format!("{ANSWER}{way}");
        centre.order(&json!({"do": "inbound", "from": "8613800138000", "to": "10690123", "text": text,
            "way": way, "reference": reference + 1}));
        assert_eq!(centre.next("answer").await["status"], 0);
    }
    let items = heard(&house, 3).await;
    for way in ["udh", "sar", "payload"] {
        let found = items.iter().find(|item| item["text"] == format!("{ANSWER}{way}"));
        let found = found.unwrap_or_else(|| panic!("{way}: {items:?}"));
        assert_eq!((&found["from"], &found["answers"]), (&json!("+8613800138000"), &json!(id)));
    }

    // The connection breaks; the channel comes back by itself and carries on.
    centre.order(&json!({"do": "drop"}));
    centre.next("bound").await;
    let id = send(&house, "13800138001", "断线重连之后的第一条短信");
    assert_eq!(centre.next("submit").await["text"], "【鸿雁】断线重连之后的第一条短信");
    state_becomes(&house, &id, "delivered").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smppys_message_centre_takes_long_texts_and_answers_by_sar() {
    let mut centre = Peer::start("smppy_server.py", &json!({"password": "right"}));
    let port = centre.next("listening").await["port"].clone();
    let house = House::open();
    // It reads one PDU at a time; all parts of a text go over one of the connections, one after the other.
    open_channel(&house, &port, json!({"window": 1, "connections": 3})).await;
    let bound = centre.several("bound", 3).await;
    assert!(bound.iter().all(|bound| bound["login"] == "hongyan"));

    let id = send(&house, "13800138000", LONG);
    let parts = centre.several("submit", 3).await;
    let text: String = parts.iter().map(|part| part["text"].as_str().unwrap()).collect();
    assert_eq!(text, format!("【鸿雁】{LONG}"));
    // It gives no ids, so there is no receipt that could name one.
    state_becomes(&house, &id, "submitted").await;

    centre.order(&json!({"do": "inbound", "from": "8613800138000", "to": "10690123", "text": ANSWER}));
    let items = heard(&house, 1).await;
    assert_eq!(
        (&items[0]["text"], &items[0]["answers"]),
        (&json!(ANSWER), &json!(id)),
        "cut by sar_* parameters"
    );

    centre.order(&json!({"do": "drop"}));
    centre.several("bound", 3).await;
    let id = send(&house, "13800138001", "断线重连之后的第一条短信");
    assert_eq!(centre.next("submit").await["text"], "【鸿雁】断线重连之后的第一条短信");
    state_becomes(&house, &id, "submitted").await;
}
