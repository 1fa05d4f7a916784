//! The carrier's names for our parts: how a receipt finds its message.

use domain::channel::ReceiptStatus;

use super::fault::{Fault, Outcome};

/// Which part of which attempt of which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub message: i64,
    pub attempt: u8,
    /// From 0.
    pub part: u8,
}

impl Place {
    /// Attempt and part in one number: the attempt is the upper byte.
    pub fn packed(attempt: u8, part: u16) -> u16 {
        u16::from(attempt) << 8 | part.min(255)
    }

    pub fn unpacked(message: i64, place: u16) -> Self {
        let [attempt, part] = place.to_be_bytes();
        Self { message, attempt, part }
    }
}

pub fn status_code(status: ReceiptStatus) -> u8 {
    match status {
        ReceiptStatus::Delivered => 1,
        ReceiptStatus::Undelivered => 2,
        ReceiptStatus::Expired => 3,
    }
}

pub fn status_from(code: u8) -> Outcome<ReceiptStatus> {
    match code {
        1 => Ok(ReceiptStatus::Delivered),
        2 => Ok(ReceiptStatus::Undelivered),
        3 => Ok(ReceiptStatus::Expired),
        _ => Err(Fault::inconsistent("early", "status", "unknown code")),
    }
}
