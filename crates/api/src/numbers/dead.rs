//! Download the contacts whose numbers are dead.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::ids::AccountId;
use domain::ledger::LedgerError;
use engine::Engine;
use engine::numbers::DeadContact;
use futures::{Stream, stream};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::request::Params;
use crate::state::ApiState;
use crate::{download, json, privacy};

const HEAD: &str = "\u{feff}编号 id,手机号 phone,空号时间 dead_since,恢复尝试 tried_again,标签 tags\r\n";

/// What to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Showing {
    /// Show phones as they are.
    #[serde(default)]
    reveal: bool,
}

/// 导出空号联系人 · Download the contacts whose numbers are dead
///
/// One line per contact, streamed: all contacts of the account are looked through.
#[utoipa::path(
    get, path = "/v1/numbers/dead.csv", tag = "numbers", params(Showing),
    responses((status = 200, content_type = "text/csv", body = String, description = "The contacts, streamed.",
        example = "编号 id,手机号 phone,…\r\ncon_0d4x0k1g00000,86138****8000,…\r\n"))
)]
pub(crate) async fn dead(
    caller: Caller,
    State(state): State<ApiState>,
    Params(showing): Params<Showing>,
) -> Response {
    let pieces = pieces(Arc::clone(state.engine()), caller.account, state.zone().clone(), showing.reveal);
    download::csv("dead-numbers.csv", "text/csv; charset=utf-8", Body::from_stream(pieces))
}

fn pieces(
    engine: Arc<Engine>,
    account: AccountId,
    zone: TimeZone,
    reveal: bool,
) -> impl Stream<Item = Result<Vec<u8>, LedgerError>> + Send {
    let head = stream::iter([Ok(HEAD.as_bytes().to_vec())]);
    let rows = stream::try_unfold(Some(None), move |next| {
        let (engine, zone) = (Arc::clone(&engine), zone.clone());
        async move {
            let Some(after) = next else { return Ok(None) };
            let (contacts, last) = engine.dead_contacts(account, after).await?;
            let mut text = String::new();
            contacts.iter().for_each(|dead| push_row(&mut text, dead, &zone, reveal));
            Ok(Some((text.into_bytes(), last.map(Some))))
        }
    });
    futures::StreamExt::chain(head, rows)
}

fn push_row(text: &mut String, dead: &DeadContact, zone: &TimeZone, reveal: bool) {
    let at = |at| json::Moment::new(at, zone).0;
    let cells = [
        dead.contact.id.to_string(),
        // Without its plus sign, which spreadsheet programs take for a formula's beginning.
        privacy::phone(dead.contact.phone, reveal).trim_start_matches('+').to_owned(),
        at(dead.since),
        at(dead.until),
        dead.contact.tags.join(" "),
    ];
    download::push_row(text, &cells);
}
