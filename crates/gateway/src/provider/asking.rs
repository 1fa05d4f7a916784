//! The task that asks a provider for receipts and inbound messages: from its queues or lists, and message by message.

use std::sync::Arc;
use std::time::Duration;

use domain::channel::{CarrierMessageId, ChannelEvent, Receipt};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::channel::Core;
use super::client::Exchange;
use super::dialect::{Arrivals, Awaited, Followed, HttpRequest, Next};
use super::work::{FAREWELL, ended};

/// Answers to a question that may follow each other without a pause, so that one task does not pull for ever.
const MOST_PULLS: usize = 100;
/// How long what was pulled may take to be durable before more of it is asked for.
const DURABLE_WITHIN: Duration = Duration::from_secs(30);
/// Questions about single messages that are under way at once,
const AT_ONCE: usize = 16;
/// and the rounds of them between two pauses: what is left is asked for after the next one.
const MOST_ROUNDS: usize = 64;

/// Asks for receipts and inbound messages until the channel is stopped.
pub(super) async fn ask(core: Arc<Core>, every: Duration) {
    loop {
        tokio::select! {
            () = core.stop.cancelled() => break,
            () = tokio::time::sleep(every) => {}
        }
        for (place, question) in core.dialect.questions(&core.stamp()).into_iter().enumerate() {
            pull(&core, place, question).await;
        }
        follow_up(&core).await;
    }
    ended(&core).await;
}

/// Asks one question until nothing more comes: what it has signed may be sent once, so each further time it is made anew.
async fn pull(core: &Core, place: usize, first: HttpRequest) {
    let mut next = Some(first);
    for _ in 0..MOST_PULLS {
        if core.stop.is_cancelled() {
            return;
        }
        let Some(request) = next.take() else { return };
        // What the provider has given is gone there: its answer is waited for, but not for long.
        let Exchange::Answered { status, body } = exchange(core, request).await else { return };
        let Some(arrivals) = core.dialect.told(status, &body, core.settings.clock.now()) else {
            tracing::warn!(channel = %core.config.id, status, "a question for receipts was refused");
            return;
        };
        let Arrivals { receipts, mut inbound, next: following } = arrivals;
        core.heard().sift(&mut inbound);
        let heard: Vec<CarrierMessageId> = inbound.iter().map(|message| message.carrier_id.clone()).collect();
        let arrivals = Arrivals { receipts, inbound, next: Next::Nothing };
        if !arrived(core, arrivals).await {
            return;
        }
        core.heard().add(heard);
        next = match following {
            Next::Nothing => None,
            Next::Again => core.dialect.questions(&core.stamp()).into_iter().nth(place),
            Next::Page(request) => Some(request),
        };
    }
}

/// An exchange that does not hold up the channel's end.
async fn exchange(core: &Core, request: HttpRequest) -> Exchange {
    let exchange = core.client.exchange(request, core.settings.response_timeout);
    tokio::pin!(exchange);
    tokio::select! {
        exchanged = &mut exchange => exchanged,
        () = core.stop.cancelled() => {
            tokio::time::timeout(FAREWELL, &mut exchange).await.unwrap_or(Exchange::Unknown)
        }
    }
}

/// Asks what became of the messages whose time has come.
async fn follow_up(core: &Arc<Core>) {
    for _ in 0..MOST_ROUNDS {
        let due = core.awaited().due(core.now_millis(), AT_ONCE);
        if due.is_empty() || core.stop.is_cancelled() {
            return;
        }
        let mut asking = JoinSet::new();
        for awaited in due {
            asking.spawn(follow(Arc::clone(core), awaited));
        }
        let mut known: Vec<(Awaited, Receipt)> = Vec::new();
        while let Some(asked) = asking.join_next().await {
            known.extend(asked.ok().flatten());
        }
        let receipts = known.iter().map(|(_, receipt)| receipt.clone()).collect();
        let arrivals = Arrivals { receipts, ..Arrivals::default() };
        if !arrived(core, arrivals).await {
            // Not durable as far as is known: they are asked for again.
            known.into_iter().for_each(|(awaited, _)| core.follow(awaited));
            return;
        }
    }
}

/// Asks for one message. What is not known yet is asked for again later.
async fn follow(core: Arc<Core>, mut awaited: Awaited) -> Option<(Awaited, Receipt)> {
    let request = core.dialect.follow(&awaited, &core.stamp())?;
    let exchanged = exchange(&core, request).await;
    awaited.asked = awaited.asked.saturating_add(1);
    let followed = match exchanged {
        Exchange::Answered { status, body } => {
            core.dialect.followed(&awaited, status, &body, core.settings.clock.now())
        }
        Exchange::Malformed => Followed::Never,
        Exchange::NotSent | Exchange::Unknown => Followed::Later,
    };
    match followed {
        Followed::Known(receipt) => return Some((awaited, receipt)),
        Followed::Later => core.follow(awaited),
        Followed::Never => {}
    }
    None
}

/// Hands over what was asked for. `false`: it is not durable yet, so no more is asked for now.
async fn arrived(core: &Core, arrivals: Arrivals) -> bool {
    let Arrivals { receipts, inbound, .. } = arrivals;
    if receipts.is_empty() && inbound.is_empty() {
        return true;
    }
    let (done, durable) = oneshot::channel();
    let acknowledge = Box::new(move || {
        let _nobody_waits = done.send(());
    });
    let event = ChannelEvent::Arrived { receipts, inbound, acknowledge };
    let _closed_at_shutdown = core.events.send((core.config.id, event)).await;
    matches!(tokio::time::timeout(DURABLE_WITHIN, durable).await, Ok(Ok(())))
}
