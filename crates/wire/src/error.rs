//! What can be wrong with the octets of a PDU, and with a PDU that we are asked to send.
//!
//! Neither error carries a value of a text field, since such a value may be a phone or a text.

/// Why octets from a peer are not the PDU that they claim to be: the peer's fault, and the same octets will
/// fail again.
///
/// Offsets count octets from the first octet of the PDU, header included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The PDU ends inside a field.
    #[error("{field} at offset {offset} needs {needed} octets, {available} are left")]
    Truncated {
        /// The field's name in the specification.
        field: &'static str,
        /// Where the field begins.
        offset: usize,
        /// Octets that the field takes.
        needed: usize,
        /// Octets that the PDU still has.
        available: usize,
    },
    /// Octets follow the last field.
    #[error("{octets} octets follow the last field, from offset {offset}")]
    Trailing {
        /// Where the last field ends.
        offset: usize,
        /// How many octets follow.
        octets: usize,
    },
    /// A fixed-width string holds more than any value of that field may.
    #[error("{field} at offset {offset} holds {octets} octets, at most {limit} are possible")]
    TooLong {
        /// The field's name in the specification.
        field: &'static str,
        /// Where the field begins.
        offset: usize,
        /// Octets found before the padding.
        octets: usize,
        /// Octets that the field may hold.
        limit: usize,
    },
    /// A number lies outside its range.
    #[error("{field} at offset {offset} is {value}, outside its range")]
    OutOfRange {
        /// The field's name in the specification.
        field: &'static str,
        /// Where the field begins.
        offset: usize,
        /// The number found.
        value: u64,
    },
    /// `Total_Length` and the number of octets given differ.
    #[error("the length field says {claimed} octets, {given} were given")]
    LengthMismatch {
        /// What the length field says.
        claimed: u64,
        /// How many octets there are.
        given: usize,
    },
    /// A command that a service provider and its gateway do not exchange.
    #[error("command {command:#010x} is not spoken between a service provider and its gateway")]
    UnknownCommand {
        /// `Command_Id` of the header.
        command: u32,
    },
}

/// Why a PDU cannot be written: our own fault, and the same PDU will fail again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The value does not fit the field's width in this version.
    #[error("{field} holds {octets} octets, this version allows {limit}")]
    TooLong {
        /// The field's name in the specification.
        field: &'static str,
        /// Octets of the value.
        octets: usize,
        /// Octets that this version allows.
        limit: usize,
    },
    /// A fixed-width string holds a NUL or an octet outside ASCII, which the padding rule or the
    /// specification forbids.
    #[error("a fixed-width string must be ASCII without NUL")]
    NotAscii,
    /// A submit names no destination, or more than a PDU may carry.
    #[error("{count} destinations, between 1 and {limit} are possible")]
    Destinations {
        /// Destinations given.
        count: usize,
        /// Destinations that a PDU may carry.
        limit: usize,
    },
    /// A number lies outside its range.
    #[error("{field} is outside its range")]
    OutOfRange {
        /// The field's name in the specification.
        field: &'static str,
    },
}
