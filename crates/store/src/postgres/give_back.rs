//! Claims whose commit was never answered: the database was away for longer than a transaction is tried.
//!
//! Nobody got their messages, so nothing of them was written; but they may be marked as sending, by a claim of a node that
//! lives, which no recovery ends. Invariant: such a claim is kept until it is known whether it happened. If so, its
//! messages are queued again as not written, by a settlement like any other, so that they are once, whoever repeats it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::channel::CarrierCode;
use domain::ids::{ChannelId, GatewayId, PartitionId};
use domain::ledger::{ClaimRequest, Disposition, LedgerError, Settlement};
use domain::message::Reason;
use domain::nodes::NodeId;
use domain::retry::RetryPolicy;
use sea_orm::sqlx::PgConnection;

use super::claim::{Taken, happened};
use super::database::{Operation, Shared};
use super::due::Touched;
use super::fault::Done;
use super::settle::Settle;

/// One of them.
pub(super) struct Lost {
    taken: Taken,
    channel: ChannelId,
    gateway: GatewayId,
}

/// Those of one partition. A claim is asked for one at a time, and the next poll takes them up: there is hardly ever one.
#[derive(Default)]
pub(super) struct LostClaims(Mutex<Vec<Lost>>);

impl LostClaims {
    fn list(&self) -> MutexGuard<'_, Vec<Lost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a claim of which nobody knows whether it happened.
    pub(super) fn keep(&self, taken: Taken, request: &ClaimRequest) {
        if !taken.claim.outgoing.is_empty() {
            self.list().push(Lost { taken, channel: request.channel, gateway: request.gateway });
        }
    }

    /// Whether there is one.
    pub(super) fn any(&self) -> bool {
        !self.list().is_empty()
    }
}

/// Queues again what a claim took, if it took it.
struct GiveBack<'a> {
    partition: PartitionId,
    node: NodeId,
    lost: &'a Lost,
    settlements: Vec<Settlement>,
    retry: &'a RetryPolicy,
}

impl Operation for GiveBack<'_> {
    /// `None`: the claim did not happen, or its messages were recovered.
    type Answer = Option<Touched>;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Option<Touched>> {
        if !happened(&self.lost.taken, self.partition, self.node, db).await? {
            return Ok(None);
        }
        let Self { partition, settlements, retry, .. } = self;
        Settle { partition: *partition, settlements, retry }.run(shared, db).await.map(Some)
    }
}

impl Lost {
    fn settlements(&self) -> Vec<Settlement> {
        let at = self.taken.now;
        let disposition = Disposition::Requeue {
            due_at: at,
            spends_attempt: false,
            avoid: None,
            reason: Reason::ConnectionLost,
            code: CarrierCode::default(),
            gateway: self.gateway,
            ids: Vec::new(),
            possible_duplicate: false,
        };
        let outgoing = self.taken.claim.outgoing.iter();
        outgoing
            .map(|out| Settlement {
                ticket: out.ticket,
                channel: self.channel,
                at,
                disposition: disposition.clone(),
            })
            .collect()
    }
}

impl Shared {
    /// Finds out about the claims of a partition that were never answered. `Some`: messages came back.
    ///
    /// # Errors
    /// While the database does not answer; they are kept.
    pub(super) async fn give_back(
        &self,
        partition: PartitionId,
        retry: &RetryPolicy,
    ) -> Result<Option<Touched>, LedgerError> {
        let lost = &self.known(partition)?.lost;
        let mut back = None;
        loop {
            let Some(one) = lost.list().pop() else { return Ok(back) };
            let settlements = one.settlements();
            let operation = GiveBack { partition, node: self.node, lost: &one, settlements, retry };
            let done = self.transact(&operation).await;
            match done {
                Ok(Some(touched)) => {
                    let messages = one.taken.claim.outgoing.len();
                    tracing::warn!(
                        partition = partition.0,
                        messages,
                        "a claim had happened whose answer was lost; its messages are queued again"
                    );
                    back = Some(touched);
                }
                Ok(None) => {}
                Err(error) => {
                    lost.list().push(one);
                    return Err(error);
                }
            }
        }
    }
}
