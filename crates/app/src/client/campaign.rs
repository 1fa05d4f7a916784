//! `hongyan campaign …`: from draft to report.

use std::path::PathBuf;
use std::time::Duration;

use api::json::{
    AudienceSource, Campaign, CampaignDraft, CampaignProgress, CampaignReport, CampaignState, CanaryPlan,
    CanaryThen, Category, Moment, StopLimits, WindowClose,
};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::resend::{self, ResendArgs};
use super::{Connection, import, tables};
use crate::exit::Failure;
use crate::show::grouped;

/// Between two looks at a running campaign.
const LOOK: Duration = Duration::from_millis(300);
/// Looks without a new receipt after which a finished campaign is no longer watched: ten seconds. Some receipts never
/// come, and the others are in the report.
const LOOKS_WITHOUT_RECEIPT: u32 = 33;

/// 群发任务 / campaigns
#[derive(Subcommand, Debug)]
pub(crate) enum CampaignCommand {
    /// 新建 / write a campaign
    Create(CreateArgs),
    /// 预检：谁会收到、谁不会、为什么、多少钱 / count it: who gets it, who does not and why, and the cost
    Preflight { id: String },
    /// 启动（或到点启动） / start, now or at its time
    Start { id: String },
    /// 暂停 / pause
    Pause { id: String },
    /// 继续 / resume
    Resume { id: String },
    /// 撤销 / cancel
    Cancel { id: String },
    /// 把失败的再发一次，作为新任务 / send failures again, as a campaign of its own
    Resend(ResendArgs),
    /// 放行待审词 / let held words pass
    ApproveHeldWords { id: String },
    /// 实时进度 / live progress
    Watch { id: String },
    /// 报告 / report
    Report { id: String },
    /// 导出明细 CSV / download every message as CSV
    Export {
        id: String,
        /// 写到文件，省略则写到标准输出 / file; standard output when left out
        #[arg(long)]
        out: Option<PathBuf>,
        /// 显示完整号码 / show whole phones
        #[arg(long)]
        reveal: bool,
    },
    /// 列表 / list
    List,
}

#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// 任务名称，不超过 30 字 / name, at most 30 characters
    #[arg(long)]
    name: String,
    /// 签名 / signature
    #[arg(long)]
    signature: String,
    /// 正文模板 / the text with variables
    #[arg(long)]
    text: String,
    /// 类别 / category: otp, notice, marketing
    #[arg(long, default_value = "marketing")]
    category: String,
    /// 直接用文件作为收件人 / a file as the audience
    #[arg(long, conflicts_with_all = ["tag", "all"])]
    file: Option<PathBuf>,
    /// 有这些标签的联系人，可重复 / contacts with any of these tags; repeatable
    #[arg(long, conflicts_with = "all")]
    tag: Vec<String>,
    /// 全部联系人 / every contact
    #[arg(long)]
    all: bool,
    /// 定时，RFC 3339 / scheduled time
    #[arg(long)]
    at: Option<String>,
    /// 每秒条数上限 / messages per second
    #[arg(long)]
    speed: Option<u32>,
    /// 测试号码，可重复 / test numbers; repeatable
    #[arg(long)]
    test: Vec<String>,
    /// 指定路由，省略则按号码选择 / a route; left out: by each phone
    #[arg(long)]
    route: Option<String>,
    /// 试发：5% 或人数 / some get it first: 5% or a number of people
    #[arg(long)]
    canary: Option<String>,
    /// 试发后等待回执的秒数 / seconds from the canary to its verdict
    #[arg(long, requires = "canary")]
    canary_wait: Option<u64>,
    /// 试发后由人确认再继续 / a person lets the rest go
    #[arg(long, requires = "canary")]
    canary_asks: bool,
    /// 不因失败、退订、投诉过多而自动暂停 / never stops itself
    #[arg(long)]
    no_limits: bool,
    /// 时段结束时：hold、pause 或 drop@RFC3339 / at the end of sending hours
    #[arg(long, default_value = "hold")]
    window_close: String,
}

pub(super) async fn run(connection: &Connection, command: CampaignCommand) -> Result<(), Failure> {
    match command {
        CampaignCommand::Create(args) => create(connection, args).await,
        CampaignCommand::Preflight { id } => preflight(connection, &id).await,
        CampaignCommand::Start { id } => act(connection, &id, "start").await,
        CampaignCommand::Pause { id } => act(connection, &id, "pause").await,
        CampaignCommand::Resume { id } => act(connection, &id, "resume").await,
        CampaignCommand::Cancel { id } => act(connection, &id, "cancel").await,
        CampaignCommand::Resend(args) => resend::run(connection, args).await,
        CampaignCommand::ApproveHeldWords { id } => act(connection, &id, "approve-held-words").await,
        CampaignCommand::Watch { id } => watch(connection, &id).await,
        CampaignCommand::Report { id } => {
            let report: CampaignReport = connection.get(&format!("/v1/campaigns/{id}/report")).await?;
            print(connection, &report, |_| tables::report(connection.show, &report))
        }
        CampaignCommand::Export { id, out, reveal } => {
            let path = format!("/v1/campaigns/{id}/messages.csv?reveal={reveal}");
            match out {
                Some(file) => connection.download(&path, &mut std::fs::File::create(file)?).await,
                None => connection.download(&path, &mut std::io::stdout().lock()).await,
            }
        }
        CampaignCommand::List => list(connection).await,
    }
}

async fn create(connection: &Connection, args: CreateArgs) -> Result<(), Failure> {
    let input = |text: &str| Failure::Input(text.to_owned());
    let category = domain::message::Category::from_word(&args.category)
        .map(Category::from)
        .ok_or_else(|| input("--category: otp, notice, marketing"))?;
    let window_close = match args.window_close.as_str() {
        "hold" => WindowClose::Hold,
        "pause" => WindowClose::PauseForHuman,
        other => match other.strip_prefix("drop@") {
            Some(at) => WindowClose::DropAfter { at: Moment(at.to_owned()) },
            None => return Err(input("--window-close: hold, pause, drop@2026-11-11T20:00:00+08:00")),
        },
    };
    let canary = args.canary.as_deref().map(|share| canary(share, args.canary_wait, args.canary_asks));
    let audience = match (&args.file, args.all, args.tag.is_empty()) {
        (Some(path), ..) => {
            let uploaded = import::upload(connection, path).await?;
            AudienceSource::File { import: uploaded.import.id, mapping: None }
        }
        (None, true, _) => AudienceSource::All,
        (None, false, false) => AudienceSource::Tags { tags: args.tag },
        (None, false, true) => {
            return Err(input(connection.show.of(
                "收件人是谁？请用 --file、--tag 或 --all",
                "who is to get it? give --file, --tag or --all",
            )));
        }
    };
    let draft = CampaignDraft {
        name: args.name,
        category,
        signature: args.signature,
        text: Some(args.text),
        template: None,
        audience,
        test_numbers: args.test,
        scheduled_at: args.at.map(Moment),
        speed: args.speed,
        window_close,
        valid_for_seconds: None,
        route: args.route,
        canary: canary.transpose()?,
        limits: args.no_limits.then(StopLimits::default),
    };
    let campaign: Campaign = connection.post("/v1/campaigns", &draft).await?;
    print(connection, &campaign, |campaign| println!("{}", campaign.id))
}

fn canary(share: &str, wait_seconds: Option<u64>, asks: bool) -> Result<CanaryPlan, Failure> {
    let wrong = |_| Failure::Input("--canary: 5%, 200".to_owned());
    let (percent, people) = match share.strip_suffix('%') {
        Some(percent) => (Some(percent.parse().map_err(wrong)?), None),
        None => (None, Some(share.parse().map_err(wrong)?)),
    };
    let then = if asks { CanaryThen::WaitForPerson } else { CanaryThen::GoOn };
    Ok(CanaryPlan { percent, people, wait_seconds, then: Some(then) })
}

async fn preflight(connection: &Connection, id: &str) -> Result<(), Failure> {
    let path = format!("/v1/campaigns/{id}/preflight");
    let bar = progress_bar(connection);
    let _counted_or_counting: Campaign = connection.act(&format!("{path}?wait_seconds=1")).await?;
    loop {
        let progress: CampaignProgress = connection.get(&format!("/v1/campaigns/{id}/progress")).await?;
        bar.set_length(progress.preflight_total.max(1));
        bar.set_position(progress.preflight_done);
        match progress.preflight.as_str() {
            "freezing" | "counting" => tokio::time::sleep(LOOK).await,
            // Asked again, it says why.
            "failed" => {
                let _counted: Campaign = connection.act(&path).await?;
            }
            _ => break,
        }
    }
    bar.finish_and_clear();
    let campaign: Campaign = connection.get(&format!("/v1/campaigns/{id}")).await?;
    let Some(report) = &campaign.preflight else {
        return Err(Failure::Refused(
            connection.show.of("预检没有完成", "the preflight did not finish").to_owned(),
        ));
    };
    print(connection, report, |report| tables::preflight(connection.show, report))
}

async fn act(connection: &Connection, id: &str, action: &str) -> Result<(), Failure> {
    let campaign: Campaign = connection.act(&format!("/v1/campaigns/{id}/{action}")).await?;
    print(connection, &campaign, |campaign| {
        println!("{} {}", campaign.id, domain::control::CampaignState::from(campaign.state));
        if let Some(stopped) = &campaign.stopped {
            println!("{} {} / {}", stopped.explanation, stopped.bad, stopped.of);
        }
    })
}

async fn watch(connection: &Connection, id: &str) -> Result<(), Failure> {
    let bar = progress_bar(connection);
    let show = connection.show;
    let (mut receipts, mut looks) = (0, 0);
    loop {
        let now: CampaignProgress = connection.get(&format!("/v1/campaigns/{id}/progress")).await?;
        let handled = now.submitted + now.failed + now.rejected + now.cancelled + now.uncertain;
        bar.set_length(now.people.max(1));
        bar.set_position(handled.max(0).unsigned_abs());
        let [delivered, failed, rejected, queued] =
            [now.delivered, now.failed, now.rejected, now.queued].map(grouped);
        bar.set_message(
            show.of(
                &format!("送达 {delivered} · 失败 {failed} · 未发 {rejected} · 排队 {queued}"),
                &format!("delivered {delivered} · failed {failed} · rejected {rejected} · queued {queued}"),
            )
            .to_owned(),
        );
        let over =
            matches!(now.state, CampaignState::Finished | CampaignState::Cancelled | CampaignState::Paused);
        let idle = matches!(now.state, CampaignState::Draft | CampaignState::Preflighted);
        looks = if receipts == now.delivered + now.failed { looks + 1 } else { 0 };
        receipts = now.delivered + now.failed;
        let awaits_receipts =
            now.submitted > receipts && now.state == CampaignState::Finished && looks < LOOKS_WITHOUT_RECEIPT;
        if idle || (over && !awaits_receipts) {
            bar.finish();
            return print(connection, &now, |now| {
                println!("\n{}", domain::control::CampaignState::from(now.state));
                if let Some(rule) = now.stopped {
                    let (zh, en) = domain::campaign::StopRule::from(rule).explain();
                    show.say(zh, en);
                }
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn list(connection: &Connection) -> Result<(), Failure> {
    let page: api::json::Page<Campaign> = connection.get("/v1/campaigns?limit=50").await?;
    print(connection, &page, |page| {
        for campaign in &page.items {
            let state = domain::control::CampaignState::from(campaign.state);
            connection.show.row(0, &campaign.name, state.word(), &campaign.id);
        }
    })
}

fn progress_bar(connection: &Connection) -> ProgressBar {
    let bar = if connection.json { ProgressBar::hidden() } else { ProgressBar::new(1) };
    let style = ProgressStyle::with_template("{bar:32} {percent:>3}% {per_sec:>10} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// As JSON for machines, else for people.
fn print<T: serde::Serialize>(
    connection: &Connection,
    value: &T,
    people: impl Fn(&T),
) -> Result<(), Failure> {
    if connection.json {
        crate::show::json(value)?;
    } else {
        people(value);
    }
    Ok(())
}
