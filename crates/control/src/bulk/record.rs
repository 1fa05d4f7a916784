//! A contact's row, closed and open.

use domain::control::{Contact, ContactFilter, ControlError};
use domain::ids::{AccountId, ContactId, ImportId};
use domain::phone::Phone;
use domain::time::Timestamp;

use crate::document::Attributes;
use crate::error::of_sealed;
use crate::pack::{Unpack, put_pairs};
use crate::reading::Reading;
use sealing::{Sealer, TableSealer};

pub(super) const TABLE: &str = "contact";
/// First byte of what is sealed of a contact.
const FORMAT: u8 = 1;

/// A contact's row, closed.
pub(super) struct ContactRecord {
    pub(super) id: ContactId,
    pub(super) sealed: Vec<u8>,
    pub(super) queryable: String,
    pub(super) tags: String,
    pub(super) import: Option<i64>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl ContactRecord {
    pub(super) fn open(&self, sealer: &TableSealer, account: AccountId) -> Result<Contact, ControlError> {
        let reading = Reading(TABLE);
        let plain = sealer.open(&self.id.raw().to_be_bytes(), &self.sealed).map_err(|e| of_sealed(&e))?;
        let (phone, personal) = read_contact(&plain)?;
        Ok(Contact {
            id: self.id,
            account,
            phone,
            personal,
            queryable: reading.json::<Attributes>("queryable", &self.queryable)?.0,
            tags: reading.json("tags", &self.tags)?,
            import: self.import.map(ImportId::from_raw),
            created_at: Timestamp::from_millis(self.created_at),
            updated_at: Timestamp::from_millis(self.updated_at),
        })
    }
}

/// Opens a page. A look by phone found one row at most, and asks the rest of the filter here.
pub(super) fn open_page(
    records: &[ContactRecord],
    sealer: &TableSealer,
    account: AccountId,
    filter: &ContactFilter,
) -> Result<Vec<Contact>, ControlError> {
    let mut contacts: Vec<Contact> =
        records.iter().map(|record| record.open(sealer, account)).collect::<Result<_, _>>()?;
    if let Some(phone) = filter.phone {
        let any = |contact: &Contact| filter.tags.iter().any(|tag| contact.tags.contains(tag));
        contacts.retain(|contact| {
            let later = filter.after.is_none_or(|after| contact.id > after);
            contact.phone == phone && later && (filter.tags.is_empty() || any(contact))
        });
    }
    Ok(contacts)
}

/// Phone and personal attributes in one value, which is sealed before it is stored.
pub(super) fn put_contact(plain: &mut Vec<u8>, phone: Phone, personal: &[(String, String)]) {
    plain.push(FORMAT);
    plain.extend_from_slice(&phone.to_u64().to_le_bytes());
    put_pairs(plain, personal);
}

/// What [`put_contact`] packed.
pub(super) fn read_contact(plain: &[u8]) -> Result<(Phone, Vec<(String, String)>), ControlError> {
    unpack_contact(plain).ok_or_else(|| Reading(TABLE).odd("sealed"))
}

/// The sealed column of a contact's row.
pub(super) fn seal_contact(sealer: &TableSealer, id: ContactId, plain: &[u8]) -> Vec<u8> {
    sealer.seal(&id.raw().to_be_bytes(), plain)
}

/// The same, of a contact as it is to be stored.
pub(crate) fn sealed_contact(sealer: &Sealer, contact: &Contact) -> Vec<u8> {
    let mut plain = Vec::new();
    put_contact(&mut plain, contact.phone, &contact.personal);
    seal_contact(&sealer.for_table(TABLE), contact.id, &plain)
}

fn unpack_contact(plain: &[u8]) -> Option<(Phone, Vec<(String, String)>)> {
    let mut rest = Unpack(plain);
    if rest.byte()? != FORMAT {
        return None;
    }
    let found = (Phone::from_u64(rest.number()?)?, rest.pairs()?);
    rest.is_done().then_some(found)
}
