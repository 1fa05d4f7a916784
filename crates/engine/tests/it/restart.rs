//! A process that dies at any moment of an expansion leaves nothing out and does nothing twice.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::ids::{CampaignId, IdGenerator, MessageId};
use domain::ledger::{Ledger as _, MessageFilter};
use domain::phone::{Country, Phone};
use domain::time::Timestamp;
use engine::begin_ids;

use crate::files::people;
use crate::house::{House, lenient};
use crate::preflight::expanded;

const PEOPLE: u64 = 20_000;

#[tokio::test]
async fn lives_that_leave_nothing_behind_a_slow_clock_make_no_id_twice() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let newest = Timestamp::from_millis(1_800_000_000_000);
    let slot = Phone::parse("13800138000", Country::CN).unwrap().slot();
    let mut made = HashSet::new();
    for life in 0..5 {
        let ids = IdGenerator::new(0);
        begin_ids(&ids, &*house.control, Some(newest)).await.unwrap();
        for _ in 0..1_000 {
            let id = MessageId::from(ids.next(newest.minus(Duration::from_secs(60)), slot));
            assert!(made.insert(id), "{id} again in life {life}");
        }
    }
}

/// A runtime whose tasks die where they are when it is dropped, as in a kill.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn one_life(place: &std::path::Path, id: Option<CampaignId>, lives_for: Duration) -> CampaignId {
    let life = runtime();
    let house = life.block_on(House::open(place, lenient()));
    let id = life.block_on(async {
        let id = match id {
            Some(id) => {
                house.engine.resume_all().await.unwrap();
                id
            }
            None => {
                let file = house.file_audience(&people(0, PEOPLE)).await;
                let draft = house.draft("{{ 姓名 }}您好", file);
                let campaign = house.engine.create_campaign(house.account, draft, None).await.unwrap();
                house.engine.preflight(house.account, campaign.id).await.unwrap();
                house.engine.start_campaign(house.account, campaign.id, None).await.unwrap();
                campaign.id
            }
        };
        tokio::time::sleep(lives_for).await;
        id
    });
    let ledger = house.ledger;
    life.shutdown_timeout(Duration::from_millis(1));
    // What the writers had begun is finished, as the disk would; the engine's tasks are gone.
    runtime().block_on(ledger.close());
    id
}

#[test]
fn an_expansion_killed_again_and_again_is_exact_in_the_end() {
    let place = tempfile::tempdir().unwrap();
    let mut id = None;
    for millis in [0, 50] {
        id = Some(one_life(place.path(), id, Duration::from_millis(millis)));
    }
    let id = id.unwrap();
    runtime().block_on(async {
        let house = House::open(place.path(), lenient()).await;
        house.engine.resume_all().await.unwrap();
        expanded(&house, id).await;
        let mut filter = MessageFilter {
            account: house.account,
            campaign: Some(id),
            state: None,
            phone: None,
            after: None,
        };
        let mut by_phone: HashMap<u64, u32> = HashMap::new();
        loop {
            let (page, next) = house.ledger.messages(&filter, 1_000).await.unwrap();
            for message in page {
                *by_phone.entry(message.phone.to_u64()).or_default() += 1;
            }
            let Some(next) = next else { break };
            filter.after = Some(next);
        }
        assert_eq!(by_phone.len() as u64, PEOPLE, "everybody");
        assert!(by_phone.values().all(|count| *count == 1), "once");
        house.close().await;
    });
}
