//! `Msg_Id`, the 64 bits by which a gateway knows a message.
//!
//! Invariant: as a client nothing depends on the parts, because gateways fill them as they like.

use std::fmt;

/// The gateway's id of a message, opaque to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MsgId(pub u64);

/// What the specification says the bits mean, most significant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MsgIdParts {
    /// 4 bits.
    pub month: u8,
    /// 5 bits.
    pub day: u8,
    /// 5 bits.
    pub hour: u8,
    /// 6 bits.
    pub minute: u8,
    /// 6 bits.
    pub second: u8,
    /// 22 bits: the gateway's code.
    pub gateway: u32,
    /// 16 bits.
    pub sequence: u16,
}

const MONTH: (u32, u64) = (60, 0xF);
const DAY: (u32, u64) = (55, 0x1F);
const HOUR: (u32, u64) = (50, 0x1F);
const MINUTE: (u32, u64) = (44, 0x3F);
const SECOND: (u32, u64) = (38, 0x3F);
const GATEWAY: (u32, u64) = (16, 0x3F_FFFF);
const SEQUENCE_MASK: u64 = 0xFFFF;

impl MsgId {
    /// Packs the parts; bits beyond a part's width are cut off, as a gateway's counter wraps.
    #[must_use]
    pub fn from_parts(parts: MsgIdParts) -> Self {
        let place = |(shift, mask): (u32, u64), part: u64| (part & mask) << shift;
        Self(
            place(MONTH, parts.month.into())
                | place(DAY, parts.day.into())
                | place(HOUR, parts.hour.into())
                | place(MINUTE, parts.minute.into())
                | place(SECOND, parts.second.into())
                | place(GATEWAY, parts.gateway.into())
                | u64::from(parts.sequence),
        )
    }

    /// The parts as the specification names them.
    #[must_use]
    pub fn parts(self) -> MsgIdParts {
        let wide = |(shift, mask): (u32, u64)| (self.0 >> shift) & mask;
        let octet = |part| u8::try_from(wide(part)).unwrap_or(u8::MAX);
        MsgIdParts {
            month: octet(MONTH),
            day: octet(DAY),
            hour: octet(HOUR),
            minute: octet(MINUTE),
            second: octet(SECOND),
            gateway: u32::try_from(wide(GATEWAY)).unwrap_or(u32::MAX),
            sequence: u16::try_from(self.0 & SEQUENCE_MASK).unwrap_or(u16::MAX),
        }
    }

    /// The id of the `index`-th destination (from 0) of a submit to many: only the last 16 bits count, and
    /// they wrap.
    #[must_use]
    pub fn of_destination(self, index: u16) -> Self {
        let sequence = self.parts().sequence.wrapping_add(index);
        Self((self.0 & !SEQUENCE_MASK) | u64::from(sequence))
    }
}

impl fmt::Display for MsgId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}
