//! The bulk statements on PostgreSQL. Every one is scoped by account, or by the id of a row that was found so. Arrays come in
//! order of the key that they lock.

pg::statements! {
    INSERT_CONTACTS = "INSERT INTO contact (id, account, phone_index, sealed, queryable, tags, import, created_at, updated_at) SELECT u.id, $1::bigint, u.phone_index, u.sealed, u.queryable, u.tags, $2::bigint, $3::bigint, $3::bigint FROM UNNEST ($4::bigint[], $5::bigint[], $6::bytea[], $7::text[], $8::text[]) u (id, phone_index, sealed, queryable, tags) ON CONFLICT DO NOTHING RETURNING id";
    FIND_CONTACTS = "SELECT id, sealed, queryable, tags, import, created_at, updated_at, phone_index FROM contact WHERE account = $1 AND phone_index = ANY ($2::bigint[])";
    LOCK_CONTACTS = "SELECT id, sealed, queryable, tags, import, created_at, updated_at, phone_index FROM contact WHERE account = $1 AND phone_index = ANY ($2::bigint[]) ORDER BY phone_index FOR UPDATE";
    UPDATE_CONTACTS = "UPDATE contact c SET sealed = u.sealed, queryable = u.queryable, tags = u.tags, import = coalesce($2::bigint, c.import), updated_at = $3::bigint FROM UNNEST ($4::bigint[], $5::bytea[], $6::text[], $7::text[]) u (id, sealed, queryable, tags) WHERE c.id = u.id AND c.account = $1";
    CONTACTS_BY_ID = "SELECT id, sealed, queryable, tags, import, created_at, updated_at FROM contact WHERE account = $1 AND id = ANY ($2::bigint[]) ORDER BY id";
    CONTACTS_AFTER = "SELECT id, sealed, queryable, tags, import, created_at, updated_at FROM contact WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3";

    INSERT_TAGS = "INSERT INTO tag (id, account, name, people) SELECT u.id, $1::bigint, u.name, 0 FROM UNNEST ($2::bigint[], $3::text[]) u (id, name) ON CONFLICT DO NOTHING";
    FIND_TAGS = "SELECT id, name FROM tag WHERE account = $1 AND name = ANY ($2::text[])";
    LOCK_TAGS = "SELECT id FROM tag WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE";
    COUNT_TAGGED = "UPDATE tag t SET people = t.people + u.people FROM UNNEST ($1::bigint[], $2::bigint[]) u (id, people) WHERE t.id = u.id";
    TAG_CONTACTS = "INSERT INTO contact_tag (tag, contact, account) SELECT u.tag, u.contact, $1::bigint FROM UNNEST ($2::bigint[], $3::bigint[]) u (tag, contact) ON CONFLICT DO NOTHING RETURNING tag";
    /// The next people of each tag, merged: whoever is among the first of all is among the first of one.
    TAGGED_AFTER = "SELECT DISTINCT p.contact FROM UNNEST ($4::bigint[]) s (tag) CROSS JOIN LATERAL (SELECT contact FROM contact_tag WHERE tag = s.tag AND contact > $2 AND account = $1 ORDER BY contact LIMIT $3) p ORDER BY p.contact LIMIT $3";

    /// Locked, so that nobody finishes the audience while chunks are added.
    FIND_AUDIENCE = "SELECT checksum IS NOT NULL FROM audience WHERE id = $1 AND account = $2 FOR SHARE";
    INSERT_CHUNKS = "INSERT INTO audience_chunk (audience, number, account, digest, sealed) SELECT $1::bigint, u.number, $2::bigint, u.digest, u.sealed FROM UNNEST ($3::bigint[], $4::bytea[], $5::bytea[]) u (number, digest, sealed) ON CONFLICT DO NOTHING";

    INSERT_REJECTED = "INSERT INTO rejected_row (import, line, account, sealed) SELECT $1::bigint, u.line, $2::bigint, u.sealed FROM UNNEST ($3::bigint[], $4::bytea[]) u (line, sealed) ON CONFLICT DO NOTHING";
}

#[cfg(test)]
mod tests {
    use sea_orm::sqlx::{self, AssertSqlSafe};

    use super::*;
    use crate::migrate_postgres;
    use crate::postgres_server;
    use pg::PostgresPlace;

    #[tokio::test]
    async fn every_bulk_statement_fits_the_migrated_schema() {
        let place =
            PostgresPlace { connections: 1, ..PostgresPlace::new(postgres_server::fresh_database().await) };
        let pool = place.connect().unwrap();
        migrate_postgres(pool.clone(), "SELECT 1").await.unwrap();
        for (name, text) in ALL {
            let prepared = sqlx::raw_sql(AssertSqlSafe(format!("PREPARE {name} AS {text}")));
            prepared.execute(&pool).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}
