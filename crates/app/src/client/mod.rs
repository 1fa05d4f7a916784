//! The commands that speak to a running platform over its API.

mod access;
mod campaign;
mod channel;
mod codes;
mod connection;
mod import;
mod message;
mod money;
mod numbers;
mod resend;
mod route;
mod tables;
mod webhook;

use std::path::PathBuf;

use clap::Args;

use access::{AccountCommand, KeyCommand, UserCommand};
use campaign::CampaignCommand;
use channel::ChannelCommand;
use codes::CodesCommand;
use connection::Connection;
pub(crate) use import::ImportArgs;
use message::MessageCommand;
pub(crate) use message::SendArgs;
pub(crate) use money::{BalanceArgs, MarginsArgs, StatementArgs, TopUpArgs};
use numbers::NumbersCommand;
use route::RouteCommand;
use webhook::WebhookCommand;

use crate::exit::Failure;
use crate::show::Show;

/// Where the platform is and who asks.
#[derive(Args, Debug, Clone)]
pub(crate) struct Target {
    /// 平台地址 / address of the platform
    #[arg(long, global = true, env = "HONGYAN_SERVER", default_value = "http://127.0.0.1:8520")]
    pub(crate) server: String,
    /// 密钥；省略时读 KEY_FILE / key; read from the key file when left out
    #[arg(long, global = true, env = "HONGYAN_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// 存放密钥的文件 / file that holds the key
    #[arg(long, global = true, env = "HONGYAN_KEY_FILE", default_value = "hongyan-data.owner")]
    pub(crate) key_file: PathBuf,
    /// 代哪个账户操作（运营方或上级账户） / for which account, when not for the key's own
    #[arg(long = "for-account", global = true, value_name = "ACC")]
    pub(crate) account: Option<String>,
    /// 以 JSON 输出 / print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A command that speaks to the platform, and where that is.
#[derive(Args, Debug)]
pub(crate) struct To<T: Args> {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    asked: T,
}

/// Commands about campaigns.
#[derive(Args, Debug)]
pub(crate) struct CampaignArgs {
    #[command(subcommand)]
    command: CampaignCommand,
}

/// Commands about messages.
#[derive(Args, Debug)]
pub(crate) struct MessageArgs {
    #[command(subcommand)]
    command: MessageCommand,
}

/// Commands about routes.
#[derive(Args, Debug)]
pub(crate) struct RouteArgs {
    #[command(subcommand)]
    command: RouteCommand,
}

/// Commands about keys.
#[derive(Args, Debug)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

/// Commands about accounts.
#[derive(Args, Debug)]
pub(crate) struct AccountArgs {
    #[command(subcommand)]
    command: AccountCommand,
}

/// Commands about people.
#[derive(Args, Debug)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

/// Commands about numbers.
#[derive(Args, Debug)]
pub(crate) struct NumbersArgs {
    #[command(subcommand)]
    command: NumbersCommand,
}

/// Commands about channels.
#[derive(Args, Debug)]
pub(crate) struct ChannelArgs {
    #[command(subcommand)]
    command: ChannelCommand,
}

/// Commands about carriers' codes.
#[derive(Args, Debug)]
pub(crate) struct CodesArgs {
    #[command(subcommand)]
    command: CodesCommand,
}

/// Commands about webhooks.
#[derive(Args, Debug)]
pub(crate) struct WebhookArgs {
    #[command(subcommand)]
    command: WebhookCommand,
}

/// Something that can be asked of the platform.
pub(crate) enum Asked {
    Import(To<ImportArgs>),
    Campaign(To<CampaignArgs>),
    Message(To<MessageArgs>),
    Send(To<SendArgs>),
    Route(To<RouteArgs>),
    Key(To<KeyArgs>),
    Account(To<AccountArgs>),
    User(To<UserArgs>),
    Numbers(To<NumbersArgs>),
    Channel(To<ChannelArgs>),
    Codes(To<CodesArgs>),
    Balance(To<BalanceArgs>),
    TopUp(To<TopUpArgs>),
    Statement(To<StatementArgs>),
    Margins(To<MarginsArgs>),
    Webhook(To<WebhookArgs>),
}

/// Does what was asked.
///
/// # Errors
/// [`Failure`], in the reader's language.
pub(crate) async fn run(asked: Asked, show: Show) -> Result<(), Failure> {
    match asked {
        Asked::Import(To { target, asked }) => import::run(&Connection::new(&target, show)?, asked).await,
        Asked::Campaign(To { target, asked }) => {
            campaign::run(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::Message(To { target, asked }) => {
            message::show(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::Route(To { target, asked }) => {
            route::explain(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::Key(To { target, asked }) => {
            access::keys(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::Account(To { target, asked }) => {
            access::accounts(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::User(To { target, asked }) => {
            access::users(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::Numbers(To { target, asked }) => {
            numbers::run(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::Balance(To { target, .. }) => money::balance(&Connection::new(&target, show)?).await,
        Asked::TopUp(To { target, asked }) => money::top_up(&Connection::new(&target, show)?, asked).await,
        Asked::Statement(To { target, asked }) => {
            money::statement(&Connection::new(&target, show)?, asked).await
        }
        Asked::Margins(To { target, asked }) => money::margins(&Connection::new(&target, show)?, asked).await,
        Asked::Channel(To { target, asked }) => {
            channel::run(&Connection::new(&target, show)?, asked.command).await
        }
        // A file is looked at here; everything else is asked of the platform.
        Asked::Codes(To { asked: CodesArgs { command: CodesCommand::Check { file } }, .. }) => {
            codes::check(show, &file)
        }
        Asked::Codes(To { target, asked }) => {
            codes::run(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::Webhook(To { target, asked }) => {
            webhook::run(&Connection::new(&target, show)?, asked.command).await
        }
        Asked::Send(To { target, asked }) => message::send(&Connection::new(&target, show)?, asked).await,
    }
}
