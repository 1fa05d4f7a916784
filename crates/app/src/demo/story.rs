//! The demonstration from start to end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use domain::control::{Campaign, ImportCounts};
use domain::policy::LegalBasis;
use store::control::FirstStart;
use tokio_util::sync::CancellationToken;

use super::carriers::{BACKUP, CONNECTIONS, Carriers, PRIMARY, WINDOW, channel, prices, route};
use super::people::{self, SEED};
use super::reckoning::{Reckoning, reckon};
use super::run::Stage;
use super::totals::Totals;
use super::{folder, funnel, preflight};
use crate::config::{beside, open_all_day};
use crate::listeners::Serving;
use crate::node::{Node, NodeOptions};
use crate::show::{Show, grouped};
use crate::storage::{Home, StorageArgs};

/// Partition files: few, since the folder is small.
const PARTITIONS: u16 = 8;
/// Of every hundred people, so many submits until the first carrier breaks down: about half of the parts.
const BREAKS_AFTER_PERCENT: u64 = 58;
/// Rows of the second list, which nobody agreed to.
const STRANGERS: usize = 60;
/// The second list's people are others.
const STRANGERS_SEED: u64 = SEED + 1;
/// Longer than any answer of the simulated carriers.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// 演示：导入一万人、预检、群发、主通道中途断开、报告 / Watch ten thousand messages: import, preflight, sending, a broken carrier, the report
#[derive(Args, Debug, Clone)]
pub(crate) struct DemoArgs {
    /// 数据目录（每次重新填充） / the data folder, filled anew each time
    #[arg(long, default_value = "hongyan-demo")]
    data: PathBuf,
    /// 报告之后退出，不继续提供服务 / end after the report instead of going on to serve
    #[arg(long)]
    once: bool,
    /// 只输出一个 JSON 对象 / print one JSON object only
    #[arg(long)]
    json: bool,
    /// 表格行数 / rows of the spreadsheet
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    people: u32,
    /// 监听地址 / where to listen
    #[arg(long, default_value = "127.0.0.1:8520")]
    listen: SocketAddr,
    #[command(flatten)]
    storage: StorageArgs,
}

/// Runs the demonstration. The exit code is a failure when ledger and carriers disagree.
///
/// # Errors
/// When the folder holds something else, the address is taken, or the disk is full.
pub(crate) async fn run(args: DemoArgs, chinese: bool) -> anyhow::Result<ExitCode> {
    let show = Show { chinese, quiet: args.json };
    let replaced = folder::renew(&args.data, "demo")?;
    let sheet_path = beside(&args.data, "xlsx");
    let key_file = beside(&args.data, "key");
    if replaced && key_file.exists() {
        // It opened only what has just been removed.
        std::fs::remove_file(&key_file).with_context(|| key_file.display().to_string())?;
    }
    let stop_carriers = CancellationToken::new();
    let breaks_after = u64::from(args.people) * BREAKS_AFTER_PERCENT / 100;
    let carriers = Carriers::start(breaks_after, &stop_carriers).await?;
    let storage = args.storage.storage()?;
    storage.migrate(&Home { data: &args.data, key_file: &key_file, partitions: PARTITIONS }).await?;
    let node = Node::start(NodeOptions {
        storage,
        data: args.data.clone(),
        key_file,
        owner_file: None,
        partitions: PARTITIONS,
        listen: args.listen,
        policy: open_all_day()?,
        codes: domain::carrier_code::CodeBook::default(),
        response_timeout: RESPONSE_TIMEOUT,
        private_callbacks: false,
        currency: domain::currency::Currency::CNY,
        downstream: crate::config::DownstreamConfig::default(),
        serving: Serving::default(),
    })
    .await?;
    let first = node.first.clone().with_context(|| {
        show.of(
            "数据库里已有安装，演示需要空的数据库",
            "the database holds an installation; the demo wants an empty one",
        )
        .to_owned()
    })?;
    let stage = Stage {
        engine: Arc::clone(&node.engine),
        clock: Arc::clone(&node.clock),
        account: first.account.id,
        entity: first.entity.id,
        show,
    };
    open_channels(&stage, &carriers).await?;
    let totals = tell(&stage, &carriers, &args, &sheet_path).await?;
    let agree = totals.agree;
    if args.json {
        crate::show::json(&totals)?;
    }
    if !args.once {
        serve(&show, &node, &first, (&args.data, &sheet_path)).await?;
    }
    node.stop().await;
    stop_carriers.cancel();
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn open_channels(stage: &Stage, carriers: &Carriers) -> anyhow::Result<()> {
    let name = |zh: &'static str, en: &'static str| stage.show.of(zh, en);
    let engine = &stage.engine;
    engine.put_channel(&channel(PRIMARY, name("主通道", "primary"), carriers.primary.addr())).await?;
    engine.put_channel(&channel(BACKUP, name("备用通道", "backup"), carriers.backup.addr())).await?;
    engine.set_route(&route(name("默认路由", "default"))).await?;
    engine.set_prices(stage.account, &prices(stage.account)).await?;
    Ok(())
}

async fn tell(
    stage: &Stage,
    carriers: &Carriers,
    args: &DemoArgs,
    sheet_path: &Path,
) -> anyhow::Result<Totals> {
    let began = stage.clock.monotonic_millis();
    let imports = bring_in(stage, args, sheet_path).await?;
    let refused = stage.refuse_some().await?;
    stage.show.count(0, stage.show.of("此前已退订", "had opted out before"), refused as i64);
    let campaign = stage.campaign().await?;
    let counted = stage.preflight(&campaign).await?;
    let zone = stage.engine.settings().zone.clone();
    preflight::print(&stage.show, &counted, &zone);
    preflight::print_hours(&stage.show, stage.clock.now(), &zone)?;
    stage.show.head("发送", "Sending");
    stage.send(&campaign, &counted, carriers).await?;
    stage.finished(&campaign).await?;
    // Once more, now that everything is quiet: what is printed and what is compared must be of one moment.
    let report = stage.engine.campaign_report(stage.account, campaign.id).await?;
    funnel::print(&stage.show, &report.funnel);
    let reckoning = compare(stage, carriers, &campaign).await?;
    let allowed = i64::from(CONNECTIONS * WINDOW);
    let checks = [
        ("ledger_and_carriers", reckoning.agrees()),
        ("funnel_adds_up", funnel::adds_up(&report.funnel)),
        ("report_equals_preflight", report.funnel.eligible.messages == counted.eligible as i64),
        ("uncertain_within_window", report.funnel.uncertain.messages <= allowed),
        ("nothing_after_an_opt_out", carriers.backup.counters().after_opt_out == 0),
    ];
    print_reckoning(&stage.show, &reckoning, &checks, allowed);
    let seconds = stage.clock.monotonic_millis().saturating_sub(began) as f64 / 1_000.0;
    Ok(Totals::new(args.people, imports, refused, &counted, &report.funnel, reckoning, &checks, seconds)
        .with_carriers(carriers.primary.counters(), carriers.backup.counters()))
}

/// Writes the spreadsheet beside the folder, and imports it and a list that nobody agreed to.
async fn bring_in(
    stage: &Stage,
    args: &DemoArgs,
    sheet_path: &Path,
) -> anyhow::Result<(ImportCounts, ImportCounts)> {
    let show = &stage.show;
    let sheet = people::spreadsheet(args.people as usize, SEED)?;
    std::fs::write(sheet_path, &sheet).with_context(|| sheet_path.display().to_string())?;
    show.head("导入", "Import");
    let path = sheet_path.display();
    show.say(
        &format!("  虚构的会员表：{path}（可用任何表格软件打开；数据目录里只有密文）"),
        &format!(
            "  the invented members: {path} (open it with any spreadsheet program; the data folder is sealed)"
        ),
    );
    let source =
        show.of("门店会员登记表，入会时勾选同意接收优惠短信", "the shops' member forms, offers agreed to");
    let members = stage.import("会员.xlsx", sheet, source, Some(LegalBasis::Consent)).await?;
    print_import(show, show.of("会员表", "members"), &members);
    let cards = people::spreadsheet(STRANGERS, STRANGERS_SEED)?;
    let source = show.of("展会收集的名片，未征得同意", "business cards from a fair, nobody was asked");
    let strangers = stage.import("名片.xlsx", cards, source, None).await?;
    print_import(show, show.of("名片（未同意营销）", "business cards (no consent)"), &strangers);
    Ok((members, strangers))
}

fn print_import(show: &Show, name: &str, counts: &ImportCounts) {
    let number = |count: u64| grouped(count as i64);
    let remark = if show.chinese {
        format!(
            "新增 {} · 重复 {} · 无效 {}",
            number(counts.new),
            number(counts.duplicate),
            number(counts.invalid)
        )
    } else {
        let updated = number(counts.updated);
        let (new, twice, invalid) = (number(counts.new), number(counts.duplicate), number(counts.invalid));
        format!("{new} new, {updated} updated, {twice} duplicate, {invalid} invalid")
    };
    show.row(0, name, &number(counts.read), &remark);
}

async fn compare(stage: &Stage, carriers: &Carriers, campaign: &Campaign) -> anyhow::Result<Reckoning> {
    let kept = stage.kept(campaign).await?;
    Ok(reckon(&kept, &[carriers.primary.truth(), carriers.backup.truth()]))
}

fn print_reckoning(show: &Show, reckoning: &Reckoning, checks: &[(&'static str, bool)], allowed: i64) {
    let count = |zh: &str, en: &str, number: u64| show.count(0, show.of(zh, en), number as i64);
    show.head("对账：账本与两家运营商各自的记录", "Ledger against what the two carriers recorded");
    count("账本：运营商已接收", "ledger: taken", reckoning.taken);
    count("运营商：收到的短信", "carriers: received", reckoning.at_carriers);
    count("账本：已送达", "ledger: delivered", reckoning.delivered_in_ledger);
    count("运营商：已送达", "carriers: delivered", reckoning.delivered_by_carriers);
    count("失败回执后重发", "tried again after a failure", reckoning.tried_again);
    count("丢失", "lost", reckoning.lost);
    count("重复", "duplicated", reckoning.duplicated);
    let uncertain = reckoning.uncertain_at_carriers + reckoning.uncertain_elsewhere;
    let remark = if show.chinese {
        format!("断开时未应答的窗口，最多 {allowed}；营销短信不重发")
    } else {
        format!("the unanswered window of the break, {allowed} at most; marketing is not repeated")
    };
    show.row(0, show.of("不确定", "uncertain"), &grouped(uncertain as i64), &remark);
    if reckoning.delivered_by_carriers > reckoning.delivered_in_ledger {
        show.say(
            "  （断开的运营商还欠着一些回执；72 小时后仍未到的记为未知。）",
            "  (The broken carrier still owes receipts; what has not come after 72 hours becomes unknown.)",
        );
    }
    for (name, holds) in checks {
        show.line(&format!("  {} {}", if *holds { "✓" } else { "✗" }, check_words(show, name)));
    }
}

/// A check for a person; machines read its name.
fn check_words<'a>(show: &Show, name: &'a str) -> &'a str {
    match name {
        "ledger_and_carriers" => show.of("账本与运营商一致", "ledger and carriers agree"),
        "funnel_adds_up" => show.of("漏斗各级相加相等", "the funnel adds up at every step"),
        "report_equals_preflight" => {
            show.of("报告人数与发送前检查一致", "the report's numbers are the preflight's")
        }
        "uncertain_within_window" => {
            show.of("不确定数不超过窗口", "no more are uncertain than the window holds")
        }
        "nothing_after_an_opt_out" => show.of("退订之后未再发送", "nothing was sent after an opt-out"),
        _ => name,
    }
}

/// Goes on serving until Ctrl-C.
async fn serve(
    show: &Show,
    node: &Node,
    first: &FirstStart,
    (data, sheet): (&Path, &Path),
) -> anyhow::Result<()> {
    let (addr, data, sheet) = (node.addr, data.display(), sheet.display());
    show.head("继续提供服务，Ctrl-C 结束", "Serving until Ctrl-C");
    show.row(0, show.of("地址", "address"), &format!("http://{addr}"), "");
    show.row(0, show.of("密钥", "key"), &first.key.0, "");
    let link = format!("http://{addr}/welcome#{}", first.link.0);
    let login = show.of("登录（一次性链接）", "sign in (one-time link)");
    show.row(0, login, &first.login, &link);
    show.row(0, show.of("数据目录", "data folder"), &data.to_string(), "");
    show.row(0, show.of("表格", "spreadsheet"), &sheet.to_string(), "");
    crate::serve::wait_for_signal().await?;
    Ok(())
}
