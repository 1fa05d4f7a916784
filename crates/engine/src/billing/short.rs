//! What people are told when money is short.

use domain::control::Short;
use domain::currency::Currency;
use domain::text::Bilingual;

/// The stable word of the API.
#[must_use]
pub fn short_word(short: Short) -> &'static str {
    match short {
        Short::Funds { .. } => "insufficient_balance",
        Short::Daily { .. } | Short::Monthly { .. } => "limit_reached",
    }
}

/// What is left, and how to mend it.
#[must_use]
pub fn explain_short(short: Short) -> Bilingual {
    let sign = Currency::installed().sign();
    let (zh, en) = match short {
        Short::Funds { left } => (
            format!("余额不足：可用 {sign}{left}，请充值或提高信用额度"),
            format!("the balance does not suffice: {sign}{left} is left; top it up, or agree on more credit"),
        ),
        Short::Daily { left } => (
            format!("已达当日限额：今日还可用 {sign}{left}，请明日再发或提高限额"),
            format!(
                "the day's limit is reached: {sign}{left} is left of it; send tomorrow, or raise the limit"
            ),
        ),
        Short::Monthly { left } => (
            format!("已达当月限额：本月还可用 {sign}{left}，请提高限额"),
            format!("the month's limit is reached: {sign}{left} is left of it; raise the limit"),
        ),
    };
    Bilingual { zh: zh.into(), en: en.into() }
}
