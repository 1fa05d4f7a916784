//! `hongyan channel`: what happened to the ways out.

use api::json::{ChannelEvent, Page};
use clap::Subcommand;

use super::Connection;
use crate::exit::Failure;
use crate::show::json;

/// 通道 / channels
#[derive(Subcommand, Debug)]
pub(crate) enum ChannelCommand {
    /// 健康记录：何时断开、为何熔断、何时恢复（重启后仍在） / what happened to it, kept over restarts
    History {
        /// 通道 chn_… / the channel
        channel: String,
        /// 最多多少条 / how many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}

pub(super) async fn run(connection: &Connection, command: ChannelCommand) -> Result<(), Failure> {
    let ChannelCommand::History { channel, limit } = command;
    let path = format!("/v1/channels/{}/history?limit={limit}", super::codes::escaped(&channel));
    let page: Page<ChannelEvent> = connection.get(&path).await?;
    if connection.json {
        return Ok(json(&page)?);
    }
    let show = connection.show;
    if page.items.is_empty() {
        show.say("还没有记录", "nothing has happened yet");
    }
    for event in &page.items {
        let what = event
            .because
            .as_ref()
            .map_or_else(|| event.turn.clone(), |because| format!("{} {because}", event.turn));
        show.row(0, &event.at.0, &what, &event.explanation);
    }
    Ok(())
}
