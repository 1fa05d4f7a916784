//! What people and owners want, as far as it was acknowledged: lanes that stand still, phones that refuse, consents.

use domain::ids::{EntityId, GatewayId, LaneId};
use domain::lane::LaneState;
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::Scope;

use super::{Fate, Model, Offer, Refusal, Try};
use crate::cast;

impl Model {
    pub(crate) fn lane_changes(&mut self, lane: LaneId) {
        let view = self.lanes.entry(lane).or_default();
        view.met |= view.changing > 0;
        view.changing += 1;
        if !matches!(view.state, Some((LaneState::Cancelled, _))) {
            view.state = None;
        }
    }

    /// A change of a lane was answered: with its state, or with a failure that leaves it open which state it has.
    pub(crate) fn lane_changed(&mut self, lane: LaneId, state: Option<LaneState>) {
        let now = self.tick();
        let view = self.lanes.entry(lane).or_default();
        view.changing = view.changing.saturating_sub(1);
        let cancelled = matches!(view.state, Some((LaneState::Cancelled, _)));
        let certain = (view.changing == 0 && !view.met) || state == Some(LaneState::Cancelled);
        view.met &= view.changing > 0;
        if let (Some(state), true, false) = (state, certain, cancelled) {
            view.state = Some((state, now));
        }
    }

    pub(crate) fn consented(&mut self, phone: Phone, entity: EntityId) {
        self.people.entry(phone).or_default().consents.insert(entity);
    }

    /// A refusal was acknowledged.
    pub(crate) fn refused(&mut self, phone: Phone, scope: Scope, category: Option<Category>) {
        let since = self.tick();
        self.changes += 1;
        let person = self.people.entry(phone).or_default();
        if person.lifting == 0 {
            person.refusals.push(Refusal { scope, category, since });
        }
    }

    pub(crate) fn lifts(&mut self, phone: Phone, scope: Scope, category: Option<Category>) {
        let person = self.people.entry(phone).or_default();
        person.lifting += 1;
        person.refusals.retain(|refusal| refusal.scope != scope || refusal.category != category);
    }

    pub(crate) fn lifted(&mut self, phone: Phone) {
        let person = self.people.entry(phone).or_default();
        person.lifting = person.lifting.saturating_sub(1);
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

    /// When the newest refusal that reaches a message was acknowledged.
    pub(super) fn refusal(&self, offer: &Offer) -> Option<u64> {
        let reaches = |refusal: &&Refusal| {
            let scope = match refusal.scope {
                Scope::Operator => true,
                Scope::Entity(entity) => cast::share_refusals(entity, offer.entity),
            };
            scope && refusal.category.is_none_or(|category| category == offer.category)
        };
        let person = self.people.get(&offer.phone)?;
        person.refusals.iter().filter(reaches).map(|refusal| refusal.since).min()
    }
}
