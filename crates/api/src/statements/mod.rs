//! What an account is told of a month: as JSON, CSV and PDF, and message by message.

mod list;
mod messages;
mod show;

use domain::billing::{Holdings, Month, Statement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::problem::{Kind, Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(show::show))
        .routes(routes!(messages::export))
}

/// A month in the path.
fn month(text: &str) -> Result<Month, Problem> {
    text.parse().map_err(|_| {
        Problem::new(Kind::NotFound).with(say("月份应写作 2026-11", "A month is written such as 2026-11"))
    })
}

fn document(statement: &Statement, over: bool) -> json::Statement {
    let lines = statement.lines.iter().map(|line| json::StatementLine {
        category: line.category.into(),
        carrier: line.carrier.into(),
        messages: line.messages,
        parts: line.parts,
        charged: line.charged.into(),
        refunded: line.refunded.into(),
        amount: line.amount().into(),
    });
    json::Statement {
        account: statement.account.to_string(),
        month: statement.month.to_string(),
        over,
        opening: holdings(statement.opening),
        top_ups: statement.top_ups.into(),
        withdrawals: statement.withdrawals.into(),
        lines: lines.collect(),
        amount: statement.amount().into(),
        closing: holdings(statement.closing),
        adds_up: statement.adds_up(),
    }
}

fn holdings(holdings: Holdings) -> json::Holdings {
    json::Holdings {
        funds: holdings.funds.into(),
        reserved: holdings.reserved.into(),
        total: holdings.total().into(),
    }
}
