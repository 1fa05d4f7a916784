//! Show a statement.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use domain::billing::{Month, Statement};

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{download, json};

const HEAD: &str = "\u{feff}类别 category,运营商 carrier,短信 messages,条数 parts,扣费 charged,退费 refunded,金额 amount\r\n";

/// 月账单 · Show a statement
///
/// A month such as `2026-11`, by the clock of the account's zone; `2026-11.csv` and `2026-11.pdf` are the same as files. The month
/// that is under way is told as it is now. Hours count as a whole: what messages moved is counted by the hour.
#[utoipa::path(
    get, path = "/v1/statements/{month}", tag = "money", security(("key" = ["money:read"])),
    params(("month" = String, Path, description = "The month; with `.csv` or `.pdf` as a file.", example = "2026-11")),
    responses((status = 200, body = json::Statement, description = "What came in, what messages cost, what is left."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadMoney>,
    State(state): State<ApiState>,
    Path(asked): Path<String>,
) -> Result<Response, Problem> {
    let (name, form) =
        asked.split_once('.').map_or((asked.as_str(), None), |(name, form)| (name, Some(form)));
    let month = super::month(name)?;
    let statement = state.statements().statement(caller.account, month).await?;
    let zone = state.statements().agreement(caller.account).await?.zone;
    let over = month < Month::of(state.now(), zone.rules());
    let file = format!("{}-{month}", caller.account);
    match form {
        None => Ok(Json(super::document(&statement, over)).into_response()),
        Some("csv") => {
            let body = Body::from(csv(&statement));
            Ok(download::csv(&format!("{file}.csv"), "text/csv; charset=utf-8", body))
        }
        Some("pdf") => {
            let named = state.access().visible_account(caller.actor(), caller.account).await?.account.name;
            let at = json::Moment::new(state.now(), zone.rules());
            let body = Body::from(paper::render(&statement, &named, zone.name(), &at.0));
            Ok(download::csv(&format!("{file}.pdf"), "application/pdf", body))
        }
        Some(_) => Err(Problem::no_such("格式；只有 .csv 和 .pdf", "form; there are .csv and .pdf")),
    }
}

/// The statement's lines, between what there was and what is left.
fn csv(statement: &Statement) -> String {
    let mut text = HEAD.to_owned();
    let alone = |name: &str, amount: domain::money::Money| {
        let mut cells = vec![String::new(); 7];
        cells[0] = name.to_owned();
        cells[6] = amount.to_string();
        cells
    };
    let mut push = |cells: &[String]| download::push_numbers(&mut text, cells);
    push(&alone("期初 opening", statement.opening.total()));
    push(&alone("充值 top_ups", statement.top_ups));
    push(&alone("扣款 withdrawals", statement.withdrawals));
    for line in &statement.lines {
        push(&[
            line.category.word().to_owned(),
            line.carrier.as_str().to_owned(),
            line.messages.to_string(),
            line.parts.to_string(),
            line.charged.to_string(),
            line.refunded.to_string(),
            line.amount().to_string(),
        ]);
    }
    push(&alone("短信合计 messages", statement.amount()));
    push(&alone("期末 closing", statement.closing.total()));
    push(&alone("其中预留 reserved", statement.closing.reserved));
    text
}
