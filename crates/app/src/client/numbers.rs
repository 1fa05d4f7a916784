//! `hongyan numbers`: ranges, what is known of a number, list cleaning.

use std::path::{Path, PathBuf};

use api::json::{CleaningReport, NumberQuestion, NumberShown, NumberTable, NumbersImported};
use clap::Subcommand;
use domain::phone::Carrier;
use tokio::fs::File;

use super::Connection;
use crate::exit::Failure;
use crate::show::json;

/// 号码 / numbers
#[derive(Subcommand, Debug)]
pub(crate) enum NumbersCommand {
    /// 导入号段库：phone.dat，或表头为 prefix,province,city,carrier 的 CSV、XLSX
    /// / import number ranges: phone.dat, or a table with the header prefix,province,city,carrier
    Import {
        /// 文件 / the file
        file: PathBuf,
    },
    /// 当前号段库 / the ranges in force
    Table,
    /// 一个号码的归属、转网与空号情况 / where a number was sold, whether it was ported or called dead
    Show {
        /// 手机号 / phone
        phone: String,
    },
    /// 号码清洗报告：跳过空号省了多少 / list cleaning: what leaving dead numbers out saved
    Report {
        /// 把空号联系人写到这个文件 / write the contacts with dead numbers to this file
        #[arg(long)]
        csv: Option<PathBuf>,
        /// 文件中完整显示号码 / show whole numbers in the file
        #[arg(long)]
        reveal: bool,
    },
}

pub(super) async fn run(connection: &Connection, command: NumbersCommand) -> Result<(), Failure> {
    match command {
        NumbersCommand::Import { file } => import(connection, &file).await,
        NumbersCommand::Table => {
            let table: NumberTable = connection.get("/v1/numbers").await?;
            if connection.json {
                return Ok(json(&table)?);
            }
            print_table(connection, &table);
            Ok(())
        }
        NumbersCommand::Show { phone } => show(connection, phone).await,
        NumbersCommand::Report { csv, reveal } => report(connection, csv.as_deref(), reveal).await,
    }
}

async fn import(connection: &Connection, path: &Path) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| Failure::Input(format!("{}: {error}", path.display()));
    let file = File::open(path).await.map_err(unreadable)?;
    if file.metadata().await.map_err(unreadable)?.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    let done: NumbersImported = connection.upload("/v1/numbers/imports", file).await?;
    if connection.json {
        return Ok(json(&done)?);
    }
    let show = connection.show;
    show.head("号段库已更新", "Number ranges are in force");
    print_table(connection, &done.table);
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    show.count(0, show.of("不属于手机号段而略过", "left out: no mobile range"), count(done.outside));
    show.count(0, show.of("运营商与号段规划不同", "carrier differs from the plan"), count(done.differing));
    Ok(())
}

fn print_table(connection: &Connection, table: &NumberTable) {
    let show = connection.show;
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    show.row(0, show.of("来源", "source"), &table.source, "");
    show.row(0, show.of("版本", "version"), &table.version.to_string(), &table.checksum);
    show.count(0, show.of("号段", "ranges"), count(table.ranges));
    show.count(0, show.of("地区", "places"), count(table.places));
    show.count(0, show.of("占用内存（字节）", "bytes in memory"), count(table.memory_bytes));
}

async fn show(connection: &Connection, phone: String) -> Result<(), Failure> {
    let shown: NumberShown = connection.post("/v1/numbers/show", &NumberQuestion { phone }).await?;
    if connection.json {
        return Ok(json(&shown)?);
    }
    let show = connection.show;
    let named = |carrier: Carrier| if show.chinese { carrier.name_zh() } else { carrier.as_str() };
    let place = [shown.province.as_deref(), shown.city.as_deref()].into_iter().flatten();
    show.row(0, show.of("号码", "phone"), &shown.phone, shown.country.as_deref().unwrap_or(""));
    show.row(0, show.of("归属地", "sold in"), &place.collect::<Vec<_>>().join(" "), "");
    show.row(0, show.of("号段运营商", "carrier by range"), named(shown.carrier.into()), &shown.kind);
    if shown.heading != shown.carrier {
        show.row(0, show.of("现走运营商", "sent over"), named(shown.heading.into()), "");
    }
    for not in &shown.not_of {
        show.row(1, show.of("已转出", "left"), named(not.carrier.into()), &not.at.0);
    }
    for at in &shown.called_dead {
        show.row(1, show.of("回执为空号或停机", "called dead"), &at.0, "");
    }
    if let (Some(since), Some(until)) = (&shown.dead_since, &shown.dead_until) {
        show.row(0, show.of("已停发，自", "not sent to, since"), &since.0, "");
        show.row(0, show.of("恢复尝试", "tried again"), &until.0, "");
    }
    Ok(())
}

async fn report(connection: &Connection, csv: Option<&Path>, reveal: bool) -> Result<(), Failure> {
    let report: CleaningReport = connection.get("/v1/numbers/cleaning").await?;
    if let Some(path) = csv {
        let mut file = std::fs::File::create(path)
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
        connection.download(&format!("/v1/numbers/dead.csv?reveal={reveal}"), &mut file).await?;
    }
    if connection.json {
        return Ok(json(&report)?);
    }
    let show = connection.show;
    let count = |count: u64| crate::show::grouped(i64::try_from(count).unwrap_or(i64::MAX));
    show.head("号码清洗", "List cleaning");
    let label = show.of("跳过空号短信", "not sent to dead numbers");
    show.row(0, label, &count(report.total.messages), &report.total.saved.for_people());
    for campaign in &report.campaigns {
        let name = campaign.campaign.as_deref().unwrap_or("API");
        show.row(1, name, &count(campaign.saved.messages), &campaign.saved.saved.for_people());
    }
    Ok(())
}
