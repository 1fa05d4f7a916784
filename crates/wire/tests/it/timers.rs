//! Heartbeats, response time-outs, goodbyes.

use wire::cmpp::{Answer, Event, MsgId, Query, Submit, Version};
use wire::{CloseCause, DecodeError, Millis, Request, SendError, TerminalId};

use crate::framing::connected_client;
use crate::vectors::{self, octets};

fn submit() -> Submit<'static> {
    Submit::to(TerminalId::new("13800000000").unwrap(), 0, b"x")
}

/// A SUBMIT_RESP of version 2.0.
fn taken(sequence: u8) -> Vec<u8> {
    octets(&format!("0000001580000004000000{sequence:02x}b2b9da800001000000"))
}

#[test]
fn silence_is_tested_three_times_and_then_given_up() {
    let mut session = connected_client(Version::V20);
    for at in [180_000, 240_000, 300_000] {
        assert_eq!(session.poll_timeout(), Some(Millis(at)));
        session.handle_timeout(Millis(at - 1));
        assert!(session.output().is_empty());
        session.handle_timeout(Millis(at));
        assert_eq!(session.output().len(), 12);
        assert_eq!(session.output()[4..8], [0, 0, 0, 8]);
        session.advance_output(12);
        assert_eq!(session.poll_event(), None);
    }
    session.handle_timeout(Millis(360_000));
    assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::HeartbeatLost }));
}

#[test]
fn any_octet_proves_life() {
    let mut session = connected_client(Version::V20);
    session.handle_timeout(Millis(180_000));
    session.handle_timeout(Millis(240_000));
    session.take_output(&mut Vec::new());
    // One gateway answers a test with a test of its own; half a PDU counts too.
    session.feed(Millis(250_000), &octets(vectors::C17));
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.output(), octets(vectors::C18));
    assert_eq!(session.poll_timeout(), Some(Millis(430_000)));
    session.feed(Millis(260_000), &[0]);
    assert_eq!(session.poll_timeout(), Some(Millis(440_000)));
}

#[test]
fn a_submit_without_an_answer_is_told_once_and_a_late_answer_still_finds_it() {
    let mut session = connected_client(Version::V20);
    session.submit(Millis(1_000), 7, &submit()).unwrap();
    session.submit(Millis(2_000), 8, &submit()).unwrap();
    assert_eq!(session.poll_timeout(), Some(Millis(61_000)));
    session.handle_timeout(Millis(61_000));
    assert_eq!(session.poll_event(), Some(Event::Unanswered { request: Request::Submit, token: 7 }));
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.free_window(), 15, "the place is free again");
    assert_eq!(session.oldest_request(), Some(Millis(2_000)));

    session.feed(Millis(61_500), &[taken(2), taken(3), taken(9), taken(2)].concat());
    let msg_id = MsgId(0xb2b9_da80_0001_0000);
    assert_eq!(
        session.poll_event(),
        Some(Event::LateAnswer { request: Request::Submit, token: 7, msg_id, result: 0 })
    );
    let answered = Event::SubmitAnswered { token: 8, msg_id, result: 0, waited_ms: 59_500 };
    assert_eq!(session.poll_event(), Some(answered));
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.stray_answers(), 2);
}

#[test]
fn an_answer_that_waits_in_the_input_beats_the_time_out() {
    let mut session = connected_client(Version::V20);
    session.submit(Millis(1_000), 7, &submit()).unwrap();
    session.feed(Millis(70_000), &taken(2));
    session.handle_timeout(Millis(70_000));
    assert!(matches!(session.poll_event(), Some(Event::SubmitAnswered { token: 7, .. })));
    assert_eq!(session.poll_event(), None);
}

#[test]
fn the_window_is_shared_by_all_requests() {
    let mut session = connected_client(Version::V20);
    for token in 0..14 {
        session.submit(Millis(1), token, &submit()).unwrap();
    }
    session.query(Millis(1), 14, &Query::default()).unwrap();
    session.cancel(Millis(1), 15, MsgId(1)).unwrap();
    assert_eq!(session.free_window(), 0);
    assert_eq!(session.submit(Millis(1), 16, &submit()), Err(SendError::WindowFull));
    let phone = TerminalId::default();
    let deliver = wire::cmpp::Deliver::inbound(phone, wire::Octets::EMPTY, 0, b"");
    assert_eq!(session.deliver(Millis(1), 16, &deliver), Err(SendError::WrongRole));
    // CANCEL_RESP gives its place back.
    session.feed(Millis(2), &octets("0000000d800000070000001100"));
    assert_eq!(session.poll_event(), Some(Event::Answered { token: 15, answer: Answer::Cancel(0) }));
    assert_eq!(session.free_window(), 1);
}

#[test]
fn a_submit_that_cannot_be_written_takes_no_place() {
    let mut session = connected_client(Version::V20);
    let long = [0; 200];
    let submit = Submit { content: wire::Content(&long), ..submit() };
    assert!(matches!(session.submit(Millis(1), 1, &submit), Err(SendError::Encode(_))));
    assert_eq!(session.free_window(), 16);
    assert!(session.output().is_empty());
}

#[test]
fn our_goodbye_lets_answers_in_and_gives_the_rest_back() {
    let mut session = connected_client(Version::V20);
    session.submit(Millis(1), 1, &submit()).unwrap();
    session.submit(Millis(1), 2, &submit()).unwrap();
    session.terminate(Millis(10));
    assert_eq!(session.submit(Millis(11), 3, &submit()), Err(SendError::NotConnected));
    session.feed(Millis(12), &[taken(3), octets(vectors::C20), taken(2)].concat());
    assert!(matches!(session.poll_event(), Some(Event::SubmitAnswered { token: 2, .. })));
    assert_eq!(session.poll_event(), Some(Event::Lost { request: Request::Submit, token: 1 }));
    assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::Terminated }));
    assert_eq!(session.poll_event(), None);
}

#[test]
fn a_goodbye_that_nobody_answers_ends_in_time() {
    let mut session = connected_client(Version::V20);
    session.terminate(Millis(10));
    assert_eq!(session.poll_timeout(), Some(Millis(60_010)));
    session.handle_timeout(Millis(60_010));
    assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::Terminated }));
}

#[test]
fn the_peers_goodbye_is_answered() {
    let mut session = connected_client(Version::V20);
    session.submit(Millis(1), 1, &submit()).unwrap();
    session.take_output(&mut Vec::new());
    session.feed(Millis(2), &octets(vectors::C19));
    assert_eq!(session.poll_event(), Some(Event::Lost { request: Request::Submit, token: 1 }));
    assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::PeerTerminated }));
    assert_eq!(session.output(), octets(vectors::C20));
}

#[test]
fn malformed_and_unknown_pdus_do_not_end_the_connection() {
    let mut session = connected_client(Version::V20);
    // A DELIVER cut inside Dest_Id, FWD, and a SUBMIT, which only a server takes.
    let cut = octets("0000001800000005000000050102030405060708ffffffff");
    session.feed(Millis(1), &[cut, octets("0000000c0000000900000001"), octets(vectors::C06)].concat());
    let error = DecodeError::Truncated { field: "Dest_Id", offset: 20, needed: 21, available: 4 };
    assert_eq!(session.poll_event(), Some(Event::Malformed { command: 5, sequence: 5, error }));
    assert_eq!(session.output(), octets("000000158000000500000005010203040506070801"), "result 1: structure");
    assert_eq!(session.poll_event(), Some(Event::Unsupported { command: 9, sequence: 1 }));
    assert_eq!(session.poll_event(), Some(Event::Unsupported { command: 4, sequence: 23 }));
    assert!(session.is_connected());
}

#[test]
fn a_peer_that_asks_and_never_reads_is_given_up() {
    let mut session = connected_client(Version::V20);
    let tests = octets(vectors::C17).repeat(5_000);
    let mut rounds = 0;
    while !session.is_closed() {
        session.feed(Millis(1), &tests);
        while session.poll_event().is_some() {}
        rounds += 1;
        assert!(rounds < 1_000, "output grows without end");
    }
}
