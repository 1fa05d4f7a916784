//! Sending by request: check every item, record the key with its ids, then accept partition by partition.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use domain::billing::{Mode, Terms};
use domain::control::{IdempotentStart, RouteConfig, Short, TemplateRecord, Traffic, choose_route};
use domain::downstream::Origin;
use domain::ids::{AccountId, EntityId, MessageId, PartitionId, RouteId, TemplateId};
use domain::ledger::{Entry, LedgerError, NewMessage};
use domain::message::{Category, Priority, Reason};
use domain::money::Money;
use domain::numbers::PrefixTable;
use domain::phone::{Phone, PhoneError, Slot};
use domain::template::{Template, Values};
use domain::text::{Signature, TextError, divide, plan};
use domain::time::Timestamp;

use super::lanes::StreamKey;
use super::request::{Content, IdempotencyKey, ItemOutcome, SendItem, SendRequest};
use super::{MAX_BATCH, MAX_KEY_BYTES, RefusedItem, SendError};
use crate::compose::{Composed, Composer};
use crate::{Engine, Prices};

/// A message of a customer that connects to us.
pub(crate) struct Incoming {
    pub item: SendItem,
    /// The item's.
    pub phone: Phone,
    pub id: MessageId,
    pub origin: Box<Origin>,
    /// What it is accepted or refused together with; none: it stands for itself.
    pub group: Option<usize>,
}

/// An item that will be accepted.
struct Ready {
    route: RouteId,
    phone: Phone,
    composed: Composed,
    category: Category,
    priority: Priority,
    due_at: Timestamp,
    valid_until: Timestamp,
}

/// One that the account is to pay for.
struct Taken<'a> {
    id: MessageId,
    ready: &'a Ready,
    origin: Option<Box<Origin>>,
    /// What it is paid for together with.
    group: Option<usize>,
}

/// What a request needs once.
struct Desk {
    account: AccountId,
    entity: EntityId,
    /// The route that the request names.
    asked: Option<RouteId>,
    routes: Arc<[RouteConfig]>,
    now: Timestamp,
    terms: Terms,
    templates: HashMap<TemplateId, Result<(Category, Template), RefusedItem>>,
    composers: HashMap<Style, Result<Arc<Composer>, RefusedItem>>,
    numbers: Arc<PrefixTable>,
}

/// What the texts of some items have in common: their category and signature, and the route that they go.
type Style = (Category, Option<String>, RouteId);

impl Engine {
    /// Takes messages of an account. Returns, in the order of the items, what became of each; what is accepted is
    /// durable by then.
    ///
    /// # Errors
    /// [`SendError`]: nothing is taken, or, after a failure of storage, an unknown part of it; a request with a key
    /// may then be repeated and finishes what is missing.
    pub async fn send(
        &self,
        account: AccountId,
        request: SendRequest,
    ) -> Result<Vec<ItemOutcome>, SendError> {
        let SendRequest { items, idempotency, route, whole } = request;
        if items.is_empty() || items.len() > MAX_BATCH {
            return Err(SendError::BatchSize { items: items.len() });
        }
        // Its ids would bear a number that may be another node's by now.
        if !self.node.may_act() {
            let why = "this node cannot renew its life among the others".to_owned();
            return Err(LedgerError::Unavailable(why).into());
        }
        let mut desk = self.desk(account, route).await?;
        self.load_templates(&mut desk, &items).await?;
        let phones: Vec<_> =
            items.iter().map(|item| Phone::parse(&item.phone, self.settings.country)).collect();
        let ready = self.prepared(&mut desk, &items, phones).await?;
        let ids = self.assign_ids(&desk, idempotency, &ready).await?;
        let group = whole.then_some(0);
        let taken = ids.iter().zip(&ready).filter_map(|(id, ready)| {
            Some(Taken { id: *id, ready: ready.as_ref().ok()?, origin: None, group })
        });
        let short = self.accept_ready(&desk, taken.collect()).await?;
        let outcomes = ids.into_iter().zip(ready).map(|(id, ready)| match ready {
            Ok(_) if short.contains_key(&id) => ItemOutcome::Refused(RefusedItem::Funds(short[&id])),
            Ok(ready) => {
                ItemOutcome::Accepted { id, parts: ready.composed.parts, price: ready.composed.price }
            }
            Err(refused) => ItemOutcome::Refused(refused),
        });
        Ok(outcomes.collect())
    }

    /// Takes messages of a customer that connects to us, all of a group or none of it. Returns, in order, what became of
    /// each; what is accepted is durable by then, and accepting it again changes nothing.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn send_from(
        &self,
        account: AccountId,
        route: Option<RouteId>,
        incoming: Vec<Incoming>,
    ) -> Result<Vec<Result<(), RefusedItem>>, SendError> {
        let mut desk = self.desk(account, route).await?;
        let phones: Vec<_> = incoming.iter().map(|one| Ok(one.phone)).collect();
        let (items, rest): (Vec<SendItem>, Vec<_>) =
            incoming.into_iter().map(|one| (one.item, (one.id, one.origin, one.group))).unzip();
        let ready = self.prepared(&mut desk, &items, phones).await?;
        let refused: HashSet<usize> = ready
            .iter()
            .zip(&rest)
            .filter_map(|(ready, (.., group))| group.filter(|_| ready.is_err()))
            .collect();
        let ids: Vec<MessageId> = rest.iter().map(|(id, ..)| *id).collect();
        let taken = ready.iter().zip(rest).filter_map(|(ready, (id, origin, group))| {
            let stands = group.is_none_or(|group| !refused.contains(&group));
            Some(Taken { id, ready: ready.as_ref().ok().filter(|_| stands)?, origin: Some(origin), group })
        });
        let short = self.accept_ready(&desk, taken.collect()).await?;
        let outcome = |(ready, id): (Result<Ready, RefusedItem>, MessageId)| {
            ready.and_then(|_| short.get(&id).map_or(Ok(()), |short| Err(RefusedItem::Funds(*short))))
        };
        Ok(ready.into_iter().zip(ids).map(outcome).collect())
    }

    async fn desk(&self, account: AccountId, asked: Option<RouteId>) -> Result<Desk, SendError> {
        let routes = self.routes().await?;
        let there = match asked {
            Some(id) => routes.iter().any(|route| route.id == id),
            None => !routes.is_empty(),
        };
        if !there {
            return Err(SendError::NoSuchRoute);
        }
        Ok(Desk {
            account,
            entity: self.entity_of(account).await?,
            asked,
            routes,
            now: self.clock.now(),
            terms: self.terms(account).await?,
            templates: HashMap::new(),
            composers: HashMap::new(),
            numbers: self.numbers().await?,
        })
    }

    async fn load_templates(&self, desk: &mut Desk, items: &[SendItem]) -> Result<(), SendError> {
        for item in items {
            let Content::Template { id, .. } = &item.content else { continue };
            if !desk.templates.contains_key(id) {
                let stored = self.control.template(desk.account, *id).await?;
                desk.templates.insert(*id, compiled(stored));
            }
        }
        Ok(())
    }

    /// Every item checked, its text composed, in order.
    async fn prepared(
        &self,
        desk: &mut Desk,
        items: &[SendItem],
        phones: Vec<Result<Phone, PhoneError>>,
    ) -> Result<Vec<Result<Ready, RefusedItem>>, SendError> {
        let prices = self.prices(desk.account).await?;
        let mut ready = Vec::with_capacity(items.len());
        for (item, phone) in items.iter().zip(phones) {
            let styled = match phone {
                Ok(phone) => desk.style(item, phone).map(|style| (phone, style)).ok_or(RefusedItem::NoRoute),
                Err(error) => Err(RefusedItem::Phone(error)),
            };
            ready.push(match styled {
                Ok((phone, style)) => {
                    let composer = self.composer(desk, &prices, &style).await?;
                    composer.and_then(|composer| self.ready(desk, item, (phone, &style), &composer))
                }
                Err(refused) => Err(refused),
            });
        }
        Ok(ready)
    }

    /// The composer of a style, made when it is first needed.
    async fn composer(
        &self,
        desk: &mut Desk,
        prices: &Prices,
        style: &Style,
    ) -> Result<Result<Arc<Composer>, RefusedItem>, SendError> {
        if let Some(known) = desk.composers.get(style) {
            return Ok(known.clone());
        }
        let (category, signature, route) = style;
        let reach = self.reach(*route, *category).await?.ok_or(SendError::NoSuchRoute)?;
        let signature = signature.as_deref().map(Signature::parse).transpose();
        let composer = signature.map_err(RefusedItem::Signature).map(|signature| {
            let (suffix, rules) = (&self.settings.opt_out_suffix, self.settings.text_rules);
            let reach = (reach, Arc::clone(&desk.numbers));
            let prices = prices.at(*category, self.clock.now());
            Arc::new(Composer::new(*category, signature, suffix, rules, prices, reach))
        });
        desk.composers.insert(style.clone(), composer.clone());
        Ok(composer)
    }

    fn ready(
        &self,
        desk: &Desk,
        item: &SendItem,
        (phone, style): (Phone, &Style),
        composer: &Composer,
    ) -> Result<Ready, RefusedItem> {
        let (category, route) = (style.0, style.2);
        let body = desk.body(item)?;
        let composed = composer.compose(&body, phone).map_err(|reason| match reason {
            Reason::NoRoute => RefusedItem::NoRoute,
            _ => RefusedItem::Text(plan(&body, &self.settings.text_rules).err().unwrap_or(TextError::Empty)),
        })?;
        let due_at = item.send_at.map_or(desk.now, |at| at.max(desk.now));
        let valid_until = due_at.plus(item.valid_for.unwrap_or_else(|| self.settings.validity(category)));
        if valid_until <= due_at {
            return Err(RefusedItem::NeverValid);
        }
        let priority = item.priority.unwrap_or_else(|| category.into());
        Ok(Ready { route, phone, composed, category, priority, due_at, valid_until })
    }

    /// Every item gets an id, also one that is refused, so that a repeated request finds them by place.
    async fn assign_ids(
        &self,
        desk: &Desk,
        idempotency: Option<IdempotencyKey>,
        ready: &[Result<Ready, RefusedItem>],
    ) -> Result<Vec<MessageId>, SendError> {
        let nowhere = Slot::new(0).expect("there is a slot 0");
        let slot = |ready: &Result<Ready, RefusedItem>| ready.as_ref().map_or(nowhere, |r| r.phone.slot());
        let ids: Vec<MessageId> =
            ready.iter().map(|ready| self.ids.next(desk.now, slot(ready)).into()).collect();
        let Some(IdempotencyKey { key, body_sha256 }) = idempotency else { return Ok(ids) };
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(SendError::Key);
        }
        let begun = self.control.begin_idempotent(desk.account, &key, body_sha256, &ids, desk.now).await?;
        match begun {
            IdempotentStart::Fresh => Ok(ids),
            IdempotentStart::Replay(earlier) if earlier.len() == ids.len() => Ok(earlier),
            IdempotentStart::Replay(_) | IdempotentStart::Mismatch => Err(SendError::KeyReused),
        }
    }

    /// Returns those that the account cannot pay for, with what is left: of a group, and of one partition, all or none.
    async fn accept_ready(
        &self,
        desk: &Desk,
        mut taken: Vec<Taken<'_>>,
    ) -> Result<HashMap<MessageId, Short>, SendError> {
        let map = self.ledger.partitions();
        let bounded = desk.terms.mode == Mode::Bounded;
        let mut unpaid =
            if bounded { self.unpaid_groups(desk.account, &taken).await? } else { HashMap::new() };
        if !unpaid.is_empty() {
            taken.retain(|one| !unpaid.contains_key(&one.id));
        }
        let mut parted: HashMap<PartitionId, Vec<NewMessage>> = HashMap::new();
        for Taken { id, ready, origin, .. } in taken {
            let key =
                StreamKey::new(desk.account, ready.route, (ready.priority, ready.category), &desk.terms);
            let lane = self.api_lane(key, desk.entity).await?;
            let message = NewMessage {
                id,
                lane,
                account: desk.account,
                entity: desk.entity,
                campaign: None,
                contact: None,
                category: ready.category,
                phone: ready.phone,
                text: ready.composed.text.clone(),
                encoding: ready.composed.encoding,
                parts: ready.composed.parts,
                price: ready.composed.price,
                carrier: ready.composed.carrier,
                valid_until: ready.valid_until,
                test: false,
                possible_duplicate: false,
                entry: Entry::Queue { due_at: ready.due_at, by_carrier: ready.composed.by_carrier },
                origin,
            };
            parted.entry(map.of_message(id)).or_default().push(message);
        }
        let accepting = parted.into_iter().map(async |(place, messages)| {
            if !bounded {
                self.accept_counted(place, messages, None, desk.now).await?;
                return Ok(Vec::new());
            }
            let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
            let accepted = self.accept_funded(place, messages, desk.now).await?;
            let refused = |short| ids.into_iter().map(|id| (id, short)).collect();
            Ok::<Vec<(MessageId, Short)>, SendError>(accepted.err().map(refused).unwrap_or_default())
        });
        unpaid.extend(futures::future::try_join_all(accepting).await?.into_iter().flatten());
        self.metrics.unpaid(unpaid.values().copied());
        Ok(unpaid)
    }

    /// Looks, before anything is accepted, that groups whose messages lie in several partitions are paid for in all of them. Returns
    /// the messages of those that are not. Only another call that takes the account's last money at the same moment can divide a group
    /// after this.
    async fn unpaid_groups(
        &self,
        account: AccountId,
        taken: &[Taken<'_>],
    ) -> Result<HashMap<MessageId, Short>, SendError> {
        let map = self.ledger.partitions();
        let mut groups: BTreeMap<usize, Vec<&Taken<'_>>> = BTreeMap::new();
        for one in taken {
            if let Some(group) = one.group {
                groups.entry(group).or_default().push(one);
            }
        }
        let (mut drawn, mut unpaid) = (BTreeMap::new(), HashMap::new());
        for members in groups.into_values() {
            let mut draws: BTreeMap<PartitionId, Money> = BTreeMap::new();
            for one in &members {
                *draws.entry(map.of_message(one.id)).or_default() += one.ready.composed.price;
            }
            // One partition refuses all of it or nothing anyway.
            if draws.len() < 2 {
                continue;
            }
            if let Err(short) = self.fund_all(account, &draws, &mut drawn).await? {
                unpaid.extend(members.iter().map(|one| (one.id, short)));
            }
        }
        Ok(unpaid)
    }
}

impl Desk {
    fn category(&self, item: &SendItem) -> Category {
        let of_template = || match &item.content {
            Content::Template { id, .. } => self.templates.get(id)?.as_ref().ok().map(|(of, _)| *of),
            Content::Text(_) => None,
        };
        item.category.or_else(of_template).unwrap_or(Category::Notice)
    }

    /// The route that an item goes is the one asked for, else the first that is for its account, category, signature and
    /// phone; none when there is no such route.
    fn style(&self, item: &SendItem, phone: Phone) -> Option<Style> {
        let category = self.category(item);
        let traffic = Traffic {
            account: self.account,
            category,
            signature: signed(item),
            phone: Some(phone),
            carrier: Some(self.numbers.carrier(phone)),
        };
        let route = self.asked.or_else(|| choose_route(&self.routes, &traffic).map(|route| route.id))?;
        Some((category, item.signature.clone(), route))
    }

    fn body(&self, item: &SendItem) -> Result<String, RefusedItem> {
        match &item.content {
            Content::Text(text) => Ok(text.clone()),
            Content::Template { id, values } => {
                let stored = self.templates.get(id).ok_or(RefusedItem::NoSuchTemplate)?;
                let (_, template) = stored.as_ref().map_err(RefusedItem::clone)?;
                let values: Vec<(&str, &str)> =
                    values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                template.render(&Values(&values)).map_err(RefusedItem::Render)
            }
        }
    }
}

/// The signature of an item without its brackets: the one given, else the one that its text begins with.
fn signed(item: &SendItem) -> Option<&str> {
    match (&item.signature, &item.content) {
        (Some(signature), _) => {
            let (bracketed, bare) = divide(signature);
            bracketed.or(Some(bare))
        }
        (None, Content::Text(text)) => divide(text).0,
        (None, Content::Template { .. }) => None,
    }
}

fn compiled(stored: Option<TemplateRecord>) -> Result<(Category, Template), RefusedItem> {
    let stored = stored.ok_or(RefusedItem::NoSuchTemplate)?;
    let template = Template::compile(&stored.source).map_err(RefusedItem::Template)?;
    Ok((stored.category, template))
}
