//! The hongyan binary: configuration, wiring, lifecycle, subcommands.

mod bench;
mod client;
mod clock;
mod config;
mod copy;
mod demo;
mod doctor;
mod exit;
mod listeners;
mod load;
mod migrate;
mod node;
mod pdu;
mod serve;
mod show;
mod simulate;
mod simulation;
mod storage;
mod text;
mod traces;
mod trouble;
mod usage;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use client::{
    AccountArgs, Asked, BalanceArgs, CampaignArgs, ChannelArgs, CodesArgs, ImportArgs, KeyArgs, MarginsArgs,
    MessageArgs, NumbersArgs, RouteArgs, SendArgs, StatementArgs, To, TopUpArgs, UserArgs, WebhookArgs,
};
use config::LogFormat;
use exit::Failure;
use show::Show;

/// 鸿雁：群发短信平台 / Hongyan: a bulk-SMS platform
///
/// 退出码 / exit codes: 0 完成 done · 1 本地故障 fault here · 2 输入有误 wrong input · 3 连不上平台 platform unreachable
/// · 4 平台拒绝 refused
#[derive(Parser)]
#[command(name = "hongyan", version)]
struct Cli {
    /// 语言 zh 或 en，默认看 LANG / language, zh or en; by LANG when left out
    // Read by `usage::asked_language`, before a mistake in the rest is told.
    #[arg(long = "lang", value_name = "LANG", global = true, env = "HONGYAN_LANG")]
    _lang: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Demo(demo::DemoArgs),
    /// 发送一条短信 / send one message
    Send(To<SendArgs>),
    /// 导入通讯录（CSV 或 XLSX） / import contacts from CSV or XLSX
    Import(To<ImportArgs>),
    /// 群发任务 / campaigns
    Campaign(To<CampaignArgs>),
    /// 短信 / messages
    Message(To<MessageArgs>),
    /// 路由 / routes
    Route(To<RouteArgs>),
    /// 密钥 / keys
    Key(To<KeyArgs>),
    /// 账户 / accounts
    Account(To<AccountArgs>),
    /// 用户 / people
    User(To<UserArgs>),
    /// 号段库、号码查询与清洗 / number ranges, what is known of a number, list cleaning
    Numbers(To<NumbersArgs>),
    /// 通道 / channels
    Channel(To<ChannelArgs>),
    /// 运营商错误码 / codes of carriers
    Codes(To<CodesArgs>),
    /// 余额与额度 / the balance and what bounds it
    Balance(To<BalanceArgs>),
    /// 为账户充值或扣款（运营方） / book a payment of an account; for the operator
    TopUp(To<TopUpArgs>),
    /// 月账单（CSV、PDF）与逐条明细 / monthly statements as CSV or PDF, and message by message
    Statement(To<StatementArgs>),
    /// 收入、成本与毛利（运营方） / revenue, cost and margin; for the operator
    Margins(To<MarginsArgs>),
    /// 回调 / webhooks
    Webhook(To<WebhookArgs>),
    Sim(simulate::SimArgs),
    Simulate(simulation::SimulateArgs),
    Bench(bench::BenchArgs),
    Doctor(doctor::DoctorArgs),
    /// 配置 / the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Migrate(migrate::MigrateArgs),
    Copy(copy::CopyArgs),
    Verify(verify::VerifyArgs),
    /// 协议报文工具 / PDU tools
    #[command(subcommand)]
    Pdu(pdu::PduCommand),
    /// 短信内容工具 / text tools
    #[command(subcommand)]
    Text(text::TextCommand),
}

#[tokio::main]
async fn main() -> ExitCode {
    let lang = usage::asked_language(std::env::args()).or_else(|| std::env::var("HONGYAN_LANG").ok());
    let chinese = speaks_chinese(lang.as_deref());
    let cli: Cli = match usage::parse(chinese) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let show = Show { chinese, quiet: false };
    start_logging(&cli.command, show);
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(args, show).await,
        Command::Demo(args) => return code(demo::run(args, chinese).await.map_err(Failure::from)),
        Command::Bench(args) => bench::run(args).await.map_err(Failure::from),
        Command::Doctor(args) => doctor::run(args, show).await,
        Command::Config(command) => config::run(command, show),
        Command::Copy(args) => copy::run(args, show).await,
        Command::Migrate(args) => migrate::run(args, show).await,
        Command::Verify(args) => verify::run(args, show).await,
        Command::Sim(args) => simulate::run(args, show).await,
        Command::Simulate(args) => simulation::run(args, show).await,
        Command::Pdu(command) => pdu::run(command, show),
        Command::Text(command) => text::run(command, show),
        Command::Send(asked) => client::run(Asked::Send(asked), show).await,
        Command::Import(asked) => client::run(Asked::Import(asked), show).await,
        Command::Campaign(asked) => client::run(Asked::Campaign(asked), show).await,
        Command::Route(asked) => client::run(Asked::Route(asked), show).await,
        Command::Key(asked) => client::run(Asked::Key(asked), show).await,
        Command::Account(asked) => client::run(Asked::Account(asked), show).await,
        Command::User(asked) => client::run(Asked::User(asked), show).await,
        Command::Numbers(asked) => client::run(Asked::Numbers(asked), show).await,
        Command::Channel(asked) => client::run(Asked::Channel(asked), show).await,
        Command::Codes(asked) => client::run(Asked::Codes(asked), show).await,
        Command::Balance(asked) => client::run(Asked::Balance(asked), show).await,
        Command::TopUp(asked) => client::run(Asked::TopUp(asked), show).await,
        Command::Statement(asked) => client::run(Asked::Statement(asked), show).await,
        Command::Margins(asked) => client::run(Asked::Margins(asked), show).await,
        Command::Webhook(asked) => client::run(Asked::Webhook(asked), show).await,
        Command::Message(asked) => client::run(Asked::Message(asked), show).await,
    };
    code(outcome.map(|()| ExitCode::SUCCESS))
}

fn code(outcome: Result<ExitCode, Failure>) -> ExitCode {
    outcome.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.code()
    })
}

fn speaks_chinese(lang: Option<&str>) -> bool {
    let system = || {
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
        names.into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    lang.map(str::to_owned).or_else(system).is_some_and(|lang| lang.starts_with("zh"))
}

/// Logs go to standard error: what a command prints is for whoever called it.
fn start_logging(command: &Command, show: Show) {
    let (default, format) = match command {
        // What is wrong with the configuration is told by the command itself.
        Command::Serve(args) => args.config(show).map_or_else(
            |_| ("info".to_owned(), LogFormat::Text),
            |config| (quieted(&config.log), config.log_format),
        ),
        _ => ("error".to_owned(), LogFormat::Text),
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("HONGYAN_LOG")
        .or_else(|_| tracing_subscriber::EnvFilter::try_new(default))
        .unwrap_or_default();
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}

/// Migrations tell of each of their steps; a person who asks for `info` wants to hear of the platform.
fn quieted(filter: &str) -> String {
    format!("sea_orm_migration=warn,{filter}")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn no_command_has_two_arguments_of_one_name() {
        super::Cli::command().debug_assert();
    }
}
