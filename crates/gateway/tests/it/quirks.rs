//! Where carriers differ from the usual, with the setting that copes and without it.

use domain::channel::{Outgoing, ReceiptStatus, SubmitOutcome};
use domain::control::{ChannelConfig, LongText, NumberForm, Protocol, Quirks, ReceiptIds};
use sim::{Receipts, SimConfig};

use crate::bench_channel::{Bench, Wish, messages, starts};

const LONG: &str = "这是一条需要拆成几段的长短信，";

fn carrier(protocol: sim::Protocol, receipts: Receipts) -> SimConfig {
    let mut carrier = SimConfig { receipts, ..SimConfig::ideal() };
    carrier.protocol = protocol;
    carrier
}

/// Ids that the answers gave, and ids that the receipts named, sorted.
async fn ids(mut bench: Bench) -> (Vec<String>, Vec<String>) {
    bench.connected(32).await;
    bench.send_all(messages(20, "您好")).await;
    bench.until(|bench| bench.answered() == 20 && bench.receipts.len() == 20).await;
    let taken = bench.answers.values().flatten().flat_map(|outcome| match outcome {
        SubmitOutcome::Taken(ids) => ids.clone(),
        other => panic!("{other:?}"),
    });
    let mut taken: Vec<String> = taken.map(|id| format!("{id:?}")).collect();
    let mut told: Vec<String> =
        bench.receipts.iter().map(|receipt| format!("{:?}", receipt.carrier_id)).collect();
    taken.sort();
    told.sort();
    (taken, told)
}

#[tokio::test]
async fn what_does_not_fit_an_smpp_field_is_told_to_who_configures_it() {
    let wish = |secret| Wish { protocol: Protocol::Smpp34, secret, ..Wish::default() };
    assert!(starts(wish("8-octets").config(9)));
    assert!(!starts(wish("9-octets-").config(9)));
    let of = |change: fn(&mut ChannelConfig)| {
        let mut config = wish("secret").config(9);
        change(&mut config);
        starts(config)
    };
    assert!(!of(|config| config.login = "l".repeat(16)));
    assert!(!of(|config| config.service_id = "s".repeat(6)));
    assert!(!of(|config| config.access_code = "1".repeat(21)));
}

#[tokio::test]
async fn receipts_with_decimal_ids_find_their_hexadecimal_answers() {
    let receipts = Receipts { decimal_ids: true, ..SimConfig::ideal().receipts };
    let wish = |receipt_ids| Wish {
        protocol: Protocol::Smpp34,
        quirks: Quirks { receipt_ids, ..Quirks::default() },
        ..Wish::default()
    };
    let bench =
        Bench::start(carrier(sim::Protocol::Smpp, receipts.clone()), wish(ReceiptIds::DecimalOfHex)).await;
    let (taken, told) = ids(bench).await;
    assert_eq!(taken, told);
    let bench = Bench::start(carrier(sim::Protocol::Smpp, receipts), wish(ReceiptIds::AsAnswered)).await;
    let (taken, told) = ids(bench).await;
    assert_ne!(taken, told, "without the setting they do not match");
}

#[tokio::test]
async fn a_report_of_the_first_part_stands_for_all() {
    for (protocol, simulated) in
        [(Protocol::Cmpp30, sim::Protocol::Cmpp), (Protocol::Sgip12, sim::Protocol::Sgip)]
    {
        let receipts = Receipts { first_part_only: true, ..SimConfig::ideal().receipts };
        let quirks = Quirks { first_part_only: true, ..Quirks::default() };
        let wish = Wish { protocol, quirks, ..Wish::default() };
        let mut bench = Bench::start(carrier(simulated, receipts), wish).await;
        bench.connected(32).await;
        let sent = messages(20, &LONG.repeat(12));
        let parts = usize::from(sent[0].parts);
        bench.send_all(sent).await;
        bench.until(|bench| bench.receipts.len() == 20 * parts).await;
        bench.until(|bench| bench.carrier.counters().receipts_acked == 20).await;
        assert_eq!(bench.carrier.counters().receipts["DELIVRD"], 20, "the carrier sent one for each message");
        assert!(bench.receipts.iter().all(|receipt| receipt.status == ReceiptStatus::Delivered));
    }
}

#[tokio::test]
async fn a_carrier_that_refuses_to_report_is_not_asked() {
    for (protocol, simulated) in [
        (Protocol::Cmpp20, sim::Protocol::Cmpp),
        (Protocol::Sgip12, sim::Protocol::Sgip),
        (Protocol::Smgp30, sim::Protocol::Smgp),
        (Protocol::Smpp34, sim::Protocol::Smpp),
    ] {
        for ask_receipts in [true, false] {
            let receipts = Receipts { refused: true, ..SimConfig::ideal().receipts };
            let quirks = Quirks { ask_receipts, ..Quirks::default() };
            let wish = Wish { protocol, quirks, ..Wish::default() };
            let mut bench = Bench::start(carrier(simulated, receipts), wish).await;
            bench.connected(32).await;
            bench.send_all(messages(5, "您好")).await;
            bench.until(|bench| bench.answered() == 5).await;
            let taken = bench.count(|outcome| matches!(outcome, SubmitOutcome::Taken(_)));
            assert_eq!(taken, if ask_receipts { 0 } else { 5 }, "{protocol}");
        }
    }
}

#[tokio::test]
async fn receipts_without_the_phone_come_without_it() {
    for (protocol, simulated) in [
        (Protocol::Cmpp20, sim::Protocol::Cmpp),
        (Protocol::Sgip12, sim::Protocol::Sgip),
        (Protocol::Smgp30, sim::Protocol::Smgp),
        (Protocol::Smpp34, sim::Protocol::Smpp),
    ] {
        let receipts = Receipts { without_phone: 1.0, ..SimConfig::ideal().receipts };
        let mut bench =
            Bench::start(carrier(simulated, receipts), Wish { protocol, ..Wish::default() }).await;
        bench.connected(32).await;
        bench.send_all(messages(5, "您好")).await;
        bench.until(|bench| bench.receipts.len() == 5).await;
        assert!(bench.receipts.iter().all(|receipt| receipt.phone.is_none()), "{protocol}");
    }
}

#[tokio::test]
async fn phones_and_senders_are_written_as_the_carrier_wants_them() {
    for numbers in [NumberForm::National, NumberForm::International] {
        for sender_extension in [true, false] {
            let quirks = Quirks { numbers: Some(numbers), sender_extension, ..Quirks::default() };
            let replies = sim::Replies {
                opt_out: 1.0,
                delay: sim::LogNormal { median_ms: 5.0, p95_ms: 5.0 },
                ..sim::Replies::default()
            };
            let carrier = SimConfig { replies, ..SimConfig::ideal() };
            let mut bench = Bench::start(carrier, Wish { quirks, ..Wish::default() }).await;
            bench.connected(32).await;
            let mut sent = messages(3, "您好");
            for message in &mut sent {
                message.extension = Some("77".into());
            }
            bench.send_all(sent.clone()).await;
            bench.until(|bench| bench.receipts.len() == 3 && bench.inbound.len() == 3).await;
            let truth = bench.carrier.truth();
            let phones: Vec<u64> = truth.messages.iter().map(|message| message.phone).collect();
            let expected: Vec<u64> = sent.iter().rev().map(|message| message.phone.to_u64()).rev().collect();
            assert_eq!(phones, expected, "the carrier reads both forms");
            let sender = if sender_extension { "1069000177" } else { "10690001" };
            assert!(bench.inbound.iter().all(|inbound| &*inbound.to == sender));
        }
    }
}

#[tokio::test]
async fn long_texts_arrive_whole_in_every_way() {
    // One id for the whole, or one for each part; a receipt for each.
    for (long_text, receipts) in [(LongText::Header, 9), (LongText::Sar, 9), (LongText::Payload, 3)] {
        let quirks = Quirks { long_text, ..Quirks::default() };
        let wish = Wish { protocol: Protocol::Smpp34, quirks, ..Wish::default() };
        let mut bench = Bench::start(carrier(sim::Protocol::Smpp, SimConfig::ideal().receipts), wish).await;
        bench.connected(32).await;
        let sent = messages(3, &LONG.repeat(10));
        bench.send_all(sent.clone()).await;
        bench.until(|bench| bench.receipts.len() == receipts).await;
        let mut came: Vec<_> = bench.carrier.truth().by_key().into_keys().collect();
        came.sort_unstable();
        let key = |message: &Outgoing| (message.phone.to_u64(), domain::policy::text_hash(&message.text));
        assert_eq!(came, sent.iter().map(key).collect::<Vec<_>>(), "{long_text:?}");
    }
}
