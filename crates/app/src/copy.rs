//! `hongyan copy`: a stopped installation of one machine moves over to PostgreSQL.

use std::ops::ControlFlow;

use clap::Args;
use domain::time::Clock as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use store::copy::{Copied, CopyError, Step, Transfer};
use store::postgres::check;
use store::sealing::Sealer;

use crate::clock::SystemClock;
use crate::exit::Failure;
use crate::serve::ServeArgs;
use crate::show::{Show, grouped};
use crate::storage::Storage;
use crate::trouble;

/// 把已停止的单机安装搬到 PostgreSQL（可中断后重来） / move a stopped installation of one machine over to PostgreSQL; may be
/// interrupted and run again
#[derive(Args, Debug)]
pub(crate) struct CopyArgs {
    /// 从哪里：sqlite / from where: sqlite
    #[arg(long, value_parser = ["sqlite"])]
    from: String,
    /// 到哪里：postgres / to where: postgres
    #[arg(long, value_parser = ["postgres"])]
    to: String,
    #[command(flatten)]
    serve: ServeArgs,
    /// 以 JSON 输出 / print JSON
    #[arg(long)]
    json: bool,
}

/// Copies, compares both sides, and says what is there.
///
/// # Errors
/// When either side is in use or not fit, and when the two differ afterwards.
pub(crate) async fn run(args: CopyArgs, show: Show) -> Result<(), Failure> {
    let config = args.serve.config(show)?;
    let wrong = |error: anyhow::Error| Failure::Input(format!("{error:#}"));
    let place = config.storage.server().map_err(wrong)?;
    let data = &config.data;
    if !data.join("ledger").is_dir() {
        let data = data.display();
        let (zh, en) = (format!("{data} 里没有账本"), format!("there is no ledger in {data}"));
        return Err(Failure::Input(show.of(&zh, &en).to_owned()));
    }
    let copied = async {
        check(&place).await?;
        let sealer = Sealer::open(&config.key_file(), data)?;
        let copy = Transfer::new(data.clone(), sealer, place.clone(), SystemClock::new().now());
        let bar = bar(show);
        let copied = copy.run(&mut |step| tell(&bar, show, step)).await;
        bar.finish_and_clear();
        let copied = copied?;
        // The database learns the keys with its first opening; from then on no other keys are taken.
        let key_file = config.key_file();
        let home = config.home(&key_file);
        let storage = Storage::Postgres(place.clone());
        let ids = std::sync::Arc::new(domain::ids::IdGenerator::new(0));
        storage.control(&home, storage.sealer(&home).await?, ids).await?.close().await?;
        Ok(copied)
    };
    let copied: anyhow::Result<Copied> = copied.await;
    let copied = copied.map_err(|error| trouble::explain(error, show))?;
    if args.json {
        let tables: serde_json::Map<_, _> =
            copied.tables.iter().map(|(name, rows)| (name.clone(), json!(rows))).collect();
        crate::show::json(&json!({ "partitions": copied.partitions, "tables": tables }))?;
        return Ok(());
    }
    show.head("已搬到 PostgreSQL，两边逐行一致", "Moved to PostgreSQL; both sides agree row by row");
    for (name, rows) in copied.tables.iter().filter(|(_, rows)| *rows > 0) {
        show.count(0, name, i64::try_from(*rows).unwrap_or(i64::MAX));
    }
    show.say(
        "  数据目录请保留：其中有上传的文件；今后用 --engine postgres 启动。",
        "  Keep the data folder: uploaded files stay in it. Start with --engine postgres from now on.",
    );
    Ok(())
}

fn bar(show: Show) -> ProgressBar {
    let bar = if show.quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn tell(bar: &ProgressBar, show: Show, step: &Step) -> ControlFlow<()> {
    let doing = if step.comparing { show.of("核对", "comparing") } else { show.of("搬运", "copying") };
    let rows = grouped(i64::try_from(step.rows).unwrap_or(i64::MAX));
    bar.set_message(format!("{doing} {} · {rows}", step.source));
    bar.tick();
    ControlFlow::Continue(())
}

/// What went wrong, for a reader of Chinese.
pub(crate) fn zh(error: &CopyError) -> Option<String> {
    Some(match error {
        CopyError::NotEmpty => "数据库里已有另一个安装：请指定空的数据库".to_owned(),
        CopyError::Done => "这个安装已经搬完：请用 --engine postgres 启动".to_owned(),
        CopyError::Partitions { from, to } => format!(
            "数据库有 {to} 个分区，数据目录有 {from} 个：请建立一个分区数是 {from} 的倍数的数据库，并在其上执行 hongyan migrate"
        ),
        CopyError::Odd(table) => format!("数据目录里有一行 {table} 无法读取：请先执行 hongyan verify"),
        CopyError::Differs { table, from, to } => {
            format!("{table} 不一致：读出 {from} 行，数据库里有 {to} 行")
        }
        CopyError::Stopped => "已停止；再次执行同一命令会接着做".to_owned(),
        CopyError::File(error) => format!("数据目录的文件无法读取：{error}"),
        CopyError::Io(error) => format!("数据目录无法写入：{error}"),
        CopyError::Database(error) => format!("数据库拒绝：{error}"),
        CopyError::Folder(_)
        | CopyError::Place(_)
        | CopyError::Ledger(_)
        | CopyError::Control(_)
        | CopyError::OpenControl(_) => return None,
    })
}
