//! `MsgID`, the ten octets by which a gateway knows a message.

use std::fmt;

/// The gateway's id of a message. By the specification twenty decimal digits (gateway, MMDDHHMM, sequence) packed two
/// to an octet; real ids hold other octets, so nothing depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MsgId(pub [u8; 10]);

impl fmt::Display for MsgId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(out, "{octet:02x}"))
    }
}
