//! The packed binary form of sealed values with many texts: counts as LEB128, texts with their length before them,
//! fixed numbers little-endian. Reading never trusts a length: what does not fit is `None`.

/// Bits of a count in each byte.
const COUNT_BITS: u32 = 7;

pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    let mut rest = count;
    while rest >= 1 << COUNT_BITS {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= COUNT_BITS;
    }
    out.push(rest as u8);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_pairs(out: &mut Vec<u8>, pairs: &[(String, String)]) {
    put_count(out, pairs.len());
    for (name, value) in pairs {
        put_text(out, name);
        put_text(out, value);
    }
}

/// What of a packed value is still to be read.
pub(super) struct Unpack<'a>(pub(super) &'a [u8]);

impl Unpack<'_> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        let mut count = 0usize;
        for shift in (0..usize::BITS).step_by(COUNT_BITS as usize) {
            let byte = self.byte()?;
            count |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(count);
            }
        }
        None
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    pub(super) fn pairs(&mut self) -> Option<Vec<(String, String)>> {
        let count = self.items()?;
        (0..count).map(|_| Some((self.text()?, self.text()?))).collect()
    }

    /// A count of things that follow, each at least one byte long.
    pub(super) fn items(&mut self) -> Option<usize> {
        self.count().filter(|count| *count <= self.0.len())
    }

    /// Whether everything was read.
    pub(super) fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_again_and_cut_values_are_refused() {
        let pairs = vec![("姓名".to_owned(), "张伟".repeat(100)), (String::new(), String::new())];
        let mut packed = Vec::new();
        put_pairs(&mut packed, &pairs);
        let mut all = Unpack(&packed);
        assert_eq!(all.pairs(), Some(pairs));
        assert!(all.is_done());
        for cut in 0..packed.len() {
            assert_eq!(Unpack(&packed[..cut]).pairs(), None, "cut at {cut}");
        }
        assert_eq!(Unpack(&[0xff; 30]).pairs(), None, "a count without end");
    }
}
