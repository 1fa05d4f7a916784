//! What a stored person becomes by a row of an import: the same on either engine.

use domain::control::{Contact, ControlError};
use domain::ids::ContactId;

use super::prepare::{Prepared, Upsert};
use super::record::{TABLE, put_contact, read_contact, seal_contact};
use crate::document::Attributes;
use crate::reading::{Reading, json};
use sealing::TableSealer;

/// What is stored of a person that a row may change.
pub(super) struct Stored<'a> {
    pub(super) id: ContactId,
    pub(super) sealed: &'a [u8],
    pub(super) queryable: &'a [u8],
    pub(super) tags: &'a [u8],
}

/// A person's row after a change.
pub(super) struct Merged {
    pub(super) sealed: Vec<u8>,
    pub(super) queryable: String,
    pub(super) tags: String,
    /// Places in [`Upsert::tags`] of those that the person did not have.
    pub(super) added: Vec<usize>,
}

impl Upsert {
    /// Whether the stored row is what this one would be as a new one with the same id: sealing gives the same bytes
    /// for the same row and content, so such a row is neither opened nor written.
    pub(super) fn says_the_same(&self, sealer: &TableSealer, row: &Prepared, stored: &Stored<'_>) -> bool {
        stored.queryable == self.queryable(row)
            && stored.tags == self.tag_list(row).json.as_bytes()
            && stored.sealed == seal_contact(sealer, stored.id, self.plain(row))
    }

    /// New values replace those of the same name. `None`: the row says nothing new.
    pub(super) fn merged(
        &self,
        sealer: &TableSealer,
        row: &Prepared,
        old: &Contact,
    ) -> Result<Option<Merged>, ControlError> {
        let (phone, personal) = read_contact(self.plain(row))?;
        if phone != old.phone {
            // Two phones with one keyed index: never seen, and never to be taken for one person.
            return Err(Reading(TABLE).odd("phone_index"));
        }
        let mut new = old.clone();
        replace(&mut new.personal, personal);
        replace(&mut new.queryable, self.queryable_pairs(row)?);
        let places = self.tag_list(row).places.iter().copied();
        let added: Vec<usize> = places.filter(|place| !old.tags.contains(&self.tags[*place].0)).collect();
        new.tags.extend(added.iter().map(|place| self.tags[*place].0.clone()));
        if new == *old {
            return Ok(None);
        }
        let mut plain = Vec::new();
        put_contact(&mut plain, old.phone, &new.personal);
        Ok(Some(Merged {
            sealed: seal_contact(sealer, old.id, &plain),
            queryable: json(&Attributes(new.queryable)),
            tags: json(&new.tags),
            added,
        }))
    }

    /// JSON, as an engine takes it that asks for text.
    pub(super) fn queryable_text(&self, row: &Prepared) -> Result<&str, ControlError> {
        std::str::from_utf8(self.queryable(row)).map_err(|_| Reading(TABLE).odd("queryable"))
    }

    fn queryable_pairs(&self, row: &Prepared) -> Result<Vec<(String, String)>, ControlError> {
        let pairs = serde_json::from_slice::<Attributes>(self.queryable(row));
        pairs.map(|attributes| attributes.0).map_err(|_| Reading(TABLE).odd("queryable"))
    }
}

fn replace(old: &mut Vec<(String, String)>, new: Vec<(String, String)>) {
    for (name, value) in new {
        match old.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = value,
            None => old.push((name, value)),
        }
    }
}
