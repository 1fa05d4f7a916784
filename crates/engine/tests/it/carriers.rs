//! One route over channels of different carriers, through the whole of dispatch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::{
    Capacity, CarrierCode, CarrierMessageId, Channel, ChannelEvent, Outgoing, Receipt, ReceiptStatus,
    SubmitOutcome, Submitted,
};
use domain::control::{CampaignState, ChannelConfig, RouteConfig, RouteStep};
use domain::ids::{CampaignId, ChannelId, GatewayId, RouteId};
use domain::message::Reason;
use domain::phone::{Carrier, Phone};
use domain::retry::RetryPolicy;
use domain::time::Clock as _;
use tokio::sync::mpsc;

use crate::house::{House, TestClock, lenient};
use crate::preflight::expanded;

const ROUTE: RouteId = RouteId(2);
const MOBILE: ChannelId = ChannelId(2);
const UNICOM: ChannelId = ChannelId(3);
const UNICOM_BACKUP: ChannelId = ChannelId(4);
/// First tries that the first unicom channel refuses.
const REFUSED: usize = 4;

/// What all wires have done, and how much they take.
#[derive(Default)]
struct Wires {
    room: AtomicU32,
    next_id: AtomicU64,
    handed: Mutex<Vec<(ChannelId, Phone, u8)>>,
}

impl Wires {
    fn handed(&self) -> Vec<(ChannelId, Phone, u8)> {
        self.handed.lock().unwrap().clone()
    }
}

struct Wire {
    id: ChannelId,
    wires: Arc<Wires>,
    clock: Arc<TestClock>,
    events: mpsc::Sender<(ChannelId, ChannelEvent)>,
}

impl Wire {
    fn answer(&self, outgoing: &Outgoing, handed: &mut Vec<(ChannelId, Phone, u8)>) -> SubmitOutcome {
        let before = handed.iter().filter(|(channel, ..)| *channel == UNICOM).count();
        handed.push((self.id, outgoing.phone, outgoing.ticket.attempt));
        let unicom = outgoing.phone.carrier() == Carrier::Unicom;
        if self.id == UNICOM && unicom && before < REFUSED {
            return SubmitOutcome::Refused { code: CarrierCode::new(b"BUSY"), taken: Vec::new() };
        }
        let id = CarrierMessageId::Number(self.wires.next_id.fetch_add(1, Ordering::Relaxed));
        SubmitOutcome::Taken(vec![id; usize::from(outgoing.parts)])
    }
}

#[async_trait]
impl Channel for Wire {
    fn id(&self) -> ChannelId {
        self.id
    }

    fn capacity(&self) -> Capacity {
        let parts = self.wires.room.load(Ordering::Relaxed);
        Capacity { parts, open: parts, rested: false, connections_up: 1 }
    }

    async fn capacity_changed(&self) {
        std::future::pending::<()>().await;
    }

    fn submit(&self, batch: Vec<Outgoing>, _write_deadline_millis: u64) {
        let at = self.clock.now();
        let mut handed = self.wires.handed.lock().unwrap();
        let (mut answers, mut receipts) = (Vec::new(), Vec::new());
        for outgoing in batch {
            let outcome = self.answer(&outgoing, &mut handed);
            if let SubmitOutcome::Taken(ids) = &outcome {
                receipts.push(Receipt {
                    gateway: GatewayId(self.id.0),
                    carrier_id: ids[0].clone(),
                    phone: Some(outgoing.phone),
                    status: ReceiptStatus::Delivered,
                    code: CarrierCode::new(b"DELIVRD"),
                    received_at: at,
                });
            }
            answers.push(Submitted { outgoing, at, outcome });
        }
        self.events.try_send((self.id, ChannelEvent::Submitted(answers))).unwrap();
        let arrived = ChannelEvent::Arrived { receipts, inbound: Vec::new(), acknowledge: Box::new(|| ()) };
        self.events.try_send((self.id, arrived)).unwrap();
    }

    fn recall(&self, _phone: Phone) -> usize {
        0
    }
}

async fn channel(house: &House, id: ChannelId, carrier: Carrier) -> ChannelConfig {
    let known = house.engine.channels().await.unwrap()[0].clone();
    ChannelConfig { id, gateway: GatewayId(id.0), carriers: vec![carrier], parts_per_second: None, ..known }
}

/// Mobile and unicom share the first step; the second is for unicom alone.
async fn furnish(house: &House) -> Arc<Wires> {
    for (id, carrier) in
        [(MOBILE, Carrier::Mobile), (UNICOM, Carrier::Unicom), (UNICOM_BACKUP, Carrier::Unicom)]
    {
        house.engine.set_channel(&channel(house, id, carrier).await).await.unwrap();
    }
    let steps = vec![
        RouteStep::by_weight(vec![(MOBILE, 1), (UNICOM, 1)]),
        RouteStep::by_weight(vec![(UNICOM_BACKUP, 1)]),
    ];
    house.engine.set_route(&RouteConfig::for_all(ROUTE, "mixed", steps)).await.unwrap();
    let wires = Arc::new(Wires::default());
    let (events, receiver) = mpsc::channel(256);
    let (clock, shared) = (Arc::clone(&house.clock), Arc::clone(&wires));
    let start = move |config: &ChannelConfig, _| {
        let up = ChannelEvent::Connections { up: 1, configured: 1, trouble: None };
        events.try_send((config.id, up)).unwrap();
        let (wires, clock, events) = (Arc::clone(&shared), Arc::clone(&clock), events.clone());
        Ok(Arc::new(Wire { id: config.id, wires, clock, events }) as Arc<dyn Channel>)
    };
    house.engine.start_dispatch(Box::new(start), receiver, RetryPolicy::default()).await.unwrap();
    wires
}

/// Forty people of the first carrier, thirty of the second, five of a third; other people for each `hundred`.
fn audience(hundred: u64) -> String {
    let rows = [("138", 40), ("130", 30), ("133", 5)]
        .into_iter()
        .flat_map(|(range, people)| (0..people).map(move |n| format!("{range}{:08}\n", hundred * 100 + n)));
    "手机号\n".to_owned() + &rows.collect::<String>()
}

/// Preflighted, started and in the ledger, while no channel has room.
async fn started(house: &House, wires: &Wires, hundred: u64) -> CampaignId {
    wires.room.store(0, Ordering::Relaxed);
    let file = house.file_audience(&audience(hundred)).await;
    let mut draft = house.draft("您好", file);
    draft.route = Some(ROUTE);
    let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
    house.engine.preflight(house.account, campaign.id).await.unwrap();
    house.engine.start_campaign(house.account, campaign.id, None).await.unwrap();
    expanded(house, campaign.id).await;
    campaign.id
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in ten seconds: {what}");
}

/// Longer than dispatch takes to see a changed lane.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(700)).await;
}

async fn queued(house: &House, id: CampaignId) -> i64 {
    house.engine.campaign_report(house.account, id).await.unwrap().funnel.queued.messages
}

#[tokio::test]
async fn each_message_goes_over_a_channel_that_reaches_its_phone() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let wires = furnish(&house).await;
    let id = started(&house, &wires, 0).await;
    house.engine.pause_campaign(house.account, id, None).await.unwrap();
    wires.room.store(16, Ordering::Relaxed);
    a_while().await;
    assert_eq!(wires.handed(), [], "a pause is for all carriers");
    house.engine.resume_campaign(house.account, id, None).await.unwrap();
    until("first tries", async || queued(&house, id).await == REFUSED as i64).await;
    house.clock.advance(Duration::from_secs(6));
    let delivered = async || {
        let report = house.engine.campaign_report(house.account, id).await.unwrap();
        report.funnel.delivered.messages == 70
    };
    until("retries", delivered).await;

    let mut tries: BTreeMap<(ChannelId, Carrier, u8), usize> = BTreeMap::new();
    for (channel, phone, attempt) in wires.handed() {
        *tries.entry((channel, phone.carrier(), attempt)).or_default() += 1;
    }
    let expected = BTreeMap::from([
        ((MOBILE, Carrier::Mobile, 1), 40),
        ((UNICOM, Carrier::Unicom, 1), 30),
        ((UNICOM_BACKUP, Carrier::Unicom, 2), REFUSED),
    ]);
    assert_eq!(tries, expected);

    house.engine.keep_campaigns().await.unwrap();
    let report = house.engine.campaign_report(house.account, id).await.unwrap();
    assert_eq!(report.campaign.state, CampaignState::Finished);
    let counted = report.campaign.preflight.unwrap();
    assert_eq!((counted.eligible, counted.rejected), (70, vec![(Reason::NoRoute, 5)]));
    let (funnel, count) = (report.funnel, |number: i64| u64::try_from(number).unwrap());
    let rejected: Vec<_> =
        funnel.rejections.iter().map(|(reason, amount)| (*reason, count(amount.messages))).collect();
    assert_eq!(rejected, [(Reason::NoRoute, 5)]);
    assert_eq!((count(funnel.parts), funnel.cost), (counted.parts, counted.cost));
    let by_carrier: Vec<_> = report
        .by_carrier
        .iter()
        .map(|(carrier, amount)| (carrier.as_str().to_owned(), count(amount.parts), amount.price))
        .collect();
    assert_eq!(by_carrier, counted.by_carrier);
    assert_eq!(report.stranded, []);
}

#[tokio::test]
async fn a_cancel_is_for_all_carriers_and_a_lost_carrier_is_named() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let wires = furnish(&house).await;
    let cancelled = started(&house, &wires, 1).await;
    house.engine.cancel_campaign(house.account, cancelled, None).await.unwrap();
    let id = started(&house, &wires, 2).await;
    for lost in [UNICOM, UNICOM_BACKUP] {
        house.engine.put_channel(&channel(&house, lost, Carrier::Mobile).await).await.unwrap();
    }
    let report = house.engine.campaign_report(house.account, id).await.unwrap();
    let stranded: Vec<_> =
        report.stranded.iter().map(|(carrier, amount)| (*carrier, amount.messages)).collect();
    assert_eq!(stranded, [(Carrier::Unicom, 30)]);
    wires.room.store(16, Ordering::Relaxed);
    until("the carrier that is left", async || queued(&house, id).await == 30).await;
    a_while().await;
    let handed = wires.handed();
    assert!(handed.iter().all(|(_, phone, _)| phone.carrier() == Carrier::Mobile));
    let people: std::collections::BTreeSet<Phone> = handed.iter().map(|(_, phone, _)| *phone).collect();
    assert_eq!(people.len(), 40, "the cancelled campaign sent nothing");

    // One channel comes back, and what waited goes.
    house.engine.put_channel(&channel(&house, UNICOM_BACKUP, Carrier::Unicom).await).await.unwrap();
    until("the carrier that came back", async || queued(&house, id).await == 0).await;
    assert_eq!(wires.handed().len(), 70);
}
