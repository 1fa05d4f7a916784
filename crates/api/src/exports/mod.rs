//! Exports: files of what an account holds, written in the background and fetched when they are whole.

mod create;
mod file;
mod list;
mod show;

use domain::access::Permission;
use domain::control::{Export, ExportOf};
use exports::{EXPORTS_KEPT, ExportTrouble, MAX_UNFINISHED};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::json;
use crate::problem::{Kind, Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(show::show))
        .routes(routes!(file::file))
}

/// Whoever fetches a file may read what is in it, and see people as it shows them.
///
/// # Errors
/// A problem that names the permission.
fn may_read(caller: &Caller, of: ExportOf, reveal: bool) -> Result<(), Problem> {
    caller.demand(match of {
        ExportOf::Messages => Permission::ReadMessages,
        ExportOf::Contacts => Permission::ReadContacts,
        ExportOf::Inbound => Permission::ReadInbound,
        ExportOf::Suppressions => Permission::ReadSuppressions,
        ExportOf::Statement => Permission::ReadMoney,
    })?;
    caller.reveal(reveal).map(|_| ())
}

fn document(export: Export, zone: &TimeZone) -> json::Export {
    let moment = |at| json::Moment::new(at, zone);
    json::Export {
        id: export.id.to_string(),
        of: export.of.into(),
        format: export.format.into(),
        reveal: export.reveal,
        campaign: export.campaign.map(|id| id.to_string()),
        state: export.of_state.map(Into::into),
        tag: export.tag,
        month: export.month.map(|of| of.month.to_string()),
        status: export.state.into(),
        rows: export.rows,
        bytes: export.bytes,
        created_at: moment(export.created_at),
        finished_at: export.finished_at.map(moment),
        expires_at: moment(export.created_at.plus(EXPORTS_KEPT)),
    }
}

impl From<ExportTrouble> for Problem {
    fn from(trouble: ExportTrouble) -> Self {
        match trouble {
            ExportTrouble::TooMany => Self::new(Kind::Conflict).with(say(
                format!("已有 {MAX_UNFINISHED} 个导出未完成：请等其中一个完成后再试"),
                format!("{MAX_UNFINISHED} exports are not finished yet: repeat when one of them is"),
            )),
            ExportTrouble::NoSuchExport => Self::no_such("导出", "export"),
            ExportTrouble::NotFinished => Self::new(Kind::Conflict).with(say(
                "导出尚未完成：请在 status 为 finished 后下载",
                "The export is not finished: fetch the file when its status is finished",
            )),
            ExportTrouble::Expired => Self::no_such("导出文件：已过期", "file: it has expired"),
            ExportTrouble::Control(error) => error.into(),
        }
    }
}
