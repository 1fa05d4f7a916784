//! Campaigns: one personalised message to an audience, from draft to report.

mod action;
mod convert;
mod course;
mod create;
mod edit;
mod export;
mod list;
mod preflight;
mod progress;
mod report;
mod resend;
mod show;
mod suggested;
mod trouble;

pub(crate) use progress::progress_of;

use domain::control::{AuditLine, Campaign};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::context::Context;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(show::show, edit::edit))
        .routes(routes!(preflight::preflight))
        .routes(routes!(action::start))
        .routes(routes!(action::pause))
        .routes(routes!(action::resume))
        .routes(routes!(action::cancel))
        .routes(routes!(action::approve_held_words))
        .routes(routes!(resend::resend))
        .routes(routes!(report::report))
        .routes(routes!(progress::progress))
        .routes(routes!(export::export))
        .routes(routes!(suggested::suggested))
}

/// Makes the line of the log that a change is written with.
fn line_of(
    context: &Context,
    state: &ApiState,
    caller: &Caller,
    action: &'static str,
) -> impl Fn(&Campaign) -> AuditLine + Sync {
    move |campaign| {
        context.line(state, caller, action, &campaign.id, Some(convert::tag(campaign, state.zone())))
    }
}
