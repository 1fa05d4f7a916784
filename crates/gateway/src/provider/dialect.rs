//! What a provider adds to the channels over HTTP.

use domain::channel::{
    Callback, CallbackAnswer, CallbackRequest, CarrierCode, CarrierMessageId, Inbound, Outgoing, Receipt,
    SubmitOutcome,
};
use domain::phone::Phone;
use domain::time::Timestamp;

use super::sign::sha256_hex;

/// A provider's interface. Pure: what it needs of clock and chance is in the [`Stamp`].
pub(crate) trait Dialect: Send + Sync {
    /// Most messages that one request takes.
    fn most(&self) -> usize {
        1
    }

    /// What the request needs of one message.
    ///
    /// # Errors
    /// The code under which it is refused without a request.
    fn prepare(&self, outgoing: &Outgoing) -> Result<Prepared, CarrierCode>;

    /// The request for messages with equal [`Prepared::alike`], at most [`Self::most`].
    ///
    /// # Errors
    /// The code under which all of them are refused without a request.
    fn request(&self, batch: &[Job], stamp: &Stamp) -> Result<HttpRequest, CarrierCode>;

    /// What an answer means for each message of the batch, in order.
    fn answer(&self, batch: &[Job], status: u16, body: &[u8]) -> Vec<SubmitOutcome>;

    /// What the provider sent on its own.
    fn called(&self, request: &CallbackRequest, now: Timestamp) -> Callback;

    /// The questions for receipts and inbound messages.
    fn questions(&self, _stamp: &Stamp) -> Vec<HttpRequest> {
        Vec::new()
    }

    /// What the answer to one of the questions brought; none when it is none.
    fn told(&self, _status: u16, _body: &[u8], _now: Timestamp) -> Option<Arrivals> {
        None
    }

    /// Whether receipts are asked for message by message, because the provider has no queue of them.
    fn follows(&self) -> bool {
        false
    }

    /// The question what became of one message; none when there is no such question about it.
    fn follow(&self, _awaited: &Awaited, _stamp: &Stamp) -> Option<HttpRequest> {
        None
    }

    /// What the answer to [`Self::follow`] says.
    fn followed(&self, _awaited: &Awaited, _status: u16, _body: &[u8], _now: Timestamp) -> Followed {
        Followed::Later
    }
}

/// A message that the provider took and whose receipt has not been seen here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Awaited {
    pub(crate) id: CarrierMessageId,
    pub(crate) phone: Phone,
    pub(crate) taken_at: Timestamp,
    /// How often it was asked for.
    pub(crate) asked: u32,
}

/// What is known of a message that was asked for.
pub(crate) enum Followed {
    Known(Receipt),
    /// Not yet, or the answer was none.
    Later,
    /// The provider does not know it.
    Never,
}

/// Of one request: when it is written, and a number that no other request has.
#[derive(Clone)]
pub(crate) struct Stamp {
    pub(crate) now: Timestamp,
    pub(crate) nonce: String,
}

/// What a request needs of one message.
#[derive(Clone, Default)]
pub(crate) struct Prepared {
    /// Messages in which this is equal may go in one request.
    pub(crate) alike: String,
    pub(crate) template: String,
    pub(crate) sign: String,
    /// Names and values, in the template's order.
    pub(crate) params: Vec<(String, String)>,
}

/// A message on its way into a request.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) outgoing: Outgoing,
    pub(crate) prepared: Prepared,
}

/// A request to the provider's host.
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What came from the provider.
#[derive(Default)]
pub(crate) struct Arrivals {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) inbound: Vec<Inbound>,
    pub(crate) next: Next,
}

/// Whether there is more where something came from.
#[derive(Default)]
pub(crate) enum Next {
    #[default]
    Nothing,
    /// The same question again brings what follows: what was given is gone there.
    Again,
    /// This question does.
    Page(HttpRequest),
}

impl Next {
    /// [`Self::Again`] after a full answer.
    pub(crate) fn again(full: bool) -> Self {
        if full { Self::Again } else { Self::Nothing }
    }
}

/// What a request that cannot be made is refused with: its text is one that the operator's templates did not expect.
pub(crate) const UNRENDERED: &[u8] = b"RENDER";

/// The same outcome for a whole batch.
pub(crate) fn all(batch: &[Job], outcome: &SubmitOutcome) -> Vec<SubmitOutcome> {
    vec![outcome.clone(); batch.len()]
}

/// Refused before anything was taken.
pub(crate) fn refused(code: CarrierCode) -> SubmitOutcome {
    SubmitOutcome::Refused { code, taken: Vec::new() }
}

/// Nobody knows.
pub(crate) fn uncertain() -> SubmitOutcome {
    SubmitOutcome::Uncertain { taken: Vec::new() }
}

/// Taken under the provider's id; longer ones than the store keeps are known by their digest, in receipts too.
pub(crate) fn taken(id: &str) -> SubmitOutcome {
    SubmitOutcome::Taken(vec![carrier_id(id)])
}

/// Longest id that the store keeps.
const ID_BYTES: usize = 64;

pub(crate) fn carrier_id(id: &str) -> CarrierMessageId {
    if id.len() > ID_BYTES {
        return CarrierMessageId::Text(sha256_hex(id.as_bytes()).into());
    }
    CarrierMessageId::Text(id.into())
}

/// What a status means when the body says nothing that is understood. A proxy on the way that failed may have passed the
/// request on; so may a provider that answers in a form we do not know.
pub(crate) fn by_status(status: u16) -> SubmitOutcome {
    match status {
        429 => SubmitOutcome::Throttled,
        400..=499 => refused(CarrierCode::new(format!("HTTP:{status}").as_bytes())),
        _ => uncertain(),
    }
}

/// An answer in JSON.
pub(crate) fn json_answer(status: u16, body: &str) -> CallbackAnswer {
    CallbackAnswer { status, content_type: "application/json", body: body.to_owned() }
}
