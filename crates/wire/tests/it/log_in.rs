//! Logging in: both roles, refusals, versions.

use wire::cmpp::{
    ClientConfig, ConnectResp, Event, Pdu, Refusal, ServerConfig, Session, Submit, Version, auth, encode,
};
use wire::{CloseCause, Millis, Secret, SendError, TerminalId};

use crate::framing::config;
use crate::vectors::{self, octets};

const NOW: Millis = Millis(1_000);

fn client(config: ClientConfig) -> Session {
    Session::client(config, NOW, 1_021_080_510)
}

#[test]
fn the_client_writes_the_published_connect() {
    let session = client(config(Version::V30));
    let mut expected = octets(vectors::C02);
    expected[11] = 1;
    assert_eq!(session.output(), expected);
    assert!(!session.is_connected());
    assert_eq!(session.free_window(), 0);
}

#[test]
fn nothing_is_submitted_before_the_log_in() {
    let mut session = client(config(Version::V20));
    let submit = Submit::to(TerminalId::new("13800000000").unwrap(), 0, b"x");
    assert_eq!(session.submit(NOW, 1, &submit), Err(SendError::NotConnected));
    session.feed(NOW, &octets(vectors::C03));
    assert_eq!(session.poll_event(), Some(Event::Connected { version: Version::V20, server_version: 0x21 }));
    assert_eq!(session.submit(NOW, 1, &submit), Ok(()));
    assert_eq!(session.free_window(), 15);
}

fn assert_refused(mut session: Session, answer: &[u8], expected: Refusal) {
    session.feed(NOW, answer);
    assert_eq!(session.poll_event(), Some(Event::ConnectRefused(expected)));
    assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::Refused }));
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.poll_timeout(), None);
}

fn answer(status: u32, octet: u8, version: Version) -> Vec<u8> {
    let resp = ConnectResp { status, authenticator_gateway: [0; 16], version: octet };
    let mut out = Vec::new();
    encode(&Pdu::ConnectResp(resp), 1, version, &mut out).unwrap();
    out
}

#[test]
fn refusals_say_what_to_do_next() {
    let three = || client(config(Version::V30));
    assert_refused(three(), &answer(3, 0x30, Version::V30), Refusal::Status(3));
    assert_eq!(Refusal::Status(3).retry_with(Version::V30), None);
    let too_high = Refusal::VersionTooHigh { highest: 0x20 };
    assert_refused(three(), &answer(4, 0x20, Version::V30), too_high);
    assert_eq!(too_high.retry_with(Version::V30), Some(Version::V20));
    assert_eq!(too_high.retry_with(Version::V20), None, "no endless loop");
    // A gateway of 2.0 answers in its own layout, whether it lets us in or not.
    assert_refused(three(), &octets(vectors::C03), Refusal::SpeaksTwo);
    assert_refused(three(), &answer(4, 0x20, Version::V20), Refusal::SpeaksTwo);
    assert_refused(three(), &answer(3, 0x20, Version::V20), Refusal::Status(3));
    assert_eq!(Refusal::SpeaksTwo.retry_with(Version::V30), Some(Version::V20));
}

#[test]
fn the_servers_authenticator_is_checked_on_request() {
    let strict = || client(ClientConfig { check_server_authenticator: true, ..config(Version::V20) });
    assert_refused(strict(), &octets(vectors::C05), Refusal::ServerNotAuthentic);
    let mut session = strict();
    session.feed(NOW, &octets(vectors::C03));
    assert!(matches!(session.poll_event(), Some(Event::Connected { .. })));
    let mut lenient = client(config(Version::V20));
    lenient.feed(NOW, &octets(vectors::C05));
    assert!(matches!(lenient.poll_event(), Some(Event::Connected { server_version: 0, .. })));
}

fn server(highest_version: Version) -> Session {
    Session::server(&ServerConfig { highest_version, ..ServerConfig::default() }, NOW)
}

#[test]
fn the_server_writes_the_published_answers() {
    for (connect, version, expected, highest) in [
        (vectors::C01, Version::V21, vectors::C03, Version::V21),
        (vectors::C02, Version::V30, vectors::C04, Version::V30),
    ] {
        let mut session = server(highest);
        session.feed(NOW, &octets(connect));
        let Some(Event::ConnectRequested { log_in, version: asked }) = session.poll_event() else {
            panic!("a log-in")
        };
        assert_eq!(asked, version);
        assert!(auth::verify(&log_in, &Secret::new("888888")));
        assert!(!session.is_connected(), "the application decides");
        session.accept(&Secret::new("888888"));
        assert!(session.is_connected());
        assert_eq!(session.output(), octets(expected));
    }
}

#[test]
fn the_server_refuses() {
    let mut session = server(Version::V30);
    session.feed(NOW, &octets(vectors::C01));
    assert!(matches!(session.poll_event(), Some(Event::ConnectRequested { .. })));
    session.refuse(3);
    assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::Refused }));
    let mut expected = answer(3, 0x30, Version::V20);
    expected[11] = 23;
    assert_eq!(
        session.output(),
        expected,
        "the answer is in the layout asked for, with an empty authenticator"
    );
    session.accept(&Secret::new("888888"));
    assert!(!session.is_connected(), "a refusal is final");
}

#[test]
fn a_version_that_is_not_served_gets_status_4_and_the_highest() {
    let private = vectors::C02.replace("303cdc73be", "7f3cdc73be");
    for (connect, highest, layout) in
        [(vectors::C02, Version::V20, Version::V30), (&private, Version::V30, Version::V30)]
    {
        let mut session = server(highest);
        session.feed(NOW, &octets(connect));
        assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::Refused }));
        let mut expected = answer(4, highest.octet(), layout);
        expected[11] = 23;
        assert_eq!(session.output(), expected);
    }
}

#[test]
fn requests_before_the_log_in_end_the_connection() {
    let mut session = server(Version::V30);
    session.feed(NOW, &octets(vectors::C06));
    assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::NotLoggedIn { command: 4 } }));
    assert!(session.output().is_empty());
}

#[test]
fn a_log_in_has_its_time() {
    for mut session in [client(config(Version::V20)), server(Version::V20)] {
        assert_eq!(session.poll_timeout(), Some(Millis(61_000)));
        session.handle_timeout(Millis(60_999));
        assert_eq!(session.poll_event(), None);
        session.handle_timeout(Millis(61_000));
        assert_eq!(session.poll_event(), Some(Event::Closed { cause: CloseCause::OpenTimedOut }));
    }
}
