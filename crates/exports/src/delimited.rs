//! CSV (RFC 4180), with a byte order mark, because spreadsheet programs take a file without one for the local code page.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use sheets::push_csv_cell;

use crate::cell::{Cell, Column, Row};
use crate::write::{Rows, each};

pub(crate) fn write<W: Write>(mut out: W, columns: &[Column], zone: &TimeZone, rows: Rows) -> io::Result<W> {
    let titles: Vec<String> = columns.iter().map(|column| column.title()).collect();
    out.write_all(format!("\u{feff}{}\r\n", titles.join(",")).as_bytes())?;
    each(rows, |row| out.write_all(line(&row, zone).as_bytes()))?;
    Ok(out)
}

fn line(row: &Row, zone: &TimeZone) -> String {
    let cells: Vec<String> = row.iter().map(|cell| field(cell, zone)).collect();
    cells.join(",") + "\r\n"
}

/// What a spreadsheet program would run is disarmed by an apostrophe; numbers of ours stay numbers.
fn field(cell: &Cell, zone: &TimeZone) -> String {
    let Cell::Text(text) = cell else { return cell.shown(zone) };
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let disarmed = if runs { format!("'{text}") } else { text.clone() };
    let mut field = String::with_capacity(disarmed.len());
    push_csv_cell(&mut field, &disarmed);
    field
}

#[cfg(test)]
mod tests {
    use domain::money::Money;

    use super::*;

    #[test]
    fn nothing_in_a_cell_is_run_and_numbers_stay_numbers() {
        let mut row: Row = ["=1+1", "a,\"b\"", "\t=1", "-5", "＝1", "张三"].map(Cell::word).to_vec();
        row.push(Cell::Amount(Money::from_micros(-5_000_000)));
        assert_eq!(line(&row, &TimeZone::UTC), "'=1+1,\"a,\"\"b\"\"\",'\t=1,'-5,'＝1,张三,-5.00\r\n");
    }
}
