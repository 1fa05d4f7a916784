//! What nodes tell each other: numbers with heartbeats, leases, and the number of the configuration.
//!
//! Every change is one statement that names what it expects to find, so two nodes never both succeed, whatever they
//! believed before. Its connections are its own: a heartbeat waits for no import.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use domain::control::ControlError;
use domain::nodes::{Lease, LeaseName, NODE_NUMBERS, NodeId, NodeRow, Nodes, Picture, Standing};
use domain::time::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, SqlxPostgresConnector, UpdateMany,
};

use super::error::{OpenControlError, of_database};
use super::reading::{Reading, stored};
use super::row::{lease, node, revision};
use super::{ControlDb, open};
use pg::{PlaceError, PostgresPlace};

/// A heartbeat and a look at the same time.
const CONNECTIONS: u32 = 2;
/// A heartbeat that takes longer is as good as lost.
const ACQUIRE: Duration = Duration::from_secs(3);
/// Of channels, routes, prices and settings together.
const CONFIGURATION: &str = "configuration";

const NODE: Reading = Reading("node");
const LEASE: Reading = Reading("lease");

/// [`Nodes`] in the control database, on either engine.
#[derive(Debug)]
pub struct NodeDb {
    db: DatabaseConnection,
}

impl NodeDb {
    /// In the control database of a data folder, which is made or brought up to date first.
    ///
    /// # Errors
    /// [`OpenControlError`].
    pub async fn open(folder: &Path) -> Result<Self, OpenControlError> {
        std::fs::create_dir_all(folder)?;
        let db = open::connect(&ControlDb::file(folder), None).await?;
        open::migrate(&db).await?;
        Ok(Self { db })
    }

    /// In a control database on PostgreSQL that was migrated. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// When the URL is not understood; it is not repeated, since it may hold a password.
    pub fn on_postgres(place: &PostgresPlace) -> Result<Self, PlaceError> {
        let place = PostgresPlace { connections: CONNECTIONS, ..place.clone() };
        let pool = place.connect_within(ACQUIRE)?;
        Ok(Self { db: SqlxPostgresConnector::from_sqlx_postgres_pool(pool) })
    }

    /// Closes the connections.
    ///
    /// # Errors
    /// When the engine cannot; nothing is lost by that.
    pub async fn close(&self) -> Result<(), ControlError> {
        self.db.close_by_ref().await.map_err(|e| failed(&e))
    }

    async fn rows(&self) -> Result<Vec<NodeRow>, ControlError> {
        let rows = node::Entity::find().order_by_asc(node::Column::Number).all(&self.db).await;
        rows.map_err(|e| failed(&e))?.iter().map(node_of).collect()
    }

    /// Sets a node's standing where its life is still in one of `from`. Whether it was.
    async fn stand(
        &self,
        of: NodeId,
        to: Standing,
        from: &[Standing],
        beat: Option<u64>,
    ) -> Result<bool, ControlError> {
        let codes = from.iter().map(|standing| i32::from(standing.code()));
        let mut change = node::Entity::update_many()
            .col_expr(node::Column::Standing, Expr::value(i32::from(to.code())))
            .filter(node::Column::Number.eq(i32::from(of.number)))
            .filter(node::Column::Epoch.eq(i64::from(of.epoch)))
            .filter(node::Column::Standing.is_in(codes));
        if let Some(beat) = beat {
            change = change.filter(node::Column::Beat.eq(stored(beat)));
        }
        Ok(change.exec(&self.db).await.map_err(|e| failed(&e))?.rows_affected == 1)
    }
}

/// Raises the number of the configuration in the transaction that changes it, so that other nodes read it again.
pub(super) async fn configuration_changed(db: &impl ConnectionTrait) -> Result<(), ControlError> {
    let first = revision::Model { name: CONFIGURATION.to_owned(), number: 1 };
    let number = Expr::col((revision::Entity, revision::Column::Number));
    let next = OnConflict::column(revision::Column::Name)
        .value(revision::Column::Number, number.add(1i64))
        .to_owned();
    let raised = revision::Entity::insert(first.into_active_model()).on_conflict(next);
    raised.exec_without_returning(db).await.map_err(|e| of_database(&e, "revision"))?;
    Ok(())
}

#[async_trait]
impl Nodes for NodeDb {
    async fn picture(&self) -> Result<Picture, ControlError> {
        // Nodes after leases: whoever holds one had joined before, so a holder who is not there has ended.
        let leases = lease::Entity::find().order_by_asc(lease::Column::Name).all(&self.db).await;
        let nodes = self.rows().await?;
        let configuration = revision::Entity::find_by_id(CONFIGURATION).one(&self.db).await;
        let configuration = configuration.map_err(|e| failed(&e))?.map_or(0, |row| row.number);
        Ok(Picture {
            nodes,
            leases: leases.map_err(|e| failed(&e))?.iter().map(lease_of).collect::<Result<_, _>>()?,
            configuration: Reading("revision").number("number", configuration)?,
        })
    }

    async fn join(
        &self,
        number: u8,
        seen: Option<&NodeRow>,
        clock: Timestamp,
    ) -> Result<Option<NodeId>, ControlError> {
        let epoch = seen.map_or(1, |row| row.node.epoch + 1);
        let live = i32::from(Standing::Live.code());
        let joined = match seen {
            None => {
                let row = node::Model {
                    number: number.into(),
                    epoch: epoch.into(),
                    standing: live,
                    beat: 0,
                    clock: clock.millis(),
                };
                let added = node::Entity::insert(row.into_active_model());
                inserted(added.exec_without_returning(&self.db).await)?
            }
            Some(seen) => {
                let update = node::Entity::update_many()
                    .col_expr(node::Column::Epoch, Expr::value(i64::from(epoch)))
                    .col_expr(node::Column::Standing, Expr::value(live))
                    .col_expr(node::Column::Clock, Expr::value(clock.millis()))
                    .filter(node::Column::Number.eq(i32::from(number)))
                    .filter(node::Column::Epoch.eq(i64::from(seen.node.epoch)))
                    .filter(node::Column::Standing.eq(i32::from(Standing::Free.code())));
                update.exec(&self.db).await.map_err(|e| failed(&e))?.rows_affected == 1
            }
        };
        Ok(joined.then_some(NodeId { number, epoch }))
    }

    async fn beat(&self, of: NodeId, clock: Timestamp) -> Result<bool, ControlError> {
        let holding = [Standing::Live, Standing::Draining].map(|standing| i32::from(standing.code()));
        let beat = node::Entity::update_many()
            .col_expr(node::Column::Beat, Expr::col(node::Column::Beat).add(1i64))
            .col_expr(node::Column::Clock, Expr::value(clock.millis()))
            .filter(node::Column::Number.eq(i32::from(of.number)))
            .filter(node::Column::Epoch.eq(i64::from(of.epoch)))
            .filter(node::Column::Standing.is_in(holding));
        Ok(beat.exec(&self.db).await.map_err(|e| failed(&e))?.rows_affected == 1)
    }

    async fn drain(&self, of: NodeId) -> Result<(), ControlError> {
        self.stand(of, Standing::Draining, &[Standing::Live], None).await.map(|_| ())
    }

    async fn end(&self, of: NodeId, silent_at: Option<u64>) -> Result<bool, ControlError> {
        self.stand(of, Standing::Ended, &[Standing::Live, Standing::Draining], silent_at).await
    }

    async fn free(&self, of: NodeId) -> Result<(), ControlError> {
        self.stand(of, Standing::Free, &[Standing::Ended], None).await.map(|_| ())
    }

    async fn take(
        &self,
        name: LeaseName,
        seen: Option<&Lease>,
        by: NodeId,
    ) -> Result<Option<Lease>, ControlError> {
        let epoch = seen.map_or(1, |lease| lease.epoch + 1);
        let taken = Lease { name, epoch, holder: Some(by), usable: true };
        let done = match seen {
            None => {
                let row = lease::Model {
                    name: name.to_string(),
                    epoch: stored(epoch),
                    holder: Some(by.raw()),
                    usable: true,
                };
                let added = lease::Entity::insert(row.into_active_model());
                inserted(added.exec_without_returning(&self.db).await)?
            }
            Some(seen) => {
                let update = held(seen)
                    .col_expr(lease::Column::Epoch, Expr::value(stored(epoch)))
                    .col_expr(lease::Column::Holder, Expr::value(by.raw()))
                    .col_expr(lease::Column::Usable, Expr::value(true));
                update.exec(&self.db).await.map_err(|e| failed(&e))?.rows_affected == 1
            }
        };
        Ok(done.then_some(taken))
    }

    async fn give_back(&self, of: &Lease) -> Result<(), ControlError> {
        if matches!(of.name, LeaseName::Import(_)) {
            let gone = lease::Entity::delete_many().filter(is_still(of));
            return gone.exec(&self.db).await.map(|_| ()).map_err(|e| failed(&e));
        }
        let update = held(of).col_expr(lease::Column::Holder, Expr::value(Option::<i64>::None));
        update.exec(&self.db).await.map(|_| ()).map_err(|e| failed(&e))
    }

    async fn set_usable(&self, of: &Lease, usable: bool) -> Result<(), ControlError> {
        let update = held(of).col_expr(lease::Column::Usable, Expr::value(usable));
        update.exec(&self.db).await.map(|_| ()).map_err(|e| failed(&e))
    }
}

/// A change of a lease that is still as it is known.
fn held(known: &Lease) -> UpdateMany<lease::Entity> {
    lease::Entity::update_many().filter(is_still(known))
}

fn is_still(known: &Lease) -> Condition {
    let of_holder = match known.holder {
        Some(holder) => lease::Column::Holder.eq(holder.raw()),
        None => lease::Column::Holder.is_null(),
    };
    let named = lease::Column::Name.eq(known.name.to_string());
    Condition::all().add(named).add(lease::Column::Epoch.eq(stored(known.epoch))).add(of_holder)
}

/// Whether a row was added; one that is there already was added by somebody faster.
fn inserted(outcome: Result<u64, DbErr>) -> Result<bool, ControlError> {
    match outcome.map_err(|e| failed(&e)) {
        Ok(_) => Ok(true),
        Err(ControlError::Exists(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn node_of(row: &node::Model) -> Result<NodeRow, ControlError> {
    let number: u8 = NODE.number("number", row.number)?;
    if number >= NODE_NUMBERS {
        return Err(NODE.odd("number"));
    }
    Ok(NodeRow {
        node: NodeId { number, epoch: NODE.number("epoch", row.epoch)? },
        standing: NODE.code("standing", row.standing, Standing::from_code)?,
        beat: NODE.number("beat", row.beat)?,
        clock: Timestamp::from_millis(row.clock),
    })
}

fn lease_of(row: &lease::Model) -> Result<Lease, ControlError> {
    let holder = row.holder.map(|raw| NodeId::from_raw(raw).ok_or_else(|| LEASE.odd("holder")));
    Ok(Lease {
        name: row.name.parse().map_err(|_| LEASE.odd("name"))?,
        epoch: LEASE.number("epoch", row.epoch)?,
        holder: holder.transpose()?,
        usable: row.usable,
    })
}

fn failed(error: &DbErr) -> ControlError {
    of_database(error, "node")
}

#[cfg(test)]
mod tests;
