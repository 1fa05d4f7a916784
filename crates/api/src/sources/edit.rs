//! Change a source.

use axum::extract::State;
use domain::control::{Conditions, Editable, ImportSource};
use domain::ids::SourceId;
use feeds::FeedTrouble;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;
use crate::{imports, json};

/// 修改数据源 · Change a source
///
/// What is left out stays, secrets too while they go to the same host. With another place, mapping, tags or ground the next file
/// is imported even if it is the one that was imported last.
#[utoipa::path(
    patch, path = "/v1/import-sources/{id}", tag = "imports", security(("key" = ["contacts:write"])),
    params(
        ("id" = String, Path, description = "The source.", example = "src_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::ImportSourceEdit,
    responses((status = 200, body = json::ImportSource, description = "Changed."))
)]
pub(crate) async fn edit(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<SourceId>,
    body: Body<json::ImportSourceEdit>,
) -> Result<Tagged<json::ImportSource>, Problem> {
    let feeds = state.engine().feeds();
    let edition = state.control().edition(Editable::Source(id)).await?;
    let mut source = feeds.source(caller.account, id).await?;
    if_match.check(Tag::of(&super::versioned(&source, state.zone())))?;
    apply(&mut source, body.value)?;
    feeds.prepare(&mut source)?;
    let after = Tag::of(&super::versioned(&source, state.zone()));
    let line = context.line(&state, &caller, "import-sources.change", &id, Some(after));
    let terms = Conditions { expected: if_match.expects(edition), line: Some(&line) };
    let replaced = feeds.replace(&source, terms).await;
    replaced.map_err(|error| match error {
        FeedTrouble::Control(error) => if_match.settle(error),
        other => other.into(),
    })?;
    Ok(Tagged(super::document(&source, state.zone()), after))
}

fn apply(source: &mut ImportSource, edit: json::ImportSourceEdit) -> Result<(), Problem> {
    let json::ImportSourceEdit {
        name,
        place,
        schedule,
        time_zone,
        mapping,
        tags,
        source: origin,
        basis,
        enabled,
    } = edit;
    if let Some(place) = place {
        source.place = super::place::read(place, Some(&source.place))?;
    }
    if let Some(name) = time_zone {
        source.zone = super::zone(&name)?;
    }
    if let Some(columns) = mapping {
        source.mapping = imports::mapping(columns);
    }
    source.name = name.unwrap_or_else(|| std::mem::take(&mut source.name));
    source.schedule = schedule.unwrap_or_else(|| std::mem::take(&mut source.schedule));
    source.tags = tags.unwrap_or_else(|| std::mem::take(&mut source.tags));
    source.origin = origin.unwrap_or_else(|| std::mem::take(&mut source.origin));
    source.basis = basis.map(Into::into).or(source.basis);
    source.enabled = enabled.unwrap_or(source.enabled);
    Ok(())
}
