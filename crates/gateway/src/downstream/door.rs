//! What all connections of a port share: who is in, and how fast each may go.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::downstream::{Customer, Downstream};
use domain::ids::CustomerId;
use domain::pace::TokenBucket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::Millis;

use super::{DownstreamSettings, Family};

/// One port.
pub(super) struct Door {
    pub(super) family: Family,
    pub(super) settings: DownstreamSettings,
    pub(super) downstream: Arc<dyn Downstream>,
    pub(super) tracker: TaskTracker,
    pub(super) stop: CancellationToken,
    guests: Mutex<HashMap<CustomerId, Guest>>,
}

struct Guest {
    /// As its connections were begun.
    known: Arc<Customer>,
    connections: u16,
    pace: Option<TokenBucket>,
    /// Cancelled when they are to end.
    leave: CancellationToken,
}

/// Between two looks at who may stay.
const LOOK: Duration = Duration::from_millis(400);

/// Why somebody is not let in. Each protocol has its own numbers for these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unwelcome {
    Login,
    Secret,
    Address,
    Version,
    Connections,
}

impl Guest {
    /// Connections that were begun on other terms end.
    fn become_customer(&mut self, customer: &Arc<Customer>) {
        if !customer.serves_as(&self.known) || self.leave.is_cancelled() {
            self.leave.cancel();
            self.leave = CancellationToken::new();
        }
        self.known = Arc::clone(customer);
    }
}

impl Door {
    pub(super) fn new(
        family: Family,
        settings: DownstreamSettings,
        downstream: Arc<dyn Downstream>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self { family, settings, downstream, tracker, stop, guests: Mutex::default() }
    }

    fn guests(&self) -> MutexGuard<'_, HashMap<CustomerId, Guest>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Millis {
        Millis(self.settings.clock.monotonic_millis())
    }

    /// The customer of this login, if it may come in this way.
    pub(super) async fn known(&self, login: &str, from: IpAddr) -> Result<Arc<Customer>, Unwelcome> {
        let customer = self.downstream.customer(login).await.ok_or(Unwelcome::Login)?;
        if Family::of(customer.protocol) != Some(self.family) {
            return Err(Unwelcome::Login);
        }
        if customer.admits(from) { Ok(customer) } else { Err(Unwelcome::Address) }
    }

    /// One connection more here. What is returned is cancelled when it is to end.
    fn enter(&self, customer: &Arc<Customer>) -> Result<CancellationToken, Unwelcome> {
        let now = self.now().0;
        let mut guests = self.guests();
        let guest = guests.entry(customer.id).or_insert_with(|| Guest {
            known: Arc::clone(customer),
            connections: 0,
            pace: None,
            leave: CancellationToken::new(),
        });
        guest.become_customer(customer);
        if guest.connections >= customer.connections {
            return Err(Unwelcome::Connections);
        }
        guest.connections += 1;
        if guest.pace.is_none() {
            let rate = self.downstream.pace(customer);
            guest.pace = rate.map(|rate| TokenBucket::new(rate, rate, now).filled());
        }
        Ok(guest.leave.clone())
    }

    /// As [`Self::enter`], unless all nodes together have as many connections as there may be.
    pub(super) async fn let_in(&self, customer: &Arc<Customer>) -> Result<CancellationToken, Unwelcome> {
        let leave = self.enter(customer)?;
        if self.downstream.enter(customer).await {
            self.keep_pace();
            return Ok(leave);
        }
        self.one_less(customer.id);
        Err(Unwelcome::Connections)
    }

    /// The part of its pace that falls to this node changes with the connections that other nodes have.
    fn keep_pace(&self) {
        let now = self.now().0;
        for guest in self.guests().values_mut() {
            let rate = self.downstream.pace(&guest.known);
            if guest.pace.as_ref().map(TokenBucket::per_second) != rate {
                guest.pace = match (guest.pace.take(), rate) {
                    (Some(known), Some(rate)) => Some(known.at_rate(rate, now)),
                    (_, rate) => rate.map(|rate| TokenBucket::new(rate, rate, now).filled()),
                };
            }
        }
    }

    /// Lets everybody go who is not let in any more, or on other terms.
    fn review(&self, customers: &[Arc<Customer>]) {
        self.guests().retain(|id, guest| {
            match customers.iter().find(|customer| customer.id == *id) {
                Some(customer) => guest.become_customer(customer),
                None => guest.leave.cancel(),
            }
            // Who is here no more keeps what is left of its pace, as long as it may come back.
            guest.connections > 0 || !guest.leave.is_cancelled()
        });
    }

    /// Looks again and again, until told to stop. A configuration that cannot be read closes no connection.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            if self.guests().is_empty() {
                continue;
            }
            if let Some(customers) = self.downstream.customers().await {
                self.review(&customers);
            }
            self.keep_pace();
        }
    }

    pub(super) fn leave(&self, customer: CustomerId) {
        self.one_less(customer);
        self.downstream.leave(customer);
    }

    fn one_less(&self, customer: CustomerId) {
        if let Some(guest) = self.guests().get_mut(&customer) {
            guest.connections = guest.connections.saturating_sub(1);
        }
    }

    /// Whether a customer may send so many parts now; they count if it may. A submit to more phones than parts may be sent
    /// in a second is let through owing the rest: refused as too fast, it would be sent again and refused for ever.
    pub(super) fn may_send(&self, customer: CustomerId, parts: u32) -> bool {
        let now = self.now().0;
        let mut guests = self.guests();
        let Some(Guest { pace: Some(pace), .. }) = guests.get_mut(&customer) else { return true };
        pace.take_whole(parts, now)
    }
}
