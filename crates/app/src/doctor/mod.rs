//! `hongyan doctor`: is this machine and this data folder fit to send?

mod machine;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use domain::control::Channels as _;
use domain::ids::IdGenerator;
use domain::time::{Clock as _, Timestamp};
use serde_json::json;
use store::control::{ControlDb, is_sealed};
use store::postgres::{check, server_facts};

use crate::clock::SystemClock;
use crate::config::Config;
use crate::exit::Failure;
use crate::serve::ServeArgs;
use crate::show::Show;
use crate::storage::Storage;
use crate::trouble;

/// A clock before this has not been set: 2026-01-01T00:00:00Z.
const EARLIEST: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// An fsync slower than this makes every acceptance slow.
const SLOW_FSYNC_MILLIS: u64 = 50;
/// Less free space than this and a campaign may fill the disk.
const LEAST_FREE_BYTES: u64 = 1 << 30;
/// How long a channel's address may take to answer.
const CONNECT: Duration = Duration::from_secs(3);

/// One thing that was looked at.
struct Finding {
    name: &'static str,
    good: bool,
    zh: String,
    en: String,
}

/// 检查环境与数据目录 / check this machine and the data folder
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    serve: ServeArgs,
    /// 以 JSON 输出 / print JSON
    #[arg(long)]
    json: bool,
}

/// Looks at everything and says what it found; refused when something is wrong.
///
/// # Errors
/// [`Failure::Refused`] when a check failed.
pub(crate) async fn run(args: DoctorArgs, show: Show) -> Result<(), Failure> {
    let config = args.serve.config(show)?;
    let clock = SystemClock::new();
    let mut findings =
        vec![machine::version(), look_at_clock(&clock), machine::look_at_steadiness(&clock).await];
    findings.extend([look_at_policy(&config), look_at_codes(&config), machine::look_at_serving(&config)]);
    findings.extend(machine::look_at_files(&config));
    findings.extend(look_at_folder(&config.data, &clock));
    findings.push(look_at_key_file(&config.key_file()));
    let storage = config.storage.storage();
    findings.extend(look_at_database(&storage, &clock, show).await);
    findings.extend(look_at_channels(&config, &storage).await);
    if args.json {
        let lines: Vec<_> = findings
            .iter()
            .map(|f| json!({ "check": f.name, "good": f.good, "finding": show.of(&f.zh, &f.en) }))
            .collect();
        crate::show::json(&lines)?;
    } else {
        for finding in &findings {
            let mark = if finding.good { "✓" } else { "✗" };
            show.line(&format!("{mark} {:<10} {}", finding.name, show.of(&finding.zh, &finding.en)));
        }
    }
    if findings.iter().all(|finding| finding.good) {
        return Ok(());
    }
    Err(Failure::Refused(show.of("有检查未通过", "some checks failed").to_owned()))
}

fn look_at_clock(clock: &SystemClock) -> Finding {
    let now = clock.now();
    let good = now >= EARLIEST;
    let shown = now.rfc3339(&jiff::tz::TimeZone::UTC);
    Finding {
        name: "clock", good, zh: format!("系统时间 {shown}"), en: format!("the clock says {shown}")
    }
}

fn look_at_policy(config: &Config) -> Finding {
    match config.policy() {
        Ok(policy) => {
            let rules = policy.rules().len();
            Finding {
                name: "policy",
                good: true,
                zh: format!("规则 {rules} 条"),
                en: format!("{rules} rules"),
            }
        }
        Err(error) => {
            let error = format!("{error:#}");
            Finding { name: "policy", good: false, zh: format!("规则无法加载：{error}"), en: error }
        }
    }
}

fn look_at_codes(config: &Config) -> Finding {
    match config.codes() {
        Ok(codes) => {
            let own = codes.entries().len();
            Finding {
                name: "codes",
                good: true,
                zh: format!("自定义错误码 {own} 条"),
                en: format!("{own} codes of your own"),
            }
        }
        Err(error) => {
            let error = format!("{error:#}");
            Finding {
                name: "codes", good: false, zh: format!("错误码表无法加载：{error}"), en: error
            }
        }
    }
}

/// Writable, how fast it syncs, how much is free.
fn look_at_folder(data: &Path, clock: &SystemClock) -> Vec<Finding> {
    let probe = data.join(".doctor");
    let began = clock.monotonic_millis();
    let written = std::fs::create_dir_all(data).and_then(|()| {
        let mut file = std::fs::File::create(&probe)?;
        file.write_all(b"hongyan")?;
        file.sync_all()
    });
    let took = clock.monotonic_millis() - began;
    let _left_over = std::fs::remove_file(&probe);
    let folder = data.display();
    let mut findings = vec![match written {
        Ok(()) => Finding {
            name: "disk",
            good: took <= SLOW_FSYNC_MILLIS,
            zh: format!("{folder} 可写，落盘 {took} 毫秒"),
            en: format!("{folder} is writable, a sync takes {took} ms"),
        },
        Err(error) => Finding {
            name: "disk",
            good: false,
            zh: format!("{folder} 不可写：{error}"),
            en: format!("{folder} cannot be written: {error}"),
        },
    }];
    if let Some(free) = free_bytes(data) {
        let gigabytes = free >> 30;
        findings.push(Finding {
            name: "space",
            good: free >= LEAST_FREE_BYTES,
            zh: format!("剩余空间 {gigabytes} GiB"),
            en: format!("{gigabytes} GiB are free"),
        });
    }
    findings
}

/// What `df` says, which every system has; unknown when it cannot be asked.
fn free_bytes(folder: &Path) -> Option<u64> {
    let output = std::process::Command::new("df").args(["-Pk"]).arg(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let kilobytes: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kilobytes << 10)
}

fn look_at_key_file(path: &Path) -> Finding {
    let file = path.display();
    match std::fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            Finding {
                name: "key",
                good: mode & 0o077 == 0,
                zh: format!("密钥文件 {file} 权限 {mode:o}（应为 600）"),
                en: format!("key file {file} has mode {mode:o} (should be 600)"),
            }
        }
        Err(_) => Finding {
            name: "key",
            good: true,
            zh: format!("密钥文件 {file} 将在首次启动时生成"),
            en: format!("key file {file} will be made on the first start"),
        },
    }
}

/// The server, whether it keeps what it says that it keeps, and the schema. Nothing to say about files.
async fn look_at_database(
    storage: &anyhow::Result<Storage>,
    clock: &SystemClock,
    show: Show,
) -> Vec<Finding> {
    let said = |name, good, zh: String, en: String| Finding { name, good, zh, en };
    let place = match storage {
        Ok(Storage::Sqlite) => return Vec::new(),
        Ok(Storage::Postgres(place)) => place,
        Err(error) => return vec![said("database", false, format!("{error:#}"), format!("{error:#}"))],
    };
    let asked = clock.now().millis();
    let (facts, answered) = match server_facts(place).await {
        Ok(facts) => (facts, clock.now().millis()),
        Err(error) => {
            let told = trouble::explain(error.into(), show).to_string();
            return vec![said("database", false, told.clone(), told)];
        }
    };
    let (version, tls, citus) = (facts.version, facts.tls, facts.citus);
    let mut findings = vec![
        said(
            "database",
            true,
            format!("PostgreSQL {version}，加密连接：{}，Citus：{}", yes_zh(tls), yes_zh(citus)),
            format!("PostgreSQL {version}, encrypted: {}, Citus: {}", yes_en(tls), yes_en(citus)),
        ),
        said(
            "durable",
            facts.durable,
            "fsync、full_page_writes、synchronous_commit 应为开启".to_owned(),
            "fsync, full_page_writes and synchronous_commit should be on".to_owned(),
        ),
    ];
    findings.push(machine::judge_skew(asked, facts.now_millis, answered));
    findings.push(match check(place).await {
        Ok(partitions) => said(
            "schema",
            true,
            format!("结构是本程序的，{partitions} 个分区"),
            format!("the schema is this program's, {partitions} partitions"),
        ),
        Err(error) => {
            let told = trouble::explain(error.into(), show).to_string();
            said("schema", false, told.clone(), told)
        }
    });
    findings
}

fn yes_zh(it_is: bool) -> &'static str {
    if it_is { "是" } else { "否" }
}

fn yes_en(it_is: bool) -> &'static str {
    if it_is { "yes" } else { "no" }
}

/// Whether each channel's address can be reached. Nothing that is not there yet is made.
async fn look_at_channels(config: &Config, storage: &anyhow::Result<Storage>) -> Vec<Finding> {
    let key_file = config.key_file();
    let there = match storage {
        Ok(Storage::Sqlite) => ControlDb::file(&config.data).exists(),
        // What is wrong with it was said already.
        Ok(Storage::Postgres(place)) => is_sealed(place).await.unwrap_or(false) && key_file.exists(),
        Err(_) => false,
    };
    let Ok(storage) = storage else { return Vec::new() };
    if !there {
        return Vec::new();
    }
    let bad = |error: String| Finding {
        name: "database",
        good: false,
        zh: format!("数据库打不开：{error}"),
        en: format!("the database does not open: {error}"),
    };
    let home = config.home(&key_file);
    let ids = std::sync::Arc::new(IdGenerator::new(0));
    let opened = async { storage.control(&home, storage.sealer(&home).await?, ids).await };
    let control = match opened.await {
        Ok(control) => control,
        Err(error) => return vec![bad(format!("{error:#}"))],
    };
    let channels = match control.channels().await {
        Ok(channels) => channels,
        Err(error) => return vec![bad(error.to_string())],
    };
    let mut findings = Vec::new();
    for channel in channels.into_iter().filter(|channel| channel.enabled) {
        let connecting = tokio::net::TcpStream::connect((channel.host.as_str(), channel.port));
        let good = matches!(tokio::time::timeout(CONNECT, connecting).await, Ok(Ok(_)));
        let state = if good { ("可达", "can be reached") } else { ("连不上", "cannot be reached") };
        findings.push(Finding {
            name: "channel",
            good,
            zh: format!("{}（{}）{}", channel.name, channel.id, state.0),
            en: format!("{} ({}) {}", channel.name, channel.id, state.1),
        });
    }
    findings
}
