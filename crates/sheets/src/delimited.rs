//! Rows of a delimited file, in memory that does not grow with a cell, a row or the file.

use std::ops::ControlFlow;

use csv_core::ReadRecordResult;
use domain::control::ReadSeek;

use crate::row::{Row, RowTrouble};
use crate::sniff::TextLayout;
use crate::{MAX_CELL_BYTES, MAX_COLUMNS, SheetError};

/// Bytes read from the file at once.
const INPUT_BYTES: usize = 256 << 10;
/// A decoder may make three bytes of one.
const DECODED_BYTES: usize = 3 * INPUT_BYTES + 16;
/// A row with every column full is refused long before: rows of lists are short.
const MAX_ROW_BYTES: usize = 64 << 10;
/// What a decoder writes for bytes it does not know.
const REPLACEMENT: &str = "\u{fffd}";

/// Calls `visit` for each row that is not blank.
///
/// # Errors
/// When the file cannot be read; never because of a row.
pub(super) fn read(
    file: &mut dyn ReadSeek,
    layout: TextLayout,
    visit: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) -> Result<(), SheetError> {
    let mut decoder = layout.encoding.new_decoder();
    let mut input = vec![0; INPUT_BYTES];
    let mut decoded = vec![0; DECODED_BYTES];
    let mut rows = Rows::new(layout.delimiter);
    loop {
        let read = file.read(&mut input)?;
        let last = read == 0;
        let (_, _, written, _) = decoder.decode_to_utf8(&input[..read], &mut decoded, last);
        if written > 0 && rows.feed(&decoded[..written], visit).is_break() {
            return Ok(());
        }
        if last {
            // An empty piece ends the last row.
            let _ = rows.feed(&[], visit);
            return Ok(());
        }
    }
}

struct Rows {
    reader: csv_core::Reader,
    row: Row,
    bytes: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    ended: usize,
    trouble: Option<RowTrouble>,
    line: u64,
    /// The row before ended with a carriage return whose line feed is still to come.
    after_return: bool,
    inside: bool,
}

impl Rows {
    fn new(delimiter: u8) -> Self {
        Self {
            reader: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            row: Row::default(),
            bytes: vec![0; MAX_ROW_BYTES],
            filled: 0,
            ends: vec![0; MAX_COLUMNS],
            ended: 0,
            trouble: None,
            line: 1,
            after_return: false,
            inside: false,
        }
    }

    fn feed(&mut self, mut input: &[u8], visit: &mut dyn FnMut(&Row) -> ControlFlow<()>) -> ControlFlow<()> {
        let at_end = input.is_empty();
        loop {
            if !self.inside {
                input = self.skip_line_ends(input);
            }
            if input.is_empty() && !at_end {
                return ControlFlow::Continue(());
            }
            let (result, consumed, written, ended) =
                self.reader.read_record(input, &mut self.bytes[self.filled..], &mut self.ends[self.ended..]);
            self.inside = true;
            self.filled += written;
            self.ended += ended;
            let last_byte = consumed.checked_sub(1).and_then(|at| input.get(at)).copied();
            input = &input[consumed..];
            match result {
                ReadRecordResult::InputEmpty if !at_end => return ControlFlow::Continue(()),
                ReadRecordResult::InputEmpty => {}
                // Keep reading into the same space: the row is refused, the file goes on.
                ReadRecordResult::OutputFull => {
                    self.trouble = Some(RowTrouble::CellTooLong);
                    self.filled = 0;
                }
                ReadRecordResult::OutputEndsFull => {
                    self.trouble = self.trouble.or(Some(RowTrouble::TooManyCells));
                    self.ended = 0;
                }
                ReadRecordResult::Record => {
                    self.after_return = last_byte == Some(b'\r');
                    self.finish_row(visit)?;
                }
                ReadRecordResult::End => return ControlFlow::Continue(()),
            }
        }
    }

    /// Blank lines count as rows, as in a spreadsheet, but are never visited.
    fn skip_line_ends<'a>(&mut self, mut input: &'a [u8]) -> &'a [u8] {
        while let [first @ (b'\n' | b'\r'), rest @ ..] = input {
            if *first == b'\n' && !self.after_return {
                self.line += 1;
            }
            self.after_return = *first == b'\r' && self.after_return;
            input = rest;
        }
        if !input.is_empty() {
            self.after_return = false;
        }
        input
    }

    fn finish_row(&mut self, visit: &mut dyn FnMut(&Row) -> ControlFlow<()>) -> ControlFlow<()> {
        self.row.clear();
        self.row.line = self.line;
        self.row.trouble = self.trouble.take();
        if self.row.trouble.is_none() {
            self.take_cells();
        }
        self.line += 1;
        self.filled = 0;
        self.ended = 0;
        self.inside = false;
        if self.row.trouble.is_none() && self.row.is_blank() {
            return ControlFlow::Continue(());
        }
        visit(&self.row)
    }

    fn take_cells(&mut self) {
        // The decoder writes whole characters, but a refused row before this one may have cut through one.
        let text = String::from_utf8_lossy(&self.bytes[..self.filled]);
        if text.contains(REPLACEMENT) {
            self.row.trouble = Some(RowTrouble::Encoding);
        }
        self.row.text.push_str(&text);
        self.row.ends.extend_from_slice(&self.ends[..self.ended]);
        let mut start = 0;
        for end in &self.row.ends {
            if end - start > MAX_CELL_BYTES {
                self.row.trouble = Some(RowTrouble::CellTooLong);
            }
            start = *end;
        }
        if self.row.trouble == Some(RowTrouble::CellTooLong) {
            self.row.text.clear();
            self.row.ends.clear();
        }
    }
}
