//! The circuit breaker of one channel, and how it comes back.
//!
//! A channel without connections is down. One whose submits fail too often, or whose messages do not arrive, rests for
//! a while, then carries a few messages as a probe: if they go through it recovers, if not it rests twice as long. While
//! it recovers, its part grows from second to second, and what is more goes to others where there are any.

mod history;
#[cfg(test)]
mod tests;
mod window;

pub use history::{Change, Turn};

use history::History;
use window::Window;

use crate::message::Reason;

/// When a channel is taken out and how it comes back. Times in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthRules {
    /// Over how long errors are counted.
    pub window_millis: u64,
    /// Fewer answers than this in the window say nothing.
    pub least_answers: u32,
    /// Of a hundred answers, so many errors open the circuit.
    pub error_percent: u32,
    /// Over how long receipts are counted: they come late.
    pub receipt_window_millis: u64,
    /// Fewer receipts than this in the window say nothing.
    pub least_receipts: u32,
    /// Of a hundred receipts, so many that blame the carrier open the circuit.
    pub receipt_error_percent: u32,
    /// The first rest; doubles with each failed probe.
    pub rest_millis: u64,
    /// The longest rest.
    pub longest_rest_millis: u64,
    /// Messages of one probe, and of the first step of recovery.
    pub probe: u32,
    /// How long a step of recovery lasts; each carries four times as many messages as the one before.
    pub step_millis: u64,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            window_millis: 10_000,
            least_answers: 20,
            error_percent: 50,
            receipt_window_millis: 600_000,
            least_receipts: 100,
            receipt_error_percent: 80,
            rest_millis: 5_000,
            longest_rest_millis: 120_000,
            probe: 5,
            step_millis: 1_000,
        }
    }
}

/// How much more each step of recovery carries.
const GROWTH: u32 = 4;
/// Steps until a channel is as good as any other: by then it carries some thousands a second.
const STEPS: u32 = 6;

/// Why a channel is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// No connection is up.
    Disconnected,
    /// Too many submits failed.
    Errors,
    /// Too many messages did not arrive, for reasons that are the carrier's.
    Receipts,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Disconnected, Self::Errors, Self::Receipts];

    /// The word used on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Errors => "submit_errors",
            Self::Receipts => "undelivered",
        }
    }

    /// For a person: what it means, in Chinese and English.
    #[must_use]
    pub const fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::Disconnected => ("没有可用连接", "no connection is up"),
            Self::Errors => ("提交失败过多", "too many submits failed"),
            Self::Receipts => {
                ("运营商原因的未送达过多", "too many messages did not arrive, by the carrier's fault")
            }
        }
    }
}

/// What a channel may do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// As much as its window and pace allow.
    Up,
    /// So many more messages before others; when there are none left, what no other channel can carry.
    Recovering { allowance: u32 },
    /// So many more messages, to find out whether it works again.
    Probing { allowance: u32 },
    /// Nothing, at least until then (milliseconds of the monotonic clock), if that is known.
    Down { trouble: Trouble, until_millis: Option<u64> },
}

impl Condition {
    /// Connected, and its circuit breaker lets messages through.
    #[must_use]
    pub fn is_usable(self) -> bool {
        !matches!(self, Self::Down { .. })
    }

    /// The word used on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Recovering { .. } => "recovering",
            Self::Probing { .. } => "probing",
            Self::Down { .. } => "down",
        }
    }

    /// Why it is down.
    #[must_use]
    pub const fn trouble(self) -> Option<Trouble> {
        match self {
            Self::Down { trouble, .. } => Some(trouble),
            Self::Up | Self::Recovering { .. } | Self::Probing { .. } => None,
        }
    }

    /// It recovers and has carried what it is trusted with for the moment: others go first.
    #[must_use]
    pub fn is_reluctant(self) -> bool {
        self == Self::Recovering { allowance: 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Circuit {
    Closed,
    /// Resting until then; then half open.
    Open {
        trouble: Trouble,
        until_millis: u64,
    },
    HalfOpen {
        trouble: Trouble,
        out: u32,
        succeeded: u32,
        since_millis: u64,
    },
    /// Well again, and trusted a little more with every step; `out` were handed over in this one.
    Recovering {
        since_millis: u64,
        step: u32,
        out: u32,
    },
}

/// How a channel did lately.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Vitals {
    /// Of a hundred submits, those that the carrier dealt with.
    pub submit_percent: Option<u8>,
    /// Of a hundred submits, those that were not throttled.
    pub unthrottled_percent: Option<u8>,
    /// The mean time of an answer to a submit.
    pub answer_millis: Option<u64>,
    /// Of a hundred receipts, those that say delivered.
    pub delivered_percent: Option<u8>,
}

/// Answers of one batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answers {
    /// Of messages that the carrier dealt with: taken, refused for what they are, or throttled.
    pub fine: u32,
    /// For which [`Health::is_illness`].
    pub ill: u32,
    /// How many of the fine ones were throttled.
    pub throttled: u32,
    /// How long so many of them took, in milliseconds together.
    pub timed: u32,
    pub millis: u64,
}

/// The health of one channel. `now` is a monotonic clock in milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    rules: HealthRules,
    connections_up: u16,
    /// It has been up before: what comes back is trusted step by step, what begins at once.
    was_up: bool,
    circuit: Circuit,
    rests: u32,
    answers: Window,
    throttled: Window,
    /// Answers, and their milliseconds.
    times: Window,
    receipts: Window,
    /// Of the receipts, those that blame the carrier.
    blame: Window,
    history: History,
}

impl Health {
    /// A channel that is not connected yet.
    #[must_use]
    pub fn new(rules: HealthRules) -> Self {
        let window = || Window::new(rules.window_millis);
        let receipts = || Window::new(rules.receipt_window_millis);
        Self {
            rules,
            connections_up: 0,
            was_up: false,
            circuit: Circuit::Closed,
            rests: 0,
            answers: window(),
            throttled: window(),
            times: window(),
            receipts: receipts(),
            blame: receipts(),
            history: History::default(),
        }
    }

    /// Whether an answer of this kind says that the channel is ill. What it says of a number, a content or a rate
    /// is about the message.
    #[must_use]
    pub fn is_illness(reason: Reason) -> bool {
        matches!(
            reason,
            Reason::CarrierSystem | Reason::CarrierAccount | Reason::NoAnswer | Reason::ConnectionLost
        )
    }

    /// Whether a receipt that gives this reason speaks against the carrier, and not of the number, the phone or the text.
    #[must_use]
    pub fn is_blamed(reason: Reason) -> bool {
        matches!(reason, Reason::CarrierSystem | Reason::CarrierAccount | Reason::CarrierRate)
    }

    /// The number of connections that can carry messages changed.
    pub fn connections(&mut self, up: u16, now: u64) {
        let before = std::mem::replace(&mut self.connections_up, up);
        match (before, up) {
            (0, 0) => return,
            (_, 0) => self.history.add(now, Turn::Down(Trouble::Disconnected)),
            (0, _) => {
                self.history.add(now, Turn::Connected);
                if self.was_up && self.is_in_use() {
                    self.recover(now);
                }
            }
            _ => {}
        }
        self.was_up |= up > 0;
    }

    /// Messages were handed over: counts towards a probe, or a step of recovery.
    pub fn handed_over(&mut self, messages: u32, now: u64) {
        if let Circuit::Open { trouble, until_millis } = self.circuit
            && until_millis <= now
        {
            self.circuit = Circuit::HalfOpen { trouble, out: 0, succeeded: 0, since_millis: now };
            self.history.add(now, Turn::Probing);
        }
        match &mut self.circuit {
            Circuit::HalfOpen { out, since_millis, .. } => {
                *out = out.saturating_add(messages);
                *since_millis = now;
            }
            Circuit::Recovering { since_millis, step, out } => {
                let reached = step_at(*since_millis, self.rules.step_millis, now);
                if reached >= STEPS {
                    self.close(now);
                } else if reached != *step {
                    (*step, *out) = (reached, messages);
                } else {
                    *out = out.saturating_add(messages);
                }
            }
            Circuit::Closed | Circuit::Open { .. } => {}
        }
    }

    /// Answers to submits came.
    pub fn answered(&mut self, answers: Answers, now: u64) {
        let Answers { fine, ill, throttled, timed, millis } = answers;
        self.times.add(timed.into(), millis, now);
        self.throttled.add(fine.saturating_sub(throttled).into(), throttled.into(), now);
        if let Circuit::HalfOpen { trouble, succeeded, .. } = &mut self.circuit {
            *succeeded = succeeded.saturating_add(fine);
            let (trouble, recovered) = (*trouble, *succeeded >= self.rules.probe);
            if ill > 0 {
                self.open(trouble, now);
            } else if recovered {
                self.recover(now);
            }
            return;
        }
        self.answers.add(fine.into(), ill.into(), now);
        let counts = self.answers.counts(now);
        let judged = counts.all() >= u64::from(self.rules.least_answers);
        if self.is_in_use() && judged && counts.ill_reach(self.rules.error_percent) {
            self.open(Trouble::Errors, now);
        }
    }

    /// Receipts came: `arrived` say delivered, and of the others `blamed` give a reason that is the carrier's, not the
    /// number's or the text's.
    pub fn receipts(&mut self, arrived: u32, failed: u32, blamed: u32, now: u64) {
        self.receipts.add(arrived.into(), failed.into(), now);
        let others = arrived.saturating_add(failed).saturating_sub(blamed);
        self.blame.add(others.into(), blamed.into(), now);
        let counts = self.blame.counts(now);
        let judged = counts.all() >= u64::from(self.rules.least_receipts);
        if self.is_in_use() && judged && counts.ill_reach(self.rules.receipt_error_percent) {
            self.open(Trouble::Receipts, now);
        }
    }

    /// What the channel may do now.
    #[must_use]
    pub fn condition(&self, now: u64) -> Condition {
        if self.connections_up == 0 {
            return Condition::Down { trouble: Trouble::Disconnected, until_millis: None };
        }
        let probe = self.rules.probe;
        match self.circuit {
            Circuit::Closed => Condition::Up,
            Circuit::Open { trouble, until_millis } if now < until_millis => {
                Condition::Down { trouble, until_millis: Some(until_millis) }
            }
            Circuit::Open { .. } => Condition::Probing { allowance: probe },
            Circuit::HalfOpen { trouble, out, since_millis, .. } => {
                let ends = since_millis + self.rules.window_millis;
                match probe.saturating_sub(out) {
                    // A probe whose answers never came is made again.
                    _ if now >= ends => Condition::Probing { allowance: probe },
                    0 => Condition::Down { trouble, until_millis: Some(ends) },
                    allowance => Condition::Probing { allowance },
                }
            }
            Circuit::Recovering { since_millis, step, out } => {
                let reached = step_at(since_millis, self.rules.step_millis, now);
                let out = if reached == step { out } else { 0 };
                match GROWTH.checked_pow(reached + 1).filter(|_| reached < STEPS) {
                    None => Condition::Up,
                    Some(times) => {
                        Condition::Recovering { allowance: probe.saturating_mul(times).saturating_sub(out) }
                    }
                }
            }
        }
    }

    /// Whether messages may be handed to the channel now.
    #[must_use]
    pub fn is_usable(&self, now: u64) -> bool {
        self.condition(now).is_usable()
    }

    /// How it did lately.
    #[must_use]
    pub fn vitals(&self, now: u64) -> Vitals {
        let times = self.times.counts(now);
        Vitals {
            submit_percent: self.answers.counts(now).percent_well(),
            unthrottled_percent: self.throttled.counts(now).percent_well(),
            answer_millis: times.ill.checked_div(times.well),
            delivered_percent: self.delivered_percent(now),
        }
    }

    /// Of a hundred receipts, those that say delivered; none while there are too few to judge by.
    #[must_use]
    pub fn delivered_percent(&self, now: u64) -> Option<u8> {
        let counts = self.receipts.counts(now);
        counts.percent_well().filter(|_| counts.all() >= u64::from(self.rules.least_receipts))
    }

    /// What happened to it, oldest first; no more than the last [`Change::MOST`].
    pub fn history(&self) -> impl Iterator<Item = &Change> {
        self.history.changes()
    }

    /// The turns that were not written down yet, oldest first.
    pub fn unsaved(&self) -> impl Iterator<Item = &Change> {
        self.history.unsaved()
    }

    /// The oldest `count` of [`Self::unsaved`] are written down.
    pub fn saved(&mut self, count: usize) {
        self.history.saved(count);
    }

    fn is_in_use(&self) -> bool {
        matches!(self.circuit, Circuit::Closed | Circuit::Recovering { .. })
    }

    fn open(&mut self, trouble: Trouble, now: u64) {
        let rest = self.rules.rest_millis.saturating_mul(1 << self.rests.min(16));
        self.rests = self.rests.saturating_add(1);
        let until_millis = now + rest.min(self.rules.longest_rest_millis);
        self.circuit = Circuit::Open { trouble, until_millis };
        self.answers.clear();
        self.blame.clear();
        self.history.add(now, Turn::Down(trouble));
    }

    fn recover(&mut self, now: u64) {
        self.circuit = Circuit::Recovering { since_millis: now, step: 0, out: 0 };
        self.answers.clear();
        self.history.add(now, Turn::Recovering);
    }

    fn close(&mut self, now: u64) {
        self.circuit = Circuit::Closed;
        self.rests = 0;
        self.history.add(now, Turn::Up);
    }
}

/// Which step of recovery it is, from 0.
fn step_at(since: u64, step_millis: u64, now: u64) -> u32 {
    u32::try_from(now.saturating_sub(since) / step_millis.max(1)).unwrap_or(u32::MAX)
}
