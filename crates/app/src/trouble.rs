//! Why a node does not start, as a person reads it.
//!
//! What somebody must mend before the next try (another process, a key file, a newer folder, a taken address) is wrong
//! input: exit code 2. Everything else is a fault here.

use api::TlsError;
use engine::billing::CurrencyTrouble;
use store::control::OpenControlError;
use store::copy::CopyError;
use store::ledger::LedgerOpenError;
use store::postgres::{MigrateError, PlaceError, PostgresOpenError};
use store::sealing::KeyFileError;

use crate::config::PortTlsError;
use crate::copy;
use crate::exit::Failure;
use crate::show::Show;

/// What to tell about a start that failed.
pub(crate) fn explain(error: anyhow::Error, show: Show) -> Failure {
    let en = format!("{error:#}");
    let zh = chinese(&error, &en);
    match zh {
        Some(zh) => Failure::Input(show.of(&zh, &en).to_owned()),
        None => Failure::Other(error.context(show.of("无法启动", "cannot start").to_owned())),
    }
}

/// What somebody must mend.
fn chinese(error: &anyhow::Error, en: &str) -> Option<String> {
    if let Some(error) = error.downcast_ref::<PortTlsError>() {
        return Some(match error {
            PortTlsError::Missing => {
                "配置 downstream.smpp_tls 时须同时写 downstream.tls_certificate 与 downstream.tls_key"
                    .to_owned()
            }
            PortTlsError::Read { path, source } => format!("无法读取 {}：{source}", path.display()),
            PortTlsError::Wrong(_) => {
                format!("TLS 证书或私钥有误，请检查 downstream.tls_certificate 与 downstream.tls_key：{en}")
            }
        });
    }
    if let Some(CurrencyTrouble::Other { kept, set }) = error.downcast_ref() {
        return Some(format!(
            "本系统的价格和账目以 {kept} 计，不是 {set}：请将配置 currency 改为 \"{kept}\""
        ));
    }
    if let Some(error) = error.downcast_ref::<MigrateError>() {
        return migrate(error, en);
    }
    if let Some(error) = error.downcast_ref::<CopyError>() {
        return match error {
            CopyError::Folder(error) => ledger(error),
            CopyError::Place(error) => migrate(error, en),
            CopyError::OpenControl(error) => control(error, en),
            other => copy::zh(other),
        };
    }
    error
        .downcast_ref::<KeyFileError>()
        .and_then(key_file)
        .or_else(|| error.downcast_ref::<LedgerOpenError>().and_then(ledger))
        .or_else(|| error.downcast_ref::<OpenControlError>().and_then(|error| control(error, en)))
        .or_else(|| error.downcast_ref::<PostgresOpenError>().and_then(postgres))
        .or_else(|| error.downcast_ref::<PlaceError>().map(place))
        .or_else(|| error.downcast_ref::<TlsError>().map(tls))
        .or_else(|| error.downcast_ref::<std::io::Error>().map(|_| format!("无法启动：{en}")))
}

fn migrate(error: &MigrateError, en: &str) -> Option<String> {
    match error {
        MigrateError::Ledger(error) => postgres(error),
        MigrateError::Place(error) => Some(place(error)),
        MigrateError::Control(error) => control(error, en),
    }
}

fn key_file(error: &KeyFileError) -> Option<String> {
    Some(match error {
        KeyFileError::Missing { path } => format!(
            "找不到密钥文件 {}，而数据目录是用密钥密封的：请恢复该文件（备份或另一块盘），否则号码和内容无法读取",
            path.display()
        ),
        KeyFileError::Wrong { path, version } => {
            format!("密钥文件 {} 与数据目录不符（密钥 {version} 不同）", path.display())
        }
        KeyFileError::TooOpen { path, mode } => {
            let path = path.display();
            format!("密钥文件 {path} 可被他人读取（权限 {mode:o}）：请执行 chmod 600 {path}")
        }
        KeyFileError::Malformed { path, line } => {
            format!("{} 不是密钥文件（第 {line} 行）", path.display())
        }
        KeyFileError::Io { path, source } => format!("密钥文件 {} 无法使用：{source}", path.display()),
        KeyFileError::Random(_) => return None,
    })
}

fn ledger(error: &LedgerOpenError) -> Option<String> {
    Some(match error {
        LedgerOpenError::InUse { folder } => {
            format!("数据目录 {} 正被另一个进程使用：请先停止它，或换一个目录", folder.display())
        }
        LedgerOpenError::Newer { path, found, known } => {
            format!("{} 由更新的版本写入（结构 {found}，本程序支持到 {known}）：请升级程序", path.display())
        }
        LedgerOpenError::Moved { mark } => format!(
            "这个安装已搬到 PostgreSQL，或正在搬：请再次执行 hongyan copy，或用 --engine postgres 启动；若要放弃数据库、继续用这个目录，请删除 {}",
            mark.display()
        ),
        LedgerOpenError::Incomplete { path, partitions } => {
            format!("{} 缺失或属于别处：账本由 {partitions} 个文件组成，请整体恢复数据目录", path.display())
        }
        LedgerOpenError::Io { path, source } => format!("{} 无法使用：{source}", path.display()),
        LedgerOpenError::Ledger { .. } => return None,
    })
}

fn tls(error: &TlsError) -> String {
    match error {
        TlsError::File { path, what, detail } => {
            let what = if *what == "certificate" { "证书" } else { "私钥" };
            format!("{} 里没有 PEM 格式的{what}：{detail}", path.display())
        }
        TlsError::Pair { path, source } => format!("证书 {} 与私钥不配：{source}", path.display()),
    }
}

fn older(found: i64, known: i64) -> String {
    format!("数据库结构是 {found}，本程序需要 {known}：请停止所有节点，然后执行 hongyan migrate")
}

fn place(error: &PlaceError) -> String {
    match error {
        PlaceError::Url => "数据库地址无法识别，应写作 postgres://用户:密码@主机:端口/数据库".to_owned(),
        PlaceError::Unreachable(error) => format!("连不上数据库：{error}"),
    }
}

fn postgres(error: &PostgresOpenError) -> Option<String> {
    Some(match error {
        PostgresOpenError::Place(error) => place(error),
        PostgresOpenError::Server { found } => {
            format!("数据库服务器版本是 {found}，需要 PostgreSQL 15 或更新")
        }
        PostgresOpenError::Older { found, known } => older(*found, *known),
        PostgresOpenError::Newer { found, known } => {
            format!("数据库由更新的版本写入（结构 {found}，本程序支持到 {known}）：请升级程序")
        }
        PostgresOpenError::Partitions { found, asked } => {
            format!("账本有 {found} 个分区，不是 {asked} 个：分区数在建立时选定，请改配置 partitions")
        }
        PostgresOpenError::Ledger(error) => format!("数据库不可用：{error}"),
    })
}

fn control(error: &OpenControlError, en: &str) -> Option<String> {
    match error {
        OpenControlError::NewerSchema { found, known } => {
            Some(format!("数据库由更新的版本写入（结构 {found}，本程序支持到 {known}）：请升级程序"))
        }
        OpenControlError::OlderSchema { found, known } => Some(older(i64::from(*found), i64::from(*known))),
        OpenControlError::OtherKeys => {
            Some("数据库是用别的密钥密封的：请从正常工作的节点复制密钥文件".to_owned())
        }
        OpenControlError::Place(error) => Some(place(error)),
        OpenControlError::ForeignSchema { .. } => Some(format!("数据库不是本程序的：{en}")),
        _ => None,
    }
}
