//! What a session does with each PDU that arrives.

use std::ops::Range;

use super::event::{Event, Plain};
use super::link::{Notice, Phase};
use super::machine::{Opening, Session};
use super::protocol::{Answered, Control, Greeting, Head, Kind, Protocol};
use super::window::{Answer, Pending};
use super::{CloseCause, Request};
use crate::error::DecodeError;

/// One step of polling.
enum Step<P: Protocol> {
    /// Told without borrowing.
    Tell(Plain<P>),
    /// A PDU whose content the event borrows.
    Message { head: Head<P::Sequence>, command: P::Command, frame: Range<usize> },
    /// Handled here.
    Handled,
    /// Nothing is left.
    Idle,
}

impl<P: Protocol> Session<P> {
    /// The next event, or `None` when more input or time is needed. Decodes lazily: one PDU per event,
    /// nothing is copied.
    pub fn poll_event(&mut self) -> Option<Event<'_, P>> {
        loop {
            match self.step() {
                Step::Tell(plain) => return Some(plain.into()),
                Step::Message { head, command, frame } => return Some(self.message(head, command, frame)),
                Step::Handled => {}
                Step::Idle => return None,
            }
        }
    }

    fn step(&mut self) -> Step<P> {
        if let Some(frame) = self.link.next_frame() {
            return self.frame(frame);
        }
        match self.link.next_notice() {
            Some(Notice::Unanswered(Pending { request, token, .. })) => {
                Step::Tell(Plain::Unanswered { request, token })
            }
            Some(Notice::Lost(Pending { request, token, .. })) => Step::Tell(Plain::Lost { request, token }),
            Some(Notice::Closed(cause)) => Step::Tell(Plain::Closed { cause }),
            None => Step::Idle,
        }
    }

    fn frame(&mut self, frame: Range<usize>) -> Step<P> {
        // The framer has checked the length, so the header can always be read.
        let Ok(head) = P::head(self.link.input.get(frame.clone())) else { return Step::Handled };
        let Some(command) = P::command(head.command) else {
            return self.unsupported(head);
        };
        let kind = P::kind(command);
        if matches!(self.link.phase(), Phase::Opening(_))
            && matches!(kind, Kind::Message(_) | Kind::Answer(_))
        {
            self.link.close(CloseCause::NotLoggedIn { command: head.command });
            return Step::Handled;
        }
        match kind {
            Kind::Heartbeat => {
                if let Some(answer) = P::control(Control::HeartbeatAnswer) {
                    self.write(head.sequence, &answer);
                }
                Step::Handled
            }
            // A heartbeat's answer has done its work by arriving.
            Kind::HeartbeatAnswer => Step::Handled,
            Kind::Goodbye => {
                if let Some(answer) = P::control(Control::GoodbyeAnswer) {
                    self.write(head.sequence, &answer);
                }
                self.link.close(CloseCause::PeerTerminated);
                Step::Handled
            }
            Kind::GoodbyeAnswer => {
                if matches!(self.link.phase(), Phase::Terminating(_)) {
                    self.link.close(CloseCause::Terminated);
                }
                Step::Handled
            }
            Kind::LogIn => self.on_log_in(head, frame),
            Kind::LogInAnswer => self.on_log_in_answer(head, frame),
            Kind::Message(served_by) if served_by.is_none_or(|role| role == self.role) => {
                Step::Message { head, command, frame }
            }
            Kind::Answer(request) if request.is_none_or(|request| request.sender() == self.role) => {
                self.on_answer(head, (command, request), frame)
            }
            Kind::Message(_) | Kind::Answer(_) => self.unsupported(head),
        }
    }

    fn unsupported(&mut self, head: Head<P::Sequence>) -> Step<P> {
        if let Some(answer) = self.protocol.unsupported(head) {
            self.reply(head.sequence, &answer);
        }
        Step::Tell(Plain::Unsupported { command: head.command, sequence: head.sequence })
    }

    fn on_answer(
        &mut self,
        head: Head<P::Sequence>,
        (command, request): (P::Command, Option<Request>),
        frame: Range<usize>,
    ) -> Step<P> {
        let octets = self.link.input.get(frame);
        let answered = match self.protocol.read_answer(command, octets) {
            Ok(answered) => answered,
            Err(error) => return Step::Tell(self.malformed(head, error)),
        };
        let now = self.link.now();
        let answer = self.link.answer(P::number(head.sequence), request);
        match (answered, answer) {
            (Answered::Message { msg_id, result }, Answer::InTime(pending)) => {
                let (token, waited_ms) = (pending.token, now.since(pending.sent_at));
                Step::Tell(match pending.request {
                    Request::Submit => Plain::SubmitAnswered { token, msg_id, result, waited_ms },
                    Request::Deliver => Plain::DeliverAnswered { token, msg_id, result, waited_ms },
                    // Refused as a whole, which is no answer to a question.
                    request @ (Request::Query | Request::Cancel) => Plain::Unanswered { request, token },
                })
            }
            (Answered::Message { msg_id, result }, Answer::Late(Pending { request, token, .. })) => {
                Step::Tell(Plain::LateAnswer { request, token, msg_id, result })
            }
            (Answered::Other(answer), Answer::InTime(Pending { token, .. })) => {
                Step::Tell(Plain::Answered { token, answer })
            }
            (Answered::Other(_), Answer::Late(_)) | (_, Answer::Stray) => Step::Handled,
        }
    }

    fn message(&mut self, head: Head<P::Sequence>, command: P::Command, frame: Range<usize>) -> Event<'_, P> {
        let octets = self.link.input.get(frame);
        let sequence = head.sequence;
        match self.protocol.read_message(self.role, command, sequence, octets) {
            Ok(event) => event,
            Err(error) => {
                // Written by hand: the other event may borrow the input.
                if let Some(answer) = self.protocol.malformed(head, octets) {
                    let written = self.protocol.encode(&answer, sequence, &mut self.link.output);
                    debug_assert!(written.is_ok(), "an answer with a small result always fits");
                }
                Event::Malformed { command: head.command, sequence, error }
            }
        }
    }

    fn malformed(&self, head: Head<P::Sequence>, error: DecodeError) -> Plain<P> {
        Plain::Malformed { command: head.command, sequence: head.sequence, error }
    }

    fn on_log_in(&mut self, head: Head<P::Sequence>, frame: Range<usize>) -> Step<P> {
        let waits =
            matches!(self.link.phase(), Phase::Opening(_)) && matches!(self.opening, Opening::Theirs(None));
        if !waits {
            return self.unsupported(head);
        }
        let octets = self.link.input.get(frame);
        match self.protocol.read_log_in(octets) {
            Ok(Greeting::Ask(log_in)) => {
                self.opening = Opening::Theirs(Some((head.sequence, log_in)));
                Step::Tell(Plain::ConnectRequested { log_in, version: self.protocol.version() })
            }
            Ok(Greeting::Refuse(answer)) => {
                self.write(head.sequence, &answer);
                self.link.close(CloseCause::Refused);
                Step::Handled
            }
            Err(error) => Step::Tell(self.malformed(head, error)),
        }
    }

    fn on_log_in_answer(&mut self, head: Head<P::Sequence>, frame: Range<usize>) -> Step<P> {
        if matches!(self.opening, Opening::Theirs(_)) {
            return self.unsupported(head);
        }
        let octets = self.link.input.get(frame);
        match self.protocol.read_log_in_answer(octets) {
            Err(error) => Step::Tell(self.malformed(head, error)),
            Ok(_) if !matches!(self.link.phase(), Phase::Opening(_)) => Step::Handled,
            Ok(Err(refusal)) => {
                self.link.close(CloseCause::Refused);
                Step::Tell(Plain::ConnectRefused(refusal))
            }
            Ok(Ok(server_version)) => {
                self.link.opened();
                Step::Tell(Plain::Connected { version: self.protocol.version(), server_version })
            }
        }
    }
}
