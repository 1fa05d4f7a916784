//! Reports over all messages: what happened in a time, by what one asks for.

mod csv;
mod messages;

use domain::message::{MessageState, Reason};
use domain::report::Amount;
use engine::reports::{MAX_ROWS, MessageReport, ReportBy, ReportQuestion, ReportRow, ReportTrouble};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::json;
use crate::language::Language;
use crate::problem::{Problem, say};
use crate::request;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(messages::messages)).routes(routes!(csv::csv))
}

/// Of all accounts that the caller sees.
const ALL: &str = "all";

/// What to report.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asking {
    /// What a row stands for.
    by: json::ReportBy,
    /// What happened since then (RFC 3339); whole hours count.
    #[param(example = "2026-11-25T00:00:00+08:00")]
    from: Option<String>,
    /// And before then.
    #[param(example = "2026-11-26T00:00:00+08:00")]
    to: Option<String>,
    /// An account that you see, or `all` of them; without, your own.
    account: Option<String>,
}

async fn asked(asking: &Asking, caller: &Caller, state: &ApiState) -> Result<MessageReport, Problem> {
    let moment = |text: &Option<String>, pointer: &str| {
        let Some(text) = text else { return Ok(None) };
        let at = json::Moment(text.clone()).instant();
        at.map(Some).ok_or_else(|| {
            let form = say("应为 RFC 3339 时间，带时区", "A time in RFC 3339, with its offset");
            Problem::field(pointer, form)
        })
    };
    let (from, to) = (moment(&asking.from, "?from")?, moment(&asking.to, "?to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::field("?to", say("应晚于 from", "Later than from")));
    }
    let accounts = match asking.account.as_deref() {
        None => vec![caller.account],
        Some(ALL) => {
            let visible = state.access().visible_accounts(caller.actor()).await?;
            visible.into_iter().map(|tenant| tenant.account.id).collect()
        }
        Some(text) => {
            let form_en = "An id of the form acc_…, or all";
            let id = request::read(text, "?account", "应为 acc_… 形式的编号或 all", form_en)?;
            vec![state.access().visible_account(caller.actor(), id).await?.account.id]
        }
    };
    let question = ReportQuestion { accounts, by: grouping(asking.by), from, to };
    state.engine().message_report(&question).await.map_err(|trouble| match trouble {
        ReportTrouble::TooLong => Problem::field(
            "?from",
            say(
                format!("报表超过 {MAX_ROWS} 行：请缩短时间范围"),
                format!("The report has more than {MAX_ROWS} rows: ask for less time"),
            ),
        ),
        ReportTrouble::Ledger(error) => error.into(),
    })
}

/// The columns of a row, each with the states that it sums up.
const COLUMNS: [(&str, &str, &[MessageState]); 10] = [
    (
        "已提交",
        "submitted",
        &[
            MessageState::Submitted,
            MessageState::Delivered,
            MessageState::Undelivered,
            MessageState::Expired,
            MessageState::Unknown,
        ],
    ),
    ("已送达", "delivered", &[MessageState::Delivered]),
    ("未送达", "undelivered", &[MessageState::Undelivered]),
    ("已过期", "expired", &[MessageState::Expired]),
    ("失败", "failed", &[MessageState::Failed]),
    ("未发送", "rejected", &[MessageState::Rejected]),
    ("已撤销", "cancelled", &[MessageState::Cancelled]),
    ("无回执", "unknown", &[MessageState::Unknown]),
    ("不确定", "uncertain", &[MessageState::Uncertain]),
    ("处理中", "under_way", &[MessageState::Queued, MessageState::Sending]),
];

fn row(key: &str, row: &ReportRow, by: json::ReportBy, language: Language) -> json::ReportRow {
    let [
        submitted,
        delivered,
        undelivered,
        expired,
        failed,
        rejected,
        cancelled,
        unknown,
        uncertain,
        under_way,
    ] = COLUMNS.map(|(_, _, states)| amount(row.in_states(states)));
    let reason = (by == json::ReportBy::Reason).then(|| Reason::from_word(key)).flatten();
    json::ReportRow {
        key: key.to_owned(),
        explanation: reason.map(|reason| language.of_two(reason.explain()).to_owned()),
        accepted: amount(row.accepted),
        submitted,
        delivered,
        undelivered,
        expired,
        failed,
        rejected,
        cancelled,
        unknown,
        uncertain,
        under_way,
    }
}

fn amount(amount: Amount) -> json::Amount {
    json::Amount { messages: amount.messages, parts: amount.parts, price: amount.price.into() }
}

fn grouping(by: json::ReportBy) -> ReportBy {
    match by {
        json::ReportBy::Day => ReportBy::Day,
        json::ReportBy::Hour => ReportBy::Hour,
        json::ReportBy::Carrier => ReportBy::Carrier,
        json::ReportBy::Channel => ReportBy::Channel,
        json::ReportBy::Category => ReportBy::Category,
        json::ReportBy::Campaign => ReportBy::Campaign,
        json::ReportBy::Reason => ReportBy::Reason,
    }
}
