//! A PDU field by field under the names of its specification: what a carrier engineer reaches for first.
//!
//! Unlike everything else here this allocates and shows personal data: it serves a person who holds the
//! octets already. `Debug` still hides the values. Invariant: the fields of a PDU lie side by side and cover it.

use std::fmt;

use crate::concat::take_apart;
use crate::destinations::Destinations;
use crate::error::DecodeError;
use crate::octets::{Reader, unpadded};
use crate::tlv::Tlvs;

/// A described PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The command, such as `CMPP_SUBMIT`.
    pub command: &'static str,
    /// All fields in order, header first.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// The name in the specification.
    pub name: &'static str,
    /// Octets before the field, from the PDU's first (from the group's parent's start for what is inside a
    /// report or header).
    pub offset: usize,
    /// The octets as they are on the wire.
    pub octets: Vec<u8>,
    /// What they mean.
    pub value: Value,
}

impl Field {
    /// The octets in lower-case hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.octets)
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Field({} at {}, {} octets)", self.name, self.offset, self.octets.len())
    }
}

/// The meaning of a field.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// An unsigned number.
    Number(u64),
    /// A fixed-width string without its padding (not necessarily UTF-8).
    Text(Vec<u8>),
    /// Octets without a further meaning here: authenticators, message content, reserved octets.
    Octets,
    /// A message id, as the project writes it.
    MsgId(String),
    /// Several values of one field.
    List(Vec<Value>),
    /// Fields inside a field: a status report, a user data header.
    Group(Vec<Field>),
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Number(_) => "Number",
            Self::Text(_) => "Text",
            Self::Octets => "Octets",
            Self::MsgId(_) => "MsgId",
            Self::List(_) => "List",
            Self::Group(_) => "Group",
        })
    }
}

/// Walks over a PDU and notes its fields.
pub(crate) struct Walk<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) fields: Vec<Field>,
}

impl<'a> Walk<'a> {
    pub(crate) fn at(octets: &'a [u8]) -> Self {
        Self { reader: Reader::at(octets, 0), fields: Vec::new() }
    }

    pub(crate) fn numbers(&mut self, names: &[&'static str], width: usize) -> Result<(), DecodeError> {
        names.iter().try_for_each(|name| self.number(name, width))
    }

    pub(crate) fn texts(&mut self, fields: &[(&'static str, usize)]) -> Result<(), DecodeError> {
        fields.iter().try_for_each(|(name, width)| self.text(name, *width))
    }

    /// A count of one octet and as many phones of `width` octets.
    pub(crate) fn phones(
        &mut self,
        count: &'static str,
        name: &'static str,
        destinations: &Destinations<'_>,
        width: usize,
    ) -> Result<(), DecodeError> {
        self.number(count, 1)?;
        let phones = destinations.iter().map(|phone| Value::Text(phone.as_bytes().to_vec())).collect();
        self.field(name, destinations.len().saturating_mul(width), |_| Value::List(phones))
    }

    /// Whatever is left, if anything.
    pub(crate) fn rest(&mut self, name: &'static str) -> Result<(), DecodeError> {
        match self.reader.remaining() {
            0 => Ok(()),
            width => self.octets(name, width),
        }
    }

    /// Optional parameters, and what is left behind the last whole one.
    pub(crate) fn tlvs(&mut self, tlvs: &Tlvs<'_>, name: fn(u16) -> &'static str) -> Result<(), DecodeError> {
        for tlv in tlvs.iter() {
            let width = tlv.value.len().saturating_add(4);
            let value = match tlv.value {
                short if (1..=4).contains(&short.len()) => Value::Number(big_endian(short)),
                long if long.iter().all(|octet| octet.is_ascii_graphic() || matches!(octet, b' ' | 0)) => {
                    Value::Text(unpadded(long).to_vec())
                }
                _ => Value::Octets,
            };
            self.field(name(tlv.tag), width, |_| value)?;
        }
        self.rest("trailing octets")
    }

    /// A string with its NUL, which may be missing at the end of the PDU.
    pub(crate) fn c_text(&mut self, name: &'static str) -> Result<(), DecodeError> {
        let mut ahead = self.reader;
        let rest = ahead.rest();
        let width = rest.iter().position(|octet| *octet == 0).map_or(rest.len(), |end| end.saturating_add(1));
        self.text(name, width)
    }

    pub(crate) fn c_texts(&mut self, names: &[&'static str]) -> Result<(), DecodeError> {
        names.iter().try_for_each(|name| self.c_text(name))
    }

    /// A message id, shown in hexadecimal.
    pub(crate) fn hex_id(&mut self, name: &'static str, width: usize) -> Result<(), DecodeError> {
        self.field(name, width, |octets| Value::MsgId(hex(octets)))
    }

    pub(crate) fn rest_as_number(&mut self, name: &'static str) -> Result<(), DecodeError> {
        match self.reader.remaining() {
            0 => Ok(()),
            width => self.number(name, width),
        }
    }

    pub(crate) fn number(&mut self, name: &'static str, width: usize) -> Result<(), DecodeError> {
        self.field(name, width, |octets| Value::Number(big_endian(octets)))
    }

    pub(crate) fn text(&mut self, name: &'static str, width: usize) -> Result<(), DecodeError> {
        self.field(name, width, |octets| Value::Text(unpadded(octets).to_vec()))
    }

    pub(crate) fn octets(&mut self, name: &'static str, width: usize) -> Result<(), DecodeError> {
        self.field(name, width, |_| Value::Octets)
    }

    pub(crate) fn field(
        &mut self,
        name: &'static str,
        width: usize,
        value: impl FnOnce(&[u8]) -> Value,
    ) -> Result<(), DecodeError> {
        let offset = self.reader.offset();
        let octets = self.reader.take(name, width)?;
        self.fields.push(Field { name, offset, octets: octets.to_vec(), value: value(octets) });
        Ok(())
    }
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(crate) fn big_endian(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| (number << 8) | u64::from(*octet))
}

/// The fields of a content with a user data header.
pub(crate) fn user_data_header(octets: &[u8], start: usize) -> Option<Vec<Field>> {
    let parts = take_apart(octets).ok()?;
    let mut walk = Walk::at(octets);
    walk.number("UDHL", 1).ok()?;
    walk.field("UDH", parts.elements.len(), |_| {
        let concat = parts.concat.map(|concat| {
            let number =
                |name, value| Field { name, offset: start, octets: Vec::new(), value: Value::Number(value) };
            Value::Group(vec![
                number("reference", concat.reference.number().into()),
                number("total", concat.total.into()),
                number("number", concat.number.into()),
            ])
        });
        concat.unwrap_or(Value::Octets)
    })
    .ok()?;
    walk.octets("UD", parts.body.len()).ok()?;
    Some(moved(walk.fields, start))
}

/// Fields of a group, with offsets from the PDU's first octet.
pub(crate) fn moved(mut fields: Vec<Field>, start: usize) -> Vec<Field> {
    for field in &mut fields {
        field.offset = field.offset.saturating_add(start);
    }
    fields
}
