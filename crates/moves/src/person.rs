//! All that is kept about a phone, in one row found by its keyed index: the one randomly placed page that a message
//! touches. Suppressions, consents and recent hand-overs lie together, so one look reads what a claim decides on.
//!
//! Layout, little-endian: format (1), counts of suppressions, consents and recents (2 bytes each), then the entries
//! in that order. Format 2, of a number about which receipts taught something: behind them the counts of failures and of
//! networks that it is not of (1 byte each), then six bytes of milliseconds of each failure, and a code and six bytes of each network.

use domain::ids::{EntityId, MessageId};
use domain::message::Category;
use domain::numbers::NumberFacts;
use domain::policy::{Consented, LegalBasis, PersonFacts, Recent, Scope, Suppressed, SuppressionSource};
use domain::time::Timestamp;

use super::life::{carrier_code, carrier_from};

const FORMAT: u8 = 1;
const WITH_NUMBER: u8 = 2;
const RECENT_LEN: usize = 31;
/// Stands for [`Scope::Operator`]; no id is 0.
const OPERATOR: i64 = 0;
/// A phone that gets more than this many messages within the retention of recents keeps the newest: caps are far
/// smaller, and a row must stay small.
const MAX_RECENTS: usize = 256;
/// Orders and consents of one phone: one per scope or entity, so this is never met but by a mistake.
const MAX_ENTRIES: usize = 4096;

/// Reads a row; `None` when it is not one of this format.
pub fn unpack(raw: &[u8]) -> Option<PersonFacts> {
    let mut facts = PersonFacts::default();
    unpack_into(raw, &mut facts).then_some(facts)
}

/// Reads a row into facts that are used again, so that a claim allocates nothing.
pub fn unpack_into(raw: &[u8], facts: &mut PersonFacts) -> bool {
    clear(facts);
    read(raw, facts).is_some()
}

pub fn clear(facts: &mut PersonFacts) {
    facts.suppressions.clear();
    facts.consents.clear();
    facts.recents.clear();
    facts.number.failures.clear();
    facts.number.not_of.clear();
}

/// Writes a row.
pub fn pack(facts: &PersonFacts, raw: &mut Vec<u8>) {
    raw.clear();
    raw.push(if facts.number.is_empty() { FORMAT } else { WITH_NUMBER });
    let suppressions = &facts.suppressions[..facts.suppressions.len().min(MAX_ENTRIES)];
    let consents = &facts.consents[..facts.consents.len().min(MAX_ENTRIES)];
    let recents = &facts.recents[facts.recents.len().saturating_sub(MAX_RECENTS)..];
    for count in [suppressions.len(), consents.len(), recents.len()] {
        raw.extend_from_slice(&(count as u16).to_le_bytes());
    }
    for order in suppressions {
        let scope = match order.scope {
            Scope::Operator => OPERATOR,
            Scope::Entity(entity) => entity.raw(),
        };
        raw.extend_from_slice(&scope.to_le_bytes());
        raw.extend_from_slice(&[order.category.map_or(0, Category::code), order.source.code()]);
        raw.extend_from_slice(&order.at.millis().to_le_bytes());
    }
    for consent in consents {
        raw.extend_from_slice(&consent.entity.raw().to_le_bytes());
        raw.extend_from_slice(&[consent.basis.code(), u8::from(consent.withdrawn)]);
        raw.extend_from_slice(&consent.since.millis().to_le_bytes());
        raw.extend_from_slice(&consent.until.map_or(i64::MAX, Timestamp::millis).to_le_bytes());
    }
    for recent in recents {
        raw.extend_from_slice(&pack_recent(recent));
    }
    if !facts.number.is_empty() {
        pack_number(&facts.number, raw);
    }
}

/// Both lists are bounded by [`NumberFacts`] itself.
fn pack_number(number: &NumberFacts, raw: &mut Vec<u8>) {
    let most = usize::from(u8::MAX);
    let (failures, networks) = (number.failures.iter().take(most), number.not_of.iter().take(most));
    raw.extend_from_slice(&[failures.len() as u8, networks.len() as u8]);
    failures.for_each(|at| raw.extend_from_slice(&at.millis().to_le_bytes()[..6]));
    for (carrier, at) in networks {
        raw.push(carrier_code(*carrier));
        raw.extend_from_slice(&at.millis().to_le_bytes()[..6]);
    }
}

/// Six bytes of milliseconds, message, entity, category, hash of the text.
pub fn pack_recent(recent: &Recent) -> [u8; RECENT_LEN] {
    let mut raw = [0; RECENT_LEN];
    raw[..6].copy_from_slice(&recent.handed_at.millis().to_le_bytes()[..6]);
    raw[6..14].copy_from_slice(&recent.message.raw().to_le_bytes());
    raw[14..22].copy_from_slice(&recent.entity.raw().to_le_bytes());
    raw[22] = recent.category.code();
    raw[23..].copy_from_slice(&recent.text_hash.to_le_bytes());
    raw
}

pub fn unpack_recent(raw: &[u8]) -> Option<Recent> {
    let mut rest = Rest(raw);
    rest.recent().filter(|_| rest.0.is_empty())
}

/// Adds a suppression; the same scope and category are kept once, with the first time and source. What it covers of the
/// entity's consents is withdrawn. `false`: it was known.
pub fn suppress(facts: &mut PersonFacts, order: Suppressed) -> bool {
    if let Scope::Entity(entity) = order.scope {
        let covers = |c: Option<Category>| c.is_none_or(|c| c == Category::Marketing);
        let consents = facts.consents.iter_mut();
        consents
            .filter(|c| c.entity == entity && covers(order.category))
            .for_each(|c| (c.withdrawn, c.since) = (true, c.since.max(order.at)));
    }
    let known = facts.suppressions.iter().any(|s| s.scope == order.scope && s.category == order.category);
    if known || facts.suppressions.len() >= MAX_ENTRIES {
        return false;
    }
    facts.suppressions.push(order);
    true
}

/// Lifts every suppression of the same scope and category, whatever its source. Returns how many.
pub fn unsuppress(facts: &mut PersonFacts, order: Suppressed) -> u32 {
    let before = facts.suppressions.len();
    facts.suppressions.retain(|known| known.scope != order.scope || known.category != order.category);
    (before - facts.suppressions.len()) as u32
}

/// Adds or replaces the consent of one entity. `false`: an equal or newer one, or a newer withdrawal, was there.
pub fn consent(facts: &mut PersonFacts, grant: Consented) -> bool {
    let full = facts.consents.len() >= MAX_ENTRIES;
    match facts.consents.iter_mut().find(|c| c.entity == grant.entity) {
        Some(known) if known.since >= grant.since => false,
        Some(known) => {
            *known = grant;
            true
        }
        None if full => false,
        None => {
            facts.consents.push(grant);
            true
        }
    }
}

fn read(raw: &[u8], facts: &mut PersonFacts) -> Option<()> {
    let mut rest = Rest(raw);
    let [format @ (FORMAT | WITH_NUMBER)] = rest.take::<1>()? else { return None };
    let [suppressions, consents, recents] =
        [rest.take()?, rest.take()?, rest.take()?].map(u16::from_le_bytes);
    for _ in 0..suppressions {
        facts.suppressions.push(rest.suppressed()?);
    }
    for _ in 0..consents {
        facts.consents.push(rest.consented()?);
    }
    for _ in 0..recents {
        facts.recents.push(rest.recent()?);
    }
    if format == WITH_NUMBER {
        let [failures, networks] = rest.take()?;
        for _ in 0..failures {
            facts.number.failures.push(rest.instant()?);
        }
        for _ in 0..networks {
            let [code] = rest.take()?;
            facts.number.not_of.push((carrier_from(code)?, rest.instant()?));
        }
    }
    rest.0.is_empty().then_some(())
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn big(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn instant(&mut self) -> Option<Timestamp> {
        let [a, b, c, d, e, f] = self.take()?;
        Some(Timestamp::from_millis(i64::from_le_bytes([a, b, c, d, e, f, 0, 0])))
    }

    fn suppressed(&mut self) -> Option<Suppressed> {
        let scope = match self.big()? {
            OPERATOR => Scope::Operator,
            entity => Scope::Entity(EntityId::from_raw(entity)),
        };
        let [category, source] = self.take()?;
        Some(Suppressed {
            scope,
            category: if category == 0 { None } else { Some(Category::from_code(category)?) },
            source: SuppressionSource::from_code(source)?,
            at: Timestamp::from_millis(self.big()?),
        })
    }

    fn consented(&mut self) -> Option<Consented> {
        let entity = EntityId::from_raw(self.big()?);
        let [basis, withdrawn] = self.take()?;
        Some(Consented {
            entity,
            basis: LegalBasis::from_code(basis)?,
            since: Timestamp::from_millis(self.big()?),
            until: Some(self.big()?).filter(|until| *until != i64::MAX).map(Timestamp::from_millis),
            withdrawn: withdrawn != 0,
        })
    }

    fn recent(&mut self) -> Option<Recent> {
        Some(Recent {
            handed_at: self.instant()?,
            message: MessageId::from_raw(self.big()?),
            entity: EntityId::from_raw(self.big()?),
            category: Category::from_code(self.take::<1>()?[0])?,
            text_hash: self.take().map(u64::from_le_bytes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::numbers::Lesson;
    use domain::phone::Carrier;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn facts_round_trip() {
        let entity = EntityId::from_raw(7);
        let suppressed =
            |scope, category| Suppressed { scope, category, source: SuppressionSource::OptOut, at: at(5) };
        let granted = |since, withdrawn| Consented {
            entity,
            basis: LegalBasis::Request,
            since: at(since),
            until: Some(at(99)),
            withdrawn,
        };
        let mut facts = PersonFacts::default();
        assert!(suppress(&mut facts, suppressed(Scope::Operator, None)));
        assert!(suppress(&mut facts, suppressed(Scope::Entity(entity), Some(Category::Marketing))));
        assert!(!suppress(&mut facts, suppressed(Scope::Operator, None)), "kept once");
        assert!(consent(&mut facts, granted(1, true)) && consent(&mut facts, granted(2, false)));
        assert!(!consent(&mut facts, granted(2, false)) && !consent(&mut facts, granted(1, false)));
        facts.recents = (0..300)
            .map(|n| Recent {
                handed_at: at(1_800_000_000_000 + n),
                message: MessageId::from_raw(n),
                entity,
                category: Category::Notice,
                text_hash: u64::MAX,
            })
            .collect();
        let mut raw = Vec::new();
        pack(&facts, &mut raw);
        facts.recents.drain(..300 - MAX_RECENTS);
        assert_eq!(unpack(&raw), Some(facts));
        assert_eq!(unpack(&raw[..raw.len() - 1]), None);
        raw.push(0);
        assert_eq!(unpack(&raw), None);
        let mut facts = unpack(&raw[..raw.len() - 1]).unwrap();
        facts.number.learn(Lesson::Dead, at(1_800_000_000_000));
        facts.number.learn(Lesson::NotOf(Carrier::Unicom), at(1_800_000_000_001));
        pack(&facts, &mut raw);
        assert_eq!(unpack(&raw), Some(facts.clone()));
        assert_eq!(unpack(&raw[..raw.len() - 1]), None);
        clear(&mut facts);
        assert_eq!(facts, PersonFacts::default());
    }
}
