//! `hongyan pdu decode`: every field of a PDU by its name in the specification.

use std::io::Read as _;

use clap::{Subcommand, ValueEnum};
use domain::text::{Dialect, decode};
use serde_json::{Map, Value, json};
use wire::cmpp::{self, Version, describe};

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
    Cmpp2,
    Cmpp3,
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
    let version = match protocol {
        Protocol::Cmpp2 => Version::V20,
        Protocol::Cmpp3 => Version::V30,
    };
    let mut at = 0;
    while at < octets.len() {
        let rest = &octets[at..];
        let length =
            rest.first_chunk::<4>().map_or(rest.len(), |length| u32::from_be_bytes(*length) as usize);
        let pdu = rest.get(..length.max(1)).unwrap_or(rest);
        let described = describe(pdu, version).map_err(|error| {
            Failure::Input(
                show.of(
                    &format!("第 {at} 字节起的报文无法解码：{error}"),
                    &format!("the PDU at octet {at} cannot be decoded: {error}"),
                )
                .to_owned(),
            )
        })?;
        let value = json!({ "command": described.command.name(), "fields": fields(&described.fields) });
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

fn fields(of: &[cmpp::Field]) -> Value {
    let number = |name: &str| {
        of.iter().find(|field| field.name == name).and_then(|field| match field.value {
            cmpp::Value::Number(number) => Some(number),
            _ => None,
        })
    };
    let code = number("Msg_Fmt").and_then(|code| u8::try_from(code).ok());
    let has_header = number("TP_udhi").is_some_and(|udhi| udhi & 0x41 != 0);
    let is_report = number("Registered_Delivery") == Some(1) && number("Pk_total").is_none();
    let mut map = Map::new();
    for field in of {
        map.insert(field.name.to_owned(), value(field));
        if let (true, Some(code), false) = (field.name == "Msg_Content", code, is_report) {
            map.insert(
                "text".to_owned(),
                decode(&field.octets, code, has_header, Dialect::China).text.into(),
            );
        }
    }
    map.into()
}

fn value(field: &cmpp::Field) -> Value {
    match &field.value {
        cmpp::Value::Number(number) => json!(number),
        cmpp::Value::Text(text) => json!(String::from_utf8_lossy(text)),
        cmpp::Value::Octets => json!(field.hex()),
        cmpp::Value::MsgId(id) => json!(id.to_string()),
        cmpp::Value::List(list) => list.iter().map(plain).collect(),
        cmpp::Value::Group(group) => {
            let mut map = match fields(group) {
                Value::Object(map) => map,
                _ => Map::new(),
            };
            map.insert("hex".to_owned(), json!(field.hex()));
            map.into()
        }
    }
}

fn plain(value: &cmpp::Value) -> Value {
    match value {
        cmpp::Value::Number(number) => json!(number),
        cmpp::Value::Text(text) => json!(String::from_utf8_lossy(text)),
        cmpp::Value::MsgId(id) => json!(id.to_string()),
        cmpp::Value::List(list) => list.iter().map(plain).collect(),
        cmpp::Value::Octets | cmpp::Value::Group(_) => Value::Null,
    }
}
