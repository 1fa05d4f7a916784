//! People on their way to the writer: everything about them that needs no database.
//!
//! The rows of one call are put into the order of the phone's keyed index and cut into slices, so that slice after
//! slice walks the one randomly placed B-tree from its beginning to its end: each of its pages is written about once
//! for all the rows together, while no transaction has to be long. Ids ascend in that order too. What a slice holds is
//! packed into few allocations, since it is made on one thread and dropped on another.

use std::collections::HashMap;
use std::ops::Range;

use domain::control::ContactRow;
use domain::ids::{AccountId, ContactId, IdGenerator, ImportId};
use domain::phone::{SLOT_COUNT, Slot};
use domain::time::Timestamp;

use super::record::put_contact;
use crate::document::Attributes;
use crate::reading::{json, json_into};
use sealing::Sealer;

/// Rows of one account in order of their phone index, not yet prepared.
pub(crate) struct Slice {
    /// Place of the first row among all of the call, and how many those are: ids ascend from slice to slice.
    first: usize,
    of: usize,
    rows: Vec<(i64, ContactRow)>,
}

/// What is the same for all rows of a call.
#[derive(Clone, Copy)]
pub(crate) struct Upserting {
    pub(crate) account: AccountId,
    pub(crate) import: Option<ImportId>,
    pub(crate) now: Timestamp,
}

/// People of one account, ready to be written.
pub(crate) struct Upsert {
    pub(super) of: Upserting,
    pub(super) rows: Vec<Prepared>,
    /// The names of all tags used, each with the id that it gets when it is new.
    pub(super) tags: Vec<(String, i64)>,
    /// The lists of tags that rows have: few, since most rows share theirs.
    pub(super) tag_lists: Vec<TagList>,
    packed: Vec<u8>,
}

pub(super) struct Prepared {
    /// When the phone is new.
    pub(super) id: ContactId,
    pub(super) phone_index: i64,
    /// A place in [`Upsert::tag_lists`].
    pub(super) tag_list: usize,
    plain: Range<usize>,
    queryable: Range<usize>,
}

/// Tags without repetition, in the row's order.
pub(super) struct TagList {
    pub(super) json: String,
    /// Places in [`Upsert::tags`].
    pub(super) places: Vec<usize>,
}

/// Puts the rows of one call in order and cuts them.
pub(crate) fn slices(sealer: &Sealer, rows: Vec<ContactRow>, slice_rows: usize) -> Vec<Slice> {
    let of = rows.len();
    let mut indexed: Vec<(i64, ContactRow)> =
        rows.into_iter().map(|row| (sealer.phone_index(row.phone), row)).collect();
    indexed.sort_unstable_by_key(|(index, _)| *index);
    let mut rows = indexed.into_iter();
    let cut = |first| Slice { first, of, rows: rows.by_ref().take(slice_rows).collect() };
    (0..of).step_by(slice_rows.max(1)).map(cut).collect()
}

/// Ids, documents, tags.
pub(crate) fn prepare(ids: &IdGenerator, upserting: Upserting, slice: Slice) -> Upsert {
    let mut lists = TagLists::default();
    let mut packed = Vec::new();
    let mut rows = Vec::with_capacity(slice.rows.len());
    for ((phone_index, row), place) in slice.rows.into_iter().zip(slice.first..) {
        let start = packed.len();
        put_contact(&mut packed, row.phone, &row.personal);
        let middle = packed.len();
        json_into(&mut packed, &Attributes(row.queryable));
        rows.push(Prepared {
            id: ContactId::from(ids.next(upserting.now, ascending_slot(place, slice.of))),
            phone_index,
            tag_list: lists.place(row.tags),
            plain: start..middle,
            queryable: middle..packed.len(),
        });
    }
    let fresh = |name| (name, ContactId::from(ids.fresh(upserting.now)).raw());
    Upsert {
        of: upserting,
        rows,
        tags: lists.names.into_iter().map(fresh).collect(),
        tag_lists: lists.lists,
        packed,
    }
}

/// A contact's id names no slot that anybody reads; these make the ids of one call ascend in the call's order.
fn ascending_slot(place: usize, count: usize) -> Slot {
    let slot = place * usize::from(SLOT_COUNT) / count.max(1);
    u16::try_from(slot)
        .ok()
        .and_then(Slot::new)
        .expect("place is below count, so the slot is below SLOT_COUNT")
}

impl Upsert {
    pub(super) fn plain(&self, row: &Prepared) -> &[u8] {
        &self.packed[row.plain.clone()]
    }

    /// JSON.
    pub(super) fn queryable(&self, row: &Prepared) -> &[u8] {
        &self.packed[row.queryable.clone()]
    }

    pub(super) fn tag_list(&self, row: &Prepared) -> &TagList {
        &self.tag_lists[row.tag_list]
    }
}

#[derive(Default)]
struct TagLists {
    names: Vec<String>,
    known_names: HashMap<String, usize>,
    lists: Vec<TagList>,
    known: HashMap<Vec<String>, usize>,
}

impl TagLists {
    fn place(&mut self, row: Vec<String>) -> usize {
        if let Some(place) = self.known.get(&row) {
            return *place;
        }
        let mut places = Vec::with_capacity(row.len());
        for name in &row {
            // PostgreSQL's texts hold every character but this one.
            let place = self.place_of_name(&name.replace('\0', ""));
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let names: Vec<&str> = places.iter().map(|place| self.names[*place].as_str()).collect();
        self.lists.push(TagList { json: json(&names), places });
        self.known.insert(row, self.lists.len() - 1);
        self.lists.len() - 1
    }
    fn place_of_name(&mut self, name: &str) -> usize {
        if let Some(place) = self.known_names.get(name) {
            return *place;
        }
        self.names.push(name.to_owned());
        self.known_names.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use domain::phone::Phone;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_330_400_000);

    #[test]
    fn ids_and_phone_indexes_ascend_from_slice_to_slice() {
        let place = tempfile::tempdir().unwrap();
        let sealer = Sealer::open(&place.path().join("keys"), &place.path().join("data")).unwrap();
        let ids = IdGenerator::new(0);
        let row = |n: u64| ContactRow {
            phone: Phone::from_u64(8_613_800_000_000 + n).unwrap(),
            personal: Vec::new(),
            queryable: vec![("城市".to_owned(), n.to_string())],
            tags: ["a", "b", "a"][..usize::try_from(n % 4).unwrap()]
                .iter()
                .map(|&tag| tag.to_owned())
                .collect(),
        };
        let upserting = Upserting { account: AccountId::from_raw(1), import: None, now: NOW };
        let cut = slices(&sealer, (0..20_001).map(row).collect(), 5_000);
        let ready: Vec<Upsert> = cut.into_iter().map(|slice| prepare(&ids, upserting, slice)).collect();
        assert_eq!(
            ready.iter().map(|upsert| upsert.rows.len()).collect::<Vec<_>>(),
            [5_000, 5_000, 5_000, 5_000, 1]
        );
        let all: Vec<&Prepared> = ready.iter().flat_map(|upsert| &upsert.rows).collect();
        assert!(all.is_sorted_by(|a, b| a.id < b.id && a.phone_index < b.phone_index));
        for upsert in &ready {
            assert!(upsert.tags.len() <= 2 && upsert.tag_lists.len() <= 4, "lists are shared");
            for row in &upsert.rows {
                let n: u64 = serde_json::from_slice::<Attributes>(upsert.queryable(row)).unwrap().0[0]
                    .1
                    .parse()
                    .unwrap();
                let (phone, _) = super::super::record::read_contact(upsert.plain(row)).unwrap();
                assert_eq!(phone.to_u64(), 8_613_800_000_000 + n);
                let tags =
                    [r#"[]"#, r#"["a"]"#, r#"["a","b"]"#, r#"["a","b"]"#][usize::try_from(n % 4).unwrap()];
                assert_eq!(upsert.tag_list(row).json, tags);
            }
        }
        assert!(slices(&sealer, Vec::new(), 5_000).is_empty());
    }
}
