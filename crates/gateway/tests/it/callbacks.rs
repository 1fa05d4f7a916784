//! What providers send on their own, and settings that are not understood.

use std::sync::Arc;

use base64::Engine as _;
use domain::channel::{Callback, CallbackRequest, CarrierMessageId, Providers as _, ReceiptStatus};
use domain::control::{ChannelConfig, Provider, Secret};
use domain::message::Reason;
use domain::time::Timestamp;
use gateway::HttpProviders;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sim::Vendor;

use crate::bench_channel::Wish;
use crate::bench_provider::{TOKEN, config};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn request(content_type: &str, body: &str) -> CallbackRequest {
    CallbackRequest {
        token: TOKEN.into(),
        method: "POST".into(),
        target: format!("/callbacks/chn_1/{TOKEN}"),
        headers: vec![("content-type".into(), content_type.into())],
        body: body.as_bytes().to_vec(),
    }
}

fn json(body: &str) -> CallbackRequest {
    request("application/json", body)
}

fn called(vendor: Vendor, request: &CallbackRequest) -> Callback {
    HttpProviders::default().called(&config(vendor, 1, Wish::default()), request, NOW)
}

type Told = (u64, ReceiptStatus, Reason);
type Said = (u64, String, String);

/// Receipts as phone, status, reason; inbound as phone, number written to, text; and the answer.
fn arrived(callback: Callback) -> (Vec<Told>, Vec<Said>, String) {
    let Callback::Arrived { receipts, inbound, answer } = callback else { panic!("{callback:?}") };
    assert_eq!(answer.status, 200);
    let receipts = receipts.iter().map(|it| (it.phone.unwrap().to_u64(), it.status, it.code.reason()));
    let inbound = inbound.iter().map(|it| (it.from.to_u64(), it.to.to_string(), it.text.clone()));
    (receipts.collect(), inbound.collect(), answer.body)
}

const PHONE: u64 = 8_613_800_138_000;

#[test]
fn tencents_pushes_are_read() {
    let body = r#"[{"user_receive_time":"2015-10-17 08:03:04","nationcode":"86","mobile":"13800138000",
        "report_status":"SUCCESS","errmsg":"DELIVRD","description":"用户短信送达成功","sid":"5000:1"},
        {"nationcode":"86","mobile":"13800138000","report_status":"FAIL","errmsg":"MK:0001","sid":"5000:2"}]"#;
    let (receipts, inbound, answer) = arrived(called(Vendor::Tencent, &json(body)));
    let expected = [
        (PHONE, ReceiptStatus::Delivered, Reason::None),
        (PHONE, ReceiptStatus::Undelivered, Reason::UnknownNumber),
    ];
    assert_eq!((receipts.as_slice(), inbound.len()), (&expected[..], 0));
    assert_eq!(answer, r#"{"result":0,"errmsg":"OK"}"#);
    let body = r#"{"extend":"01","mobile":"13800138000","nationcode":"86","sign":"鸿雁","text":"R","time":1457336869}"#;
    let (_, inbound, _) = arrived(called(Vendor::Tencent, &json(body)));
    assert_eq!(inbound, [(PHONE, "1069000101".to_owned(), "R".to_owned())]);
}

#[test]
fn aliyuns_pushes_are_read() {
    let body = r#"[{"phone_number":"13800138000","send_time":"2017-08-30 00:00:00","report_time":"2017-08-30 00:00:00",
        "success":true,"err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"1","biz_id":"12345","out_id":"67890"},
        {"phone_number":"13800138000","success":false,"err_code":"MOBILE_NOT_ON_SERVICE","biz_id":"12345"}]"#;
    let (receipts, _, answer) = arrived(called(Vendor::Aliyun, &json(body)));
    let expected = [
        (PHONE, ReceiptStatus::Delivered, Reason::None),
        (PHONE, ReceiptStatus::Undelivered, Reason::NumberSuspended),
    ];
    assert_eq!(receipts, expected);
    assert!(answer.starts_with(r#"{"code":0"#));
    let body = r#"[{"phone_number":"13800138000","send_time":"2017-09-01 00:00:00","content":"内容","dest_code":"1234","sequence_id":1234567890}]"#;
    let (_, inbound, _) = arrived(called(Vendor::Aliyun, &json(body)));
    assert_eq!(inbound, [(PHONE, "1234".to_owned(), "内容".to_owned())]);
}

#[test]
fn a_repeated_reply_has_the_same_id_and_tells_no_phone() {
    let body = r#"{"extend":"01","mobile":"13800138000","nationcode":"86","text":"R","time":1457336869}"#;
    let id = |body: &str| match called(Vendor::Tencent, &json(body)) {
        Callback::Arrived { inbound, .. } => inbound[0].carrier_id.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(id(body), id(body));
    assert_ne!(id(body), id(&body.replace("1457336869", "1457336870")));
    let CarrierMessageId::Text(text) = id(body) else { panic!("a text") };
    assert!(text.len() <= 64 && !text.contains("13800138000"));
}

fn signed(body: &str, secret: &str) -> CallbackRequest {
    let mut fields: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    fields.sort();
    let joined: String = fields.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let mut request = request("application/x-www-form-urlencoded", body);
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("https://sms.example.com{}{joined}", request.target).as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    request.headers.push(("x-twilio-signature".into(), signature));
    request
}

#[test]
fn twilios_callbacks_are_believed_only_with_their_signature() {
    let status =
        "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005&From=%2B15005550006&To=%2B8613800138000";
    let (receipts, ..) = arrived(called(Vendor::Twilio, &signed(status, "secret")));
    assert_eq!(receipts, [(PHONE, ReceiptStatus::Undelivered, Reason::UnknownNumber)]);
    let under_way = "MessageSid=SM1&MessageStatus=sent&To=%2B8613800138000";
    let (receipts, inbound, answer) = arrived(called(Vendor::Twilio, &signed(under_way, "secret")));
    assert!(receipts.is_empty() && inbound.is_empty() && answer.contains("<Response/>"));
    let reply = "MessageSid=SM2&SmsStatus=received&From=%2B8613800138000&To=%2B15005550006&Body=STOP";
    let (_, inbound, _) = arrived(called(Vendor::Twilio, &signed(reply, "secret")));
    assert_eq!(inbound, [(PHONE, "+15005550006".to_owned(), "STOP".to_owned())]);
    for forged in [signed(status, "another"), request("application/x-www-form-urlencoded", status)] {
        let Callback::Refused(answer) = called(Vendor::Twilio, &forged) else { panic!("believed") };
        assert_eq!(answer.status, 403);
    }
    let mut changed = signed(status, "secret");
    changed.target.push_str("?x=1");
    assert!(matches!(called(Vendor::Twilio, &changed), Callback::Refused(_)));
}

#[test]
fn a_described_interface_is_read_from_json_forms_and_queries() {
    let body = r#"{"reports":[{"msgid":"1","mobile":"13800138000","status":"DELIVRD"},
        {"msgid":"2","mobile":"13800138000","status":"107"},{"msgid":"3","mobile":"13800138000","status":"EXPIRED"},
        {"msgid":"4","mobile":"13800138000","status":"ACCEPTD"}]}"#;
    let (receipts, _, answer) = arrived(called(Vendor::Plain, &json(body)));
    let expected = [
        (PHONE, ReceiptStatus::Delivered, Reason::None),
        (PHONE, ReceiptStatus::Undelivered, Reason::CarrierBlacklist),
        (PHONE, ReceiptStatus::Expired, Reason::Unreachable),
    ];
    assert_eq!((receipts.as_slice(), answer.as_str()), (&expected[..], "success"));
    let form = "id=7&mobile=13800138000&content=%E6%94%B6%E5%88%B0&ext=01";
    let (_, inbound, _) = arrived(called(Vendor::Plain, &request("application/x-www-form-urlencoded", form)));
    assert_eq!(inbound, [(PHONE, "01".to_owned(), "收到".to_owned())]);
    let mut query = request("", "");
    query.target.push_str(&format!("?{form}"));
    assert_eq!(arrived(called(Vendor::Plain, &query)).1, inbound);
}

#[test]
fn what_is_not_understood_is_refused_and_a_wrong_address_is_nowhere() {
    for vendor in [Vendor::Aliyun, Vendor::Tencent, Vendor::Plain] {
        for odd in ["", "{", "7", "<xml/>"] {
            let Callback::Refused(answer) = called(vendor, &json(odd)) else {
                panic!("{vendor:?} took {odd:?}")
            };
            assert_eq!(answer.status, 400);
        }
        let mut guessed = json("[]");
        guessed.token = "test-token-0123456788".into();
        assert!(matches!(called(vendor, &guessed), Callback::Nowhere));
        let mut closed = config(vendor, 1, Wish::default());
        closed.provider = Some(Arc::new(closed.provider.unwrap().shown()));
        let callback = HttpProviders::default().called(&closed, &json("[]"), NOW);
        assert!(matches!(callback, Callback::Nowhere), "it takes none");
    }
    let carrier = Wish::default().config(1);
    assert!(matches!(HttpProviders::default().called(&carrier, &json("[]"), NOW), Callback::Nowhere));
}

/// What a change of the settings is refused with.
fn pointer(vendor: Vendor, change: impl Fn(&mut Provider)) -> String {
    let mut config: ChannelConfig = config(vendor, 1, Wish::default());
    let mut provider = config.provider.as_deref().unwrap().clone();
    change(&mut provider);
    config.provider = Some(Arc::new(provider));
    match HttpProviders::default().check(&config) {
        Ok(()) => "fine".into(),
        Err(fault) => {
            assert!(!fault.said.zh.is_ascii() && !fault.said.en.is_empty());
            fault.pointer
        }
    }
}

#[test]
fn settings_that_are_not_understood_name_their_place() {
    for vendor in [Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Plain] {
        assert_eq!(pointer(vendor, |_| {}), "fine");
        let short = |provider: &mut Provider| provider.callback_token = Some(Secret("short".into()));
        assert_eq!(pointer(vendor, short), "/callback_token");
        assert_eq!(pointer(vendor, |provider| provider.poll_seconds = Some(0)), "/poll_seconds");
    }
    assert_eq!(pointer(Vendor::Tencent, |provider| provider.app_id = None), "/app_id");
    assert_eq!(pointer(Vendor::Tencent, |provider| provider.templates.clear()), "/templates");
    assert_eq!(pointer(Vendor::Tencent, |p| p.templates[1].text = "{1}和{3}".into()), "/templates/1/text");
    assert_eq!(pointer(Vendor::Tencent, |p| p.templates[0].text = "{1}{2}".into()), "/templates/0/text");
    assert_eq!(pointer(Vendor::Aliyun, |p| p.templates[0].code = " ".into()), "/templates/0/code");
    assert_eq!(pointer(Vendor::Twilio, |provider| provider.public_url = None), "/public_url");
    let form = |change: fn(&mut domain::control::HttpForm)| {
        pointer(Vendor::Plain, move |provider| change(provider.http.as_mut().unwrap()))
    };
    assert_eq!(pointer(Vendor::Plain, |provider| provider.http = None), "/http");
    assert_eq!(form(|form| form.method = "DELETE".into()), "/http/method");
    assert_eq!(form(|form| form.path = "/send?m={{ text }}".into()), "/http/path");
    assert_eq!(form(|form| form.body = "{{ fone }}".into()), "/http/body");
    assert_eq!(form(|form| form.body = "{% for".into()), "/http/body");
    assert_eq!(form(|form| form.body = "content={{ text }}".into()), "/http/body");
    assert_eq!(form(|form| form.body = "{{ text|md6 }}".into()), "/http/body");
    assert_eq!(form(|form| form.body = "{% for i in range(9999) %}{{ i }}{% endfor %}".into()), "/http/body");
    assert_eq!(form(|form| form.answer.code = "code".into()), "/http/answer/code");
    assert_eq!(form(|form| form.answer.taken.clear()), "/http/answer/taken");
    assert_eq!(form(|form| form.answer.id = "regex:(".into()), "/http/answer/id");
    let odd_header = |form: &mut domain::control::HttpForm| {
        form.headers.insert("X-Text".into(), "{{ text }}".into());
    };
    assert_eq!(form(odd_header), "/http/headers/X-Text");
    let broken_json = |form: &mut domain::control::HttpForm| {
        form.headers.insert("Content-Type".into(), "application/json".into());
        form.body = r#"{"text":"{{ text }}"}"#.into();
    };
    assert_eq!(form(broken_json), "/http/body");
    let whole_json = |form: &mut domain::control::HttpForm| {
        form.headers.insert("Content-Type".into(), "application/json".into());
        form.headers.insert("X-Sign".into(), "{{ (secret ~ body)|hmac_sha256(secret, 'base64') }}".into());
        form.body = r#"{"text":{{ text|json }},"to":[{{ e164|json }}]}"#.into();
    };
    assert_eq!(form(whole_json), "fine");
}
