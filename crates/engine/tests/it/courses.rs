//! Campaigns over several routes, canaries, campaigns that stop themselves, and what is sent again: on the real store,
//! with a carrier that does as it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::access::Principal;
use domain::campaign::{
    CanaryPhase, CanaryPlan, CanaryShare, CanaryThen, Limit, Limits, ResendFilter, StopRule,
};
use domain::channel::{CarrierCode, CarrierMessageId, Receipt, ReceiptStatus};
use domain::control::{
    Access as _, AuditFilter, AuditLine, CampaignState, RouteConfig, RouteScope, RouteStep,
};
use domain::ids::{AccountId, AuditId, CampaignId, ChannelId, GatewayId, RouteId};
use domain::ledger::{
    ClaimRequest, Disposition, InboundRecord, Ledger as _, MessageFilter, Settlement, Take,
};
use domain::message::{MessageState, Reason};
use domain::phone::{Carrier, CarrierSet, Phone};
use domain::retry::RetryPolicy;
use domain::time::Clock as _;
use engine::CampaignTrouble;
use engine::accept::IdempotencyKey;
use engine::campaign::{CampaignDraft, ResendOrder};

use crate::house::{House, NOON, lenient};
use crate::preflight::expanded;

const CHANNEL: ChannelId = ChannelId(1);
const GATEWAY: GatewayId = GatewayId(1);
/// What the text of no other message is.
const TEXT: &str = "您好";

/// What the carrier makes of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Delivered,
    Undelivered,
    Failed,
    Uncertain,
    NoReceipt,
}

/// Sends all that is due; returns the phones in the order of sending.
async fn send(house: &House, fate: impl Fn(Phone) -> Fate) -> Vec<Phone> {
    let mut sent = Vec::new();
    loop {
        let now = house.clock.now();
        let Some(due) = house.ledger.due().into_iter().find(|due| due.earliest <= now) else { return sent };
        let request = ClaimRequest {
            partition: due.partition,
            channel: CHANNEL,
            gateway: GATEWAY,
            carriers: CarrierSet::ALL,
            takes: vec![Take { stream: due.stream, limit: 700, reach: CarrierSet::ALL }],
            max_parts: u32::MAX,
            now,
            policy: Arc::clone(&house.policy),
        };
        let (mut settlements, mut receipts) = (Vec::new(), Vec::new());
        for outgoing in house.ledger.claim(request).await.unwrap().outgoing {
            let fate = fate(outgoing.phone);
            let id = CarrierMessageId::Number(outgoing.ticket.message.raw().unsigned_abs());
            let (gateway, ids) = (GATEWAY, vec![id.clone()]);
            let disposition = match fate {
                Fate::Failed => Disposition::Failed {
                    reason: Reason::CarrierSystem,
                    code: CarrierCode::new(b"8"),
                    gateway,
                    ids: Vec::new(),
                },
                Fate::Uncertain => {
                    Disposition::Uncertain { reason: Reason::ConnectionLost, gateway, ids: Vec::new() }
                }
                _ => Disposition::Submitted { gateway, ids },
            };
            settlements.push(Settlement { ticket: outgoing.ticket, channel: CHANNEL, at: now, disposition });
            let (status, code) = match fate {
                Fate::Delivered => (ReceiptStatus::Delivered, CarrierCode::new(b"DELIVRD")),
                _ => (ReceiptStatus::Undelivered, CarrierCode::new(b"MK:0001")),
            };
            if matches!(fate, Fate::Delivered | Fate::Undelivered) {
                let phone = Some(outgoing.phone);
                receipts.push(Receipt { gateway, carrier_id: id, phone, status, code, received_at: now });
            }
            sent.push(outgoing.phone);
        }
        house.ledger.settle(due.partition, settlements).await.unwrap();
        let retry = Arc::new(RetryPolicy::default());
        house.ledger.receipts(due.partition, receipts, true, retry, now).await.unwrap();
    }
}

/// So many people of each of three carriers.
fn people(each: u64) -> String {
    let rows = ["138", "130", "133"]
        .into_iter()
        .flat_map(|range| (0..each).map(move |n| format!("{range}{n:08}\n")));
    "手机号\n".to_owned() + &rows.collect::<String>()
}

async fn start(house: &House, each: u64, change: impl Fn(&mut CampaignDraft)) -> CampaignId {
    let file = house.file_audience(&people(each)).await;
    let mut draft = house.draft(TEXT, file);
    change(&mut draft);
    let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
    house.engine.preflight(house.account, campaign.id).await.unwrap();
    house.engine.start_campaign(house.account, campaign.id, None).await.unwrap();
    expanded(house, campaign.id).await;
    campaign.id
}

/// A route of its own for unicom before the one for all; none for telecom.
async fn two_routes(house: &House) {
    let steps = || vec![RouteStep::by_weight(vec![(CHANNEL, 1)])];
    let scoped = |id, name: &str, carriers: &[Carrier]| RouteConfig {
        scope: RouteScope { carriers: carriers.to_vec(), ..RouteScope::default() },
        ..RouteConfig::for_all(RouteId(id), name, steps())
    };
    house.engine.set_route(&scoped(1, "unicom", &[Carrier::Unicom])).await.unwrap();
    house.engine.set_route(&scoped(2, "mobile", &[Carrier::Mobile])).await.unwrap();
}

#[tokio::test]
async fn a_campaign_goes_over_the_route_of_each_phone_and_is_one_campaign() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    two_routes(&house).await;
    let id = start(&house, 20, |_| ()).await;
    let campaign = house.engine.campaign(house.account, id).await.unwrap();
    assert_eq!((campaign.route, campaign.lanes().len()), (None, 2));
    let counted = campaign.preflight.as_ref().unwrap();
    let by_route: Vec<_> = counted.by_route.iter().map(|load| (load.route.0, load.people)).collect();
    assert_eq!(by_route, [(1, 20), (2, 20)]);
    assert_eq!(counted.by_route.iter().map(|load| load.cost.micros()).sum::<i64>(), counted.cost.micros());
    let [left] = &counted.unrouted[..] else { panic!("{:?}", counted.unrouted) };
    assert_eq!((left.carrier, left.route, left.people), (Carrier::Telecom, None, 20));
    assert!(left.explain().1.contains("no route is for telecom") && left.sample.contains('*'));
    // What becomes of the routes afterwards is nothing to it.
    house.engine.set_route(&RouteConfig::for_all(RouteId(1), "all", Vec::new())).await.unwrap();
    house.engine.pause_campaign(house.account, id, None).await.unwrap();
    assert_eq!(send(&house, |_| Fate::Delivered).await, [], "a pause is for all lanes");
    house.engine.resume_campaign(house.account, id, None).await.unwrap();
    assert_eq!(send(&house, |_| Fate::Delivered).await.len(), 40);
    house.engine.keep_campaigns().await.unwrap();
    let report = house.engine.campaign_report(house.account, id).await.unwrap();
    assert_eq!(report.campaign.state, CampaignState::Finished);
    assert_eq!((report.funnel.delivered.messages, report.funnel.rejections[0].1.messages), (40, 20));
    let by_route: Vec<_> = report
        .by_route
        .iter()
        .map(|(route, taken, arrived)| (route.0, taken.messages, arrived.messages))
        .collect();
    assert_eq!(by_route, [(1, 20, 20), (2, 20, 20)]);
    house.close().await;
}

#[tokio::test]
async fn a_cancel_is_for_all_lanes_and_a_restart_knows_them() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    two_routes(&house).await;
    let (first, second) = (start(&house, 5, |_| ()).await, start(&house, 6, |_| ()).await);
    house.engine.cancel_campaign(house.account, first, None).await.unwrap();
    house.close().await;
    let house = House::open(place.path(), lenient()).await;
    house.engine.resume_all().await.unwrap();
    assert_eq!(send(&house, |_| Fate::Delivered).await.len(), 12, "of the second, and none of the first");
    house.engine.keep_campaigns().await.unwrap();
    let state = async |id| house.engine.campaign(house.account, id).await.unwrap().state;
    assert_eq!(
        (state(first).await, state(second).await),
        (CampaignState::Cancelled, CampaignState::Finished)
    );
    house.close().await;
}

fn canary(share: CanaryShare, then: CanaryThen) -> Option<CanaryPlan> {
    Some(CanaryPlan { share, wait: Duration::from_secs(60), then })
}

/// A look of the keeper, then another one after the wait.
async fn judged(house: &House) {
    house.engine.keep_campaigns().await.unwrap();
    house.clock.advance(Duration::from_secs(61));
    house.engine.keep_campaigns().await.unwrap();
}

#[tokio::test]
async fn a_canary_goes_first_and_the_rest_follows_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let id = start(&house, 30, |draft| {
        draft.canary = canary(CanaryShare::People(9), CanaryThen::GoOn);
        draft.test_numbers = vec!["13900000000".to_owned()];
    })
    .await;
    let sent = send(&house, |_| Fate::Delivered).await;
    assert_eq!(sent.len(), 9 + 1, "and the test number");
    let mut of: BTreeMap<Carrier, u32> = BTreeMap::new();
    sent.iter().for_each(|phone| *of.entry(phone.carrier()).or_default() += 1);
    assert_eq!(of, BTreeMap::from([(Carrier::Mobile, 4), (Carrier::Unicom, 3), (Carrier::Telecom, 3)]));
    house.engine.keep_campaigns().await.unwrap();
    house.engine.keep_campaigns().await.unwrap();
    assert_eq!(send(&house, |_| Fate::Delivered).await, [], "it waits for the verdict");
    // A pause and a restart change nothing about that.
    house.engine.pause_campaign(house.account, id, None).await.unwrap();
    house.engine.resume_campaign(house.account, id, None).await.unwrap();
    house.engine.resume_all().await.unwrap();
    assert_eq!(send(&house, |_| Fate::Delivered).await, []);
    judged(&house).await;
    assert_eq!(send(&house, |_| Fate::Delivered).await.len(), 81);
    house.engine.keep_campaigns().await.unwrap();
    let campaign = house.engine.campaign(house.account, id).await.unwrap();
    assert_eq!(
        (campaign.state, campaign.canary.unwrap().phase),
        (CampaignState::Finished, CanaryPhase::Released)
    );
    house.close().await;
}

#[tokio::test]
async fn a_bad_canary_stops_the_campaign_until_a_person_says_otherwise() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let id = start(&house, 30, |draft| {
        draft.canary = canary(CanaryShare::Percent(20), CanaryThen::GoOn);
    })
    .await;
    let first = send(&house, |_| Fate::Undelivered).await.len();
    assert!((5..40).contains(&first), "{first}");
    judged(&house).await;
    let campaign = house.engine.campaign(house.account, id).await.unwrap();
    assert_eq!(campaign.state, CampaignState::Paused);
    assert_eq!(campaign.canary.as_ref().unwrap().people, first as u64);
    let stopped = campaign.watch.stopped.unwrap();
    assert_eq!((stopped.found.rule, stopped.found.bad), (StopRule::Failures, first as u64));
    assert_eq!(send(&house, |_| Fate::Delivered).await, []);
    house.engine.resume_campaign(house.account, id, None).await.unwrap();
    assert_eq!(send(&house, |_| Fate::Delivered).await.len(), 90 - first);
    house.engine.keep_campaigns().await.unwrap();
    let campaign = house.engine.campaign(house.account, id).await.unwrap();
    assert_eq!(campaign.state, CampaignState::Finished);
    assert!(campaign.watch.stopped.unwrap().resumed_at.is_some());
    house.close().await;
}

#[tokio::test]
async fn a_canary_that_waits_for_a_person_says_so() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let id = start(&house, 10, |draft| {
        draft.canary = canary(CanaryShare::People(6), CanaryThen::WaitForPerson);
    })
    .await;
    let silent = start(&house, 10, |draft| {
        draft.text = Some("别的内容".to_owned());
        draft.canary = canary(CanaryShare::People(6), CanaryThen::GoOn);
        draft.category = domain::message::Category::Notice;
    })
    .await;
    let rule = async |id| {
        let campaign = house.engine.campaign(house.account, id).await.unwrap();
        campaign.watch.stopped.map(|stopped| stopped.found.rule)
    };
    send(&house, |_| Fate::NoReceipt).await;
    judged(&house).await;
    assert_eq!(rule(silent).await, Some(StopRule::CanaryWithoutReceipts));
    assert_eq!(rule(id).await, Some(StopRule::CanaryWithoutReceipts));
    house.close().await;
}

#[tokio::test]
async fn too_many_failures_stop_a_campaign_and_a_resume_begins_a_new_count() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let failures = Some(Limit { per_10_000: 5_000, at_least: 20 });
    let limits = Limits { failures, ..Limits::default() };
    let id = start(&house, 30, |draft| draft.limits = Some(limits)).await;
    let mobile_fails = |phone: Phone| match phone.carrier() {
        Carrier::Mobile | Carrier::Unicom => Fate::Failed,
        _ => Fate::NoReceipt,
    };
    house.engine.keep_campaigns().await.unwrap();
    send(&house, mobile_fails).await;
    // Nothing waits any more, and it has stopped itself before it is taken for finished.
    house.engine.keep_campaigns().await.unwrap();
    let campaign = house.engine.campaign(house.account, id).await.unwrap();
    assert_eq!(campaign.state, CampaignState::Paused);
    let found = campaign.watch.stopped.unwrap().found;
    assert_eq!((found.rule, found.bad, found.of, found.per_10_000), (StopRule::Failures, 60, 60, 5_000));
    house.engine.resume_campaign(house.account, id, None).await.unwrap();
    house.engine.keep_campaigns().await.unwrap();
    let state = house.engine.campaign(house.account, id).await.unwrap().state;
    assert_eq!(state, CampaignState::Finished, "what came before does not count");
    house.close().await;
}

#[tokio::test]
async fn complaints_stop_a_campaign_while_it_runs() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let complaints = Some(Limit { per_10_000: 500, at_least: 20 });
    let limits = Limits { complaints, ..Limits::default() };
    let id = start(&house, 10, |draft| draft.limits = Some(limits)).await;
    let sent = send(&house, |_| Fate::Delivered).await;
    for (place, phone) in sent.iter().take(2).enumerate() {
        let record = InboundRecord {
            id: house.ids.next(house.clock.now(), phone.slot()).into(),
            account: Some(house.account),
            gateway: GATEWAY,
            channel: CHANNEL,
            carrier_id: CarrierMessageId::Number(9_000 + place as u64),
            from: *phone,
            to: "10690000".into(),
            text: "再发就投诉".to_owned(),
            answers: None,
            campaign: Some(id),
            opted_out: false,
            received_at: house.clock.now(),
        };
        house.ledger.inbound(record, Vec::new()).await.unwrap();
    }
    house.engine.keep_campaigns().await.unwrap();
    let campaign = house.engine.campaign(house.account, id).await.unwrap();
    let found = campaign.watch.stopped.unwrap().found;
    assert_eq!((found.rule, found.bad, found.of), (StopRule::Complaints, 2, 30));
    house.close().await;
}

fn again(states: &[MessageState]) -> ResendOrder {
    ResendOrder {
        line: None,
        filter: ResendFilter { states: states.to_vec(), reasons: Vec::new() },
        route: None,
        name: None,
        asked_by: "key_test".to_owned(),
        idempotency: None,
        dry_run: false,
    }
}

/// Rules by which people may get marketing again and again.
fn uncapped() -> domain::policy::Policy {
    use domain::policy::{PolicyBuilder, RuleId};
    let without = [RuleId::CONSENT, RuleId::MARKETING_DAY, RuleId::MARKETING_WEEK];
    PolicyBuilder::builtin().without(&without).build().unwrap()
}

#[tokio::test]
async fn failures_are_sent_again_to_those_whom_nothing_reached() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), uncapped()).await;
    let id = start(&house, 10, |_| ()).await;
    let by_carrier = |phone: Phone| match phone.carrier() {
        Carrier::Mobile => Fate::Undelivered,
        Carrier::Unicom => Fate::Uncertain,
        _ => Fate::Delivered,
    };
    send(&house, by_carrier).await;
    house.clock.advance(Duration::from_secs(60));
    let (engine, account) = (Arc::clone(&house.engine), house.account);
    let dry = engine.resend(account, id, &ResendOrder { dry_run: true, ..again(&[]) }).await.unwrap();
    assert_eq!((dry.count.messages, dry.count.possible_duplicates, dry.unmatched), (10, 0, 0));
    assert_eq!(dry.preflight.unwrap().eligible, 10);
    assert!(dry.campaign.is_none());
    // Two at once, without a key: one campaign, whichever is faster.
    let both = [again(&[]), again(&[])].map(|order| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { engine.resend(account, id, &order).await })
    });
    let [one, other] = both;
    let outcomes = [one.await.unwrap(), other.await.unwrap()];
    let made: Vec<_> =
        outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()?.campaign.as_ref()).collect();
    assert_eq!(made.len(), 1);
    let second = made[0].clone();
    assert_eq!(
        second.resend.as_ref().map(|resend| (resend.of, resend.asked_by.as_str())),
        Some((id, "key_test"))
    );
    expanded(&house, second.id).await;
    let refused = engine.resend(account, id, &again(&[])).await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, CampaignTrouble::NothingToResend), "they are on their way: {refused}");
    let sent =
        send(&house, |phone| if phone.to_u64() % 2 == 0 { Fate::Delivered } else { Fate::Failed }).await;
    assert!(sent.len() == 10 && sent.iter().all(|phone| phone.carrier() == Carrier::Mobile));
    house.clock.advance(Duration::from_secs(60));
    // Of the second campaign and of the first the same five are left.
    for of in [second.id, id] {
        let dry = engine.resend(account, of, &ResendOrder { dry_run: true, ..again(&[]) }).await.unwrap();
        assert_eq!(dry.count.messages, 5);
    }
    let uncertain = [MessageState::Uncertain];
    let dry = engine.resend(account, id, &ResendOrder { dry_run: true, ..again(&uncertain) }).await.unwrap();
    assert_eq!((dry.count.messages, dry.count.possible_duplicates), (10, 10), "only when asked for");
    let key = IdempotencyKey { key: "once".to_owned(), body_sha256: [1; 32] };
    let order = ResendOrder { idempotency: Some(key), ..again(&[]) };
    let first = engine.resend(account, id, &order).await.unwrap().campaign.unwrap().id;
    let repeated = engine.resend(account, id, &order).await.unwrap().campaign.unwrap().id;
    assert_eq!(first, repeated);
    expanded(&house, first).await;
    assert_eq!(send(&house, |_| Fate::Delivered).await.len(), 5);
    what_is_uncertain_goes_out_marked_and_is_told(&house, id).await;
    let wrong = engine.resend(account, id, &again(&[MessageState::Delivered])).await.map(|_| ()).unwrap_err();
    assert!(matches!(wrong, CampaignTrouble::ResendStates));
    house.close().await;
}

/// A line of the audit log as the API makes it, for a re-send.
fn line(account: AccountId) -> AuditLine {
    AuditLine {
        id: AuditId::from_raw(1),
        at: NOON,
        account,
        principal: Principal::System,
        home: account,
        action: "campaigns.resend".to_owned(),
        object: "cmp_1".to_owned(),
        address: None,
        request: "req_1".to_owned(),
        before: None,
        after: None,
        count: 1,
        detail: Vec::new(),
    }
}

/// What was uncertain goes out again as a possible duplicate, and the line of the audit log tells why and how many.
async fn what_is_uncertain_goes_out_marked_and_is_told(house: &House, first: CampaignId) {
    let order = ResendOrder { line: Some(line(house.account)), ..again(&[MessageState::Uncertain]) };
    let again = house.engine.resend(house.account, first, &order).await.unwrap().campaign.unwrap().id;
    expanded(house, again).await;
    let of = |campaign| MessageFilter {
        account: house.account,
        campaign: Some(campaign),
        state: None,
        phone: None,
        after: None,
    };
    let (sent, _) = house.ledger.messages(&of(again), 1_000).await.unwrap();
    assert!(sent.len() == 10 && sent.iter().all(|message| message.possible_duplicate));
    let (before, _) = house.ledger.messages(&of(first), 1_000).await.unwrap();
    assert!(before.iter().all(|message| !message.possible_duplicate));
    let log = house.control.audit_log(&AuditFilter::of(house.account), 9).await.unwrap();
    let line = log.iter().find(|line| line.action == "campaigns.resend").unwrap();
    let told: Vec<(&str, &str)> =
        line.detail.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let campaign = again.to_string();
    assert_eq!(
        told,
        [
            ("campaign", campaign.as_str()),
            ("reasons", "any"),
            ("messages", "10"),
            ("possible_duplicates", "10"),
            ("uncertain.connection_lost", "10"),
        ]
    );
}
