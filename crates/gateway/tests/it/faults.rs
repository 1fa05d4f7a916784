//! What happens when the carrier misbehaves: nothing is lost, nothing comes back twice.

use std::time::Duration;

use domain::channel::SubmitOutcome;
use sim::{Accounts, FaultKind, Latency, SimConfig};

use crate::bench_channel::{Bench, Wish, messages};

fn is_uncertain(outcome: &SubmitOutcome) -> bool {
    matches!(outcome, SubmitOutcome::Uncertain { .. })
}

fn is_not_written(outcome: &SubmitOutcome) -> bool {
    matches!(outcome, SubmitOutcome::NotWritten { .. })
}

#[tokio::test]
async fn a_connection_lost_with_a_full_window_gives_everything_back_and_is_made_anew() {
    let carrier = SimConfig { answer: Latency::Fixed(60_000), ..SimConfig::ideal() };
    let mut bench = Bench::start(carrier, Wish::default()).await;
    bench.connected(32).await;
    bench.hand_over(messages(32, "您好"), 2_000);
    bench.until(|bench| bench.carrier.counters().submits == 32).await;
    assert_eq!(bench.channel.capacity().parts, 0);
    bench.carrier.strike(FaultKind::DisconnectAll);
    bench.until(|bench| bench.answered() == 32).await;
    assert_eq!(bench.count(is_uncertain), 32, "written and unanswered: nobody knows");
    bench.connected(32).await;
}

#[tokio::test]
async fn an_answer_that_never_comes_is_uncertain_and_frees_the_window() {
    let carrier = SimConfig { answer: Latency::Fixed(60_000), ..SimConfig::ideal() };
    let wish = Wish { response_timeout: Duration::from_millis(300), ..Wish::default() };
    let mut bench = Bench::start(carrier, wish).await;
    bench.connected(32).await;
    bench.hand_over(messages(4, "您好"), 2_000);
    bench.until(|bench| bench.answered() == 4).await;
    assert_eq!(bench.count(is_uncertain), 4);
    bench.connected(32).await;
}

#[tokio::test]
async fn a_late_answer_still_brings_its_id() {
    let carrier = SimConfig { answer: Latency::Fixed(700), ..SimConfig::ideal() };
    let wish = Wish { response_timeout: Duration::from_millis(300), ..Wish::default() };
    let mut bench = Bench::start(carrier, wish).await;
    bench.connected(32).await;
    bench.hand_over(messages(3, "您好"), 2_000);
    bench.until(|bench| bench.answers.values().filter(|outcomes| outcomes.len() == 2).count() == 3).await;
    for outcomes in bench.answers.values() {
        assert!(is_uncertain(&outcomes[0]) && matches!(outcomes[1], SubmitOutcome::TakenLate(_)));
    }
}

#[tokio::test]
async fn flow_control_gives_messages_back_and_slows_the_channel() {
    let carrier = SimConfig { tps_total: Some(10), ..SimConfig::ideal() };
    let mut bench = Bench::start(carrier, Wish::default()).await;
    bench.connected(32).await;
    bench.hand_over(messages(32, "您好"), 2_000);
    bench.until(|bench| bench.answered() == 32).await;
    assert!(bench.count(|outcome| *outcome == SubmitOutcome::Throttled) >= 10);
    assert!(bench.channel.capacity().parts < 32, "it is not offered at full speed again at once");
}

#[tokio::test]
async fn what_waits_is_recalled_by_phone_and_what_is_too_old_is_not_written() {
    let carrier = SimConfig { answer: Latency::Fixed(400), ..SimConfig::ideal() };
    let wish = Wish { connections: 1, window: 4, ..Wish::default() };
    let mut bench = Bench::start(carrier, wish).await;
    bench.connected(4).await;
    let all = messages(8, "您好");
    let phone = all[7].phone;
    bench.hand_over(all, 200);
    assert_eq!(bench.channel.recall(phone), 1);
    bench.until(|bench| bench.answered() == 8).await;
    assert_eq!(bench.count(|outcome| *outcome == SubmitOutcome::NotWritten { recalled: true }), 1);
    assert_eq!(bench.count(is_not_written), 4, "three waited past their deadline");
    assert_eq!(bench.carrier.counters().submits, 4);
    bench.connected(4).await;
}

#[tokio::test]
async fn a_refused_log_in_is_told_and_not_hammered() {
    let accounts = Accounts::Listed(vec![("900001".into(), "another".into())]);
    let mut bench = Bench::start(SimConfig { accounts, ..SimConfig::ideal() }, Wish::default()).await;
    bench.until(|bench| bench.trouble.is_some()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bench.carrier.counters().logins_refused, 2, "one try per connection");
}

#[tokio::test]
async fn a_carrier_that_speaks_only_two_is_spoken_to_in_two() {
    let carrier = SimConfig { highest_version: wire::cmpp::Version::V20, ..SimConfig::ideal() };
    let mut bench = Bench::start(carrier, Wish::default()).await;
    bench.connected(32).await;
    bench.send_all(messages(10, "您好")).await;
    bench.until(|bench| bench.answered() == 10 && bench.receipts.len() == 10).await;
}

#[tokio::test]
async fn receipts_that_are_not_durable_are_delivered_again() {
    let mut bench = Bench::start(SimConfig::ideal(), Wish::default()).await;
    bench.acknowledges = false;
    bench.connected(32).await;
    bench.send_all(messages(5, "您好")).await;
    bench.until(|bench| bench.receipts.len() == 5).await;
    assert_eq!(bench.carrier.counters().receipts_acked, 0);
    bench.acknowledges = true;
    bench.carrier.strike(FaultKind::DisconnectAll);
    bench.until(|bench| bench.carrier.counters().receipts_acked == 5).await;
}

#[tokio::test]
async fn the_end_is_said_goodbye_and_waits_for_answers() {
    let carrier = SimConfig { answer: Latency::Fixed(200), ..SimConfig::ideal() };
    let mut bench = Bench::start(carrier, Wish::default()).await;
    bench.connected(32).await;
    bench.hand_over(messages(8, "您好"), 2_000);
    bench.until(|bench| bench.carrier.counters().submits == 8).await;
    bench.stop.cancel();
    bench.tracker.close();
    bench.until(|bench| bench.answered() == 8).await;
    assert_eq!(bench.count(|outcome| matches!(outcome, SubmitOutcome::Taken(_))), 8);
    tokio::time::timeout(Duration::from_secs(10), bench.tracker.wait()).await.expect("connections end");
}
