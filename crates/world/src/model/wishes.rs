//! What people and owners want, as far as it was acknowledged: lanes that stand still, phones that refuse, consents.

use domain::ids::{EntityId, GatewayId, LaneId};
use domain::lane::LaneState;
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::Scope;

use super::{By, Fate, Model, Offer, Refusal, Try};
use crate::cast;

impl Model {
    pub(crate) fn lane_changes(&mut self, lane: LaneId, node: usize) {
        let view = self.lanes.entry(lane).or_default();
        view.changing.push(node);
        if !matches!(view.state, Some((LaneState::Cancelled, _))) {
            view.state = None;
        }
    }

    /// A change of a lane was answered: with the campaign's version and the lane's state, or with a failure that leaves
    /// it open which state it has.
    pub(crate) fn lane_changed(&mut self, lane: LaneId, node: usize, to: Option<(i64, LaneState)>) {
        let now = self.tick();
        let view = self.lanes.entry(lane).or_default();
        forget_one(&mut view.changing, node);
        view.doubt |= to.is_none();
        if let Some((version, state)) = to {
            view.newest = view.newest.filter(|(known, _)| *known > version).or(Some((version, state)));
            if state == LaneState::Cancelled {
                view.state = Some((state, now));
            }
        }
        if !view.changing.is_empty() {
            return;
        }
        // Of changes that met each other the one of the newest version holds; a failed one may have been newer.
        let (newest, doubt) = (view.newest.take(), std::mem::take(&mut view.doubt));
        if let (Some((_, state)), false, None) = (newest, doubt, view.state) {
            view.state = Some((state, now));
        }
    }

    pub(crate) fn consented(&mut self, phone: Phone, entity: EntityId) {
        self.people.entry(phone).or_default().consents.insert(entity);
    }

    /// A refusal was acknowledged.
    pub(crate) fn refused(&mut self, phone: Phone, scope: Scope, category: Option<Category>, by: By) {
        let since = self.tick();
        self.changes += 1;
        let person = self.people.entry(phone).or_default();
        if person.lifting.is_empty() {
            person.refusals.push(Refusal { scope, category, since, by });
        }
    }

    pub(crate) fn lifts(&mut self, phone: Phone, scope: Scope, category: Option<Category>, node: usize) {
        let person = self.people.entry(phone).or_default();
        person.lifting.push(node);
        person.refusals.retain(|refusal| refusal.scope != scope || refusal.category != category);
    }

    pub(crate) fn lifted(&mut self, phone: Phone, node: usize) {
        forget_one(&mut self.people.entry(phone).or_default().lifting, node);
    }

    /// Whom an answer from this phone over this gateway refuses, as far as it is certain: entity and category.
    pub(crate) fn must_refuse(&self, phone: Phone, gateway: GatewayId) -> Vec<(Scope, Category)> {
        let sent = self.offers.values().filter(|offer| offer.phone == phone && !offer.tries.is_empty());
        // Who was sent more than the ledger looks at is not certain.
        if sent.clone().count() > 15 {
            return Vec::new();
        }
        let last_over = |offer: &&Offer| {
            let last = offer.tries.last();
            let settled = |last: &Try| last.settled.is_some() && matches!(last.fate, Fate::Taken);
            last.is_some_and(|last| last.gateway == Some(gateway) && settled(last))
        };
        let mut refused = Vec::new();
        for offer in sent.filter(last_over) {
            let scope = Scope::Entity(offer.entity);
            refused.push((scope, Category::Marketing));
            if offer.category == Category::Notice {
                refused.push((scope, Category::Notice));
            }
        }
        refused
    }

    /// When the first refusal that reaches a message was acknowledged, in the order of things.
    pub(super) fn refusal(&self, offer: &Offer) -> Option<u64> {
        self.refusals(offer).map(|refusal| refusal.since).min()
    }

    /// The refusals that reach a message.
    pub(super) fn refusals(&self, offer: &Offer) -> impl Iterator<Item = &Refusal> {
        let (entity, category) = (offer.entity, offer.category);
        let reaches = move |refusal: &&Refusal| {
            let scope = match refusal.scope {
                Scope::Operator => true,
                Scope::Entity(of) => cast::share_refusals(of, entity),
            };
            scope && refusal.category.is_none_or(|refused| refused == category)
        };
        let person = self.people.get(&offer.phone);
        person.into_iter().flat_map(|person| &person.refusals).filter(reaches)
    }
}

pub(super) fn forget_one(nodes: &mut Vec<usize>, node: usize) {
    if let Some(place) = nodes.iter().position(|by| *by == node) {
        nodes.swap_remove(place);
    }
}
