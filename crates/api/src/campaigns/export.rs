//! Download a campaign's messages.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::ids::CampaignId;
use domain::ledger::{Ledger, LedgerError, MessageFilter, MessageRecord};
use futures::{Stream, stream};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::{Id, Params};
use crate::state::ApiState;
use crate::{download, json, privacy};

/// Messages per page read from the ledger.
const PAGE_MESSAGES: u32 = 1_000;
const HEAD: &str = "\u{feff}编号 id,手机号 phone,状态 state,原因 reason,说明 explanation,运营商代码 code,\
    通道 channel,条数 parts,价格 price,接收时间 accepted_at,最后时间 last_at\r\n";

/// What to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Exporting {
    /// Show phones as they are.
    #[serde(default)]
    reveal: bool,
}

/// 导出发送明细 · Download a campaign's messages
///
/// One line per message, streamed; texts are not in it.
#[utoipa::path(
    get, path = "/v1/campaigns/{id}/messages.csv", tag = "campaigns", security(("key" = ["campaigns:read"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000"), Exporting),
    responses((status = 200, content_type = "text/csv", body = String, description = "The messages, streamed.",
        example = "编号 id,手机号 phone,…\r\nmsg_0d4x0k1g00000,86138****8000,delivered,…\r\n"))
)]
pub(crate) async fn export(
    caller: Allowed<can::ReadCampaigns>,
    State(state): State<ApiState>,
    Id(id): Id<CampaignId>,
    Params(exporting): Params<Exporting>,
) -> Result<Response, Problem> {
    let reveal = caller.reveal(exporting.reveal)?;
    state.engine().campaign(caller.account, id).await?;
    let filter =
        MessageFilter { account: caller.account, campaign: Some(id), state: None, phone: None, after: None };
    let zone = state.zone().clone();
    let pieces = pieces(Arc::clone(state.ledger()), filter, zone, reveal);
    Ok(download::csv(&format!("{id}-messages.csv"), "text/csv; charset=utf-8", Body::from_stream(pieces)))
}

fn pieces(
    ledger: Arc<dyn Ledger>,
    filter: MessageFilter,
    zone: TimeZone,
    reveal: bool,
) -> impl Stream<Item = Result<Vec<u8>, LedgerError>> + Send {
    let head = stream::iter([Ok(HEAD.as_bytes().to_vec())]);
    let rows = stream::try_unfold(Some(filter), move |next| {
        let (ledger, zone) = (Arc::clone(&ledger), zone.clone());
        async move {
            let Some(mut filter) = next else { return Ok(None) };
            let (records, after) = ledger.messages(&filter, PAGE_MESSAGES).await?;
            let mut text = String::new();
            records.iter().for_each(|record| push_row(&mut text, record, &zone, reveal));
            filter.after = after;
            Ok(Some((text.into_bytes(), after.map(|_| filter))))
        }
    });
    futures::StreamExt::chain(head, rows)
}

fn push_row(text: &mut String, record: &MessageRecord, zone: &TimeZone, reveal: bool) {
    let at = |at| json::Moment::new(at, zone).0;
    let (first, last) = (record.trail.first(), record.trail.last());
    let (zh, en) = record.reason.explain();
    let explanation = if zh.is_empty() { String::new() } else { format!("{zh} / {en}") };
    let cells = [
        record.id.to_string(),
        // Without its plus sign, which spreadsheet programs take for a formula's beginning.
        privacy::phone(record.phone, reveal).trim_start_matches('+').to_owned(),
        record.state.word().to_owned(),
        record.reason.word().to_owned(),
        explanation,
        record.code.as_str().to_owned(),
        record.channel.map_or_else(String::new, |id| id.to_string()),
        record.parts.to_string(),
        record.price.to_string(),
        at(first.map_or(record.id.made_at(), |entry| entry.at)),
        at(last.map_or(record.id.made_at(), |entry| entry.at)),
    ];
    download::push_row(text, &cells);
}
