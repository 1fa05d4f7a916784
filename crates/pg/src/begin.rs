//! The one way to begin a transaction on the driver's own connections.

use sea_orm::sqlx::{Connection as _, Error as SqlError, PgConnection, Postgres, Transaction};

/// A transaction; dropped, it is rolled back.
///
/// # Errors
/// The driver's, when the connection is lost.
#[expect(clippy::disallowed_methods, reason = "the one place where transactions begin")]
pub async fn begin(db: &mut PgConnection) -> Result<Transaction<'_, Postgres>, SqlError> {
    db.begin().await
}
