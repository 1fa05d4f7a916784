//! Upload a file.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use engine::import::Proposal;
use futures::TryStreamExt as _;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// How the file is called.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Naming {
    /// The file's name, for people; what the file is, is seen from its content.
    #[param(example = "会员.xlsx")]
    file_name: Option<String>,
}

/// 上传文件 · Upload a file
///
/// The body is the file itself, .xlsx or delimited text in any usual encoding, up to 1 GiB. Answers what each column
/// would become; nothing is imported before the start.
#[utoipa::path(
    post, path = "/v1/imports", tag = "imports", security(("key" = ["contacts:write"])), params(Naming),
    request_body(content_type = "application/octet-stream", description = "The file."),
    responses((status = 201, body = json::ImportUploaded, description = "Stored, and looked at."))
)]
pub(crate) async fn upload(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    Params(naming): Params<Naming>,
    body: Body,
) -> Result<(StatusCode, Json<json::ImportUploaded>), Problem> {
    let name = naming.file_name.unwrap_or_default();
    let pieces = body.into_data_stream().map_err(std::io::Error::other);
    let (import, proposal) = state.engine().upload(caller.account, &name, pieces).await?;
    let Proposal { kind, has_header, columns, has_phone } = proposal;
    let columns = columns.into_iter().map(|column| json::ProposedColumn {
        name: column.name,
        r#use: column.becomes.into(),
        examples: column.examples,
    });
    Ok((
        StatusCode::CREATED,
        Json(json::ImportUploaded {
            import: super::document(import, state.zone()),
            format: kind.word().to_owned(),
            has_header,
            has_phone,
            columns: columns.collect(),
        }),
    ))
}
