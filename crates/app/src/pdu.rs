//! `hongyan pdu decode`: every field of a PDU by its name in the specification.

use std::io::Read as _;

use clap::{Subcommand, ValueEnum};
use domain::text::{Dialect, decode};
use serde_json::{Map, Value, json};
use wire::describe::{self, Described};
use wire::{DecodeError, cmpp, sgip, smgp, smpp};

use crate::exit::Failure;
use crate::show::Show;

/// 协议报文工具 / PDU tools
#[derive(Subcommand, Debug)]
pub(crate) enum PduCommand {
    /// 解码十六进制报文，输出 JSON / decode hex, print JSON
    Decode {
        /// 协议 / protocol
        #[arg(long, value_enum)]
        protocol: Protocol,
        /// 十六进制，可含空白；省略则读标准输入 / hex; read from standard input when left out
        hex: Vec<String>,
    },
}

/// Protocols that can be decoded.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Protocol {
    /// CMPP 2.0, 2.1
    Cmpp2,
    /// CMPP 3.0
    Cmpp3,
    /// SGIP 1.2
    Sgip,
    /// SMGP 3.0.3
    Smgp,
    /// SMGP, ClientVersion 0x13
    Smgp13,
    /// SMPP 3.4, 5.0
    Smpp,
}

impl Protocol {
    fn describe(self, pdu: &[u8]) -> Result<Described, DecodeError> {
        match self {
            Self::Cmpp2 => cmpp::describe(pdu, cmpp::Version::V20),
            Self::Cmpp3 => cmpp::describe(pdu, cmpp::Version::V30),
            Self::Sgip => sgip::describe(pdu),
            Self::Smgp => smgp::describe(pdu, smgp::Version::V30),
            Self::Smgp13 => smgp::describe(pdu, smgp::Version::V13),
            Self::Smpp => smpp::describe(pdu),
        }
    }

    fn dialect(self) -> Dialect {
        if matches!(self, Self::Smpp) { Dialect::Smpp } else { Dialect::China }
    }
}

/// Longest input: far more than any capture that a person pastes.
const MAX_HEX: u64 = 4 << 20;

/// Decodes all PDUs of the input, one after another.
///
/// # Errors
/// [`Failure::Input`] that says where the input is wrong; what was decoded before is printed.
pub(crate) fn run(command: PduCommand, show: Show) -> Result<(), Failure> {
    let PduCommand::Decode { protocol, hex } = command;
    let text = if hex.is_empty() {
        let mut text = String::new();
        std::io::stdin().take(MAX_HEX).read_to_string(&mut text)?;
        text
    } else {
        hex.concat()
    };
    let octets = unhex(&text, show)?;
    let mut at = 0;
    while at < octets.len() {
        let rest = &octets[at..];
        let length =
            rest.first_chunk::<4>().map_or(rest.len(), |length| u32::from_be_bytes(*length) as usize);
        let pdu = rest.get(..length.max(1)).unwrap_or(rest);
        let described = protocol.describe(pdu).map_err(|error| {
            Failure::Input(
                show.of(
                    &format!("第 {at} 字节起的报文无法解码：{error}"),
                    &format!("the PDU at octet {at} cannot be decoded: {error}"),
                )
                .to_owned(),
            )
        })?;
        let value =
            json!({ "command": described.command, "fields": fields(&described.fields, protocol.dialect()) });
        crate::show::json(&value)?;
        at += pdu.len();
    }
    Ok(())
}

fn unhex(text: &str, show: Show) -> Result<Vec<u8>, Failure> {
    let digits: Vec<(usize, char)> =
        text.chars().enumerate().filter(|(_, ch)| !ch.is_whitespace() && *ch != ':').collect();
    let wrong = |place: usize| {
        let (zh, en) =
            (format!("第 {} 个字符不是十六进制", place + 1), format!("character {} is not hex", place + 1));
        Failure::Input(show.of(&zh, &en).to_owned())
    };
    if digits.is_empty() || digits.len() % 2 == 1 {
        let (zh, en) = ("十六进制位数应为偶数且不为空", "give an even number of hex digits");
        return Err(Failure::Input(show.of(zh, en).to_owned()));
    }
    let nibble = |(place, ch): &(usize, char)| ch.to_digit(16).ok_or_else(|| wrong(*place));
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Ok(u8::try_from(nibble(high)? << 4 | nibble(low)?).unwrap_or_default()),
            _ => Err(wrong(0)),
        })
        .collect()
}

/// Names of the content, its coding, and what says that it begins with a header, in each protocol.
const CONTENT: [&str; 4] = ["Msg_Content", "MessageContent", "MsgContent", "short_message"];
const CODING: [&str; 4] = ["Msg_Fmt", "MessageCoding", "MsgFormat", "data_coding"];
const HEADER: [(&str, u64); 2] = [("TP_udhi", 0x41), ("esm_class", 0x40)];

fn fields(of: &[describe::Field], dialect: Dialect) -> Value {
    let number = |name: &str| {
        of.iter().find(|field| field.name == name).and_then(|field| match field.value {
            describe::Value::Number(number) => Some(number),
            _ => None,
        })
    };
    let code = CODING.iter().find_map(|name| number(name)).and_then(|code| u8::try_from(code).ok());
    let has_header = HEADER.iter().any(|(name, bits)| number(name).is_some_and(|value| value & bits != 0));
    let mut map = Map::new();
    for field in of {
        insert(&mut map, field.name, value(field, dialect));
        if let (true, Some(code)) = (CONTENT.contains(&field.name) && holds_text(field), code) {
            map.insert("text".to_owned(), decode(&field.octets, code, has_header, dialect).text.into());
        }
    }
    map.into()
}

/// A name that comes again makes a list: optional parameters without a name, the nodes of a trace.
fn insert(map: &mut Map<String, Value>, name: &str, value: Value) {
    match map.get_mut(name) {
        None => {
            map.insert(name.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

/// Whether a content is a text, which a status report is not.
fn holds_text(field: &describe::Field) -> bool {
    match &field.value {
        describe::Value::Group(group) => group.iter().any(|inner| inner.name == "UDHL"),
        _ => !field.octets.is_empty(),
    }
}

fn value(field: &describe::Field, dialect: Dialect) -> Value {
    match &field.value {
        describe::Value::Octets => json!(field.hex()),
        describe::Value::Group(group) => {
            let mut map = match fields(group, dialect) {
                Value::Object(map) => map,
                _ => Map::new(),
            };
            map.insert("hex".to_owned(), json!(field.hex()));
            map.into()
        }
        plain_value => plain(plain_value),
    }
}

fn plain(value: &describe::Value) -> Value {
    match value {
        describe::Value::Number(number) => json!(number),
        describe::Value::Text(text) => json!(String::from_utf8_lossy(text)),
        describe::Value::MsgId(id) => json!(id),
        describe::Value::List(list) => list.iter().map(plain).collect(),
        describe::Value::Octets | describe::Value::Group(_) => Value::Null,
    }
}
