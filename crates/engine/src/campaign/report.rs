//! What became of a campaign.

use std::collections::BTreeMap;

use domain::control::{Campaign, CampaignState};
use domain::ids::{AccountId, CampaignId, RouteId};
use domain::ledger::Tally;
use domain::message::MessageState;
use domain::phone::Carrier;
use domain::report::{Amount, AudienceStats, Funnel, Standings};

use super::CampaignTrouble;
use crate::Engine;

/// Inbound messages per page.
const INBOUNDS_PER_PAGE: u32 = 1_000;
/// Pages looked through for opt-outs: a hundred thousand answers are more than any campaign gets.
const MAX_INBOUND_PAGES: usize = 100;
/// States in which a carrier has, or may have, a message.
const TAKEN: [MessageState; 6] = [
    MessageState::Submitted,
    MessageState::Delivered,
    MessageState::Undelivered,
    MessageState::Expired,
    MessageState::Unknown,
    MessageState::Uncertain,
];

/// A campaign with what became of its messages.
#[derive(Clone, Debug)]
pub struct CampaignReport {
    pub campaign: Campaign,
    /// The audience, without test numbers.
    pub funnel: Funnel,
    /// The test numbers.
    pub tests: Funnel,
    /// What carriers have (or may have), by carrier, without test numbers.
    pub by_carrier: Vec<(Carrier, Amount)>,
    /// What carriers have (or may have) over each route, and what of that arrived, without test numbers.
    pub by_route: Vec<(RouteId, Amount, Amount)>,
    /// What is queued for carriers that no channel of the route reaches any more, without test numbers: it waits for
    /// such a channel until its validity ends.
    pub stranded: Vec<(Carrier, Amount)>,
}

impl Engine {
    /// Where every message of a campaign is now, and why. Exact at the moment of reading.
    ///
    /// # Errors
    /// [`CampaignTrouble::NoSuchCampaign`] and storage's own.
    pub async fn campaign_report(
        &self,
        account: AccountId,
        id: CampaignId,
    ) -> Result<CampaignReport, CampaignTrouble> {
        let campaign = self.campaign(account, id).await?;
        let tallies = self.ledger.tallies(&campaign.lane_ids()).await?;
        let stats = campaign.preflight.as_ref().map(|report| report.audience).unwrap_or_default();
        let count = |people: u64| i64::try_from(people).unwrap_or(i64::MAX);
        let audience = AudienceStats {
            rows: count(stats.read),
            left_out: count(stats.invalid + stats.duplicate),
            opted_out: count(self.opted_out(&campaign).await?),
        };
        let tests = Standings::from_tallies(tallies.iter().filter(|tally| tally.test));
        let people = Standings::from_tallies(tallies.iter().filter(|tally| !tally.test));
        let by_carrier = Carrier::ALL.iter().map(|carrier| {
            let mut sum = Amount::default();
            TAKEN.iter().for_each(|state| sum += people.of_carrier(*carrier, *state));
            (*carrier, sum)
        });
        let (by_route, stranded) = self.by_route(&campaign, &tallies).await?;
        let tested = AudienceStats { rows: count(stats.tests), left_out: 0, opted_out: 0 };
        Ok(CampaignReport {
            by_carrier: by_carrier.filter(|(_, amount)| amount.messages != 0).collect(),
            by_route,
            stranded,
            tests: Funnel::from_standings(&tests, tested),
            funnel: Funnel::from_standings(&people, audience),
            campaign,
        })
    }

    /// What each route has carried, and what waits for carriers that it does not reach any more.
    async fn by_route(
        &self,
        campaign: &Campaign,
        tallies: &[Tally],
    ) -> Result<(Vec<(RouteId, Amount, Amount)>, Vec<(Carrier, Amount)>), CampaignTrouble> {
        let lanes = campaign.lanes();
        let mut routes: Vec<RouteId> = lanes.iter().map(|lane| lane.route).collect();
        routes.dedup();
        let (mut carried, mut stranded) = (Vec::new(), BTreeMap::<Carrier, Amount>::new());
        for route in routes {
            let mine = |tally: &&Tally| {
                !tally.test && lanes.iter().any(|lane| lane.lane == tally.lane && lane.route == route)
            };
            let people = Standings::from_tallies(tallies.iter().filter(mine));
            let mut taken = Amount::default();
            TAKEN.iter().for_each(|state| taken += people.in_state(*state));
            if taken.messages != 0 {
                carried.push((route, taken, people.in_state(MessageState::Delivered)));
            }
            let reach = self.reach(route, campaign.category).await?;
            for carrier in Carrier::ALL {
                let queued = people.of_carrier(carrier, MessageState::Queued);
                if queued.messages != 0 && !reach.is_some_and(|to| to.leads_to(carrier)) {
                    *stranded.entry(carrier).or_default() += queued;
                }
            }
        }
        Ok((carried, stranded.into_iter().collect()))
    }

    /// People who refused in answer to the campaign.
    async fn opted_out(&self, campaign: &Campaign) -> Result<u64, CampaignTrouble> {
        let Some(started_at) = campaign.started_at else { return Ok(0) };
        if matches!(campaign.state, CampaignState::Draft | CampaignState::Preflighted) {
            return Ok(0);
        }
        let (mut before, mut opted_out) = (None, 0);
        for _ in 0..MAX_INBOUND_PAGES {
            let page = self.ledger.inbounds(campaign.account, before, INBOUNDS_PER_PAGE).await?;
            let ours =
                page.iter().filter(|inbound| inbound.opted_out && inbound.campaign == Some(campaign.id));
            opted_out += ours.count() as u64;
            match page.last() {
                Some(last) if page.len() == INBOUNDS_PER_PAGE as usize && last.received_at >= started_at => {
                    before = Some(last.id);
                }
                _ => break,
            }
        }
        Ok(opted_out)
    }
}
