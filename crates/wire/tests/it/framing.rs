//! Any chunking of a stream gives the same events; a bad length ends the connection before anything is kept
//! for it.

use proptest::prelude::*;
use wire::cmpp::{ClientConfig, Event, LIMITS, Reported, Session, Version};
use wire::frame::{FrameError, first_length};
use wire::{CloseCause, Millis, Octets, Secret};

use crate::vectors::{self, octets};

pub(crate) fn connected_client(version: Version) -> Session {
    let mut session = Session::client(config(version), Millis(0), 1_021_080_510);
    session.take_output(&mut Vec::new());
    session.feed(Millis(0), &octets(if version.is_three() { vectors::C04 } else { vectors::C03 }));
    assert!(matches!(session.poll_event(), Some(Event::Connected { .. })));
    assert!(session.poll_event().is_none());
    session
}

pub(crate) fn config(version: Version) -> ClientConfig {
    ClientConfig::new(Octets::new("900001").unwrap(), Secret::new("888888"), version)
}

fn stream() -> Vec<u8> {
    [vectors::C17, vectors::C11, vectors::C15, vectors::C18, vectors::C15, vectors::C11, vectors::C17]
        .iter()
        .flat_map(|hex| octets(hex))
        .collect()
}

/// What a session told, as text, and what it wrote.
fn told(chunks: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let mut session = connected_client(Version::V20);
    let mut events = Vec::new();
    for chunk in chunks {
        session.feed(Millis(1), chunk);
        while let Some(event) = session.poll_event() {
            if let Event::Inbound { deliver, .. } | Event::Report { report: Reported { deliver, .. }, .. } =
                event
            {
                events.push(format!("{:?}", deliver.content.as_bytes()));
            }
            events.push(format!("{event:?}"));
        }
    }
    (events, session.output().to_vec())
}

proptest! {
    #[test]
    fn chunking_changes_nothing(cuts in prop::collection::vec(0_usize..500, 0..20)) {
        let stream = stream();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % stream.len()).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(told(&chunks), told(&[&stream]));
    }
}

#[test]
fn a_stream_octet_by_octet() {
    let stream = stream();
    let single: Vec<&[u8]> = stream.chunks(1).collect();
    let (events, output) = told(&single);
    assert_eq!(events.len(), 8, "two messages and two reports, twice noted");
    assert_eq!(output, [octets(vectors::C18), octets(vectors::C18)].concat(), "both heartbeats are answered");
}

#[test]
fn lengths_are_judged_as_soon_as_they_are_there() {
    assert_eq!(first_length(&[0, 0, 0], LIMITS), Ok(None));
    assert_eq!(first_length(&[0, 0, 0x10, 0], LIMITS), Ok(None));
    for claimed in [0, 11, 4097, 0x7FFF_FFFF, u32::MAX] {
        let expected = FrameError::BadLength { claimed, limits: LIMITS };
        assert_eq!(first_length(&claimed.to_be_bytes(), LIMITS), Err(expected));
        let mut session = connected_client(Version::V30);
        session.feed(Millis(1), &claimed.to_be_bytes());
        let cause = CloseCause::Frame(expected);
        assert_eq!(session.poll_event(), Some(Event::Closed { cause }));
        assert_eq!(session.poll_event(), None);
        session.feed(Millis(2), &octets(vectors::C17));
        assert_eq!(session.poll_event(), None, "a closed session ignores input");
        assert!(session.output().is_empty());
    }
}

#[test]
fn input_that_nobody_polls_is_bounded() {
    let mut session = connected_client(Version::V20);
    let read = [0_u8; 65_536];
    for _ in 0..17 {
        session.feed(Millis(1), &read);
    }
    assert_eq!(
        session.poll_event(),
        Some(Event::Closed { cause: CloseCause::Frame(FrameError::NotDrained) })
    );
}
