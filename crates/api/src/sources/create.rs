//! Add a source.

use axum::extract::State;
use axum::http::StatusCode;
use domain::control::{Conditions, ImportSource};

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::Tag;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;
use crate::{imports, json};

/// 新建数据源 · Add a source
///
/// Fetched by its schedule, by the clock of its zone; what comes takes the way of an uploaded file. Its secret is sealed and never
/// shown. At most 50 of an account.
#[utoipa::path(
    post, path = "/v1/import-sources", tag = "imports", security(("key" = ["contacts:write"])),
    request_body = json::ImportSourceCreate,
    responses((status = 201, body = json::ImportSource, description = "Added."))
)]
pub(crate) async fn create(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::ImportSourceCreate>,
) -> Result<(StatusCode, axum::Json<json::ImportSource>), Problem> {
    let new = body.value;
    let zone = match &new.time_zone {
        Some(name) => super::zone(name)?,
        None => state.statements().agreement(caller.account).await?.zone,
    };
    let mut source = ImportSource {
        id: state.fresh_id().into(),
        account: caller.account,
        name: new.name,
        place: super::place::read(new.place, None)?,
        schedule: new.schedule,
        zone,
        mapping: imports::mapping(new.mapping),
        tags: new.tags,
        origin: new.source,
        basis: new.basis.map(Into::into),
        enabled: new.enabled,
        created_at: state.now(),
        next_at: None,
    };
    let feeds = state.engine().feeds();
    feeds.prepare(&mut source)?;
    let after = Tag::of(&super::versioned(&source, state.zone()));
    let line = context.line(&state, &caller, "import-sources.create", &source.id, Some(after));
    feeds.add(&source, Conditions { expected: None, line: Some(&line) }).await?;
    Ok((StatusCode::CREATED, axum::Json(super::document(&source, state.zone()))))
}
