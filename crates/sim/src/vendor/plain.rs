//! A provider as there are many: a form with `sign` = MD5 of account, secret, time and phone; answers in JSON. Lists of
//! messages are taken as JSON.

use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::http::{Push, Received, Reply};
use super::proof::hex;
use super::{Shop, VendorFault, digits, national};

fn refusal(code: &str) -> Reply {
    Reply::json(200, &json!({"code": code.parse::<i64>().unwrap_or(-1), "msg": "refused"}))
}

/// A list of messages in one request, signed over account, secret and time; each has a result of its own.
fn batch(shop: &Shop, request: &Received) -> Reply {
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { return refusal("102") };
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let (key, secret) = (&shop.config.key, &shop.config.secret);
    let string = format!("{key}{secret}{}", body["ts"]);
    if body["account"] != **key || text(&body["sign"]) != hex(&Md5::digest(string.as_bytes())) {
        return shop.unproven(refusal("101"));
    }
    let fate = shop.fate();
    match &fate {
        VendorFault::Status(status) => return Reply { status: *status, ..Reply::default() },
        VendorFault::Request(code) => return refusal(code),
        _ => {}
    }
    let (mut results, mut reports) = (Vec::new(), Vec::new());
    for (place, message) in body["list"].as_array().into_iter().flatten().enumerate() {
        let mobile = text(&message["mobile"]);
        let refused = match &fate {
            VendorFault::Number(code) if place == 0 => code.parse::<i64>().ok(),
            _ => (!shop.is_fresh(&text(&message["uid"]))).then_some(109),
        };
        if let Some(code) = refused {
            results.push(json!({"mobile": mobile, "code": code}));
            continue;
        }
        let id = format!("{:020}", shop.serial());
        shop.take(digits(&mobile), text(&message["content"]), &id);
        results.push(json!({"mobile": mobile, "code": 0, "msgid": id}));
        reports.push(json!({"msgid": id, "mobile": mobile, "status": "DELIVRD"}));
    }
    // In an order of its own.
    results.reverse();
    let mut reply = Reply::json(200, &json!({"code": 0, "msg": "ok", "data": results}));
    reply.after = if let VendorFault::Late(millis) = fate { millis } else { 0 };
    reply.cut = fate == VendorFault::Cut;
    reply.pushes.push(Push {
        address: None,
        content_type: "application/json",
        sign: None,
        body: json!({"reports": reports}).to_string(),
        expects: "success",
    });
    reply
}

pub(super) fn answer(shop: &Shop, request: &Received) -> Reply {
    if request.method == "POST" && request.path == "/v2/batch" {
        return batch(shop, request);
    }
    let form = request.form();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let (key, secret) = (&shop.config.key, &shop.config.secret);
    let string = format!("{key}{secret}{}{}", field("ts"), field("mobile"));
    let is_send = request.method == "POST" && request.path == "/v2/send";
    if !is_send || field("account") != key || field("sign") != hex(&Md5::digest(string.as_bytes())) {
        return shop.unproven(refusal("101"));
    }
    let fate = shop.fate();
    match &fate {
        VendorFault::Status(status) => return Reply { status: *status, ..Reply::default() },
        VendorFault::Request(code) | VendorFault::Number(code) => return refusal(code),
        _ => {}
    }
    // The customer's own number makes a repeated request harmless.
    if !shop.is_fresh(field("uid")) {
        return refusal("109");
    }
    let id = format!("{:020}", shop.serial());
    shop.take(digits(field("mobile")), field("content").to_owned(), &id);
    let mut reply = Reply::json(200, &json!({"code": 0, "msg": "ok", "data": {"msgid": id}}));
    reply.after = if let VendorFault::Late(millis) = fate { millis } else { 0 };
    reply.cut = fate == VendorFault::Cut;
    let status = if let VendorFault::Undelivered(code) = &fate { code } else { "DELIVRD" };
    let reports = json!({"reports": [{"msgid": id, "mobile": field("mobile"), "status": status}]});
    reply.pushes.push(Push {
        address: None,
        content_type: "application/json",
        sign: None,
        body: reports.to_string(),
        expects: "success",
    });
    reply
}

pub(super) fn reply(shop: &Shop, phone: u64, text: &str) -> Push {
    let (id, mobile) = (shop.serial().to_string(), national(phone));
    let fields = [("id", id.as_str()), ("mobile", &mobile), ("content", text), ("ext", "01")];
    Push {
        address: None,
        content_type: "application/x-www-form-urlencoded",
        sign: None,
        body: form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish(),
        expects: "success",
    }
}
