//! Where providers call us with receipts and inbound messages.
//!
//! Nothing is understood here: what came goes to the channel as it is, and its answer goes back as it is.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::channel::CallbackRequest;
use domain::ids::ChannelId;
use engine::CallbackError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Kind, Problem, report};
use crate::server::read_body;
use crate::state::ApiState;

/// The one path that a secret in it opens, rather than a key.
pub const CALLBACK_PATH: &str = "/callbacks/{id}/{token}";

/// Largest callback: a provider sends some hundred receipts at once, of less than 1 KiB each.
const CALLBACK_BYTES: usize = 1 << 20;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(post)).routes(routes!(get))
}

/// 服务商回调 · A provider calls
///
/// For providers alone: receipts and inbound messages in the provider's own form, at the address that the channel's
/// `callback_token` makes. Answered in the provider's own form, when everything is durable; 503 asks it to call again.
#[utoipa::path(
    post, path = "/callbacks/{id}/{token}", tag = "callbacks",
    params(
        ("id" = String, Path, description = "The channel.", example = "chn_1"),
        ("token" = String, Path, description = "Its `callback_token`."),
    ),
    request_body(content = String, description = "As the provider sends it.", example = json!("[]")),
    responses((status = 200, body = String, description = "As the provider expects it.", example = json!("{\"result\":0}")))
)]
pub(crate) async fn post(
    State(state): State<ApiState>,
    Path((id, token)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    take(&state, &id, token, request).await
}

/// 服务商回调（查询参数） · A provider calls with a query
///
/// The same for providers that write receipts and inbound messages into the query.
#[utoipa::path(
    get, path = "/callbacks/{id}/{token}", tag = "callbacks",
    params(
        ("id" = String, Path, description = "The channel.", example = "chn_1"),
        ("token" = String, Path, description = "Its `callback_token`."),
    ),
    responses((status = 200, body = String, description = "As the provider expects it.", example = json!("OK")))
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    Path((id, token)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    take(&state, &id, token, request).await
}

async fn take(state: &ApiState, id: &str, token: String, request: Request) -> Result<Response, Problem> {
    let channel: ChannelId = id.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    let (parts, body) = request.into_parts();
    let body = read_body(body, CALLBACK_BYTES).await?;
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
    });
    let request = CallbackRequest {
        token,
        method: parts.method.as_str().to_owned(),
        target: parts.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned()),
        headers: headers.collect(),
        body: body.to_vec(),
    };
    match state.engine().callback(channel, &request).await {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let content = HeaderValue::from_static(answer.content_type);
            Ok((status, [(header::CONTENT_TYPE, content)], answer.body).into_response())
        }
        Err(CallbackError::Nowhere) => Err(Problem::new(Kind::NotFound)),
        Err(error) => {
            report(Kind::Unavailable, &error);
            Err(Problem::new(Kind::Unavailable))
        }
    }
}
