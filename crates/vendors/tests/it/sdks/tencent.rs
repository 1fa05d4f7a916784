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

/// Pulls until something comes, or for a while when nothing should.
async fn pulled(sdk: &mut Peer, what: &str, app: &str) -> Vec<Value> {
    let order = json!({"do": format!("PullSms{what}Status"), "fields": {"Limit": 10, "SmsSdkAppId": app}});
    for _ in 0..20 {
        let found =
            answered(sdk, &order).await[format!("PullSms{what}StatusSet")].as_array().unwrap().clone();
        if !found.is_empty() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Vec::new()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_that_wait_outlive_a_restart_and_are_told_once_to_the_application_that_sent() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    let mut sdk = app.sdk("tencent_client.py", json!({}));
    let first = answered(&mut sdk, &send(&["+8613800138000"], "449739", &["1", "5"])).await;
    let mut other = send(&["+8613800138001"], "449739", &["2", "5"]);
    other["fields"]["SmsSdkAppId"] = json!("1400000001");
    let second = answered(&mut sdk, &other).await;
    app.shop.carry(ReceiptStatus::Undelivered, b"MK:0001").await;
    // What a node remembers is gone; whoever serves now knows nothing but what is kept.
    app.shop.serve_anew().await;
    let mut sdk = app.sdk("tencent_client.py", json!({}));
    let told = pulled(&mut sdk, "Send", "1400000000").await;
    assert_eq!((told.len(), &told[0]["SerialNo"]), (1, &first["SendStatusSet"][0]["SerialNo"]));
    assert_eq!((&told[0]["ReportStatus"], &told[0]["SessionContext"]), (&json!("FAIL"), &json!("order-7")));
    assert!(told[0]["Description"].as_str().unwrap().starts_with("MK:0001"), "{told:?}");
    app.shop.serve_anew().await;
    let mut sdk = app.sdk("tencent_client.py", json!({}));
    assert_eq!(pulled(&mut sdk, "Send", "1400000000").await, Vec::<Value>::new(), "once");
    let told = pulled(&mut sdk, "Send", "1400000001").await;
    assert_eq!(told[0]["SerialNo"], second["SendStatusSet"][0]["SerialNo"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_pulled_once_oldest_first_and_unmasked_only_for_who_may_see() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    let mut sdk = app.sdk("tencent_client.py", json!({}));
    assert_eq!(pulled(&mut sdk, "Reply", "1400000000").await, Vec::<Value>::new());
    for (place, text) in ["在吗", "T"].into_iter().enumerate() {
        app.shop.answer("13800138000", text, place as u64).await;
    }
    let told = pulled(&mut sdk, "Reply", "1400000000").await;
    let texts: Vec<_> = told.iter().map(|one| one["ReplyContent"].as_str().unwrap()).collect();
    assert_eq!(texts, ["在吗", "T"]);
    assert_eq!(
        (&told[0]["SubscriberNumber"], &told[0]["CountryCode"]),
        (&json!("13800138000"), &json!("86"))
    );
    assert_eq!((&told[0]["ExtendCode"], &told[0]["SignName"]), (&json!("10690000"), &json!("")));
    assert!(told[0]["ReplyTime"].as_i64().unwrap() > 1_700_000_000);
    app.shop.serve_anew().await;
    app.shop.answer("13800138001", "好", 9).await;
    let (id, secret) = app.shop.key(true, &["inbound:read"]).await;
    let mut masked = app.sdk("tencent_client.py", json!({"id": id, "secret": secret}));
    let told = pulled(&mut masked, "Reply", "1400000000").await;
    assert_eq!(
        (told.len(), &told[0]["ReplyContent"]),
        (1, &json!("好")),
        "the others were told before the restart"
    );
    assert!(!told[0].to_string().contains("13800138001"), "{told:?}");
    let refused_scope = send(&["+8613800138000"], "449739", &["1", "5"]);
    assert_eq!(refused(&mut masked, &refused_scope).await, "AuthFailure.UnauthorizedOperation");
    let order = json!({"do": "PullSmsReplyStatus", "fields": {"Limit": 101, "SmsSdkAppId": "1400000000"}});
    assert_eq!(refused(&mut sdk, &order).await, "InvalidParameterValue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_that_cannot_be_paid_for_are_refused_together() {
    let mut app = Application::open(&SCOPES, TEMPLATE).await;
    app.shop.bound(3 * 45_000).await;
    let mut sdk = app.sdk("tencent_client.py", json!({}));
    let phones: Vec<String> = (0..6).map(|number| format!("+861380013800{number}")).collect();
    let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
    let codes = |taken: &Value| -> Vec<String> {
        let statuses = taken["SendStatusSet"].as_array().unwrap().iter();
        statuses.map(|status| status["Code"].as_str().unwrap().to_owned()).collect()
    };
    let taken = answered(&mut sdk, &send(&phones, "449739", &["1", "5"])).await;
    assert_eq!(codes(&taken), ["FailedOperation.InsufficientBalanceInSmsPackage"; 6]);
    let taken = answered(&mut sdk, &send(&phones[..3], "449739", &["1", "5"])).await;
    assert_eq!(codes(&taken), ["Ok"; 3]);
    assert_eq!(app.shop.carry(ReceiptStatus::Delivered, b"").await.len(), 3);
}
