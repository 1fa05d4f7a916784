//! Every protocol behind the same port: what CMPP does, the others do too.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use domain::channel::{ReceiptStatus, SubmitOutcome};
use domain::control::{Binds, Protocol, Quirks};
use domain::policy::text_hash;
use sim::{Accounts, FaultKind, Latency, LogNormal, Receipts, Replies, SimConfig};

use crate::bench_channel::{Bench, Wish, messages};

/// What a channel speaks, and what a simulated carrier must speak for it.
const PROTOCOLS: [(Protocol, sim::Protocol); 7] = [
    (Protocol::Cmpp20, sim::Protocol::Cmpp),
    (Protocol::Cmpp30, sim::Protocol::Cmpp),
    (Protocol::Sgip12, sim::Protocol::Sgip),
    (Protocol::Smgp30, sim::Protocol::Smgp),
    (Protocol::Smgp13, sim::Protocol::Smgp),
    (Protocol::Smpp34, sim::Protocol::Smpp),
    (Protocol::Smpp50, sim::Protocol::Smpp),
];

const LONG: &str = "这是一条需要拆成几段的长短信，";

/// An address that nobody listens on just now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn long_messages_arrive_whole_with_a_receipt_for_every_part_and_replies_come_in() {
    let replies =
        Replies { opt_out: 1.0, delay: LogNormal { median_ms: 5.0, p95_ms: 5.0 }, ..Replies::default() };
    for (protocol, simulated) in PROTOCOLS {
        let carrier = SimConfig { replies: replies.clone(), ..SimConfig::ideal() }.speaking(simulated);
        let mut bench = Bench::start(carrier, Wish { protocol, ..Wish::default() }).await;
        bench.connected(32).await;
        let mut sent = messages(40, &LONG.repeat(12));
        let parts = usize::from(sent[0].parts);
        for single in messages(60, "您好") {
            let id = domain::ids::MessageId::from_raw(single.ticket.message.raw() + 1_000);
            let ticket = domain::channel::Ticket { message: id, ..single.ticket };
            sent.push(domain::channel::Outgoing { ticket, ..single });
        }
        bench.send_all(sent.clone()).await;
        let receipts = 40 * parts + 60;
        bench.until(|bench| bench.answered() == 100 && bench.receipts.len() == receipts).await;
        assert!(bench.receipts.iter().all(|receipt| receipt.status == ReceiptStatus::Delivered));
        assert!(bench.receipts.iter().all(|receipt| receipt.phone.is_some()), "{protocol}");
        let mut ids: Vec<_> = bench.receipts.iter().map(|receipt| receipt.carrier_id.clone()).collect();
        let mut taken: Vec<_> = bench
            .answers
            .values()
            .flatten()
            .flat_map(|outcome| match outcome {
                SubmitOutcome::Taken(ids) => ids.clone(),
                other => panic!("{protocol}: {other:?}"),
            })
            .collect();
        ids.sort();
        taken.sort();
        assert_eq!(ids, taken, "{protocol}: receipts name the ids that the answers gave");
        let truth = bench.carrier.truth().by_key();
        for message in &sent {
            let seen = truth.get(&(message.phone.to_u64(), text_hash(&message.text)));
            assert_eq!(seen.map(|seen| (seen.count, seen.delivered)), Some((1, true)), "{protocol}");
        }
        bench.until(|bench| bench.carrier.counters().inbound_acked >= 40).await;
        assert!(bench.inbound.iter().all(|inbound| &*inbound.to == "10690001" && !inbound.text.is_empty()));
    }
}

#[tokio::test]
async fn refusals_failures_and_flow_control_are_told_in_each_protocols_own_words() {
    for (protocol, simulated) in PROTOCOLS {
        let failed = Receipts { delivered: 0.0, ..SimConfig::ideal().receipts };
        let carrier = SimConfig { acceptance: 0.5, ..SimConfig::ideal() }.speaking(simulated);
        let receipts = Receipts { delivered: 0.0, failures: carrier.receipts.failures.clone(), ..failed };
        let carrier = SimConfig { receipts, ..carrier };
        let mut bench = Bench::start(carrier, Wish { protocol, ..Wish::default() }).await;
        bench.connected(32).await;
        bench.send_all(messages(100, "您好")).await;
        bench.until(|bench| bench.answered() == 100).await;
        let refused = bench.count(|outcome| match outcome {
            SubmitOutcome::Refused { code, .. } => {
                assert_ne!(code.reason(), domain::message::Reason::CarrierUnknown, "{protocol} {code:?}");
                true
            }
            _ => false,
        });
        assert!((20..80).contains(&refused), "{protocol}: {refused}");
        bench.until(|bench| bench.receipts.len() == 100 - refused).await;
        assert!(
            bench.receipts.iter().all(|receipt| receipt.status != ReceiptStatus::Delivered),
            "{protocol}"
        );

        bench.carrier.strike(FaultKind::ThrottleAll { millis: 60_000 });
        bench.until(|bench| bench.channel.capacity().parts > 3).await;
        let again = messages(103, "您好").split_off(100);
        bench.hand_over(again, 2_000);
        bench.until(|bench| bench.count(|outcome| *outcome == SubmitOutcome::Throttled) == 3).await;
    }
}

#[tokio::test]
async fn a_lost_connection_gives_back_what_was_written_and_is_made_anew() {
    for (protocol, simulated) in PROTOCOLS {
        let carrier = SimConfig { answer: Latency::Fixed(60_000), ..SimConfig::ideal() }.speaking(simulated);
        let mut bench = Bench::start(carrier, Wish { protocol, ..Wish::default() }).await;
        bench.connected(32).await;
        bench.hand_over(messages(32, "您好"), 2_000);
        bench.until(|bench| bench.carrier.counters().submits == 32).await;
        bench.carrier.strike(FaultKind::DisconnectAll);
        bench.until(|bench| bench.answered() == 32).await;
        let uncertain = bench.count(|outcome| matches!(outcome, SubmitOutcome::Uncertain { .. }));
        assert_eq!(uncertain, 32, "{protocol}");
        bench.connected(32).await;
        for kind in [FaultKind::Garbage, FaultKind::HugeLength] {
            bench.carrier.strike(kind);
            bench.until(|bench| bench.channel.capacity().connections_up < 2).await;
            bench.connected(32).await;
        }
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_and_not_hammered() {
    for (protocol, simulated) in PROTOCOLS {
        let accounts = Accounts::Listed(vec![("900001".into(), "another".into())]);
        let carrier = SimConfig { accounts, ..SimConfig::ideal() }.speaking(simulated);
        let mut bench = Bench::start(carrier, Wish { protocol, ..Wish::default() }).await;
        bench.until(|bench| bench.trouble.is_some()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(bench.carrier.counters().logins_refused, 2, "{protocol}: one try per connection");
    }
}

#[tokio::test]
async fn goodbye_is_said_and_waits_for_answers() {
    for (protocol, simulated) in PROTOCOLS {
        let carrier = SimConfig { answer: Latency::Fixed(200), ..SimConfig::ideal() }.speaking(simulated);
        let mut bench = Bench::start(carrier, Wish { protocol, ..Wish::default() }).await;
        bench.connected(32).await;
        bench.hand_over(messages(8, "您好"), 2_000);
        bench.until(|bench| bench.carrier.counters().submits == 8).await;
        bench.stop.cancel();
        bench.tracker.close();
        bench.until(|bench| bench.answered() == 8).await;
        assert_eq!(bench.count(|outcome| matches!(outcome, SubmitOutcome::Taken(_))), 8);
        tokio::time::timeout(Duration::from_secs(10), bench.tracker.wait()).await.expect("connections end");
    }
}

/// SMGP and SMPP know connections of one direction.
#[tokio::test]
async fn sending_and_receiving_may_have_connections_of_their_own() {
    for (protocol, simulated) in
        [(Protocol::Smgp30, sim::Protocol::Smgp), (Protocol::Smpp34, sim::Protocol::Smpp)]
    {
        let quirks = Quirks { binds: Binds::Separate, ..Quirks::default() };
        let carrier = SimConfig::ideal().speaking(simulated);
        let mut bench = Bench::start(carrier, Wish { protocol, quirks, ..Wish::default() }).await;
        bench.connected(32).await;
        bench.send_all(messages(50, "您好")).await;
        bench.until(|bench| bench.answered() == 50 && bench.receipts.len() == 50).await;
        assert_eq!(bench.carrier.counters().logins, 3, "two that send, one that receives");
        bench.until(|bench| bench.carrier.counters().receipts_acked == 50).await;
    }
}

/// SGIP by the book: the carrier opens a connection of its own to report and deliver.
#[tokio::test]
async fn an_sgip_carrier_connects_to_us() {
    let listen = free_address();
    let quirks = Quirks {
        listen: Some(listen),
        node: 3_010_092_008,
        corporation: "92008".into(),
        ..Quirks::default()
    };
    let replies =
        Replies { opt_out: 1.0, delay: LogNormal { median_ms: 5.0, p95_ms: 5.0 }, ..Replies::default() };
    let accounts = Accounts::Listed(vec![("900001".into(), "secret".into())]);
    let carrier = SimConfig { replies, accounts, deliver_to: Some(listen), ..SimConfig::ideal() }
        .speaking(sim::Protocol::Sgip);
    let wish = Wish { protocol: Protocol::Sgip12, quirks, ..Wish::default() };
    let mut bench = Bench::start(carrier, wish).await;
    bench.connected(32).await;
    bench.send_all(messages(50, "您好")).await;
    bench.until(|bench| bench.receipts.len() == 50 && bench.inbound.len() == 50).await;
    assert!(bench.receipts.iter().all(|receipt| receipt.status == ReceiptStatus::Delivered));
    bench.until(|bench| bench.carrier.counters().receipts_acked == 50).await;
    assert_eq!(bench.channel.capacity().connections_up, 2, "the carrier's own is none of ours");

    // Cut, it comes again; what was not acknowledged comes again with it.
    bench.acknowledges = false;
    bench.send_all(messages(55, "您好").split_off(50)).await;
    bench.until(|bench| bench.receipts.len() >= 55).await;
    bench.acknowledges = true;
    bench.carrier.strike(FaultKind::DisconnectAll);
    bench.until(|bench| bench.carrier.counters().receipts_acked == 55).await;
    bench.stop.cancel();
    bench.tracker.close();
    tokio::time::timeout(Duration::from_secs(10), bench.tracker.wait()).await.expect("the listener ends");
}

#[tokio::test]
async fn a_stranger_who_connects_as_the_carrier_is_refused() {
    let listen = free_address();
    let quirks = Quirks { listen: Some(listen), ..Quirks::default() };
    let carrier = SimConfig { deliver_to: None, ..SimConfig::ideal() }.speaking(sim::Protocol::Sgip);
    let wish = Wish { protocol: Protocol::Sgip12, quirks, ..Wish::default() };
    let mut bench = Bench::start(carrier, wish).await;
    bench.connected(32).await;
    // Another platform's carrier dials the wrong house.
    let accounts = Accounts::Listed(vec![("900001".into(), "other".into())]);
    let stranger =
        SimConfig { accounts, deliver_to: Some(listen), ..SimConfig::ideal() }.speaking(sim::Protocol::Sgip);
    let wish = Wish { protocol: Protocol::Sgip12, secret: "other", ..Wish::default() };
    let mut other = Bench::start(stranger, wish).await;
    other.connected(32).await;
    other.send_all(messages(3, "您好")).await;
    other.until(|other| other.answered() == 3).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench.until(|_| true).await;
    assert!(bench.receipts.is_empty());
    assert_eq!(other.carrier.counters().receipts_acked, 0);
}

/// Neither waits for ever, and nobody is refused for them.
#[tokio::test]
async fn a_text_of_more_parts_than_the_window_goes_out_in_turns() {
    for (protocol, simulated) in PROTOCOLS {
        for window in [1, 2] {
            let carrier = SimConfig { answer: Latency::Fixed(5), ..SimConfig::ideal() }.speaking(simulated);
            let wish = Wish { protocol, window, connections: 1, ..Wish::default() };
            let mut bench = Bench::start(carrier, wish).await;
            let sent = messages(3, &LONG.repeat(20));
            assert_eq!(sent[0].parts, 5);
            for (number, message) in sent.iter().enumerate() {
                bench.until(|bench| bench.channel.capacity().rested).await;
                bench.hand_over(vec![message.clone()], 2_000);
                let capacity = bench.channel.capacity();
                assert_eq!((capacity.parts, capacity.rested), (0, false));
                bench.until(|bench| bench.receipts.len() == 5 * (number + 1)).await;
            }
            let taken =
                |outcome: &SubmitOutcome| matches!(outcome, SubmitOutcome::Taken(ids) if ids.len() == 5);
            bench.until(|bench| bench.count(taken) == 3).await;
            let truth = bench.carrier.truth().by_key();
            for message in &sent {
                let seen = truth.get(&(message.phone.to_u64(), text_hash(&message.text)));
                assert_eq!(
                    seen.map(|seen| (seen.count, seen.delivered)),
                    Some((1, true)),
                    "{protocol} {window}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_text_of_more_parts_than_a_second_may_hold_goes_out_at_that_pace() {
    let carrier = SimConfig { tps_total: Some(20), ..SimConfig::ideal() };
    let wish = Wish { parts_per_second: Some(4), ..Wish::default() };
    let mut bench = Bench::start(carrier, wish).await;
    bench.until(|bench| bench.channel.capacity().rested).await;
    let sent = messages(1, &LONG.repeat(40));
    let parts = usize::from(sent[0].parts);
    assert!(parts > 8, "more than gathers");
    bench.hand_over(sent, 2_000);
    assert_eq!(bench.channel.capacity().parts, 0, "and the rest is owed");
    bench.until(|bench| bench.receipts.len() == parts).await;
    assert_eq!(bench.carrier.counters().throttled, 0);
    bench.until(|bench| bench.count(|outcome| matches!(outcome, SubmitOutcome::Taken(_))) == 1).await;
}
