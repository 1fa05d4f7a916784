//! Cells, and the columns that they are in.

use domain::money::Money;
use domain::time::Timestamp;
use jiff::tz::TimeZone;

/// What all cells of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Text,
    Count,
    Amount,
    Moment,
    Flag,
}

/// A column: its name in two languages, and what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Column {
    pub(crate) zh: &'static str,
    /// Also its name in Parquet: lower case and underscores.
    pub(crate) en: &'static str,
    pub(crate) kind: Kind,
}

impl Column {
    /// As people read it at the head of a table.
    pub(crate) fn title(self) -> String {
        format!("{} {}", self.zh, self.en)
    }
}

/// One cell; of the kind of its column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Cell {
    /// Comes from outside: whatever it begins with, nothing may run it.
    Text(String),
    Count(i64),
    Amount(Money),
    Moment(Option<Timestamp>),
    Flag(bool),
}

/// Cells of one line, in the order of its columns.
pub(crate) type Row = Vec<Cell>;

impl Cell {
    pub(crate) fn word(word: &str) -> Self {
        Self::Text(word.to_owned())
    }

    pub(crate) fn maybe(text: Option<impl ToString>) -> Self {
        Self::Text(text.map_or_else(String::new, |text| text.to_string()))
    }

    /// As text, and whether it is a number of ours.
    pub(crate) fn shown(&self, zone: &TimeZone) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(number) => number.to_string(),
            Self::Amount(amount) => amount.to_string(),
            Self::Moment(at) => at.map_or_else(String::new, |at| local(at, zone)),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

/// RFC 3339 with the zone's offset.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}
