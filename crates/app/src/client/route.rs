//! `hongyan route`.

use std::path::PathBuf;

use api::json::{Category, Money, Route, RouteAnswer, RouteQuestion, Routes};
use clap::Subcommand;

use super::Connection;
use super::channel::read_document;
use super::codes::escaped;
use crate::exit::Failure;
use crate::show::{Show, json};

/// 路由 / routes
#[derive(Subcommand, Debug)]
pub(crate) enum RouteCommand {
    /// 路由列表 / list routes
    List,
    /// 路由的配置 / how a route is configured
    Show {
        /// 编号 rte_1 / id
        id: String,
    },
    /// 新增或修改路由；show --json 的输出可改后使用 / add or change a route; what show --json printed may be edited
    Set {
        /// 编号 rte_1 / id
        id: String,
        /// JSON 文件；- 为标准输入 / a file with JSON, - for standard input
        file: PathBuf,
    },
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

pub(super) async fn run(connection: &Connection, command: RouteCommand) -> Result<(), Failure> {
    match command {
        RouteCommand::List => {
            let all: Routes = connection.get("/v1/routes").await?;
            if connection.json {
                return Ok(json(&all)?);
            }
            all.routes.iter().for_each(|route| tell(connection.show, route));
            Ok(())
        }
        RouteCommand::Show { id } => {
            let route: Route = connection.get(&path_of(&id)).await?;
            shown(connection, &route)
        }
        RouteCommand::Set { id, file } => {
            let mut document = read_document(connection.show, &file)?;
            // What the platform adds when it shows one.
            document.remove("id");
            let route: Route = connection.put(&path_of(&id), None, &document).await?;
            shown(connection, &route)
        }
        RouteCommand::Explain { to, category, signature, route } => {
            explain(connection, &to, &category, (signature, route)).await
        }
    }
}

fn path_of(id: &str) -> String {
    format!("/v1/routes/{}", escaped(id))
}

fn shown(connection: &Connection, route: &Route) -> Result<(), Failure> {
    if connection.json {
        return Ok(json(route)?);
    }
    tell(connection.show, route);
    Ok(())
}

fn tell(show: Show, route: &Route) {
    let ceiling = route.ceiling.as_ref().map(Money::for_people);
    let ceiling =
        ceiling.map(|most| format!("{} {most}", show.of("成本上限", "at most"))).unwrap_or_default();
    show.row(0, &route.id, &ceiling, &route.name);
    for (place, step) in route.steps.iter().enumerate() {
        let channels = step.channels.iter().map(|one| format!("{} × {}", one.channel, one.weight));
        let channels = channels.collect::<Vec<_>>().join(", ");
        show.row(1, &format!("{}. {channels}", place + 1), "", "");
    }
}

async fn explain(
    connection: &Connection,
    to: &str,
    category: &str,
    (signature, route): (Option<String>, Option<String>),
) -> Result<(), Failure> {
    let category = domain::message::Category::from_word(category)
        .map(Category::from)
        .ok_or_else(|| Failure::Input("--category: otp, notice, marketing".to_owned()))?;
    let question = RouteQuestion { phone: to.to_owned(), category, signature, route };
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
