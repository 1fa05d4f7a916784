//! Every statement of the ledger, named; a test prepares each against a fresh file.

pg::statements! {
    PARTITION_NEW = "INSERT OR IGNORE INTO partition VALUES (1, ?1, ?2, 0, 1, 0, 0, NULL, 1)";
    PARTITION_READ = "SELECT number, partitions, committed_now, next_claim, unknown_through, retired_through, person_cursor FROM partition";
    PARTITION_EVENT = "SELECT next_event FROM partition";
    PARTITION_WRITE = "UPDATE partition SET committed_now = ?1, next_claim = ?2, unknown_through = ?3, retired_through = ?4, next_event = ?5";

    /// Charge and purse stay as they were first.
    LANE_PUT = "INSERT INTO lane (id, account, entity, campaign, route, priority, category, state, speed, window_close, drop_after, held_words_approved, version, charge, purse) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (id) DO UPDATE SET account = excluded.account, entity = excluded.entity, campaign = excluded.campaign, route = excluded.route, priority = excluded.priority, category = excluded.category, state = excluded.state, speed = excluded.speed, window_close = excluded.window_close, drop_after = excluded.drop_after, held_words_approved = excluded.held_words_approved, version = excluded.version";
    LANE_STATE = "UPDATE lane SET state = ?2 WHERE id = ?1";
    LANE_THROUGH = "UPDATE lane SET expanded_through = ?2 WHERE id = ?1";
    LANES = "SELECT id, account, entity, campaign, route, priority, category, state, speed, window_close, drop_after, held_words_approved, expanded_through, version, charge, purse FROM lane";

    MESSAGE_ADD = "INSERT OR IGNORE INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    MESSAGE_IS_THERE = "SELECT 1 FROM message WHERE id = ?1";
    LIFE_READ = "SELECT life FROM message WHERE id = ?1";
    LIFE_WRITE = "UPDATE message SET life = ?2 WHERE id = ?1";
    SEALED_READ = "SELECT sealed FROM message WHERE id = ?1";
    /// Of a message of this account.
    SEALED_OWN = "SELECT sealed FROM message WHERE id = ?1 AND account = ?2";
    SEALED_WRITE = "UPDATE message SET sealed = ?2 WHERE id = ?1";
    MESSAGE_READ = "SELECT id, life, account, campaign, contact, sealed FROM message WHERE id = ?1";
    MESSAGE_PAGE = "SELECT id, life, account, campaign, contact, sealed FROM message WHERE id > ?1 ORDER BY id LIMIT ?2";
    LIVES_BETWEEN = "SELECT id, life FROM message WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";
    MESSAGE_LAST = "SELECT nullif(max(coalesce((SELECT max(id) FROM message), 0), coalesce((SELECT max(id) FROM inbound), 0)), 0)";
    MESSAGE_DROP = "DELETE FROM message WHERE id = ?1";

    QUEUE_ADD = "INSERT OR IGNORE INTO queue VALUES (?1, ?2, ?3, ?4)";
    QUEUE_DUE = "SELECT q.due_at, q.message, m.life, m.sealed FROM queue q CROSS JOIN message m ON m.id = q.message WHERE q.lane = ?1 AND q.avoid = ?2 AND q.due_at <= ?3 ORDER BY q.due_at, q.message LIMIT ?4";
    QUEUE_CUT = "DELETE FROM queue WHERE lane = ?1 AND avoid = ?2 AND (due_at, message) <= (?3, ?4)";
    QUEUE_DROP = "DELETE FROM queue WHERE lane = ?1 AND avoid = ?2 AND due_at = ?3 AND message = ?4";
    QUEUE_HEAD = "SELECT due_at FROM queue WHERE lane = ?1 AND avoid = ?2 ORDER BY due_at, message LIMIT 1";
    QUEUE_STREAM = "SELECT due_at, message FROM queue WHERE lane = ?1 AND avoid = ?2 ORDER BY due_at, message LIMIT ?3";
    /// The next stream at or after a place: a walk over stream heads, never over rows.
    QUEUE_NEXT_STREAM = "SELECT lane, avoid, due_at FROM queue WHERE (lane, avoid) > (?1, ?2) ORDER BY lane, avoid, due_at LIMIT 1";

    PERSON_READ = "SELECT facts FROM person WHERE phone_index = ?1";
    PERSON_WRITE = "INSERT OR REPLACE INTO person VALUES (?1, ?2)";
    PERSON_PAGE = "SELECT phone_index, facts FROM person WHERE phone_index > ?1 ORDER BY phone_index LIMIT ?2";
    PERSON_CURSOR = "UPDATE partition SET person_cursor = ?1";

    HANDED_ADD = "INSERT INTO handed VALUES (?1, ?2, ?3)";
    HANDED_ALL = "SELECT seq, phone_index, entry FROM handed ORDER BY seq";
    HANDED_FIRST = "SELECT entry FROM handed ORDER BY seq LIMIT 1";
    HANDED_DROP = "DELETE FROM handed WHERE seq = ?1";
    HANDED_CUT = "DELETE FROM handed WHERE seq <= ?1";

    PART_ADD = "INSERT OR REPLACE INTO part VALUES (?1, ?2, ?3, ?4)";
    PART_FIND = "SELECT message, place FROM part WHERE gateway = ?1 AND carrier_id = ?2";

    PART_PAGE = "SELECT gateway, carrier_id, message FROM part WHERE (gateway, carrier_id) > (?1, ?2) ORDER BY gateway, carrier_id LIMIT ?3";
    PART_DROP = "DELETE FROM part WHERE gateway = ?1 AND carrier_id = ?2";

    EARLY_ADD = "INSERT OR IGNORE INTO early VALUES (?1, ?2, ?3, ?4, ?5)";
    EARLY_FIND = "SELECT status, code, received_at FROM early WHERE gateway = ?1 AND carrier_id = ?2 ORDER BY status";
    EARLY_DROP = "DELETE FROM early WHERE gateway = ?1 AND carrier_id = ?2";
    EARLY_EXPIRE = "DELETE FROM early WHERE received_at < ?1";
    EARLY_COUNT = "SELECT count(*) FROM early";

    CLAIM_ADD = "INSERT INTO claim VALUES (?1, ?2, ?3, ?4)";
    CLAIM_DROP = "DELETE FROM claim WHERE seq = ?1";
    CLAIMS = "SELECT seq, messages, channel FROM claim ORDER BY seq";

    OVERDUE_ADD = "INSERT OR IGNORE INTO overdue VALUES (?1, ?2)";
    OVERDUE_DUE = "SELECT at, message FROM overdue WHERE at <= ?1 ORDER BY at, message LIMIT ?2";
    OVERDUE_DROP = "DELETE FROM overdue WHERE at = ?1 AND message = ?2";

    TALLY_ADD = "INSERT INTO tally VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO UPDATE SET messages = messages + excluded.messages, parts = parts + excluded.parts, price = price + excluded.price";
    TALLY_READ = "SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price FROM tally WHERE lane = ?1";

    TALLY_HOUR = "SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price FROM tally WHERE hour = ?1 AND lane > ?2 ORDER BY lane LIMIT ?3";
    TALLY_NEXT_HOUR = "SELECT hour FROM tally WHERE hour > ?1 ORDER BY hour LIMIT 1";

    ALLOWANCE_OF = "SELECT account, granted, drawn, returned FROM allowance WHERE account = ?1";
    ALLOWANCES = "SELECT account, granted, drawn, returned FROM allowance ORDER BY account";
    ALLOWANCE_PUT = "INSERT OR REPLACE INTO allowance VALUES (?1, ?2, ?3, ?4)";

    CODE_ADD = "INSERT INTO code VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET times = times + excluded.times, first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)";
    CODES = "SELECT gateway, code, times, first_at, last_at FROM code";
    /// What is old, and beyond a number of codes those seen longest ago.
    CODE_CUT = "DELETE FROM code WHERE last_at < max(?1, coalesce((SELECT last_at FROM code ORDER BY last_at DESC LIMIT 1 OFFSET ?2), ?1))";

    SUPPRESSION_ADD = "INSERT INTO suppression (id, account, suppressed_at, scope, category, source, inbound, phone_index, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    SUPPRESSION_LAST = "SELECT coalesce(max(id), 0) FROM suppression";
    SUPPRESSION_LIFT = "UPDATE suppression SET lifted_at = ?4 WHERE phone_index = ?1 AND scope = ?2 AND category = ?3 AND lifted_at IS NULL";
    SUPPRESSION_PAGE = "SELECT id, account, suppressed_at, scope, category, source, inbound, lifted_at, sealed FROM suppression WHERE account = ?1 AND suppressed_at < ?2 ORDER BY suppressed_at DESC, id DESC LIMIT ?3";

    ORIGIN_ADD = "INSERT OR IGNORE INTO origin VALUES (?1, ?2, ?3)";
    /// From the newest on. The customer is asked for outside, so that what is walked over is bounded whosever it is.
    ORIGIN_BETWEEN = "SELECT message, entry FROM (SELECT message, customer, entry FROM origin WHERE message >= ?1 AND message < ?2 ORDER BY message DESC LIMIT ?4) WHERE customer = ?3";
    /// Of whoever sent it, so that what is walked over is bounded; what is asked of each, only of the customer's.
    ORIGIN_PAGE = "SELECT o.message, CASE WHEN o.customer = ?3 THEN o.entry END, CASE WHEN o.customer = ?3 THEN (SELECT life FROM message WHERE id = o.message) END FROM origin o WHERE o.message >= ?1 AND o.message < ?2 ORDER BY o.message LIMIT ?4";
    ORIGIN_DROP = "DELETE FROM origin WHERE message = ?1";
    WAITING_REPORT = "INSERT OR REPLACE INTO waiting SELECT customer, 1, ?2, message, ?3 FROM origin WHERE message = ?1 RETURNING customer";
    WAITING_INBOUND = "INSERT OR REPLACE INTO waiting SELECT customer, 2, ?2, ?3, x'' FROM origin WHERE message = ?1 RETURNING customer";
    WAITING_FRAGMENT = "INSERT OR IGNORE INTO waiting VALUES (?1, 3, ?2, ?3, ?4)";
    WAITING_REPORTS = "SELECT w.at, w.item, w.entry, o.entry, m.sealed FROM waiting w CROSS JOIN origin o ON o.message = w.item CROSS JOIN message m ON m.id = w.item WHERE w.customer = ?1 AND w.kind = 1 AND (w.at, w.item) > (?2, ?3) ORDER BY w.at, w.item LIMIT ?4";
    WAITING_INBOUNDS = "SELECT w.at, w.item, i.sealed, o.entry FROM waiting w CROSS JOIN inbound i ON i.id = w.item CROSS JOIN origin o ON o.message = i.answers WHERE w.customer = ?1 AND w.kind = 2 AND (w.at, w.item) > (?2, ?3) ORDER BY w.at, w.item LIMIT ?4";
    WAITING_FRAGMENTS = "SELECT at, item, entry FROM waiting WHERE customer = ?1 AND kind = 3 AND (at, item) > (?2, ?3) ORDER BY at, item LIMIT ?4";
    WAITING_DROP = "DELETE FROM waiting WHERE customer = ?1 AND kind = ?2 AND at = ?3 AND item = ?4";
    /// The first row of the next customer and kind: a walk over heads, never over rows.
    WAITING_NEXT = "SELECT customer, kind FROM waiting WHERE (customer, kind) > (?1, ?2) ORDER BY customer, kind, at, item LIMIT 1";
    WAITING_LAST = "SELECT at, item FROM waiting WHERE customer = ?1 AND kind = ?2 ORDER BY at DESC, item DESC LIMIT 1";
    WAITING_CAME = "SELECT count(*) FROM (SELECT 1 FROM waiting WHERE customer = ?1 AND kind = ?2 AND (at, item) > (?3, ?4) LIMIT ?5)";
    WAITING_OLD = "DELETE FROM waiting WHERE customer = ?1 AND kind = ?2 AND at < ?3";
    WAITING_CUT = "DELETE FROM waiting WHERE customer = ?1 AND kind = ?2 AND at < max(?3, coalesce((SELECT at FROM waiting WHERE customer = ?1 AND kind = ?2 ORDER BY at DESC, item DESC LIMIT 1 OFFSET ?4), ?3))";

    LISTENERS = "SELECT account, active, gone_through FROM listener";
    LISTENER_READ = "SELECT active, gone_through FROM listener WHERE account = ?1";
    LISTENER_PUT = "INSERT INTO listener VALUES (?1, ?2, ?3) ON CONFLICT (account) DO UPDATE SET active = excluded.active, gone_through = excluded.gone_through";
    LISTENER_GONE = "UPDATE listener SET gone_through = max(gone_through, ?2) WHERE account = ?1";
    EVENT_ADD = "INSERT INTO event VALUES (?1, ?2, ?3, ?4)";
    EVENT_PAGE = "SELECT seq, entry FROM event WHERE account = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4";
    /// The newest row beyond an account's bound: a walk over an index that holds nothing else.
    EVENT_BEYOND = "SELECT seq FROM event WHERE account = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2";
    EVENT_OLDEST = "SELECT seq, at FROM event WHERE account = ?1 ORDER BY seq LIMIT ?2";
    EVENT_CUT = "DELETE FROM event WHERE account = ?1 AND seq <= ?2";

    INBOUND_KNOWN = "SELECT EXISTS (SELECT 1 FROM inbound WHERE gateway = ?1 AND carrier_id = ?2 AND phone_index = ?3)";
    INBOUND_ADD = "INSERT OR IGNORE INTO inbound VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    INBOUND_PAGE = "SELECT id, account, gateway, channel, carrier_id, answers, campaign, opted_out, received_at, sealed FROM inbound WHERE account = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::schema;

    #[test]
    fn every_statement_prepares_and_walks_no_whole_table() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        schema::migrate(&connection).unwrap();
        for (name, text) in ALL {
            connection.prepare(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let nulls = vec![rusqlite::types::Null; plan.parameter_count()];
            let steps: Vec<String> = plan
                .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let whole = [
                "partition",
                "lane",
                "claim",
                "early",
                "handed",
                "code",
                "allowance",
                "listener",
                "(subquery",
                "CONSTANT",
            ];
            let bad = steps.iter().find(|step| {
                step.contains("TEMP B-TREE")
                    || step.strip_prefix("SCAN ").is_some_and(|t| !whole.iter().any(|w| t.starts_with(w)))
            });
            assert_eq!(bad, None, "{name}");
        }
    }
}
