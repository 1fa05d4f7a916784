//! `hongyan verify`: is everything that must hold in a data folder or a database so?

use std::sync::Arc;

use clap::Args;
use domain::ids::IdGenerator;
use serde_json::json;
use store::ledger::{Rule, Verified, verify};
use store::postgres::PostgresPlace;
use store::sealing::Sealer;

use crate::config::Config;
use crate::exit::Failure;
use crate::serve::ServeArgs;
use crate::show::Show;
use crate::storage::Storage;
use crate::trouble;

/// 逐行核对数据（数据目录须已停用；PostgreSQL 可随时） / read everything row by row and check it; a data folder must not be in use
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    serve: ServeArgs,
    /// 以 JSON 输出 / print JSON
    #[arg(long)]
    json: bool,
}

/// Reads everything and says what it found.
///
/// # Errors
/// [`Failure::Refused`] when something does not hold; others when the folder cannot be read.
pub(crate) async fn run(args: VerifyArgs, show: Show) -> Result<(), Failure> {
    let config = args.serve.config(show)?;
    let storage = config.storage.storage().map_err(|error| Failure::Input(format!("{error:#}")))?;
    let verified = match storage {
        Storage::Sqlite => files(&config, show).await?,
        Storage::Postgres(ref place) => database(&storage, place, &config).await,
    };
    let verified = verified.map_err(|error| trouble::explain(error, show))?;
    if args.json {
        crate::show::json(&document(&verified))?;
    } else {
        tell(&verified, show);
    }
    if verified.found == 0 {
        return Ok(());
    }
    Err(Failure::Refused(show.of("数据有不一致之处", "the data is not consistent").to_owned()))
}

async fn files(config: &Config, show: Show) -> Result<anyhow::Result<Verified>, Failure> {
    let (data, key_file) = (config.data.clone(), config.key_file());
    if !data.join("ledger").is_dir() {
        // Opening the keys of a folder that is not there would make new ones.
        let data = data.display();
        let (zh, en) = (format!("{data} 里没有账本"), format!("there is no ledger in {data}"));
        return Err(Failure::Input(show.of(&zh, &en).to_owned()));
    }
    let verified = tokio::task::spawn_blocking(move || -> anyhow::Result<Verified> {
        let sealer = Sealer::open(&key_file, &data)?;
        Ok(verify(&data, &sealer)?)
    });
    verified.await.map_err(|error| Failure::Other(error.into()))
}

async fn database(storage: &Storage, place: &PostgresPlace, config: &Config) -> anyhow::Result<Verified> {
    let key_file = config.key_file();
    let home = config.home(&key_file);
    let sealer = storage.sealer(&home).await?;
    // What was sealed with other keys would all look damaged.
    let ids = Arc::new(IdGenerator::new(0));
    storage.control(&home, Arc::clone(&sealer), ids).await?.close().await?;
    Ok(store::postgres::verify(place, &sealer).await?)
}

fn document(verified: &Verified) -> serde_json::Value {
    let findings: Vec<_> = verified
        .findings
        .iter()
        .map(|finding| {
            json!({ "partition": finding.partition.0, "rule": finding.rule.word(), "row": finding.row })
        })
        .collect();
    json!({
        "partitions": verified.partitions,
        "messages": verified.messages,
        "queued": verified.queued,
        "in_flight": verified.in_flight,
        "parts": verified.parts,
        "receipts_kept": verified.receipts_kept,
        "suppressions": verified.suppressions,
        "inbounds": verified.inbounds,
        "found": verified.found,
        "findings": findings,
    })
}

fn tell(verified: &Verified, show: Show) {
    show.head("核对", "Checked");
    for (zh, en, count) in [
        ("短信", "messages", verified.messages),
        ("待发", "queued", verified.queued),
        ("已提交未应答", "in flight", verified.in_flight),
        ("运营商编号", "carriers' ids", verified.parts),
        ("待匹配回执", "receipts kept", verified.receipts_kept),
        ("屏蔽", "suppressions", verified.suppressions),
        ("上行", "inbound messages", verified.inbounds),
        ("不一致", "inconsistencies", verified.found),
    ] {
        show.count(0, show.of(zh, en), i64::try_from(count).unwrap_or(i64::MAX));
    }
    for finding in &verified.findings {
        let (zh, en) = meaning(finding.rule);
        let place = format!("p{:03} {}", finding.partition.0, finding.row);
        show.line(&format!("✗ {:<11} {place}: {}", finding.rule.word(), show.of(zh, en)));
    }
}

/// What is wrong when a rule is broken.
fn meaning(rule: Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::Pages => {
            ("文件页面损坏，请从备份恢复", "pages of the file are damaged; restore it from a backup")
        }
        Rule::Readable => ("记录无法读取", "the record cannot be read"),
        Rule::Opens => (
            "密文打不开（密钥文件不对，或数据被改动）",
            "what is sealed does not open: another key file, or it was changed",
        ),
        Rule::Place => ("短信不在其号码所属的分区", "the message is in another partition than its phone"),
        Rule::Queued => ("待发短信不在队列中", "a message that waits is not in the queue"),
        Rule::Queue => ("队列中有不在等待的短信", "the queue holds a message that does not wait there"),
        Rule::Claimed => ("已取走的短信没有对应的取件记录", "a message in flight belongs to no claim"),
        Rule::Part => ("运营商编号没有对应的短信", "a carrier's id names no message"),
        Rule::Receipt => ("保留的回执其实有对应的短信", "a kept receipt has a message after all"),
        Rule::Tally => ("计数与该通道队列的短信不符", "counters do not add up to the lane's messages"),
        Rule::Allowance => (
            "账户在该分区的额度与其短信费用不符",
            "what the account drew in the partition is not what its messages cost",
        ),
        Rule::Suppression => ("屏蔽未写入该号码", "a suppression is missing from its phone"),
    }
}
