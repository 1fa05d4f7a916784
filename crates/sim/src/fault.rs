//! What goes wrong, and when: a script that tests and the command line write.

use std::str::FromStr;

use wire::Millis;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: At,
    /// What.
    pub kind: FaultKind,
}

/// When a fault strikes. Submits are counted over all connections, refused ones included; times from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// With the n-th submit.
    AfterSubmits(u64),
    /// With every n-th submit.
    EverySubmits(u64),
    /// Milliseconds after the start.
    AfterMillis(u64),
    /// Every so many milliseconds.
    EveryMillis(u64),
}

/// A way to go wrong. What concerns one connection strikes that of the submit that triggered it, or the oldest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// One connection is cut: answers not yet written are lost, though their submits were taken; later submits were not.
    Disconnect,
    /// Every connection is cut.
    DisconnectAll,
    /// One connection takes submits without answering until the peer's window is full, and is then cut.
    DisconnectFullWindow,
    /// Every connection is cut and nobody can connect again.
    StopListening,
    /// Every submit is answered 8 (flow control) for so many milliseconds.
    ThrottleAll {
        /// How long.
        millis: u64,
    },
    /// Every submit is answered with a failure that another channel may not have, for so many milliseconds.
    RefuseAll {
        /// How long; `u64::MAX` for ever.
        millis: u64,
    },
    /// Submits are taken and nothing at all is sent for so many milliseconds; then everything is.
    Silent {
        /// How long; `u64::MAX` for ever.
        millis: u64,
    },
    /// One connection sends PDUs that are none, then octets that cannot be cut into PDUs.
    Garbage,
    /// One connection sends a PDU that claims two gigabytes.
    HugeLength,
    /// Status reports for messages that nobody sent.
    UnknownReceipts {
        /// How many.
        count: u32,
    },
}

impl FaultKind {
    /// Whether it concerns the whole carrier and no connection in particular.
    pub(crate) fn is_carrier_wide(self) -> bool {
        matches!(
            self,
            Self::DisconnectAll
                | Self::StopListening
                | Self::ThrottleAll { .. }
                | Self::RefuseAll { .. }
                | Self::Silent { .. }
        )
    }
}

/// A fault on the command line could not be read: the caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no fault: write WHEN:WHAT, where WHEN is after-submits=N, every-submits=N, after-ms=N or every-ms=N, and \
     WHAT is disconnect, disconnect-all, disconnect-full-window, stop-listening, throttle=MS, refuse=MS, refuse, silent=MS, silent, garbage, \
     huge-length or unknown-receipts=N"
)]
pub struct FaultSyntaxError(String);

impl FromStr for Fault {
    type Err = FaultSyntaxError;

    /// Reads `after-submits=5000:stop-listening`, `every-ms=1000:disconnect`, `after-ms=2000:throttle=60000` and the like.
    fn from_str(text: &str) -> Result<Self, FaultSyntaxError> {
        let read = || {
            let (at, kind) = text.split_once(':')?;
            Some(Self { at: read_at(at)?, kind: read_kind(kind)? })
        };
        read().ok_or_else(|| FaultSyntaxError(text.to_owned()))
    }
}

fn read_at(text: &str) -> Option<At> {
    let (name, number) = text.split_once('=')?;
    let number = number.parse().ok()?;
    match name {
        "after-submits" => Some(At::AfterSubmits(number)),
        "every-submits" if number > 0 => Some(At::EverySubmits(number)),
        "after-ms" => Some(At::AfterMillis(number)),
        "every-ms" if number > 0 => Some(At::EveryMillis(number)),
        _ => None,
    }
}

fn read_kind(text: &str) -> Option<FaultKind> {
    match text.split_once('=') {
        None => match text {
            "disconnect" => Some(FaultKind::Disconnect),
            "disconnect-all" => Some(FaultKind::DisconnectAll),
            "disconnect-full-window" => Some(FaultKind::DisconnectFullWindow),
            "stop-listening" => Some(FaultKind::StopListening),
            "refuse" => Some(FaultKind::RefuseAll { millis: u64::MAX }),
            "silent" => Some(FaultKind::Silent { millis: u64::MAX }),
            "garbage" => Some(FaultKind::Garbage),
            "huge-length" => Some(FaultKind::HugeLength),
            _ => None,
        },
        Some(("throttle", millis)) => Some(FaultKind::ThrottleAll { millis: millis.parse().ok()? }),
        Some(("refuse", millis)) => Some(FaultKind::RefuseAll { millis: millis.parse().ok()? }),
        Some(("silent", millis)) => Some(FaultKind::Silent { millis: millis.parse().ok()? }),
        Some(("unknown-receipts", count)) => Some(FaultKind::UnknownReceipts { count: count.parse().ok()? }),
        Some(_) => None,
    }
}

/// The faults of a configuration, and which are due.
pub(crate) struct Script {
    by_submits: Vec<(u64, Fault)>,
    by_time: Vec<(u64, Fault)>,
    /// The smallest threshold of `by_submits`: looked at with every submit.
    next_submits: u64,
}

impl Script {
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let (mut by_submits, mut by_time) = (Vec::new(), Vec::new());
        for fault in faults {
            match fault.at {
                At::AfterSubmits(n) | At::EverySubmits(n) => by_submits.push((n.max(1), *fault)),
                At::AfterMillis(ms) | At::EveryMillis(ms) => by_time.push((ms.max(1), *fault)),
            }
        }
        let mut script = Self { by_submits, by_time, next_submits: 0 };
        script.next_submits = first(&script.by_submits).unwrap_or(u64::MAX);
        script
    }

    /// A fault that strikes with this many submits; ask until `None`.
    pub(crate) fn due_by_submits(&mut self, submits: u64) -> Option<FaultKind> {
        if submits < self.next_submits {
            return None;
        }
        let kind = take(&mut self.by_submits, submits);
        self.next_submits = first(&self.by_submits).unwrap_or(u64::MAX);
        kind
    }

    /// A fault that strikes by now; ask until `None`.
    pub(crate) fn due_by_time(&mut self, now: Millis) -> Option<FaultKind> {
        take(&mut self.by_time, now.0)
    }

    /// When the next fault by time strikes.
    pub(crate) fn next_time(&self) -> Option<Millis> {
        first(&self.by_time).map(Millis)
    }
}

fn first(faults: &[(u64, Fault)]) -> Option<u64> {
    faults.iter().map(|(threshold, _)| *threshold).min()
}

/// Takes the earliest fault at or below `reached`; a repeated one moves to its next turn after `reached`.
fn take(faults: &mut Vec<(u64, Fault)>, reached: u64) -> Option<FaultKind> {
    let earliest = first(faults).filter(|threshold| *threshold <= reached)?;
    let place = faults.iter().position(|(threshold, _)| *threshold == earliest)?;
    let (_, fault) = faults[place];
    match fault.at {
        At::EverySubmits(every) | At::EveryMillis(every) => {
            faults[place].0 = (reached / every.max(1) + 1).saturating_mul(every.max(1));
        }
        At::AfterSubmits(_) | At::AfterMillis(_) => {
            faults.remove(place);
        }
    }
    Some(fault.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_strikes_once_or_again_and_again() {
        let faults = ["after-submits=3:garbage", "every-submits=2:disconnect", "after-ms=10:silent"];
        let faults: Vec<Fault> = faults.iter().map(|text| text.parse().unwrap()).collect();
        let mut script = Script::new(&faults);
        let mut seen = Vec::new();
        for submits in 1..=6 {
            while let Some(kind) = script.due_by_submits(submits) {
                seen.push((submits, kind));
            }
        }
        let cut = FaultKind::Disconnect;
        assert_eq!(seen, [(2, cut), (3, FaultKind::Garbage), (4, cut), (6, cut)]);
        assert_eq!(script.next_time(), Some(Millis(10)));
        assert_eq!(script.due_by_time(Millis(9)), None);
        assert_eq!(script.due_by_time(Millis(12)), Some(FaultKind::Silent { millis: u64::MAX }));
        assert_eq!(script.next_time(), None);
    }

    #[test]
    fn a_wrong_fault_says_what_would_be_right() {
        for text in ["", "disconnect", "after-ms=x:garbage", "every-ms=0:garbage", "after-ms=1:sulk"] {
            let error = text.parse::<Fault>().unwrap_err();
            assert!(error.to_string().contains("after-submits=N"), "{error}");
        }
    }
}
