//! What the channel's front and one connection's task share: the messages that wait, and the acknowledgements due.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::channel::{Acknowledge, Outgoing};
use domain::phone::Phone;
use tokio::sync::Notify;
use wire::session::Protocol;

/// A message that waits for its connection's window.
pub(crate) struct Waiting {
    pub(crate) outgoing: Outgoing,
    /// Milliseconds of the monotonic clock after which it must not be written.
    pub(crate) deadline: u64,
}

/// A DELIVER to be acknowledged.
pub(crate) struct Ack<P: Protocol> {
    pub(crate) sequence: P::Sequence,
    pub(crate) msg_id: P::MsgId,
}

/// A DELIVER to be acknowledged over the connection that it came over, while that lives.
pub(crate) struct Owed<P: Protocol> {
    to: Arc<Handover<P>>,
    epoch: u64,
    ack: Ack<P>,
}

impl<P: Protocol> Owed<P> {
    /// Over the connection that is up, or that has just logged in and is about to be counted.
    pub(crate) fn over(to: &Arc<Handover<P>>, ack: Ack<P>) -> Self {
        let state = to.lock();
        let epoch = state.epoch + u64::from(!state.up);
        Self { to: Arc::clone(to), epoch, ack }
    }

    fn pay(self) {
        let Self { to, epoch, ack } = self;
        to.owe(epoch, [ack]);
    }
}

pub(crate) struct State<P: Protocol> {
    pub(crate) up: bool,
    /// Counts connections made: an acknowledgement for an earlier one is worthless.
    pub(crate) epoch: u64,
    /// Window less parts that wait or are unanswered. May go below zero by the parts of one long message, since
    /// capacity is promised over all connections together.
    pub(crate) free: i64,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) acks: Vec<Ack<P>>,
}

pub(crate) struct Handover<P: Protocol> {
    state: Mutex<State<P>>,
    /// Wakes the connection's task.
    pub(crate) wake: Notify,
}

impl<P: Protocol> Handover<P> {
    pub(crate) fn new() -> Arc<Self> {
        let state = State { up: false, epoch: 0, free: 0, waiting: VecDeque::new(), acks: Vec::new() };
        Arc::new(Self { state: Mutex::new(state), wake: Notify::new() })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a connection's life with its whole window free.
    pub(crate) fn connected(&self, window: u16) -> u64 {
        let mut state = self.lock();
        state.up = true;
        state.epoch += 1;
        state.free = i64::from(window);
        state.acks.clear();
        state.epoch
    }

    /// Ends it, and gives back what was not written.
    pub(crate) fn disconnected(&self) -> Vec<Outgoing> {
        let mut state = self.lock();
        state.up = false;
        state.free = 0;
        state.acks.clear();
        state.waiting.drain(..).map(|waiting| waiting.outgoing).collect()
    }

    /// Parts that may be handed over now.
    pub(crate) fn free(&self) -> i64 {
        let state = self.lock();
        if state.up { state.free } else { 0 }
    }

    /// Nothing is on its way. A connection that is down has nothing, and gets nothing.
    pub(crate) fn is_rested(&self, window: u16) -> bool {
        let state = self.lock();
        !state.up || state.free == i64::from(window)
    }

    /// Hands a message over; gives it back when the connection is down.
    pub(crate) fn push(&self, outgoing: Outgoing, deadline: u64) -> Result<(), Outgoing> {
        let mut state = self.lock();
        if !state.up {
            return Err(outgoing);
        }
        state.free -= i64::from(outgoing.parts);
        state.waiting.push_back(Waiting { outgoing, deadline });
        Ok(())
    }

    /// Takes back what waits for a phone.
    pub(crate) fn recall(&self, phone: Phone) -> Vec<Outgoing> {
        let mut state = self.lock();
        let (recalled, kept): (Vec<_>, Vec<_>) =
            state.waiting.drain(..).partition(|waiting| waiting.outgoing.phone == phone);
        state.waiting = kept.into();
        state.free += recalled.iter().map(|waiting| i64::from(waiting.outgoing.parts)).sum::<i64>();
        recalled.into_iter().map(|waiting| waiting.outgoing).collect()
    }

    /// Gives window back.
    pub(crate) fn release(&self, parts: i64) {
        self.lock().free += parts;
    }

    /// What the engine calls when the DELIVERs of one read are durable; `owed`: those of them that came over any connection.
    pub(crate) fn acknowledge(
        self: &Arc<Self>,
        epoch: u64,
        acks: Vec<Ack<P>>,
        owed: Vec<Owed<P>>,
    ) -> Acknowledge {
        let handover = Arc::clone(self);
        Box::new(move || {
            handover.owe(epoch, acks);
            owed.into_iter().for_each(Owed::pay);
        })
    }

    /// Acknowledgements for the connection of that epoch, if it is still there.
    fn owe(&self, epoch: u64, acks: impl IntoIterator<Item = Ack<P>>) {
        let mut state = self.lock();
        if state.up && state.epoch == epoch {
            state.acks.extend(acks);
            drop(state);
            self.wake.notify_one();
        }
    }
}
