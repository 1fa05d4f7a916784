//! A campaign's message as a whole: what turns each row of its frozen audience into a text, and over which route it goes.

use std::sync::Arc;

use domain::campaign::CampaignRoute;
use domain::control::{AudienceRow, Campaign, ControlError, Traffic};
use domain::ids::LaneId;
use domain::message::Reason;
use domain::numbers::PrefixTable;
use domain::template::{Template, Values};
use domain::text::Signature;

use super::CampaignTrouble;
use crate::Engine;
use crate::compose::{Composed, Composer};

/// A compiled campaign.
pub(super) struct Letter {
    pub template: Template,
    /// In the order in which they are tried.
    pub routes: Vec<CampaignRoute>,
    /// Of each route.
    composers: Vec<Composer>,
    /// Where phones' ranges were sold.
    numbers: Arc<PrefixTable>,
}

/// What a row comes to.
pub(super) struct Written {
    /// The place of its route among the campaign's; none when no route is for the phone.
    pub place: Option<usize>,
    /// The text, or the reason for which this person gets nothing.
    pub text: Result<Composed, Reason>,
}

impl Engine {
    /// Compiles a campaign's message with the prices and channels of now.
    pub(super) async fn letter(&self, campaign: &Campaign) -> Result<Letter, CampaignTrouble> {
        let template = Template::compile(&campaign.text).map_err(CampaignTrouble::Template)?;
        let signature = Signature::parse(&campaign.signature).map_err(CampaignTrouble::Signature)?;
        let prices = self.prices(campaign.account).await?.at(campaign.category, self.clock.now());
        let routes = routes_of(campaign);
        let numbers = self.numbers().await?;
        let mut composers = Vec::with_capacity(routes.len());
        for route in &routes {
            let reach = self.reach(route.route, campaign.category).await?;
            composers.push(Composer::new(
                campaign.category,
                Some(signature.clone()),
                &self.settings.opt_out_suffix,
                self.settings.text_rules,
                prices.clone(),
                (reach.ok_or(CampaignTrouble::NoSuchRoute)?, Arc::clone(&numbers)),
            ));
        }
        Ok(Letter { template, routes, composers, numbers })
    }

    /// Decides which routes carry a campaign, from the routes of now; each gets its lanes.
    pub(super) async fn plan_routes(&self, campaign: &mut Campaign) -> Result<(), CampaignTrouble> {
        let routes = self.routes().await?;
        let (now, mut first) = (self.clock.now(), Some(campaign.lane));
        let fresh = || LaneId::from(self.ids.fresh(now));
        let traffic = Traffic {
            account: campaign.account,
            category: campaign.category,
            signature: Some(&campaign.signature),
            phone: None,
            carrier: None,
        };
        let lane = || first.take().unwrap_or_else(fresh);
        let mut planned = domain::campaign::routes_for(&routes, campaign.route, &traffic, lane);
        if planned.is_empty() {
            return Err(CampaignTrouble::NoSuchRoute);
        }
        if campaign.canary.is_some() {
            planned.iter_mut().for_each(|route| route.canary = Some(fresh()));
        }
        campaign.routes = planned;
        Ok(())
    }
}

/// A release that knew one route for each campaign wrote no others.
fn routes_of(campaign: &Campaign) -> Vec<CampaignRoute> {
    let whole = |lane: domain::campaign::CampaignLane| CampaignRoute {
        route: lane.route,
        carriers: Vec::new(),
        countries: Vec::new(),
        lane: lane.lane,
        canary: None,
    };
    if campaign.routes.is_empty() {
        campaign.lanes().into_iter().map(whole).collect()
    } else {
        campaign.routes.clone()
    }
}

impl Letter {
    /// Where the phones' ranges were sold.
    pub(super) fn numbers(&self) -> &PrefixTable {
        &self.numbers
    }

    /// What one row comes to; `columns` names its values.
    pub(super) fn for_row(&self, row: &AudienceRow, columns: &[String]) -> Written {
        let carrier = self.numbers.carrier(row.phone);
        let place = self.routes.iter().position(|route| route.admits(row.phone, carrier));
        let composer = place.and_then(|place| self.composers.get(place));
        let Some(composer) = composer else { return Written { place: None, text: Err(Reason::NoRoute) } };
        let values: Vec<(&str, &str)> =
            columns.iter().map(String::as_str).zip(row.values.iter().map(String::as_str)).collect();
        Written { place, text: composer.render(&self.template, &Values(&values), row.phone) }
    }

    /// The route at a place.
    ///
    /// # Errors
    /// When there is none: a campaign without routes is not sent.
    pub(super) fn route(&self, place: Option<usize>) -> Result<&CampaignRoute, ControlError> {
        let route = place.map_or(self.routes.first(), |place| self.routes.get(place));
        route.ok_or(ControlError::Inconsistent { table: "campaign_course", column: "course" })
    }
}
