//! Providers over HTTP: what each answer means, batches, time-outs, and questions for receipts.

use std::time::Duration;

use domain::channel::{CarrierCode, CarrierMessageId, ReceiptStatus, SubmitOutcome};
use domain::message::Reason;
use sim::{Vendor, VendorFault};

use crate::bench_channel::Wish;
use crate::bench_provider::{Counter, with_texts};

const ALL: [Vendor; 4] = [Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Plain];
const TEXT: &str = "【鸿雁】第7位：您的验证码8842，请勿外传";

fn is_taken(outcome: &SubmitOutcome) -> bool {
    matches!(outcome, SubmitOutcome::Taken(ids) if ids.len() == 1)
}

fn uncertain() -> SubmitOutcome {
    SubmitOutcome::Uncertain { taken: Vec::new() }
}

fn refused(code: &str) -> SubmitOutcome {
    SubmitOutcome::Refused { code: CarrierCode::new(code.as_bytes()), taken: Vec::new() }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written_and_has_an_id() {
    for vendor in ALL {
        let mut counter = Counter::open(vendor).await;
        let outcome = counter.outcome(TEXT).await;
        assert!(is_taken(&outcome), "{vendor:?}: {outcome:?}");
        let sent = counter.vendor.messages();
        assert_eq!((sent.len(), sent[0].phone, sent[0].text.as_str()), (1, 8_613_800_000_000, TEXT));
        let SubmitOutcome::Taken(ids) = outcome else { unreachable!() };
        let CarrierMessageId::Text(id) = &ids[0] else { panic!("{ids:?}") };
        assert!(id.len() <= 64 && id.starts_with(&*sent[0].id) && !id.contains("13800000000"), "{id}");
        assert_eq!(counter.vendor.counters().unproven, 0);
    }
}

#[tokio::test]
async fn every_kind_of_answer_is_what_it_means() {
    // Throttled and refused in each provider's own words.
    let words = |vendor| match vendor {
        Vendor::Aliyun => ("Throttling.User", "isv.BLACK_KEY_CONTROL_LIMIT", "ALI:BLACK"),
        Vendor::Tencent => ("RequestLimitExceeded", "FailedOperation.PhoneNumberInBlacklist", "TC:BLACK"),
        Vendor::Twilio => ("20429", "21610", "TWI:21610"),
        Vendor::Plain => ("108", "107", "MBBLACK"),
    };
    for vendor in ALL {
        let mut counter = Counter::open(vendor).await;
        let (throttle, refuse, kept) = words(vendor);
        counter.vendor.script([
            VendorFault::Request(throttle.to_owned()),
            VendorFault::Status(429),
            VendorFault::Request(refuse.to_owned()),
            VendorFault::Status(403),
            VendorFault::Status(502),
            VendorFault::Cut,
        ]);
        for expected in [
            SubmitOutcome::Throttled,
            SubmitOutcome::Throttled,
            refused(kept),
            refused("HTTP:403"),
            uncertain(),
            uncertain(),
        ] {
            counter.until(|counter| counter.channel.capacity().parts > 0).await;
            assert_eq!(counter.outcome(TEXT).await, expected, "{vendor:?}");
        }
        assert_eq!(CarrierCode::new(kept.as_bytes()).reason(), Reason::CarrierBlacklist);
        assert_eq!(counter.vendor.counters().sends, 6, "one try each");
        assert_eq!(counter.vendor.messages().len(), 1, "what was cut off had been taken");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_uncertain() {
    for vendor in ALL {
        let wish = Wish { response_timeout: Duration::from_millis(300), ..Wish::default() };
        let mut counter = Counter::open_as(vendor, wish, |_| {}).await;
        counter.vendor.script([VendorFault::Late(3_000)]);
        assert_eq!(counter.outcome(TEXT).await, uncertain(), "{vendor:?}");
        assert_eq!(counter.channel.capacity().parts, 32, "and frees the window");
        let again = counter.outcome(TEXT).await;
        match vendor {
            // It was taken before: the id that we send with it tells the provider so.
            Vendor::Plain => assert_eq!(again, refused("109")),
            _ => assert!(is_taken(&again), "{vendor:?}: {again:?}"),
        }
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_gets_nothing_and_the_channel_is_down_for_a_while() {
    let mut counter = Counter::open(Vendor::Tencent).await;
    counter.until(|counter| counter.up == Some(2)).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut counter = Counter::open_as(Vendor::Tencent, Wish::default(), |config| config.port = closed).await;
    let outcome = counter.outcome(TEXT).await;
    assert_eq!(outcome, SubmitOutcome::NotWritten { recalled: false });
    counter.until(|counter| counter.up == Some(0)).await;
    assert_eq!(counter.channel.capacity().parts, 0);
    counter.until(|counter| counter.up == Some(2)).await;
    assert_eq!(counter.channel.capacity().parts, 32, "and is tried again");
}

#[tokio::test]
async fn a_text_that_is_of_no_template_is_refused_without_a_request() {
    for vendor in [Vendor::Aliyun, Vendor::Tencent] {
        let mut counter = Counter::open(vendor).await;
        assert_eq!(counter.outcome("【鸿雁】明天见").await, refused("NOTEMPLATE"));
        assert_eq!(counter.outcome("第7位：您的验证码8842，请勿外传").await, refused("SIGNERR"));
        assert_eq!(counter.vendor.counters().sends, 0);
        assert_eq!(CarrierCode::new(b"NOTEMPLATE").reason(), Reason::NoTemplate);
    }
}

#[tokio::test]
async fn what_may_go_together_does_and_one_refused_number_refuses_no_other() {
    let same = "【鸿雁】活动开始，拒收请回复R";
    let wish = Wish { connections: 1, window: 250, ..Wish::default() };
    let mut counter = Counter::open_as(Vendor::Tencent, wish, |_| {}).await;
    counter.vendor.script([VendorFault::Number("FailedOperation.PhoneNumberInBlacklist".into())]);
    let mut texts = vec![same; 210];
    texts.push(TEXT);
    let outcomes = counter.outcomes(&texts).await;
    assert_eq!(counter.vendor.counters().sends, 3, "200, 10, and the one with parameters of its own");
    assert_eq!(outcomes.iter().filter(|outcome| is_taken(outcome)).count(), 210);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == refused("TC:BLACK")).count(), 1);

    let wish = Wish { connections: 1, window: 250, ..Wish::default() };
    let mut counter = Counter::open_as(Vendor::Aliyun, wish, |_| {}).await;
    let texts: Vec<String> = (0..150)
        .map(|n| format!("【{}】第{n}位：您的验证码{n}，请勿外传", ["鸿雁", "青鸟"][n % 2]))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let outcomes = counter.outcomes(&texts).await;
    assert_eq!(counter.vendor.counters().sends, 2, "each with parameters and signature of its own");
    let mut sent: Vec<String> = counter.vendor.messages().into_iter().map(|message| message.text).collect();
    let mut wanted: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    sent.sort();
    wanted.sort();
    assert_eq!(sent, wanted);
    let ids: std::collections::HashSet<_> = outcomes.iter().map(|outcome| format!("{outcome:?}")).collect();
    assert_eq!(ids.len(), 150, "one id each, though the provider gave one for all of a request");
}

#[tokio::test]
async fn receipts_and_replies_are_asked_for() {
    let mut counter = Counter::open(Vendor::Tencent).await;
    counter.vendor.script([VendorFault::Fine, VendorFault::Undelivered("MK:0001".into())]);
    assert!(is_taken(&counter.outcome(TEXT).await));
    assert!(is_taken(&counter.outcome(TEXT).await));
    counter.vendor.reply(8_613_800_000_000, "R");
    counter.until(|counter| counter.receipts.len() == 2 && counter.inbound.len() == 1).await;
    let told = |place: usize| (counter.receipts[place].status, counter.receipts[place].code.reason());
    assert_eq!(told(0), (ReceiptStatus::Delivered, Reason::None));
    assert_eq!(told(1), (ReceiptStatus::Undelivered, Reason::UnknownNumber));
    assert_eq!((counter.inbound[0].text.as_str(), &*counter.inbound[0].to), ("R", "1069000101"));
}

/// A channel that nobody calls back: it asks every second.
fn asking(config: &mut domain::control::ChannelConfig) {
    let mut provider = (**config.provider.as_ref().unwrap()).clone();
    (provider.poll_seconds, provider.callback_token) = (Some(1), None);
    config.provider = Some(std::sync::Arc::new(provider));
    config.access_code = "+15005550006".into();
}

#[tokio::test]
async fn receipts_are_asked_for_message_by_message_where_there_is_no_queue_of_them() {
    for (vendor, code) in [(Vendor::Aliyun, "MOBILE_NOT_ON_SERVICE"), (Vendor::Twilio, "30005")] {
        let mut counter = Counter::open_as(vendor, Wish::default(), asking).await;
        counter.vendor.script([VendorFault::Fine, VendorFault::Undelivered(code.into())]);
        let (mut first, mut second) = (counter.outcome(TEXT).await, counter.outcome(TEXT).await);
        let id = |outcome: &mut SubmitOutcome| match outcome {
            SubmitOutcome::Taken(ids) => ids.remove(0),
            other => panic!("{vendor:?}: {other:?}"),
        };
        let ids = [id(&mut first), id(&mut second)];
        // The provider answers the first question with: not yet.
        counter.until(|counter| counter.receipts.len() == 2).await;
        for (id, (status, delivered)) in
            ids.iter().zip([(ReceiptStatus::Delivered, true), (ReceiptStatus::Undelivered, false)])
        {
            let receipt = counter.receipts.iter().find(|receipt| receipt.carrier_id == *id).unwrap();
            assert_eq!(receipt.status, status, "{vendor:?}");
            assert_eq!(receipt.code.reason() == Reason::None, delivered, "{vendor:?}");
        }
        assert!(counter.vendor.counters().pulls >= 4, "each twice");
        assert_eq!(counter.vendor.counters().unproven, 0);
    }
}

#[tokio::test]
async fn twilios_list_is_read_page_by_page_and_a_reply_is_told_once() {
    let mut counter = Counter::open_as(Vendor::Twilio, Wish::default(), asking).await;
    counter.vendor.reply(8_613_800_000_000, "R");
    counter.vendor.reply(8_613_800_000_001, "您好");
    counter.until(|counter| counter.inbound.len() == 2).await;
    let looked = counter.vendor.counters().pulls;
    counter.until(|counter| counter.vendor.counters().pulls >= looked + 4).await;
    let told: Vec<_> = counter.inbound.iter().map(|it| (it.text.as_str(), &*it.to)).collect();
    assert_eq!(told, [("R", "+15005550006"), ("您好", "+15005550006")]);
}

#[tokio::test]
async fn messages_share_a_request_of_a_described_provider_and_each_has_its_answer() {
    let body = r#"{"account": {{ login|json }}, "ts": {{ timestamp }},
        "sign": {{ (login ~ secret ~ timestamp)|md5|json }},
        "list": [{% for m in messages %}{% if not loop.first %},{% endif %}
            {"uid": {{ m.id|json }}, "mobile": {{ m.phone|json }}, "content": {{ m.text|json }}}{% endfor %}]}"#;
    let change = |config: &mut domain::control::ChannelConfig| {
        let mut provider = (**config.provider.as_ref().unwrap()).clone();
        let form = provider.http.as_mut().unwrap();
        form.path = "/v2/batch".into();
        form.headers = [("Content-Type".into(), "application/json".into())].into();
        form.body = body.into();
        form.answer.id = "/msgid".into();
        let (phone, code) = (Some("/mobile".into()), Some("/code".into()));
        form.batch = Some(domain::control::HttpBatch { most: 50, items: "/data".into(), phone, code });
        config.provider = Some(std::sync::Arc::new(provider));
    };
    let wish = Wish { connections: 1, window: 120, ..Wish::default() };
    let mut counter = Counter::open_as(Vendor::Plain, wish, change).await;
    counter.vendor.script([VendorFault::Number("107".into())]);
    let texts: Vec<String> = (0..60).map(|n| format!("【鸿雁】第{n}位：\"引号\"与\n换行")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let outcomes = counter.outcomes(&texts).await;
    assert_eq!(counter.vendor.counters().sends, 2, "50 and 10");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == refused("MBBLACK")).count(), 1);
    let sent = counter.vendor.messages();
    assert_eq!(sent.len(), 59);
    for (place, outcome) in outcomes.iter().enumerate() {
        let Some(message) = sent.iter().find(|message| message.text == texts[place]) else {
            assert_eq!(*outcome, refused("MBBLACK"));
            continue;
        };
        assert_eq!(*outcome, SubmitOutcome::Taken(vec![CarrierMessageId::Text(message.id.as_str().into())]));
    }
    counter.vendor.script([VendorFault::Request("108".into()), VendorFault::Cut]);
    assert_eq!(counter.outcomes(&texts[..2]).await, [SubmitOutcome::Throttled, SubmitOutcome::Throttled]);
    counter.until(|counter| counter.channel.capacity().parts > 1).await;
    assert_eq!(counter.outcomes(&texts[..2]).await, [uncertain(), uncertain()]);
}

#[tokio::test]
async fn a_wrong_secret_is_told_to_a_person() {
    for (vendor, code) in
        [(Vendor::Aliyun, "ALI:AUTH"), (Vendor::Tencent, "TC:AUTH"), (Vendor::Twilio, "TWI:20003")]
    {
        let wish = Wish { secret: "another", ..Wish::default() };
        let mut counter = Counter::open_as(vendor, wish, |_| {}).await;
        assert_eq!(counter.outcome(TEXT).await, refused(code));
        counter.until(|counter| counter.trouble.is_some()).await;
        assert!(counter.trouble.as_ref().unwrap().starts_with(code), "{:?}", counter.trouble);
        assert_eq!(counter.vendor.counters().sends, 0, "the provider let nothing in");
        assert!(counter.vendor.counters().unproven >= 1);
    }
}

#[tokio::test]
async fn what_waits_is_recalled_what_is_late_is_not_written_and_the_end_awaits_answers() {
    // One request at a time.
    let wish = Wish { connections: 1, window: 1, ..Wish::default() };
    let mut counter = Counter::open_as(Vendor::Twilio, wish, |_| {}).await;
    counter.vendor.script([VendorFault::Late(600)]);
    let batch = with_texts(&["一", "二", "三"]);
    let (second, third) = (batch[1].clone(), batch[2].ticket.message);
    counter.hand_over(batch, 1_400);
    counter.until(|counter| counter.vendor.counters().sends == 1).await;
    assert_eq!(counter.channel.recall(second.phone), 1);
    counter.until(|counter| counter.answers.len() == 3).await;
    assert_eq!(counter.answers[&second.ticket.message], [SubmitOutcome::NotWritten { recalled: true }]);
    assert_eq!(counter.answers[&third], [SubmitOutcome::NotWritten { recalled: false }]);

    counter.vendor.script([VendorFault::Late(400)]);
    counter.answers.clear();
    counter.hand_over(with_texts(&["四"]), 2_000);
    counter.until(|counter| counter.vendor.counters().sends == 2).await;
    counter.stop.cancel();
    counter.tracker.close();
    counter.until(|counter| counter.answers.len() == 1).await;
    assert!(counter.answers.values().all(|outcomes| is_taken(&outcomes[0])));
    tokio::time::timeout(Duration::from_secs(10), counter.tracker.wait()).await.expect("all tasks end");
}

#[tokio::test]
async fn the_pace_is_held() {
    let wish = Wish { parts_per_second: Some(20), ..Wish::default() };
    let counter = Counter::open_as(Vendor::Plain, wish, |_| {}).await;
    assert!(counter.channel.capacity().parts <= 20, "a burst is no more than a second's worth");
    let room = counter.channel.capacity().parts;
    counter.hand_over(with_texts(&vec!["您好"; room as usize]), 2_000);
    assert_eq!(counter.channel.capacity().parts, 0);
    tokio::time::timeout(Duration::from_secs(5), counter.channel.capacity_changed())
        .await
        .expect("it refills");
}

#[tokio::test]
async fn two_messages_to_one_phone_do_not_share_a_request_nor_an_id() {
    let wish = Wish { connections: 1, window: 250, ..Wish::default() };
    let mut counter = Counter::open_as(Vendor::Aliyun, wish, |_| {}).await;
    let mut batch = with_texts(&["【鸿雁】第1位：活动开始", "【鸿雁】第2位：活动开始"]);
    batch[1].phone = batch[0].phone;
    let messages = [batch[0].ticket.message, batch[1].ticket.message];
    counter.hand_over(batch, 10_000);
    counter.until(|counter| counter.answers.len() == 2).await;
    let [first, second] = messages.map(|message| counter.answers[&message][0].clone());
    assert!(is_taken(&first) && is_taken(&second) && first != second, "{first:?} {second:?}");
    assert_eq!(counter.vendor.counters().sends, 2);
}

#[tokio::test]
async fn a_request_that_cannot_be_made_is_refused_and_the_channel_goes_on() {
    let path = "/v2/send{% if '空格' in text %} {{ text }}{% endif %}";
    let change = |config: &mut domain::control::ChannelConfig| {
        let mut provider = (**config.provider.as_ref().unwrap()).clone();
        provider.http.as_mut().unwrap().path = path.into();
        config.provider = Some(std::sync::Arc::new(provider));
    };
    let mut counter = Counter::open_as(Vendor::Plain, Wish::default(), change).await;
    assert_eq!(counter.outcome("【鸿雁】空格").await, refused("RENDER"));
    assert!(is_taken(&counter.outcome(TEXT).await));
    assert_ne!(counter.up, Some(0));
}
