//! XLSX (ECMA-376) with as many sheets as the rows need. Texts are inline strings, which no program runs.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{ZipWriter, result::ZipError};

use crate::cell::{Cell, Column, Row};
use crate::write::{Rows, each};

/// Rows of a sheet: what spreadsheet programs read.
const SHEET_ROWS: u32 = 1_048_576;
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const CONTENT: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const SHEET_END: &str = "</sheetData></worksheet>";

/// The sheets first, since only then is it known how many there are.
pub(crate) fn write<W: Write>(out: W, columns: &[Column], zone: &TimeZone, rows: Rows) -> io::Result<W> {
    write_sheets(out, columns, zone, rows, SHEET_ROWS)
}

fn write_sheets<W: Write>(
    out: W,
    columns: &[Column],
    zone: &TimeZone,
    rows: Rows,
    most: u32,
) -> io::Result<W> {
    let mut zip = ZipWriter::new_stream(out);
    let titles: Row = columns.iter().map(|column| Cell::Text(column.title())).collect();
    let head = line(&titles, zone);
    let (mut sheets, mut filled) = (0, 0);
    begin_sheet(&mut zip, &mut sheets, &head)?;
    each(rows, |row| {
        // Every sheet has the names of its columns.
        if filled + 1 == most {
            zip.write_all(SHEET_END.as_bytes())?;
            begin_sheet(&mut zip, &mut sheets, &head)?;
            filled = 0;
        }
        filled += 1;
        zip.write_all(line(&row, zone).as_bytes())
    })?;
    zip.write_all(SHEET_END.as_bytes())?;
    for (name, content) in frame(sheets) {
        begin(&mut zip, name)?;
        zip.write_all(content.as_bytes())?;
    }
    Ok(zip.finish().map_err(io::Error::from)?.into_inner())
}

/// What holds the sheets together: names of parts, and what is in them.
fn frame(sheets: u32) -> [(&'static str, String); 4] {
    let each_sheet = |line: &dyn Fn(u32) -> String| (1..=sheets).map(line).collect::<String>();
    let names = each_sheet(&|n| format!("<sheet name=\"{n}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>"));
    let targets = each_sheet(&|n| {
        format!(
            "<Relationship Id=\"rId{n}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        )
    });
    let kinds = each_sheet(&|n| {
        format!(
            "<Override PartName=\"/xl/worksheets/sheet{n}.xml\" ContentType=\"{CONTENT}.worksheet+xml\"/>"
        )
    });
    [
        (
            "xl/workbook.xml",
            format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{names}</sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!("<Relationships xmlns=\"{RELATIONS}\">{targets}</Relationships>"),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" \
                 Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default \
                 Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
                 <Override PartName=\"/xl/workbook.xml\" ContentType=\"{CONTENT}.sheet.main+xml\"/>{kinds}</Types>"
            ),
        ),
    ]
}

fn begin_sheet<W: Write>(
    zip: &mut ZipWriter<StreamWriter<W>>,
    sheets: &mut u32,
    head: &str,
) -> io::Result<()> {
    *sheets += 1;
    begin(zip, &format!("xl/worksheets/sheet{sheets}.xml"))?;
    zip.write_all(format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{head}").as_bytes())
}

fn begin<W: Write>(zip: &mut ZipWriter<StreamWriter<W>>, name: &str) -> io::Result<()> {
    zip.start_file(name, SimpleFileOptions::default().large_file(true))
        .map_err(|error: ZipError| io::Error::from(error))?;
    zip.write_all(DECLARATION.as_bytes())
}

/// Inline text: a program shows it and runs nothing of it, whatever it begins with. Counts and amounts are numbers.
fn line(row: &Row, zone: &TimeZone) -> String {
    let mut text = "<row>".to_owned();
    for cell in row {
        let shown = cell.shown(zone);
        if matches!(cell, Cell::Count(_) | Cell::Amount(_)) {
            text.push_str("<c><v>");
            text.push_str(&shown);
            text.push_str("</v></c>");
            continue;
        }
        text.push_str("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">");
        for ch in shown.chars() {
            match ch {
                '&' => text.push_str("&amp;"),
                '<' => text.push_str("&lt;"),
                '>' => text.push_str("&gt;"),
                '\t' | '\n' => text.push(ch),
                // XML has no way to write them.
                ch if ch.is_control() || matches!(ch, '\u{fffe}' | '\u{ffff}') => {}
                ch => text.push(ch),
            }
        }
        text.push_str("</t></is></c>");
    }
    text.push_str("</row>");
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use tokio::sync::mpsc;

    use super::*;
    use crate::cell::Kind;
    use crate::write::Piece;

    const COLUMNS: &[Column] =
        &[Column { zh: "甲", en: "a", kind: Kind::Text }, Column { zh: "乙", en: "b", kind: Kind::Count }];

    #[test]
    fn nothing_in_a_cell_is_run() {
        let written = line(&vec![Cell::word("=<b>&\u{0}"), Cell::Count(-3)], &TimeZone::UTC);
        assert!(written.contains("t=\"inlineStr\"") && written.contains(">=&lt;b&gt;&amp;</t>"), "{written}");
        assert!(written.contains("<c><v>-3</v></c>") && !written.contains("<f>"), "{written}");
    }

    #[test]
    fn what_one_sheet_cannot_hold_goes_to_the_next_under_the_same_names() {
        let (send, receive) = mpsc::channel(2);
        let rows = (0..5).map(|n| vec![Cell::word("x"), Cell::Count(n)]).collect();
        send.blocking_send(Piece::Rows(rows)).unwrap();
        send.blocking_send(Piece::End).unwrap();
        let bytes = write_sheets(Vec::new(), COLUMNS, &TimeZone::UTC, receive, 3).unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut seen = Vec::new();
        for sheet in 1..=3 {
            let mut text = String::new();
            zip.by_name(&format!("xl/worksheets/sheet{sheet}.xml"))
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            assert!(text.contains("甲 a") && text.ends_with(SHEET_END), "{text}");
            seen.push(text.matches("<row>").count() - 1);
        }
        assert_eq!(seen, [2, 2, 1]);
        assert!(zip.by_name("xl/worksheets/sheet4.xml").is_err());
    }

    #[test]
    fn rows_that_end_early_are_no_file() {
        let (send, receive) = mpsc::channel(1);
        send.blocking_send(Piece::Rows(vec![vec![Cell::word("x"), Cell::Count(1)]])).unwrap();
        drop(send);
        let failed = write(Vec::new(), COLUMNS, &TimeZone::UTC, receive).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::Interrupted);
    }
}
