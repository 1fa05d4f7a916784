//! What people answer, and what channels tell of themselves: both outlive whoever heard it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::{Capacity, CarrierMessageId, Channel, ChannelEvent, Inbound, Outgoing};
use domain::control::ChannelConfig;
use domain::ids::{ChannelId, GatewayId};
use domain::ledger::Ledger as _;
use domain::phone::{Country, Phone};
use domain::policy::Scope;
use domain::retry::RetryPolicy;
use domain::routing::{Trouble, Turn};
use tokio::sync::{mpsc, oneshot};

use crate::house::{House, NOON, lenient};

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A channel that carries nothing.
struct Quiet;

#[async_trait]
impl Channel for Quiet {
    fn id(&self) -> ChannelId {
        ChannelId(1)
    }

    fn capacity(&self) -> Capacity {
        Capacity::default()
    }

    async fn capacity_changed(&self) {
        std::future::pending::<()>().await;
    }

    fn submit(&self, _batch: Vec<Outgoing>, _write_deadline_millis: u64) {}

    fn recall(&self, _phone: Phone) -> usize {
        0
    }
}

async fn dispatching(house: &House) -> mpsc::Sender<(ChannelId, ChannelEvent)> {
    let (events, receiver) = mpsc::channel(256);
    let start = |_: &ChannelConfig, _| Ok(Arc::new(Quiet) as Arc<dyn Channel>);
    house.engine.start_dispatch(Box::new(start), receiver, RetryPolicy::default()).await.unwrap();
    events
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_seen_by_the_operator_and_so_is_its_refusal() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let events = dispatching(&house).await;
    let from = Phone::parse("13800138000", Country::CN).unwrap();
    let (done, durable) = oneshot::channel();
    let inbound = vec![Inbound {
        gateway: GatewayId(1),
        channel: ChannelId(1),
        carrier_id: CarrierMessageId::Number(7),
        from,
        to: "10690001".into(),
        text: "TD".into(),
        received_at: NOON,
    }];
    let acknowledge = Box::new(move || done.send(()).unwrap());
    let arrived = ChannelEvent::Arrived { receipts: Vec::new(), inbound, acknowledge };
    events.send((ChannelId(1), arrived)).await.unwrap();
    tokio::time::timeout(PATIENCE, durable).await.unwrap().unwrap();
    let heard = house.ledger.inbounds(house.account, None, 10).await.unwrap();
    assert_eq!(
        heard.iter().map(|it| (it.from, it.answers, it.opted_out)).collect::<Vec<_>>(),
        [(from, None, true)]
    );
    let refused = house.ledger.suppressions(house.account, None, 10).await.unwrap();
    assert_eq!(refused.iter().map(|it| it.suppressed.scope).collect::<Vec<_>>(), [Scope::Operator]);
    house.close().await;
}

#[tokio::test]
async fn what_happened_to_a_channel_is_known_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let events = dispatching(&house).await;
    for up in [1, 0] {
        let connections = ChannelEvent::Connections { up, configured: 1, trouble: None };
        events.send((ChannelId(1), connections)).await.unwrap();
    }
    let known = async |house: &House| {
        let turns = house.engine.channel_turns(ChannelId(1), None, 10).await.unwrap();
        turns.into_iter().map(|turn| (turn.turn, turn.at)).collect::<Vec<_>>()
    };
    let both = [(Turn::Down(Trouble::Disconnected), NOON), (Turn::Connected, NOON)];
    let waiting = async {
        while known(&house).await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    house.close().await;
    let house = House::open(place.path(), lenient()).await;
    assert_eq!(known(&house).await, both);
    house.close().await;
}
