//! What a session tells its driver. Contents are borrowed from the session's input: copy what must outlive
//! the event.

use super::{Connect, Deliver, MsgId, Query, QueryResp, Report, Submit, Version};
use crate::error::DecodeError;
use crate::session::{CloseCause, Request};

/// Something that happened. For each token that went into a session exactly one of the `…Answered`,
/// `Unanswered` or `Lost` events comes out; `Closed` is the last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Client: logged in.
    Connected {
        /// The version whose layouts hold from now on.
        version: Version,
        /// The server's `Version` octet, as sent.
        server_version: u8,
    },
    /// Client: not logged in; `Closed` follows.
    ConnectRefused(Refusal),
    /// Client: the carrier answered a submit.
    SubmitAnswered {
        /// The token given with the submit.
        token: u64,
        /// The carrier's id; meaningless unless `result` is 0.
        msg_id: MsgId,
        /// 0 taken, 8 flow control, others refused.
        result: u32,
        /// Milliseconds between submit and answer.
        waited_ms: u64,
    },
    /// Client: a status report. Answer it with `ack_deliver` once it is durable.
    Report {
        /// For the answer.
        sequence: u32,
        /// The report, read.
        report: Report,
        /// The PDU that carried it.
        deliver: Deliver<'a>,
    },
    /// Client: a message from a phone. Answer it with `ack_deliver` once it is durable.
    Inbound {
        /// For the answer.
        sequence: u32,
        /// The message.
        deliver: Deliver<'a>,
    },
    /// Client: counters of a day.
    QueryAnswered {
        /// The token given with the query.
        token: u64,
        /// The counters.
        answer: QueryResp,
    },
    /// Client: whether a message was cancelled.
    CancelAnswered {
        /// The token given with the cancel.
        token: u64,
        /// `Success_Id`: 0 cancelled, 1 failed.
        success_id: u32,
    },
    /// Server: somebody wants to log in, with a version that is served. Answer with `accept` or `refuse`.
    ConnectRequested {
        /// Who, and the proof to check with `auth::verify`.
        connect: Connect,
        /// The version whose layouts will hold.
        version: Version,
    },
    /// Server: a message. Answer with `answer_submit`.
    Submit {
        /// For the answer.
        sequence: u32,
        /// The message.
        submit: Submit<'a>,
    },
    /// Server: the service provider answered a deliver.
    DeliverAnswered {
        /// The token given with the deliver.
        token: u64,
        /// The id it repeats.
        msg_id: MsgId,
        /// 0 taken.
        result: u32,
        /// Milliseconds between deliver and answer.
        waited_ms: u64,
    },
    /// Server: a question about counters. Answer with `answer_query`.
    Query {
        /// For the answer.
        sequence: u32,
        /// The question.
        query: Query,
    },
    /// Server: a wish to cancel. Answer with `answer_cancel`.
    Cancel {
        /// For the answer.
        sequence: u32,
        /// Which message.
        msg_id: MsgId,
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
        msg_id: MsgId,
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
        /// `Command_Id`.
        command: u32,
        /// `Sequence_Id`.
        sequence: u32,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A command that this role does not serve, or that is unknown; it was skipped.
    Unsupported {
        /// `Command_Id`.
        command: u32,
        /// `Sequence_Id`.
        sequence: u32,
    },
    /// The end: flush the output, close the socket. No event follows.
    Closed {
        /// Why.
        cause: CloseCause,
    },
}

/// Why a client was not logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 1 structure, 2 source address, 3 authentication, 5 and up other. Trying again without a change is
    /// useless for 1 to 3.
    #[error("the gateway refused the log-in with status {0}")]
    Status(u32),
    /// Status 4, with the highest version that the gateway speaks.
    #[error("the gateway speaks at most version {highest:#04x}")]
    VersionTooHigh {
        /// `Version` octet of the answer.
        highest: u8,
    },
    /// Version 3.0 was asked for and the answer has the layout of 2.0 (inference from practice, not from the
    /// specification).
    #[error("the gateway answered in the layout of version 2.0")]
    SpeaksTwo,
    /// `AuthenticatorISMG` is wrong: the peer does not know the secret, or computes it otherwise.
    #[error("the gateway's authenticator is wrong")]
    ServerNotAuthentic,
}

impl Refusal {
    /// The version to reconnect with, when another version may be accepted.
    #[must_use]
    pub fn retry_with(&self, asked: Version) -> Option<Version> {
        let retry = match self {
            Self::VersionTooHigh { highest } => Version::from_octet(*highest).unwrap_or(Version::V20),
            Self::SpeaksTwo => Version::V20,
            Self::Status(_) | Self::ServerNotAuthentic => return None,
        };
        (retry < asked).then_some(retry)
    }
}
