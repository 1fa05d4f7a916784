//! Receipts at awkward moments.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::{
    Capacity, CarrierCode, CarrierMessageId, Channel, ChannelEvent, Outgoing, Receipt, ReceiptStatus,
    SubmitOutcome, Submitted,
};
use domain::control::ChannelConfig;
use domain::ids::{ChannelId, GatewayId};
use domain::ledger::Ledger as _;
use domain::message::MessageState;
use domain::phone::Phone;
use domain::retry::RetryPolicy;
use domain::time::Clock as _;
use tokio::sync::mpsc;

use crate::accept::{ids, item, request};
use crate::house::{House, TestClock, lenient};

/// A carrier that reports a message delivered, without its phone, before it answers the submit.
struct Hasty {
    clock: Arc<TestClock>,
    next_id: AtomicU64,
    events: mpsc::Sender<(ChannelId, ChannelEvent)>,
}

#[async_trait]
impl Channel for Hasty {
    fn id(&self) -> ChannelId {
        ChannelId(1)
    }

    fn capacity(&self) -> Capacity {
        Capacity { parts: 100, open: 100, rested: false, connections_up: 1 }
    }

    async fn capacity_changed(&self) {
        std::future::pending::<()>().await;
    }

    fn submit(&self, batch: Vec<Outgoing>, _write_deadline_millis: u64) {
        let at = self.clock.now();
        let (mut answers, mut receipts) = (Vec::new(), Vec::new());
        for outgoing in batch {
            let id = CarrierMessageId::Number(self.next_id.fetch_add(1, Ordering::Relaxed));
            receipts.push(Receipt {
                gateway: GatewayId(1),
                carrier_id: id.clone(),
                phone: None,
                status: ReceiptStatus::Delivered,
                code: CarrierCode::new(b"DELIVRD"),
                received_at: at,
            });
            answers.push(Submitted { outgoing, at, outcome: SubmitOutcome::Taken(vec![id]) });
        }
        let events = self.events.clone();
        let acknowledge = move || events.try_send((ChannelId(1), ChannelEvent::Submitted(answers))).unwrap();
        let arrived =
            ChannelEvent::Arrived { receipts, inbound: Vec::new(), acknowledge: Box::new(acknowledge) };
        self.events.try_send((ChannelId(1), arrived)).unwrap();
    }

    fn recall(&self, _phone: Phone) -> usize {
        0
    }
}

#[tokio::test]
async fn a_receipt_without_a_phone_that_comes_before_its_answer_is_kept_for_it() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let (events, receiver) = mpsc::channel(256);
    let clock = Arc::clone(&house.clock);
    let start = move |_: &ChannelConfig, _| {
        let up = ChannelEvent::Connections { up: 1, configured: 1, trouble: None };
        events.try_send((ChannelId(1), up)).unwrap();
        let (clock, events) = (Arc::clone(&clock), events.clone());
        Ok(Arc::new(Hasty { clock, next_id: AtomicU64::new(1), events }) as Arc<dyn Channel>)
    };
    house.engine.start_dispatch(Box::new(start), receiver, RetryPolicy::default()).await.unwrap();
    let items = (0..20).map(|number| item(&format!("1380000{number:04}"), "包裹已到")).collect();
    let sent = ids(&house.engine.send(house.account, request(items, None)).await.unwrap());
    assert_eq!(sent.len(), 20);
    for id in sent {
        loop {
            let state = house.ledger.message(house.account, id).await.unwrap().unwrap().state;
            if state == MessageState::Delivered {
                break;
            }
            assert!(!state.is_final(), "{state:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    house.close().await;
}
