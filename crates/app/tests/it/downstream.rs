//! Customers that connect to us: their submits in, out over a carrier, and their reports and messages back.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use domain::ids::MessageId;
use serde_json::json;
use sim::{Handle, LogNormal, Replies, SimConfig};
use tokio_util::sync::CancellationToken;
use wire::cmpp::Cmpp;
use wire::sgip::Sgip;
use wire::smgp::Smgp;
use wire::smpp::{self, BindKind, Smpp};
use wire::{Octets, Request, TerminalId, cmpp};

use crate::customer::{Customer, SOURCE, Speech, bind, called_back, cut};
use crate::house::{CONFIG, Channel, House};

const LONG: &str = "尊敬的客户，您的订单已经发出，请在三天之内到门店领取，过期不候。";

/// A port that is free now.
fn port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// A server that customers may connect to over SMPP, SMGP, CMPP and SGIP, with a carrier behind it.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) smpp: SocketAddr,
    smgp: SocketAddr,
    pub(crate) cmpp: SocketAddr,
    sgip: SocketAddr,
    stop: CancellationToken,
}

impl Scene {
    async fn open(carrier: SimConfig) -> (Self, Handle) {
        let stop = CancellationToken::new();
        let carrier = sim::run(carrier, stop.clone()).await.unwrap();
        let scene = Self::without_carrier(stop);
        scene.house.open_channel(carrier.addr(), &Channel::PLAIN).await;
        (scene, carrier)
    }

    /// The server with its ports, and no channel yet.
    pub(crate) fn without_carrier(stop: CancellationToken) -> Self {
        let [smpp, smgp, cmpp, sgip] = [(); 4].map(|()| port());
        let mut house = House::on(None);
        let ports = format!(
            "[downstream]\nsmpp = \"{smpp}\"\nsmgp = \"{smgp}\"\ncmpp = \"{cmpp}\"\nsgip = \"{sgip}\"\n"
        );
        house.write("hongyan.toml", format!("{CONFIG}{ports}"));
        house.start();
        Self { house, smpp, smgp, cmpp, sgip, stop }
    }

    pub(crate) async fn put(&self, number: u16, protocol: &str, more: serde_json::Value) {
        let mut body = json!({
            "name": protocol, "protocol": protocol, "login": format!("user{number}"), "secret": "secret",
            "addresses": ["10690001"], "connections": 4, "window": 100, "category": "notice", "signature": "鸿雁",
            "signing": "missing"
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.house.api(reqwest::Method::PUT, &format!("/v1/customers/cus_{number}"), Some(&body)).await;
    }
}

/// A text of several parts, each answered for itself and told for itself.
async fn long_text<P: Speech>(to: SocketAddr, login: &str, phone: &str) -> Customer<P> {
    let mut customer = Customer::<P>::log_in(to, login, "secret").await;
    assert!(customer.connected, "{:?}", customer.refused);
    let text = format!("【鸿雁】{}", LONG.repeat(4));
    let parts = cut(&text, 7);
    assert_eq!(parts.len(), 2);
    // The second part first: the order does not matter.
    for index in [1, 0] {
        customer.submit(phone, parts.get(index).unwrap(), 8, true);
        customer.until(|customer| customer.answers.len() == 2 - index).await;
    }
    assert!(customer.answers.values().all(|(result, _)| *result == 0), "{:?}", customer.answers);
    customer
}

fn ids<P: Speech>(customer: &Customer<P>) -> Vec<String> {
    customer.answers.values().map(|(_, id)| id.clone()).collect()
}

fn told<P: Speech>(customer: &Customer<P>) -> Vec<(String, String)> {
    let mut told: Vec<_> = customer.told.iter().map(|told| (told.id.clone(), told.stat.clone())).collect();
    told.sort();
    told
}

fn delivered(mut ids: Vec<String>) -> Vec<(String, String)> {
    ids.sort();
    ids.into_iter().map(|id| (id, "DELIVRD".to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_chinese_text_goes_in_over_smpp_out_over_cmpp_and_its_reports_come_back() {
    let (scene, carrier) = Scene::open(SimConfig::ideal()).await;
    scene.put(1, "smpp34", json!({})).await;
    let mut customer = long_text::<Smpp>(scene.smpp, "user1", "13800138000").await;
    customer.until(|customer| customer.told.len() == 2).await;
    assert_eq!(told(&customer), delivered(ids(&customer)));
    assert_eq!(customer.told[0].phone, "8613800138000");
    let counters = carrier.counters();
    assert_eq!(
        (counters.messages, counters.submits, counters.duplicates),
        (1, 2, 0),
        "it went out as it came"
    );
    let text = format!("【鸿雁】{}", LONG.repeat(4));
    let key = (8_613_800_138_000, domain::policy::text_hash(&text));
    assert!(carrier.truth().by_key().contains_key(&key), "whole");
    scene.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_protocol_gets_its_reports_and_what_phones_answer() {
    let replies = Replies {
        ordinary: 1.0,
        ordinary_texts: vec!["好的，谢谢".to_owned()],
        delay: LogNormal { median_ms: 20.0, p95_ms: 20.0 },
        ..Replies::default()
    };
    let (scene, _carrier) = Scene::open(SimConfig { replies, ..SimConfig::ideal() }).await;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let call_back = listener.local_addr().unwrap();
    scene.put(1, "smpp50", json!({})).await;
    scene.put(2, "cmpp30", json!({})).await;
    scene.put(3, "smgp30", json!({})).await;
    let back = json!({"call_back": {"host": call_back.ip().to_string(), "port": call_back.port()}});
    scene.put(4, "sgip12", back).await;

    let mut smpp = long_text::<Smpp>(scene.smpp, "user1", "13800138001").await;
    everything_back(&mut smpp, "8613800138001").await;
    let mut cmpp = long_text::<Cmpp>(scene.cmpp, "user2", "13800138002").await;
    everything_back(&mut cmpp, "13800138002").await;
    let mut smgp = long_text::<Smgp>(scene.smgp, "user3", "13800138003").await;
    everything_back(&mut smgp, "13800138003").await;
    long_text::<Sgip>(scene.sgip, "user4", "13800138004").await;
    let mut sgip = called_back(&listener).await;
    // Its ids are the numbers that it gave the parts itself.
    sgip.until(|customer| customer.told.len() == 2 && customer.heard.len() == 1).await;
    assert!(sgip.told.iter().all(|told| told.stat == "DELIVRD" && told.id.starts_with("3010092008-")));
    assert_eq!((sgip.heard[0].to.as_str(), sgip.heard[0].phone.as_str()), (SOURCE, "8613800138004"));
    scene.stop.cancel();
}

async fn everything_back<P: Speech>(customer: &mut Customer<P>, phone: &str) {
    customer.until(|customer| customer.told.len() == 2 && customer.heard.len() == 1).await;
    assert_eq!(told(customer), delivered(ids(customer)));
    let heard = &customer.heard[0];
    assert_eq!((heard.phone.as_str(), heard.to.as_str(), heard.text.as_str()), (phone, SOURCE, "好的，谢谢"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_wait_for_a_customer_that_is_away_even_over_a_kill() {
    let (mut scene, _carrier) = Scene::open(SimConfig::ideal()).await;
    scene.put(1, "smpp34", json!({})).await;
    // A transmitter is told nothing.
    let stream = tokio::net::TcpStream::connect(scene.smpp).await.unwrap();
    let mut customer = Customer::on(stream, bind(BindKind::Transmitter, "user1", "secret"));
    customer.until(|customer| customer.connected).await;
    for number in 0..50 {
        customer.send(&format!("139{number:08}"), &format!("您的取件码是{number}"));
    }
    // One part of two: it is kept, and its fellow comes after the kill.
    let parts = cut(&LONG.repeat(4), 9);
    customer.submit("13700000000", parts.get(0).unwrap(), 8, true);
    customer.until(|customer| customer.answers.len() == 51).await;
    assert!(customer.answers.values().all(|(result, _)| *result == 0), "{:?}", customer.answers);
    customer.linger(500).await;
    assert_eq!(customer.told, []);
    let mut ids = ids(&customer);
    let first_part = ids.pop().unwrap();
    drop(customer);
    scene.house.kill();
    scene.house.start();

    let mut customer = Customer::<Smpp>::log_in(scene.smpp, "user1", "secret").await;
    customer.submit("13700000000", parts.get(1).unwrap(), 8, true);
    customer.until(|customer| customer.told.len() >= 52).await;
    let second_part = customer.answers[&1].1.clone();
    ids.extend([first_part, second_part]);
    let mut seen = told(&customer);
    seen.dedup();
    assert_eq!(seen, delivered(ids), "each of them, and the two parts as one text");
    // What was acknowledged is not told again.
    customer.linger(500).await;
    drop(customer);
    let mut customer = Customer::<Smpp>::log_in(scene.smpp, "user1", "secret").await;
    customer.linger(1_500).await;
    assert_eq!(customer.told, []);
    scene.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulators_customer_is_served_in_every_protocol() {
    let (scene, carrier) = Scene::open(SimConfig::ideal()).await;
    let back = json!({"call_back": {"host": "127.0.0.1", "port": port().port()}});
    let ports = [
        ("cmpp", "cmpp30", scene.cmpp, json!({})),
        ("sgip", "sgip12", scene.sgip, back),
        ("smgp", "smgp30", scene.smgp, json!({})),
        ("smpp", "smpp34", scene.smpp, json!({})),
    ];
    for (number, (word, protocol, at, more)) in ports.into_iter().enumerate() {
        let number = u16::try_from(number).unwrap() + 1;
        scene.put(number, protocol, more).await;
        let (to, login) = (at.to_string(), format!("user{number}"));
        let first = (13_900_000_000_u64 + u64::from(number) * 1_000).to_string();
        let load = ["sim", "load", "--protocol", word, "--to", &to, "--login", &login, "--messages", "40"];
        let texts =
            ["--text", "您的取件码是一二三四", "--text", LONG, "--first-phone", &first, "--patience", "2"];
        let report = crate::house::run(&[&load[..], &texts[..]].concat()).json();
        assert_eq!((&report["accepted"], &report["unanswered"]), (&json!(40), &json!(0)), "{word}: {report}");
        // SGIP's reports go to the customer's own address.
        assert_eq!(report["complete"], word != "sgip", "{word}: {report}");
    }
    assert_eq!(carrier.counters().messages, 160);
    let refused =
        crate::house::run_zh(&["sim", "load", "--to", &scene.cmpp.to_string(), "--login", "nobody"]);
    assert!(refused.failed(2).contains("拒绝登录"));
    scene.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_is_refused_with_the_protocols_own_words() {
    let (scene, carrier) = Scene::open(SimConfig::ideal()).await;
    scene.put(1, "cmpp20", json!({})).await;
    scene.put(2, "smpp34", json!({"networks": ["10.0.0.0/8"]})).await;
    scene.put(3, "smpp34", json!({"connections": 1, "parts_per_second": 5})).await;
    let refused = |refusal: Option<String>| refusal.unwrap_or_default();
    // A version that is not agreed on, an unknown login, a wrong password.
    let cmpp = Customer::<Cmpp>::log_in(scene.cmpp, "user1", "secret").await;
    assert!(refused(cmpp.refused).contains('4'), "the version");
    let cmpp = Customer::<Cmpp>::log_in(scene.cmpp, "nobody", "secret").await;
    assert!(refused(cmpp.refused).contains('2'));
    let smpp = Customer::<Smpp>::log_in(scene.smpp, "user3", "wrong").await;
    assert!(refused(smpp.refused).contains("14"), "ESME_RINVPASWD");
    // A network that is not listed, and the login of another protocol.
    let smpp = Customer::<Smpp>::log_in(scene.smpp, "user2", "secret").await;
    assert!(refused(smpp.refused).contains("13"), "ESME_RBINDFAIL");
    let smpp = Customer::<Smpp>::log_in(scene.smpp, "user1", "secret").await;
    assert!(refused(smpp.refused).contains("15"), "ESME_RINVSYSID");

    let mut one = Customer::<Smpp>::log_in(scene.smpp, "user3", "secret").await;
    assert!(one.connected);
    let two = Customer::<Smpp>::log_in(scene.smpp, "user3", "secret").await;
    assert!(refused(two.refused).contains("13"), "one connection is agreed on");
    // Faster than agreed: the rest is throttled, and what is taken goes out.
    for number in 0..20 {
        one.send(&format!("139{number:08}"), &format!("您的取件码是{number}"));
    }
    one.until(|customer| customer.answers.len() == 20).await;
    let results = |result| one.answers.values().filter(|(seen, _)| *seen == result).count();
    let (taken, throttled) = (results(0), results(0x58));
    assert_eq!(taken + throttled, 20);
    assert!((5..=7).contains(&taken), "{taken} were taken");
    one.until(|customer| customer.told.len() == taken).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    one.send("1380013800", "号码少一位");
    one.until(|customer| customer.answers.len() == 21).await;
    assert_eq!(one.answers[&21].0, 0x0B, "ESME_RINVDSTADR");
    assert_eq!(carrier.counters().messages, taken as u64);
    scene.stop.cancel();
}

/// An SMPP text of two parts, to be sent in an hour.
fn later(customer: &mut Customer<Smpp>, phone: &str) {
    let parts = cut(&format!("【鸿雁】{}", LONG.repeat(4)), 9);
    let address = |number: &str| smpp::Address { ton: 1, npi: 1, number: TerminalId::new(number).unwrap() };
    for index in [0, 1] {
        customer.ask(&smpp::Pdu::SubmitSm(smpp::ShortMessage {
            source: address(SOURCE),
            esm_class: 0x40,
            registered_delivery: 1,
            schedule_delivery_time: Octets::new("000000010000000R").unwrap(),
            ..smpp::ShortMessage::to(address(&format!("86{phone}")), 8, parts.get(index).unwrap())
        }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_asks_for_its_messages_and_cancels_what_waits() {
    let (scene, carrier) = Scene::open(SimConfig::ideal()).await;
    scene.put(1, "smpp34", json!({})).await;
    scene.put(2, "cmpp30", json!({})).await;
    let mut customer = Customer::<Smpp>::log_in(scene.smpp, "user1", "secret").await;
    later(&mut customer, "13800138000");
    customer.until(|customer| customer.answers.len() == 2).await;
    let waiting = ids(&customer);
    let source = smpp::Address { ton: 1, npi: 1, number: TerminalId::new(SOURCE).unwrap() };
    let query = |id: &str| smpp::Pdu::QuerySm(smpp::QuerySm { message_id: Octets::new(id).unwrap(), source });
    let cancel = |id: &str| {
        smpp::Pdu::CancelSm(smpp::CancelSm {
            service_type: Octets::EMPTY,
            message_id: Octets::new(id).unwrap(),
            source,
            destination: smpp::Address { ton: 1, npi: 1, number: TerminalId::new("8613800138000").unwrap() },
        })
    };
    // By whichever part: ENROUTE, cancelled, DELETED, and cancelled once more.
    customer.question(Request::Query, &query(&waiting[1])).await;
    customer.question(Request::Cancel, &cancel(&waiting[1])).await;
    customer.until(|customer| customer.told.len() == 2).await;
    let deleted: Vec<_> = told(&customer).into_iter().map(|(_, stat)| stat).collect();
    assert_eq!(deleted, ["DELETED", "DELETED"], "each part has its report");
    customer.question(Request::Query, &query(&waiting[0])).await;
    customer.question(Request::Cancel, &cancel(&waiting[0])).await;
    // One that has arrived.
    let token = customer.send("13800138001", "【鸿雁】您好");
    customer.until(|customer| customer.told.len() == 3).await;
    let sent = customer.answers[&token].1.clone();
    customer.question(Request::Query, &query(&sent)).await;
    customer.question(Request::Cancel, &cancel(&sent)).await;
    let brief = |answer: &smpp::Answer| match answer {
        smpp::Answer::Query(told) => (told.status, told.message_state, told.final_date != Octets::EMPTY),
        smpp::Answer::Cancel(status) | smpp::Answer::Replace(status) => (*status, 0, false),
    };
    let answers: Vec<_> = customer.others.iter().map(brief).collect();
    let expected =
        [(0, 1, false), (0, 0, false), (0, 4, true), (0, 0, false), (0, 2, true), (0x11, 0, false)];
    assert_eq!(answers, expected);
    assert_eq!(carrier.counters().messages, 1);

    // Another customer of the same account finds nothing, and counts nothing.
    let mut other = Customer::<Cmpp>::log_in(scene.cmpp, "user2", "secret").await;
    let id = u64::from_str_radix(&waiting[0], 16).unwrap();
    other.question(Request::Cancel, &cmpp::Pdu::Cancel(cmpp::MsgId(id))).await;
    assert_eq!(other.others, [cmpp::Answer::Cancel(1)]);
    let token = other.send("13800138002", "【鸿雁】您好");
    other.until(|other| other.told.len() == 1).await;
    let east = jiff::tz::Offset::from_hours(8).unwrap();
    let sent = MessageId::from_raw(i64::from_str_radix(&other.answers[&token].1, 16).unwrap());
    let day = east.to_datetime(sent.made_at().to_jiff()).strftime("%Y%m%d").to_string();
    let time = Octets::new(day).unwrap();
    let query = cmpp::Query { time, query_type: 0, query_code: Octets::EMPTY };
    other.question(Request::Query, &cmpp::Pdu::Query(query)).await;
    let Some(cmpp::Answer::Query(counted)) = other.others.last() else { panic!("a count") };
    let counts = counted.counts;
    assert_eq!((counts.mt_messages, counts.mt_users, counts.mt_success), (1, 1, 1));
    scene.stop.cancel();
}
