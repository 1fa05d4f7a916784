//! Vendors' own SDKs towards our endpoints: nothing but the endpoint is changed. Requests that no SDK would make (a clock
//! that is wrong, a nonce that is used twice) are made by the same SDKs with one function replaced.
#![expect(clippy::disallowed_methods, reason = "SDKs sign with the time of this machine")]

mod aliyun;
mod tencent;
mod twilio;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Body;
use domain::channel::{CarrierCode, CarrierMessageId, Receipt, ReceiptStatus};
use domain::ids::{ChannelId, GatewayId, IdGenerator};
use domain::ledger::{ClaimRequest, Disposition, InboundRecord, Ledger as _, Settlement, Take};
use domain::phone::{CarrierSet, Country, Phone};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::house::{House, NOON, Who, json_request, request};
use crate::peer::Peer;

/// A house with a port, whose clock is this machine's.
struct Shop {
    house: Arc<House>,
    at: SocketAddr,
    carried: u64,
    _folder: TempDir,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let house = Arc::new(House::open(folder.path()).await);
        let (began, mut passed) = (Instant::now(), Duration::ZERO);
        assert!(now() > NOON, "the clock of this machine is right");
        house.pass(now().since(NOON));
        let clock = Arc::downgrade(&house);
        tokio::spawn(async move {
            while let Some(house) = clock.upgrade() {
                let elapsed = Duration::from_millis(u64::try_from(began.elapsed().as_millis()).unwrap());
                house.pass(elapsed - passed);
                passed = elapsed;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let service = house.router();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { house, at, carried: 0, _folder: folder }
    }

    /// A key that signs, or one that is shown: its id and its secret.
    async fn key(&self, signs: bool, scopes: &[&str]) -> (String, String) {
        let body = json!({"name": "sdk", "scopes": scopes, "signs": signs});
        let made = self.house.post("/v1/keys", body).await.ok(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["key"]["id"]), text(&made["secret"]))
    }

    async fn template(&self, name: &str, category: &str, source: &str) {
        let body = json!({"name": name, "category": category, "text": source});
        self.house.post("/v1/templates", body).await.ok(201);
    }

    /// Serves by somebody who remembers nothing of what was asked before, at another port.
    async fn serve_anew(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.at = listener.local_addr().unwrap();
        let service = api::router(self.house.state.clone(), crate::beside(&self.house.state));
        tokio::spawn(async move { axum::serve(listener, service).await });
    }

    /// A phone writes to the account.
    async fn answer(&self, phone: &str, text: &str, carrier: u64) {
        let ledger = &self.house.ledger;
        let from = Phone::parse(phone, Country::CN).unwrap();
        let record = InboundRecord {
            id: IdGenerator::new(2).next(now(), from.slot()).into(),
            account: Some(self.house.accounts.0),
            gateway: GatewayId(1),
            channel: ChannelId(1),
            carrier_id: CarrierMessageId::Number(1_000 + carrier),
            from,
            to: "10690000".into(),
            text: text.to_owned(),
            answers: None,
            campaign: None,
            opted_out: false,
            received_at: now(),
        };
        assert!(ledger.inbound(record, Vec::new()).await.unwrap());
    }

    /// From now on its account spends what it has: this much.
    async fn bound(&self, micros: i64) {
        let account = self.house.accounts.0;
        let terms = json!({"mode": "bounded", "charge": "submitted", "credit": {"micros": 0}});
        self.house.ask("PUT", &format!("/v1/accounts/{account}/terms"), terms).await.ok(200);
        let body = json!({"amount": {"micros": micros}});
        let mut request = json_request("POST", &format!("/v1/accounts/{account}/top-ups"), &body);
        request.headers_mut().insert("idempotency-key", "a".parse().unwrap());
        self.house.send(Who::Owner, request).await.ok(201);
    }

    /// A carrier that takes what is due, and says so of each. Returns the texts, by phone.
    async fn carry(&mut self, status: ReceiptStatus, code: &[u8]) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        let ledger = &self.house.ledger;
        while let Some(due) = ledger.due().into_iter().find(|due| due.earliest <= now()) {
            let request = ClaimRequest {
                partition: due.partition,
                channel: ChannelId(1),
                gateway: GatewayId(1),
                carriers: CarrierSet::ALL,
                takes: vec![Take { stream: due.stream, limit: 100, reach: CarrierSet::ALL }],
                max_parts: 100,
                now: now(),
                policy: self.house.engine.policy(),
            };
            let (mut settlements, mut receipts) = (Vec::new(), Vec::new());
            for outgoing in ledger.claim(request).await.unwrap().outgoing {
                self.carried += 1;
                let id = CarrierMessageId::Number(self.carried);
                texts.push((outgoing.phone.e164().to_string(), outgoing.text.to_string()));
                receipts.push(Receipt {
                    gateway: GatewayId(1),
                    carrier_id: id.clone(),
                    phone: Some(outgoing.phone),
                    status,
                    code: CarrierCode::new(code),
                    received_at: now(),
                });
                let disposition = Disposition::Submitted { gateway: GatewayId(1), ids: vec![id] };
                let (ticket, channel) = (outgoing.ticket, ChannelId(1));
                settlements.push(Settlement { ticket, channel, at: now(), disposition });
            }
            ledger.settle(due.partition, settlements).await.unwrap();
            let retry = Arc::new(RetryPolicy::default());
            ledger.receipts(due.partition, receipts, true, retry, now()).await.unwrap();
        }
        texts.sort();
        texts
    }
}

/// A shop, a template for one-time passwords in it, and a key that signs.
struct Application {
    shop: Shop,
    id: String,
    secret: String,
}

impl Application {
    async fn open(scopes: &[&str], (template, source): (&str, &str)) -> Self {
        let shop = Shop::open().await;
        let (id, secret) = shop.key(true, scopes).await;
        shop.template(template, "otp", source).await;
        Self { shop, id, secret }
    }

    /// A vendor's SDK that knows the key, and whatever else it is told.
    fn sdk(&self, script: &str, more: Value) -> Peer {
        let mut setup = json!({"endpoint": self.shop.at.to_string(), "id": self.id, "secret": self.secret});
        let Value::Object(more) = more else { panic!("an object") };
        setup.as_object_mut().unwrap().extend(more);
        Peer::start(script, &setup)
    }
}

#[tokio::test]
async fn nobody_is_let_in_without_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let account = format!("AC{:032x}", house.accounts.0.raw());
    for (method, path) in [("GET", "Messages.json"), ("POST", "Messages.json"), ("GET", "Messages/SM0.json")]
    {
        let path = format!("/2010-04-01/Accounts/{account}/{path}");
        let answer = house.send(Who::Nobody, request(method, &path, Body::empty())).await;
        assert_eq!(answer.ok(401)["code"], 20_003, "{method} {path}");
    }
    for action in ["SendSms", "SendBatchSms", "QuerySendDetails"] {
        let path = format!("/?Action={action}&Version=2017-05-25");
        let answer = house.send(Who::Nobody, request("POST", &path, Body::empty())).await;
        assert_eq!(answer.ok(400)["Code"], "MissingAccessKeyId", "{action}");
    }
    for action in ["SendSms", "PullSmsSendStatus", "PullSmsReplyStatus"] {
        let mut asked = request("POST", "/", Body::from("{}"));
        asked.headers_mut().insert("x-tc-action", action.parse().unwrap());
        asked.headers_mut().insert("x-tc-version", "2021-01-11".parse().unwrap());
        let answer = house.send(Who::Nobody, asked).await;
        let code = &answer.ok(200)["Response"]["Error"]["Code"];
        assert_eq!(code, "AuthFailure.InvalidAuthorization", "{action}");
    }
    let unknown =
        house.send(Who::Nobody, request("POST", "/?Action=SendCardSms&Version=2017-05-25", Body::empty()));
    assert_eq!(unknown.await.ok(404)["Code"], "InvalidAction.NotFound");
}

#[tokio::test]
async fn whoever_opens_the_address_in_a_browser_is_shown_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let answer = house.send(Who::Nobody, request("GET", "/", Body::empty())).await;
    assert_eq!((answer.status.as_u16(), &answer.headers["location"]), (303, &"/docs".parse().unwrap()));
    for asked in [request("GET", "/?Action=SendSms", Body::empty()), request("POST", "/", Body::empty())] {
        let answer = house.send(Who::Nobody, asked).await;
        assert!(answer.json()["Code"].is_string(), "a vendor's SDK is answered as by its vendor");
    }
}
