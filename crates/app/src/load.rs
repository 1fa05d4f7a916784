//! `hongyan sim load`: a customer that submits as fast as its window allows, and stores nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use sim::load::{PumpConfig, PumpError, pump};

use crate::exit::Failure;
use crate::show::{Show, json};
use crate::simulate::Protocol;

/// 模拟客户：按窗口全速提交，输出 JSON 结果 / a simulated customer; prints what it measured as JSON
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    /// 协议 / protocol
    #[arg(long, value_enum, default_value = "cmpp")]
    protocol: Protocol,
    /// 对方地址，默认本机、协议的端口 / where to; this machine and the protocol's port when left out
    #[arg(long)]
    to: Option<SocketAddr>,
    /// 登录名 / login
    #[arg(long, default_value = "900001")]
    login: String,
    /// 密码 / password
    #[arg(long, default_value = "secret", env = "HONGYAN_LOAD_SECRET", hide_env_values = true)]
    secret: String,
    /// 主叫号码 / source number
    #[arg(long, default_value = "10690001")]
    source: String,
    /// 短信条数 / messages
    #[arg(long, default_value_t = 10_000)]
    messages: u64,
    /// 连接数 / connections
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// 每连接窗口 / window of each connection
    #[arg(long, default_value_t = 100)]
    window: usize,
    /// 正文，可重复，轮流使用 / a text; repeatable, used in turn
    #[arg(long = "text")]
    texts: Vec<String>,
    /// 第一个号码，之后依次加一 / the first phone, counting up from it
    #[arg(long, default_value_t = 13_000_000_000, value_parser = clap::value_parser!(u64).range(13_000_000_000..20_000_000_000))]
    first_phone: u64,
    /// 最后一个应答或回执之后再等几秒 / seconds to wait for more after the last answer or receipt
    #[arg(long, default_value_t = 10)]
    patience: u64,
}

/// Submits to the end, and says what came of it.
///
/// # Errors
/// When a text or field cannot be sent, the log-in is refused, or a connection fails.
pub(crate) async fn run(args: LoadArgs, show: Show) -> Result<(), Failure> {
    let protocol = args.protocol.simulated();
    let addr = args.to.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, protocol.port()).into());
    let usual = PumpConfig::new(addr, &args.login, &args.secret, args.messages);
    let config = PumpConfig {
        protocol,
        connections: args.connections,
        window: args.window,
        texts: if args.texts.is_empty() { usual.texts.clone() } else { args.texts },
        first_phone: args.first_phone,
        source: args.source,
        patience: Duration::from_secs(args.patience),
        ..usual
    };
    let report = pump(config).await.map_err(|error| told(error, addr, show))?;
    json(&report)?;
    Ok(())
}

/// What a person can mend about it.
fn told(error: PumpError, addr: SocketAddr, show: Show) -> Failure {
    let said = match &error {
        PumpError::Refused(why) => show
            .of(
                &format!("{addr} 拒绝登录，请检查登录名、密码与协议：{why}"),
                &format!("{addr} refused the log-in; look at login, password and protocol: {why}"),
            )
            .to_owned(),
        PumpError::Io { source, .. } => show
            .of(
                &format!("与 {addr} 的连接失败，请检查地址与协议：{source}"),
                &format!("the connection to {addr} failed; look at address and protocol: {source}"),
            )
            .to_owned(),
        PumpError::Text(_) | PumpError::Encode(_) | PumpError::Nothing => {
            show.of(&format!("参数无法发送：{error}"), &format!("this cannot be sent: {error}")).to_owned()
        }
        PumpError::Closed(_) => return Failure::Other(error.into()),
    };
    Failure::Input(said)
}
