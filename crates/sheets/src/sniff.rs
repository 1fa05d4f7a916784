//! What a file is, by its content: the name and the media type that came with it may say anything.

use std::io::{Read, SeekFrom};

use domain::control::ReadSeek;
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use crate::SheetError;

/// Bytes looked at for encoding and delimiter.
const SAMPLE_BYTES: usize = 256 << 10;
/// A file that is plain ASCII so far is searched this far for the first Chinese character.
const ASCII_SEARCH_BYTES: u64 = 256 << 20;
/// Lines of the sample that vote on the delimiter.
const DELIMITER_LINES: usize = 50;
/// Fewer valid lines than this share, in percent, is no text.
const VALID_LINES_PERCENT: usize = 50;

/// How the text of a delimited file is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextLayout {
    /// The character encoding.
    pub encoding: &'static Encoding,
    /// What separates cells.
    pub delimiter: u8,
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// CSV and its kin.
    Delimited(TextLayout),
    /// Office Open XML.
    Xlsx,
}

impl FileKind {
    /// The word of reports: `xlsx`, or the encoding of a delimited file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Delimited(layout) => layout.encoding.name(),
        }
    }
}

/// Looks at the beginning (and, for plain ASCII, further on) and leaves the file at its start.
///
/// # Errors
/// [`SheetError::NotASpreadsheet`] and its kin, [`SheetError::NoRows`] for an empty file.
pub fn sniff(file: &mut dyn ReadSeek) -> Result<FileKind, SheetError> {
    let head = read_sample(file)?;
    let kind = by_magic(&head).unwrap_or_else(|| by_text(file, &head));
    file.seek(SeekFrom::Start(0))?;
    kind
}

fn read_sample(file: &mut dyn ReadSeek) -> Result<Vec<u8>, SheetError> {
    let mut sample = Vec::new();
    file.take(SAMPLE_BYTES as u64).read_to_end(&mut sample)?;
    Ok(sample)
}

/// Signatures at the head of a file, as the `file` program knows them.
fn by_magic(head: &[u8]) -> Option<Result<FileKind, SheetError>> {
    const PROGRAMS: [(&[u8], &str); 9] = [
        (b"MZ", "a Windows program"),
        (b"\x7fELF", "a Linux program"),
        (b"\xca\xfe\xba\xbe", "a program"),
        (b"%PDF", "a PDF document"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
        (b"GIF8", "a picture"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"Rar!", "a RAR archive"),
    ];
    if head.is_empty() {
        return Some(Err(SheetError::NoRows));
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(Ok(FileKind::Xlsx));
    }
    if head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
        return Some(Err(SheetError::UnsupportedSheet { found: "Excel 97-2003 (.xls) or encrypted" }));
    }
    let (_, found) = PROGRAMS.iter().find(|(magic, _)| head.starts_with(magic))?;
    Some(Err(SheetError::NotASpreadsheet { found }))
}

fn by_text(file: &mut dyn ReadSeek, head: &[u8]) -> Result<FileKind, SheetError> {
    let encoding = match Encoding::for_bom(head) {
        Some((encoding, _)) => encoding,
        None => match utf16_without_mark(head) {
            Some(encoding) => encoding,
            None if head.contains(&0) => return Err(SheetError::NotASpreadsheet { found: "binary data" }),
            None if head.is_ascii() => first_foreign_sample(file)?.map_or(Ok(UTF_8), |far| by_lines(&far))?,
            None => by_lines(head)?,
        },
    };
    let (text, _, _) = encoding.decode(head);
    let controls = text.chars().filter(|ch| ch.is_control() && !matches!(ch, '\t' | '\r' | '\n')).count();
    if controls > text.len() / 100 {
        return Err(SheetError::NotASpreadsheet { found: "binary data" });
    }
    Ok(FileKind::Delimited(TextLayout { encoding, delimiter: delimiter(&text) }))
}

/// UTF-16 betrays itself by the zero halves of commas and line ends, all at even or all at odd places.
fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, odd) if odd * 200 > head.len() => Some(UTF_16LE),
        (even, 0) if even * 200 > head.len() => Some(UTF_16BE),
        _ => None,
    }
}

/// The first piece of the file that is not plain ASCII.
fn first_foreign_sample(file: &mut dyn ReadSeek) -> Result<Option<Vec<u8>>, SheetError> {
    let mut searched = 0;
    while searched < ASCII_SEARCH_BYTES {
        let sample = read_sample(file)?;
        if sample.is_empty() {
            return Ok(None);
        }
        if !sample.is_ascii() {
            // The piece may begin inside a character: judge from its first line end on.
            let from = sample.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            return Ok(Some(sample[from..].to_vec()));
        }
        searched += sample.len() as u64;
    }
    Ok(None)
}

/// The encoding in which most lines are valid; UTF-8 before GB 18030, because Chinese text is hardly ever valid
/// UTF-8 by accident, while UTF-8 often passes for GB 18030.
fn by_lines(sample: &[u8]) -> Result<&'static Encoding, SheetError> {
    let whole = match sample.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => &sample[..end],
        None => sample,
    };
    let lines: Vec<&[u8]> =
        whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.is_ascii()).collect();
    let lines = if lines.is_empty() { vec![sample] } else { lines };
    let utf8 = lines.iter().filter(|line| std::str::from_utf8(line).is_ok()).count();
    let gb = lines
        .iter()
        .filter(|line| GB18030.decode_without_bom_handling_and_without_replacement(line).is_some())
        .count();
    let (encoding, valid) = if utf8 * 2 >= gb { (UTF_8, utf8) } else { (GB18030, gb) };
    if valid * 100 < lines.len() * VALID_LINES_PERCENT {
        return Err(SheetError::NotASpreadsheet { found: "binary data or text in an unknown encoding" });
    }
    Ok(encoding)
}

/// The separator that stands equally often in most lines; the comma when there is none.
fn delimiter(text: &str) -> u8 {
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.trim().is_empty()).take(DELIMITER_LINES).collect();
    let score = |candidate: char| {
        let counts: Vec<usize> = lines.iter().map(|line| outside_quotes(line, candidate)).collect();
        let first = counts.first().copied().unwrap_or(0);
        if first == 0 {
            return (0, 0);
        }
        (counts.iter().filter(|count| **count == first).count(), first)
    };
    let best = [',', '\t', ';', '|'].into_iter().rev().max_by_key(|candidate| score(*candidate));
    best.filter(|candidate| score(*candidate).0 > 0).map_or(b',', |candidate| candidate as u8)
}

fn outside_quotes(line: &str, wanted: char) -> usize {
    let mut quoted = false;
    line.chars()
        .filter(|ch| {
            quoted ^= *ch == '"';
            !quoted && *ch == wanted
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn sniffed(bytes: &[u8]) -> Result<FileKind, SheetError> {
        sniff(&mut Cursor::new(bytes.to_vec()))
    }

    fn encoding_of(bytes: &[u8]) -> &'static str {
        sniffed(bytes).map(FileKind::word).unwrap_or("refused")
    }

    #[test]
    fn encodings_are_told_by_content() {
        let text = "姓名,手机号\r\n张三,13800138000\r\n";
        let utf16 = |big: bool, mark: bool| {
            let mark = mark.then_some(0xfeff);
            let units = mark.into_iter().chain(text.encode_utf16());
            units
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect::<Vec<_>>()
        };
        assert_eq!(encoding_of(text.as_bytes()), "UTF-8");
        assert_eq!(encoding_of(&[b"\xef\xbb\xbf", text.as_bytes()].concat()), "UTF-8");
        assert_eq!(encoding_of(&GB18030.encode(text).0), "gb18030");
        assert_eq!(encoding_of(&utf16(false, true)), "UTF-16LE");
        assert_eq!(encoding_of(&utf16(true, true)), "UTF-16BE");
        assert_eq!(encoding_of(&utf16(false, false)), "UTF-16LE");
        assert_eq!(encoding_of(&utf16(true, false)), "UTF-16BE");
    }

    #[test]
    fn chinese_that_begins_late_still_decides() {
        let mut bytes = b"phone,name\n".to_vec();
        while bytes.len() < 2 * SAMPLE_BYTES {
            bytes.extend_from_slice(b"13800138000,Zhang San\n");
        }
        bytes.extend_from_slice(&GB18030.encode("13800138001,张三\n13800138002,李四\n").0);
        assert_eq!(encoding_of(&bytes), "gb18030");
    }

    #[test]
    fn what_is_no_spreadsheet_is_named() {
        let found = |bytes: &[u8]| sniffed(bytes).unwrap_err().to_string();
        assert!(found(b"MZ\x90\x00\x03").contains("Windows program"));
        assert!(found(&[0, 159, 146, 150, 0, 1, 2]).contains("binary"));
        assert!(matches!(sniffed(b""), Err(SheetError::NoRows)));
        assert!(matches!(
            sniffed(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]),
            Err(SheetError::UnsupportedSheet { .. })
        ));
    }

    #[test]
    fn delimiters_are_counted_outside_quotes() {
        assert_eq!(delimiter("a;b;c\n\"1,5\";2;3\n"), b';');
        assert_eq!(delimiter("a\tb\n1\t2\n"), b'\t');
        assert_eq!(delimiter("a|b\n1|2\n"), b'|');
        assert_eq!(delimiter("phone\n13800138000\n"), b',');
        assert_eq!(delimiter("a,b\n1,2;3\n"), b',');
    }
}
