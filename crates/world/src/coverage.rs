//! What a run has seen: how often each event, fault kind, edge of a message's life and reason occurred.

use std::collections::BTreeMap;
use std::fmt;

/// What must not be missing from a run of some size: else the world has become blind to it.
const REQUIRED: &[&str] = &[
    "event send",
    "event campaign",
    "event keep",
    "event commit",
    "event tick",
    "event jump",
    "event write",
    "event carry",
    "event read",
    "event answer",
    "event receipt",
    "event receipt twice",
    "event receipt unknown",
    "event opt-out",
    "event chat",
    "event inbound twice",
    "event suppress",
    "event unsuppress",
    "event consent",
    "event pause",
    "event resume",
    "event cancel",
    "event speed",
    "event disconnect",
    "event connect",
    "event start",
    "event freeze",
    "event thaw",
    "event take over",
    "event fence",
    "event clock set back",
    "event clock corrected",
    "event disk fails",
    "event disk mended",
    "fault disk full",
    "fault disk read-only",
    "error full",
    "nodes 1",
    "nodes 2",
    "nodes 3",
    "fault node frozen",
    "fault dead node taken over",
    "fault frozen node taken over",
    "fault claims taken over",
    "fault node came back after it was taken over",
    "fault request lost with its node",
    "fault clock set back",
    "error clock behind",
    "fault octets lost",
    "fault killed",
    "fault power lost",
    "fault storage once",
    "fault storage always",
    "fault answer lost",
    "fault write too late",
    "fault receipt early",
    "fault receipt without phone",
    "fault settlement lost",
    "campaign launched at its time",
    "campaign launched on another day",
    "campaign launched outside sending hours",
    "campaign expanded in several groups",
    "campaign finished",
    "campaign went on after its canary",
    "campaign stopped itself",
    "campaign went over several routes",
    "answer taken",
    "answer throttled",
    "answer refused",
    "answer partial",
    "answer recalled",
    "answer not written",
    "answer never",
    "answer late",
    "receipt delivered",
    "receipt undelivered",
    "receipt expired",
    "outcome held",
    "outcome duplicate",
    "edge queued → sending",
    "edge queued → rejected",
    "edge queued → cancelled",
    "edge sending → submitted",
    "edge sending → queued",
    "edge sending → failed",
    "edge sending → uncertain",
    "edge submitted → delivered",
    "edge submitted → undelivered",
    "edge submitted → expired",
    "edge submitted → unknown",
    "edge submitted → queued",
    "edge uncertain → queued",
    "edge uncertain → unknown",
    "edge uncertain → submitted",
    "rejected suppressed",
    "rejected no_consent",
    "rejected capped",
    "rejected repeated_text",
    "rejected quiet_hours",
    "rejected validity_passed",
    "rejected signature_missing",
    "rejected dead_number",
    "numbers dead",
    "numbers showed life",
];

/// Counters by name.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Coverage {
    counts: BTreeMap<String, u64>,
}

impl Coverage {
    /// Counts one occurrence. `kind` is the first word of the name: `event`, `fault`, `edge`, …
    pub(crate) fn count(&mut self, kind: &str, what: impl fmt::Display) {
        *self.counts.entry(format!("{kind} {what}")).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
    }

    /// How often something occurred.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// Every counter with its name, in order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, count)| (name.as_str(), *count))
    }

    /// What a run should have met and did not.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        REQUIRED.iter().copied().filter(|name| self.of(name) == 0).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kind = "";
        for (name, count) in &self.counts {
            let (this, what) = name.split_once(' ').unwrap_or(("", name));
            if this != kind {
                write!(f, "{}{this}:", if kind.is_empty() { "" } else { "\n" })?;
                kind = this;
            }
            write!(f, " {what} {count};")?;
        }
        Ok(())
    }
}
