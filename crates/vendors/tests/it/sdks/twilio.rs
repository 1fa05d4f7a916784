//! Twilio's.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use domain::channel::ReceiptStatus;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::Shop;
use crate::peer::Peer;

const SCOPES: [&str; 3] = ["messages:send", "messages:read", "people:reveal"];

/// An application's own server: what it is told, with the signature. It fails the first call.
async fn application() -> (String, mpsc::Receiver<(Value, String)>) {
    type Told = (mpsc::Sender<(Value, String)>, std::sync::Arc<std::sync::atomic::AtomicBool>);
    async fn take(State((send, failed)): State<Told>, headers: HeaderMap, body: String) -> StatusCode {
        if !failed.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        let fields: Map<String, Value> = form_urlencoded::parse(body.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect();
        let signature = headers["x-twilio-signature"].to_str().unwrap().to_owned();
        send.send((fields.into(), signature)).await.unwrap();
        StatusCode::NO_CONTENT
    }
    let (send, receive) = mpsc::channel(16);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/told?shop=7", listener.local_addr().unwrap());
    let state: Told = (send, std::sync::Arc::default());
    let router = Router::new().route("/told", post(take)).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, receive)
}

struct Application {
    shop: Shop,
    sdk: Peer,
}

/// The account's sid, and an SDK that shows a key: by the account alone, or by a key that signs.
async fn open(script: &str, by_key: bool) -> Application {
    let shop = Shop::open().await;
    let (id, secret) = shop.key(by_key, &SCOPES).await;
    let account = format!("AC{:032x}", shop.house.accounts.0.raw());
    let user = if by_key { id.replace("key_", "SK") } else { account.clone() };
    let setup = json!({"endpoint": format!("http://{}", shop.at), "user": user, "password": secret, "account": account});
    Application { sdk: Peer::start(script, &setup), shop }
}

impl Application {
    async fn ask(&mut self, order: Value, event: &str) -> Value {
        self.sdk.order(&order);
        self.sdk.next(event).await
    }

    async fn refused(&mut self, fields: Value) -> (Value, Value) {
        let refused = self.ask(json!({"do": "create", "fields": fields}), "refused").await;
        (refused["status"].clone(), refused["code"].clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_sends_looks_lists_and_is_called() {
    let mut app = open("twilio_client.py", true).await;
    let (url, mut told) = application().await;
    app.shop.house.engine.start_webhooks();
    let fields = json!({"to": "+8613800138000", "from_": "鸿雁", "body": "您的验证码是 246810", "status_callback": url});
    let created = app.ask(json!({"do": "create", "fields": fields}), "created").await;
    let sid = created["sid"].as_str().unwrap().to_owned();
    assert!(sid.starts_with("SM") && sid.len() == 34);
    assert_eq!((&created["status"], &created["from_"]), (&json!("queued"), &json!("鸿雁")));
    assert_eq!((&created["num_segments"], &created["price"]), (&json!("1"), &Value::Null));

    let texts = app.shop.carry(ReceiptStatus::Delivered, b"DELIVRD").await;
    assert_eq!(texts, [("+8613800138000".to_owned(), "【鸿雁】您的验证码是 246810".to_owned())]);
    let fetched = app.ask(json!({"do": "fetch", "sid": sid}), "fetched").await;
    assert_eq!((&fetched["status"], &fetched["sent"]), (&json!("delivered"), &json!(true)));
    assert_eq!((&fetched["price"], &fetched["price_unit"]), (&json!("-0.04500"), &json!("CNY")));
    assert_eq!((&fetched["to"], &fetched["error_code"]), (&json!("+8613800138000"), &Value::Null));

    // The first call failed, so the first step is told again, after the second.
    let check = async |app: &mut Application, told: &mut mpsc::Receiver<(Value, String)>, step: &str| {
        let (params, signature) = told.recv().await.unwrap();
        assert_eq!((&params["MessageStatus"], &params["MessageSid"]), (&json!(step), &json!(sid)));
        assert_eq!((&params["From"], &params["SmsStatus"]), (&json!("鸿雁"), &json!(step)));
        let order = json!({"do": "validate", "url": url, "params": params, "signature": signature});
        assert_eq!(app.ask(order, "validated").await["fits"], true, "{step}");
    };
    check(&mut app, &mut told, "delivered").await;

    // Of another two, one goes to a number that does not exist.
    let mut sids = vec![sid.clone()];
    for phone in ["+8613800138001", "+8613800138002"] {
        let fields = json!({"to": phone, "messaging_service_sid": format!("MG{}", "0".repeat(32)), "body": "【鸿雁】您好"});
        let created = app.ask(json!({"do": "create", "fields": fields}), "created").await;
        assert_eq!(created["status"], "accepted");
        sids.push(created["sid"].as_str().unwrap().to_owned());
    }
    app.shop.carry(ReceiptStatus::Undelivered, b"MK:0001").await;
    let fetched = app.ask(json!({"do": "fetch", "sid": sids[1]}), "fetched").await;
    assert_eq!((&fetched["status"], &fetched["error_code"]), (&json!("undelivered"), &json!(30_005)));
    // Page by page; ids of one millisecond are in the order of their phones' slots.
    let listed = app.ask(json!({"do": "list", "fields": {"page_size": 1}}), "listed").await;
    let listed: Vec<_> = listed["sids"].as_array().unwrap().iter().map(|sid| sid.as_str().unwrap()).collect();
    assert!(listed.len() == 3 && sids.iter().all(|sid| listed.contains(&sid.as_str())), "{listed:?}");
    let one = app.ask(json!({"do": "list", "fields": {"to": "+8613800138001"}}), "listed").await;
    assert_eq!(one["sids"], json!([sids[1]]));
    app.shop.house.pass(std::time::Duration::from_secs(10));
    check(&mut app, &mut told, "sent").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_is_refused_in_its_own_numbers() {
    let mut app = open("twilio_client.py", false).await;
    let refused = |code: u32| (json!(400), json!(code));
    let body = "【鸿雁】您好";
    assert_eq!(
        app.refused(json!({"to": "12", "from_": "+15005550006", "body": body})).await,
        refused(21_211)
    );
    assert_eq!(app.refused(json!({"to": "+8613800138000", "body": body})).await, refused(21_603));
    assert_eq!(app.refused(json!({"to": "+8613800138000", "from_": "1069"})).await, refused(21_602));
    let long = json!({"to": "+8613800138000", "from_": "1069", "body": "字".repeat(1_601)});
    assert_eq!(app.refused(long).await, refused(21_617));
    let missing = app.ask(json!({"do": "fetch", "sid": format!("SM{}", "0".repeat(32))}), "refused").await;
    assert_eq!((&missing["status"], &missing["code"]), (&json!(404), &json!(20_404)));

    let account = format!("AC{:032x}", app.shop.house.accounts.0.raw());
    let endpoint = format!("http://{}", app.shop.at);
    let (_, secret) = app.shop.key(false, &["messages:read"]).await;
    let own = json!({"to": "+8613800138009", "from_": "鸿雁", "body": "您好"});
    let sid = app.ask(json!({"do": "create", "fields": own}), "created").await["sid"].clone();
    app.shop.carry(ReceiptStatus::Delivered, b"").await;
    let create = json!({"do": "create", "fields": {"to": "+8613800138000", "from_": "1069", "body": body}});
    for (password, status, code) in [("wrong", 401, 20_003), (secret.as_str(), 403, 20_403)] {
        let setup = json!({"endpoint": endpoint, "user": account, "password": password, "account": account});
        let mut sdk = Peer::start("twilio_client.py", &setup);
        sdk.order(&create);
        let refused = sdk.next("refused").await;
        assert_eq!((&refused["status"], &refused["code"]), (&json!(status), &json!(code)));
        if status == 403 {
            sdk.order(&json!({"do": "fetch", "sid": sid}));
            assert_eq!(sdk.next("fetched").await["to"], "+86138****8009", "without people:reveal");
        }
    }
    // Another account's messages are not there, whoever asks.
    let stranger = format!("AC{:032x}", app.shop.house.accounts.1.raw());
    let (id, secret) = app.shop.key(true, &SCOPES).await;
    let setup = json!({"endpoint": endpoint, "user": id.replace("key_", "SK"), "password": secret, "account": stranger});
    let mut sdk = Peer::start("twilio_client.py", &setup);
    sdk.order(&create);
    assert_eq!(sdk.next("refused").await["status"], 404);
    assert!(app.shop.carry(ReceiptStatus::Delivered, b"").await.is_empty(), "nothing was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_sdk_sends_and_looks() {
    let mut app = open("twilio_client.js", true).await;
    let fields = json!({"to": "+8613800138000", "from": "鸿雁", "body": "您好"});
    let created = app.ask(json!({"do": "create", "fields": fields}), "created").await;
    assert_eq!(created["body"], "您好");
    let texts = app.shop.carry(ReceiptStatus::Delivered, b"DELIVRD").await;
    assert_eq!(texts[0].1, "【鸿雁】您好");
    let fetched = app.ask(json!({"do": "fetch", "sid": created["sid"]}), "fetched").await;
    assert_eq!(fetched["status"], "delivered");
    let listed = app.ask(json!({"do": "list", "fields": {"to": "+8613800138000"}}), "listed").await;
    assert_eq!(listed["sids"], json!([created["sid"]]));
    assert_eq!(
        app.refused(json!({"to": "12", "from": "鸿雁", "body": "x"})).await,
        (json!(400), json!(21_211))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sdks_cancel_what_waits_and_forget_what_has_ended() {
    for script in ["twilio_client.py", "twilio_client.js"] {
        let mut app = open(script, true).await;
        let (sender, at) = if script.ends_with("js") {
            ("messagingServiceSid", "sendAt")
        } else {
            ("messaging_service_sid", "send_at")
        };
        let kind = if script.ends_with("js") { "scheduleType" } else { "schedule_type" };
        let mut fields = json!({"to": "+8613800138000", "body": "【鸿雁】您好"});
        fields[sender] = json!(format!("MG{}", "0".repeat(32)));
        let mut later = fields.clone();
        let soon = super::now().plus(std::time::Duration::from_secs(3_600)).to_jiff();
        (later[kind], later[at]) = (json!("fixed"), json!(soon.to_string().replace('Z', "+00:00")));
        let scheduled = app.ask(json!({"do": "create", "fields": later}), "created").await["sid"].clone();
        let early = app.ask(json!({"do": "redact", "sid": scheduled}), "refused").await;
        assert_eq!((&early["status"], &early["code"]), (&json!(409), &json!(20_009)), "{script}");
        for _ in 0..2 {
            let cancelled = app.ask(json!({"do": "cancel", "sid": scheduled}), "cancelled").await;
            assert_eq!(cancelled["status"], "canceled", "{script}");
        }
        let sent = app.ask(json!({"do": "create", "fields": fields}), "created").await["sid"].clone();
        let texts = app.shop.carry(ReceiptStatus::Delivered, b"DELIVRD").await;
        assert_eq!(texts.len(), 1, "{script}: what was cancelled is not sent");
        let late = app.ask(json!({"do": "cancel", "sid": sent}), "refused").await;
        assert_eq!((&late["status"], &late["code"]), (&json!(409), &json!(30_409)), "{script}");
        let redacted = app.ask(json!({"do": "redact", "sid": sent}), "redacted").await;
        assert_eq!((&redacted["status"], &redacted["body"]), (&json!("delivered"), &json!("")), "{script}");

        assert_eq!(app.ask(json!({"do": "delete", "sid": sent}), "deleted").await["done"], true, "{script}");
        for gone in ["fetch", "delete", "redact"] {
            let refused = app.ask(json!({"do": gone, "sid": sent}), "refused").await;
            assert_eq!(
                (&refused["status"], &refused["code"]),
                (&json!(404), &json!(20_404)),
                "{script} {gone}"
            );
        }
        let listed = app.ask(json!({"do": "list", "fields": {}}), "listed").await;
        assert_eq!(listed["sids"], json!([scheduled]), "{script}");
    }
}
