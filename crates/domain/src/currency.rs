//! The currency in which an installation counts.
//!
//! One for all that it has: prices, costs, books. Invariant: it is said once, before the first amount is written, and never changes while
//! the process lives; amounts themselves are numbers and carry none.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// What ISO 4217 lists as money of a country or of several (as of 2025): no metals, funds or test codes.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
    CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR \
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU \
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD \
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF \
    XPF YER ZAR ZMW ZWG";

/// That of this process.
static INSTALLED: OnceLock<Currency> = OnceLock::new();

/// A currency by its three letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Currency([u8; 3]);

/// Text that is no currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a currency: write the three capital letters of ISO 4217, such as CNY")]
pub struct CurrencyError;

impl Currency {
    /// Renminbi, where nothing else was said.
    pub const CNY: Self = Self(*b"CNY");

    /// Says what this process counts in. The first word counts; returns whether this is what holds now.
    pub fn install(self) -> bool {
        *INSTALLED.get_or_init(|| self) == self
    }

    /// What this process counts in.
    #[must_use]
    pub fn installed() -> Self {
        INSTALLED.get().copied().unwrap_or(Self::CNY)
    }

    /// Its three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// What is written before an amount for people: a sign where everybody knows it, else the letters and a space.
    #[must_use]
    pub fn sign(&self) -> String {
        match self.code() {
            "CNY" => "¥".to_owned(),
            "USD" => "$".to_owned(),
            "EUR" => "€".to_owned(),
            "GBP" => "£".to_owned(),
            code => format!("{code} "),
        }
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let known = CODES.split(' ').any(|code| code == text);
        let letters = text.as_bytes().try_into().map_err(|_| CurrencyError)?;
        if known { Ok(Self(letters)) } else { Err(CurrencyError) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_standard_are_read_and_nothing_else() {
        for code in CODES.split_ascii_whitespace() {
            let read: Currency = code.parse().unwrap();
            assert_eq!((read.code(), read.to_string().len()), (code, 3));
        }
        assert!(CODES.split(' ').all(|code| code.len() == 3), "one blank between two");
        for bad in ["", "cny", "RMB", "XAU", "CNY ", "CN", "人民币", "CNY EUR"] {
            assert_eq!(bad.parse::<Currency>(), Err(CurrencyError), "{bad}");
        }
        assert_eq!([Currency::CNY.sign(), Currency(*b"THB").sign()], ["¥", "THB "]);
    }

    #[test]
    fn the_first_word_counts() {
        assert_eq!(Currency::installed(), Currency::CNY);
        let euro = Currency(*b"EUR");
        assert!(euro.install() && euro.install());
        assert!(!Currency::CNY.install());
        assert_eq!(Currency::installed(), euro);
    }
}
