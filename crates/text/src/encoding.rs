//! The ways a text can travel, and how long one part may be in each.

use std::fmt;

/// How a text is turned into octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Encoding {
    /// One octet per character that ASCII and GSM 03.38 share; code 0 of the Chinese protocols.
    Ascii,
    /// GSM 03.38 default alphabet with its extension table, one septet per octet; SMPP `data_coding` 0.
    Gsm7,
    /// UTF-16 big-endian; code 8 everywhere.
    Ucs2,
    /// One octet for ASCII, two for Chinese; code 15 of the Chinese protocols.
    Gbk,
}

/// The user-data header that ties the parts of a long text together (3GPP TS 23.040 §9.2.3.24.1 and .8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ConcatHeader {
    /// `05 00 03 RR TT NN`: six octets, 8-bit reference.
    #[default]
    Eight,
    /// `06 08 04 RR RR TT NN`: seven octets, 16-bit reference.
    Sixteen,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 4] = [Encoding::Ascii, Encoding::Gsm7, Encoding::Ucs2, Encoding::Gbk];

    /// The coding octet that the protocols carry: `Msg_Fmt`, `MessageCoding`, `MsgFormat` and `data_coding` agree.
    pub fn code(self) -> u8 {
        match self {
            Encoding::Ascii | Encoding::Gsm7 => 0,
            Encoding::Ucs2 => 8,
            Encoding::Gbk => 15,
        }
    }

    /// The word used in the database, the API and the console.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Ascii => "ascii",
            Encoding::Gsm7 => "gsm7",
            Encoding::Ucs2 => "ucs2",
            Encoding::Gbk => "gbk",
        }
    }

    /// The encoding named by [`Encoding::as_str`].
    pub fn from_word(word: &str) -> Option<Encoding> {
        Encoding::ALL.into_iter().find(|encoding| encoding.as_str() == word)
    }

    /// Units (septets, octets, or 16-bit units for UCS-2) that fit into one part of a long text.
    pub(super) fn units_per_part(self, header: ConcatHeader) -> usize {
        match (self, header) {
            (Encoding::Gsm7, ConcatHeader::Eight) => 153,
            (Encoding::Gsm7, ConcatHeader::Sixteen) => 152,
            (Encoding::Ucs2, ConcatHeader::Eight) => 67,
            (Encoding::Ucs2, ConcatHeader::Sixteen) => 66,
            (Encoding::Ascii | Encoding::Gbk, ConcatHeader::Eight) => 134,
            (Encoding::Ascii | Encoding::Gbk, ConcatHeader::Sixteen) => 133,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ConcatHeader {
    /// Octets of the header, its length octet included.
    pub fn octets(self) -> usize {
        match self {
            ConcatHeader::Eight => 6,
            ConcatHeader::Sixteen => 7,
        }
    }

    pub(super) fn write(self, to: &mut Vec<u8>, reference: u16, total: u8, number: u8) {
        let [high, low] = reference.to_be_bytes();
        match self {
            ConcatHeader::Eight => to.extend([5, 0, 3, low, total, number]),
            ConcatHeader::Sixteen => to.extend([6, 8, 4, high, low, total, number]),
        }
    }
}
