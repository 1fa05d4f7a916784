//! What the carrier has seen, as numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything counted since the start. Times are milliseconds since the start, on a monotonic clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Wall clock at the start, Unix milliseconds.
    pub started_unix_ms: i64,
    /// Age of these counters.
    pub elapsed_ms: u64,
    /// Whether anybody can still connect.
    pub listening: bool,
    /// TCP connections accepted.
    pub connections: u64,
    /// Of these, open now.
    pub open_connections: u64,
    /// Log-ins accepted.
    pub logins: u64,
    /// Log-ins refused.
    pub logins_refused: u64,
    /// SUBMITs received: parts, whatever the answer was.
    pub submits: u64,
    /// Parts taken (`Result` 0).
    pub accepted: u64,
    /// Parts refused, by `Result`, throttled ones included.
    pub refused: BTreeMap<u32, u64>,
    /// Parts refused with 8.
    pub throttled: u64,
    /// Distinct messages: complete, by phone and text.
    pub messages: u64,
    /// Copies beyond the first of complete messages.
    pub duplicates: u64,
    /// Parts that came again before their message was complete.
    pub parts_repeated: u64,
    /// Long messages of which parts are missing.
    pub incomplete: u64,
    /// Messages delivered: `DELIVRD` sent for every part.
    pub delivered: u64,
    /// Receipts sent, by `Stat`; copies, inventions and repetitions included.
    pub receipts: BTreeMap<String, u64>,
    /// Receipts acknowledged with 0.
    pub receipts_acked: u64,
    /// Receipts and replies refused, unanswered or lost with their connection: to be sent again.
    pub returned: u64,
    /// Receipts sent before the answer to their submit.
    pub receipts_early: u64,
    /// Receipts scheduled for messages that nobody sent.
    pub receipts_unknown: u64,
    /// Messages whose receipt will never come.
    pub receipts_never: u64,
    /// Receipts and replies scheduled or unacknowledged now.
    pub pending: u64,
    /// The most of these at any time.
    pub peak_pending: u64,
    /// The most submits that one connection had unanswered at any time.
    pub peak_unanswered: u64,
    /// Messages from phones sent, opt-outs included, repetitions excluded.
    pub inbound: u64,
    /// Messages from phones acknowledged with 0.
    pub inbound_acked: u64,
    /// Phones that have opted out (sent).
    pub opt_outs: u64,
    /// Messages taken for a phone after its opt-out had been acknowledged.
    pub after_opt_out: u64,
    /// PDUs that could not be read.
    pub malformed: u64,
    /// PDUs of unknown or unserved commands.
    pub unsupported: u64,
    /// Faults that have struck.
    pub faults: u64,
    /// First SUBMIT.
    pub first_submit_ms: Option<u64>,
    /// Last SUBMIT.
    pub last_submit_ms: Option<u64>,
    /// First receipt acknowledged.
    pub first_receipt_acked_ms: Option<u64>,
    /// Last receipt acknowledged.
    pub last_receipt_acked_ms: Option<u64>,
}

impl Counters {
    /// One line of JSON, without the line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and short names always serialise")
    }

    /// Receipts sent, all kinds.
    #[must_use]
    pub fn receipts_sent(&self) -> u64 {
        self.receipts.values().sum()
    }

    pub(crate) fn refuse(&mut self, result: u32) {
        *self.refused.entry(result).or_default() += 1;
    }

    pub(crate) fn add_pending(&mut self) {
        self.pending += 1;
        self.peak_pending = self.peak_pending.max(self.pending);
    }
}
