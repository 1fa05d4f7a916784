//! Whether a node says that it is ready, by what its channels do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::{Capacity, Channel, Outgoing};
use domain::control::ChannelConfig;
use domain::ids::ChannelId;
use domain::phone::Phone;
use domain::retry::RetryPolicy;
use engine::Readiness;
use tokio::sync::mpsc;

use crate::house::{House, lenient};

/// A channel with as many connections as the test says.
#[derive(Clone, Default)]
struct Line(Arc<AtomicU16>);

#[async_trait]
impl Channel for Line {
    fn id(&self) -> ChannelId {
        ChannelId(1)
    }

    fn capacity(&self) -> Capacity {
        Capacity { parts: 0, open: 0, rested: false, connections_up: self.0.load(Ordering::Relaxed) }
    }

    async fn capacity_changed(&self) {
        std::future::pending::<()>().await;
    }

    fn submit(&self, _batch: Vec<Outgoing>, _write_deadline_millis: u64) {}

    fn recall(&self, _phone: Phone) -> usize {
        0
    }
}

#[tokio::test]
async fn a_node_none_of_whose_channels_is_connected_says_so_after_a_while() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let (_events, receiver) = mpsc::channel(256);
    let line = Line::default();
    let carrier = line.clone();
    let start = move |_: &ChannelConfig, _| Ok(Arc::new(carrier.clone()) as Arc<dyn Channel>);
    assert_eq!(house.engine.readiness(), Readiness::Ready, "nothing is dispatched yet");
    house.engine.start_dispatch(Box::new(start), receiver, RetryPolicy::default()).await.unwrap();
    house.clock.advance(Duration::from_secs(29));
    assert_eq!(house.engine.readiness(), Readiness::Ready, "it is connecting");
    house.clock.advance(Duration::from_secs(2));
    assert_eq!(house.engine.readiness(), Readiness::Unconnected);
    line.0.store(1, Ordering::Relaxed);
    assert_eq!(house.engine.readiness(), Readiness::Ready, "one connection is enough");
    line.0.store(0, Ordering::Relaxed);
    assert_eq!(house.engine.readiness(), Readiness::Ready, "it was lost just now");
    house.clock.advance(Duration::from_secs(31));
    assert_eq!(house.engine.readiness(), Readiness::Unconnected);

    let mut config: ChannelConfig = house.engine.channels().await.unwrap()[0].clone();
    config.enabled = false;
    house.engine.put_channel(&config).await.unwrap();
    assert_eq!(house.engine.readiness(), Readiness::Ready, "there is nothing to connect");
    house.close().await;
}
