//! Septets as few SMSCs want them: eight in seven octets (3GPP TS 23.038 §6.1.2.1), behind a header filled up to a whole
//! septet.

/// Bits after a header of so many octets until the next septet begins.
fn fill_bits(header_octets: usize) -> usize {
    (7 - header_octets * 8 % 7) % 7
}

/// Packs septets (one in each octet, its high bit ignored) that follow a header of so many octets.
#[must_use]
pub fn pack(septets: &[u8], header_octets: usize) -> Vec<u8> {
    let fill = fill_bits(header_octets);
    let mut octets = vec![0; (fill + septets.len() * 7).div_ceil(8)];
    for (index, septet) in septets.iter().enumerate() {
        let bit = fill + index * 7;
        let shifted = u16::from(septet & 0x7f) << (bit % 8);
        let [low, high] = shifted.to_le_bytes();
        octets[bit / 8] |= low;
        if let Some(next) = octets.get_mut(bit / 8 + 1) {
            *next |= high;
        }
    }
    octets
}

/// Unpacks what [`pack`] packed. A last septet of zeros that fills up the last octet is padding.
#[must_use]
pub fn unpack(octets: &[u8], header_octets: usize) -> Vec<u8> {
    let fill = fill_bits(header_octets);
    let bits = (octets.len() * 8).saturating_sub(fill);
    let mut septets: Vec<u8> = (0..bits / 7)
        .map(|index| {
            let bit = fill + index * 7;
            let low = octets[bit / 8];
            let high = octets.get(bit / 8 + 1).copied().unwrap_or(0);
            ((u16::from_le_bytes([low, high]) >> (bit % 8)) & 0x7f) as u8
        })
        .collect();
    if bits.is_multiple_of(7) && septets.last() == Some(&0) {
        septets.pop();
    }
    septets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_published_text_and_the_fill_behind_both_headers() {
        let packed = [0xC8, 0x32, 0x9B, 0xFD, 0x06, 0xDD, 0xDF, 0x72, 0x36, 0x19];
        assert_eq!(pack(b"Hello world", 0), packed, "go-sms-protocol's vector");
        assert_eq!(unpack(&packed, 0), b"Hello world");
        assert_eq!((fill_bits(6), fill_bits(7)), (1, 0));
        assert_eq!(pack(&[0x7f; 153], 6).len(), 134, "153 septets are left of 140 octets");
        assert_eq!(pack(&[0x7f; 152], 7).len(), 133);
        assert_eq!(pack(&[0x7f; 160], 0).len(), 140);
    }

    proptest! {
        #[test]
        fn septets_survive(septets in proptest::collection::vec(1_u8..0x80, 0..160), header in 0_usize..12) {
            prop_assert_eq!(unpack(&pack(&septets, header), header), septets);
        }

        #[test]
        fn any_octets_unpack(octets in proptest::collection::vec(any::<u8>(), 0..160), header in 0_usize..12) {
            let _septets = unpack(&octets, header);
        }
    }
}
