//! What an import would do with a file: shown to the user, who decides.

use std::collections::HashSet;
use std::ops::ControlFlow;

use domain::control::{ColumnUse, ImportMapping, ReadSeek};
use domain::phone::{Country, Phone};

use super::{ImportError, MAX_COLUMNS, columns, read_rows};
use sheets::Row;
use sheets::{FileKind, SheetError, sniff};

/// Rows that the guesses are made from.
const SAMPLE_ROWS: usize = 200;
/// Rows shown.
const SHOWN_ROWS: usize = 5;

/// One column as proposed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProposedColumn {
    /// Its header, or `column_N`.
    pub name: String,
    /// What it would become.
    pub becomes: ColumnUse,
    /// A few cells, masked.
    pub examples: Vec<String>,
}

/// What an import would do with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// What the file is.
    pub kind: FileKind,
    /// Whether the first row names the columns.
    pub has_header: bool,
    /// In the file's order.
    pub columns: Vec<ProposedColumn>,
    /// Whether a phone column was found; if not, the user must choose one.
    pub has_phone: bool,
}

impl Proposal {
    /// The proposal as a mapping.
    #[must_use]
    pub fn mapping(&self) -> ImportMapping {
        ImportMapping {
            columns: self.columns.iter().map(|column| (column.name.clone(), column.becomes)).collect(),
        }
    }
}

/// Looks at the beginning of a file. Blocking.
///
/// # Errors
/// When the file cannot be imported by any mapping: no spreadsheet, no rows, too many columns, two columns of one
/// name.
pub fn propose(file: &mut dyn ReadSeek, country: Country) -> Result<Proposal, ImportError> {
    let kind = sniff(file)?;
    let sample = sample_rows(file, kind)?;
    let Some(first) = sample.first() else { return Err(SheetError::NoRows.into()) };
    let has_header = columns::is_header(first.iter().map(String::as_str), country);
    let people = &sample[usize::from(has_header)..];
    if people.is_empty() {
        return Err(SheetError::NoRows.into());
    }
    let names = names(if has_header { first } else { &[] }, &sample)?;
    let phone = columns::phone_column(&names, people, country);
    let columns = names
        .into_iter()
        .enumerate()
        .map(|(place, name)| ProposedColumn {
            becomes: if phone == Some(place) { ColumnUse::Phone } else { columns::other_use(&name) },
            examples: people
                .iter()
                .take(SHOWN_ROWS)
                .map(|row| masked(row.get(place).map_or("", String::as_str), country))
                .collect(),
            name,
        })
        .collect();
    Ok(Proposal { kind, has_header, columns, has_phone: phone.is_some() })
}

fn sample_rows(file: &mut dyn ReadSeek, kind: FileKind) -> Result<Vec<Vec<String>>, ImportError> {
    let mut sample: Vec<Vec<String>> = Vec::new();
    read_rows(file, kind, &mut |row: &Row| {
        if row.trouble.is_none() {
            sample.push(row.cells().map(str::to_owned).collect());
        } else if row.trouble == Some(super::RowTrouble::TooManyCells) && sample.is_empty() {
            sample.push(vec![String::new(); MAX_COLUMNS + 1]);
        }
        if sample.len() > SAMPLE_ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(sample)
}

/// Names for as many columns as any sampled row has.
fn names(header: &[String], sample: &[Vec<String>]) -> Result<Vec<String>, ImportError> {
    let width = sample.iter().map(Vec::len).max().unwrap_or(0);
    if width > MAX_COLUMNS {
        return Err(ImportError::TooManyColumns { limit: MAX_COLUMNS });
    }
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(width);
    for place in 0..width {
        let name = match header.get(place).map_or("", String::as_str) {
            "" => format!("column_{}", place + 1),
            name => name.to_owned(),
        };
        if !seen.insert(name.to_lowercase()) {
            return Err(ImportError::DuplicateHeader { name });
        }
        names.push(name);
    }
    Ok(names)
}

/// Enough to recognise a column by, not enough to know a person.
fn masked(cell: &str, country: Country) -> String {
    if let Ok(phone) = Phone::parse(cell, country) {
        return phone.masked();
    }
    let count = cell.chars().count();
    if count <= 1 || cell.parse::<f64>().is_ok_and(|number| number.abs() < 1e6) {
        return cell.to_owned();
    }
    let shown = if count <= 4 { 1 } else { 2 };
    cell.chars().take(shown).chain(std::iter::repeat_n('*', (count - shown).min(8))).collect()
}
