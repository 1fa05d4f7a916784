//! `hongyan balance`, `top-up`, `statement` and `margins`.

use std::path::{Path, PathBuf};

use api::json::{AccountBalance, Margins, PaymentCreate, Statement, StatementMonths, Transfer};
use clap::Args;
use domain::money::Money;

use super::codes::escaped;
use super::{Connection, tables};
use crate::exit::Failure;
use crate::show::{grouped, json};

/// What the balance is asked with.
#[derive(Args, Debug)]
pub(crate) struct BalanceArgs {}

/// A payment.
#[derive(Args, Debug)]
pub(crate) struct TopUpArgs {
    /// 账户 acc_… / the account
    #[arg(id = "paid_account", value_name = "ACCOUNT")]
    account: String,
    /// 金额，如 1000 或 0.045 / the amount, such as 1000 or 0.045
    amount: String,
    /// 幂等键，如银行流水号：用同一个键重复执行只入账一次 / a key such as the bank's number; repeated with the same key it is booked once
    #[arg(long, value_name = "KEY")]
    idempotency_key: String,
    /// 付款备注 / the payer's name for it
    #[arg(long, default_value = "")]
    reference: String,
    /// 扣款而不是充值 / a withdrawal instead
    #[arg(long)]
    withdraw: bool,
}

/// A statement.
#[derive(Args, Debug)]
pub(crate) struct StatementArgs {
    /// 月份，如 2026-11；省略时列出 / the month, such as 2026-11; a list when left out
    month: Option<String>,
    /// 存为文件，按扩展名 .csv 或 .pdf / save it as a file, .csv or .pdf
    #[arg(long)]
    out: Option<PathBuf>,
    /// 存明细：每条短信一行的 CSV / save a CSV with a line for each message
    #[arg(long, value_name = "FILE")]
    messages: Option<PathBuf>,
}

/// Margins.
#[derive(Args, Debug)]
pub(crate) struct MarginsArgs {
    /// 按 channel、account 或 carrier / by channel, account or carrier
    #[arg(long, default_value = "channel")]
    by: String,
    /// 起始时间，RFC 3339；省略为本月初 / from then on; this month's beginning when left out
    #[arg(long)]
    from: Option<String>,
    /// 截止时间 / before then; now when left out
    #[arg(long)]
    to: Option<String>,
}

pub(super) async fn balance(connection: &Connection) -> Result<(), Failure> {
    let balance: AccountBalance = connection.get("/v1/balance").await?;
    if connection.json {
        return Ok(json(&balance)?);
    }
    let show = connection.show;
    let row = |zh: &str, en: &str, money: &api::json::Money| {
        show.row(0, show.of(zh, en), &tables::yuan(show, money), "");
    };
    row("余额", "funds", &balance.funds);
    row("预留", "reserved", &balance.reserved);
    row("信用额度", "credit", &balance.credit);
    match &balance.available {
        Some(available) => row("可用", "available", available),
        None => show.say("  不设上限（后付费）", "  nothing bounds it"),
    }
    row("今日已用", "spent today", &balance.spent_today);
    row("本月已用", "spent this month", &balance.spent_this_month);
    for (zh, en, limit) in
        [("日限额", "daily limit", &balance.daily_limit), ("月限额", "monthly limit", &balance.monthly_limit)]
    {
        if let Some(limit) = limit {
            row(zh, en, limit);
        }
    }
    Ok(())
}

pub(super) async fn top_up(connection: &Connection, args: TopUpArgs) -> Result<(), Failure> {
    let show = connection.show;
    let amount: Money = args.amount.parse().map_err(|_| {
        let told = show.of(
            "金额应为数字，最多 6 位小数，如 0.045",
            "an amount has digits and at most 6 decimals, such as 0.045",
        );
        Failure::Input(told.to_owned())
    })?;
    let what = if args.withdraw { "withdrawals" } else { "top-ups" };
    let path = format!("/v1/accounts/{}/{what}", args.account);
    let body = PaymentCreate { amount: amount.into(), reference: args.reference };
    let booked: Transfer = connection.post_once(&path, &args.idempotency_key, &body).await?;
    if connection.json {
        return Ok(json(&booked)?);
    }
    let label =
        if args.withdraw { show.of("已扣款", "withdrawn") } else { show.of("已充值", "topped up") };
    show.row(0, label, &tables::yuan(show, &booked.amount), &booked.id);
    Ok(())
}

pub(super) async fn statement(connection: &Connection, args: StatementArgs) -> Result<(), Failure> {
    let show = connection.show;
    let Some(month) = args.month else {
        let months: StatementMonths = connection.get("/v1/statements").await?;
        if connection.json {
            return Ok(json(&months)?);
        }
        for month in &months.months {
            show.row(0, &month.month, "", if month.over { "" } else { show.of("未结束", "not over") });
        }
        return Ok(());
    };
    if let Some(file) = &args.out {
        let form =
            file.extension().and_then(|form| form.to_str()).filter(|form| matches!(*form, "csv" | "pdf"));
        let form = form.ok_or_else(|| {
            Failure::Input(show.of("--out 应以 .csv 或 .pdf 结尾", "--out ends in .csv or .pdf").to_owned())
        })?;
        save(connection, &format!("/v1/statements/{month}.{form}"), file).await?;
    }
    if let Some(file) = &args.messages {
        save(connection, &format!("/v1/statements/{month}/messages.csv"), file).await?;
    }
    if args.out.is_some() || args.messages.is_some() {
        return Ok(());
    }
    let statement: Statement = connection.get(&format!("/v1/statements/{month}")).await?;
    if connection.json {
        return Ok(json(&statement)?);
    }
    tell(connection, &statement);
    Ok(())
}

fn tell(connection: &Connection, statement: &Statement) {
    let show = connection.show;
    let row = |zh: &str, en: &str, money: &api::json::Money| {
        show.row(0, show.of(zh, en), &tables::yuan(show, money), "");
    };
    show.head(&statement.month, &statement.month);
    row("期初", "opening", &statement.opening.total);
    row("充值", "top-ups", &statement.top_ups);
    row("扣款", "withdrawals", &statement.withdrawals);
    for line in &statement.lines {
        let category = domain::message::Category::from(line.category).word();
        let carrier = domain::phone::Carrier::from(line.carrier);
        let carrier = if show.chinese { carrier.name_zh() } else { carrier.as_str() };
        let amount = tables::yuan(show, &line.amount);
        show.row(1, &format!("{category} {carrier}"), &grouped(line.parts), &amount);
    }
    row("短信费用", "messages", &statement.amount);
    row("期末", "closing", &statement.closing.total);
    row("其中预留", "of it reserved", &statement.closing.reserved);
    if !statement.adds_up {
        show.say("✗ 账不平，请联系运营方", "✗ it does not add up: ask the operator");
    }
}

async fn save(connection: &Connection, path: &str, file: &Path) -> Result<(), Failure> {
    // Written beside and put in place when it is whole: what is refused leaves no file.
    let beside = file.with_extension("part");
    let made = std::fs::File::create(&beside);
    let mut out = made.map_err(|error| Failure::Input(format!("{}: {error}", beside.display())))?;
    if let Err(failure) = connection.download(path, &mut out).await {
        let _left = std::fs::remove_file(&beside);
        return Err(failure);
    }
    std::fs::rename(&beside, file)?;
    connection.show.line(&file.display().to_string());
    Ok(())
}

pub(super) async fn margins(connection: &Connection, args: MarginsArgs) -> Result<(), Failure> {
    let mut path = format!("/v1/margins?by={}", escaped(&args.by));
    for (name, value) in [("from", args.from), ("to", args.to)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escaped(&value)));
        }
    }
    let margins: Margins = connection.get(&path).await?;
    if connection.json {
        return Ok(json(&margins)?);
    }
    let show = connection.show;
    show.head("收入、成本、毛利", "Revenue, cost, margin");
    for line in &margins.lines {
        let of = if line.of.is_empty() { show.of("（未经通道）", "(no channel)") } else { &line.of };
        let [revenue, cost, margin] =
            [&line.revenue, &line.cost, &line.margin].map(|money| tables::yuan(show, money));
        show.row(0, of, &grouped(line.parts), &format!("{revenue} - {cost} = {margin}"));
    }
    Ok(())
}
