//! Why a message goes the way it goes: the route that is chosen, and what each of its channels may do at this moment.

use domain::control::{ControlError, Misfit, RouteConfig, Traffic, choose_route};
use domain::ids::{AccountId, RouteId};
use domain::message::Category;
use domain::phone::{Carrier, Country, Phone};
use domain::routing::{ChannelNow, Condition, Considered, Trouble};

use super::channels_now;
use crate::Engine;

/// A message that somebody wonders about.
#[derive(Clone, PartialEq, Eq)]
pub struct RouteQuestion {
    pub account: AccountId,
    pub phone: Phone,
    pub category: Category,
    /// Without brackets.
    pub signature: Option<String>,
    /// The route that it names.
    pub route: Option<RouteId>,
}

/// Where it goes, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteAnswer {
    pub carrier: Carrier,
    pub country: Option<Country>,
    /// None: no route is for it.
    pub chosen: Option<RouteConfig>,
    /// Every route in the order in which they are tried, and where the message does not fit it. Empty when it names one.
    pub tried: Vec<(RouteId, Option<Misfit>)>,
    /// The channels of the chosen route.
    pub channels: Vec<Considered>,
}

impl Engine {
    /// Explains where a message would go now. Nothing is sent.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn explain_route(&self, question: &RouteQuestion) -> Result<RouteAnswer, ControlError> {
        let (routes, configured) = (self.routes().await?, self.channels().await?);
        let carrier = self.numbers().await?.carrier(question.phone);
        let traffic = Traffic {
            account: question.account,
            category: question.category,
            signature: question.signature.as_deref(),
            phone: Some(question.phone),
            carrier: Some(carrier),
        };
        let (chosen, tried) = match question.route {
            Some(id) => (routes.iter().find(|route| route.id == id), Vec::new()),
            None => {
                let tried = routes.iter().map(|route| (route.id, route.scope.misfit(&traffic)));
                (choose_route(&routes, &traffic), tried.collect())
            }
        };
        let now = self.clock.monotonic_millis();
        let dispatch = self.dispatch();
        let slots = dispatch.as_ref().map(|dispatch| dispatch.slots()).unwrap_or_default();
        let elsewhere = dispatch.map(|dispatch| dispatch.elsewhere());
        let mut channels = channels_now(&slots, elsewhere.as_deref().unwrap_or_default(), now);
        for config in configured.iter() {
            if channels.iter().all(|known| known.config.id != config.id) {
                let condition = Condition::Down { trouble: Trouble::Disconnected, until_millis: None };
                channels.push(ChannelNow { config, condition, free_parts: 0, delivered_percent: None });
            }
        }
        let explain = |route: &RouteConfig| route.explain(Some(carrier), None, question.category, &channels);
        Ok(RouteAnswer {
            carrier,
            country: question.phone.country(),
            channels: chosen.map(explain).unwrap_or_default(),
            chosen: chosen.cloned(),
            tried,
        })
    }
}
