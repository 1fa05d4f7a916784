//! Messages under way on one connection: which parts were written, answered, refused.

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, SubmitOutcome};
use wire::cmpp::MsgId;

/// The part number takes the low bits of a token: a message has at most 20 parts.
const PART_BITS: u32 = 8;
/// `Result` of SUBMIT_RESP: flow control.
const THROTTLED: u32 = 8;
/// How often one part of a long message is written again after flow control, when others were taken.
const PART_RETRIES: u8 = 20;

/// What became of one part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Waiting,
    Taken(MsgId),
    Refused(u32),
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
    pub(crate) fn answered(&mut self, token: u64, msg_id: MsgId, result: u32) -> Step {
        let part = match result {
            0 => Part::Taken(msg_id),
            refused => Part::Refused(refused),
        };
        self.record(token, part)
    }

    /// The answer to a part will not come (time-out, or the connection is gone).
    pub(crate) fn unanswered(&mut self, token: u64) -> Step {
        self.record(token, Part::Unanswered)
    }

    /// An answer after the time-out: the message, if all of it is taken now.
    pub(crate) fn late(
        &mut self,
        token: u64,
        msg_id: MsgId,
        result: u32,
    ) -> Option<(Outgoing, SubmitOutcome)> {
        let slot = slot_of(token);
        let flight = self.slots.get_mut(slot)?.as_mut()?;
        if result != 0 {
            return None;
        }
        *flight.parts.get_mut(part_of(token))? = Part::Taken(msg_id);
        if !flight.told || flight.parts.iter().any(|part| !matches!(part, Part::Taken(_))) {
            return None;
        }
        let flight = self.slots[slot].take()?;
        self.told.retain(|told| *told != slot);
        self.free.push(slot);
        let outcome = SubmitOutcome::TakenLate(taken(&flight.parts));
        Some((flight.outgoing, outcome))
    }

    fn record(&mut self, token: u64, part: Part) -> Step {
        let slot = slot_of(token);
        let Some(flight) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return Step::Wait };
        let single = flight.parts.len() == 1;
        if part == Part::Refused(THROTTLED) && !single && flight.retries < PART_RETRIES {
            flight.retries += 1;
            return Step::Again { token };
        }
        let Some(place) = flight.parts.get_mut(part_of(token)) else { return Step::Wait };
        *place = part;
        if flight.told || flight.parts.contains(&Part::Waiting) {
            return Step::Wait;
        }
        let outcome = outcome(&flight.parts);
        if matches!(outcome, SubmitOutcome::Uncertain { .. }) {
            flight.told = true;
            let outgoing = flight.outgoing.clone();
            self.told.push_back(slot);
            self.forget_oldest();
            return Step::Done(outgoing, outcome);
        }
        match self.slots[slot].take() {
            Some(flight) => {
                self.free.push(slot);
                Step::Done(flight.outgoing, outcome)
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

fn taken(parts: &[Part]) -> Vec<CarrierMessageId> {
    parts
        .iter()
        .filter_map(|part| match part {
            Part::Taken(id) => Some(CarrierMessageId::Number(id.0)),
            _ => None,
        })
        .collect()
}

/// What all parts together mean: a lost answer makes the whole uncertain, a refusal makes it refused.
fn outcome(parts: &[Part]) -> SubmitOutcome {
    let ids = taken(parts);
    if ids.len() == parts.len() {
        return SubmitOutcome::Taken(ids);
    }
    if parts.contains(&Part::Unanswered) {
        return SubmitOutcome::Uncertain { taken: ids };
    }
    let refusals = parts.iter().filter_map(|part| match part {
        Part::Refused(result) => Some(*result),
        _ => None,
    });
    let worst = refusals.filter(|result| *result != THROTTLED).max();
    match worst {
        None if ids.is_empty() => SubmitOutcome::Throttled,
        worst => {
            let result = worst.unwrap_or(THROTTLED);
            SubmitOutcome::Refused { code: CarrierCode::new(result.to_string().as_bytes()), taken: ids }
        }
    }
}
