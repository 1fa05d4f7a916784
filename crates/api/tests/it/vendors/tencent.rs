//! Tencent Cloud's.

use std::time::Duration;

use domain::channel::ReceiptStatus;
use serde_json::{Value, json};

use super::Application;
use crate::peer::Peer;

const SCOPES: [&str; 4] = ["messages:send", "messages:read", "inbound:read", "people:reveal"];

const TEMPLATE: (&str, &str) = ("449739", "您的验证码是{{ 验证码 }}，{{ 分钟 }}分钟内有效");

fn send(phones: &[&str], template: &str, values: &[&str]) -> Value {
    json!({"do": "SendSms", "fields": {"PhoneNumberSet": phones, "SmsSdkAppId": "1400000000", "TemplateId": template,
        "SignName": "鸿雁", "TemplateParamSet": values, "SessionContext": "order-7"}})
}

async fn answered(sdk: &mut Peer, order: &Value) -> Value {
    sdk.order(order);
    sdk.next("answered").await["body"].clone()
}

async fn refused(sdk: &mut Peer, order: &Value) -> String {
    sdk.order(order);
    sdk.next("refused").await["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_sends_and_pulls() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    let mut sdk = app.sdk("tencent_client.py", json!({}));
    let order = send(&["+8613800138000", "+8612"], "449739", &["246810", "5"]);
    let taken = answered(&mut sdk, &order).await;
    let statuses = taken["SendStatusSet"].as_array().unwrap();
    assert_eq!((&statuses[0]["Code"], &statuses[0]["IsoCode"]), (&json!("Ok"), &json!("CN")));
    assert_eq!((&statuses[0]["Fee"], &statuses[0]["SessionContext"]), (&json!(1), &json!("order-7")));
    assert_eq!(statuses[1]["Code"], "InvalidParameterValue.IncorrectPhoneNumber");
    let texts = app.shop.carry(ReceiptStatus::Delivered, b"DELIVRD").await;
    assert_eq!(texts, [("+8613800138000".to_owned(), "【鸿雁】您的验证码是246810，5分钟内有效".to_owned())]);

    let pull = json!({"do": "PullSmsSendStatus", "fields": {"Limit": 10, "SmsSdkAppId": "1400000000"}});
    let mut pulled = Vec::new();
    for _ in 0..200 {
        pulled = answered(&mut sdk, &pull).await["PullSmsSendStatusSet"].as_array().unwrap().clone();
        if !pulled.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((pulled.len(), &pulled[0]["SerialNo"]), (1, &statuses[0]["SerialNo"]));
    assert_eq!(
        (&pulled[0]["ReportStatus"], &pulled[0]["SubscriberNumber"]),
        (&json!("SUCCESS"), &json!("13800138000"))
    );
    assert_eq!(answered(&mut sdk, &pull).await["PullSmsSendStatusSet"], json!([]), "told once");
    let replies = json!({"do": "PullSmsReplyStatus", "fields": {"Limit": 10, "SmsSdkAppId": "1400000000"}});
    assert_eq!(answered(&mut sdk, &replies).await["PullSmsReplyStatusSet"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_is_refused_in_its_own_codes() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    let right = send(&["+8613800138000"], "449739", &["1", "5"]);
    let mut sdk = app.sdk("tencent_client.py", json!({}));
    let cases = [
        (send(&["+8613800138000"], "1", &[]), "FailedOperation.TemplateUnapprovedOrNotExist"),
        (
            send(&["+8613800138000"], "449739", &["1"]),
            "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        ),
        (send(&[], "449739", &["1", "5"]), "MissingParameter.EmptyPhoneNumberSet"),
        (
            send(&["+8613800138000", "+447911123456"], "449739", &["1", "5"]),
            "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber",
        ),
    ];
    for (order, code) in cases {
        assert_eq!(refused(&mut sdk, &order).await, code);
    }
    let cases = [
        (json!({"secret": "wrong"}), "AuthFailure.SignatureFailure"),
        (json!({"id": "AKIDnobody"}), "AuthFailure.SecretIdNotFound"),
        (json!({"ahead": 400}), "AuthFailure.SignatureExpire"),
        (json!({"ahead": -400}), "AuthFailure.SignatureExpire"),
    ];
    for (more, code) in cases {
        assert_eq!(refused(&mut app.sdk("tencent_client.py", more), &right).await, code);
    }
    assert!(app.shop.carry(ReceiptStatus::Delivered, b"").await.is_empty(), "nothing was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_sdk_signs_without_the_port_and_sends() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    let mut sdk = app.sdk("tencent_client.js", json!({}));
    let taken = answered(&mut sdk, &send(&["+8613800138000"], "449739", &["246810", "5"])).await;
    assert_eq!(taken["SendStatusSet"][0]["Code"], "Ok");
    assert_eq!(app.shop.carry(ReceiptStatus::Delivered, b"").await.len(), 1);
    let mut wrong = app.sdk("tencent_client.js", json!({"secret": "wrong"}));
    let order = send(&["+8613800138000"], "449739", &["246810", "5"]);
    assert_eq!(refused(&mut wrong, &order).await, "AuthFailure.SignatureFailure");
}
