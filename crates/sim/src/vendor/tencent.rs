//! Tencent Cloud: TC3-HMAC-SHA256 over the headers that the request says; always status 200.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Push, Received, Reply};
use super::proof::{hex, mac256, sha256, unix_seconds};
use super::{Shop, VendorFault, digits, national};

/// How far the customer's clock may be off, in seconds.
const SKEW: i64 = 300;

fn error(code: &str) -> Reply {
    let response = json!({"Error": {"Code": code, "Message": "refused"}, "RequestId": "r"});
    Reply::json(200, &json!({"Response": response}))
}

/// The code of what is wrong with the signature.
fn unproven(shop: &Shop, request: &Received) -> Option<&'static str> {
    let authorization = request.header("authorization");
    let field = |name: &str| {
        let from = authorization.find(&format!("{name}="))? + name.len() + 1;
        authorization[from..].split(',').next().map(|value| value.trim().to_owned())
    };
    let (Some(credential), Some(signed), Some(signature)) =
        (field("Credential"), field("SignedHeaders"), field("Signature"))
    else {
        return Some("AuthFailure.InvalidAuthorization");
    };
    let mut scope = credential.split('/');
    let (key, date, service) = (scope.next(), scope.next().unwrap_or(""), scope.next().unwrap_or(""));
    if key != Some(shop.config.key.as_str()) {
        return Some("AuthFailure.SecretIdNotFound");
    }
    let timestamp: i64 = request.header("x-tc-timestamp").parse().unwrap_or(0);
    if (timestamp - unix_seconds()).abs() > SKEW {
        return Some("AuthFailure.SignatureExpire");
    }
    let lines: String =
        signed.split(';').map(|name| format!("{name}:{}\n", request.header(name).to_lowercase())).collect();
    let canonical =
        [request.method.as_str(), &request.path, &request.query, &lines, &signed, &sha256(&request.body)]
            .join("\n");
    let string = format!(
        "TC3-HMAC-SHA256\n{timestamp}\n{date}/{service}/tc3_request\n{}",
        sha256(canonical.as_bytes())
    );
    let mut key = format!("TC3{}", shop.config.secret).into_bytes();
    for step in [date, service, "tc3_request"] {
        key = mac256(&key, step);
    }
    let names_both = signed.contains("content-type") && signed.contains("host");
    (hex(&mac256(&key, &string)) != signature || !names_both).then_some("AuthFailure.SignatureFailure")
}

pub(super) fn answer(shop: &Shop, request: &Received) -> Reply {
    if let Some(code) = unproven(shop, request) {
        return shop.unproven(error(code));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { return error("InvalidParameter") };
    if body["SmsSdkAppId"] != "1400000000" {
        return error("UnauthorizedOperation.SmsSdkAppIdVerifyFail");
    }
    match request.header("x-tc-action") {
        "SendSms" => send(shop, &body),
        "PullSmsSendStatus" => pull(shop, "PullSmsSendStatusSet", |state| &mut state.receipts),
        "PullSmsReplyStatus" => pull(shop, "PullSmsReplyStatusSet", |state| &mut state.replies),
        _ => error("InvalidAction"),
    }
}

fn pull(shop: &Shop, name: &str, of: fn(&mut super::State) -> &mut Vec<Value>) -> Reply {
    let mut state = shop.state();
    state.counters.pulls += 1;
    let waiting = of(&mut state);
    let some: Vec<Value> = waiting.drain(..waiting.len().min(100)).collect();
    Reply::json(200, &json!({"Response": {name: some, "RequestId": "r"}}))
}

fn send(shop: &Shop, body: &Value) -> Reply {
    let phones: Vec<&str> =
        body["PhoneNumberSet"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fate = shop.fate();
    match &fate {
        VendorFault::Status(status) => return Reply { status: *status, ..Reply::default() },
        VendorFault::Request(code) => return error(code),
        _ => {}
    }
    if phones.is_empty() || phones.len() > 200 {
        return error("LimitExceeded.PhoneNumberCountLimit");
    }
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let params = body["TemplateParamSet"].as_array().into_iter().flatten().enumerate();
    let params: BTreeMap<String, String> =
        params.map(|(place, value)| ((place + 1).to_string(), text(value))).collect();
    let Some(whole) = shop.text(&text(&body["SignName"]), &text(&body["TemplateId"]), &params) else {
        return error("FailedOperation.TemplateParamSetNotMatchApprovedTemplate");
    };
    let (mut statuses, mut pushed) = (Vec::new(), Vec::new());
    for (place, phone) in phones.iter().enumerate() {
        let refused = match &fate {
            VendorFault::Number(code) if place == 0 => Some(code.as_str()),
            _ => None,
        };
        let id = format!("5000:{:024}", shop.serial());
        if refused.is_none() {
            shop.take(digits(phone), whole.clone(), &id);
            let (status, code) = match &fate {
                VendorFault::Undelivered(code) => ("FAIL", code.as_str()),
                _ => ("SUCCESS", "DELIVRD"),
            };
            if shop.config.pushes {
                pushed.push(json!({
                    "user_receive_time": "2026-11-01 08:00:00", "nationcode": "86", "sid": id,
                    "mobile": national(digits(phone)), "report_status": status, "errmsg": code, "description": "",
                }));
            } else {
                shop.state().receipts.push(json!({
                    "UserReceiveTime": 1_793_491_200, "CountryCode": "86", "SubscriberNumber": national(digits(phone)),
                    "PhoneNumber": phone, "SerialNo": id, "ReportStatus": status, "Description": code,
                }));
            }
        }
        statuses.push(json!({
            "SerialNo": if refused.is_some() { "" } else { &id }, "PhoneNumber": phone, "Fee": 1, "SessionContext": "",
            "Code": refused.unwrap_or("Ok"), "Message": "", "IsoCode": "CN",
        }));
    }
    let mut reply = Reply::json(200, &json!({"Response": {"SendStatusSet": statuses, "RequestId": "r"}}));
    reply.after = if let VendorFault::Late(millis) = fate { millis } else { 0 };
    reply.cut = fate == VendorFault::Cut;
    if !pushed.is_empty() {
        reply.pushes.push(push(&Value::Array(pushed)));
    }
    reply
}

fn push(body: &Value) -> Push {
    Push {
        address: None,
        content_type: "application/json",
        sign: None,
        body: body.to_string(),
        expects: "\"result\":0",
    }
}

pub(super) fn reply(shop: &Shop, phone: u64, text: &str) -> Option<Push> {
    let at = unix_seconds();
    if shop.config.pushes {
        return Some(push(&json!({
            "extend": "01", "mobile": national(phone), "nationcode": "86", "sign": "鸿雁", "text": text, "time": at,
        })));
    }
    shop.state().replies.push(json!({
        "ExtendCode": "01", "CountryCode": "86", "SubscriberNumber": national(phone), "PhoneNumber": format!("+{phone}"),
        "SignName": "鸿雁", "ReplyContent": text, "ReplyTime": at,
    }));
    None
}
