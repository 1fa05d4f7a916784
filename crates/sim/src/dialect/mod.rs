//! What the simulated carrier says in each protocol: its log-in, its answers, its reports and messages. What happens to
//! messages is the books', once for all protocols.

mod cmpp;
mod sgip;
mod smgp;
mod smpp;

pub(crate) use cmpp::CmppCarrier;
pub(crate) use sgip::SgipCarrier;
pub(crate) use smgp::SmgpCarrier;
pub(crate) use smpp::SmppCarrier;

use domain::text::{Concat, Dialect as TextDialect};
use wire::destinations::Destinations;
use wire::session::{Protocol, Session};
use wire::{EncodeError, Hidden, Millis, Octets};

use crate::config::SimConfig;
use crate::counters::Counters;
use crate::delivery::{CarrierId, Rendered};

/// A submit, whatever the protocol.
pub(crate) struct Given<'a> {
    pub(crate) destinations: Destinations<'a>,
    /// Access code and extension.
    pub(crate) source: Octets<21>,
    pub(crate) content: &'a [u8],
    pub(crate) coding: u8,
    pub(crate) has_header: bool,
    /// Which part it is, where that is not said by a header in the content.
    pub(crate) segment: Option<Concat>,
    pub(crate) dialect: TextDialect,
    /// Whether a report is wanted.
    pub(crate) reported: bool,
    /// The message's id, where the sender gives it.
    pub(crate) own_id: Option<CarrierId>,
}

/// Who logs in, as a connection towards that client repeats it.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) login: Octets<16>,
    /// Empty where the protocol proves the secret without telling it.
    pub(crate) password: Hidden<16>,
    /// Whether reports and messages may be sent over this connection.
    pub(crate) receives: bool,
}

/// A protocol as the simulated carrier speaks it.
pub(crate) trait Dialect: Send + Sync + 'static {
    type Protocol: Protocol;
    /// The refusal of an unknown login.
    const UNKNOWN_LOGIN: u32;
    /// The refusal of a wrong secret.
    const WRONG_SECRET: u32;

    /// The server's side of a connection; `time` is the decimal value of MMDDHHMMSS.
    fn session(config: &SimConfig, now: Millis, time: u32) -> Session<Self::Protocol>;

    /// A connection that the carrier opens towards a client, where carriers do.
    fn dialling(
        _config: &SimConfig,
        _caller: &Caller,
        _now: Millis,
        _time: u32,
    ) -> Option<Session<Self::Protocol>> {
        None
    }

    fn caller(log_in: &<Self::Protocol as Protocol>::LogIn) -> Caller;

    fn given<'a>(
        sequence: <Self::Protocol as Protocol>::Sequence,
        submit: &'a <Self::Protocol as Protocol>::Submit<'_>,
    ) -> Given<'a>;

    /// An id as the protocol writes it.
    fn msg_id(id: CarrierId) -> <Self::Protocol as Protocol>::MsgId;

    /// The PDU of a report or message; `content` is empty and may hold what the PDU borrows.
    ///
    /// # Errors
    /// [`EncodeError`] when the version cannot carry it; it never will.
    fn deliver<'a>(
        version: <Self::Protocol as Protocol>::Version,
        rendered: &Rendered<'_>,
        content: &'a mut Vec<u8>,
    ) -> Result<<Self::Protocol as Protocol>::Pdu<'a>, EncodeError>;

    /// The answer to any other request.
    fn reply(
        ask: &<Self::Protocol as Protocol>::Ask<'_>,
        counters: &Counters,
    ) -> Option<<Self::Protocol as Protocol>::Pdu<'static>>;
}

/// C, T and N as configured.
fn timing(config: &SimConfig) -> wire::session::Timing {
    wire::session::Timing {
        active_test_interval: config.active_test_interval,
        response_timeout: config.response_timeout,
        ..wire::session::Timing::default()
    }
}

/// A login in the width that all protocols share.
fn login(text: &[u8]) -> Octets<16> {
    Octets::from_field(text).unwrap_or_default()
}
