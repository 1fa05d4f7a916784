//! One code explained.

use axum::Json;
use axum::extract::State;
use domain::carrier_code::CodeScope;
use domain::ids::GatewayId;
use domain::message::Reason;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::json;
use crate::language::Language;
use crate::problem::{Problem, say};
use crate::request::{self, Params};
use crate::state::ApiState;

/// Longest code that is looked up.
const MAX_CODE_BYTES: usize = 120;

/// Which code.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// As the carrier wrote it.
    #[param(example = "MK:0012")]
    code: String,
    /// cmpp, sgip, smgp, smpp, aliyun, tencent, twilio or http: bare numbers mean other things over each.
    protocol: Option<String>,
    /// `gwy_1`: a gateway's own lines go first, and its protocol is known.
    gateway: Option<String>,
}

/// 解释错误码 · Explain a code
///
/// What it means and what to do about it, whether it is known or not.
#[utoipa::path(
    get, path = "/v1/codes/explain", tag = "codes", params(Asked),
    responses((status = 200, body = json::CodeMeaning, description = "What is to be said of it."))
)]
pub(crate) async fn explain(
    _caller: Caller,
    State(state): State<ApiState>,
    language: Language,
    Params(asked): Params<Asked>,
) -> Result<Json<json::CodeMeaning>, Problem> {
    let fits = !asked.code.trim().is_empty() && asked.code.len() <= MAX_CODE_BYTES;
    if !fits {
        return Err(Problem::field("?code", say("应为 1 到 120 字节的错误码", "A code has 1 to 120 bytes")));
    }
    let protocol = asked.protocol.as_deref().map(|word| match CodeScope::from_word(word) {
        Some(CodeScope::Protocol(protocol)) => Ok(protocol),
        _ => {
            let words = "cmpp, sgip, smgp, smpp, aliyun, tencent, twilio, http";
            Err(Problem::field("?protocol", say(format!("应为 {words} 之一"), format!("One of {words}"))))
        }
    });
    let gateway = asked.gateway.as_deref().map(|text| {
        request::read::<GatewayId>(text, "?gateway", "应为 gwy_1 形式的编号", "An id of the form gwy_1")
    });
    let told = state.engine().codes().explain(gateway.transpose()?, protocol.transpose()?, &asked.code);
    Ok(Json(json::CodeMeaning {
        known: told.own || told.reason != Reason::CarrierUnknown,
        own: told.own,
        reason: told.reason.into(),
        said_by: told.said_by.map(|said| language.choose(&said).to_owned()),
        meaning: language.choose(&told.meaning).to_owned(),
        advice: language.choose(&told.advice).to_owned(),
        code: told.code,
    }))
}
