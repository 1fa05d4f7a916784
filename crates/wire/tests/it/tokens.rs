//! Each token comes back exactly once, whatever the peer answers, in whatever order, chunks and time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wire::cmpp::{DeliverResp, Event, MsgId, Pdu, Session, Submit, SubmitResp, Version, encode};
use wire::{Millis, TerminalId};

use crate::framing::connected_client;

#[derive(Debug, Clone)]
enum Step {
    Submit,
    /// An answer with this sequence: real, repeated or invented.
    Answer {
        sequence: u32,
        to_submit: bool,
    },
    Pass {
        milliseconds: u64,
        told: bool,
    },
    Terminate,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Submit),
        6 => (1_u32..60, prop::bool::weighted(0.9)).prop_map(|(sequence, to_submit)| Step::Answer { sequence, to_submit }),
        3 => (0_u64..40_000, any::<bool>()).prop_map(|(milliseconds, told)| Step::Pass { milliseconds, told }),
        1 => Just(Step::Terminate),
    ]
}

fn poll(session: &mut Session, tokens: &mut BTreeMap<u64, u32>) {
    while let Some(event) = session.poll_event() {
        if let Event::SubmitAnswered { token, .. }
        | Event::Unanswered { token, .. }
        | Event::Lost { token, .. } = event
        {
            *tokens.entry(token).or_default() += 1;
        }
    }
}

proptest! {
    #[test]
    fn exactly_once(steps in prop::collection::vec(step(), 0..120), chunk in 1_usize..40, close_early: bool) {
        let mut session = connected_client(Version::V20);
        let mut tokens = BTreeMap::new();
        let mut now = Millis(0);
        let submit = Submit::to(TerminalId::new("13800000000").unwrap(), 0, b"x");
        let mut waiting = Vec::new();
        for (token, step) in (0..).zip(steps) {
            match step {
                Step::Submit => {
                    if session.submit(now, token, &submit).is_ok() {
                        tokens.insert(token, 0);
                    }
                }
                Step::Answer { sequence, to_submit } => {
                    let msg_id = MsgId(sequence.into());
                    let pdu = if to_submit {
                        Pdu::SubmitResp(SubmitResp { msg_id, result: 0 })
                    } else {
                        Pdu::DeliverResp(DeliverResp { msg_id, result: 0 })
                    };
                    encode(&pdu, sequence, Version::V20, &mut waiting).unwrap();
                    // One chunk now; the rest, and with it half a PDU, waits for a later step.
                    let now_fed: Vec<u8> = waiting.drain(..chunk.min(waiting.len())).collect();
                    session.feed(now, &now_fed);
                    poll(&mut session, &mut tokens);
                }
                Step::Pass { milliseconds, told } => {
                    now = Millis(now.0 + milliseconds);
                    if told {
                        session.handle_timeout(now);
                        poll(&mut session, &mut tokens);
                    }
                }
                Step::Terminate => session.terminate(now),
            }
            prop_assert_eq!(session.open_requests(), tokens.values().filter(|times| **times == 0).count());
        }
        if !close_early {
            session.feed(now, &waiting);
            poll(&mut session, &mut tokens);
        }
        session.close();
        poll(&mut session, &mut tokens);
        prop_assert!(tokens.values().all(|times| *times == 1), "{:?}", tokens);
        prop_assert_eq!(session.open_requests(), 0);
        prop_assert_eq!(session.poll_event(), None);
    }
}
