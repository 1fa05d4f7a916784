//! Traces of messages: a span for each thing that happened to a sampled message, under ids that follow from the message's.
//!
//! So every node adds to the same trace with nothing carried along, whatever days lie between accept and receipt.
//! Invariants: a span holds ids, words of closed lists and instants, never a phone or text; nothing waits for whoever
//! takes the spans: what does not fit into the queue is dropped and counted.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::channel::Receipt;
use domain::ids::{ChannelId, MessageId};
use domain::ledger::{Claim, Disposition, NewMessage, ReceiptOutcome, Settlement};
use domain::message::{MessageState, Reason};
use domain::time::Timestamp;
use tokio::sync::mpsc;

use crate::Engine;

/// Batches of spans that may wait to be taken.
pub const SPAN_BATCHES: usize = 256;
/// Of how many messages the share that is traced is told.
pub const PER: u64 = 1_000_000;

/// What happened to a message between two instants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    pub trace: [u8; 16],
    pub id: [u8; 8],
    /// None for the first.
    pub parent: Option<[u8; 8]>,
    pub name: &'static str,
    pub begin: Timestamp,
    pub end: Timestamp,
    pub attributes: Vec<(&'static str, String)>,
    pub failed: bool,
}

/// Picks messages and hands their spans on.
#[derive(Debug)]
pub struct Tracer {
    share: u64,
    sender: mpsc::Sender<Vec<Span>>,
    dropped: AtomicU64,
}

/// What a span is about; its number makes the span's id.
#[derive(Clone, Copy)]
enum Stage {
    Accept,
    Claim { attempt: u8 },
    Settle { attempt: u8 },
    Receipt { at: Timestamp },
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Claim { .. } => "claim",
            Self::Settle { .. } => "settle",
            Self::Receipt { .. } => "receipt",
        }
    }

    const fn number(self) -> u64 {
        match self {
            Self::Accept => 1,
            Self::Claim { attempt } => 0x100 + attempt as u64,
            Self::Settle { attempt } => 0x200 + attempt as u64,
            Self::Receipt { at } => 0x1_0000 + at.millis().unsigned_abs(),
        }
    }
}

impl Tracer {
    /// Traces `share` of each [`PER`] messages: the same ones on every node.
    #[must_use]
    pub fn new(share: u64, sender: mpsc::Sender<Vec<Span>>) -> Self {
        Self { share, sender, dropped: AtomicU64::new(0) }
    }

    /// Spans that nobody took in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn picks(&self, message: MessageId) -> bool {
        mixed(raw(message) ^ 0x5a5a) % PER < self.share
    }

    fn send(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        if count > 0 && self.sender.try_send(spans).is_err() {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The sampled ones of messages about to be accepted.
    pub(crate) fn pick(&self, messages: &[NewMessage]) -> Vec<(MessageId, &'static str)> {
        let picked = messages.iter().filter(|message| self.picks(message.id));
        picked.map(|message| (message.id, message.category.word())).collect()
    }

    pub(crate) fn accepted(&self, picked: Vec<(MessageId, &'static str)>, when: (Timestamp, Timestamp)) {
        let spans = picked.into_iter().map(|(message, category)| {
            let attributes = vec![("hongyan.category", category.to_owned())];
            span(message, Stage::Accept, when, attributes, false)
        });
        self.send(spans.collect());
    }

    pub(crate) fn claimed(&self, claim: &Claim, channel: ChannelId, when: (Timestamp, Timestamp)) {
        let picked = claim.outgoing.iter().filter(|outgoing| self.picks(outgoing.ticket.message));
        let spans = picked.map(|outgoing| {
            let attempt = outgoing.ticket.attempt;
            let attributes = vec![
                ("hongyan.channel", channel.to_string()),
                ("hongyan.attempt", attempt.to_string()),
                ("hongyan.parts", outgoing.parts.to_string()),
            ];
            span(outgoing.ticket.message, Stage::Claim { attempt }, when, attributes, false)
        });
        self.send(spans.collect());
    }

    pub(crate) fn settled(&self, settlements: &[Settlement], now: Timestamp) {
        let picked = settlements.iter().filter(|settlement| self.picks(settlement.ticket.message));
        let spans = picked.map(|settlement| {
            let (state, reason) = outcome(&settlement.disposition);
            let attempt = settlement.ticket.attempt;
            let attributes = vec![
                ("hongyan.channel", settlement.channel.to_string()),
                ("hongyan.attempt", attempt.to_string()),
                ("hongyan.state", state.word().to_owned()),
                ("hongyan.reason", reason.word().to_owned()),
            ];
            let failed = matches!(state, MessageState::Failed | MessageState::Uncertain);
            span(
                settlement.ticket.message,
                Stage::Settle { attempt },
                (settlement.at, now),
                attributes,
                failed,
            )
        });
        self.send(spans.collect());
    }

    pub(crate) fn reported(
        &self,
        receipts: &[Receipt],
        outcomes: &[ReceiptOutcome],
        when: (Timestamp, Timestamp),
    ) {
        let spans = receipts.iter().zip(outcomes).filter_map(|(receipt, outcome)| match outcome {
            ReceiptOutcome::Applied { message, state } if self.picks(*message) => {
                let attributes = vec![
                    ("hongyan.state", state.word().to_owned()),
                    ("hongyan.reason", receipt.code.reason().word().to_owned()),
                ];
                let failed = state.is_final() && *state != MessageState::Delivered;
                Some(span(*message, Stage::Receipt { at: when.0 }, when, attributes, failed))
            }
            _ => None,
        });
        self.send(spans.collect());
    }
}

impl Engine {
    /// Traces messages from now on. Once, before dispatch starts.
    pub fn set_tracer(&self, tracer: Tracer) {
        let _only_the_first_counts = self.tracer.set(tracer);
    }

    /// Whoever traces, if anybody does.
    #[must_use]
    pub fn tracer(&self) -> Option<&Tracer> {
        self.tracer.get()
    }
}

/// What a disposition makes of a message.
pub(crate) fn outcome(disposition: &Disposition) -> (MessageState, Reason) {
    match disposition {
        Disposition::Submitted { .. } => (MessageState::Submitted, Reason::None),
        Disposition::Requeue { reason, .. } => (MessageState::Queued, *reason),
        Disposition::Failed { reason, .. } => (MessageState::Failed, *reason),
        Disposition::Uncertain { reason, .. } => (MessageState::Uncertain, *reason),
    }
}

fn span(
    message: MessageId,
    stage: Stage,
    (begin, end): (Timestamp, Timestamp),
    mut attributes: Vec<(&'static str, String)>,
    failed: bool,
) -> Span {
    let number = raw(message);
    let mut trace = [0; 16];
    let (high, low) = trace.split_at_mut(8);
    high.copy_from_slice(&mixed(number).to_be_bytes());
    low.copy_from_slice(&mixed(mixed(number)).to_be_bytes());
    let id = |stage: Stage| mixed(number ^ mixed(stage.number())).to_be_bytes();
    let parent = match stage {
        Stage::Accept => None,
        Stage::Claim { .. } | Stage::Receipt { .. } => Some(id(Stage::Accept)),
        Stage::Settle { attempt } => Some(id(Stage::Claim { attempt })),
    };
    attributes.push(("hongyan.message", message.to_string()));
    Span { trace, id: id(stage), parent, name: stage.name(), begin, end: end.max(begin), attributes, failed }
}

fn raw(message: MessageId) -> u64 {
    message.raw().unsigned_abs()
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves half of those of the output.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_573_800_000);

    #[test]
    fn spans_of_a_message_are_one_trace_whoever_makes_them() {
        let of = |stage| span(MessageId::from_raw(77), stage, (NOW, NOW), Vec::new(), false);
        let (accept, claim, settle) =
            (of(Stage::Accept), of(Stage::Claim { attempt: 1 }), of(Stage::Settle { attempt: 1 }));
        assert_eq!((claim.trace, settle.trace), (accept.trace, accept.trace));
        assert_eq!((accept.parent, claim.parent, settle.parent), (None, Some(accept.id), Some(claim.id)));
        assert_ne!(of(Stage::Claim { attempt: 2 }).id, claim.id);
        assert_ne!(
            span(MessageId::from_raw(78), Stage::Accept, (NOW, NOW), Vec::new(), false).trace,
            accept.trace
        );
    }

    #[test]
    fn the_share_is_kept_and_a_full_queue_is_counted() {
        let (sender, _receiver) = mpsc::channel(1);
        let tracer = Tracer::new(PER / 10, sender);
        let picked: Vec<_> = (0..100_000).map(MessageId::from_raw).filter(|id| tracer.picks(*id)).collect();
        assert!((9_000..11_000).contains(&picked.len()), "{}", picked.len());
        let accept = |id: MessageId| tracer.accepted(vec![(id, "otp")], (NOW, NOW));
        picked.iter().take(3).copied().for_each(accept);
        assert_eq!(tracer.dropped(), 2);
    }
}
