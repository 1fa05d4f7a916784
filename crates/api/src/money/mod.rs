//! An account's money: balance, journal, payments, terms; the operator's margins.

mod balance;
mod margins;
mod payments;
mod terms;
mod transfers;

use domain::control::JournalLine;
use domain::currency::Currency;
use domain::money::Money;
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::problem::{Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(balance::show))
        .routes(routes!(transfers::list))
        .routes(routes!(payments::top_up))
        .routes(routes!(payments::withdraw))
        .routes(routes!(terms::show, terms::put))
        .routes(routes!(margins::show))
}

/// An amount of the request, in the currency of this installation and not below nothing.
///
/// # Errors
/// A problem that points at the field.
pub(crate) fn amount(money: &json::Money, pointer: &str) -> Result<Money, Problem> {
    if !money.is_known() {
        let currency = Currency::installed();
        let detail = say(
            format!("本系统只用 {currency} 结算"),
            format!("This installation counts in {currency} only"),
        );
        return Err(Problem::field(format!("{pointer}/currency"), detail));
    }
    let amount = Money::from(money);
    if amount < Money::ZERO {
        return Err(Problem::field(format!("{pointer}/micros"), say("不能为负", "Not below zero")));
    }
    Ok(amount)
}

fn document(line: JournalLine, zone: &TimeZone) -> json::Transfer {
    json::Transfer {
        id: line.id.to_string(),
        account: line.transfer.account.to_string(),
        at: json::Moment::new(line.at, zone),
        kind: line.transfer.kind.into(),
        from: line.transfer.from.word().to_owned(),
        to: line.transfer.to.word().to_owned(),
        amount: line.transfer.amount.into(),
        subject: Some(line.subject).filter(|subject| !subject.is_empty()),
        reference: line.reference.filter(|reference| !reference.is_empty()),
    }
}
