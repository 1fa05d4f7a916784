//! Where the extension `citus` is installed: the ledger is distributed by partition, and the small control tables are
//! copied to every worker.
//!
//! All ledger tables are co-located: the rows of one partition lie on one worker, and since each statement names one
//! partition, each transaction of the ledger runs there. `ledger_schema` and the migrator's own table stay where they
//! are, on the coordinator, which is what nodes connect to; so do the large control tables ([`LOCAL`]): copying each
//! contact to every worker would only make imports slower.
//!
//! Each table is one statement and one transaction, and is left alone when it is distributed already: a migration that
//! was killed goes on here, and so does one of a schema that brought new tables.

use sea_orm::sqlx::{self, AssertSqlSafe, Error as SqlError, PgPool, Row as _};

use super::{schema, sql};
use control::control_tables;

/// The table that all others of the ledger are co-located with.
const FIRST: &str = "ledger_partition";
/// Control tables that grow with the number of people.
const LOCAL: [&str; 4] = ["contact", "contact_tag", "audience_chunk", "rejected_row"];

/// Distributes what is not distributed. `false`: there is no Citus, and nothing is done.
pub(super) async fn distribute(pool: &PgPool) -> Result<bool, SqlError> {
    let there: bool = sqlx::query(sql::CITUS_IS_THERE).fetch_one(pool).await?.try_get(0)?;
    if !there {
        return Ok(false);
    }
    for (table, statement) in statements() {
        let done: bool = sqlx::query(sql::CITUS_HAS_TABLE).bind(&table).fetch_one(pool).await?.try_get(0)?;
        if !done {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await?;
        }
    }
    Ok(true)
}

/// Tables in the order in which they are distributed, each with its statement.
fn statements() -> Vec<(String, String)> {
    let ledger = schema::tables().into_iter().map(|table| {
        let with = if table == FIRST { String::new() } else { format!(", colocate_with => '{FIRST}'") };
        (table.to_owned(), format!("SELECT create_distributed_table('{table}', 'partition'{with})"))
    });
    let control = control_tables().into_iter().filter(|table| !LOCAL.contains(&table.as_str()));
    let control = control.map(|table| (table.clone(), format!("SELECT create_reference_table('{table}')")));
    ledger.chain(control).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::PostgresPlace;
    use crate::postgres_server;

    #[test]
    fn every_table_of_the_ledger_is_co_located_and_small_control_tables_are_references() {
        let all = statements();
        let text = |name: &str| all.iter().find(|(table, _)| table == name).map(|(_, text)| text.as_str());
        assert_eq!(all[0].1, "SELECT create_distributed_table('ledger_partition', 'partition')");
        assert_eq!(
            text("ledger_queue"),
            Some(
                "SELECT create_distributed_table('ledger_queue', 'partition', colocate_with => 'ledger_partition')"
            )
        );
        assert_eq!(text("campaign"), Some("SELECT create_reference_table('campaign')"));
        assert_eq!((text("contact"), text("ledger_schema")), (None, None));
        assert!(LOCAL.iter().all(|table| control_tables().iter().any(|known| known == table)));
        assert_eq!(all.iter().filter(|(table, _)| table.starts_with("ledger_")).count(), 21);
    }

    #[tokio::test]
    async fn without_the_extension_nothing_happens() {
        let pool = PostgresPlace::new(postgres_server::fresh_database().await).connect().unwrap();
        // Not one table is there: any statement about one would fail.
        assert!(!distribute(&pool).await.unwrap());
    }
}
