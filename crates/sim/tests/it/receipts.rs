//! Receipts and replies: early, late, twice, refused, anonymous.

use sim::{LogNormal, Receipts, Replies, SimConfig};
use wire::cmpp::Version;

use crate::peer::{Peer, Seen, block_on, start, until};

const PHONE: &str = "13800138000";

fn ideal_with(change: impl FnOnce(&mut Receipts)) -> SimConfig {
    let mut config = SimConfig::ideal();
    change(&mut config.receipts);
    config
}

fn reports(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| matches!(seen, Seen::Report { .. })).count()
}

#[test]
fn a_receipt_may_come_before_its_answer() {
    block_on(async {
        let (handle, _stop) = start(ideal_with(|receipts| receipts.before_answer = 1.0)).await;
        let mut peer = Peer::open(handle.addr()).await;
        peer.submit(1, PHONE, "在吗", None);
        peer.wait(|seen| seen.len() == 3).await;
        let Seen::Report { msg_id, stat, phone } = &peer.seen[1] else { panic!("{:?}", peer.seen) };
        assert_eq!((stat.as_str(), phone.as_str()), ("DELIVRD", PHONE));
        assert_eq!(peer.seen[2], Seen::Answer { token: 1, msg_id: *msg_id, result: 0 });
        assert_eq!(handle.counters().receipts_early, 1);
    });
}

#[test]
fn receipts_may_come_twice_and_without_a_phone() {
    block_on(async {
        let config = ideal_with(|receipts| (receipts.duplicates, receipts.without_phone) = (1.0, 1.0));
        let (handle, _stop) = start(config).await;
        let mut peer = Peer::connect(handle.addr(), "", 16, Version::V20).await;
        peer.submit(1, PHONE, "在吗", None);
        peer.wait(|seen| reports(seen) == 2).await;
        assert_eq!(peer.seen[2], peer.seen[3]);
        assert!(matches!(&peer.seen[2], Seen::Report { phone, .. } if phone.is_empty()));
        until("both are acknowledged", || handle.counters().receipts_acked == 2).await;
        assert_eq!((handle.counters().delivered, handle.counters().pending), (1, 0));
    });
}

#[test]
fn a_refused_receipt_comes_again() {
    block_on(async {
        let (handle, _stop) = start(SimConfig::ideal()).await;
        let mut peer = Peer::open(handle.addr()).await;
        peer.acknowledge = Some(9);
        peer.submit(1, PHONE, "在吗", None);
        peer.wait(|seen| reports(seen) == 1).await;
        peer.acknowledge = Some(0);
        peer.wait(|seen| reports(seen) == 2).await;
        until("it is acknowledged", || handle.counters().receipts_acked == 1).await;
        let counters = handle.counters();
        assert_eq!((counters.returned, counters.pending, counters.delivered), (1, 0, 1));
    });
}

#[test]
fn an_unacknowledged_receipt_comes_again_over_the_next_connection() {
    block_on(async {
        let (handle, _stop) = start(SimConfig::ideal()).await;
        let mut peer = Peer::open(handle.addr()).await;
        peer.acknowledge = None;
        peer.submit(1, PHONE, "在吗", None);
        peer.wait(|seen| reports(seen) == 1).await;
        drop(peer);
        let mut next = Peer::open(handle.addr()).await;
        next.wait(|seen| reports(seen) == 1).await;
        until("it is acknowledged", || handle.counters().receipts_acked == 1).await;
        assert_eq!(handle.counters().receipts_sent(), 2);
    });
}

#[test]
fn the_delivery_window_is_respected() {
    block_on(async {
        let (handle, _stop) = start(SimConfig { window: 4, ..SimConfig::ideal() }).await;
        let mut peer = Peer::open(handle.addr()).await;
        peer.acknowledge = None;
        for number in 0..20 {
            peer.submit(number, PHONE, &format!("第{number}条"), None);
        }
        peer.wait(|seen| reports(seen) == 4).await;
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        assert_eq!(handle.counters().receipts_sent(), 4);
        assert_eq!(handle.counters().pending, 20);
    });
}

#[test]
fn who_opts_out_is_remembered_and_what_comes_after_is_counted() {
    block_on(async {
        let replies = Replies {
            opt_out: 1.0,
            opt_out_words: vec!["退订".to_owned()],
            delay: LogNormal { median_ms: 10.0, p95_ms: 0.0 },
            ..Replies::default()
        };
        let (handle, _stop) = start(SimConfig { replies, ..SimConfig::ideal() }).await;
        let mut peer = Peer::open(handle.addr()).await;
        peer.submit(1, PHONE, "大促开始了", None);
        let inbound = |seen: &Seen| matches!(seen, Seen::Inbound { .. });
        peer.wait(|seen| seen.iter().any(inbound)).await;
        let said: Vec<u8> = "退订".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let expected = Seen::Inbound { phone: PHONE.to_owned(), content: said };
        assert_eq!(peer.count(|seen| *seen == expected), 1);
        until("the opt-out is acknowledged", || handle.counters().inbound_acked == 1).await;
        assert_eq!(handle.counters().after_opt_out, 0);
        peer.submit(2, PHONE, "还有优惠", None);
        peer.wait(|seen| seen.iter().any(|seen| matches!(seen, Seen::Answer { token: 2, .. }))).await;
        assert_eq!(handle.counters().after_opt_out, 1);
        let truth = handle.truth();
        assert_eq!(truth.opt_outs.len(), 1);
        assert_eq!(truth.opt_outs[0].phone, 8_613_800_138_000);
        assert_eq!(truth.opt_outs[0].messages_after, 1);
        assert!(truth.opt_outs[0].acked_ms >= Some(truth.opt_outs[0].sent_ms));
    });
}
