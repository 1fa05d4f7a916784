//! Chunks of an audience in bytes, and the digests that its checksum is made of.

use domain::control::AudienceRow;
use domain::ids::{AudienceId, ContactId};
use domain::phone::Phone;
use sha2::{Digest as _, Sha256};

use super::pack::{Unpack, put_count, put_text};

/// First byte of a chunk.
const FORMAT: u8 = 1;
const FLAG_TEST: u8 = 1;
/// Rows of before the flag never have it.
const FLAG_POSSIBLE_DUPLICATE: u8 = 1 << 1;
/// Contact, phone, flags, count of values.
const ROW_BYTES: usize = 18;

pub(super) fn encode(rows: &[AudienceRow]) -> Vec<u8> {
    let texts: usize = rows.iter().flat_map(|row| &row.values).map(|value| value.len() + 2).sum();
    let mut out = Vec::with_capacity(8 + rows.len() * ROW_BYTES + texts);
    out.push(FORMAT);
    put_count(&mut out, rows.len());
    for row in rows {
        out.extend_from_slice(&row.contact.map_or(0, ContactId::raw).to_le_bytes());
        out.extend_from_slice(&row.phone.to_u64().to_le_bytes());
        let flag = |set, flag| if set { flag } else { 0 };
        out.push(flag(row.test, FLAG_TEST) | flag(row.possible_duplicate, FLAG_POSSIBLE_DUPLICATE));
        put_count(&mut out, row.values.len());
        for value in &row.values {
            put_text(&mut out, value);
        }
    }
    out
}

/// `None` when the bytes are no chunk.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<AudienceRow>> {
    let mut rest = Unpack(bytes);
    if rest.byte()? != FORMAT {
        return None;
    }
    let count = rest.items()?;
    let rows = (0..count).map(|_| decode_row(&mut rest)).collect::<Option<_>>()?;
    rest.is_done().then_some(rows)
}

fn decode_row(rest: &mut Unpack<'_>) -> Option<AudienceRow> {
    let contact = rest.number()?.cast_signed();
    let phone = Phone::from_u64(rest.number()?)?;
    let flags = rest.byte()?;
    let values = rest.items()?;
    Some(AudienceRow {
        contact: (contact != 0).then(|| ContactId::from_raw(contact)),
        phone,
        test: flags & FLAG_TEST != 0,
        possible_duplicate: flags & FLAG_POSSIBLE_DUPLICATE != 0,
        values: (0..values).map(|_| rest.text()).collect::<Option<_>>()?,
    })
}

/// Over the plain bytes, so that it survives a change of the sealing key. Kept sealed: the digest of a chunk with one
/// person in it would give that person's phone to whoever tries them all.
pub(super) fn digest(chunk: &[u8]) -> [u8; 32] {
    Sha256::digest(chunk).into()
}

/// SHA-256 over the digests, in order.
pub(super) fn checksum(digests: &[[u8; 32]]) -> [u8; 32] {
    let mut all = Sha256::new();
    for digest in digests {
        all.update(digest);
    }
    all.finalize().into()
}

/// The row that a chunk is sealed for.
pub(super) fn chunk_name(audience: AudienceId, number: u32) -> [u8; 12] {
    let mut name = [0; 12];
    let (id, place) = name.split_at_mut(8);
    id.copy_from_slice(&audience.raw().to_be_bytes());
    place.copy_from_slice(&number.to_be_bytes());
    name
}
