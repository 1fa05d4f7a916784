//! The binary file `phone.dat` of the many "phonedata" programs.
//!
//! Four bytes of version in ASCII, the index's offset as a little-endian 32-bit number, records `province|city|zip|area
//! code` each ended by a zero byte, then the index: entries of nine bytes, sorted by the first seven digits, with the
//! record's offset and the kind of the range (1 mobile, 2 unicom, 3 telecom, 4 to 6 and 8 resold ranges of telecom, unicom,
//! mobile, broadnet, 7 broadnet).

use std::collections::HashMap;

use super::table::{NumberMistake, RangeTrouble, Ranges};
use crate::phone::Carrier;

const HEAD: usize = 8;
const ENTRY: usize = 9;
/// Longest record that is looked for an end of.
const MAX_RECORD_BYTES: usize = 512;
/// Mistakes that are told before the reading stops.
const MAX_MISTAKES: usize = 20;

/// Reads a whole file; returns its ranges, and what it calls itself. The numbering plan goes on deciding about carriers:
/// where this file differs from it, the file is known to be wrong more often.
///
/// # Errors
/// The first mistakes, by entry of the index; none at all when it is no such file.
pub fn read_phone_dat(bytes: &[u8]) -> Result<(Ranges, String), Vec<NumberMistake>> {
    let (version, index, records) = parts(bytes).ok_or_else(Vec::new)?;
    let mut ranges = Ranges::default();
    let mut names: HashMap<u32, Option<(&str, &str)>> = HashMap::new();
    let mut mistakes = Vec::new();
    let mut before = 0;
    for (line, entry) in (1u64..).zip(index.as_chunks::<ENTRY>().0) {
        let prefix = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
        let offset = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let added = if prefix <= before {
            Err(RangeTrouble::Order)
        } else {
            let named = *names.entry(offset).or_insert_with(|| record(records, offset));
            match (named, carrier(entry[8])) {
                (None, _) => Err(RangeTrouble::Record),
                (_, None) => Err(RangeTrouble::Carrier),
                (Some((province, city)), carrier) => ranges.add(prefix, province, city, carrier, false),
            }
        };
        before = prefix;
        if let Err(trouble) = added {
            mistakes.push(NumberMistake { line, trouble });
            if mistakes.len() >= MAX_MISTAKES {
                break;
            }
        }
    }
    if mistakes.is_empty() { Ok((ranges, format!("phone.dat {version}"))) } else { Err(mistakes) }
}

/// Version, index, and everything before the index; none when it is no such file.
fn parts(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let version = std::str::from_utf8(bytes.get(..4)?).ok()?;
    let offset = u32::from_le_bytes(*bytes.get(4..HEAD)?.first_chunk()?) as usize;
    let (records, index) = bytes.split_at_checked(offset)?;
    let fits = offset >= HEAD && !index.is_empty() && index.len().is_multiple_of(ENTRY);
    (fits && version.bytes().all(|byte| byte.is_ascii_graphic())).then_some((version, index, records))
}

fn record(records: &[u8], offset: u32) -> Option<(&str, &str)> {
    let offset = offset as usize;
    let rest = records.get(offset..).filter(|_| offset >= HEAD)?;
    let end = rest.iter().take(MAX_RECORD_BYTES).position(|byte| *byte == 0)?;
    let mut cells = std::str::from_utf8(rest.get(..end)?).ok()?.split('|');
    let (province, city) = (cells.next()?, cells.next()?);
    // Zip and area code.
    (cells.count() == 2).then_some((province, city))
}

fn carrier(kind: u8) -> Option<Carrier> {
    match kind {
        1 | 6 => Some(Carrier::Mobile),
        2 | 5 => Some(Carrier::Unicom),
        3 | 4 => Some(Carrier::Telecom),
        7 | 8 => Some(Carrier::Broadnet),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::{Country, Phone};
    use proptest::prelude::*;

    fn file(entries: &[(u32, u8)]) -> Vec<u8> {
        let record = "广东|深圳|518000|0755\0";
        let mut bytes = b"2312".to_vec();
        bytes.extend_from_slice(&((HEAD + record.len()) as u32).to_le_bytes());
        bytes.extend_from_slice(record.as_bytes());
        for (prefix, kind) in entries {
            bytes.extend_from_slice(&prefix.to_le_bytes());
            bytes.extend_from_slice(&(HEAD as u32).to_le_bytes());
            bytes.push(*kind);
        }
        bytes
    }

    fn mistakes(bytes: &[u8]) -> Vec<(u64, RangeTrouble)> {
        let mistakes = read_phone_dat(bytes).err().unwrap();
        mistakes.into_iter().map(|mistake| (mistake.line, mistake.trouble)).collect()
    }

    #[test]
    fn a_file_is_read_and_the_numbering_plan_decides_about_carriers() {
        let (ranges, source) =
            read_phone_dat(&file(&[(1_380_013, 1), (1_380_014, 2), (1_700_000, 4)])).unwrap();
        assert_eq!((source.as_str(), ranges.differing, ranges.outside), ("phone.dat 2312", 1, 0));
        let table = ranges.into_table(&source);
        let phone = Phone::parse("13800148000", Country::CN).unwrap();
        assert_eq!(table.place(phone).map(|place| &*place.city), Some("深圳"));
        assert_eq!(table.carrier(phone), Carrier::Mobile);
    }

    #[test]
    fn damage_is_told_with_its_place() {
        assert_eq!(mistakes(&file(&[(1_380_013, 1), (1_380_013, 1)])), [(2, RangeTrouble::Order)]);
        assert_eq!(mistakes(&file(&[(1_380_013, 9)])), [(1, RangeTrouble::Carrier)]);
        let mut lost = file(&[(1_380_013, 1)]);
        let offset = lost.len() - 5;
        lost[offset] = 9;
        assert_eq!(mistakes(&lost), [(1, RangeTrouble::Record)]);
        let mut cut = file(&[(1_380_013, 1)]);
        cut.pop();
        assert_eq!(mistakes(&cut), []);
        assert_eq!(mistakes(b"2312"), []);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100), at in 0usize..60, by in any::<u8>()) {
            let _any = read_phone_dat(&bytes);
            let mut damaged = file(&[(1_380_013, 1), (1_390_013, 3)]);
            if let Some(byte) = damaged.get_mut(at) {
                *byte = by;
            }
            let _any = read_phone_dat(&damaged);
        }
    }
}
