//! A channel that is changed while the carrier owes answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::{
    Capacity, CarrierMessageId, Channel, ChannelEvent, Outgoing, SubmitOutcome, Submitted,
};
use domain::control::ChannelConfig;
use domain::ids::ChannelId;
use domain::ledger::Ledger as _;
use domain::message::MessageState;
use domain::phone::Phone;
use domain::retry::RetryPolicy;
use domain::time::Clock as _;
use tokio::sync::mpsc;

use crate::accept::{ids, item, request};
use crate::house::{House, lenient};

const CHANNEL: ChannelId = ChannelId(1);

/// A carrier that answers when the test says so.
#[derive(Clone, Default)]
struct Owing(Arc<Mutex<Vec<Outgoing>>>);

#[async_trait]
impl Channel for Owing {
    fn id(&self) -> ChannelId {
        CHANNEL
    }

    fn capacity(&self) -> Capacity {
        Capacity { parts: 100, open: 100, rested: false, connections_up: 1 }
    }

    async fn capacity_changed(&self) {
        std::future::pending::<()>().await;
    }

    fn submit(&self, batch: Vec<Outgoing>, _write_deadline_millis: u64) {
        self.0.lock().unwrap().extend(batch);
    }

    fn recall(&self, _phone: Phone) -> usize {
        0
    }
}

impl Owing {
    async fn until_it_has(&self, count: usize) {
        while self.0.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_is_connected_before_it_is_known_is_used() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let (events, receiver) = mpsc::channel(256);
    let owing = Owing::default();
    let carrier = owing.clone();
    let start = move |_: &ChannelConfig, _| {
        let up = ChannelEvent::Connections { up: 1, configured: 1, trouble: None };
        events.try_send((CHANNEL, up)).unwrap();
        // Time for the event to be taken by another thread, as when this one loses its turn.
        std::thread::sleep(Duration::from_millis(100));
        Ok(Arc::new(carrier.clone()) as Arc<dyn Channel>)
    };
    let mut config = house.engine.channels().await.unwrap()[0].clone();
    config.enabled = false;
    house.engine.set_channel(&config).await.unwrap();
    house.engine.start_dispatch(Box::new(start), receiver, RetryPolicy::default()).await.unwrap();
    config.enabled = true;
    house.engine.put_channel(&config).await.unwrap();
    house.engine.send(house.account, request(vec![item("13800000001", "包裹已到")], None)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), owing.until_it_has(1)).await.expect("it is claimed");
    house.close().await;
}

#[tokio::test]
async fn answers_to_what_was_claimed_before_are_settled_and_count_once() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let (events, receiver) = mpsc::channel(256);
    let (owing, started) = (Owing::default(), events.clone());
    let carrier = owing.clone();
    let start = move |_: &ChannelConfig, _| {
        let up = ChannelEvent::Connections { up: 1, configured: 1, trouble: None };
        started.try_send((CHANNEL, up)).unwrap();
        Ok(Arc::new(carrier.clone()) as Arc<dyn Channel>)
    };
    house.engine.start_dispatch(Box::new(start), receiver, RetryPolicy::default()).await.unwrap();
    let items = (0..40).map(|number| item(&format!("1380000{number:04}"), "包裹已到")).collect();
    let sent = ids(&house.engine.send(house.account, request(items, None)).await.unwrap());
    owing.until_it_has(16).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(owing.0.lock().unwrap().len(), 16, "no more than the window, whatever the channel would take");

    let mut config = house.engine.channels().await.unwrap()[0].clone();
    house.engine.put_channel(&config).await.unwrap();
    let answer_all = async || {
        let answers = std::mem::take(&mut *owing.0.lock().unwrap()).into_iter().map(|outgoing| {
            let id = CarrierMessageId::Number(outgoing.ticket.message.raw().cast_unsigned());
            Submitted { outgoing, at: house.clock.now(), outcome: SubmitOutcome::Taken(vec![id]) }
        });
        let answers = answers.collect::<Vec<_>>();
        let count = answers.len();
        events.send((CHANNEL, ChannelEvent::Submitted(answers))).await.unwrap();
        count
    };
    let mut answered = answer_all().await;
    assert_eq!(answered, 16, "what the first one claimed");
    while answered < 32 {
        owing.until_it_has(1).await;
        answered += answer_all().await;
    }
    // Switched off, it still owes the last answers.
    while answered + owing.0.lock().unwrap().len() < 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    config.enabled = false;
    house.engine.put_channel(&config).await.unwrap();
    answer_all().await;
    for id in sent {
        while house.ledger.message(house.account, id).await.unwrap().unwrap().state != MessageState::Submitted
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    house.close().await;
}
