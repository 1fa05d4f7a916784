//! Seven digits to province, city and carrier: one page of 1,000 two-byte entries for each four digits that have any, so
//! that a look-up is two reads and half a million ranges take about a megabyte.

use std::collections::HashMap;
use std::fmt;

use crate::phone::{Carrier, Phone};
use text::Bilingual;

/// The first and the last range of mobiles in mainland China.
pub const FIRST_PREFIX: u32 = 1_000_000;
pub const LAST_PREFIX: u32 = 1_999_999;
const PAGE: usize = 1_000;
const PAGES: usize = (LAST_PREFIX - FIRST_PREFIX + 1) as usize / PAGE;
/// Distinct places of one table; the whole country has fewer than 400.
const MAX_PLACES: usize = 16_384;
/// Longest name of a province or city, in bytes: twenty Chinese characters and more.
const MAX_NAME_BYTES: usize = 96;

/// Where a range was sold, and whose it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    pub province: Box<str>,
    /// May be empty.
    pub city: Box<str>,
    /// Only where the file is to decide instead of the numbering plan.
    pub carrier: Option<Carrier>,
}

/// What is wrong with one range of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RangeTrouble {
    /// Not seven digits that begin with 1.
    Prefix,
    /// The range stands in the file twice, with different content.
    Twice,
    /// No province.
    NoProvince,
    /// A name that is longer than any province or city has, or with control characters.
    Name,
    /// A word that names no carrier.
    Carrier,
    /// More different places than a table holds.
    TooManyPlaces,
    /// A row that could not be read as such.
    Row,
    /// The record is not where the index says, or is no record.
    Record,
    /// The index is not sorted.
    Order,
}

/// A mistake, and the line (or the entry of the index) on which it is, from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberMistake {
    pub line: u64,
    pub trouble: RangeTrouble,
}

/// Ranges on their way into a table.
#[derive(Default)]
pub struct Ranges {
    places: HashMap<Place, u16>,
    /// In order of their number.
    listed: Vec<Place>,
    entries: HashMap<u32, u16>,
    /// Ranges that the numbering plan gives to no person's phone, which are left out.
    pub outside: u64,
    /// Ranges whose carrier is another than the numbering plan's.
    pub differing: u64,
}

/// Ranges by their first seven digits. Immutable.
#[derive(Clone, PartialEq, Eq)]
pub struct PrefixTable {
    /// What the file calls itself: for people.
    pub(super) source: Box<str>,
    pub(super) places: Box<[Place]>,
    /// By the first four digits: which page, from 1; 0 is none.
    pages: Box<[u16]>,
    /// Places from 1; 0 is a range that is not known.
    entries: Box<[u16]>,
    ranges: u32,
}

impl RangeTrouble {
    /// For a person, with what to do about it.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let (zh, en) = match self {
            Self::Prefix => ("号段应为 1 开头的 7 位数字", "a range is seven digits that begin with 1"),
            Self::Twice => ("同一号段出现两次且内容不同", "the range is there twice, with different content"),
            Self::NoProvince => ("缺少省份", "the province is missing"),
            Self::Name => ("省份或城市名过长或含控制字符", "a name is too long or holds control characters"),
            Self::Carrier => (
                "运营商应为 mobile、unicom、telecom、broadnet 或 移动、联通、电信、广电",
                "a carrier is mobile, unicom, telecom or broadnet (or its Chinese name)",
            ),
            Self::TooManyPlaces => ("地区种类过多", "more different places than a table holds"),
            Self::Row => {
                ("这一行无法读取（引号、编码或列数）", "the row cannot be read (quotes, encoding or cells)")
            }
            Self::Record => ("记录损坏或位置不对", "the record is damaged or not where the index says"),
            Self::Order => ("索引没有按号段排序", "the index is not in the order of its ranges"),
        };
        Bilingual { zh: zh.into(), en: en.into() }
    }
}

/// The carrier that a word of a file names, resold ranges included.
#[must_use]
pub fn carrier_word(word: &str) -> Option<Carrier> {
    let word = word.trim();
    let known = [
        (Carrier::Mobile, "移动"),
        (Carrier::Unicom, "联通"),
        (Carrier::Telecom, "电信"),
        (Carrier::Broadnet, "广电"),
    ];
    let lower = word.to_ascii_lowercase();
    let named = |(carrier, zh): &&(Carrier, &str)| lower == carrier.as_str() || word.contains(zh);
    known.iter().find(named).map(|(carrier, _)| *carrier)
}

impl Ranges {
    /// Adds one range. `carrier` is what the file says; with `decides` it holds instead of the numbering plan.
    ///
    /// # Errors
    /// What is wrong with it; the caller knows the line.
    pub fn add(
        &mut self,
        prefix: u32,
        province: &str,
        city: &str,
        carrier: Option<Carrier>,
        decides: bool,
    ) -> Result<(), RangeTrouble> {
        if !(FIRST_PREFIX..=LAST_PREFIX).contains(&prefix) {
            return Err(RangeTrouble::Prefix);
        }
        let (province, city) = (name(province)?, name(city)?);
        if province.is_empty() {
            return Err(RangeTrouble::NoProvince);
        }
        let Some(planned) = Phone::from_prefix_cn(prefix).map(Phone::carrier) else {
            self.outside += 1;
            return Ok(());
        };
        let differs = carrier.filter(|carrier| *carrier != planned);
        self.differing += u64::from(differs.is_some());
        let place =
            Place { province: province.into(), city: city.into(), carrier: differs.filter(|_| decides) };
        let number = self.number(place)?;
        match self.entries.insert(prefix, number) {
            Some(known) if known != number => Err(RangeTrouble::Twice),
            _ => Ok(()),
        }
    }

    fn number(&mut self, place: Place) -> Result<u16, RangeTrouble> {
        if let Some(number) = self.places.get(&place) {
            return Ok(*number);
        }
        if self.listed.len() >= MAX_PLACES {
            return Err(RangeTrouble::TooManyPlaces);
        }
        self.listed.push(place.clone());
        let number = self.listed.len() as u16;
        self.places.insert(place, number);
        Ok(number)
    }

    /// The table of what was added.
    #[must_use]
    pub fn into_table(self, source: &str) -> PrefixTable {
        let mut entries: Vec<(u32, u16)> = self.entries.into_iter().collect();
        entries.sort_unstable();
        PrefixTable::of(source.into(), self.listed.into(), &entries)
    }
}

fn name(text: &str) -> Result<&str, RangeTrouble> {
    let text = text.trim();
    let fine = text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control);
    if fine { Ok(text) } else { Err(RangeTrouble::Name) }
}

impl PrefixTable {
    /// No range at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::of("".into(), Box::default(), &[])
    }

    /// Entries in order of their ranges, each with its place from 1.
    pub(super) fn of(source: Box<str>, places: Box<[Place]>, ranges: &[(u32, u16)]) -> Self {
        let mut pages = vec![0u16; PAGES].into_boxed_slice();
        let mut entries: Vec<u16> = Vec::new();
        for (prefix, place) in ranges {
            let offset = prefix.saturating_sub(FIRST_PREFIX) as usize;
            let Some(page) = pages.get_mut(offset / PAGE) else { continue };
            if *page == 0 {
                entries.resize(entries.len() + PAGE, 0);
                *page = (entries.len() / PAGE) as u16;
            }
            entries[(usize::from(*page) - 1) * PAGE + offset % PAGE] = *place;
        }
        Self { source, places, pages, entries: entries.into(), ranges: ranges.len() as u32 }
    }

    /// Where a phone's range was sold; none when the table does not know it, and abroad.
    #[must_use]
    pub fn place(&self, phone: Phone) -> Option<&Place> {
        self.places.get(self.place_number(phone)?)
    }

    /// The network of a phone: what the table says, else the numbering plan. A hint, because numbers can be ported.
    #[must_use]
    pub fn carrier(&self, phone: Phone) -> Carrier {
        self.place(phone).and_then(|place| place.carrier).unwrap_or_else(|| phone.carrier())
    }

    /// Which of [`Self::places`] it is: for counting many.
    #[must_use]
    pub fn place_number(&self, phone: Phone) -> Option<usize> {
        let offset = phone.prefix_cn()?.checked_sub(FIRST_PREFIX)? as usize;
        let page = usize::from(*self.pages.get(offset / PAGE)?).checked_sub(1)?;
        usize::from(*self.entries.get(page * PAGE + offset % PAGE)?).checked_sub(1)
    }

    /// All ranges in order, each with the number of its place from 1.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.pages.iter().enumerate().filter(|(_, page)| **page != 0).flat_map(|(four, page)| {
            let first = FIRST_PREFIX + (four * PAGE) as u32;
            let start = (usize::from(*page) - 1) * PAGE;
            let entries = self.entries.get(start..start + PAGE).unwrap_or_default();
            (first..).zip(entries).filter(|(_, place)| **place != 0).map(|(prefix, place)| (prefix, *place))
        })
    }

    /// What the file calls itself; empty for no table.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many ranges it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges as usize
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges == 0
    }

    /// Its different places.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Bytes that it takes in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let names = |place: &Place| place.province.len() + place.city.len() + size_of::<Place>();
        size_of::<Self>()
            + self.source.len()
            + size_of_val(&*self.pages)
            + size_of_val(&*self.entries)
            + self.places.iter().map(names).sum::<usize>()
    }
}

impl fmt::Debug for PrefixTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrefixTable")
            .field("source", &self.source)
            .field("ranges", &self.ranges)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Country;

    fn phone(text: &str) -> Phone {
        Phone::parse(text, Country::CN).unwrap()
    }

    #[test]
    fn ranges_are_found_and_carriers_decide_only_where_the_file_may() {
        let mut ranges = Ranges::default();
        ranges.add(1_380_013, "北京", "北京", Some(Carrier::Mobile), true).unwrap();
        ranges.add(1_380_014, "广东", "深圳", Some(Carrier::Unicom), false).unwrap();
        ranges.add(1_380_015, "广东", "深圳", Some(Carrier::Unicom), true).unwrap();
        ranges.add(1_010_000, "北京", "", None, true).unwrap();
        assert_eq!((ranges.outside, ranges.differing), (1, 2));
        let table = ranges.into_table("test");
        let at = |text: &str| table.place(phone(text)).map(|place| (&*place.province, &*place.city));
        assert_eq!(at("13800138000"), Some(("北京", "北京")));
        assert_eq!(at("13800148000"), Some(("广东", "深圳")));
        assert_eq!(at("13800168000"), None);
        assert_eq!(at("+14155552671"), None);
        assert_eq!(table.carrier(phone("13800148000")), Carrier::Mobile);
        assert_eq!(table.carrier(phone("13800158000")), Carrier::Unicom);
        assert_eq!((table.len(), table.places().len()), (3, 3));
        assert_eq!(PrefixTable::empty().carrier(phone("13800138000")), Carrier::Mobile);
    }

    #[test]
    fn mistakes_are_named() {
        let mut ranges = Ranges::default();
        ranges.add(1_380_013, "北京", "北京", None, true).unwrap();
        ranges.add(1_380_013, "北京", "北京", None, true).unwrap();
        let mut add = |prefix, province: &str| ranges.add(prefix, province, "", None, true);
        assert_eq!(add(1_380_013, "上海"), Err(RangeTrouble::Twice));
        assert_eq!(add(138_001, "上海"), Err(RangeTrouble::Prefix));
        assert_eq!(add(1_380_014, " "), Err(RangeTrouble::NoProvince));
        assert_eq!(add(1_380_014, "上\u{7}海"), Err(RangeTrouble::Name));
    }

    #[test]
    fn carriers_are_told_by_their_usual_words() {
        for (word, carrier) in [
            ("mobile", Some(Carrier::Mobile)),
            ("中国联通", Some(Carrier::Unicom)),
            ("电信虚拟运营商", Some(Carrier::Telecom)),
            ("广电", Some(Carrier::Broadnet)),
            ("foreign", None),
            ("", None),
        ] {
            assert_eq!(carrier_word(word), carrier, "{word}");
        }
    }

    #[test]
    fn half_a_million_ranges_take_about_a_megabyte() {
        let mut ranges = Ranges::default();
        for prefix in FIRST_PREFIX..=LAST_PREFIX {
            ranges
                .add(prefix, &format!("province {}", prefix % 31), &format!("{}", prefix % 377), None, true)
                .unwrap();
        }
        let table = ranges.into_table("synthetic");
        assert!(table.len() > 500_000, "{}", table.len());
        let bytes = table.memory_bytes();
        assert!(bytes < 4 * table.len(), "{bytes} bytes for {} ranges", table.len());
    }
}
