//! The one way to begin a writing transaction through SeaORM.

use domain::control::ControlError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::MutexGuard;

use super::ControlDb;
use super::error::of_database;
use files::Anchor;

/// A transaction together with the turn to write, where there is one. Dropped without [`Self::commit`], it is rolled back.
pub(super) struct Write<'a> {
    /// Before the turn, because fields are dropped in order: the next writer finds this one gone.
    pub(super) transaction: DatabaseTransaction,
    turn: Option<MutexGuard<'a, Anchor>>,
}

impl ControlDb {
    /// Waits for its turn, first come first served, and begins.
    pub(super) async fn write(&self) -> Result<Write<'_>, ControlError> {
        let turn = match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let transaction = begin(&self.db).await.map_err(|e| of_database(&e, "transaction"))?;
        Ok(Write { transaction, turn })
    }
}

impl Write<'_> {
    /// Durable on return.
    pub(super) async fn commit(self) -> Result<(), ControlError> {
        if let Some(files) = &self.turn {
            files.holds()?;
        }
        self.transaction.commit().await.map_err(|e| of_database(&e, "transaction"))
    }
}

impl ControlDb {
    /// A transaction that sees one moment, whatever is written meanwhile, and writes nothing.
    pub(super) async fn read(&self) -> Result<DatabaseTransaction, ControlError> {
        // SQLite's transactions see one moment anyway.
        let isolation_level = self.turn.is_none().then_some(IsolationLevel::RepeatableRead);
        let options = TransactionOptions { isolation_level, ..Default::default() };
        self.db.begin_with_options(options).await.map_err(|e| of_database(&e, "transaction"))
    }
}

/// Takes SQLite's write lock at once: a transaction that reads first and writes later could not wait for it.
pub(super) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    db.begin_with_options(immediate).await
}
