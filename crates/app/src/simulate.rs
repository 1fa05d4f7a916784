//! `hongyan sim`: the carrier in a box, as a process of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use sim::{Fault, Latency, LogNormal, SimConfig};
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::load::{self, LoadArgs};
use crate::serve::wait_for_signal;
use crate::show::Show;

/// 运营商模拟器（服务端），输出 JSON 计数 / a simulated carrier; prints counters as JSON
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    other: Option<OtherEnd>,
    /// 协议 / protocol
    #[arg(long, value_enum, default_value = "cmpp")]
    protocol: Protocol,
    /// 监听地址，默认本机、协议的端口 / address; this machine and the protocol's port when left out
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// SGIP：连回客户端投递回执与上行的地址 / SGIP: where the client listens for reports and messages
    #[arg(long)]
    deliver_to: Option<SocketAddr>,
    /// 随机种子 / seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 每连接的下行确认窗口 / unanswered delivers per connection
    #[arg(long, default_value_t = 256)]
    window: usize,
    /// 应答延迟毫秒 / answer latency in ms
    #[arg(long, default_value_t = 0)]
    answer_ms: u64,
    /// 接受比例 / share of submits taken
    #[arg(long, default_value_t = 0.995)]
    acceptance: f64,
    /// 送达比例 / share of receipts that say delivered
    #[arg(long)]
    delivered: Option<f64>,
    /// 永不回执的比例 / share whose receipt never comes
    #[arg(long)]
    never: Option<f64>,
    /// 回执延迟中位数毫秒 / median receipt delay in ms
    #[arg(long)]
    median_ms: Option<f64>,
    /// 回执延迟 95 分位毫秒 / 95th percentile of the receipt delay in ms
    #[arg(long)]
    p95_ms: Option<f64>,
    /// 每秒条数上限，超出返回流控 / parts per second before flow control
    #[arg(long)]
    tps: Option<u32>,
    /// 回复退订的比例 / share of messages answered by an opt-out
    #[arg(long)]
    opt_out: Option<f64>,
    /// 故障，如 after-submits=5000:stop-listening，可重复 / a fault; repeatable
    #[arg(long = "fault")]
    faults: Vec<Fault>,
    /// 每隔几秒打印一次计数 / seconds between two lines of counters
    #[arg(long, default_value_t = 5)]
    every: u64,
    /// 结束时把收到的每条短信写入文件（JSON 行） / on exit, write what was received as JSON lines
    #[arg(long)]
    dump: Option<PathBuf>,
}

/// The simulator's other roles.
#[derive(Subcommand, Debug)]
enum OtherEnd {
    Load(LoadArgs),
}

/// What is spoken.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Protocol {
    /// CMPP 2.0, 3.0
    Cmpp,
    /// SGIP 1.2
    Sgip,
    /// SMGP 3.0.3
    Smgp,
    /// SMPP 3.4, 5.0
    Smpp,
}

impl Protocol {
    pub(crate) fn simulated(self) -> sim::Protocol {
        match self {
            Self::Cmpp => sim::Protocol::Cmpp,
            Self::Sgip => sim::Protocol::Sgip,
            Self::Smgp => sim::Protocol::Smgp,
            Self::Smpp => sim::Protocol::Smpp,
        }
    }
}

/// Runs until a signal comes, then prints the last counters.
///
/// # Errors
/// When the address is taken, a share is none, or the dump cannot be written.
pub(crate) async fn run(mut args: SimArgs, show: Show) -> Result<(), Failure> {
    if let Some(OtherEnd::Load(load)) = args.other.take() {
        return load::run(load, show).await;
    }
    let stop = CancellationToken::new();
    let (every, dump) = (args.every.max(1), args.dump.clone());
    let handle =
        sim::run(config(args), stop.clone()).await.map_err(|error| Failure::Input(error.to_string()))?;
    eprintln!("{} {}", show.of("模拟运营商监听", "the simulated carrier listens on"), handle.addr());
    let waiter = tokio::spawn(async move {
        let _waited = wait_for_signal().await;
        stop.cancel();
    });
    sim::report_every(&handle, Duration::from_secs(every), &mut std::io::stdout()).await?;
    waiter.abort();
    if let Some(path) = dump {
        handle.dump_messages(&path)?;
    }
    Ok(())
}

fn config(args: SimArgs) -> SimConfig {
    let protocol = args.protocol.simulated();
    let mut config = SimConfig {
        listen: args.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, protocol.port()).into()),
        deliver_to: args.deliver_to,
        seed: args.seed,
        window: args.window,
        acceptance: args.acceptance,
        tps_total: args.tps,
        faults: args.faults,
        ..SimConfig::default().speaking(protocol)
    };
    if args.answer_ms > 0 {
        config.answer = Latency::Fixed(args.answer_ms);
    }
    let receipts = &mut config.receipts;
    receipts.delivered = args.delivered.unwrap_or(receipts.delivered);
    receipts.never = args.never.unwrap_or(receipts.never);
    let median_ms = args.median_ms.unwrap_or(receipts.delay.median_ms);
    let p95_ms =
        args.p95_ms.unwrap_or(if args.median_ms.is_some() { median_ms * 2.0 } else { receipts.delay.p95_ms });
    receipts.delay = LogNormal { median_ms, p95_ms };
    config.replies.opt_out = args.opt_out.unwrap_or(config.replies.opt_out);
    config
}
