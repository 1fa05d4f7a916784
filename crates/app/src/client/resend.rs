//! `hongyan campaign resend`: what failed once more, to those whom it did not reach.

use api::json::{MessageState, Reason, ResendOrder, Resent};
use clap::Args;

use super::{Connection, tables};
use crate::exit::Failure;
use crate::show::grouped;

#[derive(Args, Debug)]
pub(crate) struct ResendArgs {
    /// 任务编号 / id of the campaign
    id: String,
    /// 只重发这些结局，可重复：undelivered、expired、failed；unknown 与 uncertain 可能使对方收到两次 / only these
    /// ends; repeatable; of unknown and uncertain people may get it twice
    #[arg(long)]
    state: Vec<String>,
    /// 只重发这些原因，可重复，如 carrier_system / only these reasons; repeatable
    #[arg(long)]
    reason: Vec<String>,
    /// 换用路由 / another route, such as rte_2
    #[arg(long)]
    route: Option<String>,
    /// 新任务名称 / name of the new campaign
    #[arg(long)]
    name: Option<String>,
    /// 只统计，不发送 / only count
    #[arg(long)]
    dry_run: bool,
    /// 幂等键：用同一个键重复执行不会再发 / repeated with the same key nothing is sent again
    #[arg(long)]
    key: Option<String>,
}

pub(super) async fn run(connection: &Connection, args: ResendArgs) -> Result<(), Failure> {
    let states = args.state.iter().map(|word| {
        let state = domain::message::MessageState::from_word(word).map(MessageState::from);
        state.ok_or_else(|| {
            Failure::Input("--state: undelivered, expired, failed, unknown, uncertain".to_owned())
        })
    });
    let reasons = args.reason.iter().map(|word| {
        let reason = domain::message::Reason::from_word(word).map(Reason::from);
        reason.ok_or_else(|| {
            let known = domain::message::Reason::ALL.iter().map(|reason| reason.word());
            Failure::Input(format!("--reason {word}: {}", known.collect::<Vec<_>>().join(", ")))
        })
    });
    let order = ResendOrder {
        states: states.collect::<Result<_, _>>()?,
        reasons: reasons.collect::<Result<_, _>>()?,
        route: args.route,
        name: args.name,
        dry_run: args.dry_run,
    };
    let path = format!("/v1/campaigns/{}/resend", args.id);
    let resent: Resent = match &args.key {
        Some(key) => connection.post_once(&path, key, &order).await?,
        None => connection.post(&path, &order).await?,
    };
    if connection.json {
        return Ok(crate::show::json(&resent)?);
    }
    people(connection, &resent);
    Ok(())
}

fn people(connection: &Connection, resent: &Resent) {
    let show = connection.show;
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    show.head("重发", "Resend");
    show.count(0, show.of("可重发", "to be sent again"), count(resent.messages));
    for end in &resent.by_end {
        let state = domain::message::MessageState::from(end.state);
        show.row(1, &format!("{state} {}", end.explanation), &grouped(count(end.messages)), "");
    }
    for (zh, en, number) in [
        ("其中对方可能收到两次", "of whom may get it twice", resent.possible_duplicates),
        ("已收到，不再发", "left out: got it", resent.delivered),
        ("仍在发送中，不再发", "left out: on its way", resent.under_way),
        ("名单行无法确定，不再发", "left out: row not certain", resent.unmatched),
    ] {
        if number > 0 {
            show.count(0, show.of(zh, en), count(number));
        }
    }
    if let Some(preflight) = &resent.preflight {
        tables::preflight(show, preflight);
    }
    if let Some(campaign) = &resent.campaign {
        println!("{campaign}");
    }
}
