//! The one way to the database: a transaction that is tried again when that may help, and a look without one.

use std::future::Future;
use std::sync::Arc;

use domain::ids::{PartitionId, PartitionMap};
use domain::ledger::LedgerError;
use domain::nodes::NodeId;
use domain::time::Timestamp;
use pg::{Tries, begin};
use sea_orm::sqlx::{PgConnection, PgPool};

use super::due::Known;
use super::fault::{Done, Trouble};
use crate::moves::fault::{self, Outcome};
use crate::moves::told::Told;
use crate::sealing::{Sealer, TableSealer};

/// What every operation needs.
pub(super) struct Shared {
    pub pool: PgPool,
    pub map: PartitionMap,
    pub sealer: Arc<Sealer>,
    pub messages: Arc<TableSealer>,
    /// Of this node: whose claims [`Ledger::recover`](domain::ledger::Ledger::recover) ends.
    pub node: NodeId,
    pub known: Vec<Known>,
    pub told: Told,
}

/// One transaction, or one look. Run anew from its beginning when it is tried again, so it keeps nothing in between.
pub(super) trait Operation: Sync {
    type Answer: Send;

    fn run(&self, shared: &Shared, db: &mut PgConnection) -> impl Future<Output = Done<Self::Answer>> + Send;

    /// After a commit whose answer was lost: whether it happened. An operation that changes nothing when it is repeated
    /// may simply be repeated.
    fn happened(
        &self,
        _answer: &Self::Answer,
        _db: &mut PgConnection,
    ) -> impl Future<Output = Done<bool>> + Send {
        async { Ok(false) }
    }
}

/// A commit whose answer was lost, with what the operation would have answered.
enum Ended<T> {
    Done(T),
    Unsure(T, Trouble),
}

/// A transaction that was tried as often as it may be.
pub(super) struct GivenUp<T> {
    pub error: LedgerError,
    /// What it would have answered, when nobody knows whether it happened.
    pub unsure: Option<T>,
}

impl Shared {
    /// One transaction.
    pub(super) async fn transact<O: Operation>(&self, operation: &O) -> Result<O::Answer, LedgerError> {
        self.try_transact(operation).await.map_err(|given_up| given_up.error)
    }

    /// One transaction, for a caller that must know when nobody knows whether it happened.
    pub(super) async fn try_transact<O: Operation>(
        &self,
        operation: &O,
    ) -> Result<O::Answer, GivenUp<O::Answer>> {
        let mut unsure: Option<O::Answer> = None;
        let mut tries = Tries::default();
        loop {
            let trouble = match self.attempt(operation, unsure.take()).await {
                Ok(Ended::Done(answer)) => return Ok(answer),
                Ok(Ended::Unsure(answer, trouble)) => {
                    unsure = Some(answer);
                    trouble
                }
                Err(trouble) => trouble,
            };
            if !trouble.may_pass() || !tries.again().await {
                return Err(GivenUp { error: trouble.into_error(), unsure });
            }
        }
    }

    async fn attempt<O: Operation>(
        &self,
        operation: &O,
        unsure: Option<O::Answer>,
    ) -> Done<Ended<O::Answer>> {
        let mut connection = match self.pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => return keep(unsure, error.into()),
        };
        let mut transaction = match begin(&mut connection).await {
            Ok(transaction) => transaction,
            Err(error) => return keep(unsure, error.into()),
        };
        if let Some(answer) = unsure {
            match operation.happened(&answer, &mut transaction).await {
                Ok(true) => return Ok(Ended::Done(answer)),
                Ok(false) => (),
                Err(trouble) => return Ok(Ended::Unsure(answer, trouble)),
            }
        }
        let answer = operation.run(self, &mut transaction).await?;
        match transaction.commit().await.map_err(Trouble::from) {
            Ok(()) => Ok(Ended::Done(answer)),
            Err(trouble) if trouble.is_lost_connection() => Ok(Ended::Unsure(answer, trouble)),
            Err(trouble) => Err(trouble),
        }
    }

    /// Statements that each stand alone and change nothing.
    pub(super) async fn look<O: Operation>(&self, operation: &O) -> Result<O::Answer, LedgerError> {
        let mut tries = Tries::default();
        loop {
            let looked = match self.pool.acquire().await {
                Ok(mut connection) => operation.run(self, &mut connection).await,
                Err(error) => Err(error.into()),
            };
            match looked {
                Err(trouble) if trouble.may_pass() && tries.again().await => {}
                done => return done.map_err(Trouble::into_error),
            }
        }
    }

    pub(super) fn known(&self, id: PartitionId) -> Result<&Known, LedgerError> {
        self.known.get(usize::from(id.0)).ok_or(LedgerError::NoSuch("partition"))
    }

    /// A partition's now: never behind what this node knows to be committed, nor behind `row`, what the partition's row
    /// says when it was locked.
    pub(super) fn now(&self, id: PartitionId, row: Timestamp, clock: Timestamp) -> Outcome<Timestamp> {
        let known = self.known(id).map_err(fault::Fault::Refused)?;
        fault::now(known.committed_now().max(row), clock)
    }
}

fn keep<T>(unsure: Option<T>, trouble: Trouble) -> Done<Ended<T>> {
    match unsure {
        Some(answer) => Ok(Ended::Unsure(answer, trouble)),
        None => Err(trouble),
    }
}

/// A partition as statements name it.
pub(super) fn number(id: PartitionId) -> i32 {
    i32::from(id.0)
}
