//! Rows for customers that connect to us: whence a message came, how it ended, and what waits to be told.

use domain::channel::CarrierCode;
use domain::downstream::{Ending, Fragment, Origin, WAITING_ROWS, Waiting, WaitingKind, WaitingPlace, What};
use domain::ids::{CustomerId, MessageId};
use domain::message::{MessageState, Reason};
use domain::phone::Phone;
use sealing::TableSealer;

use super::fault::{Fault, Outcome};
use super::{INBOUND_TABLE, MESSAGE_TABLE, WAITING_TABLE, sealed};

const ON_SUCCESS: u8 = 1;
const ON_FAILURE: u8 = 1 << 1;

/// Rows beyond the bound that may wait before the oldest are dropped: finding where the bound lies means walking over all of
/// them, so it is done once for so many that came.
pub const SLACK: u32 = 16_384;

/// Origins that one look for a customer's id walks over: some hundred milliseconds' worth at the most, and far more than come
/// within the second around one submit.
pub const ORIGINS_LOOKED_AT: u32 = 100_000;

/// What is known of the rows of one customer and kind: how many there were at most when the last one lay at this place. It
/// lives in memory, and is counted anew after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    pub rows: u64,
    pub last: (i64, i64),
}

impl Counted {
    /// With those that came since; rows that were delivered meanwhile are still in it.
    #[must_use]
    pub fn and(self, came: u64, last: (i64, i64)) -> Self {
        Self { rows: self.rows.saturating_add(came), last }
    }

    /// Whether so many may be there that they are to be counted and cut.
    #[must_use]
    pub fn is_beyond(self) -> bool {
        self.rows > u64::from(WAITING_ROWS) + u64::from(SLACK)
    }
}

/// Flags, length of the source, the source, then 16 bytes of each part's id, little-endian.
pub fn pack_origin(origin: &Origin) -> Vec<u8> {
    let source = &origin.source.as_bytes()[..origin.source.len().min(usize::from(u8::MAX))];
    let flags = (u8::from(origin.on_success) * ON_SUCCESS) | (u8::from(origin.on_failure) * ON_FAILURE);
    let mut raw = Vec::with_capacity(2 + source.len() + 16 * origin.parts.len());
    raw.extend_from_slice(&[flags, source.len() as u8]);
    raw.extend_from_slice(source);
    origin.parts.iter().for_each(|id| raw.extend_from_slice(&id.to_le_bytes()));
    raw
}

pub fn unpack_origin(customer: CustomerId, raw: &[u8]) -> Outcome<Origin> {
    let odd = || Fault::inconsistent("origin", "entry", "not a record of this version");
    let (&[flags, length], rest) = raw.split_first_chunk::<2>().ok_or_else(odd)?;
    let (source, ids) = rest.split_at_checked(usize::from(length)).ok_or_else(odd)?;
    let (ids, odd_end) = ids.as_chunks::<16>();
    if !odd_end.is_empty() || ids.is_empty() {
        return Err(odd());
    }
    Ok(Origin {
        customer,
        source: std::str::from_utf8(source).map_err(|_| odd())?.into(),
        parts: ids.iter().map(|id| u128::from_le_bytes(*id)).collect(),
        on_success: flags & ON_SUCCESS != 0,
        on_failure: flags & ON_FAILURE != 0,
    })
}

/// State, reason, parts, a bit per part arrived (4 bytes), then the code.
pub fn pack_ending(ending: &Ending) -> Vec<u8> {
    let mut raw = vec![ending.state.code(), ending.reason.code(), ending.parts];
    raw.extend_from_slice(&ending.arrived.to_le_bytes());
    raw.extend_from_slice(ending.code.as_str().as_bytes());
    raw
}

pub fn unpack_ending(raw: &[u8]) -> Outcome<Ending> {
    let odd = || Fault::inconsistent("waiting", "entry", "not a record of this version");
    let (&[state, reason, parts, a, b, c, d], code) = raw.split_first_chunk::<7>().ok_or_else(odd)?;
    Ok(Ending {
        state: MessageState::from_code(state).ok_or_else(odd)?,
        reason: Reason::from_code(reason).ok_or_else(odd)?,
        code: CarrierCode::new(code),
        parts,
        arrived: u32::from_le_bytes([a, b, c, d]),
    })
}

/// Under which table's name the sealed column of a kind is sealed.
pub fn table_of(kind: WaitingKind) -> &'static str {
    match kind {
        WaitingKind::Report => MESSAGE_TABLE,
        WaitingKind::Inbound => INBOUND_TABLE,
        WaitingKind::Fragment => WAITING_TABLE,
    }
}

/// Reads a row that waits. `column` gives, of a report, its ending, the origin and the sealed message; of an answer, the
/// sealed message from the phone and the origin; of a part, the sealed part.
pub fn read<'r, E: From<Fault>>(
    kind: WaitingKind,
    table: &TableSealer,
    (customer, place): (CustomerId, WaitingPlace),
    column: impl Fn(usize) -> Result<&'r [u8], E>,
) -> Result<Waiting, E> {
    let (phone, what) = match kind {
        WaitingKind::Report => {
            let phone = sealed::phone_of(table, place.item, column(2)?)?;
            let origin = unpack_origin(customer, column(1)?)?;
            let ending = unpack_ending(column(0)?)?;
            (phone, What::Report { message: MessageId::from_raw(place.item), origin, ending })
        }
        WaitingKind::Inbound => {
            let (phone, body) = opened(table, place, column(0)?, "inbound")?;
            let odd = || Fault::inconsistent("inbound", "sealed", "unreadable");
            let (_, text) = body.split_once('\n').ok_or_else(odd)?;
            (phone, What::Inbound { to: unpack_origin(customer, column(1)?)?.source, text: text.to_owned() })
        }
        WaitingKind::Fragment => {
            let (phone, body) = opened(table, place, column(0)?, "waiting")?;
            (phone, What::Fragment { body })
        }
    };
    Ok(Waiting { place, phone, what })
}

fn opened(
    table: &TableSealer,
    place: WaitingPlace,
    held: &[u8],
    name: &'static str,
) -> Outcome<(Phone, String)> {
    let opened = table.open(&place.item.to_be_bytes(), held)?;
    let (phone, body) =
        sealed::split(&opened).ok_or_else(|| Fault::inconsistent(name, "sealed", "unreadable"))?;
    Ok((phone, body.to_owned()))
}

/// A part as it is kept; `table` is that of its kind.
pub fn seal_fragment(table: &TableSealer, fragment: &Fragment) -> Vec<u8> {
    sealed::seal(table, fragment.place.item, fragment.phone, &fragment.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_and_endings_round_trip_and_odd_ones_are_faults() {
        let origin = Origin {
            customer: CustomerId(9),
            source: "10690001".into(),
            parts: vec![1, u128::MAX >> 32],
            on_success: true,
            on_failure: false,
        };
        let raw = pack_origin(&origin);
        assert_eq!(unpack_origin(CustomerId(9), &raw).unwrap(), origin);
        assert!(unpack_origin(CustomerId(9), &raw[..raw.len() - 1]).is_err());
        assert!(unpack_origin(CustomerId(9), &raw[..10]).is_err(), "an origin has a part");
        let ending = Ending {
            state: MessageState::Undelivered,
            reason: Reason::Unreachable,
            code: CarrierCode::new(b"MK:0012"),
            parts: 3,
            arrived: 5,
        };
        assert_eq!(unpack_ending(&pack_ending(&ending)).unwrap(), ending);
        assert!(unpack_ending(&pack_ending(&ending)[..6]).is_err());
    }

    #[test]
    fn a_count_is_beyond_its_bound_only_after_many_more_came() {
        let full = Counted { rows: WAITING_ROWS.into(), last: (1, 1) };
        assert!(!full.and(SLACK.into(), (2, 1)).is_beyond());
        let beyond = full.and(SLACK.into(), (2, 1)).and(1, (3, 1));
        assert!(beyond.is_beyond() && beyond.last == (3, 1));
    }
}
