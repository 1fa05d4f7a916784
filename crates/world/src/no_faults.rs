//! Releases know no deliberate faults: what the world asks of `faults.rs`, answered by the product as it is.

use std::sync::{Arc, Mutex};

use domain::channel::Channel;
use domain::control::Campaign;
use domain::ledger::Ledger;
use domain::policy::Policy;
use domain::retry::RetryPolicy;

use crate::cast;

/// What is wrong in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fault {
    /// Nothing: the product as it is.
    #[default]
    None,
}

/// What faults would remember.
#[derive(Default)]
pub(crate) struct Memory;

impl Fault {
    pub(crate) fn policy(self) -> Arc<Policy> {
        cast::policy()
    }

    pub(crate) fn retry(self) -> RetryPolicy {
        RetryPolicy::default()
    }

    pub(crate) fn ledger(self, inner: Arc<dyn Ledger>, _memory: &Arc<Mutex<Memory>>) -> Arc<dyn Ledger> {
        inner
    }

    pub(crate) fn also_recovered(self, _place: usize) -> Vec<u8> {
        Vec::new()
    }

    pub(crate) fn forgets_takeover(self) -> bool {
        false
    }

    pub(crate) fn forgets_fence(self) -> bool {
        false
    }

    pub(crate) fn acknowledges_at_once(self) -> bool {
        false
    }

    pub(crate) fn loses_grants(self) -> bool {
        false
    }

    pub(crate) fn forgets_cancels(self) -> bool {
        false
    }

    pub(crate) fn forgets_redactions(self) -> bool {
        false
    }

    pub(crate) fn posts_twice(self) -> bool {
        false
    }

    pub(crate) fn forgets_refunds(self) -> bool {
        false
    }

    pub(crate) fn mix_up<P>(self, _steps: &mut [(u64, P, bool)]) {}

    pub(crate) fn read(self, campaign: Campaign) -> Campaign {
        campaign
    }

    pub(crate) fn listed(self, campaign: Campaign) -> Campaign {
        campaign
    }

    pub(crate) fn channel(self, inner: Arc<dyn Channel>) -> Arc<dyn Channel> {
        inner
    }
}
