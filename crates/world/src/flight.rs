//! Messages under way on one connection: what became of their parts, and what that means for the whole.

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, SubmitOutcome, TakenPart};
use wire::cmpp::MsgId;

/// The part number takes the low bits of a token.
const PART_BITS: u32 = 8;
/// `Result` of SUBMIT_RESP: flow control.
const THROTTLED: u32 = 8;

/// What became of one part that we wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Waiting,
    Taken(u64),
    Refused(u32),
    Unanswered,
}

/// A message that we wrote.
pub(crate) struct Flight {
    pub outgoing: Outgoing,
    pub parts: Vec<Part>,
    /// Told as uncertain; its answer may still come.
    pub told: bool,
}

/// The token of a message's first part; those of the others follow it.
pub(crate) fn token_of(flight: u64) -> u64 {
    flight << PART_BITS
}

pub(crate) fn first_of(token: u64) -> u64 {
    token >> PART_BITS << PART_BITS
}

pub(crate) fn part_of(token: u64) -> usize {
    (token & ((1 << PART_BITS) - 1)) as usize
}

pub(crate) fn part_by(msg_id: MsgId, result: u32) -> Part {
    if result == 0 { Part::Taken(msg_id.0) } else { Part::Refused(result) }
}

/// The parts that the carrier took.
fn taken(parts: &[Part]) -> Vec<TakenPart> {
    let placed = (0u8..).zip(parts);
    placed
        .filter_map(|(part, became)| match became {
            Part::Taken(id) => Some(TakenPart { part, id: CarrierMessageId::Number(*id) }),
            _ => None,
        })
        .collect()
}

/// The ids of all parts; none while one was not taken.
pub(crate) fn all_taken(parts: &[Part]) -> Option<Vec<CarrierMessageId>> {
    let taken = taken(parts);
    (taken.len() == parts.len()).then(|| taken.into_iter().map(|taken| taken.id).collect())
}

/// What all parts together mean.
pub(crate) fn outcome(parts: &[Part]) -> SubmitOutcome {
    if let Some(ids) = all_taken(parts) {
        return SubmitOutcome::Taken(ids);
    }
    let taken = taken(parts);
    if parts.contains(&Part::Unanswered) {
        return SubmitOutcome::Uncertain { taken };
    }
    let refusal = |part: &Part| match part {
        Part::Refused(result) if *result != THROTTLED => Some(*result),
        _ => None,
    };
    match parts.iter().filter_map(refusal).max() {
        None if taken.is_empty() => SubmitOutcome::Throttled,
        worst => {
            let result = worst.unwrap_or(THROTTLED).to_string();
            SubmitOutcome::Refused { code: CarrierCode::new(result.as_bytes()), taken }
        }
    }
}
