//! How a carrier's practice differs from the usual: settings of a channel by name and value, all with sane defaults.
//!
//! A name that a protocol has no use for changes nothing. Names and values are the same in database, API and command
//! line; only what differs from the default is written down.

use core::net::SocketAddr;
use std::fmt;
use std::fmt::Write as _;

use crate::message::coded_enum;

coded_enum! {
    /// How a receipt writes the id that the answer to the submit gave.
    ReceiptIds {
        /// In the same way.
        AsAnswered = 1, "as_answered";
        /// The answer is hexadecimal, the receipt decimal.
        DecimalOfHex = 2, "decimal_of_hex";
        /// The answer is decimal, the receipt hexadecimal.
        HexOfDecimal = 3, "hex_of_decimal";
    }
}

coded_enum! {
    /// How mainland phones are written towards the carrier.
    NumberForm {
        /// 13800138000
        National = 1, "national";
        /// 8613800138000
        International = 2, "international";
    }
}

coded_enum! {
    /// What each connection is for, where the protocol distinguishes.
    Binds {
        /// Every connection sends and receives.
        Both = 1, "both";
        /// The configured connections send, and one more receives.
        Separate = 2, "separate";
    }
}

coded_enum! {
    /// The alphabet of inbound texts whose coding is 0, where the protocol leaves it open.
    Alphabet {
        /// GSM 03.38.
        Gsm = 1, "gsm";
        /// ISO 8859-1.
        Latin1 = 2, "latin1";
    }
}

coded_enum! {
    /// How a text that is longer than one message is told to belong together, where the protocol knows several ways.
    LongText {
        /// A user data header in each part.
        Header = 1, "udh";
        /// Parameters beside each part (`sar_*`).
        Sar = 2, "sar";
        /// Whole, in one submit (`message_payload`): it has one id and one receipt.
        Payload = 3, "payload";
    }
}

/// The settings. [`Quirks::default`] is the usual carrier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quirks {
    /// `receipt_ids`
    pub receipt_ids: ReceiptIds,
    /// `numbers`; none is what the protocol's specification says.
    pub numbers: Option<NumberForm>,
    /// `receipts` = `first_part`: the carrier reports only a long message's first part, for all of them.
    pub first_part_only: bool,
    /// `ask_receipts` = `no`: the carrier refuses submits that ask for a receipt.
    pub ask_receipts: bool,
    /// `headers` = `unflagged`: inbound parts carry their concatenation header without the flag that announces it.
    pub unflagged_headers: bool,
    /// `binds`
    pub binds: Binds,
    /// `sender_extension` = `no`: the carrier refuses digits behind the access code.
    pub sender_extension: bool,
    /// `default_alphabet`
    pub default_alphabet: Alphabet,
    /// `septets` = `packed`: texts of coding 0 travel eight characters in seven octets.
    pub packed_septets: bool,
    /// `system_type`
    pub system_type: String,
    /// `corporation`: our number as an enterprise, where submits name it.
    pub corporation: String,
    /// `node`: the number of our node, where sequence numbers name it.
    pub node: u32,
    /// `listen`: where the carrier connects to us to deliver, where it does.
    pub listen: Option<SocketAddr>,
    /// `source_type`: type of number and numbering plan of the sender, where submits name them; none is by its form.
    pub source_type: Option<(u8, u8)>,
    /// `throttle_codes`: further results that ask for a slower pace.
    pub throttle_codes: Vec<u32>,
    /// `long_text`
    pub long_text: LongText,
    /// `tls` = `yes`: connections to the carrier are encrypted, and it must prove who it is.
    pub tls: bool,
    /// `tls_name`: the name in its certificate; empty is the host connected to.
    pub tls_name: String,
    /// `tls_ca`: certificates (PEM) of those who may have signed its own; empty is the usual authorities.
    pub tls_ca: String,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            receipt_ids: ReceiptIds::AsAnswered,
            numbers: None,
            first_part_only: false,
            ask_receipts: true,
            unflagged_headers: false,
            binds: Binds::Both,
            sender_extension: true,
            default_alphabet: Alphabet::Gsm,
            packed_septets: false,
            system_type: String::new(),
            corporation: String::new(),
            node: 0,
            listen: None,
            source_type: None,
            throttle_codes: Vec::new(),
            long_text: LongText::Header,
            tls: false,
            tls_name: String::new(),
            tls_ca: String::new(),
        }
    }
}

/// Why settings are not understood: whoever wrote them is at fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QuirkError {
    /// No setting has this name.
    #[error("there is no channel setting {name}")]
    Name {
        /// As given.
        name: String,
    },
    /// The setting does not take this value.
    #[error("the channel setting {name} is {expected}")]
    Value {
        /// Of the setting.
        name: &'static str,
        /// What it takes.
        expected: String,
    },
}

/// Most codes in `throttle_codes`.
const MOST_CODES: usize = 16;
/// How `tls_ca` begins.
const PEM: &str = "-----BEGIN CERTIFICATE-----";
/// Octets of `tls_ca`: some thirty certificates.
const MOST_PEM: usize = 64 << 10;

impl Quirks {
    /// The settings that differ from the defaults, by name.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let usual = Self::default();
        let mut settings = Vec::new();
        let mut note = |differs: bool, name, value: String| {
            if differs {
                settings.push((name, value));
            }
        };
        note(self.receipt_ids != usual.receipt_ids, "receipt_ids", self.receipt_ids.word().into());
        note(self.numbers.is_some(), "numbers", self.numbers.map_or("", NumberForm::word).into());
        note(self.first_part_only, "receipts", "first_part".into());
        note(!self.ask_receipts, "ask_receipts", "no".into());
        note(self.unflagged_headers, "headers", "unflagged".into());
        note(self.binds != usual.binds, "binds", self.binds.word().into());
        note(!self.sender_extension, "sender_extension", "no".into());
        note(
            self.default_alphabet != usual.default_alphabet,
            "default_alphabet",
            self.default_alphabet.word().into(),
        );
        note(self.packed_septets, "septets", "packed".into());
        note(!self.system_type.is_empty(), "system_type", self.system_type.clone());
        note(!self.corporation.is_empty(), "corporation", self.corporation.clone());
        note(self.node != 0, "node", self.node.to_string());
        let listen = self.listen.map(|listen| listen.to_string());
        note(listen.is_some(), "listen", listen.unwrap_or_default());
        let (ton, npi) = self.source_type.unwrap_or_default();
        note(self.source_type.is_some(), "source_type", format!("{ton},{npi}"));
        note(!self.throttle_codes.is_empty(), "throttle_codes", comma_separated(&self.throttle_codes));
        note(self.long_text != usual.long_text, "long_text", self.long_text.word().into());
        note(self.tls, "tls", "yes".into());
        note(!self.tls_name.is_empty(), "tls_name", self.tls_name.clone());
        note(!self.tls_ca.is_empty(), "tls_ca", self.tls_ca.clone());
        settings
    }

    /// Reads settings; what is not named keeps its default.
    ///
    /// # Errors
    /// [`QuirkError`] for an unknown name or value.
    pub fn read<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, QuirkError> {
        let mut quirks = Self::default();
        for (name, value) in settings {
            quirks.set(name, value.trim())?;
        }
        Ok(quirks)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), QuirkError> {
        match name {
            "receipt_ids" => {
                self.receipt_ids = word("receipt_ids", value, ReceiptIds::ALL, ReceiptIds::word)?;
            }
            "numbers" => self.numbers = Some(word("numbers", value, NumberForm::ALL, NumberForm::word)?),
            "receipts" => self.first_part_only = either("receipts", value, "every_part", "first_part")?,
            "ask_receipts" => self.ask_receipts = either("ask_receipts", value, "no", "yes")?,
            "headers" => self.unflagged_headers = either("headers", value, "flagged", "unflagged")?,
            "binds" => self.binds = word("binds", value, Binds::ALL, Binds::word)?,
            "sender_extension" => self.sender_extension = either("sender_extension", value, "no", "yes")?,
            "default_alphabet" => {
                self.default_alphabet = word("default_alphabet", value, Alphabet::ALL, Alphabet::word)?;
            }
            "septets" => self.packed_septets = either("septets", value, "unpacked", "packed")?,
            "system_type" => self.system_type = ascii("system_type", value, 12)?,
            "corporation" => self.corporation = ascii("corporation", value, 5)?,
            "node" => self.node = value.parse().map_err(|_| wrong("node", "a number below 4294967296"))?,
            "listen" => {
                let address =
                    value.parse().map_err(|_| wrong("listen", "an address such as 0.0.0.0:8801"))?;
                self.listen = Some(address);
            }
            "source_type" => {
                let read = || {
                    let (ton, npi) = value.split_once(',')?;
                    Some((ton.trim().parse().ok()?, npi.trim().parse().ok()?))
                };
                self.source_type =
                    Some(read().ok_or_else(|| wrong("source_type", "two numbers such as 5,0"))?);
            }
            "throttle_codes" => {
                let codes: Result<Vec<u32>, _> = value.split(',').map(|code| code.trim().parse()).collect();
                let codes = codes.ok().filter(|codes| codes.len() <= MOST_CODES);
                self.throttle_codes =
                    codes.ok_or_else(|| wrong("throttle_codes", "at most 16 numbers, such as 33,88"))?;
            }
            "long_text" => self.long_text = word("long_text", value, LongText::ALL, LongText::word)?,
            "tls" => self.tls = either("tls", value, "no", "yes")?,
            "tls_name" => self.tls_name = ascii("tls_name", value, 253)?,
            "tls_ca" => {
                let fits = value.starts_with(PEM) && value.len() <= MOST_PEM;
                self.tls_ca = fits.then(|| value.to_owned()).ok_or_else(|| {
                    wrong(
                        "tls_ca",
                        "certificates in PEM, at most 64 KiB, beginning with -----BEGIN CERTIFICATE-----",
                    )
                })?;
            }
            _ => return Err(QuirkError::Name { name: name.chars().take(40).collect() }),
        }
        Ok(())
    }
}

fn wrong(name: &'static str, expected: &str) -> QuirkError {
    QuirkError::Value { name, expected: expected.to_owned() }
}

fn word<T: Copy>(
    name: &'static str,
    value: &str,
    all: &[T],
    of: fn(T) -> &'static str,
) -> Result<T, QuirkError> {
    let expected = || all.iter().map(|known| of(*known)).collect::<Vec<_>>().join(", ");
    all.iter().copied().find(|known| of(*known) == value).ok_or_else(|| wrong(name, &expected()))
}

/// Whether the second of two words was given.
fn either(name: &'static str, value: &str, first: &str, second: &str) -> Result<bool, QuirkError> {
    match value {
        value if value == first => Ok(false),
        value if value == second => Ok(true),
        _ => Err(wrong(name, &format!("{first}, {second}"))),
    }
}

fn ascii(name: &'static str, value: &str, longest: usize) -> Result<String, QuirkError> {
    let fits = value.len() <= longest && value.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| value.to_owned()).ok_or_else(|| wrong(name, &format!("at most {longest} ASCII characters")))
}

fn comma_separated(codes: &[u32]) -> String {
    let mut text = String::new();
    for code in codes {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _written = write!(text, "{comma}{code}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_being_written_and_read() {
        assert!(Quirks::default().settings().is_empty(), "the usual needs no word");
        let quirks = Quirks {
            receipt_ids: ReceiptIds::DecimalOfHex,
            numbers: Some(NumberForm::International),
            first_part_only: true,
            ask_receipts: false,
            unflagged_headers: true,
            binds: Binds::Separate,
            sender_extension: false,
            default_alphabet: Alphabet::Latin1,
            packed_septets: true,
            system_type: "VMA".into(),
            corporation: "92008".into(),
            node: 3_010_092_008,
            listen: Some("127.0.0.1:8801".parse().unwrap()),
            source_type: Some((5, 0)),
            throttle_codes: vec![33, 88],
            long_text: LongText::Payload,
            tls: true,
            tls_name: "smsc.example".into(),
            tls_ca: format!("{PEM}\nMIIB\n-----END CERTIFICATE-----"),
        };
        let settings = quirks.settings();
        assert_eq!(settings.len(), 19, "each setting has its name");
        let read = Quirks::read(settings.iter().map(|(name, value)| (*name, value.as_str())));
        assert_eq!(read, Ok(quirks));
    }

    #[test]
    fn mistakes_name_the_setting() {
        for (name, value, told) in [
            ("recipt_ids", "x", "there is no channel setting recipt_ids"),
            ("receipt_ids", "x", "as_answered, decimal_of_hex, hex_of_decimal"),
            ("ask_receipts", "maybe", "no, yes"),
            ("node", "-1", "a number below"),
            ("listen", "8801", "an address"),
            ("source_type", "5", "two numbers"),
            ("throttle_codes", "a", "16 numbers"),
            ("corporation", "123456", "at most 5"),
            ("long_text", "tlv", "udh, sar, payload"),
            ("tls", "on", "no, yes"),
            ("tls_ca", "/etc/ca.pem", "PEM"),
        ] {
            let error = Quirks::read([(name, value)]).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
