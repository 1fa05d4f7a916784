//! Messages under way on one connection: which parts were written, answered, refused.

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, SubmitOutcome, TakenPart};

use crate::drivers::Verdict;

/// The part number takes the low bits of a token: a message has at most 20 parts.
const PART_BITS: u32 = 8;
/// What a message is refused with when flow control took some of its parts and never the others.
const THROTTLED: &[u8] = b"THROTTLED";
/// How often one part of a long message is written again after flow control, when others were taken.
const PART_RETRIES: u8 = 20;

/// What became of one part.
#[derive(Clone, PartialEq, Eq)]
enum Part {
    Waiting,
    Answered(Verdict),
    Unanswered,
}

struct Flight {
    outgoing: Outgoing,
    /// Concatenation reference, so that a part written again joins the others.
    reference: u16,
    parts: Vec<Part>,
    retries: u8,
    /// Told as uncertain; kept for a while because its answer may still come.
    told: bool,
}

/// What an answer to a part leads to.
pub(crate) enum Step {
    /// Other parts are still out.
    Wait,
    /// Write this part again after a pause.
    Again { token: u64 },
    /// The message is through.
    Done(Outgoing, SubmitOutcome),
}

/// The table of one connection. Bounded by the window: only written messages are in it, and those told as uncertain
/// are dropped oldest first.
pub(crate) struct Flights {
    slots: Vec<Option<Flight>>,
    free: Vec<usize>,
    /// Slots told as uncertain, oldest first.
    told: std::collections::VecDeque<usize>,
    told_limit: usize,
}

impl Flights {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            told: std::collections::VecDeque::new(),
            told_limit: window,
        }
    }

    /// Takes a message in and gives the token of its first part; part `n` has the token plus `n`.
    pub(crate) fn add(&mut self, outgoing: Outgoing, parts: usize, reference: u16) -> u64 {
        let flight =
            Flight { outgoing, reference, parts: vec![Part::Waiting; parts], retries: 0, told: false };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(flight);
        (slot as u64) << PART_BITS
    }

    /// The message of a token, to write one of its parts again.
    pub(crate) fn outgoing(&self, token: u64) -> Option<&Outgoing> {
        self.slots.get(slot_of(token))?.as_ref().map(|flight| &flight.outgoing)
    }

    /// The concatenation reference under which a token's message is written.
    pub(crate) fn reference(&self, token: u64) -> u16 {
        self.slots.get(slot_of(token)).and_then(Option::as_ref).map_or(0, |flight| flight.reference)
    }

    /// The carrier answered a part.
    pub(crate) fn answered(&mut self, token: u64, verdict: Verdict) -> Step {
        self.record(token, Part::Answered(verdict))
    }

    /// The answer to a part will not come (time-out, or the connection is gone).
    pub(crate) fn unanswered(&mut self, token: u64) -> Step {
        self.record(token, Part::Unanswered)
    }

    /// An answer after the time-out: the message, if all of it is taken now.
    pub(crate) fn late(&mut self, token: u64, verdict: Verdict) -> Option<(Outgoing, SubmitOutcome)> {
        let slot = slot_of(token);
        let flight = self.slots.get_mut(slot)?.as_mut()?;
        if !matches!(verdict, Verdict::Taken(_)) {
            return None;
        }
        *flight.parts.get_mut(part_of(token))? = Part::Answered(verdict);
        if !flight.told || flight.parts.iter().any(|part| !part.is_taken()) {
            return None;
        }
        let flight = self.slots[slot].take()?;
        self.told.retain(|told| *told != slot);
        self.free.push(slot);
        let outcome = SubmitOutcome::TakenLate(taken(flight.parts));
        Some((flight.outgoing, outcome))
    }

    fn record(&mut self, token: u64, part: Part) -> Step {
        let slot = slot_of(token);
        let Some(flight) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return Step::Wait };
        let single = flight.parts.len() == 1;
        if part == Part::Answered(Verdict::Throttled) && !single && flight.retries < PART_RETRIES {
            flight.retries += 1;
            return Step::Again { token };
        }
        let Some(place) = flight.parts.get_mut(part_of(token)) else { return Step::Wait };
        *place = part;
        if flight.told || flight.parts.contains(&Part::Waiting) {
            return Step::Wait;
        }
        if flight.parts.contains(&Part::Unanswered) {
            let outcome = SubmitOutcome::Uncertain { taken: taken_of(&flight.parts) };
            flight.told = true;
            let outgoing = flight.outgoing.clone();
            self.told.push_back(slot);
            self.forget_oldest();
            return Step::Done(outgoing, outcome);
        }
        match self.slots[slot].take() {
            Some(flight) => {
                self.free.push(slot);
                Step::Done(flight.outgoing, outcome(flight.parts))
            }
            None => Step::Wait,
        }
    }

    fn forget_oldest(&mut self) {
        if self.told.len() > self.told_limit
            && let Some(slot) = self.told.pop_front()
            && self.slots[slot].take().is_some()
        {
            self.free.push(slot);
        }
    }
}

fn slot_of(token: u64) -> usize {
    usize::try_from(token >> PART_BITS).unwrap_or(usize::MAX)
}

pub(crate) fn part_of(token: u64) -> usize {
    usize::try_from(token & ((1 << PART_BITS) - 1)).unwrap_or(usize::MAX)
}

impl Part {
    fn is_taken(&self) -> bool {
        matches!(self, Self::Answered(Verdict::Taken(_)))
    }
}

/// The parts that the carrier took, with their places: the others may be answered or reported yet.
fn taken_of(parts: &[Part]) -> Vec<TakenPart> {
    let placed = (0u8..).zip(parts);
    placed
        .filter_map(|(part, became)| match became {
            Part::Answered(Verdict::Taken(id)) => Some(TakenPart { part, id: id.clone() }),
            _ => None,
        })
        .collect()
}

fn taken(parts: Vec<Part>) -> Vec<CarrierMessageId> {
    let id = |part| match part {
        Part::Answered(Verdict::Taken(id)) => Some(id),
        _ => None,
    };
    parts.into_iter().filter_map(id).collect()
}

/// What all parts together mean when each is answered: a refusal makes the whole refused, and one that is no flow
/// control says more than one that is.
fn outcome(parts: Vec<Part>) -> SubmitOutcome {
    let refused = parts.iter().find_map(|part| match part {
        Part::Answered(Verdict::Refused(code)) => Some(*code),
        _ => None,
    });
    if parts.iter().all(Part::is_taken) {
        return SubmitOutcome::Taken(taken(parts));
    }
    let taken = taken_of(&parts);
    match refused {
        Some(code) => SubmitOutcome::Refused { code, taken },
        None if taken.is_empty() => SubmitOutcome::Throttled,
        None => SubmitOutcome::Refused { code: CarrierCode::new(THROTTLED), taken },
    }
}
