//! The bulk statements on SQLite. Every one is scoped by account, or by the id of a row that was found so.

/// Takes the write lock at once.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
/// Takes a snapshot with the first statement behind it.
pub(super) const BEGIN_READ: &str = "BEGIN DEFERRED";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

/// Waits for nobody: what somebody still reads stays in the log until the next time.
pub(super) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

pub(super) const INSERT_CONTACT: &str = "
    INSERT INTO contact
        (id, account, phone_index, sealed, queryable, tags, import, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
    ON CONFLICT DO NOTHING";

pub(super) const FIND_CONTACT: &str = "
    SELECT id, sealed, queryable, tags, import, created_at, updated_at
    FROM contact WHERE account = ?1 AND phone_index = ?2";

pub(super) const UPDATE_CONTACT: &str = "
    UPDATE contact
    SET sealed = ?3, queryable = ?4, tags = ?5, import = coalesce(?6, import), updated_at = ?7
    WHERE id = ?1 AND account = ?2";

pub(super) const CONTACT_BY_ID: &str = "
    SELECT id, sealed, queryable, tags, import, created_at, updated_at
    FROM contact WHERE id = ?1 AND account = ?2";

pub(super) const CONTACTS_AFTER: &str = "
    SELECT id, sealed, queryable, tags, import, created_at, updated_at
    FROM contact WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

pub(super) const PHONES: &str = "
    SELECT id, sealed, queryable, tags, import, created_at, updated_at, phone_index FROM contact";

pub(super) const INSERT_TAG: &str = "
    INSERT INTO tag (id, account, name, people) VALUES (?1, ?2, ?3, 0) ON CONFLICT DO NOTHING";

pub(super) const FIND_TAG: &str = "SELECT id FROM tag WHERE account = ?1 AND name = ?2";

pub(super) const COUNT_TAGGED: &str = "UPDATE tag SET people = people + ?2 WHERE id = ?1";

/// Many people at once: a statement for each would cost more than its row.
pub(super) const TAG_CONTACTS: &str = "
    INSERT INTO contact_tag (tag, contact, account)
    SELECT ?1, value, ?3 FROM json_each(?2) WHERE true ON CONFLICT DO NOTHING";

pub(super) const TAGGED_AFTER: &str = "
    SELECT contact FROM contact_tag
    WHERE tag = ?1 AND contact > ?2 AND account = ?3 ORDER BY contact LIMIT ?4";

pub(super) const FIND_AUDIENCE: &str = "
    SELECT checksum IS NOT NULL FROM audience WHERE id = ?1 AND account = ?2";

pub(super) const INSERT_CHUNK: &str = "
    INSERT INTO audience_chunk (audience, number, account, digest, sealed)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";

pub(super) const INSERT_REJECTED: &str = "
    INSERT INTO rejected_row (import, line, account, sealed)
    VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

/// All statements that are prepared, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL: [&str; 14] = [
    INSERT_CONTACT,
    FIND_CONTACT,
    UPDATE_CONTACT,
    CONTACT_BY_ID,
    CONTACTS_AFTER,
    PHONES,
    INSERT_TAG,
    FIND_TAG,
    COUNT_TAGGED,
    TAG_CONTACTS,
    TAGGED_AFTER,
    FIND_AUDIENCE,
    INSERT_CHUNK,
    INSERT_REJECTED,
];
