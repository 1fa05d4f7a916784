//! Processes that take part in a measurement, each a run of this program, spoken to in lines of JSON; and what the
//! kernel says about their CPU and memory.

use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Ticks of `/proc` are hundredths of a second on every Linux architecture.
const TICK_US: u64 = 10_000;

/// A helper process. It is killed when dropped.
pub(super) struct Helper {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    pid: u32,
    /// What it said first.
    pub(super) greeting: Value,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// User and system time, of children waited for too.
    pub(super) cpu_us: u64,
    /// The most memory it ever had.
    pub(super) peak_rss_bytes: u64,
}

impl Helper {
    /// Starts `hongyan bench helper ROLE SETUP` and waits for its greeting.
    ///
    /// # Errors
    /// When it cannot be started or ends before it greets.
    pub(super) async fn start(role: &str, setup: &impl Serialize) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where this program is")?;
        let mut child = Command::new(program)
            .args(["bench", "helper", role])
            .arg(serde_json::to_string(setup)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("a helper process could not be started")?;
        let orders = child.stdin.take().context("its input")?;
        let answers = BufReader::new(child.stdout.take().context("its output")?).lines();
        let pid = child.id().context("its number")?;
        let mut helper = Self { child, orders, answers, pid, greeting: Value::Null };
        helper.greeting = helper.answer().await.with_context(|| format!("the {role} helper"))?;
        Ok(helper)
    }

    /// Gives an order and waits for its answer.
    ///
    /// # Errors
    /// What the helper answers under `error`, or its early end.
    pub(super) async fn ask(&mut self, order: &impl Serialize) -> anyhow::Result<Value> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        self.orders.write_all(line.as_bytes()).await.context("the helper hears nothing")?;
        self.orders.flush().await?;
        self.answer().await
    }

    async fn answer(&mut self) -> anyhow::Result<Value> {
        let line =
            self.answers.next_line().await?.context("the helper ended early; see its messages above")?;
        let answer: Value = serde_json::from_str(&line).context("a helper speaks JSON")?;
        match answer.get("error") {
            Some(error) => bail!("{}", error.as_str().unwrap_or("unknown")),
            None => Ok(answer),
        }
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// When the system does not tell (only Linux does).
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        usage_of(self.pid)
    }

    /// Lets it end by itself: the end of its input is the order to do so.
    ///
    /// # Errors
    /// When it fails at the end.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        let status = child.wait().await?;
        if status.success() { Ok(()) } else { bail!("a helper ended with {status}") }
    }
}

/// What this process has used so far.
///
/// # Errors
/// When the system does not tell (only Linux does).
pub(super) fn usage_of_self() -> anyhow::Result<Usage> {
    usage_of(std::process::id())
}

/// The parent of a process of this name; `None` when there is no such process here.
pub(super) fn parent_of(pid: u32, name: &str) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = stat.rsplit_once(')')?;
    head.split_once('(').filter(|(_, found)| *found == name)?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// User and system time of a process, its children, and those that it had before.
///
/// # Errors
/// When the system does not tell (only Linux does).
pub(super) fn tree_cpu_us(parent: u32) -> anyhow::Result<u64> {
    let mut all = usage_of(parent)?.cpu_us;
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        if fields.split_ascii_whitespace().nth(1) == Some(parent.to_string().as_str()) {
            // One that has just ended is counted with its parent.
            all += usage_of(pid).map_or(0, |usage| usage.cpu_us);
        }
    }
    Ok(all)
}

/// Reads `/proc/PID/stat` and `/proc/PID/status`.
fn usage_of(pid: u32) -> anyhow::Result<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("CPU is read from /proc")?;
    // The second field is a name in brackets that may contain anything; utime, stime, cutime and cstime are the
    // fields 14 to 17.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: u64 =
        fields.split_ascii_whitespace().skip(11).take(4).filter_map(|n| n.parse::<u64>().ok()).sum();
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).context("memory is read from /proc")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kib: u64 =
        peak.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or_default();
    Ok(Usage { cpu_us: ticks * TICK_US, peak_rss_bytes: peak_kib * 1024 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_about_this_process() {
        let usage = usage_of(std::process::id()).expect("on Linux");
        assert!(usage.peak_rss_bytes > 1 << 20, "{usage:?}");
    }
}
