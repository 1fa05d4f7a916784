//! `hongyan import`: a spreadsheet into contacts.

use std::path::PathBuf;
use std::time::Duration;

use api::json::{Column, ColumnUse, Import, ImportStart, ImportState, ImportUploaded, LegalBasis};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::fs::File;

use super::Connection;
use crate::exit::Failure;

/// Between two looks at a running import.
const LOOK: Duration = Duration::from_millis(200);

/// 导入通讯录（CSV 或 XLSX） / import contacts from CSV or XLSX
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// 文件 / the file
    file: PathBuf,
    /// 指定列用途，如 姓名=personal，可重复（phone、personal、queryable、tags、ignore）
    /// / what a column becomes, such as city=queryable; repeatable
    #[arg(long = "map", value_name = "COLUMN=USE")]
    map: Vec<String>,
    /// 给每一行加标签，可重复 / a tag for every row; repeatable
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// 名单来源（留存证据） / where the list came from, kept as evidence
    #[arg(long, default_value = "")]
    source: String,
    /// 营销的合法依据：consent、request、contract；省略则不记录同意
    /// / legal basis for marketing; none is recorded when left out
    #[arg(long)]
    basis: Option<String>,
    /// 把被拒绝的行写到这个文件 / write rejected rows to this file
    #[arg(long)]
    rejected: Option<PathBuf>,
    /// 只上传并显示识别结果 / only upload and show what was recognised
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(connection: &Connection, args: ImportArgs) -> Result<(), Failure> {
    let show = connection.show;
    let uploaded = upload(connection, &args.file).await?;
    let mapping = mapped(connection, &uploaded, &args.map)?;
    if !connection.json {
        propose(connection, &uploaded, &mapping);
    }
    if args.dry_run {
        return print_json(connection, &uploaded.import);
    }
    let basis = args.basis.as_deref().map(|word| basis(connection, word)).transpose()?;
    let start =
        ImportStart { mapping: Some(mapping), tags: args.tags.clone(), source: args.source.clone(), basis };
    let id = uploaded.import.id;
    let _started: Import = connection.post(&format!("/v1/imports/{id}/start"), &start).await?;
    let import = follow(connection, &id).await?;
    if let Some(path) = &args.rejected {
        let mut file = std::fs::File::create(path)?;
        connection.download(&format!("/v1/imports/{id}/rejected.csv"), &mut file).await?;
    }
    print_json(connection, &import)?;
    if import.state == ImportState::Failed {
        return Err(Failure::Refused(import.trouble.unwrap_or_default()));
    }
    if !connection.json {
        let counts = import.counts;
        show.head("导入完成", "Imported");
        let rows = [
            ("读取行数", "rows read", counts.read),
            ("新增", "new", counts.new),
            ("更新", "updated", counts.updated),
            ("重复", "duplicate", counts.duplicate),
            ("无效", "invalid", counts.invalid),
        ];
        for (zh, en, count) in rows {
            show.count(0, show.of(zh, en), i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    Ok(())
}

/// Uploads a file and says what was recognised.
///
/// # Errors
/// When the file cannot be read, or the platform refuses it.
pub(super) async fn upload(
    connection: &Connection,
    path: &std::path::Path,
) -> Result<ImportUploaded, Failure> {
    let unreadable = |error: std::io::Error| Failure::Input(format!("{}: {error}", path.display()));
    let file = File::open(path).await.map_err(unreadable)?;
    if file.metadata().await.map_err(unreadable)?.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let query: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    connection.upload(&format!("/v1/imports?file_name={query}"), file).await
}

fn propose(connection: &Connection, uploaded: &ImportUploaded, mapping: &[Column]) {
    let show = connection.show;
    show.head(&format!("识别为 {}", uploaded.format), &format!("Read as {}", uploaded.format));
    for (column, proposed) in mapping.iter().zip(&uploaded.columns) {
        show.row(0, &column.name, word(column.r#use), &proposed.examples.join(" · "));
    }
}

/// The proposal, changed as the command line says.
fn mapped(
    connection: &Connection,
    uploaded: &ImportUploaded,
    changes: &[String],
) -> Result<Vec<Column>, Failure> {
    let mut mapping: Vec<Column> = uploaded
        .columns
        .iter()
        .map(|column| Column { name: column.name.clone(), r#use: column.r#use })
        .collect();
    for change in changes {
        let found = change.split_once('=').and_then(|(name, becomes)| {
            let column = mapping.iter_mut().find(|column| column.name == name)?;
            Some((column, from_word(becomes)?))
        });
        match found {
            Some((column, becomes)) => column.r#use = becomes,
            None => {
                let names: Vec<&str> = mapping.iter().map(|column| column.name.as_str()).collect();
                let names = names.join(", ");
                return Err(Failure::Input(
                    connection
                        .show
                        .of(
                            &format!("--map {change}：应为 列名=用途；列名有 {names}；用途有 {USES}"),
                            &format!("--map {change}: write COLUMN=USE; columns: {names}; uses: {USES}"),
                        )
                        .to_owned(),
                ));
            }
        }
    }
    Ok(mapping)
}

const USES: &str = "phone, personal, queryable, tags, ignore";

fn from_word(word: &str) -> Option<ColumnUse> {
    Some(match word {
        "phone" => ColumnUse::Phone,
        "personal" => ColumnUse::Personal,
        "queryable" => ColumnUse::Queryable,
        "tags" => ColumnUse::Tags,
        "ignore" => ColumnUse::Ignore,
        _ => return None,
    })
}

fn word(of: ColumnUse) -> &'static str {
    domain::control::ColumnUse::from(of).word()
}

fn basis(connection: &Connection, word: &str) -> Result<LegalBasis, Failure> {
    let known = domain::policy::LegalBasis::from_word(word);
    known.map(LegalBasis::from).ok_or_else(|| {
        let text = "--basis: consent, request, contract";
        Failure::Input(
            connection.show.of(&format!("{text}（三者之一）"), &format!("{text} (one of these)")).to_owned(),
        )
    })
}

async fn follow(connection: &Connection, id: &str) -> Result<Import, Failure> {
    let bar = if connection.json { ProgressBar::hidden() } else { ProgressBar::new(0) };
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    loop {
        let import: Import = connection.get(&format!("/v1/imports/{id}")).await?;
        bar.set_length(import.bytes.max(1));
        bar.set_position(import.bytes_read);
        let rows = crate::show::grouped(i64::try_from(import.counts.read).unwrap_or(i64::MAX));
        bar.set_message(connection.show.of(&format!("{rows} 行"), &format!("{rows} rows")).to_owned());
        if matches!(import.state, ImportState::Finished | ImportState::Failed) {
            bar.finish_and_clear();
            return Ok(import);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn print_json(connection: &Connection, value: &impl serde::Serialize) -> Result<(), Failure> {
    if connection.json {
        crate::show::json(value)?;
    }
    Ok(())
}
