//! A provider as there are many: a form with `sign` = MD5 of account, secret, time and phone; answers in JSON.

use md5::{Digest as _, Md5};
use serde_json::json;

use super::http::{Push, Received, Reply};
use super::proof::hex;
use super::{Shop, VendorFault, digits, national};

fn refusal(code: &str) -> Reply {
    Reply::json(200, &json!({"code": code.parse::<i64>().unwrap_or(-1), "msg": "refused"}))
}

pub(super) fn answer(shop: &Shop, request: &Received) -> Reply {
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
