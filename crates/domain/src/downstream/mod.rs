//! Customers that connect to us over a carrier protocol: who they are, what they may do, and what waits for them.
//!
//! Owns the facts of a customer's access, the putting together of long texts from their parts, and the port between the
//! listeners of `gateway` and the engine. Pure: instants are arguments, and what is kept is kept by the ledger.
//! Invariants: a submit is answered only when what it brought is durable; what a customer is owed lies in the ledger from
//! the transaction that brought it about, and stays until the customer has acknowledged it (or refused it three times), or it is too old.

mod assembly;
mod customer;
mod gathered;
mod port;
mod waiting;

pub use assembly::{Assembly, Full, Part, PartKey, Placed, Whole, write as write_part};
pub use customer::{CallBack, Customer, CustomerError, Signing};
pub use gathered::{Gathered, Repeat, gather};
pub use port::{
    Answer, Delivery, DeliveryKey, Downstream, Fate, Handed, News, Question, Report, Submit, SubmitRefusal,
};
pub use waiting::{Ending, Fragment, Origin, Waiting, WaitingKind, WaitingPlace, What};

/// What waits for a customer longer than this is dropped.
pub const WAITING_AGE: std::time::Duration = std::time::Duration::from_secs(72 * 3_600);
/// What waits for one customer in one partition beyond so many is dropped, oldest first.
pub const WAITING_ROWS: u32 = 250_000;
/// How long the parts of a long text may take to come together.
pub const ASSEMBLY_AGE: std::time::Duration = std::time::Duration::from_secs(300);
/// Parts of texts that are not whole, of one customer.
pub const ASSEMBLY_PARTS: usize = 10_000;
