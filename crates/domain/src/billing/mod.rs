//! What messages cost and who pays: pure decisions over states, and the vocabulary of the books.
//!
//! A message's money follows its state: [`Charge::position`] is the one table. So what an account was charged in an hour is a sum over
//! the ledger's counters of that hour, and nothing has to be written per message. Invariant: every [`Transfer`] takes from one book what
//! it gives to another, so all books together hold nothing, always.

mod alert;
mod books;
mod calendar;
mod flow;
mod replay;
mod room;
mod statement;

pub use alert::BalanceLevel;
pub use books::{Book, Limits, Mode, Terms, Transfer, TransferKind};
pub use calendar::{HourSpan, Month, MonthError};
pub use flow::{Charge, Flow, Position, Purse};
pub use replay::{Moved, moves};
pub use room::Room;
pub use statement::{Holdings, MarginBy, MarginLine, MarginOf, Statement, StatementLine};
