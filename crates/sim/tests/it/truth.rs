//! What counts as a message, and how it is written down.

use domain::policy::text_hash;
use sim::{Counters, SimConfig, SimError, read_messages, report_every};
use std::time::Duration;

use crate::peer::{Peer, Seen, block_on, start};

const PHONE: &str = "13800138000";

fn answered(count: usize) -> impl Fn(&[Seen]) -> bool {
    move |seen| seen.iter().filter(|seen| matches!(seen, Seen::Answer { .. })).count() == count
}

#[test]
fn parts_over_two_connections_are_one_message() {
    block_on(async {
        let (handle, _stop) = start(SimConfig::ideal()).await;
        let mut first = Peer::open(handle.addr()).await;
        let mut second = Peer::open(handle.addr()).await;
        second.submit(1, PHONE, "世界", Some((9, 2, 2)));
        second.wait(answered(1)).await;
        // The same reference for another phone, and another reference for this one, are other messages.
        second.submit(2, "13800138001", "别人", Some((9, 2, 1)));
        second.submit(3, PHONE, "别的", Some((10, 2, 1)));
        second.wait(answered(3)).await;
        assert_eq!((handle.counters().messages, handle.counters().incomplete), (0, 3));
        first.submit(1, PHONE, "你好", Some((9, 2, 1)));
        first.wait(answered(1)).await;
        let truth = handle.truth();
        assert_eq!(truth.messages.len(), 1);
        assert_eq!(truth.messages[0].text_hash, text_hash("你好世界"));
        assert_eq!((truth.messages[0].phone, truth.messages[0].count), (8_613_800_138_000, 1));
        assert_eq!(handle.counters().incomplete, 2);
    });
}

#[test]
fn a_repeated_part_is_no_message() {
    block_on(async {
        let (handle, _stop) = start(SimConfig::ideal()).await;
        let mut peer = Peer::open(handle.addr()).await;
        for (token, number) in [(1, 1), (2, 1), (3, 2)] {
            peer.submit(token, PHONE, ["你好", "世界"][number - 1], Some((9, 2, number as u8)));
        }
        peer.wait(answered(3)).await;
        let counters = handle.counters();
        assert_eq!((counters.messages, counters.duplicates, counters.parts_repeated), (1, 0, 1));
    });
}

#[test]
fn a_phone_that_is_none_is_refused() {
    block_on(async {
        let (handle, _stop) = start(SimConfig::ideal()).await;
        let mut peer = Peer::open(handle.addr()).await;
        peer.submit(1, "12ab", "在吗", None);
        peer.wait(answered(1)).await;
        assert!(matches!(peer.seen.last(), Some(Seen::Answer { result: 13, .. })));
        assert_eq!(handle.counters().refused.get(&13), Some(&1));
        assert_eq!(handle.counters().messages, 0);
    });
}

#[test]
fn a_submit_to_many_is_one_message_and_one_receipt_each() {
    block_on(async {
        let (handle, _stop) = start(SimConfig::ideal()).await;
        let mut peer = Peer::open(handle.addr()).await;
        let phones = [PHONE, "13800138001", "8613800138002"];
        peer.submit_many(1, &phones, "各位好");
        peer.wait(|seen| seen.iter().filter(|seen| matches!(seen, Seen::Report { .. })).count() == 3).await;
        let Some(Seen::Answer { msg_id: first, result: 0, .. }) = peer.seen.get(1) else {
            panic!("{:?}", peer.seen)
        };
        let expected = |index: u16, phone: &str| Seen::Report {
            msg_id: first.of_destination(index),
            stat: "DELIVRD".to_owned(),
            phone: phone.to_owned(),
        };
        for report in [expected(0, PHONE), expected(1, "13800138001"), expected(2, "13800138002")] {
            assert_eq!(peer.count(|seen| *seen == report), 1);
        }
        let counters = handle.counters();
        assert_eq!((counters.submits, counters.messages, counters.delivered), (1, 3, 3));
    });
}

#[test]
fn the_truth_survives_a_stop_and_can_be_read_back() {
    block_on(async {
        let (handle, stop) = start(SimConfig::ideal()).await;
        let mut peer = Peer::open(handle.addr()).await;
        for number in 0..20 {
            peer.submit(number, PHONE, &format!("第{}条", number % 10), None);
        }
        peer.wait(answered(20)).await;
        stop.cancel();
        handle.stopped().await;
        peer.wait(|_| false).await;
        assert!(matches!(peer.seen.last(), Some(Seen::Closed(_))));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("messages.jsonl");
        assert_eq!(handle.dump_messages(&path).unwrap(), 10);
        let messages = read_messages(&path).unwrap();
        assert!(messages == handle.truth().messages, "read back otherwise than written");
        assert!(messages.iter().all(|message| message.count == 2));
        std::fs::write(&path, "{}\n").unwrap();
        assert!(read_messages(&path).unwrap_err().to_string().contains("line 1"));
        assert!(!format!("{:?}", handle.truth().messages).contains("138001"), "Debug shows a phone");
    });
}

#[test]
fn counters_are_reported_as_lines_of_json() {
    block_on(async {
        let (handle, stop) = start(SimConfig::ideal()).await;
        let mut out = Vec::new();
        let (written, ()) = tokio::join!(report_every(&handle, Duration::from_millis(20), &mut out), async {
            tokio::time::sleep(Duration::from_millis(70)).await;
            stop.cancel();
        });
        written.unwrap();
        let lines: Vec<Counters> =
            String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() >= 3, "{} lines", lines.len());
        assert!(lines[0].listening && !lines[lines.len() - 1].listening);
    });
}

#[test]
fn an_impossible_configuration_is_refused() {
    block_on(async {
        let run = |config| sim::run(config, tokio_util::sync::CancellationToken::new());
        let share = SimConfig { acceptance: 1.5, ..SimConfig::ideal() };
        assert!(matches!(run(share).await, Err(SimError::NotAShare { field: "acceptance", .. })));
        let mut stat = SimConfig::ideal();
        stat.receipts.failures = vec![("TOO LONG".to_owned(), 1.0)];
        assert!(matches!(run(stat).await, Err(SimError::Stat { .. })));
        let (handle, _stop) = start(SimConfig::ideal()).await;
        let taken = SimConfig { listen: handle.addr(), ..SimConfig::ideal() };
        assert!(matches!(run(taken).await, Err(SimError::Listen { .. })));
    });
}
