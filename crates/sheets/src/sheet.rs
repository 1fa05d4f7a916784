//! Rows of an Office Open XML spreadsheet.
//!
//! A spreadsheet is a zip of XML: before the reader (which keeps shared strings and whole XML texts in memory) sees
//! it, one pass over the unpacked content checks what it may become in memory.

use std::io::{BufReader, Read, SeekFrom};
use std::ops::ControlFlow;

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, Xlsx, XlsxError};
use domain::control::ReadSeek;

use crate::row::{Row, RowTrouble};
use crate::{MAX_CELL_BYTES, MAX_COLUMNS, SheetError};

/// Everything in the zip together, unpacked: five million rows of twenty cells.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;
/// Shared strings stay in memory while the sheet is read.
const MAX_SHARED_STRING_BYTES: u64 = 256 << 20;
/// One text between two tags: a cell that long is a document.
const MAX_XML_TEXT_BYTES: usize = 1 << 20;
/// Members of the zip: a workbook with pictures has hundreds.
const MAX_MEMBERS: usize = 10_000;
const BUFFER_BYTES: usize = 64 << 10;
/// Digits of a double that every program shows; the rest is noise of binary fractions.
const SIGNIFICANT_DIGITS: usize = 15;
/// Integers up to here are exact in a double.
const EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Calls `visit` for each row of the first visible sheet that is not blank.
///
/// # Errors
/// When the file is no spreadsheet, is damaged, or would unpack too far.
pub(super) fn read(
    file: &mut dyn ReadSeek,
    visit: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) -> Result<(), SheetError> {
    check_content(file)?;
    file.seek(SeekFrom::Start(0))?;
    let mut book: Xlsx<_> = Xlsx::new(BufReader::with_capacity(BUFFER_BYTES, file)).map_err(damaged)?;
    let sheet = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .min_by_key(|sheet| sheet.visible != calamine::SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .ok_or(SheetError::NoRows)?;
    let mut cells = book.worksheet_cells_reader(&sheet).map_err(damaged)?;
    let mut row = Row::default();
    let mut scratch = String::new();
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let (line, column) = cell.get_position();
        let line = u64::from(line) + 1;
        if row.line != line {
            if finish(&row, visit).is_break() {
                return Ok(());
            }
            row.clear();
            row.line = line;
        }
        put_cell(&mut row, column as usize, cell.get_value(), &mut scratch);
    }
    let _ = finish(&row, visit);
    Ok(())
}

fn finish(row: &Row, visit: &mut dyn FnMut(&Row) -> ControlFlow<()>) -> ControlFlow<()> {
    if row.line == 0 || (row.trouble.is_none() && row.is_blank()) {
        return ControlFlow::Continue(());
    }
    visit(row)
}

fn put_cell(row: &mut Row, column: usize, value: &DataRef<'_>, scratch: &mut String) {
    if matches!(value, DataRef::Empty) {
        return;
    }
    if column >= MAX_COLUMNS {
        row.trouble = Some(RowTrouble::TooManyCells);
        return;
    }
    if column < row.len() {
        // Cells of a row ascend; a writer that repeats one is ignored.
        return;
    }
    while row.len() < column {
        row.push("");
    }
    scratch.clear();
    let text = match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.as_str(),
        DataRef::SharedString(text) => text,
        DataRef::Int(number) => written(scratch, format_args!("{number}")),
        DataRef::Float(number) => number_text(scratch, *number),
        DataRef::Bool(yes) => {
            if *yes {
                "TRUE"
            } else {
                "FALSE"
            }
        }
        DataRef::DateTime(at) => date_text(scratch, *at),
        DataRef::Error(error) => {
            row.trouble = Some(RowTrouble::FormulaError);
            written(scratch, format_args!("{error}"))
        }
        DataRef::Empty => "",
    };
    if text.len() > MAX_CELL_BYTES {
        row.trouble = Some(RowTrouble::CellTooLong);
        row.push("");
    } else {
        row.push(text);
    }
}

fn written<'a>(scratch: &'a mut String, arguments: std::fmt::Arguments<'_>) -> &'a str {
    use std::fmt::Write as _;
    // Writing into a string cannot fail.
    let _ = scratch.write_fmt(arguments);
    scratch
}

/// A number as a person typed it: integers without a point, fractions without binary noise.
fn number_text(scratch: &mut String, number: f64) -> &str {
    if number.fract() == 0.0 && number.abs() < EXACT_INTEGER {
        // Exact: checked just above.
        return written(scratch, format_args!("{}", number as i64));
    }
    let short = format!("{number}");
    if short.bytes().filter(u8::is_ascii_digit).count() <= SIGNIFICANT_DIGITS + 1 {
        return written(scratch, format_args!("{short}"));
    }
    let rounded: f64 = format!("{number:.*e}", SIGNIFICANT_DIGITS - 1).parse().unwrap_or(number);
    written(scratch, format_args!("{rounded}"))
}

fn date_text(scratch: &mut String, at: ExcelDateTime) -> &str {
    let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
    if at.is_duration() || at.as_f64() < 1.0 {
        return written(scratch, format_args!("{hour:02}:{minute:02}:{second:02}"));
    }
    if at.as_f64().fract() == 0.0 {
        return written(scratch, format_args!("{year:04}-{month:02}-{day:02}"));
    }
    written(scratch, format_args!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
}

/// The library's error says little that helps a user, and may quote cells.
fn damaged(error: XlsxError) -> SheetError {
    match error {
        XlsxError::Io(error) => SheetError::Io(error),
        XlsxError::Password => SheetError::UnsupportedSheet { found: "encrypted with a password" },
        _ => SheetError::Damaged,
    }
}

fn check_content(file: &mut dyn ReadSeek) -> Result<(), SheetError> {
    let mut archive = zip::ZipArchive::new(BufReader::with_capacity(BUFFER_BYTES, file))
        .map_err(|_| SheetError::Damaged)?;
    if archive.len() > MAX_MEMBERS {
        return Err(SheetError::UnpacksTooFar { limit_bytes: MAX_UNPACKED_BYTES });
    }
    let mut unpacked = 0;
    let mut is_workbook = false;
    for number in 0..archive.len() {
        let mut member = archive.by_index(number).map_err(|_| SheetError::Damaged)?;
        let name = String::from_utf8_lossy(member.name_raw()).to_ascii_lowercase();
        is_workbook |= name.ends_with("xl/workbook.xml");
        if name.ends_with("xl/workbook.bin") {
            return Err(SheetError::UnsupportedSheet { found: ".xlsb" });
        }
        // Pictures and the like are never unpacked.
        if !name.ends_with(".xml") && !name.ends_with(".rels") {
            continue;
        }
        let limit =
            if name.ends_with("sharedstrings.xml") { MAX_SHARED_STRING_BYTES } else { MAX_UNPACKED_BYTES };
        unpacked += check_member(&mut member, limit.min(MAX_UNPACKED_BYTES - unpacked))?;
    }
    if is_workbook { Ok(()) } else { Err(SheetError::NotASpreadsheet { found: "a zip archive" }) }
}

/// Unpacks a member into nothing and measures it: its declared size may lie.
fn check_member(member: &mut impl Read, limit_bytes: u64) -> Result<u64, SheetError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut total, mut run) = (0, 0);
    loop {
        let read = member.read(&mut buffer).map_err(|_| SheetError::Damaged)?;
        if read == 0 {
            return Ok(total);
        }
        total += read as u64;
        if total > limit_bytes {
            return Err(SheetError::UnpacksTooFar { limit_bytes });
        }
        let mut rest = &buffer[..read];
        while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
            if run + at > MAX_XML_TEXT_BYTES {
                return Err(SheetError::HugeCell { limit_bytes: MAX_XML_TEXT_BYTES });
            }
            run = 0;
            rest = &rest[at + 1..];
        }
        run += rest.len();
        if run > MAX_XML_TEXT_BYTES {
            return Err(SheetError::HugeCell { limit_bytes: MAX_XML_TEXT_BYTES });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_they_were_typed() {
        for (number, text) in [
            (13_800_138_000.0, "13800138000"),
            (8_613_800_138_000.0, "8613800138000"),
            (0.1 + 0.2, "0.3"),
            (19.9, "19.9"),
            (-3.0, "-3"),
        ] {
            assert_eq!(number_text(&mut String::new(), number), text);
        }
    }

    #[test]
    fn a_member_is_measured_and_not_believed() {
        let bomb = vec![b'<'; 2048];
        assert!(matches!(check_member(&mut &bomb[..], 1024), Err(SheetError::UnpacksTooFar { .. })));
        let cell = [b"<v>".to_vec(), vec![b'x'; MAX_XML_TEXT_BYTES + 1]].concat();
        assert!(matches!(check_member(&mut &cell[..], u64::MAX), Err(SheetError::HugeCell { .. })));
        assert_eq!(check_member(&mut &b"<v>1</v>"[..], 1024).ok(), Some(8));
    }
}
