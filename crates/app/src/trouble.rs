//! Why a node does not start, as a person reads it.
//!
//! What somebody must mend before the next try (another process, a key file, a newer folder, a taken address) is wrong
//! input: exit code 2. Everything else is a fault here.

use store::control::OpenControlError;
use store::ledger::LedgerOpenError;
use store::sealing::KeyFileError;

use crate::exit::Failure;
use crate::show::Show;

/// What to tell about a start that failed.
pub(crate) fn explain(error: anyhow::Error, show: Show) -> Failure {
    let en = format!("{error:#}");
    let zh = error
        .downcast_ref::<KeyFileError>()
        .and_then(key_file)
        .or_else(|| error.downcast_ref::<LedgerOpenError>().and_then(ledger))
        .or_else(|| error.downcast_ref::<OpenControlError>().and_then(|error| control(error, &en)))
        .or_else(|| error.downcast_ref::<std::io::Error>().map(|_| format!("无法启动：{en}")));
    match zh {
        Some(zh) => Failure::Input(show.of(&zh, &en).to_owned()),
        None => Failure::Other(error.context(show.of("无法启动", "cannot start").to_owned())),
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
        LedgerOpenError::Incomplete { path, partitions } => {
            format!("{} 缺失或属于别处：账本由 {partitions} 个文件组成，请整体恢复数据目录", path.display())
        }
        LedgerOpenError::Io { path, source } => format!("{} 无法使用：{source}", path.display()),
        LedgerOpenError::Ledger { .. } => return None,
    })
}

fn control(error: &OpenControlError, en: &str) -> Option<String> {
    match error {
        OpenControlError::NewerSchema { found, known } => {
            Some(format!("数据库由更新的版本写入（结构 {found}，本程序支持到 {known}）：请升级程序"))
        }
        OpenControlError::ForeignSchema { .. } => Some(format!("数据库不是本程序的：{en}")),
        _ => None,
    }
}
