//! `hongyan migrate`: the schema of ledger and control database, made or brought up to date.

use clap::Args;
use store::postgres::{check, server_facts};

use crate::exit::Failure;
use crate::serve::ServeArgs;
use crate::show::Show;
use crate::storage::Storage;
use crate::trouble;

/// 建立或升级数据库结构（可重复执行） / make the schema or bring it up to date; may be repeated
#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    serve: ServeArgs,
}

/// Migrates, and says what is true afterwards.
///
/// # Errors
/// When the storage is in use, of a newer program, or not there.
pub(crate) async fn run(args: MigrateArgs, show: Show) -> Result<(), Failure> {
    let config = args.serve.config(show)?;
    let storage = config.storage.storage().map_err(|error| Failure::Input(format!("{error:#}")))?;
    let key_file = config.key_file();
    let told = async {
        storage.migrate(&config.home(&key_file)).await?;
        match &storage {
            Storage::Sqlite => Ok((String::new(), String::new())),
            Storage::Postgres(place) => {
                let partitions = check(place).await?;
                let spread = server_facts(place).await?.citus;
                Ok(if spread {
                    (
                        format!("，{partitions} 个分区，由 Citus 分布"),
                        format!(", {partitions} partitions, spread by Citus"),
                    )
                } else {
                    (format!("，{partitions} 个分区"), format!(", {partitions} partitions"))
                })
            }
        }
    };
    let (zh, en) = told.await.map_err(|error: anyhow::Error| trouble::explain(error, show))?;
    show.say(&format!("数据库结构已是最新{zh}"), &format!("the schema is up to date{en}"));
    Ok(())
}
