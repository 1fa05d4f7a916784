//! Making up a frozen audience row by row: who is in it once, who twice, and who not at all. Pure.

use std::collections::{HashMap, HashSet};

use domain::control::{AUDIENCE_CHUNK_ROWS, AudienceRow, AudienceStats};
use domain::ids::ContactId;
use domain::phone::Phone;
use domain::policy::text_hash;

/// Stands between values when they are compared; no spreadsheet cell holds it.
const VALUE_END: char = '\u{1f}';

/// Rows on their way into a frozen audience.
pub(crate) struct Freezer {
    tests: Vec<Phone>,
    /// Rows of the source never repeat a phone (contacts), so that nothing need be remembered about them.
    unique: bool,
    /// By phone, the hash of the values of its first row.
    first: HashMap<u64, u64>,
    /// Hashes of the values of further rows of the same phone.
    further: HashMap<u64, Vec<u64>>,
    stats: AudienceStats,
    pending: Vec<AudienceRow>,
    tests_are_in: bool,
}

impl Freezer {
    /// `unique`: the source never repeats a phone.
    pub(super) fn new(tests: Vec<Phone>, unique: bool) -> Self {
        Self {
            tests,
            unique,
            first: HashMap::new(),
            further: HashMap::new(),
            stats: AudienceStats::default(),
            pending: Vec::with_capacity(AUDIENCE_CHUNK_ROWS),
            tests_are_in: false,
        }
    }

    /// A row whose phone is none.
    pub(super) fn push_invalid(&mut self) {
        self.stats.read += 1;
        self.stats.invalid += 1;
    }

    /// A row. A phone stays once without variables, and once for each set of values with them.
    pub(super) fn push(&mut self, contact: Option<ContactId>, phone: Phone, values: Vec<String>) {
        self.stats.read += 1;
        self.put_tests_first(&values);
        if self.is_new(phone, &values) {
            self.add(AudienceRow { contact, phone, test: false, possible_duplicate: false, values });
        } else {
            self.stats.duplicate += 1;
        }
    }

    /// Takes the chunks that are full.
    pub(super) fn full_chunks(&mut self) -> Vec<Vec<AudienceRow>> {
        let mut chunks = Vec::new();
        while self.pending.len() >= AUDIENCE_CHUNK_ROWS {
            let rest = self.pending.split_off(AUDIENCE_CHUNK_ROWS);
            chunks.push(std::mem::replace(&mut self.pending, rest));
        }
        chunks
    }

    /// Takes what is left, with the counts and the phones that are in the audience more than once.
    pub(super) fn finish(mut self) -> (Vec<Vec<AudienceRow>>, AudienceStats, HashSet<u64>) {
        self.put_tests_first(&[]);
        let mut chunks = self.full_chunks();
        if !self.pending.is_empty() {
            chunks.push(std::mem::take(&mut self.pending));
        }
        (chunks, self.stats, self.further.into_keys().collect())
    }

    /// Test numbers come first, with the values of the first row: what a tester wants to see.
    fn put_tests_first(&mut self, values: &[String]) {
        if std::mem::replace(&mut self.tests_are_in, true) {
            return;
        }
        for phone in std::mem::take(&mut self.tests) {
            self.first.insert(phone.to_u64(), values_hash(values));
            self.stats.tests += 1;
            let values = values.to_vec();
            self.add(AudienceRow { contact: None, phone, test: true, possible_duplicate: false, values });
        }
    }

    fn add(&mut self, row: AudienceRow) {
        self.stats.people += 1;
        self.pending.push(row);
    }

    fn is_new(&mut self, phone: Phone, values: &[String]) -> bool {
        let (phone, hash) = (phone.to_u64(), values_hash(values));
        let Some(first) = self.first.get(&phone) else {
            if !self.unique {
                self.first.insert(phone, hash);
            }
            return true;
        };
        if *first == hash {
            return false;
        }
        let further = self.further.entry(phone).or_default();
        let new = !further.contains(&hash);
        if new {
            further.push(hash);
        }
        new
    }
}

fn values_hash(values: &[String]) -> u64 {
    let mut joined = String::with_capacity(values.iter().map(|value| value.len() + 1).sum());
    for value in values {
        joined.push_str(value);
        joined.push(VALUE_END);
    }
    text_hash(&joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::phone::Country;

    fn phone(last: u64) -> Phone {
        Phone::parse(&format!("1380013{last:04}"), Country::CN).unwrap()
    }

    fn values(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn frozen(freezer: Freezer) -> (Vec<AudienceRow>, AudienceStats, HashSet<u64>) {
        let (chunks, stats, repeated) = freezer.finish();
        (chunks.concat(), stats, repeated)
    }

    #[test]
    fn without_variables_a_phone_is_in_once() {
        let mut freezer = Freezer::new(Vec::new(), false);
        for last in [1, 2, 1] {
            freezer.push(None, phone(last), Vec::new());
        }
        freezer.push_invalid();
        let (rows, stats, repeated) = frozen(freezer);
        assert_eq!(rows.len(), 2);
        assert_eq!(stats, AudienceStats { read: 4, invalid: 1, duplicate: 1, people: 2, tests: 0 });
        assert!(repeated.is_empty());
    }

    #[test]
    fn with_variables_a_phone_is_in_once_for_each_set_of_values() {
        let mut freezer = Freezer::new(Vec::new(), false);
        for text in ["A", "B", "A", "B", "C"] {
            freezer.push(None, phone(1), values(&[text, "x"]));
        }
        // Where one value ends matters.
        freezer.push(None, phone(2), values(&["A", "Bx"]));
        freezer.push(None, phone(2), values(&["AB", "x"]));
        let (rows, stats, repeated) = frozen(freezer);
        assert_eq!((rows.len(), stats.duplicate), (5, 2));
        assert_eq!(repeated, HashSet::from([phone(1).to_u64(), phone(2).to_u64()]));
    }

    #[test]
    fn test_numbers_come_first_with_the_first_values_and_are_not_doubled() {
        let mut freezer = Freezer::new(vec![phone(9)], true);
        freezer.push(None, phone(1), values(&["A"]));
        freezer.push(None, phone(9), values(&["A"]));
        let (rows, stats, _) = frozen(freezer);
        let tests: Vec<bool> = rows.iter().map(|row| row.test).collect();
        assert_eq!(tests, [true, false]);
        assert_eq!(rows[0].values, values(&["A"]));
        assert_eq!((stats.people, stats.tests, stats.duplicate), (2, 1, 1));
        let (rows, ..) = frozen(Freezer::new(vec![phone(9)], true));
        assert_eq!(rows.len(), 1, "tests alone are an audience");
    }

    #[test]
    fn chunks_are_full_but_the_last() {
        let mut freezer = Freezer::new(Vec::new(), false);
        for last in 0..2_500 {
            freezer.push(None, phone(last), Vec::new());
        }
        let early = freezer.full_chunks();
        let (late, ..) = freezer.finish();
        let sizes: Vec<usize> = early.iter().chain(&late).map(Vec::len).collect();
        assert_eq!(sizes, [1000, 1000, 500]);
    }
}
