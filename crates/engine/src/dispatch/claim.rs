//! The claiming loop of one channel: capacity asks the scheduler, the scheduler names a partition and lanes, the
//! ledger decides and marks, the channel writes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use domain::lane::{Lane, Stream};
use domain::ledger::{Claim, ClaimRequest, Due, LedgerError};
use domain::routing::{Offer, Plan, Room, Step, Unfit};
use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};

use super::slot::Reservation;
use super::{ChannelSlot, Dispatch, channels_now};
use crate::Engine;

/// After a claim began, its messages may be written for this long: the bound on what an opt-out acknowledged by
/// another node may miss.
const WRITE_DEADLINE_MILLIS: u64 = 2_000;
/// How often an idle channel looks again; wake-ups are only hints.
const IDLE: Duration = Duration::from_millis(20);
/// Wait after storage refused a claim (a full disk): claims are not worth hammering.
const AFTER_ERROR: Duration = Duration::from_millis(500);

/// Claims for one channel until it is stopped.
pub(super) async fn run(engine: Arc<Engine>, dispatch: Arc<Dispatch>, slot: Arc<ChannelSlot>) {
    let mut claims = FuturesUnordered::new();
    let most_claims = usize::from(engine.ledger.partitions().len());
    loop {
        if slot.stop.is_cancelled() {
            break;
        }
        let idle = engine.is_draining() || !engine.node.may_act();
        let wait = if idle || claims.len() >= most_claims {
            IDLE
        } else {
            match plan(&engine, &dispatch, &slot, claims.is_empty()) {
                Step::Claim(plan) => {
                    let reservation = slot.reserve(plan.max_parts);
                    claims.push(claim(&engine, &dispatch, &slot, plan, reservation).boxed());
                    IDLE
                }
                Step::Wait { millis } => Duration::from_millis(millis.max(1)).min(IDLE),
                Step::Idle => IDLE,
            }
        };
        // A claim just planned may leave room for another: look again as soon as the claims have been polled once.
        tokio::select! {
            biased;
            () = slot.stop.cancelled() => break,
            Some(paused) = claims.next(), if !claims.is_empty() => {
                if let Err(error) = paused {
                    tracing::warn!(channel = %slot.config.id, %error, "a claim failed");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
            () = slot.channel.capacity_changed() => {}
            () = slot.some_settled() => {}
            () = engine.ledger.due_changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    // What is claimed already is handed over, so that it comes back as not written and is queued again.
    while claims.next().await.is_some() {}
    dispatch.running.fetch_sub(1, Ordering::AcqRel);
}

fn plan(engine: &Engine, dispatch: &Dispatch, slot: &ChannelSlot, alone: bool) -> Step {
    let now_millis = engine.clock.monotonic_millis();
    let room = slot.room_now(now_millis);
    if room.parts == 0 {
        return Step::Idle;
    }
    let due = engine.ledger.due();
    if due.is_empty() {
        return Step::Idle;
    }
    let is_worth_it = || room.parts >= slot.least_claim(engine.node.joined().is_some());
    if !alone && !is_worth_it() && dispatch.emergencies(&due).is_empty() {
        return Step::Idle;
    }
    let offer = |due: &[Due], room| offer(engine, dispatch, slot, due, room, now_millis);
    if let Some(unfit) = slot.unfit() {
        let here: Vec<Due> = due.iter().filter(|due| is_of(unfit, due)).copied().collect();
        match unfit.claims(room, !dispatch.emergencies(&here).is_empty()) {
            _ if here.is_empty() => slot.set_unfit(None),
            None => return offer(&dispatch.emergencies(&due), room),
            Some(parts) => match offer(&here, Room { parts, open: parts, ..room }) {
                Step::Claim(plan) => return Step::Claim(plan),
                // Its lane is slowed down or it is another channel's turn: others need not wait meanwhile.
                Step::Wait { .. } => {}
                Step::Idle => slot.set_unfit(None),
            },
        }
    }
    offer(&due, room)
}

impl Dispatch {
    /// Those of them that wait in lanes of emergencies.
    fn emergencies(&self, due: &[Due]) -> Vec<Due> {
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        let is_emergency = |due: &&Due| lanes.get(&due.stream.lane).is_some_and(Lane::is_emergency);
        due.iter().filter(is_emergency).copied().collect()
    }
}

fn is_of(unfit: Unfit, due: &Due) -> bool {
    (due.partition, due.stream) == (unfit.partition, unfit.stream)
}

/// Asks the scheduler what of `due` the channel claims.
fn offer(
    engine: &Engine,
    dispatch: &Dispatch,
    slot: &ChannelSlot,
    due: &[Due],
    room: Room,
    now_millis: u64,
) -> Step {
    let slots = dispatch.slots();
    let elsewhere = dispatch.elsewhere();
    let channels = channels_now(&slots, &elsewhere, now_millis);
    let routes = dispatch.routes();
    let lanes = dispatch.lanes.read().unwrap_or_else(PoisonError::into_inner);
    let offer = Offer {
        channel: slot.config.id,
        parts: room.parts,
        reserved: room.kept(),
        now: engine.clock.now(),
        now_millis,
        due,
        home: engine.node.home(),
        routes: &routes,
        channels: &channels,
    };
    dispatch.scheduler().plan(offer, |id| lanes.get(&id))
}

/// Remembers what the claim had too little room for, and forgets what it took.
fn note_unfit(slot: &ChannelSlot, plan: &Plan, unfit: Option<(Stream, u8)>) {
    let partition = plan.partition;
    if let Some((stream, parts)) = unfit {
        slot.set_unfit(Some(Unfit { partition, stream, parts }));
    } else if slot.unfit().is_some_and(|known| {
        known.partition == partition && plan.takes.iter().any(|take| take.stream == known.stream)
    }) {
        slot.set_unfit(None);
    }
}

async fn claim(
    engine: &Arc<Engine>,
    dispatch: &Dispatch,
    slot: &ChannelSlot,
    plan: Plan,
    reservation: Reservation,
) -> Result<(), LedgerError> {
    let began = engine.clock.monotonic_millis();
    let request = ClaimRequest {
        partition: plan.partition,
        channel: slot.config.id,
        gateway: slot.config.gateway,
        carriers: slot.config.reached(),
        takes: plan.takes.clone(),
        max_parts: plan.max_parts,
        now: engine.clock.now(),
        policy: engine.policy(),
    };
    let (began_at, valid_until) = (request.now, engine.node.valid_until());
    let under_way = dispatch.recalls().begin();
    let Claim { outgoing, takes, paused, unfit, .. } = match engine.ledger.claim(request).await {
        Ok(claim) => {
            engine.metrics.claimed(&claim, engine.clock.monotonic_millis().saturating_sub(began));
            if let Some(tracer) = engine.tracer() {
                tracer.claimed(&claim, slot.config.id, (began_at, engine.clock.now()));
            }
            claim
        }
        Err(error) => {
            dispatch.recalls().end(&under_way);
            dispatch.scheduler().served(&plan, &[]);
            if let (LedgerError::Fenced, Some(joined)) = (&error, engine.node.joined()) {
                joined.fence();
            }
            return Err(error);
        }
    };
    let count = u32::try_from(outgoing.len()).unwrap_or(u32::MAX);
    slot.claimed(outgoing.iter().map(|outgoing| u32::from(outgoing.parts)).sum());
    dispatch.scheduler().served(&plan, &takes);
    note_unfit(slot, &plan, unfit);
    if count > 0 {
        slot.health().handed_over(count, began);
        slot.counters.claimed.fetch_add(u64::from(count), Ordering::Relaxed);
    }
    {
        let mut recalls = dispatch.recalls();
        let (outgoing, recalled) = recalls.split(&under_way, outgoing);
        if !outgoing.is_empty() {
            // Nor once this node may have been taken for dead: by then its claims are being recovered.
            let deadline = (began + WRITE_DEADLINE_MILLIS).min(valid_until);
            slot.sample(&outgoing, engine.clock.monotonic_millis());
            slot.channel.submit(outgoing, deadline);
        }
        if !recalled.is_empty() {
            // With a deadline in the past the channel gives them back, and they are settled like any other.
            slot.channel.submit(recalled, 0);
        }
        recalls.end(&under_way);
    }
    drop(reservation);
    for lane in paused {
        if let Err(error) = engine.pause_for_human(lane).await {
            tracing::warn!(%lane, %error, "the campaign of a lane that met the end of its hours was not marked paused");
        }
    }
    Ok(())
}
