//! `hongyan source`: places that contacts are fetched from.

use std::path::PathBuf;

use api::json::{
    ImportSource, ImportSourceCreate, ImportSourceEdit, ImportSources, Page, RunState, SourceRun,
};
use clap::Subcommand;

use super::Connection;
use crate::exit::Failure;
use crate::show::json;

/// 数据源 / sources of contacts
#[derive(Subcommand, Debug)]
pub(crate) enum SourceCommand {
    /// 新建数据源；内容为 JSON 文件，格式同 POST /v1/import-sources / add one, from a JSON file as the API takes it
    Add {
        /// JSON 文件 / the file
        file: PathBuf,
    },
    /// 数据源列表 / list them
    List,
    /// 数据源详情 / show one
    Show {
        /// 编号 src_… / id
        id: String,
    },
    /// 启用 / switch one on
    Enable {
        /// 编号 src_… / id
        id: String,
    },
    /// 停用；仍可手动获取 / switch one off; it can be run by hand still
    Disable {
        /// 编号 src_… / id
        id: String,
    },
    /// 立即获取 / fetch one now
    Run {
        /// 编号 src_… / id
        id: String,
    },
    /// 获取报告 / the reports of one
    Runs {
        /// 编号 src_… / id
        id: String,
        /// 条数 / how many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// 删除 / delete one
    Delete {
        /// 编号 src_… / id
        id: String,
    },
}

pub(super) async fn run(connection: &Connection, command: SourceCommand) -> Result<(), Failure> {
    let place = |id: &str, more: &str| format!("/v1/import-sources/{id}{more}");
    match command {
        SourceCommand::Add { file } => {
            let new = read(connection, &file)?;
            show(connection, &connection.post("/v1/import-sources", &new).await?)
        }
        SourceCommand::List => {
            let all: ImportSources = connection.get("/v1/import-sources").await?;
            if connection.json {
                return Ok(json(&all)?);
            }
            all.sources.iter().for_each(|source| tell(connection, source));
            Ok(())
        }
        SourceCommand::Show { id } => show(connection, &connection.get(&place(&id, "")).await?),
        SourceCommand::Enable { id } => switch(connection, &place(&id, ""), true).await,
        SourceCommand::Disable { id } => switch(connection, &place(&id, ""), false).await,
        SourceCommand::Run { id } => {
            let run: SourceRun = connection.act(&place(&id, "/run")).await?;
            if connection.json {
                return Ok(json(&run)?);
            }
            line(connection, &run);
            Ok(())
        }
        SourceCommand::Runs { id, limit } => {
            let page: Page<SourceRun> = connection.get(&place(&id, &format!("/runs?limit={limit}"))).await?;
            if connection.json {
                return Ok(json(&page)?);
            }
            page.items.iter().for_each(|run| line(connection, run));
            Ok(())
        }
        SourceCommand::Delete { id } => {
            connection.delete_silent(&place(&id, "")).await?;
            connection.show.say("已删除", "deleted");
            Ok(())
        }
    }
}

/// A file of ours, looked at before it is sent: the place of a mistake is said.
fn read(connection: &Connection, file: &PathBuf) -> Result<ImportSourceCreate, Failure> {
    let text = std::fs::read_to_string(file)?;
    serde_json::from_str(&text).map_err(|error| {
        let name = file.display();
        let (zh, en) = (
            format!("{name} 第 {} 行第 {} 列：{error}", error.line(), error.column()),
            format!("{name}, line {}, column {}: {error}", error.line(), error.column()),
        );
        Failure::Input(connection.show.of(&zh, &en).to_owned())
    })
}

async fn switch(connection: &Connection, path: &str, on: bool) -> Result<(), Failure> {
    let edit = ImportSourceEdit { enabled: Some(on), ..ImportSourceEdit::default() };
    show(connection, &connection.patch(path, &edit).await?)
}

fn show(connection: &Connection, source: &ImportSource) -> Result<(), Failure> {
    if connection.json {
        return Ok(json(source)?);
    }
    tell(connection, source);
    Ok(())
}

fn tell(connection: &Connection, source: &ImportSource) {
    let next = match &source.next_at {
        Some(at) => at.0.clone(),
        None => connection.show.of("仅手动", "by hand only").to_owned(),
    };
    println!("{}  {}  {}  {}", source.id, source.name, source.schedule, next);
}

fn line(connection: &Connection, run: &SourceRun) {
    let show = connection.show;
    let state = match run.state {
        RunState::Waiting => show.of("等待", "waiting"),
        RunState::Running => show.of("进行中", "running"),
        RunState::Finished => show.of("完成", "finished"),
        RunState::Unchanged => show.of("内容未变", "unchanged"),
        RunState::Failed => show.of("失败", "failed"),
    };
    let counts = run.counts;
    let rows = show.of("行/新增/更新/重复/无效", "rows/new/updated/duplicate/invalid");
    println!(
        "{}  {}  {state}  {rows} {}/{}/{}/{}/{}  {}",
        run.id,
        run.created_at.0,
        counts.read,
        counts.new,
        counts.updated,
        counts.duplicate,
        counts.invalid,
        run.trouble.as_deref().unwrap_or("")
    );
}
