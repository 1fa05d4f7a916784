//! What should happen when nothing is wrong.

use domain::channel::{ReceiptStatus, SubmitOutcome};
use domain::control::Protocol;
use domain::policy::text_hash;
use sim::{LogNormal, Replies, SimConfig};

use crate::bench_channel::{Bench, Wish, messages};

const LONG: &str = "这是一条需要拆成几段的长短信，";

#[tokio::test]
async fn every_message_is_taken_once_and_its_receipts_come_in_both_versions() {
    for protocol in [Protocol::Cmpp20, Protocol::Cmpp30] {
        let mut bench = Bench::start(SimConfig::ideal(), Wish { protocol, ..Wish::default() }).await;
        bench.connected(32).await;
        let sent = messages(300, "您好，拒收请回复R");
        bench.send_all(sent.clone()).await;
        bench.until(|bench| bench.answered() == 300 && bench.receipts.len() == 300).await;
        assert_eq!(
            bench.count(|outcome| matches!(outcome, SubmitOutcome::Taken(ids) if ids.len() == 1)),
            300
        );
        assert!(bench.receipts.iter().all(|receipt| receipt.status == ReceiptStatus::Delivered));
        let truth = bench.carrier.truth().by_key();
        for message in &sent {
            let seen = truth.get(&(message.phone.to_u64(), text_hash(&message.text)));
            assert_eq!(seen.map(|seen| seen.count), Some(1));
        }
        assert_eq!(bench.channel.capacity().parts, 32, "all window is free again");
    }
}

#[tokio::test]
async fn long_messages_arrive_whole_and_every_part_has_its_id() {
    let mut bench = Bench::start(SimConfig::ideal(), Wish::default()).await;
    bench.connected(32).await;
    let sent = messages(60, &LONG.repeat(12));
    let parts = usize::from(sent[0].parts);
    assert!(parts > 2);
    bench.send_all(sent.clone()).await;
    bench.until(|bench| bench.answered() == 60 && bench.receipts.len() == 60 * parts).await;
    assert_eq!(bench.count(|outcome| matches!(outcome, SubmitOutcome::Taken(ids) if ids.len() == parts)), 60);
    let truth = bench.carrier.truth().by_key();
    assert!(
        sent.iter().all(|message| truth.contains_key(&(message.phone.to_u64(), text_hash(&message.text))))
    );
}

#[tokio::test]
async fn replies_come_in_and_are_acknowledged() {
    let replies =
        Replies { opt_out: 1.0, delay: LogNormal { median_ms: 5.0, p95_ms: 5.0 }, ..Replies::default() };
    let carrier = SimConfig { replies, ..SimConfig::ideal() };
    let mut bench = Bench::start(carrier, Wish::default()).await;
    bench.connected(32).await;
    bench.send_all(messages(20, "您好")).await;
    bench.until(|bench| bench.inbound.len() >= 20).await;
    assert!(bench.inbound.iter().all(|inbound| !inbound.text.is_empty() && &*inbound.to == "10690001"));
    bench.until(|bench| bench.carrier.counters().inbound_acked >= 20).await;
}

#[tokio::test]
async fn the_pace_is_held() {
    let wish = Wish { parts_per_second: Some(200), ..Wish::default() };
    let mut bench = Bench::start(SimConfig::ideal(), wish).await;
    bench.until(|bench| bench.channel.capacity().connections_up == 2).await;
    bench.send_all(messages(300, "您好")).await;
    bench.until(|bench| bench.answered() == 300).await;
    let counters = bench.carrier.counters();
    let took = counters.last_submit_ms.unwrap() - counters.first_submit_ms.unwrap();
    assert!(took >= 1_400, "300 parts at 200 a second take 1.5 s, not {took} ms");
}

#[tokio::test]
async fn connections_with_as_much_room_take_turns() {
    // A carrier that would refuse the sixth submit of a burst over one of them.
    let carrier = SimConfig { tps_per_connection: Some(20), ..SimConfig::ideal() };
    let mut bench = Bench::start(carrier, Wish::default()).await;
    bench.connected(32).await;
    for (sent, message) in messages(10, "您好").into_iter().enumerate() {
        bench.channel.submit(vec![message], u64::MAX);
        bench.until(|bench| bench.answered() > sent).await;
    }
    assert_eq!(bench.count(|outcome| matches!(outcome, SubmitOutcome::Taken(_))), 10);
}
