//! Twilio: basic authentication; callbacks signed with HMAC-SHA1 over address and fields.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::http::{Push, Received, Reply};
use super::proof::mac1;
use super::{Shop, VendorFault, digits};

fn refusal(status: u16, code: i64) -> Reply {
    Reply::json(status, &json!({"code": code, "message": "refused", "status": status}))
}

pub(super) fn answer(shop: &Shop, request: &Received) -> Reply {
    let (key, secret) = (&shop.config.key, &shop.config.secret);
    let expected = format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")));
    if request.header("authorization") != expected {
        return shop.unproven(refusal(401, 20_003));
    }
    let below = format!("/2010-04-01/Accounts/{key}/Messages");
    let named = request.path.strip_prefix(&below).and_then(|rest| rest.strip_prefix('/'));
    match (request.method.as_str(), named) {
        ("GET", Some(named)) => return one(shop, named.trim_end_matches(".json")),
        ("GET", None) if request.path == format!("{below}.json") => return list(shop, request),
        ("POST", None) if request.path == format!("{below}.json") => {}
        _ => return refusal(404, 20_404),
    }
    let form = request.form();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let fate = shop.fate();
    match &fate {
        VendorFault::Status(status) => return Reply { status: *status, ..Reply::default() },
        VendorFault::Request(code) | VendorFault::Number(code) => {
            return refusal(400, code.parse().unwrap_or(0));
        }
        _ => {}
    }
    let seconds: u32 = field("ValidityPeriod").parse().unwrap_or(0);
    if field("From").is_empty() || !field("To").starts_with('+') || !(1..=36_000).contains(&seconds) {
        return refusal(400, 21_606);
    }
    let id = format!("SM{:032x}", shop.serial());
    shop.take(digits(field("To")), field("Body").to_owned(), &id);
    let mut reply =
        Reply::json(201, &json!({"sid": id, "status": "queued", "num_segments": "1", "error_code": null}));
    reply.after = if let VendorFault::Late(millis) = fate { millis } else { 0 };
    reply.cut = fate == VendorFault::Cut;
    let (status, error) = match &fate {
        VendorFault::Undelivered(code) => ("undelivered", Some(code.as_str())),
        _ => ("delivered", None),
    };
    let told = json!({"status": "sent", "later": status, "to": field("To"),
        "error_code": error.and_then(|code| code.parse::<i64>().ok())});
    shop.state().details.push((digits(field("To")), id.clone(), told));
    if let Some(address) = form.get("StatusCallback").filter(|_| shop.config.pushes) {
        let mut fields = vec![
            ("AccountSid", key.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("From", field("From")),
            ("To", field("To")),
            ("MessageSid", &id),
            ("SmsSid", &id),
        ];
        let sent = [fields.clone(), vec![("MessageStatus", "sent"), ("SmsStatus", "sent")]].concat();
        fields.extend([("MessageStatus", status), ("SmsStatus", status)]);
        fields.extend(error.map(|code| ("ErrorCode", code)));
        reply.pushes.push(push(Some(address), &sent));
        reply.pushes.push(push(Some(address), &fields));
    }
    reply
}

/// One message. The first question finds it on its way.
fn one(shop: &Shop, id: &str) -> Reply {
    let mut state = shop.state();
    state.counters.pulls += 1;
    let Some((_, _, told)) = state.details.iter_mut().find(|(_, known, _)| known == id) else {
        return refusal(404, 20_404);
    };
    let now = told.clone();
    told["status"] = told["later"].clone();
    Reply::json(
        200,
        &json!({"sid": id, "status": now["status"], "error_code": now["error_code"], "to": now["to"]}),
    )
}

/// The messages of the last days, sent and received, in pages of one.
fn list(shop: &Shop, request: &Received) -> Reply {
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
    let since = query.get("DateSent>").and_then(|day| day.parse::<jiff::civil::Date>().ok());
    if since.is_none() || query.get("PageSize").map(String::as_str) != Some("1000") {
        return refusal(400, 20_001);
    }
    let mut state = shop.state();
    state.counters.pulls += 1;
    let page: usize = query.get("Page").and_then(|page| page.parse().ok()).unwrap_or(0);
    let to = query.get("To");
    let listed: Vec<_> = state.replies.iter().filter(|item| to.is_none_or(|to| item["to"] == **to)).collect();
    let next = (page + 1 < listed.len()).then(|| {
        let day = query.get("DateSent>").map_or("", String::as_str);
        let to = to.map_or_else(String::new, |to| format!("&To={}", to.replace('+', "%2B")));
        format!("{}?PageSize=1000&DateSent%3E={day}{to}&Page={}", request.path, page + 1)
    });
    Reply::json(
        200,
        &json!({"messages": listed.get(page).into_iter().collect::<Vec<_>>(), "next_page_uri": next}),
    )
}

fn push(address: Option<&String>, fields: &[(&str, &str)]) -> Push {
    Push {
        address: address.cloned(),
        content_type: "application/x-www-form-urlencoded",
        sign: Some(signed),
        body: form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish(),
        expects: "<Response/>",
    }
}

/// The header that proves a callback.
fn signed(shop: &Shop, address: &str, body: &str) -> (String, String) {
    let fields: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let joined: String = fields.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let signature = mac1(shop.config.secret.as_bytes(), &format!("{address}{joined}"));
    ("x-twilio-signature".to_owned(), STANDARD.encode(signature))
}

pub(super) fn reply(shop: &Shop, phone: u64, text: &str) -> Option<Push> {
    let id = format!("SM{:032x}", shop.serial());
    let from = format!("+{phone}");
    if !shop.config.pushes {
        let message = json!({"sid": id, "direction": "inbound", "status": "received", "from": from,
            "to": "+15005550006", "body": text});
        shop.state().replies.push(message);
        return None;
    }
    let fields = [
        ("MessageSid", id.as_str()),
        ("SmsStatus", "received"),
        ("AccountSid", &shop.config.key),
        ("From", &from),
        ("To", "+15005550006"),
        ("Body", text),
        ("NumMedia", "0"),
    ];
    Some(push(None, &fields))
}
