//! `hongyan route explain`.

use api::json::{Category, RouteAnswer, RouteQuestion};
use clap::Subcommand;

use super::Connection;
use crate::exit::Failure;
use crate::show::json;

/// 路由 / routes
#[derive(Subcommand, Debug)]
pub(crate) enum RouteCommand {
    /// 一条短信现在会走哪个路由、哪个通道，为什么 / where a message would go now, and why
    Explain {
        /// 手机号 / phone
        #[arg(long)]
        to: String,
        /// 类别：otp、notice、marketing / category
        #[arg(long, default_value = "notice")]
        category: String,
        /// 签名 / signature
        #[arg(long)]
        signature: Option<String>,
        /// 指定的路由 rte_… / the route that the message names
        #[arg(long)]
        route: Option<String>,
    },
}

pub(super) async fn explain(connection: &Connection, command: RouteCommand) -> Result<(), Failure> {
    let RouteCommand::Explain { to, category, signature, route } = command;
    let category = domain::message::Category::from_word(&category)
        .map(Category::from)
        .ok_or_else(|| Failure::Input("--category: otp, notice, marketing".to_owned()))?;
    let question = RouteQuestion { phone: to, category, signature, route };
    let answer: RouteAnswer = connection.post("/v1/routes/explain", &question).await?;
    if connection.json {
        return Ok(json(&answer)?);
    }
    let show = connection.show;
    let carrier = domain::phone::Carrier::from(answer.carrier);
    let carrier = if show.chinese { carrier.name_zh() } else { carrier.as_str() };
    show.row(0, show.of("号码所属", "phone"), carrier, answer.country.as_deref().unwrap_or(""));
    for tried in &answer.tried {
        let why = tried.misfit.as_deref().unwrap_or(show.of("适用", "fits"));
        show.row(1, &tried.route, why, "");
    }
    match &answer.route {
        Some(route) => show.row(0, show.of("路由", "route"), route, ""),
        None => show.say("没有适用的路由", "no route is for this message"),
    }
    for channel in &answer.channels {
        show.row(1, &format!("{}. {}", channel.step, channel.channel), &channel.verdict, &channel.why);
    }
    Ok(())
}
