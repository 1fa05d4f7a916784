//! How campaigns of the world are set out: over which routes they go, and whether some people get them first. The
//! preflight decides it in the product; here the seed does, and the model knows what was decided.

use std::time::Duration;

use domain::campaign::{
    CampaignRoute, Canary, CanaryPhase, CanaryPlan, CanaryShare, CanaryThen, Limits, Lots, Watch, lot,
};
use domain::control::Campaign;
use domain::ids::{LaneId, RouteId};
use domain::phone::{Carrier, Phone};
use domain::time::{Clock as _, Timestamp};

use crate::audience::ordinal_in_chunks;
use crate::model::Model;
use crate::node::Node;
use crate::world::World;

/// How a campaign's people are held back.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// The lanes of those who have to wait.
    rest: Vec<LaneId>,
    /// The lanes of those who get it first.
    first: Vec<LaneId>,
    /// How many those are.
    people: usize,
}

impl World {
    /// Over one route or two, with or without a canary.
    pub(crate) fn set_out(&mut self, mut campaign: Campaign, phones: &[Phone], node: &Node) -> Campaign {
        let now = node.clock.now();
        let fresh = || LaneId::from(node.ids.fresh(now));
        let route = |id, carriers: &[Carrier], lane| CampaignRoute {
            route: RouteId(id),
            carriers: carriers.to_vec(),
            countries: Vec::new(),
            lane,
            canary: None,
        };
        campaign.routes = if self.random.chance(500) {
            vec![route(2, &[Carrier::Unicom], campaign.lane), route(1, &[], fresh())]
        } else {
            vec![route(1, &[], campaign.lane)]
        };
        if !self.random.chance(350) {
            return campaign;
        }
        let share = match self.random.below(2) {
            0 => CanaryShare::Percent(self.random.between(10, 60) as u8),
            _ => CanaryShare::People(self.random.between(1, 8) as u32),
        };
        let then = if self.random.chance(800) { CanaryThen::GoOn } else { CanaryThen::WaitForPerson };
        let wait = Duration::from_secs(self.random.between(5, 3_600));
        let mut lots = Lots::new(share);
        for (place, phone) in phones.iter().enumerate() {
            lots.draw(phone.carrier(), lot(campaign.id, ordinal_in_chunks(place)));
        }
        let (bounds, people) = lots.bounds();
        campaign.routes.iter_mut().for_each(|route| route.canary = Some(fresh()));
        campaign.canary =
            Some(Canary { bounds, people, ..Canary::planned(CanaryPlan { share, wait, then }) });
        campaign.watch = Watch { limits: Limits::usual(campaign.category), ..Watch::default() };
        campaign
    }
}

impl Model {
    /// A campaign is written down, to be started at a time or at once.
    pub(crate) fn planned(&mut self, campaign: &Campaign, at: Option<Timestamp>) {
        self.lanes.entry(campaign.lane).or_default().not_before = at;
        let lanes = campaign.lanes();
        self.first_lanes.extend(lanes.iter().map(|lane| (lane.lane, campaign.lane)));
        if let Some(canary) = &campaign.canary {
            let of =
                |first: bool| lanes.iter().filter(move |lane| lane.canary == first).map(|lane| lane.lane);
            let people = usize::try_from(canary.people).unwrap_or(usize::MAX);
            self.held
                .insert(campaign.id, Held { rest: of(false).collect(), first: of(true).collect(), people });
        }
    }

    /// A campaign is written: whoever lets the rest of it go must have waited, or a person has looked.
    pub(crate) fn canary_changed(&mut self, before: &Campaign, after: &Campaign) {
        let (Some(was), Some(is)) = (&before.canary, &after.canary) else { return };
        if was.phase == CanaryPhase::Released || is.phase != CanaryPhase::Released {
            return;
        }
        let waited = was.sent_at.zip(is.released_at).is_some_and(|(sent, at)| at >= sent.plus(was.plan.wait));
        if was.phase == CanaryPhase::Sending && !waited {
            return self.violation(format!("{} was let go before its canary was judged", after.id));
        }
        self.held.remove(&after.id);
    }

    /// The lane under which a campaign's other lanes are known.
    pub(crate) fn first_of(&self, lane: LaneId) -> LaneId {
        self.first_lanes.get(&lane).copied().unwrap_or(lane)
    }

    /// Whether a message of this lane may be claimed, as far as canaries go.
    pub(super) fn check_canary(&self, lane: LaneId) -> Result<(), String> {
        for held in self.held.values() {
            if held.rest.contains(&lane) {
                return Err("before its canary was judged".to_owned());
            }
            if held.first.contains(&lane) {
                let sent = self.sent_of(&held.first);
                if sent >= held.people {
                    return Err(format!("although {} of a canary of {} were", sent, held.people));
                }
            }
        }
        Ok(())
    }
}
