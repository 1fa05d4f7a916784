//! One row of a file, held in one buffer so that reading millions of rows allocates for none of them.

use std::fmt;

/// What is wrong with a row before anybody looks at its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowTrouble {
    /// A cell is longer than [`MAX_CELL_BYTES`](crate::MAX_CELL_BYTES).
    CellTooLong,
    /// More cells than [`MAX_COLUMNS`](crate::MAX_COLUMNS).
    TooManyCells,
    /// Bytes that are not in the file's encoding.
    Encoding,
    /// A formula whose stored result is an error (`#N/A`, `#REF!` …).
    FormulaError,
}

impl RowTrouble {
    /// The stable word of reports and files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::CellTooLong => "cell_too_long",
            Self::TooManyCells => "too_many_cells",
            Self::Encoding => "encoding",
            Self::FormulaError => "formula_error",
        }
    }

    /// What to tell the user, in Chinese and English.
    #[must_use]
    pub const fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::CellTooLong => (
                "单元格超过 4 KB（或引号没有闭合）",
                "a cell is longer than 4 KB (or a quote is never closed)",
            ),
            Self::TooManyCells => ("超过 256 列", "more than 256 cells"),
            Self::Encoding => {
                ("含有与文件编码不符的字节", "bytes that do not belong to the encoding of the file")
            }
            Self::FormulaError => ("公式结果是错误值", "a formula gave an error"),
        }
    }
}

/// A row as read. Cells may hold people's data, so `Debug` shows none.
#[derive(Clone, Default)]
pub struct Row {
    /// From 1, as a spreadsheet program numbers rows.
    pub line: u64,
    /// Whether the row can be used at all.
    pub trouble: Option<RowTrouble>,
    pub(super) text: String,
    pub(super) ends: Vec<usize>,
}

impl Row {
    /// How many cells there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A cell without the blanks around it; the empty text beyond the last.
    #[must_use]
    pub fn cell(&self, place: usize) -> &str {
        let Some(&end) = self.ends.get(place) else { return "" };
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        self.text.get(start..end).unwrap_or("").trim()
    }

    /// All cells in order.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|place| self.cell(place))
    }

    /// Whether every cell is blank.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The row as one CSV record, without its line end.
    #[must_use]
    pub fn to_record(&self) -> String {
        let mut record = String::with_capacity(self.text.len() + self.ends.len());
        for (place, cell) in self.cells().enumerate() {
            if place > 0 {
                record.push(',');
            }
            push_csv_cell(&mut record, cell);
        }
        record
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.trouble = None;
    }

    pub(super) fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("line", &self.line).field("cells", &self.len()).finish_non_exhaustive()
    }
}

/// Appends one cell of a CSV row, quoted where it must be.
pub fn push_csv_cell(record: &mut String, cell: &str) {
    if cell.contains([',', '"', '\n', '\r']) {
        record.push('"');
        record.push_str(&cell.replace('"', "\"\""));
        record.push('"');
    } else {
        record.push_str(cell);
    }
}
