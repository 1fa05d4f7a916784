//! Who and what there is in the world: accounts, channels, routes, phones, rules. The same in every run; the seed decides
//! what happens to them.

use std::sync::Arc;
use std::time::Duration;

use domain::campaign::{CampaignLane, Watch};
use domain::control::{
    Account, AudienceSource, Campaign, CampaignState, ChannelConfig, PriceLine, Protocol, Quirks,
    RouteConfig, RouteStep, Secret,
};
use domain::ids::{AccountId, AudienceId, CampaignId, ChannelId, EntityId, GatewayId, LaneId, RouteId};
use domain::lane::{Lane, LaneState, WindowClose};
use domain::message::{Category, Priority};
use domain::money::Money;
use domain::phone::{Carrier, Phone};
use domain::policy::{Policy, PolicyBuilder};
use domain::time::Timestamp;

/// Files of the ledger: two, so that receipts without a phone have to look further.
pub(crate) const PARTITIONS: u16 = 2;
/// Accounts, each with an entity of the same number.
pub(crate) const ACCOUNTS: i64 = 3;
/// Entities that share refusals.
pub(crate) const GROUP: [i64; 2] = [2, 3];
/// Channels, each on a gateway of the same number.
pub(crate) const CHANNELS: u16 = 3;
/// Unanswered submits of one channel.
pub(crate) const WINDOW: u16 = 6;
/// Nodes of one world, at most.
pub(crate) const NODES: usize = 3;
/// Few, so that caps, repeats and refusals meet.
const PHONES: u64 = 24;
/// How long a campaign's messages are of use.
pub(crate) const CAMPAIGN_VALID_FOR: Duration = Duration::from_secs(3 * 86_400);

/// The number under which a node claims and makes ids.
pub(crate) fn node(place: usize) -> u8 {
    place as u8
}

/// The connections of a node, one for each channel.
pub(crate) fn lines(place: usize) -> std::ops::Range<usize> {
    let channels = usize::from(CHANNELS);
    place * channels..(place + 1) * channels
}

/// The channel of a connection.
pub(crate) fn channel_of(line: usize) -> ChannelId {
    ChannelId((line % usize::from(CHANNELS)) as u16 + 1)
}

/// The gateway behind a connection.
pub(crate) fn gateway_of(line: usize) -> GatewayId {
    GatewayId(channel_of(line).0)
}

/// The connection of a node to a gateway.
pub(crate) fn line_to(place: usize, gateway: GatewayId) -> usize {
    lines(place).start + usize::from(gateway.0) - 1
}

pub(crate) fn account(number: i64) -> Account {
    Account {
        id: AccountId::from_raw(number),
        name: format!("account {number}"),
        entity: EntityId::from_raw(number),
        created_at: Timestamp::default(),
    }
}

/// Whether a refusal of one entity holds for the other.
pub(crate) fn share_refusals(one: EntityId, other: EntityId) -> bool {
    one == other || (GROUP.contains(&one.raw()) && GROUP.contains(&other.raw()))
}

/// Phones of three networks.
pub(crate) fn phones() -> Vec<Phone> {
    let prefixes = [138, 130, 133];
    (0..PHONES)
        .filter_map(|number| {
            let prefix = prefixes[(number % 3) as usize];
            Phone::from_u64(8_600_000_000_000 + prefix * 100_000_000 + 1_000 + number)
        })
        .collect()
}

/// The second channel does not reach all networks, so routes wait by carrier.
pub(crate) fn channel(number: u16) -> ChannelConfig {
    let domestic = [Carrier::Mobile, Carrier::Unicom, Carrier::Telecom, Carrier::Broadnet];
    ChannelConfig {
        id: ChannelId(number),
        gateway: GatewayId(number),
        name: format!("channel {number}"),
        protocol: Protocol::Cmpp30,
        host: String::new(),
        port: 0,
        login: String::new(),
        secret: Secret(String::new()),
        access_code: format!("1069000{number}"),
        service_id: String::new(),
        connections: 1,
        window: WINDOW,
        parts_per_second: None,
        carriers: if number == 2 { domestic[..2].to_vec() } else { Vec::new() },
        categories: Vec::new(),
        cost: Money::from_micros(30_000),
        enabled: true,
        quirks: Quirks::default(),
        provider: None,
    }
}

/// Two channels that share, and one for when they cannot.
pub(crate) fn route() -> RouteConfig {
    let step = |channels: &[u16]| RouteStep::by_weight(channels.iter().map(|n| (ChannelId(*n), 1)).collect());
    RouteConfig::for_all(RouteId(1), "main", vec![step(&[1, 2]), step(&[3])])
}

/// The same channels in another order: campaigns go over both, by the network of the phone.
pub(crate) fn second_route() -> RouteConfig {
    let step = |channels: &[u16]| RouteStep::by_weight(channels.iter().map(|n| (ChannelId(*n), 1)).collect());
    RouteConfig::for_all(RouteId(2), "second", vec![step(&[3]), step(&[1, 2])])
}

pub(crate) fn prices(account: AccountId) -> Vec<PriceLine> {
    vec![PriceLine::general(account, Money::from_micros(45_000))]
}

pub(crate) fn rules() -> PolicyBuilder {
    PolicyBuilder::builtin().with_group(&GROUP.map(EntityId::from_raw))
}

pub(crate) fn policy() -> Arc<Policy> {
    Arc::new(rules().build().expect("the built-in rules with one group are sound"))
}

/// A campaign that was counted and waits to be started.
pub(crate) fn campaign(
    (id, lane, frozen): (CampaignId, LaneId, AudienceId),
    account: AccountId,
    window_close: WindowClose,
    scheduled_at: Option<Timestamp>,
    now: Timestamp,
) -> Campaign {
    Campaign {
        id,
        account,
        entity: EntityId::from_raw(account.raw()),
        name: String::new(),
        category: Category::Marketing,
        signature: "鸿雁".to_owned(),
        template: None,
        // Campaigns differ in their texts, or one would keep the others from their people.
        text: format!("会员日{}第{{{{ row }}}}位，凭短信领{{{{ gift }}}}", lane.raw()),
        audience: AudienceSource::All,
        test_numbers: Vec::new(),
        scheduled_at,
        speed: None,
        window_close,
        valid_for: CAMPAIGN_VALID_FOR,
        route: None,
        routes: Vec::new(),
        canary: None,
        watch: Watch::default(),
        resend: None,
        held_words_approved: false,
        state: CampaignState::Preflighted,
        lane,
        frozen: Some(frozen),
        preflight: None,
        expanded: false,
        created_at: now,
        started_at: None,
        finished_at: None,
        version: 0,
    }
}

/// The lanes of a campaign, when they should be there.
pub(crate) fn lanes(campaign: &Campaign) -> Vec<Lane> {
    let state = match campaign.state {
        CampaignState::Running => LaneState::Open,
        CampaignState::Paused => LaneState::Paused,
        _ => return Vec::new(),
    };
    let is_held = |canary: bool| campaign.holds_back() && !canary;
    let lane = |lane: CampaignLane| Lane {
        id: lane.lane,
        account: campaign.account,
        entity: campaign.entity,
        campaign: Some(campaign.id),
        route: lane.route,
        priority: Priority::Marketing,
        category: campaign.category,
        state: if is_held(lane.canary) { LaneState::Paused } else { state },
        speed: campaign.speed,
        window_close: campaign.window_close,
        held_words_approved: false,
        version: campaign.version,
    };
    campaign.lanes().into_iter().map(lane).collect()
}
