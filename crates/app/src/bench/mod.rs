//! Measurements with everything on: what `hongyan bench` prints is what the documents quote.
//!
//! Owns the world of each measurement, the processes that take part, and the figures. Refuses to switch anything off
//! that a production server has on. Invariants: the server under test is a process of its own; preparation is not
//! timed; what was lost or sent twice is judged by the carrier's own set; every figure is printed with its world.

mod accept;
mod allocations;
mod campaign;
mod carrier;
mod child;
mod database;
mod import;
mod latency;
mod ledger;
mod nodes;
mod observe;
mod process;
mod protocol;
mod pump;
mod server;
mod spoken;
mod stopwatch;
mod stream;
mod tps;
mod webhooks;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::config::{DownstreamConfig, open_all_day};
use crate::listeners::Serving;
use crate::node::{Node, NodeOptions};
use crate::storage::{Engine, Storage};
use campaign::World;
use spoken::Spoken;

/// Partition files of every measurement.
const PARTITIONS: u16 = 8;
/// How long a carrier may take to answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// 测量性能，每次都连同条件一起打印 / Measure; every figure is printed with its world
#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: Bench,
}

/// What all measurements are told.
#[derive(Args, Debug)]
struct Folder {
    /// 数据目录（每次重新填充） / the folder, filled anew each time
    #[arg(long, default_value = "data/bench")]
    data: PathBuf,
    /// 只输出一个 JSON 对象 / print one JSON object only
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum Bench {
    /// 一次群发：从启动到最后一个回执 / one campaign, from launch to the last receipt
    Campaign {
        #[command(flatten)]
        folder: Folder,
        /// 收件人数 / recipients
        #[arg(long, default_value_t = 1_000_000)]
        recipients: u64,
        /// 预置的近期发送记录 / recent sends in the ledger beforehand
        #[arg(long, default_value_t = 10_000_000)]
        recents: u64,
        /// 连接数 / connections
        #[arg(long, default_value_t = 4)]
        connections: u16,
        /// 每连接窗口 / window per connection
        #[arg(long, default_value_t = 256)]
        window: u16,
        /// 存储引擎；postgres 的地址在环境变量 HONGYAN_DATABASE_URL / the engine; where PostgreSQL is, HONGYAN_DATABASE_URL says
        #[arg(long, value_enum, default_value_t)]
        engine: Engine,
        /// 节点数（多于一个需要 postgres） / nodes; more than one need postgres
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=8))]
        nodes: u16,
        /// 通道协议 / what the channel speaks
        #[arg(long, value_enum, default_value_t)]
        protocol: Spoken,
    },
    /// 只测账本 / the ledger alone
    Ledger {
        #[command(flatten)]
        folder: Folder,
        /// 短信数 / messages
        #[arg(long, default_value_t = 400_000)]
        messages: u64,
        /// 预置的近期发送记录 / recent sends in the ledger beforehand
        #[arg(long, default_value_t = 10_000_000)]
        recents: u64,
        /// 存储引擎；postgres 的地址在环境变量 HONGYAN_DATABASE_URL / the engine; where PostgreSQL is, HONGYAN_DATABASE_URL says
        #[arg(long, value_enum, default_value_t)]
        engine: Engine,
    },
    /// 只测收发 / a bare pump
    Pump {
        /// 协议 / what is spoken
        #[arg(long, value_enum, default_value_t)]
        protocol: Spoken,
        /// 短信数 / messages
        #[arg(long, default_value_t = 1_000_000)]
        messages: u64,
        /// 连接数 / connections
        #[arg(long, default_value_t = 4)]
        connections: u16,
        /// 每连接窗口 / window per connection
        #[arg(long, default_value_t = 256)]
        window: u16,
        /// 只输出一个 JSON 对象 / print one JSON object only
        #[arg(long)]
        json: bool,
    },
    /// 经 HTTP 批量提交 / batches over HTTP
    Accept {
        #[command(flatten)]
        folder: Folder,
        /// 短信数 / messages
        #[arg(long, default_value_t = 300_000)]
        messages: u64,
        /// 每批条数 / messages of a batch
        #[arg(long, default_value_t = 100)]
        batch: usize,
        /// 同时的客户端 / clients at the same time
        #[arg(long, default_value_t = 8)]
        clients: usize,
    },
    /// 导入联系人 / an import of contacts
    Import {
        #[command(flatten)]
        folder: Folder,
        /// 文件行数 / rows of the file
        #[arg(long, default_value_t = 1_000_000)]
        rows: u64,
        /// 已有联系人 / contacts that are there already
        #[arg(long, default_value_t = 1_000_000)]
        existing: u64,
    },
    /// 群发进行时的单条时延 / single messages while a campaign is sent
    Latency {
        #[command(flatten)]
        folder: Folder,
        /// 收件人数 / recipients of the campaign
        #[arg(long, default_value_t = 1_000_000)]
        recipients: u64,
        /// 预置的近期发送记录 / recent sends in the ledger beforehand
        #[arg(long, default_value_t = 2_000_000)]
        recents: u64,
        /// 每秒单条数 / single messages a second
        #[arg(long, default_value_t = 50)]
        rate: u64,
    },
    /// 各协议：编解码、收发、群发、服务端 / each protocol: codec, pump, campaign, server role
    Protocol {
        #[command(flatten)]
        folder: Folder,
        /// 只测这些部分（可重复） / these parts only (may be repeated)
        #[arg(long, value_enum)]
        only: Vec<protocol::Part>,
        /// 每协议编解码次数 / PDUs written and read, of each protocol
        #[arg(long, default_value_t = 1_000_000)]
        rounds: u32,
        /// 每协议收发短信数 / messages of each bare pump
        #[arg(long, default_value_t = 500_000)]
        messages: u64,
        /// 每次群发收件人数 / recipients of each campaign
        #[arg(long, default_value_t = 300_000)]
        recipients: u64,
        /// 客户提交的短信数 / messages that a customer submits
        #[arg(long, default_value_t = 200_000)]
        submits: u64,
        /// 客户的窗口 / the customer's window
        #[arg(long, default_value_t = 100)]
        window: u16,
    },
    /// 守住通道限速 / holding a channel's pace
    Tps {
        #[command(flatten)]
        folder: Folder,
        /// 收件人数 / recipients
        #[arg(long, default_value_t = 60_000)]
        recipients: u64,
    },
    /// 回调一个本机接收端 / webhooks: telling one receiver on this machine
    Webhooks {
        #[command(flatten)]
        folder: Folder,
        /// 事件数 / events
        #[arg(long, default_value_t = 60_000)]
        events: u64,
    },
    /// 事件流：许多订阅者占用多少处理器 / the event stream: what many subscribers cost
    Stream {
        #[command(flatten)]
        folder: Folder,
        /// 订阅者 / subscribers
        #[arg(long, default_value_t = 200)]
        subscribers: usize,
        /// 每秒短信数（每条两个事件） / messages a second, with two events each
        #[arg(long, default_value_t = 50)]
        rate: u64,
        /// 每段秒数：无订阅、有订阅、无订阅 / seconds of each of three parts: without, with and without subscribers
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// 指标与追踪开、关时每条短信的处理器时间之比 / processor time of a message with metrics and traces, as a ratio to without
    Observe {
        #[command(flatten)]
        folder: Folder,
        /// 每轮短信数 / messages of each round
        #[arg(long, default_value_t = 200_000)]
        messages: u64,
        /// 轮数（关、开各算一轮） / rounds, each once without and once with
        #[arg(long, default_value_t = 3)]
        rounds: u32,
        /// 每百万条追踪多少条 / of a million messages, so many are traced
        #[arg(long, default_value_t = 1_000)]
        sample_per_million: u64,
    },
    /// The processes that take part.
    #[command(hide = true)]
    Helper { role: String, setup: String },
}

/// Runs a measurement and prints it.
///
/// # Errors
/// When a process that takes part fails, the folder holds something else, or the disk is full.
pub(crate) async fn run(args: BenchArgs) -> anyhow::Result<()> {
    let show = |json| Show { json };
    let figures = match args.what {
        Bench::Helper { role, setup } => return help(&role, &setup).await,
        Bench::Campaign { folder, recipients, recents, connections, window, engine, protocol, nodes } => {
            let partitions = PARTITIONS;
            let world = World { recipients, recents, partitions, connections, window, protocol, nodes };
            campaign::run(&show(folder.json), &folder.data, world, engine).await?
        }
        Bench::Ledger { folder, messages, recents, engine } => {
            let place = ledger::new_place(&folder.data, PARTITIONS)?.on(engine);
            let people = recents.max(messages);
            show(folder.json).step("filling the ledger");
            ledger::filled(&place, people).await?;
            show(folder.json).step("measuring");
            ledger::measured(&ledger::LedgerSetup { place, people, from: 0, messages }).await?
        }
        Bench::Pump { protocol, messages, connections, window, json: _ } => {
            pump::measure(protocol, messages, connections, window).await?
        }
        Bench::Accept { folder, messages, batch, clients } => {
            accept::run(&show(folder.json), &folder.data, messages, batch, clients).await?
        }
        Bench::Import { folder, rows, existing } => {
            import::run(&show(folder.json), &folder.data, rows, existing).await?
        }
        Bench::Latency { folder, recipients, recents, rate } => {
            let protocol = Spoken::default();
            let world = World {
                recipients,
                recents,
                partitions: PARTITIONS,
                connections: 4,
                window: 256,
                protocol,
                nodes: 1,
            };
            latency::run(&show(folder.json), &folder.data, world, rate).await?
        }
        Bench::Protocol { folder, only, rounds, messages, recipients, submits, window } => {
            let sizes = protocol::Sizes { rounds, messages, recipients, submits, window };
            protocol::run(&show(folder.json), &folder.data, &only, sizes).await?
        }
        Bench::Webhooks { folder, events } => webhooks::run(&show(folder.json), &folder.data, events).await?,
        Bench::Stream { folder, subscribers, rate, seconds } => {
            stream::run(&show(folder.json), &folder.data, subscribers, rate, seconds).await?
        }
        Bench::Observe { folder, messages, rounds, sample_per_million } => {
            let sizes = observe::Sizes { messages, rounds, sample_per_million };
            observe::run(&show(folder.json), &folder.data, sizes).await?
        }
        Bench::Tps { folder, recipients } => tps::run(&show(folder.json), &folder.data, recipients).await?,
    };
    println!("{}", serde_json::to_string_pretty(&figures)?);
    Ok(())
}

async fn help(role: &str, setup: &str) -> anyhow::Result<()> {
    match role {
        "carrier" => carrier::run(setup).await,
        "fill" => ledger::fill(setup).await,
        "ledger" => ledger::run(setup).await,
        "node" => nodes::run(setup).await,
        "pump" => pump::run(setup).await,
        "server" => server::run(setup).await,
        _ => anyhow::bail!("no such helper: {role}"),
    }
}

/// What a person sees meanwhile, on standard error; nothing when only JSON is wanted.
pub(crate) struct Show {
    json: bool,
}

impl Show {
    fn world(&self, world: &Value) {
        if !self.json {
            eprintln!("{}", serde_json::to_string_pretty(world).unwrap_or_default());
        }
    }

    fn step(&self, what: &str) {
        if !self.json {
            eprintln!("… {what}");
        }
    }

    fn done(&self, figures: &Value) {
        if !self.json {
            eprintln!("  {figures}");
        }
    }

    fn progress(&self, submits: u64, of: u64, receipts: u64) {
        if !self.json {
            eprint!("\r  {submits}/{of} parts, {receipts} receipts ");
        }
    }
}

/// The server of a measurement, on any free port; customers may connect where asked for.
///
/// # Errors
/// As [`Node::start`].
async fn start_node(place: &ledger::Place, customers: bool) -> anyhow::Result<Node> {
    start_node_serving(place, customers, Serving::default()).await
}

/// The same, serving what is asked for.
///
/// # Errors
/// As [`Node::start`].
async fn start_node_serving(
    place: &ledger::Place,
    customers: bool,
    serving: Serving,
) -> anyhow::Result<Node> {
    Node::start(NodeOptions {
        storage: Storage::from_environment(place.engine)?,
        data: place.data.clone(),
        key_file: place.key_file.clone(),
        owner_file: None,
        partitions: place.partitions,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        policy: open_all_day()?,
        codes: domain::carrier_code::CodeBook::default(),
        response_timeout: RESPONSE_TIMEOUT,
        // Whoever is called in a measurement is on this machine.
        private_callbacks: true,
        currency: domain::currency::Currency::CNY,
        downstream: if customers { DownstreamConfig::anywhere() } else { DownstreamConfig::default() },
        serving,
    })
    .await
}
