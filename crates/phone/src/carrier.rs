//! The carrier and kind of a Chinese mobile number by its first three or four digits.
//!
//! Source: the numbering table of the Chinese ministry of industry (公众移动通信网网号及H0分配情况, as of 2023-03-31). A
//! ported number keeps its range, so this is a hint that the carrier's own answers may correct.

use std::fmt;

/// The mobile network of a phone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Carrier {
    /// 中国移动
    Mobile,
    /// 中国联通
    Unicom,
    /// 中国电信
    Telecom,
    /// 中国广电
    Broadnet,
    /// Any network outside mainland China.
    Foreign,
}

/// Some of the carriers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CarrierSet(u8);

/// What sort of subscription a number range is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PhoneKind {
    /// A person's number on its own network.
    Normal,
    /// Sold by a virtual operator on another's network (虚拟运营商): reachable, sometimes filtered harder.
    Virtual,
    /// A satellite terminal: not reachable through SMS channels.
    Satellite,
    /// A machine card (物联网卡): not a person.
    Iot,
}

impl Carrier {
    /// Every carrier, in the order of tables and prices.
    pub const ALL: [Carrier; 5] =
        [Carrier::Mobile, Carrier::Unicom, Carrier::Telecom, Carrier::Broadnet, Carrier::Foreign];

    /// The word used on the wire, in the database and in the console.
    pub fn as_str(self) -> &'static str {
        match self {
            Carrier::Mobile => "mobile",
            Carrier::Unicom => "unicom",
            Carrier::Telecom => "telecom",
            Carrier::Broadnet => "broadnet",
            Carrier::Foreign => "foreign",
        }
    }

    /// The carrier named by [`Carrier::as_str`].
    pub fn from_word(word: &str) -> Option<Carrier> {
        Carrier::ALL.into_iter().find(|carrier| carrier.as_str() == word)
    }

    /// The carrier's Chinese name.
    pub fn name_zh(self) -> &'static str {
        match self {
            Carrier::Mobile => "中国移动",
            Carrier::Unicom => "中国联通",
            Carrier::Telecom => "中国电信",
            Carrier::Broadnet => "中国广电",
            Carrier::Foreign => "境外",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl CarrierSet {
    /// No carrier.
    pub const NONE: Self = Self(0);
    /// Every carrier.
    pub const ALL: Self = Self((1 << Carrier::ALL.len()) - 1);

    /// Whether the carrier is one of them.
    #[must_use]
    pub fn contains(self, carrier: Carrier) -> bool {
        self.0 & (1 << carrier as u8) != 0
    }

    /// Those of either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Its carriers, in the order of [`Carrier::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Carrier> {
        Carrier::ALL.into_iter().filter(move |carrier| self.contains(*carrier))
    }
}

impl FromIterator<Carrier> for CarrierSet {
    fn from_iter<T: IntoIterator<Item = Carrier>>(carriers: T) -> Self {
        Self(carriers.into_iter().fold(0, |set, carrier| set | 1 << carrier as u8))
    }
}

impl fmt::Debug for CarrierSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl PhoneKind {
    /// Whether a person can read an SMS on such a number.
    pub fn is_sms_capable(self) -> bool {
        matches!(self, PhoneKind::Normal | PhoneKind::Virtual)
    }
}

/// Carrier and kind of an eleven-digit national number; `None` when the range is not allocated to mobiles.
pub(super) fn classify_cn(national: u64) -> Option<(Carrier, PhoneKind)> {
    use Carrier::{Broadnet, Mobile, Telecom, Unicom};
    use PhoneKind::{Iot, Normal, Satellite, Virtual};
    let fourth = (national / 10_000_000) % 10;
    let found = match national / 100_000_000 {
        134 if fourth == 9 => (Telecom, Satellite),
        134..=139 | 147 | 148 | 150..=152 | 157..=159 | 172 | 178 => (Mobile, Normal),
        182..=184 | 187 | 188 | 195 | 197 | 198 => (Mobile, Normal),
        130..=132 | 145 | 146 | 155 | 156 | 166 | 175 | 176 | 185 | 186 | 196 => (Unicom, Normal),
        133 | 149 | 153 | 173 | 177 | 180 | 181 | 189..=191 | 193 | 199 => (Telecom, Normal),
        192 => (Broadnet, Normal),
        165 => (Mobile, Virtual),
        167 | 171 => (Unicom, Virtual),
        162 => (Telecom, Virtual),
        170 => match fourth {
            0..=2 => (Telecom, Virtual),
            3 | 5 | 6 => (Mobile, Virtual),
            _ => (Unicom, Virtual),
        },
        174 => (Telecom, Satellite),
        161 if fourth == 9 => (Telecom, Satellite),
        140..=144 => (Mobile, Iot),
        _ => return None,
    };
    Some(found)
}
