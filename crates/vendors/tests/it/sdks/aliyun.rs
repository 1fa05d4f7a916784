//! Alibaba Cloud's.

use domain::channel::ReceiptStatus;
use serde_json::{Value, json};

use super::Application;
use crate::peer::Peer;

const SCOPES: [&str; 2] = ["messages:send", "messages:read"];

const TEMPLATE: (&str, &str) = ("SMS_71390007", "您的验证码是{{ code }}，五分钟内有效");

fn send(phones: &str, code: &str, values: &str) -> Value {
    json!({"do": "send_sms", "fields": {
        "phone_numbers": phones, "sign_name": "鸿雁", "template_code": code, "template_param": values}})
}

async fn answered(sdk: &mut Peer, order: &Value) -> Value {
    sdk.order(order);
    let answered = sdk.next("answered").await;
    assert_eq!(answered["status"], 200);
    answered["body"].clone()
}

async fn refused(sdk: &mut Peer, order: &Value) -> String {
    sdk.order(order);
    sdk.next("refused").await["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_sends_and_queries_in_both_signatures() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    for (algorithm, phone) in [(json!({}), "13800138000"), (json!({"algorithm": "v2"}), "13800138001")] {
        let mut sdk = app.sdk("aliyun_client.py", algorithm);
        let taken = answered(&mut sdk, &send(phone, "SMS_71390007", r#"{"code":"246810"}"#)).await;
        assert_eq!((&taken["Code"], &taken["Message"]), (&json!("OK"), &json!("OK")));
        let texts = app.shop.carry(ReceiptStatus::Delivered, b"DELIVRD").await;
        assert_eq!(texts, [(format!("+86{phone}"), "【鸿雁】您的验证码是246810，五分钟内有效".to_owned())]);

        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
        let today = jiff::ZonedDateTime::new(super::now().to_jiff(), zone).strftime("%Y%m%d").to_string();
        let query = json!({"do": "query_send_details", "fields": {"phone_number": phone, "send_date": today,
            "page_size": 10, "current_page": 1, "biz_id": taken["BizId"]}});
        let details = answered(&mut sdk, &query).await;
        assert_eq!((&details["Code"], &details["TotalCount"]), (&json!("OK"), &json!("1")));
        let detail = &details["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0];
        assert_eq!((&detail["SendStatus"], &detail["ErrCode"]), (&json!(3), &json!("DELIVERED")));
        assert_eq!((&detail["PhoneNum"], &detail["Content"]), (&json!(phone), &json!(texts[0].1)));
    }

    let mut sdk = app.sdk("aliyun_client.py", json!({}));
    let batch = json!({"do": "send_batch_sms", "fields": {
        "phone_number_json": r#"["13800138002","13800138003"]"#, "sign_name_json": r#"["鸿雁","大雁"]"#,
        "template_code": "SMS_71390007", "template_param_json": r#"[{"code":"1"},{"code":"2"}]"#}});
    assert_eq!(answered(&mut sdk, &batch).await["Code"], "OK");
    let texts: Vec<String> = app
        .shop
        .carry(ReceiptStatus::Delivered, b"DELIVRD")
        .await
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(texts, ["【鸿雁】您的验证码是1，五分钟内有效", "【大雁】您的验证码是2，五分钟内有效"]);

    // What the service refuses has the status 200.
    let cases = [
        (send("13800138000", "SMS_1", "{}"), "isv.SMS_TEMPLATE_ILLEGAL"),
        (send("13800138000", "SMS_71390007", "{}"), "isv.TEMPLATE_MISSING_PARAMETERS"),
        (send("13800138000", "SMS_71390007", "{"), "isv.INVALID_JSON_PARAM"),
        (send("12", "SMS_71390007", r#"{"code":"1"}"#), "isv.MOBILE_NUMBER_ILLEGAL"),
    ];
    for (order, code) in cases {
        assert_eq!(answered(&mut sdk, &order).await["Code"], code);
    }
    assert!(app.shop.carry(ReceiptStatus::Delivered, b"").await.is_empty(), "nothing more was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_is_refused_by_the_gateway_in_its_own_codes() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    let order = send("13800138000", "SMS_71390007", r#"{"code":"1"}"#);
    for algorithm in [json!({}), json!({"algorithm": "v2"})] {
        let with = |more: Value| {
            let mut setup = algorithm.clone();
            setup.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            app.sdk("aliyun_client.py", setup)
        };
        let cases = [
            (json!({"secret": "wrong"}), "SignatureDoesNotMatch"),
            (json!({"id": "key_0000000000000"}), "InvalidAccessKeyId.NotFound"),
            (json!({"ahead": 16 * 60}), "InvalidTimeStamp.Expired"),
            (json!({"ahead": -16 * 60}), "InvalidTimeStamp.Expired"),
        ];
        for (more, code) in cases {
            assert_eq!(refused(&mut with(more), &order).await, code);
        }
    }
    let mut sdk = app.sdk("aliyun_client.py", json!({"nonce": "used-twice"}));
    assert_eq!(answered(&mut sdk, &order).await["Code"], "OK");
    let mut found = Vec::new();
    for _ in 0..3 {
        sdk.order(&order);
        found.push(sdk.next("refused").await["code"].clone());
    }
    assert!(found.iter().all(|code| code == "SignatureNonceUsed"), "{found:?}");
    assert_eq!(app.shop.carry(ReceiptStatus::Delivered, b"").await.len(), 1, "the first alone was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_sdk_sends() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    let mut sdk = app.sdk("aliyun_client.js", json!({}));
    let order = |code: &str| {
        json!({"do": "sendSms", "request": "SendSmsRequest", "fields": {"phoneNumbers": "13800138000",
            "signName": "鸿雁", "templateCode": code, "templateParam": r#"{"code":"246810"}"#}})
    };
    let taken = answered(&mut sdk, &order("SMS_71390007")).await;
    assert_eq!(taken["code"], "OK");
    assert_eq!(answered(&mut sdk, &order("SMS_1")).await["code"], "isv.SMS_TEMPLATE_ILLEGAL");
    assert_eq!(
        app.shop.carry(ReceiptStatus::Delivered, b"").await[0].1,
        "【鸿雁】您的验证码是246810，五分钟内有效"
    );
    let mut wrong = app.sdk("aliyun_client.js", json!({"secret": "wrong"}));
    assert_eq!(refused(&mut wrong, &order("SMS_71390007")).await, "SignatureDoesNotMatch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_for_several_phones_is_paid_for_whole_or_refused_whole() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    app.shop.bound(5 * 45_000).await;
    let mut sdk = app.sdk("aliyun_client.py", json!({}));
    // They lie in both partitions.
    let phones: Vec<String> = (0..9).map(|number| format!("1380013800{number}")).collect();
    let order = send(&phones.join(","), "SMS_71390007", r#"{"code":"1"}"#);
    assert_eq!(answered(&mut sdk, &order).await["Code"], "isv.AMOUNT_NOT_ENOUGH");
    assert!(app.shop.carry(ReceiptStatus::Delivered, b"").await.is_empty(), "nobody gets it");
    let order = send(&phones[..5].join(","), "SMS_71390007", r#"{"code":"2"}"#);
    assert_eq!(
        answered(&mut sdk, &order).await["Code"],
        "OK",
        "what was set aside for the first is not lost"
    );
    assert_eq!(app.shop.carry(ReceiptStatus::Delivered, b"").await.len(), 5);
    let order = send(&phones[5], "SMS_71390007", r#"{"code":"3"}"#);
    assert_eq!(answered(&mut sdk, &order).await["Code"], "isv.AMOUNT_NOT_ENOUGH");
}
