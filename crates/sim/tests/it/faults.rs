//! Every fault strikes as it says, and the carrier's account stays right.

use std::time::{Duration, Instant};

use sim::load::{PumpConfig, PumpError, pump};
use sim::{At, Fault, FaultKind, SimConfig};
use tokio::net::TcpStream;
use wire::CloseCause;

use crate::peer::{Peer, Seen, block_on, start, until};

fn with(at: At, kind: FaultKind) -> SimConfig {
    SimConfig { faults: vec![Fault { at, kind }], ..SimConfig::ideal() }
}

fn answers(seen: &Seen) -> bool {
    matches!(seen, Seen::Answer { .. })
}

fn reports(seen: &Seen) -> bool {
    matches!(seen, Seen::Report { .. })
}

fn phone(number: u64) -> String {
    format!("{}", 13_800_000_000 + number)
}

#[test]
fn a_cut_connection_leaves_its_receipts_for_the_next() {
    block_on(async {
        let (handle, _stop) = start(with(At::AfterSubmits(5), FaultKind::Disconnect)).await;
        let mut peer = Peer::open(handle.addr()).await;
        for number in 0..8 {
            peer.submit(number, &phone(number), "在吗", None);
        }
        peer.wait(|_| false).await;
        assert!(matches!(peer.seen.last(), Some(Seen::Closed(_))));
        // Those after the fifth were never taken.
        assert_eq!((handle.counters().submits, handle.counters().messages), (5, 5));
        let mut next = Peer::open(handle.addr()).await;
        next.wait(|seen| seen.iter().filter(|seen| reports(seen)).count() == 5).await;
        until("all are acknowledged", || handle.counters().receipts_acked == 5).await;
        assert_eq!(handle.counters().pending, 0);
        assert_eq!(handle.truth().delivered(), 5);
    });
}

#[test]
fn a_full_window_is_taken_without_an_answer() {
    block_on(async {
        let (handle, _stop) = start(with(At::AfterSubmits(3), FaultKind::DisconnectFullWindow)).await;
        let mut peer = Peer::open(handle.addr()).await;
        for number in 0..64 {
            peer.submit(number, &phone(number), "在吗", None);
        }
        peer.wait(|_| false).await;
        assert_eq!(peer.count(answers), 3, "the fault strikes after the third submit");
        assert_eq!(peer.count(|seen| matches!(seen, Seen::Lost(_))), 61);
        assert_eq!(handle.counters().messages, 64);
        assert_eq!(handle.counters().peak_unanswered, 61);
        let mut next = Peer::open(handle.addr()).await;
        let first = peer.count(reports);
        next.wait(|seen| first + seen.iter().filter(|seen| reports(seen)).count() >= 64).await;
    });
}

#[test]
fn a_carrier_that_stops_listening_is_gone_for_good() {
    block_on(async {
        let (handle, _stop) = start(with(At::AfterSubmits(100), FaultKind::StopListening)).await;
        let error = pump(PumpConfig::new(handle.addr(), "900001", "", 1000)).await.unwrap_err();
        assert!(matches!(error, PumpError::Closed(_) | PumpError::Io { .. }), "{error:?}");
        until("nobody is connected", || handle.counters().open_connections == 0).await;
        assert!(!handle.counters().listening);
        until_refused(handle.addr()).await;
        assert!(handle.counters().submits >= 100);
    });
}

async fn until_refused(addr: std::net::SocketAddr) {
    for _ in 0..100 {
        if TcpStream::connect(addr).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the carrier still listens");
}

#[test]
fn every_so_often_a_connection_breaks() {
    block_on(async {
        let (handle, _stop) = start(with(At::EveryMillis(40), FaultKind::DisconnectAll)).await;
        for _ in 0..3 {
            let mut peer = Peer::open(handle.addr()).await;
            peer.wait(|_| false).await;
        }
        assert!(handle.counters().faults >= 3);
        assert_eq!(handle.counters().logins, 3);
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a period of real time is under test")]
fn throttling_ends_by_itself() {
    block_on(async {
        let (handle, _stop) = start(with(At::AfterSubmits(2), FaultKind::ThrottleAll { millis: 150 })).await;
        let mut peer = Peer::open(handle.addr()).await;
        let began = Instant::now();
        let mut token = 0;
        while !peer.seen.iter().any(|seen| matches!(seen, Seen::Answer { token: 5.., result: 0, .. })) {
            peer.submit(token, &phone(token), "在吗", None);
            token += 1;
            peer.wait(|seen| seen.iter().filter(|seen| answers(seen)).count() as u64 == token).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(began.elapsed() >= Duration::from_millis(150));
        let throttled = peer.count(|seen| matches!(seen, Seen::Answer { result: 8, .. }));
        assert_eq!(handle.counters().throttled as usize, throttled);
        assert!(throttled > 3);
        assert_eq!(handle.counters().messages, token - throttled as u64);
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a period of real time is under test")]
fn silence_holds_back_answers_and_log_ins_and_loses_nothing() {
    block_on(async {
        let (handle, _stop) = start(with(At::AfterSubmits(2), FaultKind::Silent { millis: 200 })).await;
        let mut peer = Peer::open(handle.addr()).await;
        let began = Instant::now();
        for number in 0..10 {
            peer.submit(number, &phone(number), "在吗", None);
        }
        // The log-in of another waits as well.
        let (mut other, ()) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Peer::open(handle.addr()).await
            },
            peer.wait(|seen| seen.iter().filter(|seen| answers(seen)).count() == 10)
        );
        assert!(began.elapsed() >= Duration::from_millis(195), "{:?}", began.elapsed());
        // The receipts come over either connection.
        let first = tokio::time::timeout(Duration::from_millis(300), peer.wait(|_| false)).await;
        assert!(first.is_err(), "nobody closes the connection");
        let rest = 10 - peer.count(reports);
        other.wait(|seen| seen.iter().filter(|seen| reports(seen)).count() == rest).await;
    });
}

#[test]
fn garbage_is_seen_as_such_and_ends_the_connection() {
    block_on(async {
        let (handle, _stop) = start(with(At::AfterSubmits(1), FaultKind::Garbage)).await;
        let mut peer = Peer::open(handle.addr()).await;
        peer.submit(0, &phone(0), "在吗", None);
        peer.wait(|_| false).await;
        assert_eq!(peer.count(|seen| *seen == Seen::Unsupported), 1);
        assert_eq!(peer.count(|seen| *seen == Seen::Malformed), 1);
        assert!(matches!(peer.seen.last(), Some(Seen::Closed(CloseCause::Frame(_)))), "{:?}", peer.seen);
    });
}

#[test]
fn a_pdu_of_two_gigabytes_ends_the_connection() {
    block_on(async {
        let (handle, _stop) = start(SimConfig::ideal()).await;
        let mut peer = Peer::open(handle.addr()).await;
        handle.strike(FaultKind::HugeLength);
        peer.wait(|_| false).await;
        let Some(Seen::Closed(CloseCause::Frame(error))) = peer.seen.last() else {
            panic!("{:?}", peer.seen)
        };
        assert!(error.to_string().contains("2147483647"), "{error}");
    });
}

#[test]
fn invented_receipts_come_and_are_nobodys() {
    block_on(async {
        let (handle, _stop) = start(with(At::AfterSubmits(1), FaultKind::UnknownReceipts { count: 7 })).await;
        let mut peer = Peer::open(handle.addr()).await;
        peer.submit(0, &phone(0), "在吗", None);
        peer.wait(|seen| seen.iter().filter(|seen| reports(seen)).count() == 8).await;
        assert_eq!(handle.counters().receipts_unknown, 7);
        assert_eq!((handle.counters().messages, handle.counters().delivered), (1, 1));
    });
}
