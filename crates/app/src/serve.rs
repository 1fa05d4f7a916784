//! `hongyan serve`: the platform, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, DEFAULTS, Loaded, Origin, environment, load};
use crate::exit::Failure;
use crate::node::{Node, NodeOptions};
use crate::show::Show;
use crate::storage::StorageArgs;
use crate::trouble;

/// 启动平台 / run the platform
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// 配置文件（TOML） / configuration file
    #[arg(long, env = "HONGYAN_CONFIG")]
    config: Option<PathBuf>,
    /// 数据目录 / data folder
    #[arg(long, env = "HONGYAN_DATA")]
    data: Option<PathBuf>,
    /// 接口地址 / address of the API
    #[arg(long, env = "HONGYAN_LISTEN")]
    listen: Option<SocketAddr>,
    /// 密封密钥文件 / file of the sealing keys
    #[arg(long, env = "HONGYAN_SEAL_FILE")]
    seal_file: Option<PathBuf>,
    #[command(flatten)]
    storage: StorageArgs,
    /// 打印带注释的默认配置 / print the commented defaults
    #[arg(long)]
    print_config: bool,
}

impl ServeArgs {
    /// The configuration: defaults, file, environment, flags.
    ///
    /// # Errors
    /// As [`load`], in the reader's language.
    pub(crate) fn config(&self, show: Show) -> Result<Config, Failure> {
        self.loaded(show).map(|loaded| loaded.config)
    }

    /// The same, with where each setting came from.
    ///
    /// # Errors
    /// As [`load`], in the reader's language.
    pub(crate) fn loaded(&self, show: Show) -> Result<Loaded, Failure> {
        let loaded = load(self.config.as_deref(), environment());
        let mut loaded = loaded.map_err(|faults| Failure::Input(faults.told(show.chinese)))?;
        let (config, origins) = (&mut loaded.config, &mut loaded.origins);
        if let Some(data) = &self.data {
            config.data.clone_from(data);
            origins.insert("data", Origin::Flag);
        }
        if let Some(listen) = self.listen {
            config.listen = listen;
            origins.insert("listen", Origin::Flag);
        }
        if let Some(file) = &self.seal_file {
            config.key_file = Some(file.clone());
            origins.insert("key_file", Origin::Flag);
        }
        for path in self.storage.over(&mut config.storage) {
            origins.insert(path, Origin::Flag);
        }
        Ok(loaded)
    }

    /// The same settings read from another file.
    pub(crate) fn with_file(mut self, file: Option<PathBuf>) -> Self {
        self.config = file.or(self.config);
        self
    }
}

/// Serves until a signal comes. The first one stops gracefully, a second one at once.
///
/// # Errors
/// When the node does not start.
pub(crate) async fn run(args: ServeArgs, show: Show) -> Result<(), Failure> {
    if args.print_config {
        print!("{DEFAULTS}");
        return Ok(());
    }
    let mut signalled = Box::pin(signalled()?);
    let config = args.config(show)?;
    loop {
        let node = start(&config, show).await?;
        let is_told = tokio::select! {
            () = &mut signalled => true,
            () = node.engine.replaced() => false,
        };
        if is_told {
            show.say("正在停止：等待通道应答……", "stopping: waiting for the channels' answers …");
        } else {
            show.say(
                "其他节点已接管本节点：正在以新的身份重新启动……",
                "other nodes have taken over from this one: it starts anew …",
            );
        }
        let ending = async {
            if is_told {
                node.drain().await;
            }
            node.stop().await;
        };
        tokio::select! {
            () = ending => {}
            _ = wait_for_signal() => return Ok(()),
        }
        if is_told {
            return Ok(());
        }
    }
}

/// Starts a node and says where it is.
async fn start(config: &Config, show: Show) -> Result<Node, Failure> {
    let policy = config.policy().map_err(|error| Failure::Input(format!("{error:#}")))?;
    let codes = config.codes().map_err(|error| Failure::Input(format!("{error:#}")))?;
    let storage = config.storage.storage().map_err(|error| Failure::Input(format!("{error:#}")))?;
    let serving = config.serving().map_err(|error| trouble::explain(error, show))?;
    let scheme = if serving.options.tls.is_some() { "https" } else { "http" };
    let node = Node::start(NodeOptions {
        storage,
        data: config.data.clone(),
        key_file: config.key_file(),
        owner_file: Some(config.owner_file()),
        partitions: config.partitions,
        listen: config.listen,
        policy,
        codes,
        response_timeout: config.response_timeout(),
        private_callbacks: config.private_callbacks,
        currency: config.currency(),
        downstream: config.downstream.clone(),
        serving,
    })
    .await
    .map_err(|error| trouble::explain(error, show))?;
    if node.first.is_some() {
        let file = config.owner_file();
        show.say(
            &format!("首次启动：所有者密钥已写入 {}（请妥善保管）", file.display()),
            &format!("first start: the owner's key is in {} (keep it safe)", file.display()),
        );
    }
    show.say(
        &format!("鸿雁已启动：{scheme}://{addr}  接口文档 {scheme}://{addr}/docs", addr = node.addr),
        &format!("Hongyan is up: {scheme}://{addr}  reference at {scheme}://{addr}/docs", addr = node.addr),
    );
    if let Some(address) = node.metrics {
        show.say(&format!("指标：http://{address}/metrics"), &format!("metrics: http://{address}/metrics"));
    }
    if let Some(first) = &node.first {
        let link = format!("{scheme}://{}/welcome#{}", node.addr, first.link.0);
        show.say(
            &format!("所有者 {} 请在三天内用一次性链接设置密码：{link}", first.login),
            &format!(
                "the owner ({}) chooses a password with this link, once, within three days: {link}",
                first.login
            ),
        );
    }
    for (family, address) in &node.ports {
        show.say(
            &format!("下游客户端口 {family:?}：{address}"),
            &format!("customers may connect over {family:?} to {address}"),
        );
    }
    Ok(node)
}

/// Ctrl-C or SIGTERM, from now on: a signal that comes before the future is awaited counts too.
///
/// # Errors
/// When the system does not let us listen for them.
pub(crate) fn signalled() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// As [`signalled`].
pub(crate) async fn wait_for_signal() -> Result<(), Failure> {
    signalled()?.await;
    Ok(())
}
