//! Alibaba Cloud: ACS3-HMAC-SHA256 over the headers that the request says; parameters in query or form.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Push, Received, Reply};
use super::proof::{hex, mac256, sha256, unix_seconds};
use super::{Shop, VendorFault, digits, national};

/// How far the customer's clock may be off, in seconds.
const SKEW: i64 = 900;

fn refusal(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({"Code": code, "Message": "refused", "RequestId": "r"}))
}

fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// What is wrong with the signature.
fn unproven(shop: &Shop, request: &Received) -> Option<Reply> {
    let parts: BTreeMap<&str, &str> = request
        .header("authorization")
        .strip_prefix("ACS3-HMAC-SHA256 ")?
        .split(',')
        .filter_map(|part| part.split_once('='))
        .collect();
    let signed = parts.get("SignedHeaders").copied().unwrap_or("");
    if parts.get("Credential").copied() != Some(shop.config.key.as_str()) {
        return Some(refusal(404, "InvalidAccessKeyId.NotFound"));
    }
    let date: Option<jiff::Timestamp> = request.header("x-acs-date").parse().ok();
    if date.is_none_or(|date| (date.as_second() - unix_seconds()).abs() > SKEW) {
        return Some(refusal(400, "InvalidTimeStamp.Expired"));
    }
    let mut query: Vec<String> = form_urlencoded::parse(request.query.as_bytes())
        .map(|(name, value)| format!("{}={}", encoded(&name), encoded(&value)))
        .collect();
    query.sort();
    let lines: String =
        signed.split(';').map(|name| format!("{name}:{}\n", request.header(name).trim())).collect();
    let hashed = sha256(&request.body);
    let canonical =
        format!("{}\n{}\n{}\n{lines}\n{signed}\n{hashed}", request.method, request.path, query.join("&"));
    let string = format!("ACS3-HMAC-SHA256\n{}", sha256(canonical.as_bytes()));
    let fits = parts.get("Signature").copied()
        == Some(hex(&mac256(shop.config.secret.as_bytes(), &string)).as_str());
    let whole = ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce"];
    let covers = whole.iter().all(|name| signed.split(';').any(|named| named == *name));
    if !fits || !covers || request.header("x-acs-content-sha256") != hashed {
        return Some(refusal(400, "SignatureDoesNotMatch"));
    }
    let fresh = shop.is_fresh(request.header("x-acs-signature-nonce"));
    (!fresh).then(|| refusal(400, "SignatureNonceUsed"))
}

pub(super) fn answer(shop: &Shop, request: &Received) -> Reply {
    if !request.header("authorization").starts_with("ACS3-HMAC-SHA256 ") {
        return shop.unproven(refusal(400, "MissingAccessKeyId"));
    }
    if let Some(reply) = unproven(shop, request) {
        return shop.unproven(reply);
    }
    let form = request.form();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let object = |text: &str| -> BTreeMap<String, String> { serde_json::from_str(text).unwrap_or_default() };
    if request.header("x-acs-action") == "QuerySendDetails" {
        return details(shop, &form);
    }
    let list = |text: &str| -> Vec<String> { serde_json::from_str(text).unwrap_or_default() };
    // Phone, signature, parameters.
    let items: Vec<(String, String, BTreeMap<String, String>)> = match request.header("x-acs-action") {
        "SendSms" => field("PhoneNumbers")
            .split(',')
            .map(|phone| (phone.to_owned(), field("SignName").to_owned(), object(field("TemplateParam"))))
            .collect(),
        "SendBatchSms" => {
            let params: Vec<BTreeMap<String, String>> =
                serde_json::from_str(field("TemplateParamJson")).unwrap_or_default();
            let mut params = params.into_iter();
            list(field("PhoneNumberJson"))
                .into_iter()
                .zip(list(field("SignNameJson")))
                .map(|(phone, sign)| (phone, sign, params.next().unwrap_or_default()))
                .collect()
        }
        _ => return refusal(404, "InvalidAction.NotFound"),
    };
    send(shop, &items, field("TemplateCode"))
}

/// What became of the messages of one phone on one day. The first question finds them waiting.
fn details(shop: &Shop, form: &BTreeMap<String, String>) -> Reply {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    // By the calendar of China, eight hours ahead.
    let today = jiff::Timestamp::from_second(unix_seconds() + 8 * 3_600).unwrap_or_default();
    let today = today.strftime("%Y%m%d").to_string();
    let page: u32 = field("PageSize").parse().unwrap_or(0);
    if field("SendDate") != today || !(1..=50).contains(&page) || field("CurrentPage") != "1" {
        return refusal(200, "isv.INVALID_PARAMETERS");
    }
    let mut state = shop.state();
    state.counters.pulls += 1;
    let mut found = Vec::new();
    for (phone, request, told) in &mut state.details {
        if *phone == digits(field("PhoneNumber")) && *request == field("BizId") {
            found.push(told.clone());
            told["SendStatus"] = if told["ErrCode"] == "DELIVERED" { json!(3) } else { json!(2) };
        }
    }
    let details = json!({"SmsSendDetailDTO": found});
    Reply::json(
        200,
        &json!({"Code": "OK", "Message": "OK", "RequestId": "r", "TotalCount": found.len().to_string(),
            "SmsSendDetailDTOs": details}),
    )
}

fn send(shop: &Shop, items: &[(String, String, BTreeMap<String, String>)], template: &str) -> Reply {
    let fate = shop.fate();
    match &fate {
        VendorFault::Status(status) => return Reply { status: *status, ..Reply::default() },
        VendorFault::Request(code) | VendorFault::Number(code) => {
            let status = if code.starts_with("isv.") || code.starts_with("isp.") { 200 } else { 400 };
            return refusal(status, code);
        }
        _ => {}
    }
    if items.is_empty() || items.len() > 100 {
        return refusal(200, "isv.MOBILE_COUNT_OVER_LIMIT");
    }
    let texts: Option<Vec<String>> =
        items.iter().map(|(_, sign, params)| shop.text(sign, template, params)).collect();
    let Some(texts) = texts else { return refusal(200, "isv.TEMPLATE_MISSING_PARAMETERS") };
    let id = format!("{:018}^0", shop.serial());
    let (success, code) = match &fate {
        VendorFault::Undelivered(code) => (false, code.as_str()),
        _ => (true, "DELIVERED"),
    };
    let mut reports = Vec::new();
    for ((phone, ..), text) in items.iter().zip(texts) {
        let told =
            json!({"PhoneNum": national(digits(phone)), "SendStatus": 1, "ErrCode": code, "Content": text});
        shop.state().details.push((digits(phone), id.clone(), told));
        shop.take(digits(phone), text, &id);
        reports.push(json!({
            "phone_number": national(digits(phone)), "send_time": "2026-11-01 08:00:00",
            "report_time": "2026-11-01 08:00:01", "success": success, "err_code": code, "err_msg": "", "sms_size": "1",
            "biz_id": id, "out_id": "",
        }));
    }
    let mut reply = Reply::json(200, &json!({"Message": "OK", "RequestId": "r", "Code": "OK", "BizId": id}));
    reply.after = if let VendorFault::Late(millis) = fate { millis } else { 0 };
    reply.cut = fate == VendorFault::Cut;
    if shop.config.pushes {
        reply.pushes.push(push(&Value::Array(reports)));
    }
    reply
}

fn push(body: &Value) -> Push {
    Push {
        address: None,
        content_type: "application/json;charset=UTF-8",
        sign: None,
        body: body.to_string(),
        expects: "\"code\":0",
    }
}

pub(super) fn reply(shop: &Shop, phone: u64, text: &str) -> Push {
    push(&json!([{
        "phone_number": national(phone), "send_time": "2026-11-01 08:01:00", "content": text, "sign_name": "鸿雁",
        "dest_code": "1234", "sequence_id": shop.serial(),
    }]))
}
