//! One story of the port on both engines, each with two handles, as two nodes have them.

use domain::ids::{ChannelId, ImportId};
use domain::nodes::{Duty, Lease, LeaseName, NodeId, Nodes as _, Standing};
use domain::time::Timestamp;
use futures::future::join_all;

use super::*;
use crate::migrations::nodes_schema;
use crate::postgres_server::fresh_database;

const CLOCK: Timestamp = Timestamp::from_millis(1_789_524_000_000);
const SEAT: LeaseName = LeaseName::Seat { channel: ChannelId(1), place: 0 };

async fn on_sqlite(place: &Path) -> [NodeDb; 2] {
    [NodeDb::open(place).await.unwrap(), NodeDb::open(place).await.unwrap()]
}

async fn on_postgres() -> [NodeDb; 2] {
    let place = PostgresPlace::new(fresh_database().await);
    let handles = [NodeDb::on_postgres(&place).unwrap(), NodeDb::on_postgres(&place).unwrap()];
    for statement in nodes_schema() {
        handles[0].db.execute(&statement).await.unwrap();
    }
    handles
}

macro_rules! on_both {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() {
                let place = tempfile::tempdir().unwrap();
                super::$story(super::on_sqlite(place.path()).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::on_postgres().await).await;
            })+
        }
    };
}

on_both!(
    of_all_who_want_a_number_or_a_lease_one_gets_it,
    a_life_that_was_ended_never_lives_again,
    a_heartbeat_between_look_and_verdict_saves_its_node,
    a_lease_changes_hands_only_from_who_is_known_to_hold_it,
    a_change_of_configuration_raises_its_number,
);

async fn joined(db: &NodeDb, number: u8) -> NodeId {
    db.join(number, None, CLOCK).await.unwrap().expect("nobody else wants it")
}

async fn of_all_who_want_a_number_or_a_lease_one_gets_it([first, second]: [NodeDb; 2]) {
    let both = [&first, &second, &first, &second];
    let numbers = join_all(both.iter().map(|db| db.join(7, None, CLOCK))).await;
    let numbers: Vec<NodeId> = numbers.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(numbers, [NodeId { number: 7, epoch: 1 }]);
    let other = joined(&second, 8).await;
    let nodes = [numbers[0], other, numbers[0], other];
    let takes = both.iter().zip(nodes).map(|(db, node)| db.take(SEAT, None, node));
    let taken: Vec<Lease> = join_all(takes).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(second.picture().await.unwrap().leases, taken);

    first.end(numbers[0], None).await.unwrap();
    first.free(numbers[0]).await.unwrap();
    let row = first.picture().await.unwrap().nodes[0];
    assert_eq!((row.node, row.standing, row.clock), (numbers[0], Standing::Free, CLOCK));
    let again = join_all(both.iter().map(|db| db.join(7, Some(&row), CLOCK))).await;
    let again: Vec<NodeId> = again.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(again, [NodeId { number: 7, epoch: 2 }]);
}

async fn a_life_that_was_ended_never_lives_again([first, second]: [NodeDb; 2]) {
    let node = joined(&first, 0).await;
    assert!(first.beat(node, CLOCK).await.unwrap());
    let row = second.picture().await.unwrap().nodes[0];
    assert!(second.end(node, Some(row.beat)).await.unwrap());
    assert!(!second.end(node, Some(row.beat)).await.unwrap(), "once");
    assert!(!first.beat(node, CLOCK).await.unwrap());
    first.drain(node).await.unwrap();
    assert_eq!(first.picture().await.unwrap().nodes[0].standing, Standing::Ended);
    assert_eq!(second.join(0, Some(&row), CLOCK).await.unwrap(), None, "it is not recovered");
    second.free(node).await.unwrap();
    let free = second.picture().await.unwrap().nodes[0];
    let next = second.join(0, Some(&free), CLOCK).await.unwrap().unwrap();
    assert!(!first.beat(node, CLOCK).await.unwrap() && second.beat(next, CLOCK).await.unwrap());
    assert!(!first.end(node, None).await.unwrap(), "a late goodbye ends no other life");
}

async fn a_heartbeat_between_look_and_verdict_saves_its_node([first, second]: [NodeDb; 2]) {
    let node = joined(&first, 0).await;
    let row = second.picture().await.unwrap().nodes[0];
    assert!(first.beat(node, CLOCK).await.unwrap());
    assert!(!second.end(node, Some(row.beat)).await.unwrap());
    assert!(first.beat(node, CLOCK).await.unwrap());
    first.drain(node).await.unwrap();
    assert!(first.beat(node, CLOCK).await.unwrap(), "who drains lives");
    let picture = second.picture().await.unwrap();
    assert_eq!((picture.nodes[0].standing, picture.nodes[0].beat), (Standing::Draining, row.beat + 3));
}

async fn a_lease_changes_hands_only_from_who_is_known_to_hold_it([first, second]: [NodeDb; 2]) {
    let (mine, theirs) = (joined(&first, 0).await, joined(&second, 1).await);
    let duty = LeaseName::Duty(Duty::Campaigns);
    let held = first.take(duty, None, mine).await.unwrap().unwrap();
    assert_eq!(second.take(duty, None, theirs).await.unwrap(), None, "it is there already");
    first.set_usable(&held, false).await.unwrap();
    let seen = second.picture().await.unwrap().leases[0];
    assert_eq!(seen, Lease { usable: false, ..held });
    let taken = second.take(duty, Some(&seen), theirs).await.unwrap().unwrap();
    assert_eq!((taken.epoch, taken.holder, taken.usable), (held.epoch + 1, Some(theirs), true));
    first.give_back(&held).await.unwrap();
    first.set_usable(&held, false).await.unwrap();
    assert_eq!(first.picture().await.unwrap().leases, [taken], "who came late changes nothing");
    second.give_back(&taken).await.unwrap();
    assert_eq!(first.picture().await.unwrap().holder(duty), None);

    let import = LeaseName::Import(ImportId::from_raw(5));
    let held = first.take(import, None, mine).await.unwrap().unwrap();
    assert_eq!(second.picture().await.unwrap().holder(import), Some(mine));
    first.give_back(&held).await.unwrap();
    assert_eq!(second.picture().await.unwrap().lease(import), None, "forgotten");
}

async fn a_change_of_configuration_raises_its_number([first, second]: [NodeDb; 2]) {
    assert_eq!(first.picture().await.unwrap().configuration, 0);
    for number in 1..=3 {
        configuration_changed(&first.db).await.unwrap();
        assert_eq!(second.picture().await.unwrap().configuration, number);
    }
}

#[tokio::test]
async fn every_change_of_configuration_counts() {
    use domain::control::{Channels as _, RouteConfig};
    use domain::ids::{AccountId, IdGenerator, RouteId};
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let sealer = sealing::Sealer::open(&place.path().join("keys"), &folder).unwrap();
    let options = crate::OpenControl { folder: folder.clone(), sealer, ids: IdGenerator::new(0).into() };
    let control = ControlDb::open(options).await.unwrap();
    let nodes = NodeDb::open(&folder).await.unwrap();
    let number = async || nodes.picture().await.unwrap().configuration;
    control.put_setting("words", "[]").await.unwrap();
    assert_eq!(number().await, 1);
    control.put_prices(AccountId::from_raw(1), &[]).await.unwrap();
    assert_eq!(number().await, 2);
    let route = RouteConfig::for_all(RouteId(1), "main", Vec::new());
    control.put_route(&route).await.unwrap();
    assert_eq!(number().await, 3);
}

#[tokio::test]
async fn a_url_that_is_none_is_not_repeated() {
    let place = PostgresPlace::new("postgres://hongyan:secret@localhost:port/hongyan");
    let error = NodeDb::on_postgres(&place).map(|_| ()).unwrap_err();
    assert!(matches!(error, PlaceError::Url) && !error.to_string().contains("secret"), "{error}");
}
