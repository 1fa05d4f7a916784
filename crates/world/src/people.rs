//! What people and their programs ask of the node.

use std::sync::Arc;
use std::time::Duration;

use domain::control::Campaigns as _;
use domain::ids::{AccountId, AudienceId, CampaignId, EntityId, LaneId};
use domain::lane::{LaneState, WindowClose};
use domain::ledger::{ConsentGrant, Ledger as _, SuppressionOrder};
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::{Consented, LegalBasis, Scope, Suppressed, SuppressionSource};
use domain::time::{Clock as _, Timestamp};
use engine::accept::{Content, IdempotencyKey, SendItem, SendRequest};

use crate::audience::{Plan, freeze};
use crate::cast;
use crate::events::Event;
use crate::node::Node;
use crate::world::World;

/// Times that a program repeats a request which failed.
const TRIES: usize = 3;

impl World {
    fn any_phone(&mut self) -> Phone {
        let place = self.random.below(self.phones.len());
        self.phones[place]
    }

    fn any_account(&mut self) -> AccountId {
        AccountId::from_raw(1 + self.random.below(cast::ACCOUNTS as usize) as i64)
    }

    /// A request of some messages; a program that got no answer asks again with the same key.
    pub(crate) fn send(&mut self, node: &Node) {
        let account = self.any_account();
        let count = 1 + self.random.below(4);
        self.requests += 1;
        let now = node.clock.now();
        let items: Vec<SendItem> = (0..count).map(|place| self.item(place, now)).collect();
        let key = self.random.chance(700).then(|| IdempotencyKey {
            key: format!("request-{}", self.requests),
            body_sha256: [self.requests as u8; 32],
        });
        self.tell(&format!("send {count} for {account}"));
        let tries = if key.is_some() { TRIES } else { 1 };
        let request = SendRequest { items, idempotency: key, route: None, whole: false };
        let engine = Arc::clone(&node.engine);
        node.spawn(async move {
            for _ in 0..tries {
                if engine.send(account, request.clone()).await.is_ok() {
                    return;
                }
            }
        });
    }

    fn item(&mut self, place: usize, now: Timestamp) -> SendItem {
        let phone = self.any_phone();
        let number = if self.random.chance(140) { 7 } else { self.requests * 10 + place as u64 };
        let (category, text) = match self.random.below(10) {
            0..3 => (Category::Otp, format!("【鸿雁】验证码{number}")),
            3..7 => (Category::Notice, format!("【鸿雁】您的订单{number}已发货")),
            _ => (Category::Marketing, format!("【鸿雁】优惠{number}，拒收请回复R")),
        };
        let text = match self.random.below(20) {
            // Two parts.
            0..3 if category != Category::Otp => {
                text.replace("】", &format!("】{}", "请注意查收。".repeat(14)))
            }
            3 if category == Category::Notice => text.replace("【鸿雁】", ""),
            _ => text,
        };
        let later = self.random.chance(60).then(|| Duration::from_secs(self.random.between(1, 40_000)));
        let brief = self.random.chance(100).then(|| Duration::from_secs(self.random.between(1, 90)));
        SendItem {
            phone: phone.e164().as_str().to_owned(),
            content: Content::Text(text),
            signature: None,
            category: Some(category),
            priority: None,
            send_at: later.map(|later| now.plus(later)),
            valid_for: brief,
        }
    }

    /// A campaign is started, now or at its time.
    pub(crate) fn launch(&mut self, node: &Node) {
        let account = self.any_account();
        let now = node.clock.now();
        let names = (
            CampaignId::from(node.ids.fresh(now)),
            LaneId::from(node.ids.fresh(now)),
            AudienceId::from(node.ids.fresh(now)),
        );
        let window_close = match self.random.below(4) {
            0 => WindowClose::PauseForHuman,
            1 => WindowClose::DropAfter(now.plus(Duration::from_secs(self.random.between(600, 50_000)))),
            _ => WindowClose::Hold,
        };
        let moments = self.moments();
        let scheduled_at = Self::any_schedule(&mut self.random, now, moments);
        let campaign = cast::campaign(names, account, window_close, scheduled_at, now);
        let phones: Vec<Phone> = (0..4 + self.random.below(22)).map(|_| self.any_phone()).collect();
        let campaign = self.set_out(campaign, &phones, node);
        let (audience, chunks) = freeze(names.2, &campaign, &phones);
        self.control.put_audience(audience, chunks);
        let at = scheduled_at.map_or_else(|| "now".to_owned(), |at| format!("at {at:?}"));
        self.tell(&format!("campaign {} of {account} to {} {at}", names.0, phones.len()));
        self.model.lock().planned(&campaign, scheduled_at);
        let (control, engine) = (Arc::clone(&self.control), Arc::clone(&node.engine));
        let model = self.model.clone();
        self.plans.push(Plan { campaign: campaign.clone(), rows: phones.len() as u64, cancelled: false });
        node.spawn(async move {
            let written = control.add_campaign(&campaign).await.is_ok();
            if written && engine.start_campaign(campaign.account, campaign.id, None).await.is_ok() {
                model.lock().started(campaign.lane);
            }
        });
    }

    pub(crate) fn change_campaign(&mut self, event: Event, node: &Node) {
        let place = self.random.below(self.plans.len());
        let Some(plan) = self.plans.get_mut(place) else { return };
        let state = match event {
            Event::Pause => LaneState::Paused,
            Event::Cancel => LaneState::Cancelled,
            _ => LaneState::Open,
        };
        plan.cancelled |= state == LaneState::Cancelled;
        let (account, id, lane) = (plan.campaign.account, plan.campaign.id, plan.campaign.lane);
        self.tell(&format!("{} {id}", event.word()));
        self.ask_for_lane(node, (account, id, lane), state);
    }

    /// Asks the engine to pause, resume or cancel a campaign, and tells the model what it answered.
    pub(crate) fn ask_for_lane(
        &self,
        node: &Node,
        (account, id, lane): (AccountId, CampaignId, LaneId),
        state: LaneState,
    ) {
        let (engine, model, by) = (Arc::clone(&node.engine), self.model.clone(), node.place);
        model.lock().lane_changes(lane, by);
        node.spawn(async move {
            let outcome = match state {
                LaneState::Paused => engine.pause_campaign(account, id, None).await,
                LaneState::Cancelled => engine.cancel_campaign(account, id, None).await,
                LaneState::Open => engine.resume_campaign(account, id, None).await,
            };
            model.lock().lane_changed(lane, by, outcome.ok().map(|changed| (changed.version, state)));
        });
    }

    pub(crate) fn change_speed(&mut self, node: &Node) {
        let place = self.random.below(self.plans.len());
        let speed = self.random.chance(600).then(|| self.random.between(1, 20) as u32);
        let Some(plan) = self.plans.get(place) else { return };
        let (account, id, lane) = (plan.campaign.account, plan.campaign.id, plan.campaign.lane);
        // A slow node: what it writes into the lane is old by then.
        let slow = if self.random.chance(500) { self.random.between(40, 400) } else { 0 };
        self.tell(&format!("speed of {lane} {speed:?}"));
        let (control, ledger) = (Arc::clone(&self.control), Arc::clone(&node.ledger));
        node.spawn(async move {
            let Ok(Some(mut campaign)) = control.campaign(account, id).await else { return };
            campaign.speed = speed;
            if control.update_campaign(&mut campaign, Timestamp::default()).await.is_err() {
                return;
            }
            for _ in 0..slow {
                tokio::task::yield_now().await;
            }
            for lane in cast::lanes(&campaign) {
                let _asked_again_by_whoever_cares = ledger.put_lane(lane).await;
            }
        });
        // Often somebody pauses it at the same time.
        if slow > 0 && self.random.chance(500) {
            self.tell(&format!("pause {id}"));
            self.ask_for_lane(node, (account, id, lane), LaneState::Paused);
        }
    }

    fn any_refusal(&mut self, at: Timestamp) -> Suppressed {
        let scope = match self.random.below(6) {
            0 => Scope::Operator,
            _ => Scope::Entity(EntityId::from_raw(self.any_account().raw())),
        };
        let category = match self.random.below(4) {
            0 => None,
            1 => Some(Category::Notice),
            _ => Some(Category::Marketing),
        };
        Suppressed { scope, category, source: SuppressionSource::Manual, at }
    }

    pub(crate) fn suppress(&mut self, node: &Node) {
        // Often somebody to whom something is just about to go out.
        let waiting: Vec<Phone> = {
            let carriers = self.carriers.lock();
            let lines = carriers.lines[cast::lines(node.place)].iter();
            lines.flat_map(|line| &line.waiting).map(|(outgoing, _)| outgoing.phone).collect()
        };
        let anybody = self.any_phone();
        let phone = self.random.pick(&waiting).copied().unwrap_or(anybody);
        let suppressed = self.any_refusal(node.clock.now());
        self.tell(&format!("suppress {phone:?}"));
        let account = self.any_account();
        let (engine, model, by) = (Arc::clone(&node.engine), self.model.clone(), node.ledger.witness());
        node.spawn(async move {
            let order = SuppressionOrder { phone, account, suppressed, inbound: None };
            if engine.suppress(order).await.is_ok() {
                model.lock().refused(phone, suppressed.scope, suppressed.category, by());
            }
        });
    }

    pub(crate) fn unsuppress(&mut self, node: &Node) {
        let (phone, suppressed) = (self.any_phone(), self.any_refusal(node.clock.now()));
        self.tell(&format!("unsuppress {phone:?}"));
        // What is refused by an answer on its way to us may be lifted with it.
        for answer in self.carriers.lock().answers.iter_mut().filter(|answer| answer.inbound.from == phone) {
            answer.opts_out = false;
        }
        let (ledger, model, by) = (Arc::clone(&node.ledger), self.model.clone(), node.place);
        let now = node.clock.now();
        model.lock().lifts(phone, suppressed.scope, suppressed.category, by);
        node.spawn(async move {
            let _counted = ledger.unsuppress(phone, suppressed, now).await;
            model.lock().lifted(phone, by);
        });
    }

    /// Consents to one entity of some people at once.
    pub(crate) fn consent(&mut self, node: &Node) {
        let entity = EntityId::from_raw(self.any_account().raw());
        let consent = Consented {
            entity,
            basis: LegalBasis::Consent,
            since: node.clock.now(),
            until: None,
            withdrawn: false,
        };
        self.tell(&format!("consent to {entity}"));
        let asked: Vec<Phone> = (0..16).map(|_| self.any_phone()).collect();
        let map = node.ledger.partitions();
        for partition in map.all() {
            let here = asked.iter().copied().filter(|phone| map.of(phone.slot()) == partition);
            let grants: Vec<ConsentGrant> = here.map(|phone| ConsentGrant { phone, consent }).collect();
            let mut model = self.model.lock();
            grants.iter().for_each(|grant| model.consented(grant.phone, entity));
            drop(model);
            let ledger = Arc::clone(&node.ledger);
            node.spawn(async move {
                let _consents_are_asked_for_often = ledger.consent(partition, grants).await;
            });
        }
    }
}
