//! What each message came to in a month: the lines whose sums a statement is.

use domain::billing::{Charge, HourSpan, Moved, moves};
use domain::ledger::MessageRecord;
use domain::money::Money;
use domain::time::Timestamp;

/// What a message came to in the month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Came {
    /// When it was charged, if it was in the month.
    pub charged_at: Option<Timestamp>,
    /// When it was paid back, if it was in the month.
    pub refunded_at: Option<Timestamp>,
    /// How many messages the month's statement counts for it: charged less paid back.
    pub messages: i64,
    /// What was charged.
    pub charged: Money,
    /// What was paid back.
    pub refunded: Money,
}

/// What a message came to in some hours, if it was paid for by `charge`; `None`: its charge did not change in them.
#[must_use]
pub fn came(record: &MessageRecord, charge: Charge, span: HourSpan) -> Option<Came> {
    came_of(&moves(&record.trail, record.state, charge, record.price), span)
}

fn came_of(moves: &[Moved], span: HourSpan) -> Option<Came> {
    let mut came = Came {
        charged_at: None,
        refunded_at: None,
        messages: 0,
        charged: Money::ZERO,
        refunded: Money::ZERO,
    };
    let mut is_any = false;
    for moved in moves.iter().filter(|moved| moved.messages != 0 && span.holds(moved.at)) {
        is_any = true;
        came.messages += moved.messages;
        came.charged += moved.flow.earned();
        came.refunded += moved.flow.refunded;
        let at = if moved.messages > 0 { &mut came.charged_at } else { &mut came.refunded_at };
        *at = Some(moved.at);
    }
    is_any.then_some(came)
}
