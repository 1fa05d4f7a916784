//! Operators' tables: `phone.dat`, and spreadsheets or delimited text in any usual encoding, with a header that names the
//! columns. Mistakes are told with their lines.

use std::io::Cursor;
use std::ops::ControlFlow;

use domain::numbers::{NumberMistake, RangeTrouble, Ranges, carrier_word, read_phone_dat};
use domain::text::Bilingual;

use super::NumbersError;
use crate::import::{ImportError, Row, read_rows, sniff};

/// Largest file: the country's ranges as text are some twenty megabytes.
pub const MAX_TABLE_BYTES: usize = 64 << 20;
/// Mistakes after which the reading stops.
const MAX_MISTAKES: usize = 20;

/// Why a table could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("the file is larger than {} bytes", MAX_TABLE_BYTES)]
    TooLarge,
    #[error(transparent)]
    File(#[from] ImportError),
    /// The header does not name it.
    #[error("the header names no column {0}")]
    NoColumn(&'static str),
}

impl TableError {
    /// What to tell the user, with what to do about it.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        match self {
            Self::TooLarge => {
                let limit = MAX_TABLE_BYTES >> 20;
                Bilingual {
                    zh: format!("文件超过 {limit} MB").into(),
                    en: format!("the file is larger than {limit} MB").into(),
                }
            }
            Self::File(error) => error.explain(),
            Self::NoColumn(name) => Bilingual {
                zh: format!("第一行表头里没有 {name} 列").into(),
                en: format!("the header in line 1 names no column {name}").into(),
            },
        }
    }
}

/// A row's cells by the columns asked for.
pub(crate) struct Cells<'r> {
    row: &'r Row,
    places: &'r [Option<usize>],
}

impl<'r> Cells<'r> {
    /// From 1.
    pub(crate) fn line(&self) -> u64 {
        self.row.line
    }

    /// The row could not be read as such.
    pub(crate) fn is_broken(&self) -> bool {
        self.row.trouble.is_some()
    }

    /// Empty where there is no such column.
    pub(crate) fn get(&self, column: usize) -> &'r str {
        self.places.get(column).copied().flatten().map_or("", |place| self.row.cell(place))
    }
}

/// Reads a table whose first row names its columns: each may go by several names, in any case; the first `needed` of them
/// must be there. `visit` may end the reading.
///
/// # Errors
/// [`TableError`]; never because of a row.
pub(crate) fn read_table(
    bytes: Vec<u8>,
    columns: &[&[&'static str]],
    needed: usize,
    visit: &mut dyn FnMut(&Cells<'_>) -> ControlFlow<()>,
) -> Result<(), TableError> {
    if bytes.len() > MAX_TABLE_BYTES {
        return Err(TableError::TooLarge);
    }
    let mut file = Cursor::new(bytes);
    let kind = sniff(&mut file).map_err(ImportError::from)?;
    let mut places: Option<Vec<Option<usize>>> = None;
    read_rows(&mut file, kind, &mut |row| match &places {
        Some(places) => visit(&Cells { row, places }),
        None => {
            let names: Vec<String> =
                row.cells().map(|cell| cell.trim_start_matches('\u{feff}').to_lowercase()).collect();
            let place = |known: &&[&str]| names.iter().position(|name| known.contains(&name.as_str()));
            let found: Vec<Option<usize>> = columns.iter().map(place).collect();
            let whole = found.iter().take(needed).all(Option::is_some);
            places = Some(found);
            if whole { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
    })
    .map_err(ImportError::from)?;
    let found = places.unwrap_or_default();
    let lacking = (0..needed).find(|place| found.get(*place).copied().flatten().is_none());
    match lacking.and_then(|place| columns.get(place)?.first().copied()) {
        Some(name) => Err(TableError::NoColumn(name)),
        None => Ok(()),
    }
}

/// The ranges of a file, and what it calls itself.
pub(super) fn ranges(bytes: Vec<u8>) -> Result<(Ranges, String), NumbersError> {
    if bytes.len() > MAX_TABLE_BYTES {
        return Err(TableError::TooLarge.into());
    }
    match read_phone_dat(&bytes) {
        Ok(read) => Ok(read),
        Err(mistakes) if mistakes.is_empty() => from_table(bytes),
        Err(mistakes) => Err(NumbersError::Mistakes(mistakes)),
    }
}

/// The carrier that such a file names decides, because somebody wrote it there on purpose.
fn from_table(bytes: Vec<u8>) -> Result<(Ranges, String), NumbersError> {
    let columns: [&[&str]; 4] = [
        &["prefix", "号段"],
        &["province", "省份", "省"],
        &["city", "城市", "市"],
        &["carrier", "isp", "运营商"],
    ];
    let mut ranges = Ranges::default();
    let mut mistakes = Vec::new();
    read_table(bytes, &columns, 2, &mut |cells| {
        if let Err(trouble) = range(&mut ranges, cells) {
            mistakes.push(NumberMistake { line: cells.line(), trouble });
        }
        if mistakes.len() < MAX_MISTAKES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if mistakes.is_empty() { Ok((ranges, "csv".to_owned())) } else { Err(NumbersError::Mistakes(mistakes)) }
}

fn range(ranges: &mut Ranges, cells: &Cells<'_>) -> Result<(), RangeTrouble> {
    if cells.is_broken() {
        return Err(RangeTrouble::Row);
    }
    let prefix = cells.get(0);
    let digits = prefix.len() == 7 && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = prefix.parse().ok().filter(|_| digits).ok_or(RangeTrouble::Prefix)?;
    let carrier = match cells.get(3) {
        "" => None,
        word => Some(carrier_word(word).ok_or(RangeTrouble::Carrier)?),
    };
    ranges.add(prefix, cells.get(1), cells.get(2), carrier, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::phone::{Carrier, Country, Phone};

    const CSV: &str = "prefix,province,city,carrier\n1380013,北京,北京,移动\n1860001,广东,\"深圳\",mobile\n";

    fn mistakes(text: &str) -> Vec<(u64, RangeTrouble)> {
        match ranges(text.as_bytes().to_vec()) {
            Err(NumbersError::Mistakes(mistakes)) => {
                mistakes.into_iter().map(|mistake| (mistake.line, mistake.trouble)).collect()
            }
            other => panic!("{:?}", other.map(|(_, source)| source)),
        }
    }

    #[test]
    fn tables_are_read_in_both_encodings_and_their_carriers_decide() {
        let gb = encoding_rs::GB18030.encode(CSV).0.into_owned();
        for bytes in [CSV.as_bytes().to_vec(), gb] {
            let (ranges, source) = ranges(bytes).unwrap();
            let table = ranges.into_table(&source);
            let phone = Phone::parse("18600010000", Country::CN).unwrap();
            assert_eq!(table.place(phone).map(|place| &*place.city), Some("深圳"));
            assert_eq!((table.carrier(phone), phone.carrier()), (Carrier::Mobile, Carrier::Unicom));
        }
    }

    #[test]
    fn mistakes_have_their_lines_and_a_header_is_needed() {
        let text = "prefix,province\n138001,北京\n1380013,\n1380014,北京\n1380014,上海\n";
        let found = [(2, RangeTrouble::Prefix), (3, RangeTrouble::NoProvince), (5, RangeTrouble::Twice)];
        assert_eq!(mistakes(text), found);
        let told =
            NumbersError::Mistakes(ranges(text.as_bytes().to_vec()).err().map_or(Vec::new(), |error| {
                if let NumbersError::Mistakes(mistakes) = error { mistakes } else { Vec::new() }
            }));
        assert!(told.explain().zh.contains("第 3 行") && told.explain().en.contains("line 5"));
        let headless = ranges("1380013,北京\n1380014,北京\n".as_bytes().to_vec());
        assert!(matches!(headless, Err(NumbersError::Table(TableError::NoColumn("prefix")))));
    }
}
