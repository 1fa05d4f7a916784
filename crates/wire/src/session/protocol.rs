//! What a protocol tells the session: its PDUs, its log-in and its quirks, and nothing else.

use std::fmt::Debug;

use super::{Event, Request, Role};
use crate::error::{DecodeError, EncodeError};
use crate::frame::Limits;
use crate::octets::Secret;

/// What a PDU's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<S> {
    /// The command, known or not.
    pub command: u32,
    /// The sequence number; an answer repeats its request's.
    pub sequence: S,
}

/// What a session does with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The side that opened the connection introduces itself.
    LogIn,
    /// The other side lets it in or not.
    LogInAnswer,
    /// "Are you there?"
    Heartbeat,
    /// "I am."
    HeartbeatAnswer,
    /// "I am leaving."
    Goodbye,
    /// "Leave."
    GoodbyeAnswer,
    /// A request for the driver; `None`: either role serves it.
    Message(Option<Role>),
    /// The answer to a request of this kind; `None`: to whichever has its sequence number.
    Answer(Option<Request>),
}

/// PDUs that the session writes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Tests the peer.
    Heartbeat,
    /// Answers a test.
    HeartbeatAnswer,
    /// Ends the session.
    Goodbye,
    /// Agrees to the end.
    GoodbyeAnswer,
}

/// What becomes of a log-in that arrived.
pub enum Greeting<P: Protocol> {
    /// The driver decides.
    Ask(P::LogIn),
    /// The protocol itself refuses, with this answer.
    Refuse(P::Pdu<'static>),
}

/// An answer, read.
pub enum Answered<P: Protocol> {
    /// To a submit or deliver.
    Message {
        /// The id that it names.
        msg_id: P::MsgId,
        /// 0 taken.
        result: u32,
    },
    /// To anything else.
    Other(P::Answer),
}

/// A protocol as a [`super::Session`] needs it. The value holds what the protocol remembers of one connection: the
/// version agreed on, the secret while the log-in is under way.
pub trait Protocol: Sized + Debug + PartialEq + Send + 'static {
    /// Lengths accepted from a peer.
    const LIMITS: Limits;
    /// The sequence number after which ours begin anew at 1.
    const LARGEST_SEQUENCE: u32 = u32::MAX;
    /// A command that is spoken here.
    type Command: Copy + Debug + Eq;
    /// Which layouts hold.
    type Version: Copy + Debug + Eq + Send + Sync + 'static;
    /// A sequence number as the header holds it.
    type Sequence: Copy + Debug + Eq + Send + Sync + 'static;
    /// The carrier's id of a part.
    type MsgId: Copy + Debug + Eq + Send + Sync + 'static;
    /// Who wants to log in, and the proof.
    type LogIn: Copy + Debug + Eq + Send + Sync + 'static;
    /// Why a log-in failed.
    type Refusal: Copy + Debug + Eq + std::error::Error + Send + Sync + 'static;
    /// Answers to other requests than submit and deliver.
    type Answer: Copy + Debug + Eq + Send + 'static;
    /// Any PDU.
    type Pdu<'a>: Copy + Debug + Eq + Send;
    /// A message on its way to a phone.
    type Submit<'a>: Copy + Debug + Eq;
    /// A message from a phone.
    type Deliver<'a>: Copy + Debug + Eq;
    /// A status report.
    type Report<'a>: Copy + Debug + Eq;
    /// Requests other than submit, deliver and report.
    type Ask<'a>: Copy + Debug + Eq;

    /// The layouts in force.
    fn version(&self) -> Self::Version;

    /// A sequence number of ours.
    fn sequence(&self, number: u32) -> Self::Sequence;

    /// The part of a sequence number that counts.
    fn number(sequence: Self::Sequence) -> u32;

    /// Reads the header of a whole PDU.
    ///
    /// # Errors
    /// [`DecodeError`] when the PDU is shorter than a header.
    fn head(octets: &[u8]) -> Result<Head<Self::Sequence>, DecodeError>;

    /// The command of a number; `None` for one that is not spoken here.
    fn command(number: u32) -> Option<Self::Command>;

    /// What to do with a command.
    fn kind(command: Self::Command) -> Kind;

    /// Appends one whole PDU.
    ///
    /// # Errors
    /// [`EncodeError`]; then nothing is appended.
    fn encode(
        &self,
        pdu: &Self::Pdu<'_>,
        sequence: Self::Sequence,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError>;

    /// A PDU of the session's own; `None` where the protocol has none.
    fn control(control: Control) -> Option<Self::Pdu<'static>>;

    /// Reads a log-in, whole PDU.
    ///
    /// # Errors
    /// [`DecodeError`].
    fn read_log_in(&mut self, octets: &[u8]) -> Result<Greeting<Self>, DecodeError>;

    /// Reads the answer to our log-in: the server's version octet, or why it refused.
    ///
    /// # Errors
    /// [`DecodeError`].
    fn read_log_in_answer(&mut self, octets: &[u8]) -> Result<Result<u8, Self::Refusal>, DecodeError>;

    /// Reads an answer of [`Kind::Answer`].
    ///
    /// # Errors
    /// [`DecodeError`].
    fn read_answer(&self, command: Self::Command, octets: &[u8]) -> Result<Answered<Self>, DecodeError>;

    /// Reads a request of [`Kind::Message`] that `role` serves into the event that tells it. (Written into its place at
    /// once: a submit is some four hundred octets, and copying it costs more than reading it.)
    ///
    /// # Errors
    /// [`DecodeError`].
    fn read_message<'a>(
        &self,
        role: Role,
        command: Self::Command,
        sequence: Self::Sequence,
        octets: &'a [u8],
    ) -> Result<Event<'a, Self>, DecodeError>;

    /// The answer to a request with a wrong body, if an answer can say so.
    fn malformed(&self, head: Head<Self::Sequence>, octets: &[u8]) -> Option<Self::Pdu<'static>>;

    /// The answer to a command that is unknown or not served here, if the protocol wants one.
    fn unsupported(&self, _head: Head<Self::Sequence>) -> Option<Self::Pdu<'static>> {
        None
    }

    /// The answer that lets a log-in in.
    fn welcome(&self, log_in: &Self::LogIn, secret: &Secret) -> Self::Pdu<'static>;

    /// What this side asks in its turn when it lets in a peer that called: its own log-in, whose answer is awaited.
    /// `None` where the peer's log-in is answered, as everywhere but after SMPP's outbind.
    fn in_turn(&self) -> Option<Self::Pdu<'static>> {
        None
    }

    /// The answer that refuses a log-in with the protocol's own status.
    fn rejection(&self, log_in: &Self::LogIn, status: u32) -> Self::Pdu<'static>;

    /// Whether a log-in proves knowledge of the secret.
    fn verify(log_in: &Self::LogIn, secret: &Secret) -> bool;

    /// The answer to a submit; `sequence` says which, where their answers differ.
    fn submit_answer(&self, sequence: Self::Sequence, msg_id: Self::MsgId, result: u32)
    -> Self::Pdu<'static>;

    /// The answer to a deliver or report; `sequence` says which, where their answers differ.
    fn deliver_answer(
        &self,
        sequence: Self::Sequence,
        msg_id: Self::MsgId,
        result: u32,
    ) -> Self::Pdu<'static>;
}
