//! Parquet: typed columns, in groups of rows that are compressed each for itself.

use std::io::{self, Write};
use std::sync::Arc;

use domain::time::Timestamp;
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::cell::{Cell, Column, Kind, Row};
use crate::write::{Rows, each};

/// Rows of a group, which is in memory as a whole: some megabytes.
const GROUP_ROWS: usize = 16_384;

pub(crate) fn write<W: Write + Send>(out: W, columns: &[Column], rows: Rows) -> io::Result<W> {
    let schema = Arc::new(parse_message_type(&schema(columns)).map_err(failed)?);
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut writer = SerializedFileWriter::new(out, schema, properties).map_err(failed)?;
    let mut group: Vec<Row> = Vec::new();
    each(rows, |row| {
        group.push(row);
        if group.len() == GROUP_ROWS {
            write_group(&mut writer, columns, &std::mem::take(&mut group)).map_err(failed)?;
        }
        Ok(())
    })?;
    if !group.is_empty() {
        write_group(&mut writer, columns, &group).map_err(failed)?;
    }
    writer.into_inner().map_err(failed)
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        // What the disk said, so that it is known again.
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

/// In the language that the format's schemas are written in.
fn schema(columns: &[Column]) -> String {
    let fields = columns.iter().map(|Column { en, kind, .. }| match kind {
        Kind::Text => format!("REQUIRED BYTE_ARRAY {en} (STRING);"),
        Kind::Count => format!("REQUIRED INT64 {en};"),
        // Millionths, as money is kept.
        Kind::Amount => format!("REQUIRED INT64 {en} (DECIMAL(18,6));"),
        Kind::Moment => format!("OPTIONAL INT64 {en} (TIMESTAMP(MILLIS,true));"),
        Kind::Flag => format!("REQUIRED BOOLEAN {en};"),
    });
    format!("message export {{ {} }}", fields.collect::<Vec<_>>().join(" "))
}

fn write_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    columns: &[Column],
    rows: &[Row],
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for (place, of) in columns.iter().enumerate() {
        let cells = rows.iter().filter_map(|row| row.get(place));
        let Some(mut column) = group.next_column()? else {
            return Err(ParquetError::General("fewer columns than the schema has".to_owned()));
        };
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(texts) => {
                let values: Vec<ByteArray> = cells.map(text).collect();
                texts.write_batch(&values, None, None)?;
            }
            ColumnWriter::BoolColumnWriter(flags) => {
                let values: Vec<bool> = cells.map(|cell| matches!(cell, Cell::Flag(true))).collect();
                flags.write_batch(&values, None, None)?;
            }
            ColumnWriter::Int64ColumnWriter(numbers) => {
                let numbered: Vec<Option<i64>> = cells.map(number).collect();
                let values: Vec<i64> = numbered.iter().flatten().copied().collect();
                // Of columns that may be empty: which cells are there.
                let there: Vec<i16> = numbered.iter().map(|number| i16::from(number.is_some())).collect();
                let may_lack = of.kind == Kind::Moment;
                numbers.write_batch(&values, may_lack.then_some(there.as_slice()), None)?;
            }
            _ => return Err(ParquetError::General("a column of a kind that no cell has".to_owned())),
        }
        column.close()?;
    }
    group.close()?;
    Ok(())
}

fn text(cell: &Cell) -> ByteArray {
    match cell {
        Cell::Text(text) => text.as_str().into(),
        _ => ByteArray::from(""),
    }
}

fn number(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Count(number) => Some(*number),
        Cell::Amount(amount) => Some(amount.micros()),
        Cell::Moment(at) => at.map(Timestamp::millis),
        Cell::Text(_) | Cell::Flag(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use domain::money::Money;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;
    use tokio::sync::mpsc;

    use super::*;
    use crate::write::Piece;

    const COLUMNS: &[Column] = &[
        Column { zh: "内容", en: "text", kind: Kind::Text },
        Column { zh: "条数", en: "parts", kind: Kind::Count },
        Column { zh: "价格", en: "price", kind: Kind::Amount },
        Column { zh: "时间", en: "at", kind: Kind::Moment },
        Column { zh: "退订", en: "opted_out", kind: Kind::Flag },
    ];

    /// More than one group, so that their seams are read too.
    const ROWS: usize = GROUP_ROWS + 7;

    fn row(n: usize) -> Row {
        let n = i64::try_from(n).unwrap();
        let at = (n % 3 != 0).then(|| Timestamp::from_millis(1_700_000_000_000 + n));
        vec![
            Cell::Text(format!("=第{n}行")),
            Cell::Count(n),
            Cell::Amount(Money::from_micros(-37_500 * n)),
            Cell::Moment(at),
            Cell::Flag(n % 2 == 0),
        ]
    }

    #[test]
    fn what_is_written_is_read_by_the_formats_own_reader() {
        let (send, receive) = mpsc::channel(8);
        let sending = std::thread::spawn(move || {
            for first in (0..ROWS).step_by(1_000) {
                let page = (first..ROWS.min(first + 1_000)).map(row).collect();
                send.blocking_send(Piece::Rows(page)).unwrap();
            }
            send.blocking_send(Piece::End).unwrap();
        });
        let bytes = write(Vec::new(), COLUMNS, receive).unwrap();
        sending.join().unwrap();
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 2);
        let mut read = 0;
        for (n, found) in reader.get_row_iter(None).unwrap().enumerate() {
            let found = found.unwrap();
            let Cell::Moment(at) = &row(n)[3] else { panic!("a moment") };
            assert_eq!(found.get_string(0).unwrap(), &format!("=第{n}行"));
            assert_eq!(found.get_long(1).unwrap(), i64::try_from(n).unwrap());
            let price = found.get_decimal(2).unwrap();
            assert_eq!((price.data(), price.scale()), ((-37_500 * n as i64).to_be_bytes().as_slice(), 6));
            assert_eq!(found.get_timestamp_millis(3).ok(), at.map(Timestamp::millis));
            assert_eq!(found.get_bool(4).unwrap(), n % 2 == 0);
            read += 1;
        }
        assert_eq!(read, ROWS);
    }

    #[test]
    fn no_rows_are_a_file_too_and_rows_that_end_early_are_none() {
        let (send, receive) = mpsc::channel(1);
        send.blocking_send(Piece::End).unwrap();
        let bytes = write(Vec::new(), COLUMNS, receive).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
        let (send, receive) = mpsc::channel::<Piece>(1);
        drop(send);
        assert_eq!(write(Vec::new(), COLUMNS, receive).unwrap_err().kind(), io::ErrorKind::Interrupted);
    }
}
