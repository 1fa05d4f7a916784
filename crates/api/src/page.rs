//! Pages: how many items, and where the next page begins.

use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::{Problem, say};

/// Items on a page unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 100;
/// Most items on a page: keeps a page within a reader's time bound.
pub const MAX_LIMIT: u32 = 1_000;

/// Which page of a list that is asked nothing else.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

impl Paging {
    /// As [`limit`].
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        limit(self.limit)
    }

    /// As [`cursor`].
    pub(crate) fn cursor<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        cursor(self.cursor.as_deref())
    }
}

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
pub(crate) fn cursor<T: FromStr>(asked: Option<&str>) -> Result<Option<T>, Problem> {
    asked
        .map(|text| {
            crate::request::read(text, "?cursor", "请使用上一页的 next", "Use `next` of the page before")
        })
        .transpose()
}
