//! Submits on their way in: single ones are accepted, parts are kept until their text is whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::downstream::{
    Customer, Fragment, Full, Origin, Part, PartKey, Placed, Submit, SubmitRefusal, WaitingKind,
    WaitingPlace, Whole, write_part,
};
use domain::ids::{CustomerId, MessageId, PartitionId};
use domain::ledger::{Entry, NewMessage};
use domain::message::Reason;
use domain::money::Money;
use domain::phone::{Phone, Slot};
use domain::policy::RuleId;
use domain::text::{Concat, Encoding};
use domain::time::Timestamp;

use super::several::Piece;
use crate::Engine;
use crate::accept::{Content, Incoming, RefusedItem, SendError, SendItem, StreamKey};

/// Phones of one submit: as many as the protocols allow.
const MAX_PHONES: usize = 100;

pub(super) type Answers = Vec<Result<u128, SubmitRefusal>>;

/// A part that waits for others, and the submit that brought it.
struct Held {
    submit: usize,
    /// An earlier call brought it too, and may have kept it.
    known: bool,
    key: PartKey,
    part: Part,
    message: MessageId,
}

/// What one call brought.
struct Batch<'a> {
    customer: &'a Customer,
    now: Timestamp,
    answers: Answers,
    incoming: Vec<Incoming>,
    /// Beside `incoming`: the submit that brought it.
    from: Vec<usize>,
    /// Beside `incoming`: the text it was put together from, and the number of the part that was the last.
    wholes: Vec<Option<(Whole, i64)>>,
    held: Vec<Held>,
    /// Parts, where several nodes put texts together.
    pieces: Vec<Piece>,
    /// Texts that ended without their last parts.
    ended: Vec<Whole>,
}

impl Engine {
    /// See [`domain::downstream::Downstream::submit`].
    pub(super) async fn take_submits(&self, customer: &Arc<Customer>, submits: Vec<Submit>) -> Answers {
        if self.is_draining() || !self.node.may_act() || !self.is_let_in(customer).await {
            return vec![Err(SubmitRefusal::Unavailable); submits.len()];
        }
        let mut batch = Batch {
            customer,
            now: self.clock.now(),
            answers: Vec::with_capacity(submits.len()),
            incoming: Vec::with_capacity(submits.len()),
            from: Vec::with_capacity(submits.len()),
            wholes: Vec::with_capacity(submits.len()),
            held: Vec::new(),
            pieces: Vec::new(),
            ended: Vec::new(),
        };
        for (place, submit) in submits.iter().enumerate() {
            let answer = self.sort(&mut batch, place, submit);
            batch.answers.push(answer);
        }
        for whole in std::mem::take(&mut batch.ended) {
            if let Err(error) = self.reject_whole(&whole, Reason::PartsMissing).await {
                // What is kept of it ends after the next start, when it is old.
                tracing::warn!(%error, "a text whose reference was used again could not be ended");
            }
        }
        self.keep_parts(&mut batch).await;
        let pieces = std::mem::take(&mut batch.pieces);
        if !pieces.is_empty() {
            self.join_pieces(customer, pieces, &mut batch.answers).await;
        }
        self.accept_batch(&mut batch).await;
        batch.answers
    }

    /// Whether a customer is still there: its connections take a moment to close.
    async fn is_let_in(&self, customer: &Customer) -> bool {
        let customers = self.all_customers().await;
        customers.is_ok_and(|all| all.iter().any(|known| known.id == customer.id && known.enabled))
    }

    /// Where a submit goes. The id holds once that is durable.
    fn sort(&self, batch: &mut Batch<'_>, place: usize, submit: &Submit) -> Result<u128, SubmitRefusal> {
        if !batch.customer.may_send_as(&submit.source) {
            return Err(SubmitRefusal::Source);
        }
        if submit.phones.is_empty() || submit.phones.len() > MAX_PHONES {
            return Err(SubmitRefusal::Destination);
        }
        let country = self.settings.country;
        let phones: Vec<Phone> = submit
            .phones
            .iter()
            .map(|phone| Phone::parse(phone, country))
            .collect::<Result<_, _>>()
            .map_err(|_| SubmitRefusal::Destination)?;
        if submit.valid_for.is_some_and(|valid_for| valid_for.is_zero()) {
            return Err(SubmitRefusal::Validity);
        }
        let now = batch.now;
        let fresh = |slot: Slot| MessageId::from(self.ids.next(now, slot));
        let first = fresh(phones[0].slot());
        let id = submit.own_id.unwrap_or(u128::from(first.raw().unsigned_abs()));
        let concat = submit.concat.filter(|concat| concat.total > 1);
        for (index, phone) in phones.into_iter().enumerate() {
            let message = if index == 0 { first } else { fresh(phone.slot()) };
            match concat {
                None => batch.add_single(place, submit, phone, message, id),
                Some(concat) => {
                    self.place_part(batch, place, submit, (phone, concat), message, id)?;
                }
            }
        }
        Ok(id)
    }

    fn place_part(
        &self,
        batch: &mut Batch<'_>,
        submit: usize,
        given: &Submit,
        (phone, concat): (Phone, Concat),
        message: MessageId,
        id: u128,
    ) -> Result<(), SubmitRefusal> {
        let customer = batch.customer;
        let (reference, total) = (concat.reference, concat.total);
        let key = PartKey { customer: customer.id, phone, source: given.source.clone(), reference, total };
        let valid_for = given.valid_for.unwrap_or_else(|| self.settings.validity(customer.category));
        let part = Part {
            number: concat.number,
            id,
            text: given.text.clone(),
            on_success: given.on_success,
            on_failure: given.on_failure,
            place: WaitingPlace { at: batch.now, item: message.raw() },
            valid_until: given.send_at.unwrap_or(batch.now).plus(valid_for),
            send_at: given.send_at,
        };
        if self.node.joined().is_some() {
            batch.pieces.push(Piece { submit, key, part, message });
            return Ok(());
        }
        let placed = self.counter.assembly().place(&key, part.clone(), message, batch.now);
        let (part, message, known) = match placed.map_err(|Full| SubmitRefusal::Throttled)? {
            Placed::Complete(whole) => {
                batch.add_whole(submit, whole, message.raw());
                return Ok(());
            }
            Placed::Waits { message } => (part, message, false),
            // Kept again, so that it is durable also when the first try to keep it fails.
            Placed::Known { part, message } => (part, message, true),
            Placed::Displaces { ended, message } => {
                batch.ended.push(ended);
                (part, message, false)
            }
        };
        batch.held.push(Held { submit, known, key, part, message });
        Ok(())
    }

    /// Keeps parts whose text is not whole with this call.
    async fn keep_parts(&self, batch: &mut Batch<'_>) {
        let whole: HashSet<MessageId> =
            batch.wholes.iter().flatten().map(|(whole, _)| whole.message).collect();
        let map = self.ledger.partitions();
        let mut parted: HashMap<PartitionId, Vec<&Held>> = HashMap::new();
        for held in batch.held.iter().filter(|held| !whole.contains(&held.message)) {
            parted.entry(map.of(held.key.phone.slot())).or_default().push(held);
        }
        let keeping = parted.into_iter().map(async |(partition, held)| {
            let fragments = held.iter().map(|held| fragment(held)).collect();
            (self.ledger.hold_fragments(partition, fragments).await, held)
        });
        for (kept, held) in futures::future::join_all(keeping).await {
            let Err(error) = kept else { continue };
            tracing::warn!(%error, "parts could not be kept");
            for Held { submit, known, key, part, .. } in held {
                // What an earlier call kept and answered stays.
                if !known {
                    self.counter.assembly().withdraw(key, part.number);
                }
                batch.answers[*submit] = Err(SubmitRefusal::Unavailable);
            }
        }
    }

    async fn accept_batch(&self, batch: &mut Batch<'_>) {
        if batch.incoming.is_empty() {
            return;
        }
        let incoming = std::mem::take(&mut batch.incoming);
        let from = std::mem::take(&mut batch.from);
        let customer = batch.customer;
        let outcomes = match self.send_from(customer.account, customer.route, incoming).await {
            Ok(outcomes) => outcomes,
            Err(error) => return self.undo(batch, &from, &error),
        };
        let mut accepted = Vec::new();
        for ((place, group), outcome) in from.into_iter().enumerate().zip(outcomes) {
            match (batch.wholes[place].take(), outcome) {
                (None, Ok(())) => {}
                (None, Err(refused)) => batch.answers[group] = Err(refusal(&refused)),
                (Some((whole, _)), Ok(())) => accepted.push(whole),
                // Some of its parts have been answered: they hear of it by their reports.
                (Some((whole, last)), Err(refused)) => {
                    if let Err(error) = self.reject_whole(&whole, reason(&refused)).await {
                        tracing::warn!(%error, "a text that cannot be sent could not be ended");
                        self.wait_again(batch, whole, (group, last));
                    }
                }
            }
        }
        self.forget_parts(&accepted).await;
    }

    /// Nothing of the call's messages can be relied on.
    fn undo(&self, batch: &mut Batch<'_>, from: &[usize], error: &SendError) {
        let why = if matches!(error, SendError::NoSuchRoute) {
            SubmitRefusal::NoRoute
        } else {
            tracing::warn!(%error, "submits of a customer could not be accepted");
            SubmitRefusal::Unavailable
        };
        for (place, submit) in from.iter().enumerate() {
            if let Some((whole, last)) = batch.wholes[place].take() {
                self.wait_again(batch, whole, (*submit, last));
            }
            batch.answers[*submit] = Err(why);
        }
    }

    /// The parts that earlier calls kept wait again; those of this call are refused.
    fn wait_again(&self, batch: &mut Batch<'_>, mut whole: Whole, (submit, last): (usize, i64)) {
        batch.answers[submit] = Err(SubmitRefusal::Unavailable);
        let mut here = HashSet::from([last]);
        for held in batch.held.iter().filter(|held| held.message == whole.message) {
            batch.answers[held.submit] = Err(SubmitRefusal::Unavailable);
            here.insert(held.part.place.item);
        }
        whole.parts.retain(|part| !here.contains(&part.place.item));
        if !whole.parts.is_empty() {
            self.counter.assembly().put_back(whole);
        }
    }

    /// Records a text that is not sent, with what is there of it, so that its parts have their reports.
    pub(super) async fn reject_whole(&self, whole: &Whole, reason: Reason) -> Result<(), SendError> {
        let customers = self.all_customers().await?;
        let Some(customer) = customers.iter().find(|customer| customer.id == whole.key.customer) else {
            return Ok(());
        };
        self.reject_for(customer, whole, reason).await
    }

    /// As [`Self::reject_whole`], for a customer that need not be there any more.
    pub(super) async fn reject_for(
        &self,
        customer: &Customer,
        whole: &Whole,
        reason: Reason,
    ) -> Result<(), SendError> {
        // It goes nowhere, so any route will do.
        let route = match customer.route {
            Some(route) => route,
            None => self.routes().await?.first().map(|route| route.id).ok_or(SendError::NoSuchRoute)?,
        };
        let entity = self.entity_of(customer.account).await?;
        let (account, category) = (customer.account, customer.category);
        let terms = self.terms(account).await?;
        let key = StreamKey::new(account, route, (category.into(), category), &terms);
        let now = self.clock.now();
        let message = NewMessage {
            id: whole.message,
            lane: self.api_lane(key, entity).await?,
            account,
            entity,
            campaign: None,
            contact: None,
            category,
            phone: whole.key.phone,
            text: whole.text(),
            encoding: Encoding::Ucs2,
            parts: u8::try_from(whole.parts.len()).unwrap_or(u8::MAX),
            price: Money::ZERO,
            carrier: whole.key.phone.carrier(),
            valid_until: now,
            test: false,
            possible_duplicate: false,
            entry: Entry::Reject { reason, rule: RuleId(0) },
            origin: Some(Box::new(origin(whole))),
        };
        let partition = self.ledger.partitions().of_message(whole.message);
        self.accept_counted(partition, vec![message], None, now).await?;
        self.counter.look();
        self.forget_parts(std::slice::from_ref(whole)).await;
        Ok(())
    }

    /// Parts that are a message by now. If they stay, they end as that message once more, which changes nothing.
    pub(super) async fn forget_parts(&self, wholes: &[Whole]) {
        let map = self.ledger.partitions();
        let mut parted: HashMap<(PartitionId, CustomerId), Vec<WaitingPlace>> = HashMap::new();
        for whole in wholes {
            let places = parted.entry((map.of(whole.key.phone.slot()), whole.key.customer)).or_default();
            places.extend(whole.parts.iter().map(|part| part.place));
        }
        let forgetting = parted.into_iter().map(|((partition, customer), places)| {
            self.ledger.forget_waiting(partition, customer, WaitingKind::Fragment, places)
        });
        for forgotten in futures::future::join_all(forgetting).await {
            if let Err(error) = forgotten {
                tracing::debug!(%error, "parts of a whole text stay until they are old");
            }
        }
    }
}

impl Batch<'_> {
    fn add_single(&mut self, group: usize, submit: &Submit, phone: Phone, id: MessageId, answer: u128) {
        let origin = Origin {
            customer: self.customer.id,
            source: submit.source.clone(),
            parts: vec![answer],
            on_success: submit.on_success,
            on_failure: submit.on_failure,
        };
        let item = item(self.customer, phone, &submit.text, (submit.send_at, submit.valid_for));
        self.incoming.push(Incoming { item, phone, id, origin: Box::new(origin), group: Some(group) });
        self.from.push(group);
        self.wholes.push(None);
    }

    fn add_whole(&mut self, submit: usize, whole: Whole, last: i64) {
        self.incoming.push(incoming_of(self.customer, &whole, self.now));
        self.from.push(submit);
        self.wholes.push(Some((whole, last)));
    }
}

/// A text that is whole, as a message. Each for itself: a submit to several phones may complete texts to some of them.
pub(super) fn incoming_of(customer: &Customer, whole: &Whole, now: Timestamp) -> Incoming {
    let until = whole.parts.iter().map(|part| part.valid_until).min().unwrap_or(now);
    let text = whole.text();
    let phone = whole.key.phone;
    let send_at = whole.send_at();
    let valid_for = until.since(send_at.unwrap_or(now).max(now));
    let item = item(customer, phone, &text, (send_at, Some(valid_for)));
    Incoming { item, phone, id: whole.message, origin: Box::new(origin(whole)), group: None }
}

fn item(
    customer: &Customer,
    phone: Phone,
    text: &str,
    (send_at, valid_for): (Option<Timestamp>, Option<std::time::Duration>),
) -> SendItem {
    let (signature, body) = customer.sign(text);
    SendItem {
        phone: format!("+{}", phone.digits()),
        content: Content::Text(body.to_owned()),
        signature,
        category: Some(customer.category),
        priority: None,
        send_at,
        valid_for,
    }
}

fn origin(whole: &Whole) -> Origin {
    Origin {
        customer: whole.key.customer,
        source: whole.key.source.clone(),
        parts: whole.parts.iter().map(|part| part.id).collect(),
        on_success: whole.parts.iter().any(|part| part.on_success),
        on_failure: whole.parts.iter().any(|part| part.on_failure),
    }
}

fn fragment(held: &Held) -> Fragment {
    Fragment {
        customer: held.key.customer,
        place: held.part.place,
        phone: held.key.phone,
        body: write_part(&held.key, held.message, &held.part),
    }
}

fn refusal(refused: &RefusedItem) -> SubmitRefusal {
    match refused {
        RefusedItem::Phone(_) => SubmitRefusal::Destination,
        RefusedItem::NoRoute => SubmitRefusal::NoRoute,
        RefusedItem::NeverValid => SubmitRefusal::Validity,
        RefusedItem::Funds(_) => SubmitRefusal::Funds,
        _ => SubmitRefusal::Text,
    }
}

pub(super) fn reason(refused: &RefusedItem) -> Reason {
    match refused {
        RefusedItem::Phone(_) => Reason::InvalidPhone,
        RefusedItem::NoRoute => Reason::NoRoute,
        RefusedItem::NeverValid => Reason::ValidityPassed,
        _ => Reason::TextTooLong,
    }
}
