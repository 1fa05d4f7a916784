//! A table as one document: names once, then runs of neighbouring ranges of one place as three LEB128 counts (gap, length,
//! place). The country's half a million ranges come to some hundred kilobytes. Reading trusts no length.

use super::table::{FIRST_PREFIX, LAST_PREFIX, Place, PrefixTable};
use crate::phone::Carrier;

const FORMAT: u8 = 1;

impl PrefixTable {
    /// The table as it is stored.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        text(&mut out, &self.source);
        count(&mut out, self.places.len());
        for place in &self.places {
            text(&mut out, &place.province);
            text(&mut out, &place.city);
            out.push(place.carrier.map_or(0, |carrier| carrier as u8 + 1));
        }
        let mut after = FIRST_PREFIX;
        let mut ranges = self.ranges().peekable();
        while let Some((first, place)) = ranges.next() {
            let mut end = first + 1;
            while ranges.next_if_eq(&(end, place)).is_some() {
                end += 1;
            }
            count(&mut out, (first - after) as usize);
            count(&mut out, (end - first) as usize);
            count(&mut out, usize::from(place));
            after = end;
        }
        out
    }

    /// Reads what [`Self::pack`] made; `None` when it is not that.
    #[must_use]
    pub fn unpack(packed: &[u8]) -> Option<Self> {
        let mut rest = Rest(packed);
        if rest.byte()? != FORMAT {
            return None;
        }
        let source = rest.text()?.into();
        let listed = rest.count()?;
        // Each is at least three bytes long.
        if listed > rest.0.len() {
            return None;
        }
        let mut places = Vec::with_capacity(listed);
        for _ in 0..listed {
            let (province, city) = (rest.text()?.into(), rest.text()?.into());
            let carrier = match rest.byte()? {
                0 => None,
                code => Some(*Carrier::ALL.get(usize::from(code) - 1)?),
            };
            places.push(Place { province, city, carrier });
        }
        let mut ranges = Vec::new();
        let mut after = FIRST_PREFIX;
        while !rest.0.is_empty() {
            let first = after.checked_add(u32::try_from(rest.count()?).ok()?)?;
            let end = first.checked_add(u32::try_from(rest.count()?).ok()?)?;
            let place = u16::try_from(rest.count()?).ok()?;
            let fits = first < end && end <= LAST_PREFIX + 1;
            if !fits || place == 0 || usize::from(place) > places.len() {
                return None;
            }
            ranges.extend((first..end).map(|prefix| (prefix, place)));
            after = end;
        }
        Some(Self::of(source, places.into(), &ranges))
    }
}

fn count(out: &mut Vec<u8>, mut rest: usize) {
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn text(out: &mut Vec<u8>, text: &str) {
    count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn count(&mut self) -> Option<usize> {
        let mut count = 0usize;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            count |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(count);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::Ranges;
    use super::*;
    use proptest::prelude::*;

    fn table(entries: &[(u32, u8)]) -> PrefixTable {
        let mut ranges = Ranges::default();
        for (prefix, place) in entries {
            let carrier = Carrier::ALL.get(usize::from(place % 6)).copied();
            // A range that stands there twice is refused, which is as good here.
            let _known = ranges.add(*prefix, &format!("省{place}"), "市", carrier, place % 2 == 0);
        }
        ranges.into_table("测试 1")
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_again(
            entries in proptest::collection::vec((1_380_000u32..1_380_300, 0u8..12), 0..200),
        ) {
            let table = table(&entries);
            prop_assert_eq!(PrefixTable::unpack(&table.pack()), Some(table));
        }

        #[test]
        fn anything_else_is_refused_or_read_within_bounds(
            bytes in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..40, bit in 0u8..8,
        ) {
            let _any = PrefixTable::unpack(&bytes);
            let mut packed = table(&[(1_380_000, 1), (1_380_001, 1), (1_390_000, 2)]).pack();
            prop_assert!(PrefixTable::unpack(&packed[..packed.len() - 1]).is_none());
            if let Some(byte) = packed.get_mut(at) {
                *byte ^= 1 << bit;
            }
            let ranges = PrefixTable::unpack(&packed).map_or(0, |table| table.len());
            prop_assert!(ranges <= 1_000_000);
        }
    }
}
