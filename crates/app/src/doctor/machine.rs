//! The machine's clocks, its open files, and what is to be served.

use std::time::Duration;

use domain::time::Clock as _;

use super::Finding;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::listeners::most_files;

/// For how long the two clocks are watched.
const WATCH: Duration = Duration::from_millis(300);
/// A wall clock that goes more wrong than this while it is watched is being set, or jumps.
const UNSTEADY_MILLIS: u64 = 100;
/// A node whose clock is further from the database's decides on another time than the other nodes do.
const SKEW_MILLIS: u64 = 1_000;
/// Files beside connections: the ledger's, the carriers' connections, the database's.
const OTHER_FILES: u64 = 1_024;

/// Whether the wall clock goes as the monotonic one does.
pub(super) async fn look_at_steadiness(clock: &SystemClock) -> Finding {
    let (wall, steady) = (clock.now().millis(), clock.monotonic_millis());
    tokio::time::sleep(WATCH).await;
    let passed = i64::try_from(clock.monotonic_millis().saturating_sub(steady)).unwrap_or(i64::MAX);
    let drift = (clock.now().millis() - wall - passed).unsigned_abs();
    Finding {
        name: "steady",
        good: drift <= UNSTEADY_MILLIS,
        zh: format!("系统时间与单调时钟在观察期间相差 {drift} 毫秒"),
        en: format!("wall clock and monotonic clock differ by {drift} ms while watched"),
    }
}

/// How far this clock is from the database's. `asked` and `answered` are when the question left and the answer came, so
/// the database's clock was read between them.
pub(super) fn judge_skew(asked: i64, database: i64, answered: i64) -> Finding {
    let skew = if database < asked { asked - database } else { database.saturating_sub(answered).max(0) };
    let skew = skew.unsigned_abs();
    Finding {
        name: "skew",
        good: skew <= SKEW_MILLIS,
        zh: format!("与数据库的时间至少相差 {skew} 毫秒（最多 {SKEW_MILLIS}；请用 NTP 校时）"),
        en: format!(
            "this clock and the database's are at least {skew} ms apart (at most {SKEW_MILLIS}; set both by NTP)"
        ),
    }
}

/// Whether there may be as many open files as there may be connections.
pub(super) fn look_at_files(config: &Config) -> Option<Finding> {
    let most = most_files()?;
    let wanted = config.connections() + OTHER_FILES;
    Some(Finding {
        name: "files",
        good: most >= wanted,
        zh: format!("最多打开 {most} 个文件，连接数上限需要 {wanted}（ulimit -n，或 LimitNOFILE）"),
        en: format!(
            "{most} files may be open, the bounds on connections want {wanted} (ulimit -n, or LimitNOFILE)"
        ),
    })
}

/// Whether certificate and key can be used.
pub(super) fn look_at_serving(config: &Config) -> Finding {
    match config.serving() {
        Ok(serving) => {
            let tls = serving.options.tls.is_some();
            let (zh, en) = if tls {
                ("HTTPS", "HTTPS")
            } else {
                ("HTTP（对外请用反向代理）", "HTTP (use a reverse proxy for the outside)")
            };
            Finding {
                name: "serving",
                good: true,
                zh: format!("接口用 {zh}"),
                en: format!("the API speaks {en}"),
            }
        }
        Err(error) => {
            let error = format!("{error:#}");
            Finding { name: "serving", good: false, zh: format!("证书不可用：{error}"), en: error }
        }
    }
}

/// What this program is.
pub(super) fn version() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    Finding {
        name: "version",
        good: true,
        zh: format!("鸿雁 {version}（{os} {arch}）"),
        en: format!("Hongyan {version} ({os} {arch})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_by_what_the_question_cannot_explain() {
        for (asked, database, answered, good) in [
            (10_000, 10_050, 10_100, true),
            // A slow answer explains nothing beyond its ends.
            (10_000, 14_000, 15_000, true),
            (10_000, 9_000, 10_100, true),
            (10_000, 8_900, 10_100, false),
            (10_000, 11_200, 10_100, false),
        ] {
            assert_eq!(judge_skew(asked, database, answered).good, good, "{asked} {database} {answered}");
        }
    }
}
