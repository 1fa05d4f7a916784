//! Channels whose whole window is smaller than a text's parts.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::{
    Capacity, CarrierMessageId, Channel, ChannelEvent, Outgoing, SubmitOutcome, Submitted,
};
use domain::control::ChannelConfig;
use domain::ids::ChannelId;
use domain::message::Category;
use domain::phone::Phone;
use domain::retry::RetryPolicy;
use domain::time::Clock as _;
use engine::accept::SendItem;
use tokio::sync::{Notify, mpsc};

use crate::accept::{ids, item, request};
use crate::house::{House, TestClock, lenient};
use crate::preflight::expanded;

/// A window that is answered a moment later. Remembers the parts of each message in order.
struct Narrow {
    window: u32,
    under_way: AtomicU32,
    changed: Notify,
    next_id: AtomicU64,
    handed: Mutex<Vec<u8>>,
    clock: Arc<TestClock>,
    events: mpsc::Sender<(ChannelId, ChannelEvent)>,
}

struct Front(Arc<Narrow>);

#[async_trait]
impl Channel for Front {
    fn id(&self) -> ChannelId {
        ChannelId(1)
    }

    fn capacity(&self) -> Capacity {
        let under_way = self.0.under_way.load(Ordering::SeqCst);
        let parts = self.0.window.saturating_sub(under_way);
        Capacity { parts, open: parts, rested: under_way == 0, connections_up: 1 }
    }

    async fn capacity_changed(&self) {
        self.0.changed.notified().await;
    }

    fn submit(&self, batch: Vec<Outgoing>, _write_deadline_millis: u64) {
        let parts: u32 = batch.iter().map(|outgoing| u32::from(outgoing.parts)).sum();
        let before = self.0.under_way.fetch_add(parts, Ordering::SeqCst);
        assert!(before + parts <= self.0.window || (before == 0 && batch.len() == 1), "{before} and {parts}");
        self.0.handed.lock().unwrap().extend(batch.iter().map(|outgoing| outgoing.parts));
        let line = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let answer = |outgoing: Outgoing| {
                let id = |_| CarrierMessageId::Number(line.next_id.fetch_add(1, Ordering::SeqCst));
                let outcome = SubmitOutcome::Taken((0..outgoing.parts).map(id).collect());
                Submitted { outgoing, at: line.clock.now(), outcome }
            };
            let answers = batch.into_iter().map(answer).collect();
            line.under_way.fetch_sub(parts, Ordering::SeqCst);
            line.changed.notify_one();
            line.events.send((ChannelId(1), ChannelEvent::Submitted(answers))).await.unwrap();
        });
    }

    fn recall(&self, _phone: Phone) -> usize {
        0
    }
}

async fn furnish(house: &House, window: u16) -> Arc<Narrow> {
    let known = house.engine.channels().await.unwrap()[0].clone();
    house.engine.set_channel(&ChannelConfig { window, parts_per_second: None, ..known }).await.unwrap();
    let (events, receiver) = mpsc::channel(256);
    let narrow = Arc::new(Narrow {
        window: window.into(),
        under_way: AtomicU32::new(0),
        changed: Notify::new(),
        next_id: AtomicU64::new(1),
        handed: Mutex::default(),
        clock: Arc::clone(&house.clock),
        events: events.clone(),
    });
    let line = Arc::clone(&narrow);
    let start = move |_: &ChannelConfig, _| {
        let up = ChannelEvent::Connections { up: 1, configured: 1, trouble: None };
        events.try_send((ChannelId(1), up)).unwrap();
        Ok(Arc::new(Front(Arc::clone(&line))) as Arc<dyn Channel>)
    };
    house.engine.start_dispatch(Box::new(start), receiver, RetryPolicy::default()).await.unwrap();
    narrow
}

async fn handed(narrow: &Narrow, count: usize) -> Vec<u8> {
    for _ in 0..2_000 {
        let handed = narrow.handed.lock().unwrap().clone();
        if handed.len() >= count {
            return handed;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} of {count} in twenty seconds", narrow.handed.lock().unwrap());
}

fn long(phone: &str) -> SendItem {
    item(phone, &"长".repeat(300))
}

#[tokio::test]
async fn texts_longer_than_the_window_go_and_what_is_behind_them_too() {
    for window in [1, 2] {
        let place = tempfile::tempdir().unwrap();
        let house = House::open(place.path(), lenient()).await;
        let narrow = furnish(&house, window).await;
        let items = (0..24).map(|n| match n % 3 {
            0 => long(&format!("1380000{n:04}")),
            _ => item(&format!("1380000{n:04}"), "包裹已到"),
        });
        assert_eq!(
            ids(&house.engine.send(house.account, request(items.collect(), None)).await.unwrap()).len(),
            24
        );
        let handed = handed(&narrow, 24).await;
        assert_eq!(handed.iter().filter(|parts| **parts == 5).count(), 8, "{handed:?}");
        house.close().await;
    }
}

#[tokio::test]
async fn a_long_text_is_not_overtaken_for_ever_by_short_ones_of_others() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    // Room enough for it, if only it were not taken part by part.
    let narrow = furnish(&house, 6).await;
    let people: String = (0..300).map(|n| format!("139{n:08}\n")).collect();
    let file = house.file_audience(&("手机号\n".to_owned() + &people)).await;
    let campaign =
        house.engine.create_campaign(house.account, house.draft("您好", file), None).await.unwrap();
    house.engine.preflight(house.account, campaign.id).await.unwrap();
    house.engine.start_campaign(house.account, campaign.id, None).await.unwrap();
    expanded(&house, campaign.id).await;
    handed(&narrow, 20).await;
    let mut items = vec![long("13800000001")];
    items[0].category = Some(Category::Marketing);
    assert_eq!(ids(&house.engine.send(house.account, request(items, None)).await.unwrap()).len(), 1);
    let handed = handed(&narrow, 301).await;
    let place = handed.iter().position(|parts| *parts == 5).expect("it went");
    assert!(place < 280, "with its share of the channel, and not when all others were through: {place}");
    house.close().await;
}
