//! What the simulated carrier is like. Defaults are those of an ordinary Chinese carrier; each is an assumption that can be set.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use wire::cmpp::Version;
use wire::{Octets, Secret};

use crate::carrier::SimError;
use crate::dice::{Dice, sigma};
use crate::fault::Fault;

/// Longest delay drawn: what one receipt in a thousand takes with real carriers.
const LONGEST_DELAY_MS: u64 = 6 * 3_600_000;

/// A carrier protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// CMPP 2.0 and 3.0.
    Cmpp,
    /// SGIP 1.2.
    Sgip,
    /// SMGP 3.0.3, and its layouts of version 1.3.
    Smgp,
    /// SMPP 3.4 and 5.0.
    Smpp,
}

impl Protocol {
    /// The port on which gateways listen for service providers.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Cmpp => 7890,
            Self::Sgip => 8801,
            Self::Smgp => 8890,
            Self::Smpp => 2775,
        }
    }

    /// Results of refused submits, with weights, which are guesses: most refusals seen by a sound client are about content
    /// and rights, not about structure.
    fn refusals(self) -> Vec<(u32, f64)> {
        match self {
            Self::Cmpp => vec![(9, 5.0), (10, 2.0), (13, 2.0), (6, 1.0)],
            Self::Sgip => vec![(13, 5.0), (5, 2.0), (23, 2.0), (8, 1.0)],
            Self::Smgp => vec![(43, 5.0), (46, 2.0), (47, 2.0), (36, 1.0)],
            Self::Smpp => vec![(0x45, 5.0), (0x0A, 2.0), (0x0B, 2.0), (0x01, 1.0)],
        }
    }

    /// What reports of failure say, with weights.
    fn failures(self) -> Vec<(String, f64)> {
        let failures: &[(&str, f64)] = match self {
            Self::Cmpp => &[
                ("UNDELIV", 30.0),
                ("MK:0001", 15.0),
                ("MK:0012", 10.0),
                ("MK:0010", 8.0),
                ("MK:0024", 8.0),
                ("EXPIRED", 8.0),
                ("MB:1042", 6.0),
                ("REJECTD", 5.0),
                ("ID:0076", 3.0),
                ("DB:0141", 3.0),
                ("CB:0001", 2.0),
                ("MI:0013", 2.0),
            ],
            // Error codes: none of such a number, suspended, off, out of coverage, unknown, content, blacklist.
            Self::Sgip => {
                &[("12", 30.0), ("5", 15.0), ("54", 10.0), ("15", 8.0), ("29", 8.0), ("76", 3.0), ("69", 3.0)]
            }
            Self::Smgp => {
                &[("UNDELIV", 30.0), ("EXPIRED", 10.0), ("REJECTD", 5.0), ("RT:0148", 3.0), ("BWLISTS", 3.0)]
            }
            Self::Smpp => {
                &[("UNDELIV", 30.0), ("EXPIRED", 10.0), ("REJECTD", 5.0), ("DELETED", 2.0), ("UNKNOWN", 2.0)]
            }
        };
        failures.iter().map(|(stat, weight)| ((*stat).to_owned(), *weight)).collect()
    }
}

/// The whole configuration; change fields of [`SimConfig::default`] or [`SimConfig::ideal`].
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where to listen; port 0 for any free one.
    pub listen: SocketAddr,
    /// SGIP: where the client listens for the carrier's own connections; `None`: everything goes over the client's.
    pub deliver_to: Option<SocketAddr>,
    /// Who may log in.
    pub accounts: Accounts,
    /// CMPP: the highest version served.
    pub highest_version: Version,
    /// DELIVERs that may be unanswered per connection.
    pub window: usize,
    /// Where all chance comes from.
    pub seed: u64,
    /// The gateway code in message ids (22 bits).
    pub gateway_code: u32,
    /// How long an answer to a submit takes.
    pub answer: Latency,
    /// Share of submits taken (0 to 1), throttling aside.
    pub acceptance: f64,
    /// Result codes of the submits refused, with weights.
    pub refusals: Vec<(u32, f64)>,
    /// Submits per second and connection above which the answer is 8; `None` for no limit.
    pub tps_per_connection: Option<u32>,
    /// The same over all connections together.
    pub tps_total: Option<u32>,
    /// Status reports.
    pub receipts: Receipts,
    /// What people answer.
    pub replies: Replies,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// C: silence after which a peer is tested.
    pub active_test_interval: Duration,
    /// T: how long a peer may take to log in or to answer a DELIVER, which is sent again after that.
    pub response_timeout: Duration,
}

/// Who may log in.
#[derive(Clone)]
pub enum Accounts {
    /// Anybody, with any secret. The carrier cannot prove itself then: a client that checks the server's authenticator leaves.
    Any,
    /// Logins with their secrets.
    Listed(Vec<(String, String)>),
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// Answered with the same write as everything else that is ready.
    None,
    /// Milliseconds.
    Fixed(u64),
    /// Spread.
    LogNormal(LogNormal),
}

/// A log-normal delay in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal {
    /// Half take at most this.
    pub median_ms: f64,
    /// 95 % take at most this. At or below the median: all take the median.
    pub p95_ms: f64,
}

/// Status reports, sent for submits that ask for them. All parts of a long message share one fate.
#[derive(Debug, Clone)]
pub struct Receipts {
    /// Share of `DELIVRD` among the reports that come.
    pub delivered: f64,
    /// `Stat` of the others (at most seven octets), with weights.
    pub failures: Vec<(String, f64)>,
    /// Share of messages whose report never comes.
    pub never: f64,
    /// From submit to report.
    pub delay: LogNormal,
    /// Share sent twice.
    pub duplicates: f64,
    /// Share held back by another delay, so that later ones overtake them.
    pub out_of_order: f64,
    /// Share sent before the answer to their submit (as long as the window has room).
    pub before_answer: f64,
    /// Share that does not say for which phone.
    pub without_phone: f64,
    /// Reports for messages that nobody sent, per submit taken.
    pub unknown: f64,
    /// Only the first part of a long message is reported, for all of them.
    pub first_part_only: bool,
    /// SMPP: reports write ids in decimal, though answers wrote them in hexadecimal.
    pub decimal_ids: bool,
    /// Submits that ask for a report are refused.
    pub refused: bool,
}

/// Messages from phones, after a message was delivered to them.
#[derive(Debug, Clone)]
pub struct Replies {
    /// Share of messages answered by an opt-out.
    pub opt_out: f64,
    /// What such people write.
    pub opt_out_words: Vec<String>,
    /// Share of messages answered otherwise.
    pub ordinary: f64,
    /// What such people write.
    pub ordinary_texts: Vec<String>,
    /// From submit to reply.
    pub delay: LogNormal,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            protocol: Protocol::Cmpp,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, Protocol::Cmpp.port())),
            deliver_to: None,
            accounts: Accounts::Any,
            highest_version: Version::V30,
            window: 256,
            seed: 1,
            gateway_code: 1,
            answer: Latency::None,
            acceptance: 0.995,
            refusals: Protocol::Cmpp.refusals(),
            tps_per_connection: None,
            tps_total: None,
            receipts: Receipts::default(),
            replies: Replies::default(),
            faults: Vec::new(),
            active_test_interval: Duration::from_secs(180),
            response_timeout: Duration::from_secs(60),
        }
    }
}

impl SimConfig {
    /// A carrier on any free port that takes everything, delivers everything after about 20 ms, and never hears from anybody:
    /// what a test begins with.
    #[must_use]
    pub fn ideal() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            acceptance: 1.0,
            receipts: Receipts {
                delivered: 1.0,
                never: 0.0,
                delay: LogNormal { median_ms: 20.0, p95_ms: 50.0 },
                duplicates: 0.0,
                out_of_order: 0.0,
                ..Receipts::default()
            },
            replies: Replies { opt_out: 0.0, ordinary: 0.0, ..Replies::default() },
            ..Self::default()
        }
    }

    /// The same carrier with another protocol, its results and its causes of failure.
    #[must_use]
    pub fn speaking(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self.refusals = protocol.refusals();
        self.receipts.failures = protocol.failures();
        self
    }

    /// Refuses what cannot be simulated.
    pub(crate) fn validate(&self) -> Result<(), SimError> {
        let receipts = &self.receipts;
        let shares = [
            ("acceptance", self.acceptance),
            ("receipts.delivered", receipts.delivered),
            ("receipts.never", receipts.never),
            ("receipts.duplicates", receipts.duplicates),
            ("receipts.out_of_order", receipts.out_of_order),
            ("receipts.before_answer", receipts.before_answer),
            ("receipts.without_phone", receipts.without_phone),
            ("receipts.unknown", receipts.unknown),
            ("replies.opt_out", self.replies.opt_out),
            ("replies.ordinary", self.replies.ordinary),
        ];
        match shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            Some((field, share)) => Err(SimError::NotAShare { field, share }),
            None => Ok(()),
        }
    }
}

impl Accounts {
    /// The secret of a login. `Some(None)`: anybody may come.
    pub(crate) fn find(&self, login: &Octets<16>) -> Option<Option<Secret>> {
        match self {
            Self::Any => Some(None),
            Self::Listed(accounts) => accounts
                .iter()
                .find(|(name, _)| name.as_bytes() == login.as_bytes())
                .map(|(_, secret)| Some(Secret::new(secret.as_bytes()))),
        }
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => out.write_str("Any"),
            Self::Listed(accounts) => write!(out, "Listed({} accounts)", accounts.len()),
        }
    }
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            delivered: 0.96,
            failures: Protocol::Cmpp.failures(),
            never: 0.01,
            delay: LogNormal { median_ms: 3000.0, p95_ms: 60_000.0 },
            duplicates: 0.001,
            out_of_order: 0.001,
            before_answer: 0.0,
            without_phone: 0.0,
            unknown: 0.0,
            first_part_only: false,
            decimal_ids: false,
            refused: false,
        }
    }
}

impl Default for Replies {
    fn default() -> Self {
        let words = ["退订", "TD", "R", "T", "拒收", "不要再发", "td"];
        let texts = ["好的", "收到，谢谢", "请问几点营业？", "还有货吗", "1", "你是谁", "Thanks"];
        Self {
            opt_out: 0.002,
            opt_out_words: words.map(str::to_owned).to_vec(),
            ordinary: 0.0005,
            ordinary_texts: texts.map(str::to_owned).to_vec(),
            delay: LogNormal { median_ms: 20_000.0, p95_ms: 120_000.0 },
        }
    }
}

impl LogNormal {
    pub(crate) fn draw(&self, dice: &mut Dice) -> u64 {
        let delay = dice.log_normal(self.median_ms, sigma(self.median_ms, self.p95_ms));
        // A float cast saturates, so nonsense becomes the longest delay or none.
        (delay as u64).min(LONGEST_DELAY_MS)
    }
}

impl Latency {
    pub(crate) fn draw(&self, dice: &mut Dice) -> u64 {
        match self {
            Self::None => 0,
            Self::Fixed(millis) => *millis,
            Self::LogNormal(spread) => spread.draw(dice),
        }
    }
}
