//! Channels that reach different carriers: nothing goes where its channel does not lead, whatever is changed meanwhile.

use std::collections::BTreeMap;

use domain::channel::ReceiptStatus::Delivered;
use domain::ids::ChannelId;
use domain::lane::{Lane, LaneState, Stream};
use domain::ledger::{Entry, Expansion, NewMessage, TrailEvent};
use domain::message::{Category, MessageState, Reason};
use domain::phone::{Carrier, CarrierSet, Phone};
use domain::policy::RuleId;

use super::engines::{Engine, on_every_engine};
use super::ledger_stage::*;

on_every_engine! {
    carriers_wait_apart_and_a_retry_stays_with_its_carrier
    after_a_change_of_the_route_what_a_channel_does_not_reach_is_set_apart
    a_repeated_chunk_of_several_carriers_changes_nothing
    what_no_channel_reaches_waits_until_its_validity_ends
}

fn only(carrier: Carrier) -> CarrierSet {
    [carrier].into_iter().collect()
}

/// The numbers of the stage are mobile; these are of another carrier.
fn of(stage: &Stage, lane: &Lane, carrier: Carrier, number: u64, by_carrier: bool) -> NewMessage {
    let ranges = [(Carrier::Mobile, 138), (Carrier::Unicom, 130), (Carrier::Telecom, 133)];
    let range = ranges.into_iter().find(|(of, _)| *of == carrier).unwrap().1;
    let phone = Phone::from_u64(8_600_000_000_000 + range * 100_000_000 + number).unwrap();
    assert_eq!(phone.carrier(), carrier);
    NewMessage {
        id: stage.ids.next(stage.now, phone.slot()).into(),
        phone,
        carrier,
        entry: Entry::Queue { due_at: stage.now, by_carrier },
        ..stage.message(lane, number)
    }
}

fn waiting(lane: i64, carrier: Option<Carrier>, avoid: Option<ChannelId>) -> Stream {
    Stream { carrier, ..stream(lane, avoid) }
}

/// What is due is known once the writers have answered.
async fn reopened(stage: Stage, lane: &Lane) -> Stage {
    let stage = stage.reopen().await;
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    stage
}

fn due(stage: &Stage) -> Vec<Stream> {
    let mut due: Vec<Stream> = stage.ledger.due().into_iter().map(|due| due.stream).collect();
    due.sort();
    due
}

async fn carriers_wait_apart_and_a_retry_stays_with_its_carrier(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let (mobile, unicom) = (Some(Carrier::Mobile), Some(Carrier::Unicom));
    let messages: Vec<_> = (0..4)
        .flat_map(|n| [Carrier::Mobile, Carrier::Unicom].map(|c| of(&stage, &lane, c, n, true)))
        .collect();
    stage.accept(&messages).await;
    assert_eq!(due(&stage), [waiting(1, mobile, None), waiting(1, unicom, None)]);

    stage.reached = only(Carrier::Unicom);
    let claim = stage.claim(FIRST, waiting(1, mobile, None)).await;
    assert_eq!((claim.outgoing.len(), claim.rejected, claim.deferred), (0, 0, 0), "not of its carrier");
    assert_eq!(due(&stage).len(), 2, "and nothing moved");
    let mut claim = stage.claim(FIRST, waiting(1, unicom, None)).await;
    assert_eq!(claim.outgoing.len(), 4);
    assert!(claim.outgoing.iter().all(|out| out.phone.carrier() == Carrier::Unicom));

    let (failed, lost) = (claim.outgoing.remove(0), claim.outgoing.remove(0));
    stage.settle(&failed, FIRST, requeue(&stage, Reason::CarrierSystem, true, Some(FIRST))).await;
    stage.submit(&lost).await;
    let reached = stage.reached;
    let mut stage = reopened(stage, &lane).await;
    stage.reached = reached;
    let retry = waiting(1, unicom, Some(FIRST));
    assert_eq!(due(&stage), [waiting(1, mobile, None), retry]);
    let again = stage.claim(SECOND, retry).await.outgoing;
    assert_eq!((again.len(), again[0].ticket.message), (1, failed.ticket.message));
    // Queued again and withdrawn by a late receipt: it is found in the stream in which it waits.
    stage.submit(&again[0]).await;
    stage.receipt(failed.ticket.message, 0, domain::channel::ReceiptStatus::Undelivered, "UNDELIV").await;
    assert_eq!(due(&stage).len(), 2);
    stage.receipt(failed.ticket.message, 0, Delivered, "DELIVRD").await;
    assert_eq!(due(&stage), [waiting(1, mobile, None)]);

    stage.ledger.put_lane(as_of(&lane, 1, LaneState::Paused)).await.unwrap();
    assert_eq!(due(&stage), [], "a pause is the whole lane's");
    stage.ledger.put_lane(as_of(&lane, 2, LaneState::Cancelled)).await.unwrap();
    assert_eq!(stage.sweep().await.cancelled, 4);
    let sum: i64 = stage
        .ledger
        .tallies(&[lane.id])
        .await
        .unwrap()
        .iter()
        .filter(|tally| tally.from.is_none())
        .map(|tally| tally.messages)
        .sum();
    assert_eq!(sum, 8, "and so are the counters");
}

async fn after_a_change_of_the_route_what_a_channel_does_not_reach_is_set_apart(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let carriers = [Carrier::Mobile, Carrier::Unicom, Carrier::Telecom];
    let messages: Vec<_> = (0..5).flat_map(|n| carriers.map(|c| of(&stage, &lane, c, n, false))).collect();
    stage.accept(&messages).await;
    assert_eq!(due(&stage), [stream(1, None)]);

    stage.reached = only(Carrier::Unicom);
    let claim = stage.claim(FIRST, stream(1, None)).await;
    assert_eq!((claim.outgoing.len(), claim.rejected, claim.deferred), (5, 0, 0));
    assert!(claim.outgoing.iter().all(|out| out.phone.carrier() == Carrier::Unicom));
    let apart = [Carrier::Mobile, Carrier::Telecom].map(|carrier| waiting(1, Some(carrier), None));
    assert_eq!(due(&stage), apart);
    let mut stage = reopened(stage, &lane).await;
    assert_eq!(due(&stage), apart, "after a restart too");
    stage.reached = only(Carrier::Mobile);
    let claim = stage.claim(SECOND, apart[0]).await;
    assert_eq!(claim.outgoing.len(), 5);
    let record = stage.look(claim.outgoing[0].ticket.message).await;
    assert_eq!(
        record.trail.iter().map(|e| e.event).collect::<Vec<_>>(),
        [TrailEvent::Accepted, TrailEvent::Claimed]
    );
    assert_eq!(record.attempts, 1);
}

async fn a_repeated_chunk_of_several_carriers_changes_nothing(engine: Engine) {
    let stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let home = stage.ledger.partitions().all().next().unwrap();
    let chunk = |by_carrier| -> Vec<NewMessage> {
        let message =
            |n| of(&stage, &lane, [Carrier::Mobile, Carrier::Unicom][n as usize % 2], n, by_carrier);
        (0..10).map(message).collect()
    };
    // The route was changed between the two tries: the second would put them elsewhere.
    let (first, again) = (chunk(false), chunk(true));
    let expansion = Some(Expansion { lane: lane.id, through: 10 });
    assert_eq!(stage.ledger.accept(home, first, expansion, NOW).await.unwrap(), 10);
    let stage = reopened(stage, &lane).await;
    assert_eq!(stage.ledger.accept(home, again, expansion, NOW).await.unwrap(), 0);
    assert_eq!(stage.all_messages().await.len(), 10);
    assert_eq!(due(&stage), [stream(1, None)]);
}

async fn what_no_channel_reaches_waits_until_its_validity_ends(engine: Engine) {
    let mut stage = Stage::new(engine, 1).await;
    let lane = lane(1, Category::Notice);
    stage.ledger.put_lane(lane.clone()).await.unwrap();
    let day = 86_400;
    let until = |stage: &Stage, days| stage.now.plus(std::time::Duration::from_secs(days * day));
    let mut messages = [1, 2, 3].map(|n| of(&stage, &lane, Carrier::Telecom, n, true));
    messages[0].valid_until = until(&stage, 1);
    messages[1].valid_until = until(&stage, 4);
    messages[2].valid_until = until(&stage, 30);
    let ids = messages.clone().map(|message| message.id);
    stage.accept(&messages).await;
    let mut ended = BTreeMap::new();
    for number in 1..=31 {
        stage.pass(day);
        ended.insert(number, stage.sweep().await.expired);
    }
    ended.retain(|_, count| *count > 0);
    // The first look is after three days.
    assert_eq!(ended, BTreeMap::from([(4, 2), (30, 1)]));
    assert_eq!(due(&stage), []);
    for id in ids {
        let record = stage.look(id).await;
        assert_eq!((record.state, record.reason), (MessageState::Rejected, Reason::ValidityPassed));
        assert_eq!(record.rule, RuleId::VALIDITY, "as the claim would have said");
    }
}
