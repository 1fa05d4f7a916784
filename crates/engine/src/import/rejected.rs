//! The rejected rows of an import as a file that a spreadsheet program opens without running anything.

use std::sync::Arc;

use domain::control::{Control, RejectedRow};
use domain::ids::{AccountId, ImportId};
use futures::{Stream, stream};

use super::{ImportError, MAX_COLUMNS};
use crate::Engine;
use sheets::push_csv_cell;

/// The media type of the file.
pub const REJECTED_MEDIA_TYPE: &str = "text/csv; charset=utf-8";
/// Rows per page read from the control database.
const PAGE_ROWS: u32 = 1000;
/// With a byte order mark, because spreadsheet programs take a CSV without one for the local code page.
const HEAD: &str = "\u{feff}行号 line,原因 reason,原始数据 row\r\n";

impl Engine {
    /// The rejected rows of an import as CSV, in pieces, in order of line.
    ///
    /// # Errors
    /// [`ImportError::NoSuchFile`] when the account has no such import; later errors come through the stream.
    pub async fn rejected_csv(
        &self,
        account: AccountId,
        import: ImportId,
    ) -> Result<impl Stream<Item = Result<Vec<u8>, ImportError>> + Send + use<>, ImportError> {
        self.control.import(account, import).await?.ok_or(ImportError::NoSuchFile)?;
        let start = Some((Arc::clone(&self.control), None));
        Ok(stream::try_unfold(start, move |state| async move {
            let Some((control, after)) = state else { return Ok(None) };
            page(&control, account, import, after)
                .await
                .map(|(bytes, next)| Some((bytes, next.map(|line| (control, Some(line))))))
        }))
    }
}

async fn page(
    control: &Arc<dyn Control>,
    account: AccountId,
    import: ImportId,
    after: Option<u64>,
) -> Result<(Vec<u8>, Option<u64>), ImportError> {
    let rows = control.rejected(account, import, after.unwrap_or(0), PAGE_ROWS).await?;
    let mut text = String::new();
    if after.is_none() {
        text.push_str(HEAD);
    }
    for row in &rows {
        push_row(&mut text, row);
    }
    let next = (rows.len() == PAGE_ROWS as usize).then(|| rows.last().map(|row| row.line)).flatten();
    Ok((text.into_bytes(), next))
}

fn push_row(text: &mut String, row: &RejectedRow) {
    text.push_str(&row.line.to_string());
    text.push(',');
    push_csv_cell(text, &disarmed(&row.reason));
    for cell in cells(&row.record) {
        text.push(',');
        push_csv_cell(text, &disarmed(&cell));
    }
    text.push_str("\r\n");
}

/// A cell that a spreadsheet program will not take for a formula (OWASP: CSV injection).
fn disarmed(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn cells(record: &str) -> Vec<String> {
    let mut reader = csv_core::Reader::new();
    // Without its quotes a record is never longer.
    let mut output = vec![0; record.len() + 1];
    let mut ends = vec![0; MAX_COLUMNS + 1];
    let (mut filled, mut ended, mut input) = (0, 0, record.as_bytes());
    loop {
        let (result, consumed, written, ending) =
            reader.read_record(input, &mut output[filled..], &mut ends[ended..]);
        input = &input[consumed..];
        filled += written;
        ended += ending;
        if !matches!(result, csv_core::ReadRecordResult::InputEmpty) || (input.is_empty() && consumed == 0) {
            break;
        }
    }
    let mut start = 0;
    ends[..ended]
        .iter()
        .map(|end| {
            let cell = String::from_utf8_lossy(&output[start..*end]).into_owned();
            start = *end;
            cell
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_row_runs_nothing_and_loses_nothing() {
        let row = RejectedRow {
            line: 7,
            reason: "phone_too_short: 太短".into(),
            record: "=1+1,\"a,\"\"b\"\"\",+86138,@x,普通".into(),
        };
        let mut text = String::new();
        push_row(&mut text, &row);
        assert_eq!(text, "7,phone_too_short: 太短,'=1+1,\"a,\"\"b\"\"\",'+86138,'@x,普通\r\n");
    }
}
