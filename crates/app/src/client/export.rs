//! `hongyan export`: messages, contacts, inbound messages, suppressions or a month's charges into a file.

use std::path::PathBuf;
use std::time::Duration;

use api::json::{Export, ExportCreate, ExportFormat, ExportState};
use clap::Args;
use serde::de::DeserializeOwned;

use super::Connection;
use crate::exit::Failure;

/// Between two looks at an export that is being written.
const LOOK: Duration = Duration::from_millis(300);

/// 导出为文件（CSV、XLSX 或 Parquet） / export to a file: CSV, XLSX or Parquet
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// 导出什么：messages、contacts、inbound、suppressions、statement / what to export
    of: String,
    /// 写到哪个文件；格式看扩展名 .xlsx、.parquet，否则为 CSV / the file; what it ends with says the format: .xlsx, .parquet, else CSV
    #[arg(long, short)]
    out: PathBuf,
    /// 只导出这个任务的消息 / only messages of this campaign
    #[arg(long)]
    campaign: Option<String>,
    /// 只导出这个状态的消息，如 delivered / only messages in this state, such as delivered
    #[arg(long)]
    state: Option<String>,
    /// 只导出有这个标签的联系人 / only contacts with this tag
    #[arg(long)]
    tag: Option<String>,
    /// 账单的月份，如 2026-11 / the month of a statement, such as 2026-11
    #[arg(long)]
    month: Option<String>,
    /// 显示完整手机号和个人信息 / show phones and personal attributes as they are
    #[arg(long)]
    reveal: bool,
}

pub(super) async fn run(connection: &Connection, args: ExportArgs) -> Result<(), Failure> {
    let show = connection.show;
    let ends_with = |name: &str| args.out.extension().is_some_and(|end| end.eq_ignore_ascii_case(name));
    let order = ExportCreate {
        of: word(connection, "OF", &args.of)?,
        format: if ends_with("xlsx") {
            ExportFormat::Xlsx
        } else if ends_with("parquet") {
            ExportFormat::Parquet
        } else {
            ExportFormat::Csv
        },
        campaign: args.campaign,
        state: args.state.map(|state| word(connection, "--state", &state)).transpose()?,
        tag: args.tag,
        month: args.month,
        reveal: args.reveal,
    };
    // Made before the export is asked for: a place that cannot be written is known at once.
    let mut file = std::fs::File::create(&args.out)?;
    let mut export: Export = connection.post("/v1/exports", &order).await?;
    let path = format!("/v1/exports/{}", export.id);
    while matches!(export.status, ExportState::Waiting | ExportState::Running) {
        tokio::time::sleep(LOOK).await;
        export = connection.get(&path).await?;
    }
    if export.status == ExportState::Failed {
        let failed = show.of("导出失败：请查看服务器日志", "the export failed: see the server's log");
        return Err(Failure::Refused(failed.to_owned()));
    }
    connection.download(&format!("{path}/file"), &mut file).await?;
    if connection.json {
        crate::show::json(&export)?;
        return Ok(());
    }
    show.head("导出完成", "Exported");
    show.count(0, show.of("行数", "rows"), i64::try_from(export.rows).unwrap_or(i64::MAX));
    show.count(0, show.of("字节", "bytes"), i64::try_from(export.bytes).unwrap_or(i64::MAX));
    Ok(())
}

/// A word of one of the API's lists.
fn word<T: DeserializeOwned>(connection: &Connection, name: &str, text: &str) -> Result<T, Failure> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|error| {
        let error = error.to_string();
        let expected = error.split_once("expected ").map_or("", |(_, expected)| expected);
        let (zh, en) =
            (format!("{name} {text}：应为 {expected}"), format!("{name} {text}: expected {expected}"));
        Failure::Input(connection.show.of(&zh, &en).to_owned())
    })
}
