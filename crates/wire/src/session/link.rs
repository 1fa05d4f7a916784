//! The part of a session that knows no protocol: phases, buffers, window and timers.
//!
//! A protocol's session asks it for the next frame, for what time asks for, and for what became of requests;
//! it writes PDUs into [`Link::output`].

use std::ops::Range;

use super::heartbeat::{Beat, Heartbeat};
use super::window::{Answer, Numbers, Pending, Window};
use super::{CloseCause, Millis, Request, SendError, Timing};
use crate::frame::{Input, Limits};

/// The most output that waits for a peer before the connection is given up. Our own requests are bounded by
/// the window (about 300 octets each), so only a peer that keeps asking and never reads can reach this.
pub const OUTPUT_LIMIT: usize = 16 << 20;

/// Where a connection is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Log-in under way until then.
    Opening(Millis),
    Open,
    /// We said goodbye and wait until then.
    Terminating(Millis),
    /// Over; unanswered requests are being given back.
    Closing(CloseCause),
    /// Over, and everything has been told.
    Closed(CloseCause),
}

/// Something that happened without a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    Unanswered(Pending),
    Lost(Pending),
    Closed(CloseCause),
}

pub(crate) struct Link {
    pub(crate) input: Input,
    pub(crate) output: Vec<u8>,
    written: usize,
    window: Window,
    heartbeat: Heartbeat,
    timing: Timing,
    limits: Limits,
    phase: Phase,
    now: Millis,
    /// Requests sent at or before this have timed out.
    expire_until: Option<Millis>,
    stray_answers: u64,
}

impl Link {
    pub(crate) fn new(limits: Limits, window: usize, timing: Timing, numbers: Numbers, now: Millis) -> Self {
        Self {
            input: Input::default(),
            output: Vec::new(),
            written: 0,
            window: Window::new(window, numbers),
            heartbeat: Heartbeat::new(timing, now),
            timing,
            limits,
            phase: Phase::Opening(now.after(timing.response_timeout)),
            now,
            expire_until: None,
            stray_answers: 0,
        }
    }

    pub(crate) fn feed(&mut self, now: Millis, octets: &[u8]) {
        self.tick(now);
        if self.is_over() || octets.is_empty() {
            return;
        }
        self.heartbeat.on_input(self.now);
        if self.pending_output().len() > OUTPUT_LIMIT {
            self.close(CloseCause::PeerNotReading);
        } else if let Err(error) = self.input.push(octets) {
            self.close(CloseCause::Frame(error));
        }
    }

    /// The next whole PDU; a stream that cannot be cut closes the connection.
    pub(crate) fn next_frame(&mut self) -> Option<Range<usize>> {
        if self.is_over() {
            return None;
        }
        match self.input.next(self.limits) {
            Ok(frame) => frame,
            Err(error) => {
                self.close(CloseCause::Frame(error));
                None
            }
        }
    }

    /// Time-outs first, then (once over) what was lost, then the end itself.
    pub(crate) fn next_notice(&mut self) -> Option<Notice> {
        match self.phase {
            Phase::Closing(cause) => {
                if let Some(pending) = self.window.pop_oldest() {
                    return Some(Notice::Lost(pending));
                }
                self.phase = Phase::Closed(cause);
                Some(Notice::Closed(cause))
            }
            Phase::Closed(_) => None,
            Phase::Opening(_) | Phase::Open | Phase::Terminating(_) => {
                let expire_until = self.expire_until?;
                if self.window.oldest().is_some_and(|oldest| oldest.sent_at <= expire_until) {
                    return self.window.expire_oldest().map(Notice::Unanswered);
                }
                self.expire_until = None;
                None
            }
        }
    }

    /// Lets time pass. `true` when the protocol must write a heartbeat.
    pub(crate) fn handle_timeout(&mut self, now: Millis) -> bool {
        self.tick(now);
        match self.phase {
            Phase::Opening(until) if self.now >= until => self.close(CloseCause::OpenTimedOut),
            Phase::Terminating(until) if self.now >= until => self.close(CloseCause::Terminated),
            _ => {}
        }
        if self.is_over() {
            return false;
        }
        let timeout = u64::try_from(self.timing.response_timeout.as_millis()).unwrap_or(u64::MAX);
        self.expire_until = self.now.0.checked_sub(timeout).map(Millis);
        if self.phase != Phase::Open {
            return false;
        }
        match self.heartbeat.on_time(self.now) {
            Beat::Wait => false,
            Beat::Test => true,
            Beat::Dead => {
                self.close(CloseCause::HeartbeatLost);
                false
            }
        }
    }

    /// Counts the silence so far for nothing.
    pub(crate) fn rest(&mut self) {
        self.heartbeat.on_input(self.now);
    }

    /// When [`Link::handle_timeout`] has something to do next.
    pub(crate) fn poll_timeout(&self) -> Option<Millis> {
        let phase = match self.phase {
            Phase::Opening(until) | Phase::Terminating(until) => until,
            Phase::Open => self.heartbeat.next(),
            Phase::Closing(_) | Phase::Closed(_) => return None,
        };
        let answer = self.window.oldest().map(|oldest| oldest.sent_at.after(self.timing.response_timeout));
        Some(answer.map_or(phase, |answer| answer.min(phase)))
    }

    /// Opens a request in the window and gives its sequence number.
    pub(crate) fn open_request(
        &mut self,
        now: Millis,
        request: Request,
        token: u64,
    ) -> Result<u32, SendError> {
        self.tick(now);
        if self.phase != Phase::Open {
            return Err(SendError::NotConnected);
        }
        self.window.open(request, token, self.now).ok_or(SendError::WindowFull)
    }

    /// `request` `None`: an answer to whichever request has the number.
    pub(crate) fn answer(&mut self, sequence: u32, request: Option<Request>) -> Answer {
        let answer = self.window.answer(sequence, request);
        if answer == Answer::Stray {
            self.stray_answers = self.stray_answers.saturating_add(1);
        }
        answer
    }

    /// Takes back a request that could not be written.
    pub(crate) fn withdraw(&mut self, sequence: u32, request: Request) {
        self.window.answer(sequence, Some(request));
    }

    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.window.next_sequence()
    }

    pub(crate) fn opened(&mut self) {
        if let Phase::Opening(_) = self.phase {
            self.phase = Phase::Open;
            self.heartbeat.on_input(self.now);
        }
    }

    pub(crate) fn terminating(&mut self, now: Millis) {
        self.tick(now);
        self.phase = Phase::Terminating(self.now.after(self.timing.response_timeout));
    }

    pub(crate) fn close(&mut self, cause: CloseCause) {
        if !self.is_over() {
            self.phase = Phase::Closing(cause);
            self.input.clear();
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closing(_) | Phase::Closed(_))
    }

    pub(crate) fn now(&self) -> Millis {
        self.now
    }

    pub(crate) fn free_window(&self) -> usize {
        if self.phase == Phase::Open { self.window.free() } else { 0 }
    }

    pub(crate) fn open_requests(&self) -> usize {
        self.window.open_requests()
    }

    pub(crate) fn oldest_request(&self) -> Option<Millis> {
        self.window.oldest().map(|oldest| oldest.sent_at)
    }

    pub(crate) fn stray_answers(&self) -> u64 {
        self.stray_answers
    }

    pub(crate) fn pending_output(&self) -> &[u8] {
        self.output.get(self.written..).unwrap_or_default()
    }

    pub(crate) fn advance_output(&mut self, octets: usize) {
        self.written = self.written.saturating_add(octets);
        if self.written >= self.output.len() {
            self.output.clear();
            self.written = 0;
        }
    }

    pub(crate) fn take_output(&mut self, into: &mut Vec<u8>) {
        if into.is_empty() && self.written == 0 {
            std::mem::swap(into, &mut self.output);
        } else {
            into.extend_from_slice(self.pending_output());
            self.output.clear();
            self.written = 0;
        }
    }

    /// A clock that steps back is held, so that differences never are negative.
    fn tick(&mut self, now: Millis) {
        self.now = self.now.max(now);
    }
}
