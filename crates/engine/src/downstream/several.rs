//! Long texts whose parts come to several nodes: each part is kept first, then all that is kept is read.
//!
//! Of nodes that keep parts of one text the last one reads them all, and so makes the message; when several do, they make the
//! same one, under the smallest id among its parts, and the ledger takes it once. A node that dies in between leaves
//! durable parts: whoever reads them next, or looks after what is old, goes on.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::downstream::{
    ASSEMBLY_AGE, ASSEMBLY_PARTS, Customer, Fragment, Gathered, Part, PartKey, SubmitRefusal, Waiting,
    WaitingKind, WaitingPlace, Whole, gather, write_part,
};
use domain::ids::{CustomerId, MessageId, PartitionId};
use domain::ledger::LedgerError;
use domain::message::Reason;
use domain::nodes::Duty;

use super::pump::PAGE;
use super::submit::{Answers, incoming_of, reason};
use crate::Engine;
use crate::nodes::millis;

/// Between two looks at everything that is kept, by the node that keeps the house: for what nodes that died have left.
const ALL_TEXTS: std::time::Duration = std::time::Duration::from_secs(60);
/// A text that is whole for so long is nobody's any more: its node died, or its storage failed.
const ABANDONED: std::time::Duration = std::time::Duration::from_secs(5);

/// A part that a call brought.
pub(super) struct Piece {
    /// The submit that brought it.
    pub submit: usize,
    pub key: PartKey,
    pub part: Part,
    pub message: MessageId,
}

impl Engine {
    /// Keeps the parts of a call, and makes messages of the texts that are whole with them.
    pub(super) async fn join_pieces(&self, customer: &Customer, pieces: Vec<Piece>, answers: &mut Answers) {
        let pieces = self.accept_at_once(customer, pieces, answers).await;
        let map = self.ledger.partitions();
        let mut parted: HashMap<PartitionId, Vec<&Piece>> = HashMap::new();
        for piece in &pieces {
            parted.entry(map.of(piece.key.phone.slot())).or_default().push(piece);
        }
        for (partition, pieces) in parted {
            self.counter.kept().insert((customer.id, partition));
            let fragments = pieces.iter().map(|piece| fragment(piece)).collect();
            let joined = match self.ledger.hold_fragments(partition, fragments).await {
                Ok(()) => self.join_kept(customer, partition, &pieces, answers).await,
                Err(error) => Err(error),
            };
            if let Err(error) = joined {
                tracing::warn!(%error, "parts could not be kept, or read again");
                for piece in pieces {
                    answers[piece.submit] = Err(SubmitRefusal::Unavailable);
                }
            }
        }
    }

    async fn join_kept(
        &self,
        customer: &Customer,
        partition: PartitionId,
        pieces: &[&Piece],
        answers: &mut Answers,
    ) -> Result<(), LedgerError> {
        let kept = self.kept_parts(customer.id, partition).await?;
        let gathered = gather(customer.id, &kept);
        let by_item: HashMap<i64, usize> =
            pieces.iter().map(|piece| (piece.part.place.item, piece.submit)).collect();
        for repeat in &gathered.repeats {
            if let Some(submit) = by_item.get(&repeat.place.item) {
                answers[*submit] = Ok(repeat.id);
            }
        }
        if kept.len() > ASSEMBLY_PARTS {
            let open = gathered.open.iter().flat_map(|text| &text.parts);
            let over: Vec<WaitingPlace> =
                open.map(|part| part.place).filter(|place| by_item.contains_key(&place.item)).collect();
            for place in &over {
                answers[by_item[&place.item]] = Err(SubmitRefusal::Throttled);
            }
            self.ledger.forget_waiting(partition, customer.id, WaitingKind::Fragment, over).await?;
        }
        // A text that others are at as well becomes one message, whoever is faster.
        let mine = |text: &Whole| text.parts.iter().any(|part| by_item.contains_key(&part.place.item));
        let failed = self.end_texts_of(customer, partition, &gathered, mine).await;
        for part in failed.iter().flat_map(|text| &text.parts) {
            if let Some(submit) = by_item.get(&part.place.item) {
                answers[*submit] = Err(SubmitRefusal::Unavailable);
            }
        }
        Ok(())
    }

    /// Makes messages of texts that are whole, and ends those whose reference is in use by another, as far as they are
    /// `wanted`. Returns those that could not be made.
    async fn end_texts_of(
        &self,
        customer: &Customer,
        partition: PartitionId,
        gathered: &Gathered,
        wanted: impl Fn(&Whole) -> bool,
    ) -> Vec<Whole> {
        let whole: Vec<&Whole> = gathered.whole.iter().filter(|text| wanted(text)).collect();
        let (accepted, failed) = self.accept_texts(customer, whole).await;
        self.forget_parts(&accepted).await;
        for text in &gathered.ended {
            self.reject_text(customer, text, Reason::PartsMissing).await;
        }
        let places: Vec<WaitingPlace> = gathered.repeats.iter().map(|repeat| repeat.place).collect();
        if !places.is_empty()
            && let Err(error) =
                self.ledger.forget_waiting(partition, customer.id, WaitingKind::Fragment, places).await
        {
            tracing::debug!(%error, "parts that came twice stay until they are old");
        }
        failed
    }

    /// Makes messages of texts. Returns those that are, and those of which nobody knows.
    async fn accept_texts(&self, customer: &Customer, texts: Vec<&Whole>) -> (Vec<Whole>, Vec<Whole>) {
        let mut accepted = Vec::new();
        if texts.is_empty() {
            return (accepted, Vec::new());
        }
        let incoming = texts.iter().map(|text| incoming_of(customer, text, self.clock.now())).collect();
        let outcomes = match self.send_from(customer.account, customer.route, incoming).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::warn!(%error, "texts of a customer could not be accepted");
                return (accepted, texts.into_iter().cloned().collect());
            }
        };
        for (text, outcome) in texts.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => accepted.push(text.clone()),
                // Some of its parts have been answered: they hear of it by their reports.
                Err(refused) => self.reject_text(customer, text, reason(&refused)).await,
            }
        }
        (accepted, Vec::new())
    }

    /// Texts of which one call brought all parts are never kept.
    async fn accept_at_once(
        &self,
        customer: &Customer,
        pieces: Vec<Piece>,
        answers: &mut Answers,
    ) -> Vec<Piece> {
        let mut by_key: HashMap<PartKey, Vec<Piece>> = HashMap::new();
        for piece in pieces {
            by_key.entry(piece.key.clone()).or_default().push(piece);
        }
        let (at_once, others): (Vec<_>, Vec<_>) = by_key.into_iter().partition(|(key, pieces)| {
            let numbers: BTreeSet<u8> = pieces.iter().map(|piece| piece.part.number).collect();
            numbers.len() == pieces.len() && pieces.len() == usize::from(key.total)
        });
        let whole = |(key, pieces): &(PartKey, Vec<Piece>)| {
            let mut parts: Vec<Part> = pieces.iter().map(|piece| piece.part.clone()).collect();
            parts.sort_by_key(|part| part.number);
            let message = pieces.iter().map(|piece| piece.message).min();
            let began = parts.iter().map(|part| part.place.at).min().unwrap_or_default();
            message.map(|message| Whole { key: key.clone(), message, parts, began })
        };
        let texts: Vec<Whole> = at_once.iter().filter_map(whole).collect();
        let (_, failed) = self.accept_texts(customer, texts.iter().collect()).await;
        for text in failed {
            let of_it = at_once.iter().filter(|(key, _)| *key == text.key);
            for piece in of_it.flat_map(|(_, pieces)| pieces) {
                answers[piece.submit] = Err(SubmitRefusal::Unavailable);
            }
        }
        others.into_iter().flat_map(|(_, pieces)| pieces).collect()
    }

    async fn reject_text(&self, customer: &Customer, text: &Whole, why: Reason) {
        if let Err(error) = self.reject_for(customer, text, why).await {
            tracing::warn!(%error, "a text that cannot be sent could not be ended yet");
        }
    }

    /// All parts that are kept for a customer in a partition, a few more than may be.
    async fn kept_parts(
        &self,
        customer: CustomerId,
        partition: PartitionId,
    ) -> Result<Vec<Waiting>, LedgerError> {
        let (mut kept, mut after) = (Vec::new(), WaitingPlace::START);
        loop {
            let page = self.ledger.waiting(partition, customer, WaitingKind::Fragment, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(kept) };
            after = last.place;
            let whole = page.len() == PAGE as usize;
            kept.extend(page);
            if !whole || kept.len() > ASSEMBLY_PARTS {
                return Ok(kept);
            }
        }
    }

    /// Ends texts whose time is over, and makes those that were left whole: where this node kept parts, and from time to time
    /// everywhere, if it is the one that keeps the house.
    pub(super) async fn finish_kept_texts(&self, all_at: &mut u64) {
        if self.node.joined().is_none() || !self.node.may_act() {
            return;
        }
        let Ok(customers) = self.all_customers().await else { return };
        let mut places: BTreeSet<(CustomerId, PartitionId)> = self.counter.kept().clone();
        let now = self.clock.monotonic_millis();
        if self.node.holds(Duty::Housekeeping) && now.saturating_sub(*all_at) >= millis(ALL_TEXTS) {
            *all_at = now;
            let all = self.ledger.partitions();
            places.extend(customers.iter().flat_map(|of| all.all().map(|partition| (of.id, partition))));
        }
        for (id, partition) in places {
            let Some(customer) = customers.iter().find(|customer| customer.id == id) else {
                self.counter.kept().remove(&(id, partition));
                continue;
            };
            match self.finish_texts(customer, partition).await {
                Ok(true) => drop(self.counter.kept().remove(&(id, partition))),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "parts that are kept could not be looked at yet"),
            }
        }
    }

    /// `true`: nothing is kept there.
    async fn finish_texts(&self, customer: &Customer, partition: PartitionId) -> Result<bool, LedgerError> {
        let kept = self.kept_parts(customer.id, partition).await?;
        if kept.is_empty() {
            return Ok(true);
        }
        let gathered = gather(customer.id, &kept);
        let now = self.clock.now();
        let left = |text: &Whole| {
            let last = text.parts.iter().map(|part| part.place.at).max();
            last.is_none_or(|last| last < now.minus(ABANDONED))
        };
        let readable: HashSet<i64> = gathered
            .whole
            .iter()
            .chain(&gathered.ended)
            .chain(&gathered.open)
            .flat_map(|text| text.parts.iter().map(|part| part.place.item))
            .chain(gathered.repeats.iter().map(|repeat| repeat.place.item))
            .collect();
        if readable.len() < kept.len() {
            tracing::warn!(customer = %customer.id, "parts that are kept are not readable; they are dropped when they are old");
        }
        self.end_texts_of(customer, partition, &gathered, left).await;
        let before = now.minus(ASSEMBLY_AGE);
        for text in gathered.open.iter().filter(|text| text.began < before) {
            self.reject_text(customer, text, Reason::PartsMissing).await;
        }
        Ok(false)
    }
}

fn fragment(piece: &Piece) -> Fragment {
    Fragment {
        customer: piece.key.customer,
        place: piece.part.place,
        phone: piece.key.phone,
        body: write_part(&piece.key, piece.message, &piece.part),
    }
}
