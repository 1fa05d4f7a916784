//! Every statement of the ledger on PostgreSQL, named; a test prepares each against a fresh schema.
//!
//! `$1` is the partition, alone: no statement looks at two. Arrays come through UNNEST or ANY, in order of the key that
//! they lock. No plan depends on statistics: a table is never joined to an array in a way that lets the planner begin with
//! the table, which it would while the table seems small.

pg::statements! {
    /// The major version.
    SERVER = "SELECT current_setting('server_version_num')::integer / 10000";
    SERVER_FACTS = "SELECT current_setting('server_version_num')::integer / 10000, current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AND current_setting('synchronous_commit') <> 'off', EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus'), coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    SERVER_PROCESS = "SELECT pg_backend_pid()";
    SCHEMA_NEW = "CREATE TABLE IF NOT EXISTS ledger_schema (version bigint PRIMARY KEY)";
    SCHEMA_LOCK = "LOCK TABLE ledger_schema IN ACCESS EXCLUSIVE MODE";
    SCHEMA_SEEN = "INSERT INTO ledger_schema VALUES ($1)";
    SCHEMA_VERSION = "SELECT coalesce(max(version), 0) FROM ledger_schema";
    SCHEMA_IS_THERE = "SELECT to_regclass('ledger_schema') IS NOT NULL";

    CITUS_IS_THERE = "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')";
    /// Only where Citus is: the catalogue is its own.
    CITUS_HAS_TABLE = "SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrel = $1::text::regclass)";

    PARTITION_NEW = "INSERT INTO ledger_partition (partition, partitions, committed_now, next_claim, next_suppression, unknown_through, retired_through) VALUES ($1, $2, 0, 1, 1, 0, 0) ON CONFLICT DO NOTHING";
    PARTITION_COUNT = "SELECT count(*) FROM ledger_partition";
    /// For a claim: another node's turn is not waited for.
    PARTITION_TRY = "SELECT committed_now, next_claim, next_suppression, unknown_through, retired_through, fences FROM ledger_partition WHERE partition = $1 FOR UPDATE SKIP LOCKED";
    /// For everything else that is serialised.
    PARTITION_LOCK = "SELECT committed_now, next_claim, next_suppression, unknown_through, retired_through, fences FROM ledger_partition WHERE partition = $1 FOR UPDATE";
    PARTITION_NOW = "SELECT committed_now FROM ledger_partition WHERE partition = $1";
    PARTITION_SUPPRESSED = "UPDATE ledger_partition SET next_suppression = $2 WHERE partition = $1";
    PARTITION_SWEPT = "UPDATE ledger_partition SET committed_now = $2, unknown_through = $3, retired_through = $4 WHERE partition = $1";
    PARTITION_FENCE = "UPDATE ledger_partition SET fences = $2 WHERE partition = $1";
    PARTITION_AT = "UPDATE ledger_partition SET committed_now = $2 WHERE partition = $1";

    /// A newer version than $14 is kept, a cancelled lane stays cancelled ($15: its code), and charge and purse stay as they were
    /// first.
    LANE_PUT = "INSERT INTO ledger_lane (partition, id, account, entity, campaign, route, priority, category, state, speed, window_close, drop_after, held_words_approved, version, charge, purse) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $16, $17) ON CONFLICT (partition, id) DO UPDATE SET account = excluded.account, entity = excluded.entity, campaign = excluded.campaign, route = excluded.route, priority = excluded.priority, category = excluded.category, state = CASE WHEN ledger_lane.state = $15 THEN ledger_lane.state ELSE excluded.state END, speed = excluded.speed, window_close = excluded.window_close, drop_after = excluded.drop_after, held_words_approved = excluded.held_words_approved, version = excluded.version WHERE ledger_lane.version <= excluded.version";
    /// $3: open, $4: paused.
    LANE_PAUSE = "UPDATE ledger_lane SET state = $4 WHERE partition = $1 AND id = $2 AND state = $3";
    LANE_THROUGH = "UPDATE ledger_lane SET expanded_through = $3 WHERE partition = $1 AND id = $2 AND expanded_through < $3";
    LANE_EXPANDED = "SELECT expanded_through FROM ledger_lane WHERE partition = $1 AND id = $2";
    LANE_STATES = "SELECT id, state, campaign, CASE WHEN account = ANY (ARRAY (SELECT l.account FROM ledger_listener l WHERE l.partition = $1 AND l.active)) THEN account END, account, purse FROM ledger_lane WHERE partition = $1 AND id = ANY ($2::bigint[])";
    LANES_OF = "SELECT id, account, entity, campaign, route, priority, category, state, speed, window_close, drop_after, held_words_approved, version, charge, purse FROM ledger_lane WHERE partition = $1 AND id = ANY ($2::bigint[])";
    LANES = "SELECT id, account, entity, campaign, route, priority, category, state, speed, window_close, drop_after, held_words_approved, version, charge, purse FROM ledger_lane WHERE partition = $1 ORDER BY id";

    MESSAGE_ADD = "INSERT INTO ledger_message (partition, id, phone_index, account, campaign, contact, life, sealed) SELECT $1::integer, m.* FROM UNNEST ($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[]) m ON CONFLICT DO NOTHING RETURNING id";
    LIVES_LOCK = "SELECT id, phone_index, life, campaign, CASE WHEN account = ANY (ARRAY (SELECT l.account FROM ledger_listener l WHERE l.partition = $1 AND l.active)) THEN account END FROM ledger_message WHERE partition = $1 AND id = ANY ($2::bigint[]) ORDER BY id FOR UPDATE";
    CANDIDATES_LOCK = "SELECT id, phone_index, life, campaign, CASE WHEN account = ANY (ARRAY (SELECT l.account FROM ledger_listener l WHERE l.partition = $1 AND l.active)) THEN account END, sealed FROM ledger_message WHERE partition = $1 AND id = ANY ($2::bigint[]) ORDER BY id FOR UPDATE";
    LIVES_BETWEEN = "SELECT id, life FROM ledger_message WHERE partition = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4";
    LIVES_READ = "SELECT life FROM ledger_message WHERE partition = $1 AND id = ANY ($2::bigint[])";
    /// Of messages of one account.
    SEALED_OWN = "SELECT id, sealed FROM ledger_message WHERE partition = $1 AND id = ANY ($2::bigint[]) AND account = $3";
    SEALED_WRITE = "UPDATE ledger_message SET sealed = $3 WHERE partition = $1 AND id = $2";
    MESSAGE_READ = "SELECT id, life, account, campaign, contact, sealed FROM ledger_message WHERE partition = $1 AND id = ANY ($2::bigint[])";
    MESSAGE_PAGE = "SELECT id, life, account, campaign, contact, sealed FROM ledger_message WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3";
    MESSAGE_LAST = "SELECT greatest((SELECT max(id) FROM ledger_message WHERE partition = $1), (SELECT max(id) FROM ledger_inbound WHERE partition = $1))";
    MESSAGES_DROP = "DELETE FROM ledger_message WHERE partition = $1 AND id = ANY ($2::bigint[])";

    /// By place in the arrays instead of a join, which a plan might begin at the wrong end: hence few at once.
    LIVES_WRITE = "UPDATE ledger_message SET life = ($3::bytea[])[array_position($2::bigint[], id)] WHERE partition = $1 AND id = ANY ($2::bigint[])";

    /// What a transaction's moves leave behind besides the records: queue rows and counts.
    /// $18: phones that showed life.
    MOVED = "WITH put AS (INSERT INTO ledger_queue SELECT $1::integer, p.* FROM UNNEST ($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) p ON CONFLICT DO NOTHING), alive AS (DELETE FROM ledger_number WHERE partition = $1 AND phone_index = ANY ($18::bigint[]) AND kind = 1) INSERT INTO ledger_tally_delta (partition, lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price) SELECT $1::integer, t.* FROM UNNEST ($6::bigint[], $7::bigint[], $8::integer[], $9::smallint[], $10::smallint[], $11::smallint[], $12::smallint[], $13::boolean[], $14::smallint[], $15::bigint[], $16::bigint[], $17::bigint[]) t";

    /// Rows of one stream within a stretch of it. Only those named: others may have come between them meanwhile. The sum
    /// keeps the list out of the index, which would be walked once for each of it.
    QUEUE_CUT = "DELETE FROM ledger_queue WHERE partition = $1 AND lane = $2 AND which = $3 AND (due_at, message) >= ($4, $5) AND (due_at, message) <= ($6, $7) AND message + 0 = ANY ($8::bigint[])";
    /// Up to a number of due rows of each stream, in order of the streams; $6 and $7: only rows after that one.
    QUEUE_DUE = "SELECT s.place, q.due_at, q.message FROM UNNEST ($2::bigint[], $3::bigint[], $4::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY s (lane, which, most, after_due, after_message, place) CROSS JOIN LATERAL (SELECT due_at, message FROM ledger_queue WHERE partition = $1 AND lane = s.lane AND which = s.which AND due_at <= $5 AND (due_at, message) > (s.after_due, s.after_message) ORDER BY due_at, message LIMIT s.most) q ORDER BY s.place, q.due_at, q.message";
    QUEUE_STREAM = "SELECT due_at, message FROM ledger_queue WHERE partition = $1 AND lane = $2 AND which = $3 ORDER BY due_at, message LIMIT $4";
    /// The first row of every stream, and its lane's state: a walk over stream heads, never over rows.
    QUEUE_HEADS = "WITH RECURSIVE head AS ((SELECT lane, which, due_at FROM ledger_queue WHERE partition = $1 ORDER BY lane, which, due_at, message LIMIT 1) UNION ALL SELECT n.lane, n.which, n.due_at FROM head h CROSS JOIN LATERAL (SELECT lane, which, due_at FROM ledger_queue WHERE partition = $1 AND (lane, which) > (h.lane, h.which) ORDER BY lane, which, due_at, message LIMIT 1) n) SELECT h.lane, h.which, h.due_at, l.state FROM head h LEFT JOIN ledger_lane l ON l.partition = $1 AND l.id = h.lane";

    /// The third column says what a row is: -1 of a person, 0 a hand-over, else the kind of a lesson.
    PERSON_FACTS = "SELECT phone_index, facts, -1::smallint, 0::bigint, 0::bigint FROM ledger_person WHERE partition = $1 AND phone_index = ANY ($2::bigint[]) UNION ALL SELECT phone_index, entry, 0::smallint, 0::bigint, 0::bigint FROM ledger_recent WHERE partition = $1 AND phone_index = ANY ($2::bigint[]) UNION ALL SELECT phone_index, ''::bytea, kind, item, at FROM ledger_number WHERE partition = $1 AND phone_index = ANY ($2::bigint[])";
    PERSON_ROWS = "SELECT phone_index, facts FROM ledger_person WHERE partition = $1 AND phone_index = ANY ($2::bigint[])";
    PERSON_PUT = "INSERT INTO ledger_person SELECT $1::integer, p.* FROM UNNEST ($2::bigint[], $3::bytea[]) p (phone_index, facts) ON CONFLICT (partition, phone_index) DO UPDATE SET facts = excluded.facts";

    /// A day keeps its first instant, a network the newest.
    NUMBER_ADD = "INSERT INTO ledger_number SELECT $1::integer, n.* FROM UNNEST ($2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[]) n ON CONFLICT (partition, phone_index, kind, item) DO UPDATE SET at = CASE WHEN ledger_number.kind = 1 THEN ledger_number.at ELSE excluded.at END";
    NUMBER_ALIVE = "DELETE FROM ledger_number WHERE partition = $1 AND phone_index = $2 AND kind = 1";
    NUMBER_PAGE = "SELECT phone_index, kind, item, at FROM ledger_number WHERE partition = $1 AND (phone_index, kind, item) > ($2, $3, $4) ORDER BY phone_index, kind, item LIMIT $5";
    NUMBER_DROP = "DELETE FROM ledger_number WHERE partition = $1 AND phone_index = ANY ($2::bigint[]) AND at + 0 < $3";

    CODE_ADD = "INSERT INTO ledger_code SELECT $1::integer, c.* FROM UNNEST ($2::integer[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) c ON CONFLICT (partition, gateway, code) DO UPDATE SET times = ledger_code.times + excluded.times, first_at = least(ledger_code.first_at, excluded.first_at), last_at = greatest(ledger_code.last_at, excluded.last_at)";
    CODES = "SELECT gateway, code, times, first_at, last_at FROM ledger_code WHERE partition = $1";
    CODE_CUT = "DELETE FROM ledger_code WHERE partition = $1 AND last_at < greatest($2::bigint, (SELECT last_at FROM ledger_code WHERE partition = $1 ORDER BY last_at DESC LIMIT 1 OFFSET $3))";

    RECENT_ADD = "INSERT INTO ledger_recent SELECT $1::integer, r.* FROM UNNEST ($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[]) r ON CONFLICT (partition, phone_index, message) DO UPDATE SET handed_at = excluded.handed_at, entry = excluded.entry";
    RECENT_DROP = "DELETE FROM ledger_recent WHERE partition = $1 AND phone_index = ANY ($2::bigint[]) AND message + 0 = ANY ($3::bigint[])";
    RECENT_PAGE = "SELECT phone_index, message, handed_at FROM ledger_recent WHERE partition = $1 AND (phone_index, message) > ($2, $3) ORDER BY phone_index, message LIMIT $4";

    PART_ADD = "INSERT INTO ledger_part SELECT $1::integer, p.* FROM UNNEST ($2::integer[], $3::bytea[], $4::bigint[], $5::integer[]) p ON CONFLICT (partition, gateway, carrier_id) DO UPDATE SET message = excluded.message, place = excluded.place";
    PART_FIND = "SELECT f.gateway, f.carrier_id, p.message, p.place FROM UNNEST ($2::integer[], $3::bytea[]) f (gateway, carrier_id) CROSS JOIN LATERAL (SELECT message, place FROM ledger_part WHERE partition = $1 AND gateway = f.gateway AND carrier_id = f.carrier_id LIMIT 1) p";
    PART_PAGE = "SELECT gateway, carrier_id, message FROM ledger_part WHERE partition = $1 AND (gateway, carrier_id) > ($2, $3) ORDER BY gateway, carrier_id LIMIT $4";
    PART_DROP = "DELETE FROM ledger_part WHERE partition = $1 AND gateway = $2 AND carrier_id = ANY ($3::bytea[])";

    EARLY_ADD = "INSERT INTO ledger_early SELECT $1::integer, e.* FROM UNNEST ($2::integer[], $3::bytea[], $4::smallint[], $5::text[], $6::bigint[]) e ON CONFLICT DO NOTHING";
    /// Those of the receipts named whose part is known by now.
    EARLY_READY = "SELECT f.gateway, f.carrier_id FROM UNNEST ($2::integer[], $3::bytea[]) f (gateway, carrier_id) CROSS JOIN LATERAL (SELECT 1 FROM ledger_early WHERE partition = $1 AND gateway = f.gateway AND carrier_id = f.carrier_id LIMIT 1) e CROSS JOIN LATERAL (SELECT 1 FROM ledger_part WHERE partition = $1 AND gateway = f.gateway AND carrier_id = f.carrier_id LIMIT 1) p";
    EARLY_TAKE = "DELETE FROM ledger_early WHERE partition = $1 AND gateway = $2 AND carrier_id = ANY ($3::bytea[]) RETURNING gateway, carrier_id, status, code, received_at";
    EARLY_PAGE = "SELECT gateway, carrier_id, status FROM ledger_early WHERE partition = $1 AND (gateway, carrier_id, status) > ($2, $3, $4) ORDER BY gateway, carrier_id, status LIMIT $5";
    EARLY_EXPIRE = "DELETE FROM ledger_early WHERE partition = $1 AND received_at < $2";

    CLAIM_ADD = "WITH added AS (INSERT INTO ledger_claim VALUES ($1, $2, $3, $4, $5, $6)) UPDATE ledger_partition SET committed_now = $5, next_claim = $2 + 1 WHERE partition = $1";
    CLAIM_FIND = "SELECT messages FROM ledger_claim WHERE partition = $1 AND seq = $2 AND node = $3 AND claimed_at = $4";
    CLAIMS_OF_NODE = "SELECT seq, messages FROM ledger_claim WHERE partition = $1 AND node = $2 ORDER BY seq";
    CLAIMS_AFTER = "SELECT seq, messages FROM ledger_claim WHERE partition = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    CLAIMS_DROP = "DELETE FROM ledger_claim WHERE partition = $1 AND seq = ANY ($2::bigint[])";

    LISTENERS = "SELECT account, gone_through FROM ledger_listener WHERE partition = $1";
    LISTENER_READ = "SELECT active, gone_through FROM ledger_listener WHERE partition = $1 AND account = $2";
    /// Whoever begins or ends reads nothing of before ($4).
    LISTENER_PUT = "INSERT INTO ledger_listener VALUES ($1, $2, $3, $4) ON CONFLICT (partition, account) DO UPDATE SET active = excluded.active, gone_through = excluded.gone_through WHERE ledger_listener.active <> excluded.active";
    LISTENER_GONE = "UPDATE ledger_listener SET gone_through = greatest(gone_through, $3) WHERE partition = $1 AND account = $2";
    EVENT_ADD = "INSERT INTO ledger_event (partition, account, at, entry) SELECT $1::integer, e.* FROM UNNEST ($2::bigint[], $3::bigint[], $4::bytea[]) e (account, at, entry) WHERE e.account = ANY (ARRAY (SELECT l.account FROM ledger_listener l WHERE l.partition = $1 AND l.active))";
    EVENT_PAGE = "SELECT seq, entry FROM ledger_event WHERE partition = $1 AND account = $2 AND seq >= $3 AND seq <= $4 ORDER BY seq LIMIT $5";
    EVENT_BEYOND = "SELECT seq FROM ledger_event WHERE partition = $1 AND account = $2 ORDER BY seq DESC LIMIT 1 OFFSET $3";
    EVENT_OLDEST = "SELECT seq, at FROM ledger_event WHERE partition = $1 AND account = $2 ORDER BY seq LIMIT $3";
    EVENT_CUT = "DELETE FROM ledger_event WHERE partition = $1 AND account = $2 AND seq <= $3";
    /// The newest number that was given out, whether its transaction has ended or not.
    EVENT_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ledger_event_seq_seq";
    EVENT_NEXT = "SELECT nextval('ledger_event_seq_seq')";
    /// A transaction's number of its own: greater than that of every one that has one by now.
    EVENT_FENCE = "SELECT pg_current_xact_id()::text::bigint";
    /// Every transaction with a smaller number has ended.
    EVENT_ENDED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

    OVERDUE_ADD = "INSERT INTO ledger_overdue SELECT $1::integer, o.* FROM UNNEST ($2::bigint[], $3::bigint[]) o ON CONFLICT DO NOTHING";
    OVERDUE_DUE = "SELECT at, message FROM ledger_overdue WHERE partition = $1 AND at <= $2 ORDER BY at, message LIMIT $3";
    OVERDUE_DROP = "DELETE FROM ledger_overdue WHERE partition = $1 AND (at, message) <= ($2, $3) AND message + 0 = ANY ($4::bigint[])";

    TALLY_FOLD = "WITH oldest AS (SELECT seq FROM ledger_tally_delta WHERE partition = $1 ORDER BY seq LIMIT $2), gone AS (DELETE FROM ledger_tally_delta WHERE partition = $1 AND seq = ANY (ARRAY (SELECT seq FROM oldest)) RETURNING lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price), added AS (INSERT INTO ledger_tally SELECT $1::integer, lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, sum(messages)::bigint, sum(parts)::bigint, sum(price)::bigint FROM gone GROUP BY lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier ON CONFLICT (partition, lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier) DO UPDATE SET messages = ledger_tally.messages + excluded.messages, parts = ledger_tally.parts + excluded.parts, price = ledger_tally.price + excluded.price) SELECT count(*) FROM gone";
    TALLY_READ = "SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, sum(messages)::bigint, sum(parts)::bigint, sum(price)::bigint FROM (SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price FROM ledger_tally WHERE partition = $1 AND lane = ANY ($2::bigint[]) UNION ALL SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price FROM ledger_tally_delta WHERE partition = $1 AND lane = ANY ($2::bigint[])) t GROUP BY lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier";
    TALLY_HOUR = "SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, sum(messages)::bigint, sum(parts)::bigint, sum(price)::bigint FROM (SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price FROM ledger_tally WHERE partition = $1 AND hour = $2 AND lane > $3 UNION ALL SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price FROM ledger_tally_delta WHERE partition = $1 AND lane > $3 AND hour = $2) t GROUP BY lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier ORDER BY lane LIMIT $4";
    /// Of both, the first hour after one.
    TALLY_NEXT_HOUR = "SELECT least((SELECT hour FROM ledger_tally WHERE partition = $1 AND hour > $2 ORDER BY hour LIMIT 1), (SELECT min(hour) FROM ledger_tally_delta WHERE partition = $1 AND lane > $3 AND hour > $2))";

    ALLOWANCES = "SELECT account, granted, drawn, returned FROM ledger_allowance WHERE partition = $1 ORDER BY account";
    ALLOWANCE_OF = "SELECT account, granted, drawn, returned FROM ledger_allowance WHERE partition = $1 AND account = $2";
    ALLOWANCE_GRANT = "INSERT INTO ledger_allowance VALUES ($1, $2, $3, 0, 0) ON CONFLICT (partition, account) DO UPDATE SET granted = greatest(ledger_allowance.granted, excluded.granted)";
    ALLOWANCE_DRAW = "UPDATE ledger_allowance SET drawn = drawn + $3 WHERE partition = $1 AND account = $2 AND granted - drawn - returned >= $3";
    ALLOWANCE_GIVE_BACK = "UPDATE ledger_allowance SET returned = returned + greatest(least(granted - drawn - returned, $3), 0) WHERE partition = $1 AND account = $2 RETURNING returned";

    SUPPRESSION_ADD = "INSERT INTO ledger_suppression (partition, id, account, suppressed_at, scope, category, source, inbound, phone_index, sealed) SELECT $1::integer, s.* FROM UNNEST ($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::smallint[], $7::smallint[], $8::bigint[], $9::bigint[], $10::bytea[]) s";
    SUPPRESSION_LIFT = "UPDATE ledger_suppression SET lifted_at = $5 WHERE partition = $1 AND phone_index = $2 AND scope = $3 AND category = $4 AND lifted_at IS NULL";
    SUPPRESSION_PAGE = "SELECT id, account, suppressed_at, scope, category, source, inbound, lifted_at, sealed FROM ledger_suppression WHERE partition = $1 AND account = $2 AND suppressed_at < $3 ORDER BY suppressed_at DESC, id DESC LIMIT $4";

    /// Only a repetition is passed over; an id that is another's is an error.
    INBOUND_ADD = "INSERT INTO ledger_inbound VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (partition, gateway, carrier_id, phone_index) DO NOTHING";
    INBOUND_IS_THERE = "SELECT EXISTS (SELECT 1 FROM ledger_inbound WHERE partition = $1 AND id = $2)";
    INBOUND_PAGE = "SELECT id, account, gateway, channel, carrier_id, answers, campaign, opted_out, received_at, sealed FROM ledger_inbound WHERE partition = $1 AND account = $2 AND id < $3 ORDER BY id DESC LIMIT $4";

    ORIGIN_ADD = "INSERT INTO ledger_origin SELECT $1::integer, o.* FROM UNNEST ($2::bigint[], $3::integer[], $4::bytea[]) o ON CONFLICT DO NOTHING";
    ORIGIN_BETWEEN = "SELECT message, entry FROM (SELECT message, customer, entry FROM ledger_origin WHERE partition = $1 AND message >= $2 AND message < $3 ORDER BY message DESC LIMIT $5) o WHERE customer = $4";
    ORIGIN_PAGE = "SELECT o.message, CASE WHEN o.customer = $4 THEN o.entry END, CASE WHEN o.customer = $4 THEN (SELECT life FROM ledger_message WHERE partition = $1 AND id = o.message) END FROM ledger_origin o WHERE o.partition = $1 AND o.message >= $2 AND o.message < $3 ORDER BY o.message LIMIT $5";
    ORIGINS_DROP = "DELETE FROM ledger_origin WHERE partition = $1 AND message = ANY ($2::bigint[])";
    WAITING_REPORT = "INSERT INTO ledger_waiting SELECT $1::integer, o.customer, 1, e.at, e.message, e.entry FROM UNNEST ($2::bigint[], $3::bigint[], $4::bytea[]) e (message, at, entry) CROSS JOIN LATERAL (SELECT customer FROM ledger_origin WHERE partition = $1 AND message = e.message LIMIT 1) o ON CONFLICT (partition, customer, kind, at, item) DO UPDATE SET entry = excluded.entry RETURNING customer";
    WAITING_INBOUND = "INSERT INTO ledger_waiting SELECT partition, customer, 2, $3::bigint, $4::bigint, ''::bytea FROM ledger_origin WHERE partition = $1 AND message = $2 ON CONFLICT DO NOTHING RETURNING customer";
    WAITING_FRAGMENT = "INSERT INTO ledger_waiting SELECT $1::integer, f.customer, 3, f.at, f.item, f.entry FROM UNNEST ($2::integer[], $3::bigint[], $4::bigint[], $5::bytea[]) f (customer, at, item, entry) ON CONFLICT DO NOTHING";
    WAITING_REPORTS = "SELECT w.at, w.item, w.entry, o.entry, m.sealed FROM (SELECT at, item, entry FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = 1 AND (at, item) > ($3, $4) ORDER BY at, item LIMIT $5) w CROSS JOIN LATERAL (SELECT entry FROM ledger_origin WHERE partition = $1 AND message = w.item LIMIT 1) o CROSS JOIN LATERAL (SELECT sealed FROM ledger_message WHERE partition = $1 AND id = w.item LIMIT 1) m";
    WAITING_INBOUNDS = "SELECT w.at, w.item, i.sealed, o.entry FROM (SELECT at, item FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = 2 AND (at, item) > ($3, $4) ORDER BY at, item LIMIT $5) w CROSS JOIN LATERAL (SELECT answers, sealed FROM ledger_inbound WHERE partition = $1 AND id = w.item LIMIT 1) i CROSS JOIN LATERAL (SELECT entry FROM ledger_origin WHERE partition = $1 AND message = i.answers LIMIT 1) o";
    WAITING_FRAGMENTS = "SELECT at, item, entry FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = 3 AND (at, item) > ($3, $4) ORDER BY at, item LIMIT $5";
    /// The arrays lead to the rows, the pairs say which of them.
    WAITING_DROP = "DELETE FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = $3 AND at = ANY ($4::bigint[]) AND item + 0 = ANY ($5::bigint[]) AND EXISTS (SELECT 1 FROM UNNEST ($4::bigint[], $5::bigint[]) p (at, item) WHERE p.at = ledger_waiting.at AND p.item = ledger_waiting.item OFFSET 0)";
    /// The next customer and kind: a walk over heads, never over rows.
    WAITING_NEXT = "SELECT customer, kind FROM ledger_waiting WHERE partition = $1 AND (customer, kind) > ($2, $3) ORDER BY customer, kind, at, item LIMIT 1";
    WAITING_LAST = "SELECT at, item FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = $3 ORDER BY at DESC, item DESC LIMIT 1";
    WAITING_CAME = "SELECT count(*) FROM (SELECT 1 FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = $3 AND (at, item) > ($4, $5) LIMIT $6) w";
    WAITING_OLD = "DELETE FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = $3 AND at < $4";
    WAITING_CUT = "DELETE FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = $3 AND at < greatest($4::bigint, (SELECT at FROM ledger_waiting WHERE partition = $1 AND customer = $2 AND kind = $3 ORDER BY at DESC, item DESC LIMIT 1 OFFSET $5))";

    /// All that the transaction reads is of one moment, and it changes nothing.
    ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
    VERIFY_PARTITION = "SELECT committed_now, retired_through FROM ledger_partition WHERE partition = $1";
    VERIFY_CLAIMS = "SELECT seq FROM ledger_claim WHERE partition = $1 ORDER BY seq";
    VERIFY_QUEUED = "SELECT w.message FROM UNNEST ($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) w (lane, which, due_at, message) CROSS JOIN LATERAL (SELECT 1 FROM ledger_queue WHERE partition = $1 AND lane = w.lane AND which = w.which AND due_at = w.due_at AND message = w.message LIMIT 1) q";
    VERIFY_QUEUE = "SELECT q.lane, q.which, q.due_at, q.message, (SELECT life FROM ledger_message m WHERE m.partition = $1 AND m.id = q.message) FROM ledger_queue q WHERE q.partition = $1 AND (q.lane, q.which, q.due_at, q.message) > ($2, $3, $4, $5) ORDER BY q.lane, q.which, q.due_at, q.message LIMIT $6";
    VERIFY_DRAWING = "SELECT id, account FROM ledger_lane WHERE partition = $1 AND purse = $2";
    VERIFY_TALLIES = "SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, sum(messages)::bigint, sum(parts)::bigint, sum(price)::bigint FROM (SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price FROM ledger_tally WHERE partition = $1 UNION ALL SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, price FROM ledger_tally_delta WHERE partition = $1) t GROUP BY lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier";
    VERIFY_PARTS = "SELECT p.gateway, p.carrier_id, p.message, (SELECT true FROM ledger_message m WHERE m.partition = $1 AND m.id = p.message LIMIT 1) FROM ledger_part p WHERE p.partition = $1 AND (p.gateway, p.carrier_id) > ($2, $3) ORDER BY p.gateway, p.carrier_id LIMIT $4";
    VERIFY_EARLY = "SELECT count(*) FROM ledger_early WHERE partition = $1";
    VERIFY_RECEIPTS = "SELECT p.message FROM ledger_early e CROSS JOIN LATERAL (SELECT message FROM ledger_part WHERE partition = $1 AND gateway = e.gateway AND carrier_id = e.carrier_id LIMIT 1) p WHERE e.partition = $1 AND e.received_at < $2";
    VERIFY_SUPPRESSIONS = "SELECT id, scope, category, phone_index, lifted_at IS NULL, sealed FROM ledger_suppression WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3";
    VERIFY_INBOUNDS = "SELECT id, sealed FROM ledger_inbound WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3";
}

#[cfg(test)]
mod tests {
    use sea_orm::sqlx::{self, AssertSqlSafe, Row as _};

    use super::*;
    use crate::postgres::PostgresPlace;
    use crate::postgres::schema;
    use crate::postgres_server;

    /// What walks a partition's rows by no more than its number: from one end up to a limit, or all of a small table.
    const ALONG: &[&str] = &[
        "LANES",
        "ALLOWANCES",
        "QUEUE_HEADS",
        "CLAIMS_OF_NODE",
        "TALLY_FOLD",
        "CODES",
        "CODE_CUT",
        "VERIFY_CLAIMS",
        "VERIFY_TALLIES",
        "VERIFY_DRAWING",
        "VERIFY_EARLY",
    ];

    /// Plans as they are kept for all values, made while every table is empty: the worst that can be cached.
    #[tokio::test]
    async fn every_statement_prepares_and_walks_no_whole_table() {
        let url = postgres_server::fresh_database().await;
        let place = PostgresPlace { connections: 1, ..PostgresPlace::new(url) };
        let pool = place.connect().unwrap();
        schema::migrate(&pool, 1).await.unwrap();
        let mut db = pool.acquire().await.unwrap();
        let generic = "SET plan_cache_mode = force_generic_plan";
        sqlx::query(generic).execute(&mut *db).await.unwrap();
        // Definitions, and what only Citus knows.
        let ddl = |text: &str| ["CREATE", "LOCK", "SET"].iter().any(|word| text.starts_with(word));
        let prepared = ALL.iter().filter(|(name, text)| !ddl(text) && !name.starts_with("CITUS_HAS"));
        for (name, text) in prepared {
            let parameters = (1..50).take_while(|n| text.contains(&format!("${n}"))).count();
            let nulls = vec!["NULL"; parameters].join(", ");
            let nulls = if parameters == 0 { String::new() } else { format!("({nulls})") };
            for statement in [format!("PREPARE {name} AS {text}"), format!("EXPLAIN EXECUTE {name}{nulls}")] {
                let rows = sqlx::raw_sql(AssertSqlSafe(statement)).fetch_all(&mut *db).await;
                let rows = rows.unwrap_or_else(|error| panic!("{name}: {error}"));
                let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                let bad = plan.windows(2).find(|pair| {
                    let whole = [
                        "ledger_schema",
                        "ledger_partition",
                        "ledger_listener",
                        "ledger_event_seq_seq",
                        "pg_extension",
                        "pg_stat",
                        "Function Scan",
                    ]
                    .iter()
                    .any(|t| pair[0].contains(t));
                    let along = pair[0].contains("Scan") && pair[1].trim() == "Index Cond: (partition = $1)";
                    !whole && (pair[0].contains("Seq Scan") || along && !ALONG.contains(name))
                });
                assert!(bad.is_none(), "{name}: {}", plan.join("\n"));
            }
        }
    }
}
