//! What all connections of a port share: who is in, and how fast each may go.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    connections: u16,
    pace: Option<TokenBucket>,
}

/// Why somebody is not let in. Each protocol has its own numbers for these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unwelcome {
    Login,
    Secret,
    Address,
    Version,
    Connections,
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

    /// One connection more.
    pub(super) fn enter(&self, customer: &Customer) -> Result<(), Unwelcome> {
        let now = self.now().0;
        let mut guests = self.guests();
        let guest = guests.entry(customer.id).or_insert(Guest { connections: 0, pace: None });
        if guest.connections >= customer.connections {
            return Err(Unwelcome::Connections);
        }
        guest.connections += 1;
        let known = guest.pace.as_ref().map(TokenBucket::per_second);
        if known != customer.parts_per_second {
            guest.pace = customer.parts_per_second.map(|rate| TokenBucket::new(rate, rate, now).filled());
        }
        Ok(())
    }

    pub(super) fn leave(&self, customer: CustomerId) {
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
