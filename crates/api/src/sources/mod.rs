//! Sources of contacts: places that files are fetched from by a schedule, and the reports of it.

mod create;
mod delete;
mod edit;
mod list;
mod place;
mod run;
mod runs;
mod show;

use domain::control::{ImportSource, SourceRun};
use domain::policy::Zone;
use feeds::FeedTrouble;
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::imports;
use crate::json;
use crate::problem::{Kind, Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, edit::edit, delete::delete))
        .routes(routes!(run::run))
        .routes(routes!(runs::runs))
}

/// Without its secrets.
fn document(source: &ImportSource, zone: &TimeZone) -> json::ImportSource {
    json::ImportSource {
        id: source.id.to_string(),
        name: source.name.clone(),
        place: place::document(&source.place),
        schedule: source.schedule.clone(),
        time_zone: source.zone.name().to_owned(),
        mapping: imports::columns(source.mapping.clone()),
        tags: source.tags.clone(),
        source: source.origin.clone(),
        basis: source.basis.map(Into::into),
        enabled: source.enabled,
        next_at: source.next_at.map(|at| json::Moment::new(at, zone)),
        created_at: json::Moment::new(source.created_at, zone),
    }
}

/// What its version is of: not when it is fetched next, which changes by itself.
fn versioned(source: &ImportSource, zone: &TimeZone) -> json::ImportSource {
    json::ImportSource { next_at: None, ..document(source, zone) }
}

fn report(run: SourceRun, zone: &TimeZone) -> json::SourceRun {
    json::SourceRun {
        id: run.id.to_string(),
        source: run.source.to_string(),
        state: run.state.into(),
        by_hand: run.by_hand,
        tries: run.tries,
        bytes: run.bytes,
        import: run.import.map(|id| id.to_string()),
        counts: imports::counts(run.counts),
        trouble: run.trouble,
        created_at: json::Moment::new(run.created_at, zone),
        finished_at: run.finished_at.map(|at| json::Moment::new(at, zone)),
    }
}

fn zone(name: &str) -> Result<Zone, Problem> {
    Zone::named(name).map_err(|_| {
        let detail =
            say("没有这个时区，应如 Asia/Shanghai", "No such time zone; write such as Asia/Shanghai");
        Problem::field("/time_zone", detail)
    })
}

impl From<FeedTrouble> for Problem {
    fn from(trouble: FeedTrouble) -> Self {
        match trouble {
            FeedTrouble::Field { pointer, said } => Self::field(pointer, said),
            FeedTrouble::NoSuchSource => Self::no_such("数据源", "source"),
            FeedTrouble::TooMany => {
                let most = domain::control::MOST_SOURCES;
                Self::new(Kind::Conflict).with(say(
                    format!("已有 {most} 个数据源：请先删除不用的"),
                    format!("There are {most} sources already: delete one first"),
                ))
            }
            FeedTrouble::Busy => Self::new(Kind::Conflict).with(say(
                "该数据源正在获取：请等它完成后再试",
                "The source is being fetched: repeat when that has ended",
            )),
            FeedTrouble::Control(error) => error.into(),
        }
    }
}
