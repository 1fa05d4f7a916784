//! Ten thousand invented people as a shop's spreadsheet has them: the same for the same seed, and as untidy as real.
//!
//! Numbers come only from ranges that the four networks have. Whoever owns one of them in the world hears nothing:
//! the demonstration's carriers are in this process.

use std::collections::HashSet;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::names::{CITIES, GIVEN_NAMES, INTERESTS, NO_MOBILES, RANGES, SURNAMES};

/// The headers of the sheet, in order.
pub(crate) const HEADERS: [&str; 7] =
    ["姓名", "手机号", "城市", "会员等级", "标签", "累计消费", "最近消费日"];
/// Whose "name" holds a word that a person must look at first (Advertising Law, article 9: absolute terms).
pub(crate) const HELD_NAME: &str = "国家级品酒师老陈";
/// The row with that name, counted from 0; in a smaller sheet the last one.
const HELD_ROW: usize = 4_321;
/// Always the same people.
pub(crate) const SEED: u64 = 20_260_705;

/// One person before the spreadsheet made a mess of it.
struct Person {
    name: String,
    phone: u64,
    city: &'static str,
    level: &'static str,
    tags: String,
    /// Fen.
    spent: u64,
    last_visit: String,
}

/// How a phone cell is written.
enum PhoneCell {
    Text(String),
    /// As spreadsheets keep a number, shown in the usual or the exponent form.
    Number {
        value: u64,
        exponent_shown: bool,
    },
}

/// A small generator (SplitMix64) with a fixed definition: a library may change its own between versions, and the
/// people would change with it.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `bound`; the bias of the remainder is far below what anybody would notice.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// True for so many in a thousand.
    fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }
}

/// The workbook with `rows` people under a header, as a file.
///
/// # Errors
/// What the spreadsheet library says.
pub(crate) fn spreadsheet(rows: usize, seed: u64) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name("会员")?;
    for (column, header) in (0..).zip(HEADERS) {
        sheet.write_string(0, column, header)?;
        sheet.set_column_width(column, 14)?;
    }
    let exponent = Format::new().set_num_format("0.00E+00");
    let mut dice = Dice::new(seed);
    let mut taken = HashSet::new();
    let mut earlier: Vec<u64> = Vec::new();
    for row in 0..rows {
        let mut person = person(&mut dice, &mut taken);
        if row == HELD_ROW.min(rows.saturating_sub(1)) {
            HELD_NAME.clone_into(&mut person.name);
            let cell = PhoneCell::Text(person.phone.to_string());
            write_row(sheet, row, &person, &cell, &exponent)?;
            continue;
        }
        let cell = phone_cell(&mut dice, person.phone, &earlier);
        earlier.push(person.phone);
        write_row(sheet, row, &person, &cell, &exponent)?;
    }
    workbook.save_to_buffer()
}

fn person(dice: &mut Dice, taken: &mut HashSet<u64>) -> Person {
    let phone = loop {
        let phone = mobile(dice);
        if taken.insert(phone) {
            break phone;
        }
    };
    let level = match dice.below(100) {
        0..18 => "VIP",
        18..48 => "新客",
        _ => "老客",
    };
    let mut tags = vec![level];
    if dice.chance(600) {
        tags.push(dice.pick(&INTERESTS));
    }
    let name = format!("{}{}", dice.pick(&SURNAMES), dice.pick(&GIVEN_NAMES));
    // Who left no name gets no text with a hole in it: the report shows them.
    let name = if dice.chance(4) { String::new() } else { name };
    let spent = match level {
        "VIP" => 200_000 + dice.below(3_000_000),
        "新客" => 0,
        _ => 5_000 + dice.below(195_000),
    };
    let last_visit = format!("2026-{:02}-{:02}", 1 + dice.below(6), 1 + dice.below(28));
    Person { name, phone, city: dice.pick(&CITIES), level, tags: tags.join(";"), spent, last_visit }
}

/// An eleven-digit number of a range that a network has.
fn mobile(dice: &mut Dice) -> u64 {
    let mut share = dice.below(RANGES.iter().map(|(weight, _)| weight).sum());
    let mut ranges = RANGES[0].1;
    for (weight, of_network) in RANGES {
        ranges = of_network;
        if share < weight {
            break;
        }
        share -= weight;
    }
    dice.pick(ranges) * 100_000_000 + dice.below(100_000_000)
}

/// Most cells are tidy; about one in six is not, and some name nobody.
fn phone_cell(dice: &mut Dice, phone: u64, earlier: &[u64]) -> PhoneCell {
    let digits = phone.to_string();
    let (network, middle, last) = (&digits[..3], &digits[3..7], &digits[7..]);
    PhoneCell::Text(match dice.below(200) {
        0..4 => format!("{network} {middle} {last}"),
        4..7 => format!("{network}-{middle}-{last}"),
        7..10 => format!("+86 {digits}"),
        10..12 => format!("0086{digits}"),
        12..14 => format!("86{digits}"),
        14..17 => digits.chars().map(full_width).collect(),
        17..19 => format!("\u{a0}{digits} "),
        19..20 => format!("{}.{}E+10", &digits[..1], &digits[1..]),
        20..24 if !earlier.is_empty() => dice.pick(earlier).to_string(),
        24..27 => dice.pick(&NO_MOBILES).to_owned(),
        27..40 => return PhoneCell::Number { value: phone, exponent_shown: true },
        40..90 => return PhoneCell::Number { value: phone, exponent_shown: false },
        _ => digits,
    })
}

/// The digit as Chinese keyboards type it in full-width mode.
fn full_width(digit: char) -> char {
    char::from_u32(u32::from(digit) - u32::from('0') + u32::from('０')).unwrap_or(digit)
}

fn write_row(
    sheet: &mut Worksheet,
    row: usize,
    person: &Person,
    phone: &PhoneCell,
    exponent: &Format,
) -> Result<(), XlsxError> {
    // One more for the header; a sheet has a million rows at most, which the library refuses beyond.
    let row = u32::try_from(row + 1).unwrap_or(u32::MAX);
    sheet.write_string(row, 0, &person.name)?;
    match phone {
        PhoneCell::Text(text) => sheet.write_string(row, 1, text)?,
        // Eleven digits are exact in the doubles that a spreadsheet keeps.
        PhoneCell::Number { value, exponent_shown: true } => {
            sheet.write_number_with_format(row, 1, *value as f64, exponent)?
        }
        PhoneCell::Number { value, exponent_shown: false } => sheet.write_number(row, 1, *value as f64)?,
    };
    sheet.write_string(row, 2, person.city)?;
    sheet.write_string(row, 3, person.level)?;
    sheet.write_string(row, 4, &person.tags)?;
    sheet.write_number(row, 5, person.spent as f64 / 100.0)?;
    sheet.write_string(row, 6, &person.last_visit)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::phone::{Carrier, Country, Phone};

    #[test]
    fn every_number_is_a_mobile_and_all_networks_are_there() {
        let mut dice = Dice::new(SEED);
        let mut carriers = HashSet::new();
        for _ in 0..5_000 {
            let number = mobile(&mut dice).to_string();
            let phone = Phone::parse(&number, Country::CN).expect("a range that a network has");
            assert!(phone.kind().is_sms_capable());
            carriers.insert(phone.carrier());
        }
        let expected = [Carrier::Mobile, Carrier::Unicom, Carrier::Telecom, Carrier::Broadnet];
        assert_eq!(carriers, HashSet::from(expected));
    }

    #[test]
    fn the_same_seed_gives_the_same_people() {
        let names = |seed| {
            let (mut dice, mut taken) = (Dice::new(seed), HashSet::new());
            (0..200).map(|_| person(&mut dice, &mut taken).name).collect::<Vec<_>>()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }

    #[test]
    fn cells_are_untidy_in_every_way_but_mean_the_number_or_none() {
        let mut dice = Dice::new(7);
        let (mut read, mut lost) = (0, 0);
        for _ in 0..4_000 {
            let phone = mobile(&mut dice);
            let PhoneCell::Text(text) = phone_cell(&mut dice, phone, &[]) else { continue };
            match Phone::parse(&text, Country::CN) {
                Ok(found) => {
                    assert_eq!(found.to_u64(), 86 * 100_000_000_000 + phone, "{text}");
                    read += 1;
                }
                Err(_) => lost += 1,
            }
        }
        assert!(read > 2_000 && (20..200).contains(&lost), "{read} read, {lost} lost");
    }

    #[test]
    fn a_sheet_is_a_real_spreadsheet() {
        let file = spreadsheet(50, SEED).expect("fits");
        assert_eq!(&file[..4], b"PK\x03\x04");
    }
}
