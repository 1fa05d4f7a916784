//! One campaign over four providers' HTTP interfaces, made over the API; receipts and replies come by callback.

use reqwest::Method;
use serde_json::{Value, json};
use sim::{Vendor, VendorConfig, VendorFault, VendorHandle, run_vendor};
use tokio_util::sync::CancellationToken;

use crate::house::House;

/// Phones of mobile, unicom, telecom and broadnet: each has a provider of its own.
const PREFIXES: [&str; 4] = ["138", "130", "133", "192"];
const VENDORS: [Vendor; 4] = [Vendor::Tencent, Vendor::Aliyun, Vendor::Twilio, Vendor::Plain];
const CARRIERS: [&str; 4] = ["mobile", "unicom", "telecom", "broadnet"];
const PEOPLE: usize = 80;
const TOKEN: &str = "a-token-of-this-test";
/// Two parts: a provider gives one id for both.
const TEXT: &str = "您好，满200减50，全场通用。活动详情请到店咨询，会员另有好礼相送，数量有限，先到先得，欢迎携家人朋友前来选购，门店地址见会员中心，营业时间为每日上午十点到晚上九点。";

fn phone(n: usize) -> String {
    format!("{}{:08}", PREFIXES[n % 4], n * 7 + 11)
}

/// What the approved template of a provider is, and how the API writes its settings.
fn settings(vendor: Vendor, house: &House) -> (Vec<(String, String)>, Value) {
    let approved = |place: &str| vec![("77".to_owned(), format!("{place}{TEXT}拒收请回复R"))];
    let (templates, mut settings) = match vendor {
        Vendor::Tencent => (approved("{1}"), json!({"app_id": "1400000000"})),
        Vendor::Aliyun => (approved("${name}"), json!({})),
        Vendor::Twilio => (Vec::new(), json!({"public_url": house.url()})),
        Vendor::Plain => (
            Vec::new(),
            json!({"http": {
                "path": "/v2/send", "headers": {"Content-Type": "application/x-www-form-urlencoded"},
                "body": "account={{ login }}&ts={{ timestamp }}&mobile={{ phone }}&uid={{ id }}\
                    &content={{ text|urlencode }}&sign={{ (login ~ secret ~ timestamp ~ phone)|md5 }}",
                "answer": {"code": "/code", "taken": ["0"], "id": "$.data.msgid", "throttled": ["108"]},
                "receipts": {"items": "/reports", "id": "/msgid", "phone": "/mobile", "status": "/status",
                    "delivered": ["DELIVRD"], "reply": "success"},
                "inbound": {"phone": "/mobile", "text": "/content", "id": "/id", "reply": "success"}
            }}),
        ),
    };
    settings["tls"] = json!(false);
    settings["callback_token"] = json!(TOKEN);
    if !templates.is_empty() {
        let list = templates.iter().map(|(code, text)| json!({"code": code, "text": text}));
        settings["templates"] = list.collect();
    }
    (templates, settings)
}

/// A provider, and a channel to it.
async fn open(house: &House, place: usize, stop: &CancellationToken) -> VendorHandle {
    let vendor = VENDORS[place];
    let (templates, settings) = settings(vendor, house);
    let (key, secret) = ("AC1".to_owned(), "secret".to_owned());
    let shop = VendorConfig { vendor, key, secret, templates, pushes: true };
    let shop = run_vendor(shop, stop.clone()).await.unwrap();
    let protocol = ["tencent", "aliyun", "twilio", "http"][place];
    let id = format!("chn_{}", place + 1);
    let body = json!({
        "gateway": format!("gwy_{}", place + 1), "name": protocol, "protocol": protocol, "host": "127.0.0.1",
        "port": shop.addr().port(), "login": "AC1", "secret": "secret", "access_code": "10690123", "connections": 2,
        "window": 8, "carriers": [CARRIERS[place]], "cost": {"micros": 30_000}, "provider": settings,
    });
    let path = format!("/v1/channels/{id}");
    let put = house.api(Method::PUT, &path, Some(&body)).await;
    assert!(!put.to_string().contains(TOKEN), "the address of callbacks is a secret");
    let mut odd = body.clone();
    odd["provider"]["poll_seconds"] = json!(0);
    let (status, problem) = house.answer(Method::PUT, &path, Some(&odd)).await;
    assert_eq!((status.as_u16(), &problem["pointer"]), (422, &json!("/provider/poll_seconds")));
    let mut again = body.clone();
    again["provider"].as_object_mut().unwrap().remove("callback_token");
    house.api(Method::PUT, &path, Some(&again)).await;
    shop.call_back(format!("{}/callbacks/{id}/{TOKEN}", house.url()));
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_over_four_providers_reaches_its_receipts() {
    let stop = CancellationToken::new();
    let house = House::open();
    let mut shops = Vec::new();
    for place in 0..4 {
        shops.push(open(&house, place, &stop).await);
    }
    // One refused, one undeliverable, one too fast: each at another provider.
    shops[0].script([VendorFault::Number("FailedOperation.PhoneNumberInBlacklist".into())]);
    shops[2].script([VendorFault::Undelivered("30005".into())]);
    shops[3].script([VendorFault::Request("108".into())]);
    let weight = |number: usize| json!({"channel": format!("chn_{number}"), "weight": 1});
    let steps = json!([{"channels": [weight(1), weight(2), weight(3), weight(4)]}]);
    house.api(Method::PUT, "/v1/routes/rte_1", Some(&json!({"name": "云", "steps": steps}))).await;
    house.api(Method::PUT, "/v1/prices", Some(&json!({"prices": [{"per_part": {"micros": 45_000}}]}))).await;

    let rows = (0..PEOPLE).map(|n| format!("{},客户{n}\n", phone(n)));
    let list: String = std::iter::once("手机号,姓名\n".to_owned()).chain(rows).collect();
    let list = house.write("members.csv", list);
    house.ask(&["import", &list, "--tag", "会员", "--source", "门店登记", "--basis", "consent"]).ok();
    let text = format!("{{{{ 姓名 }}}}{TEXT}");
    let draft = ["--name", "云", "--signature", "鸿雁", "--text", &text, "--tag", "会员"];
    let id = house.ask(&[&["campaign", "create"], &draft[..]].concat()).ok().trim().to_owned();
    house.ask(&["campaign", "preflight", &id]).ok();
    house.ask(&["campaign", "start", &id]).ok();
    let progress = house.progress_until(&id, 600, |progress| progress["state"] == "finished").await;
    assert_eq!(progress["delivered"], PEOPLE - 2, "{progress}");

    for (place, shop) in shops.iter().enumerate() {
        let mut sent: Vec<_> = shop.messages().into_iter().map(|it| (it.phone, it.text)).collect();
        sent.sort();
        let refused = usize::from(place == 0);
        assert_eq!(sent.len(), PEOPLE / 4 - refused, "{:?}", VENDORS[place]);
        for n in (place..PEOPLE).step_by(4) {
            let whole = format!("【鸿雁】客户{n}{TEXT}拒收请回复R");
            let found = sent.iter().filter(|(_, text)| *text == whole).count();
            assert!(found == 1 || (found == 0 && refused == 1), "{found} of {n}");
        }
        assert_eq!(shop.counters().unproven, 0);
        // A handset of this provider opts out.
        shop.reply(format!("86{}", phone(place + 8)).parse().unwrap(), "R");
    }
    // Each reply is from a phone of one provider: who is missing is told.
    let mut missing: Vec<&str> = CARRIERS.to_vec();
    for _ in 0..400 {
        let inbound = house.api(Method::GET, "/v1/inbound?reveal=true", None).await;
        let from = |place: usize| {
            let phone = phone(place + 8);
            inbound["items"]
                .as_array()
                .unwrap()
                .iter()
                .any(|it| it["from"].as_str().unwrap().ends_with(&phone))
        };
        missing = (0..4).filter(|place| !from(*place)).map(|place| CARRIERS[place]).collect();
        if missing.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let told: Vec<_> = shops.iter().map(|shop| format!("{:?}", shop.counters())).collect();
    assert!(missing.is_empty(), "no reply in 20 s from {missing:?}; the providers: {told:?}");
    let suppressed = house.api(Method::GET, "/v1/suppressions", None).await;
    assert_eq!(suppressed["items"].as_array().unwrap().len(), 4, "an opt-out over each provider holds");
    let (status, _) = house.get(&format!("/callbacks/chn_1/{TOKEN}x")).await;
    assert_eq!(status, 404);
    stop.cancel();
}
