//! One row into one contact, or into a rejected row that says why.

use std::collections::HashSet;

use domain::control::{ColumnUse, ContactRow, ImportMapping, RejectedRow};
use domain::phone::{Country, Phone, PhoneError};

use super::{ImportError, columns};
use sheets::Row;

/// What separates tags within a cell; the full-width forms are what Chinese keyboards type.
const TAG_SEPARATORS: [char; 6] = [';', ',', '|', '；', '，', '、'];

/// What became of a row.
#[derive(Clone, PartialEq, Eq)]
pub enum Mapped {
    /// The first row, which names the columns.
    Header,
    /// A person.
    Contact(ContactRow),
    /// Not taken.
    Rejected {
        /// The row with its reason.
        row: RejectedRow,
        /// Whether its phone was in the file before.
        duplicate: bool,
    },
}

/// Maps the rows of one file in order. Remembers eight bytes per phone.
pub struct Mapper {
    country: Country,
    phone: usize,
    personal: Vec<(usize, String)>,
    queryable: Vec<(usize, String)>,
    tag_columns: Vec<usize>,
    tags: Vec<String>,
    seen: HashSet<u64>,
    at_first_row: bool,
}

impl Mapper {
    /// A mapper for `mapping`; every contact also gets `tags`.
    ///
    /// # Errors
    /// [`ImportError::Mapping`] unless exactly one column is the phone, [`ImportError::DuplicateHeader`].
    pub fn new(mapping: &ImportMapping, tags: &[String], country: Country) -> Result<Self, ImportError> {
        let phone = phone_place(mapping)?;
        let of = |wanted: ColumnUse| {
            let columns = mapping.columns.iter().enumerate();
            columns
                .filter(move |(_, (_, becomes))| *becomes == wanted)
                .map(|(at, (name, _))| (at, name.clone()))
        };
        let mut names = HashSet::new();
        for (_, name) in of(ColumnUse::Personal).chain(of(ColumnUse::Queryable)) {
            if !names.insert(name.to_lowercase()) {
                return Err(ImportError::DuplicateHeader { name });
            }
        }
        Ok(Self {
            country,
            phone,
            personal: of(ColumnUse::Personal).collect(),
            queryable: of(ColumnUse::Queryable).collect(),
            tag_columns: of(ColumnUse::Tags).map(|(at, _)| at).collect(),
            tags: tags.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect(),
            seen: HashSet::new(),
            at_first_row: true,
        })
    }

    /// The next row.
    pub fn map(&mut self, row: &Row) -> Mapped {
        if std::mem::take(&mut self.at_first_row) && is_header(row, self.country) {
            return Mapped::Header;
        }
        if let Some(trouble) = row.trouble {
            let (zh, en) = trouble.explain();
            return rejected(row, &format!("{}: {zh} / {en}", trouble.word()), false);
        }
        let phone = match Phone::parse(row.cell(self.phone), self.country) {
            Ok(phone) => phone,
            Err(error) => return rejected(row, &phone_reason(error), false),
        };
        if !self.seen.insert(phone.to_u64()) {
            return rejected(row, "duplicate: 号码在文件中重复 / the number is in the file already", true);
        }
        Mapped::Contact(ContactRow {
            phone,
            personal: attributes(&self.personal, row),
            queryable: attributes(&self.queryable, row),
            tags: self.tags_of(row),
        })
    }

    fn tags_of(&self, row: &Row) -> Vec<String> {
        let mut tags = self.tags.clone();
        for column in &self.tag_columns {
            for tag in row.cell(*column).split(TAG_SEPARATORS) {
                let tag = tag.trim();
                if !tag.is_empty() && !tags.iter().any(|known| known == tag) {
                    tags.push(tag.to_owned());
                }
            }
        }
        tags
    }
}

/// Whether the first row of a file names its columns.
pub(crate) fn is_header(row: &Row, country: Country) -> bool {
    row.trouble.is_none() && columns::is_header(row.cells(), country)
}

/// The place of the phone column.
///
/// # Errors
/// [`ImportError::Mapping`] unless there is exactly one.
pub(crate) fn phone_place(mapping: &ImportMapping) -> Result<usize, ImportError> {
    let mut places =
        mapping.columns.iter().enumerate().filter(|(_, (_, becomes))| *becomes == ColumnUse::Phone);
    match (places.next(), places.next()) {
        (Some((place, _)), None) => Ok(place),
        (None, _) if mapping.columns.is_empty() => Err(ImportError::Mapping { detail: "it has no columns" }),
        (None, _) => Err(ImportError::NoPhoneColumn {
            columns: mapping.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
        }),
        (Some(_), Some(_)) => Err(ImportError::Mapping { detail: "more than one column is the phone" }),
    }
}

/// A refused phone's word and explanation.
pub(crate) fn phone_reason(error: PhoneError) -> String {
    let words = error.explain();
    format!("{}: {} / {}", error.code(), words.zh, words.en)
}

/// Empty cells say nothing, so they replace nothing.
fn attributes(columns: &[(usize, String)], row: &Row) -> Vec<(String, String)> {
    let mut attributes = Vec::with_capacity(columns.len());
    for (place, name) in columns {
        let value = row.cell(*place);
        if !value.is_empty() {
            attributes.push((name.clone(), value.to_owned()));
        }
    }
    attributes
}

fn rejected(row: &Row, reason: &str, duplicate: bool) -> Mapped {
    let row = RejectedRow { line: row.line, reason: reason.to_owned(), record: row.to_record() };
    Mapped::Rejected { row, duplicate }
}
