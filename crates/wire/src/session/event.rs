//! What a session tells its driver. Contents are borrowed from the session's input: copy what must outlive
//! the event.

use super::protocol::Protocol;
use super::{CloseCause, Request};
use crate::error::DecodeError;

/// Something that happened. For each token that went into a session exactly one of the `…Answered`,
/// `Unanswered` or `Lost` events comes out; `Closed` is the last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a, P: Protocol> {
    /// Opening side: logged in.
    Connected {
        /// The version whose layouts hold from now on.
        version: P::Version,
        /// The server's version octet, as sent; 0 where the protocol has none.
        server_version: u8,
    },
    /// Opening side: not logged in; `Closed` follows.
    ConnectRefused(P::Refusal),
    /// Waiting side: somebody wants to log in, with a version that is served. Answer with `accept` or `refuse`.
    ConnectRequested {
        /// Who, and the proof.
        log_in: P::LogIn,
        /// The version whose layouts will hold.
        version: P::Version,
    },
    /// Client: the carrier answered a submit.
    SubmitAnswered {
        /// The token given with the submit.
        token: u64,
        /// The carrier's id; meaningless unless `result` is 0.
        msg_id: P::MsgId,
        /// 0 taken, others as the protocol says.
        result: u32,
        /// Milliseconds between submit and answer.
        waited_ms: u64,
    },
    /// Client: a status report. Answer it with `ack_deliver` once it is durable.
    Report {
        /// For the answer.
        sequence: P::Sequence,
        /// The report, read.
        report: P::Report<'a>,
    },
    /// Client: a message from a phone. Answer it with `ack_deliver` once it is durable.
    Inbound {
        /// For the answer.
        sequence: P::Sequence,
        /// The message.
        deliver: P::Deliver<'a>,
    },
    /// Server: a message. Answer with `answer_submit`.
    Submit {
        /// For the answer.
        sequence: P::Sequence,
        /// The message.
        submit: P::Submit<'a>,
    },
    /// Server: the service provider answered a deliver.
    DeliverAnswered {
        /// The token given with the deliver.
        token: u64,
        /// The id it repeats.
        msg_id: P::MsgId,
        /// 0 taken.
        result: u32,
        /// Milliseconds between deliver and answer.
        waited_ms: u64,
    },
    /// The answer to another request (a query, a cancel).
    Answered {
        /// The token given with the request.
        token: u64,
        /// The answer.
        answer: P::Answer,
    },
    /// Another request (a query, a cancel). Answer with `reply`.
    Asked {
        /// For the answer.
        sequence: P::Sequence,
        /// The request.
        ask: P::Ask<'a>,
    },
    /// No answer came within the response time-out; whether the peer took the request is unknown.
    Unanswered {
        /// What was asked.
        request: Request,
        /// The token given with it.
        token: u64,
    },
    /// An answer to a submit or deliver that was already told as `Unanswered`.
    LateAnswer {
        /// What was asked.
        request: Request,
        /// The token given with it.
        token: u64,
        /// As in the `…Answered` event.
        msg_id: P::MsgId,
        /// As in the `…Answered` event.
        result: u32,
    },
    /// The session ended before an answer came; whether the peer took the request is unknown.
    Lost {
        /// What was asked.
        request: Request,
        /// The token given with it.
        token: u64,
    },
    /// A well-framed PDU with a wrong body. A request was answered with an error; a request of ours waits on
    /// for its time-out.
    Malformed {
        /// The command.
        command: u32,
        /// The sequence number.
        sequence: P::Sequence,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A command that this role does not serve, or that is unknown; it was skipped.
    Unsupported {
        /// The command.
        command: u32,
        /// The sequence number.
        sequence: P::Sequence,
    },
    /// The end: flush the output, close the socket. No event follows.
    Closed {
        /// Why.
        cause: CloseCause,
    },
}

/// An event that borrows nothing. An [`Event`] cannot be made for one lifetime and told for another, since nothing
/// is known of a protocol's own types.
pub(super) enum Plain<P: Protocol> {
    Connected { version: P::Version, server_version: u8 },
    ConnectRefused(P::Refusal),
    ConnectRequested { log_in: P::LogIn, version: P::Version },
    SubmitAnswered { token: u64, msg_id: P::MsgId, result: u32, waited_ms: u64 },
    DeliverAnswered { token: u64, msg_id: P::MsgId, result: u32, waited_ms: u64 },
    Answered { token: u64, answer: P::Answer },
    Unanswered { request: Request, token: u64 },
    LateAnswer { request: Request, token: u64, msg_id: P::MsgId, result: u32 },
    Lost { request: Request, token: u64 },
    Malformed { command: u32, sequence: P::Sequence, error: DecodeError },
    Unsupported { command: u32, sequence: P::Sequence },
    Closed { cause: CloseCause },
}

impl<P: Protocol> From<Plain<P>> for Event<'_, P> {
    fn from(plain: Plain<P>) -> Self {
        match plain {
            Plain::Connected { version, server_version } => Self::Connected { version, server_version },
            Plain::ConnectRefused(refusal) => Self::ConnectRefused(refusal),
            Plain::ConnectRequested { log_in, version } => Self::ConnectRequested { log_in, version },
            Plain::SubmitAnswered { token, msg_id, result, waited_ms } => {
                Self::SubmitAnswered { token, msg_id, result, waited_ms }
            }
            Plain::DeliverAnswered { token, msg_id, result, waited_ms } => {
                Self::DeliverAnswered { token, msg_id, result, waited_ms }
            }
            Plain::Answered { token, answer } => Self::Answered { token, answer },
            Plain::Unanswered { request, token } => Self::Unanswered { request, token },
            Plain::LateAnswer { request, token, msg_id, result } => {
                Self::LateAnswer { request, token, msg_id, result }
            }
            Plain::Lost { request, token } => Self::Lost { request, token },
            Plain::Malformed { command, sequence, error } => Self::Malformed { command, sequence, error },
            Plain::Unsupported { command, sequence } => Self::Unsupported { command, sequence },
            Plain::Closed { cause } => Self::Closed { cause },
        }
    }
}
