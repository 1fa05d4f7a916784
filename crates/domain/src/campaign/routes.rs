//! Which routes carry a campaign, and who of its people goes over which.

use crate::control::{Misfit, RouteConfig, Traffic};
use crate::ids::{LaneId, RouteId};
use crate::phone::{Carrier, Country, Phone};

/// Routes of one campaign, at most: each has a lane in every partition.
pub const MAX_CAMPAIGN_ROUTES: usize = 64;

/// A route that carries part of a campaign: what of its scope is about phones, as it was when the campaign was counted,
/// and the lanes in which its messages wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CampaignRoute {
    pub route: RouteId,
    /// Networks of the phones that go over it; none: all.
    pub carriers: Vec<Carrier>,
    /// Countries of the phones that go over it; none: all.
    pub countries: Vec<Country>,
    pub lane: LaneId,
    /// The lane of those who get it first, where the campaign begins with some of its people.
    pub canary: Option<LaneId>,
}

/// One lane of a campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CampaignLane {
    pub lane: LaneId,
    pub route: RouteId,
    /// It is for those who get the campaign first.
    pub canary: bool,
}

/// People whom no route of a campaign leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unrouted {
    pub carrier: Carrier,
    /// Known for phones abroad.
    pub country: Option<Country>,
    /// The route that is for such phones, and none of whose channels reaches them; none: no route is for them.
    pub route: Option<RouteId>,
    pub people: u64,
    /// One of the phones, masked.
    pub sample: String,
}

impl CampaignRoute {
    /// Whether a phone of a carrier may go over it.
    #[must_use]
    pub fn admits(&self, phone: Phone, carrier: Carrier) -> bool {
        let of_carrier = || self.carriers.is_empty() || self.carriers.contains(&carrier);
        // Looked up only where it matters: it costs a parse.
        let country = || {
            self.countries.is_empty()
                || phone.country().is_some_and(|country| self.countries.contains(&country))
        };
        of_carrier() && country()
    }

    fn admits_all(&self) -> bool {
        self.carriers.is_empty() && self.countries.is_empty()
    }

    /// Its lanes.
    pub fn lanes(&self) -> impl Iterator<Item = CampaignLane> + use<> {
        let Self { route, lane, canary, .. } = *self;
        let first = canary.map(|lane| CampaignLane { lane, route, canary: true });
        [Some(CampaignLane { lane, route, canary: false }), first].into_iter().flatten()
    }
}

impl Unrouted {
    /// What is wrong and how to mend it, in Chinese and English.
    #[must_use]
    pub fn explain(&self) -> (String, String) {
        let place = self.country.map_or_else(String::new, |country| format!(" {country}"));
        let (zh, en) = (self.carrier.name_zh(), self.carrier.as_str());
        match self.route {
            None => (
                format!("没有路由用于{zh}{place}的号码：请添加适用范围包含它们的路由，或为任务指定路由"),
                format!(
                    "no route is for {en}{place} phones: add one whose scope admits them, or name a route for the campaign"
                ),
            ),
            Some(route) => (
                format!("路由 {route} 的通道都不通{zh}{place}：请为它添加能到达的通道，或收窄它的适用范围"),
                format!(
                    "no channel of {route} reaches {en}{place} phones: add one that does, or narrow its scope"
                ),
            ),
        }
    }
}

/// The routes of a campaign, in the order in which they are tried: the one asked for alone, else all whose scope fits
/// but for the phone, up to the first that is for all phones. `lane` makes the lane of each. None: no route is for it.
pub fn routes_for(
    routes: &[RouteConfig],
    asked: Option<RouteId>,
    traffic: &Traffic<'_>,
    mut lane: impl FnMut() -> LaneId,
) -> Vec<CampaignRoute> {
    if let Some(asked) = asked {
        let there = routes.iter().filter(|route| route.id == asked).take(1);
        let whole = |route: &RouteConfig| CampaignRoute {
            route: route.id,
            carriers: Vec::new(),
            countries: Vec::new(),
            lane: lane(),
            canary: None,
        };
        return there.map(whole).collect();
    }
    let mut chosen = Vec::new();
    for route in routes {
        let fits = matches!(route.scope.misfit(traffic), None | Some(Misfit::Carrier | Misfit::Country));
        if !fits || chosen.len() == MAX_CAMPAIGN_ROUTES {
            continue;
        }
        let route = CampaignRoute {
            route: route.id,
            carriers: route.scope.carriers.clone(),
            countries: route.scope.countries.clone(),
            lane: lane(),
            canary: None,
        };
        let is_last = route.admits_all();
        chosen.push(route);
        if is_last {
            break;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{RouteScope, choose_route};
    use crate::ids::AccountId;
    use crate::message::Category;
    use crate::phone::Country;

    fn route(id: u16, scope: RouteScope) -> RouteConfig {
        RouteConfig { scope, ..RouteConfig::for_all(RouteId(id), "", Vec::new()) }
    }

    fn routes() -> Vec<RouteConfig> {
        let carriers =
            |carriers: &[Carrier]| RouteScope { carriers: carriers.to_vec(), ..RouteScope::default() };
        vec![
            route(1, RouteScope { categories: vec![Category::Otp], ..RouteScope::default() }),
            route(2, carriers(&[Carrier::Mobile])),
            route(3, carriers(&[Carrier::Unicom, Carrier::Telecom])),
            route(4, RouteScope { signatures: vec!["别家".to_owned()], ..RouteScope::default() }),
            route(
                5,
                RouteScope { countries: vec![Country::from_code("SG").unwrap()], ..RouteScope::default() },
            ),
            route(6, RouteScope::default()),
            route(7, carriers(&[Carrier::Broadnet])),
        ]
    }

    fn chosen(asked: Option<u16>) -> Vec<CampaignRoute> {
        let traffic = Traffic {
            account: AccountId::from_raw(1),
            category: Category::Marketing,
            signature: Some("鸿雁"),
            phone: None,
            carrier: None,
        };
        let mut lanes = (1..).map(LaneId::from_raw);
        routes_for(&routes(), asked.map(RouteId), &traffic, || lanes.next().unwrap())
    }

    #[test]
    fn every_phone_goes_where_a_single_message_would_go() {
        let chosen = chosen(None);
        let ids: Vec<u16> = chosen.iter().map(|route| route.route.0).collect();
        assert_eq!(ids, [2, 3, 5, 6], "up to the first that is for all phones");
        for number in
            ["13800000000", "13000000000", "13300000000", "19200000000", "+6591234567", "+14155552671"]
        {
            let phone = Phone::parse(number, Country::CN).unwrap();
            let traffic = Traffic {
                account: AccountId::from_raw(1),
                category: Category::Marketing,
                signature: Some("鸿雁"),
                phone: Some(phone),
                carrier: Some(phone.carrier()),
            };
            let single = choose_route(&routes(), &traffic).map(|route| route.id);
            let campaign =
                chosen.iter().find(|route| route.admits(phone, phone.carrier())).map(|route| route.route);
            assert_eq!(campaign, single, "{number}");
        }
    }

    #[test]
    fn a_named_route_carries_everybody_and_an_unknown_one_nobody() {
        let named = chosen(Some(2));
        assert_eq!((named.len(), named[0].route), (1, RouteId(2)));
        assert!(named[0].admits(Phone::parse("13000000000", Country::CN).unwrap(), Carrier::Unicom));
        assert_eq!(chosen(Some(9)), []);
    }

    #[test]
    fn lanes_are_told_with_what_they_are_for() {
        let mut route = chosen(None).remove(0);
        route.canary = Some(LaneId::from_raw(99));
        let lanes: Vec<(i64, bool)> = route.lanes().map(|lane| (lane.lane.raw(), lane.canary)).collect();
        assert_eq!(lanes, [(1, false), (99, true)]);
    }
}
