//! The tasks of a provider's channel: some send, one keeps watch and ends it. (One more asks for receipts: `asking`.)

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::carrier_code::advice;
use domain::channel::{CarrierCode, ChannelEvent, Outgoing, SubmitOutcome};
use domain::message::Reason;

use super::channel::{Core, Waiting};
use super::client::{CONNECT_WITHIN, Exchange};
use super::dialect::{Awaited, Job, UNRENDERED, all, refused, uncertain};
use crate::backoff::Backoff;

/// How long the answers to what was written are awaited when the channel is stopped; less than the engine waits for the
/// goodbye.
pub(super) const FAREWELL: Duration = Duration::from_secs(4);
/// Between two looks at a channel that is there.
const LOOK: Duration = Duration::from_millis(500);

/// Sends until the channel is stopped.
pub(super) async fn send(core: Arc<Core>) {
    loop {
        // Before the look into the queue: what is put there later sees the stop itself.
        let stopping = core.stop.is_cancelled();
        let taken = take(&core, stopping);
        let had_work = !(taken.late.is_empty() && taken.refused.is_empty() && taken.batch.is_empty());
        let late = taken.late.into_iter().map(|m| (m, SubmitOutcome::NotWritten { recalled: false }));
        tell(&core, late.chain(taken.refused).collect()).await;
        if !taken.batch.is_empty() {
            exchange(&core, taken.batch).await;
        }
        if !had_work {
            if stopping {
                break;
            }
            tokio::select! {
                () = core.work.notified() => {}
                () = core.stop.cancelled() => {}
            }
        }
    }
    ended(&core).await;
}

/// What a task takes from the queue.
#[derive(Default)]
struct Taken {
    /// For one request.
    batch: Vec<Job>,
    /// Too old to be written, or the channel is stopped.
    late: Vec<Outgoing>,
    /// Refused without a request.
    refused: Vec<(Outgoing, SubmitOutcome)>,
}

/// The first that waits, and with it those that go in the same request.
fn take(core: &Core, stopping: bool) -> Taken {
    let mut taken = Taken::default();
    let written_by = core.now_millis() + u64::try_from(CONNECT_WITHIN.as_millis()).unwrap_or(u64::MAX);
    let mut state = core.state();
    let mut kept = Vec::new();
    while let Some(waiting) = state.waiting.pop_front() {
        let Waiting { outgoing, prepared, deadline } = waiting;
        if stopping || state.down || deadline < written_by {
            taken.late.push(outgoing);
            continue;
        }
        match prepared {
            Err(code) => taken.refused.push((outgoing, refused(code))),
            Ok(prepared) => {
                // A provider may name what it took by the phone: each phone once in a request.
                let fits = taken
                    .batch
                    .iter()
                    .all(|job| job.prepared.alike == prepared.alike && job.outgoing.phone != outgoing.phone);
                if fits {
                    taken.batch.push(Job { outgoing, prepared });
                } else {
                    kept.push(Waiting { outgoing, prepared: Ok(prepared), deadline });
                }
                if taken.batch.len() >= core.dialect.most() {
                    break;
                }
            }
        }
    }
    for waiting in kept.into_iter().rev() {
        state.waiting.push_front(waiting);
    }
    if !state.waiting.is_empty() {
        core.work.notify_one();
    }
    taken
}

async fn tell(core: &Core, answers: Vec<(Outgoing, SubmitOutcome)>) {
    if let Some(event) = core.settled(answers) {
        let _closed_at_shutdown = core.events.send(event).await;
    }
}

async fn exchange(core: &Arc<Core>, batch: Vec<Job>) {
    let request = match core.dialect.request(&batch, &core.stamp()) {
        Ok(request) => request,
        Err(_) if batch.len() > 1 => {
            // One that cannot be written is not to take the others along.
            for job in batch {
                Box::pin(exchange(core, vec![job])).await;
            }
            return;
        }
        Err(code) => {
            tell(core, batch.into_iter().map(|job| (job.outgoing, refused(code))).collect()).await;
            return;
        }
    };
    let exchange = core.client.exchange(request, core.settings.response_timeout);
    tokio::pin!(exchange);
    let exchanged = tokio::select! {
        exchanged = &mut exchange => exchanged,
        () = core.stop.cancelled() => {
            tokio::time::timeout(FAREWELL, &mut exchange).await.unwrap_or(Exchange::Unknown)
        }
    };
    let outcomes = match &exchanged {
        Exchange::Answered { status, body } => core.dialect.answer(&batch, *status, body),
        Exchange::Malformed => all(&batch, &refused(CarrierCode::new(UNRENDERED))),
        Exchange::NotSent => all(&batch, &SubmitOutcome::NotWritten { recalled: false }),
        Exchange::Unknown => all(&batch, &uncertain()),
    };
    if outcomes.contains(&SubmitOutcome::Throttled) {
        core.pace().slow_down(core.now_millis());
    }
    note_trouble(core, &outcomes).await;
    if matches!(exchanged, Exchange::NotSent) {
        rest(core).await;
    }
    follow(core, &batch, &outcomes);
    // An answer for each message, whatever a dialect made of it.
    let outcomes = outcomes.into_iter().chain(std::iter::repeat(uncertain()));
    tell(core, batch.into_iter().map(|job| job.outgoing).zip(outcomes).collect()).await;
}

/// What was taken is asked for later, where receipts are asked for.
fn follow(core: &Core, batch: &[Job], outcomes: &[SubmitOutcome]) {
    if !core.dialect.follows() {
        return;
    }
    let taken_at = core.settings.clock.now();
    for (job, outcome) in batch.iter().zip(outcomes) {
        if let SubmitOutcome::Taken(ids) = outcome
            && let Some(id) = ids.first()
        {
            core.follow(Awaited { id: id.clone(), phone: job.outgoing.phone, taken_at, asked: 0 });
        }
    }
}

/// A provider that refuses our key or settings needs a person.
async fn note_trouble(core: &Core, outcomes: &[SubmitOutcome]) {
    let trouble = outcomes.iter().find_map(|outcome| match outcome {
        SubmitOutcome::Refused { code, .. } if code.reason() == Reason::CarrierAccount => {
            let said = advice(code.as_str()).map(|(full, said)| format!(" {full} {} · {}", said.zh, said.en));
            Some(format!("{}{}", code.as_str(), said.unwrap_or_default()))
        }
        _ => None,
    });
    let works = outcomes.iter().any(|outcome| matches!(outcome, SubmitOutcome::Taken(_)));
    if trouble.is_none() && !works {
        return;
    }
    let changed = {
        let mut state = core.state();
        let changed = state.trouble != trouble;
        state.trouble = trouble;
        changed
    };
    if changed {
        core.tell_connections().await;
    }
}

/// No connection could be made: the channel is down for a while. Whoever notices first says so.
async fn rest(core: &Arc<Core>) {
    let first = {
        let mut state = core.state();
        !std::mem::replace(&mut state.down, true)
    };
    if first {
        tracing::info!(channel = %core.config.id, "could not connect");
        core.tell_connections().await;
        core.changed.notify_one();
        core.work.notify_waiters();
    }
}

/// Tells that the channel is there, and brings it back after a rest when no connection could be made.
pub(super) async fn keep(core: Arc<Core>) {
    core.tell_connections().await;
    let mut backoff = Backoff::default();
    let mut was_down = false;
    while !core.stop.is_cancelled() {
        let down = core.state().down;
        let wait = if down { backoff.next(&mut core.rng()) } else { LOOK };
        tokio::select! {
            () = core.stop.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
        if down {
            core.state().down = false;
            core.tell_connections().await;
            core.changed.notify_one();
        } else if !was_down {
            backoff.reset();
        }
        was_down = down;
    }
    ended(&core).await;
}

/// The last task to end says so.
pub(super) async fn ended(core: &Core) {
    if core.running.fetch_sub(1, Ordering::AcqRel) == 1 {
        let _nobody_listens = core.events.send((core.config.id, ChannelEvent::Ended)).await;
    }
}
