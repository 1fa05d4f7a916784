//! What the carrier knows for sure: which messages it was given, how often, and what it delivered.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A message that came completely at least once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageTruth {
    /// E.164 digits.
    pub phone: u64,
    /// [`domain::policy::text_hash`] of the whole text as it came, signature included.
    pub text_hash: u64,
    /// How often it came (stops counting at 4,095).
    pub count: u32,
    /// Whether `DELIVRD` was sent for every part of at least one copy.
    pub delivered: bool,
}

/// A phone that opted out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OptOutTruth {
    /// E.164 digits.
    pub phone: u64,
    /// When the opt-out was first sent, milliseconds since the start.
    pub sent_ms: u64,
    /// When it was acknowledged.
    pub acked_ms: Option<u64>,
    /// Messages taken for the phone after that acknowledgement.
    pub messages_after: u32,
}

/// The set of everything that came. Phones here are simulated, and still no `Debug` shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// Every distinct message, in order of phone and hash.
    pub messages: Vec<MessageTruth>,
    /// Every phone that opted out, in order.
    pub opt_outs: Vec<OptOutTruth>,
}

/// A file of messages could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TruthFileError {
    /// The file system's fault.
    #[error("the file of messages cannot be read")]
    Io(#[from] io::Error),
    /// The file is not one that [`crate::Handle::dump_messages`] wrote.
    #[error("line {line} of the file of messages is not a message")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl Truth {
    /// Copies beyond the first, over all messages.
    #[must_use]
    pub fn duplicated(&self) -> u64 {
        self.messages.iter().map(|message| u64::from(message.count.saturating_sub(1))).sum()
    }

    /// Messages delivered.
    #[must_use]
    pub fn delivered(&self) -> usize {
        self.messages.iter().filter(|message| message.delivered).count()
    }

    /// The messages by phone and hash.
    #[must_use]
    pub fn by_key(&self) -> HashMap<(u64, u64), MessageTruth> {
        self.messages.iter().map(|message| ((message.phone, message.text_hash), *message)).collect()
    }

    /// How many messages came per phone, copies included: what a cap bounds.
    #[must_use]
    pub fn per_phone(&self) -> HashMap<u64, u32> {
        let mut phones = HashMap::new();
        for message in &self.messages {
            *phones.entry(message.phone).or_default() += message.count;
        }
        phones
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<u64> {
        let mut out = BufWriter::new(File::create(path)?);
        for message in &self.messages {
            serde_json::to_writer(&mut out, message)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(self.messages.len() as u64)
    }
}

/// Reads what [`crate::Handle::dump_messages`] wrote: one JSON object per line.
///
/// # Errors
/// [`TruthFileError`].
pub fn read_messages(path: &Path) -> Result<Vec<MessageTruth>, TruthFileError> {
    let mut messages = Vec::new();
    for (line, text) in (1..).zip(BufReader::new(File::open(path)?).lines()) {
        let message = serde_json::from_str(&text?);
        messages.push(message.map_err(|source| TruthFileError::Line { line, source })?);
    }
    Ok(messages)
}

impl fmt::Debug for MessageTruth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("MessageTruth")
            .field("count", &self.count)
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OptOutTruth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OptOutTruth")
            .field("sent_ms", &self.sent_ms)
            .field("acked_ms", &self.acked_ms)
            .field("messages_after", &self.messages_after)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Truth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Truth({} messages, {} opt-outs)", self.messages.len(), self.opt_outs.len())
    }
}
