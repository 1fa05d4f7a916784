//! Pages: how many items, and where the next page begins.

use crate::problem::{Problem, say};

/// Items on a page unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 100;
/// Most items on a page: keeps a page within a reader's time bound.
pub const MAX_LIMIT: u32 = 1_000;

/// The `limit` of a listing.
///
/// # Errors
/// A problem that points at the parameter when it is not from 1 to [`MAX_LIMIT`].
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::field(
            "?limit",
            say(format!("应为 1 到 {MAX_LIMIT}"), format!("From 1 to {MAX_LIMIT}")),
        )),
    }
}

/// Where a page begins: the `next` of the page before.
///
/// # Errors
/// A problem that points at the parameter when no page ever gave this cursor.
pub(crate) fn cursor<T: std::str::FromStr>(asked: Option<&str>) -> Result<Option<T>, Problem> {
    asked
        .map(|text| {
            crate::request::read(text, "?cursor", "请使用上一页的 next", "Use `next` of the page before")
        })
        .transpose()
}
