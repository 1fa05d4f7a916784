//! The load generator and the carrier agree on every number.

use std::time::Duration;

use domain::policy::text_hash;
use sim::load::{PumpConfig, PumpError, PumpReport, pump};
use sim::{Accounts, Counters, Latency, LogNormal, Protocol, Receipts, SimConfig, Truth};
use wire::cmpp::Version;

use crate::peer::{block_on, start};

const SHORT: &str = "【鸿雁】您的验证码是１２３４，请勿告诉他人。";

fn long() -> String {
    format!("【鸿雁】{}😀拒收请回复R", "长".repeat(150))
}

async fn run(config: SimConfig, change: impl FnOnce(&mut PumpConfig)) -> (PumpReport, Counters, Truth) {
    let (handle, stop) = start(config).await;
    let mut load = PumpConfig::new(handle.addr(), "900001", "", 2000);
    change(&mut load);
    let report = pump(load).await.unwrap();
    let (counters, truth) = (handle.counters(), handle.truth());
    stop.cancel();
    handle.stopped().await;
    (report, counters, truth)
}

#[test]
fn everything_is_counted_on_both_sides() {
    block_on(async {
        let texts = vec![SHORT.to_owned(), long(), "plain ascii".to_owned()];
        let (report, counters, truth) = run(SimConfig::ideal(), |load| load.texts = texts.clone()).await;
        assert!(report.complete);
        // Every third text has three parts: 666 or 667 of each kind.
        assert_eq!(report.submitted, 2000 + 2 * 667);
        assert_eq!((report.accepted, report.receipts), (report.submitted, report.submitted));
        assert_eq!((counters.submits, counters.accepted), (report.submitted, report.accepted));
        assert_eq!((counters.messages, counters.duplicates, counters.incomplete), (2000, 0, 0));
        assert_eq!(counters.delivered, 2000);
        assert_eq!(counters.receipts_sent(), report.receipts);
        assert_eq!(counters.logins, 4);
        assert!(counters.peak_pending > 0 && counters.pending <= report.receipts);
        assert_eq!((truth.messages.len(), truth.delivered(), truth.duplicated()), (2000, 2000, 0));
        let messages = truth.by_key();
        for number in 0..2000 {
            let text = &texts[number as usize % 3];
            let message = messages[&(8_613_000_000_000 + number, text_hash(text))];
            assert!(message.count == 1 && message.delivered);
        }
    });
}

#[test]
fn every_protocol_is_pumped_to_its_last_report() {
    for protocol in [Protocol::Cmpp, Protocol::Sgip, Protocol::Smgp, Protocol::Smpp] {
        block_on(async {
            let texts = vec![SHORT.to_owned(), long(), "plain ascii".to_owned()];
            let (report, counters, truth) = run(SimConfig::ideal().speaking(protocol), |load| {
                load.protocol = protocol;
                load.messages = 300;
                load.texts = texts.clone();
            })
            .await;
            assert!(report.complete, "{protocol:?}: {report:?}");
            assert_eq!(report.submitted, 300 + 2 * 100, "{protocol:?}");
            assert_eq!((report.accepted, report.delivered), (500, 500), "{protocol:?}");
            assert_eq!((counters.messages, counters.duplicates, counters.incomplete), (300, 0, 0));
            let messages = truth.by_key();
            for number in 0..300 {
                let text = &texts[number as usize % 3];
                let key = (8_613_000_000_000 + number, text_hash(text));
                assert!(messages[&key].delivered, "{protocol:?} {number}");
            }
        });
    }
}

#[test]
fn what_awaits_no_reports_ends_with_the_last_answer() {
    block_on(async {
        let never = Receipts { never: 1.0, ..Receipts::default() };
        let (report, _, _) = run(SimConfig { receipts: never, ..SimConfig::ideal() }, |load| {
            load.awaits_reports = false;
            load.patience = Duration::from_secs(600);
        })
        .await;
        assert_eq!((report.accepted, report.receipts, report.complete), (2000, 0, false));
    });
}

#[test]
fn a_second_pump_is_a_duplicate_of_the_first() {
    block_on(async {
        let (handle, stop) = start(SimConfig::ideal()).await;
        for _ in 0..2 {
            let mut load = PumpConfig::new(handle.addr(), "900001", "", 500);
            load.texts = vec![SHORT.to_owned(), long()];
            assert!(pump(load).await.unwrap().complete);
        }
        let (counters, truth) = (handle.counters(), handle.truth());
        assert_eq!((counters.messages, counters.duplicates), (500, 500));
        assert_eq!(truth.duplicated(), 500);
        assert!(truth.per_phone().values().all(|messages| *messages == 2));
        stop.cancel();
    });
}

#[test]
fn chance_follows_the_seed_whatever_the_interleaving() {
    let mixed = |seed| {
        let receipts = Receipts {
            delivered: 0.8,
            never: 0.05,
            delay: LogNormal { median_ms: 5.0, p95_ms: 20.0 },
            ..Receipts::default()
        };
        SimConfig { seed, acceptance: 0.9, receipts, ..SimConfig::ideal() }
    };
    let outcome = |seed, connections, version| {
        block_on(async move {
            let (report, counters, truth) = run(mixed(seed), |load| {
                load.connections = connections;
                load.version = version;
                load.texts.push(long());
                load.patience = Duration::from_millis(300);
            })
            .await;
            assert!(!report.complete, "some receipts never come");
            assert_eq!(report.accepted + report.refused, report.submitted);
            let refused: u64 = counters.refused.values().sum();
            assert_eq!((refused, counters.accepted), (report.refused, report.accepted));
            assert!((150..450).contains(&refused), "a tenth of 4,000 parts or fewer: {refused}");
            assert!(counters.receipts.len() > 5, "several kinds of failure: {:?}", counters.receipts);
            (counters.refused, counters.receipts_never, counters.delivered, truth)
        })
    };
    let first = outcome(1, 1, Version::V30);
    assert!(first == outcome(1, 4, Version::V20), "the same seed over other connections differs");
    assert!(first != outcome(2, 4, Version::V30), "another seed makes no difference");
}

#[test]
fn answers_take_their_time_and_the_window_bounds_the_rate() {
    block_on(async {
        let slow = SimConfig { answer: Latency::Fixed(30), ..SimConfig::ideal() };
        let (report, counters, _) = run(slow, |load| {
            (load.connections, load.window, load.messages) = (2, 16, 640);
        })
        .await;
        assert!(report.complete);
        // 320 messages per connection in windows of 16: twenty rounds of 30 ms.
        assert!((600..1500).contains(&report.answered_ms), "{} ms", report.answered_ms);
        assert_eq!(counters.peak_unanswered, 16);
    });
}

#[test]
fn too_many_a_second_are_throttled() {
    block_on(async {
        let narrow = SimConfig { tps_per_connection: Some(400), tps_total: Some(400), ..SimConfig::ideal() };
        let (report, counters, truth) = run(narrow, |load| load.connections = 2).await;
        assert_eq!(report.accepted + report.throttled, 2000);
        assert_eq!(counters.throttled, report.throttled);
        assert_eq!(counters.refused.get(&8), Some(&report.throttled));
        // A burst of a quarter of a second, and what a fast run of at most some seconds lets through.
        assert!((100..1500).contains(&report.accepted), "{}", report.accepted);
        assert_eq!(truth.messages.len() as u64, report.accepted);
    });
}

#[test]
fn only_those_who_know_the_secret_come_in() {
    block_on(async {
        let accounts = Accounts::Listed(vec![("900001".to_owned(), "secret".to_owned())]);
        let (handle, stop) = start(SimConfig { accounts, ..SimConfig::ideal() }).await;
        for (login, secret, welcome) in
            [("900001", "secret", true), ("900001", "guess", false), ("900002", "secret", false)]
        {
            let load = PumpConfig { connections: 1, ..PumpConfig::new(handle.addr(), login, secret, 3) };
            match pump(load).await {
                Ok(report) => assert!(welcome && report.complete),
                Err(PumpError::Refused(_)) => assert!(!welcome),
                Err(other) => panic!("{other:?}"),
            }
        }
        let counters = handle.counters();
        assert_eq!((counters.logins, counters.logins_refused, counters.messages), (1, 2, 3));
        stop.cancel();
    });
}
