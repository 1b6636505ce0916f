//! [`Statements`]: what is said to the server, one statement per call.
//!
//! All of them are made for READ COMMITTED. There a statement that meets a row which another transaction is changing
//! waits for it, and then goes by the row as that one left it; but it sees nothing else that happened since it began.
//! So each statement looks at one row only, and decides by what it finds after it has locked it.

use tokio_postgres::types::Type;

use crate::schema::Schema;

/// The longest record that is read back. More is nothing that this crate wrote.
const LONGEST_RECORD: usize = 1 << 20;

/// The server's clock, in milliseconds. Not `now()`, which stands still while a statement waits for a row.
const NOW: &str = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// What the name of a subscription's own channel begins with; 32 hexadecimal digits follow.
pub(crate) const PING_CHANNEL: &str = "oidc_session_ping_";

/// What ends a lease, a pause and the count of unsettled attempts.
const NO_LEASE: &str = "unsettled = 0, lease_holder = NULL, lease_ends_at_unix_ms = NULL, lease_length_ms = NULL";

pub(crate) struct Statements {
    pub(crate) load: Statement,
    pub(crate) create: Statement,
    pub(crate) replace: Statement,
    pub(crate) remove: Statement,
    pub(crate) try_lease: Statement,
    pub(crate) renew: Statement,
    pub(crate) release: Statement,
    pub(crate) list: Statement,
    pub(crate) sweep: Statement,
}

/// A statement with the types of its parameters.
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) types: Vec<Type>,
}

impl Statement {
    fn new(sql: String, types: impl Into<Vec<Type>>) -> Self {
        Self { sql, types: types.into() }
    }

    /// Tells a number to one subscription. Nothing that a crash may not forget, so nobody waits for the disk.
    pub(crate) fn ping() -> Self {
        Self::new(
            format!(
                "SELECT pg_catalog.set_config('synchronous_commit', 'off', true),
                     pg_catalog.pg_notify('{PING_CHANNEL}' || pg_catalog.encode($1, 'hex'), $2::text)"
            ),
            [Type::BYTEA, Type::INT8],
        )
    }
}

impl Statements {
    pub(crate) fn of(schema: &Schema) -> Self {
        let sessions = format!("{}.sessions", schema.quoted());
        let record = format!("CASE WHEN octet_length(record) <= {LONGEST_RECORD} THEN record END");
        // One row for each change that took effect, and told of if the transaction is committed.
        let tell = |version: &str| {
            format!("SELECT pg_notify('{}', encode(key, 'hex') || ':' || {version}) FROM changed", schema.channel())
        };
        Self {
            load: Statement::new(format!("SELECT version, {record} FROM {sessions} WHERE key = $1"), [Type::BYTEA]),
            create: Statement::new(
                format!(
                    "WITH changed AS (
                         INSERT INTO {sessions} (key, version, record, keep_until_unix_ms) VALUES ($1, $2, $3, $4)
                         ON CONFLICT (key) DO NOTHING
                         RETURNING key, version
                     )
                     {}",
                    tell("version")
                ),
                [Type::BYTEA, Type::INT8, Type::BYTEA, Type::INT8],
            ),
            replace: Statement::new(
                format!(
                    "WITH changed AS (
                         UPDATE {sessions} SET version = $2, record = $3, keep_until_unix_ms = $4, {NO_LEASE}
                         WHERE key = $1 AND version = $5
                         RETURNING key, version
                     )
                     {}",
                    tell("version")
                ),
                [Type::BYTEA, Type::INT8, Type::BYTEA, Type::INT8, Type::INT8],
            ),
            remove: Statement::new(
                format!(
                    "WITH changed AS (DELETE FROM {sessions} WHERE key = $1 AND version = $2 RETURNING key) {}",
                    tell("''")
                ),
                [Type::BYTEA, Type::INT8],
            ),
            // `found` locks the row, `timed` looks at the clock only after that. `remains` is at most the whole length:
            // if more does, the clock was set back, and the row is corrected. Of a row that cannot be read back, none
            // is leased: its reader is told, and nothing changes.
            try_lease: Statement::new(
                format!(
                    "WITH found AS MATERIALIZED (
                         SELECT * FROM {sessions} WHERE key = $1 FOR NO KEY UPDATE
                     ), timed AS MATERIALIZED (
                         SELECT *, {NOW} AS now FROM found
                     ), judged AS MATERIALIZED (
                         SELECT *,
                             coalesce(version < 0 OR octet_length(record) > {LONGEST_RECORD} OR unsettled < 0, true)
                                 AS damaged,
                             least(lease_ends_at_unix_ms - now, lease_length_ms) AS remains,
                             coalesce(lease_ends_at_unix_ms > now, false) AS runs,
                             coalesce(lease_ends_at_unix_ms > now, false) AND lease_holder IS DISTINCT FROM $2 AS refused
                         FROM timed
                     ), leased AS (
                         UPDATE {sessions} AS session SET
                             unsettled = CASE
                                 WHEN NOT runs AND session.lease_holder IS NOT NULL
                                 THEN least(session.unsettled::bigint + 1, 2147483647)::integer
                                 ELSE session.unsettled
                             END,
                             lease_holder = CASE WHEN refused THEN session.lease_holder ELSE $2 END,
                             lease_ends_at_unix_ms = now + CASE WHEN refused THEN remains ELSE $3 END,
                             lease_length_ms = CASE WHEN refused THEN session.lease_length_ms ELSE $3 END
                         FROM judged
                         WHERE session.key = judged.key AND NOT damaged
                             AND (NOT refused OR session.lease_ends_at_unix_ms - now > remains)
                         RETURNING session.key, session.unsettled
                     )
                     SELECT version, CASE WHEN NOT refused THEN {record} END, refused, lease_holder IS NULL, remains,
                         leased.unsettled, damaged
                     FROM judged LEFT JOIN leased ON leased.key = judged.key"
                ),
                [Type::BYTEA, Type::BYTEA, Type::INT8],
            ),
            renew: Statement::new(
                format!(
                    "UPDATE {sessions} SET lease_ends_at_unix_ms = {NOW} + $3, lease_length_ms = $3
                     WHERE key = $1 AND lease_holder = $2 AND lease_ends_at_unix_ms > {NOW}
                     RETURNING true"
                ),
                [Type::BYTEA, Type::BYTEA, Type::INT8],
            ),
            release: Statement::new(
                format!(
                    "UPDATE {sessions} SET
                         unsettled = least(unsettled::bigint + $4, 2147483647)::integer,
                         lease_holder = NULL,
                         lease_ends_at_unix_ms = CASE WHEN $3 > 0 THEN {NOW} + $3 END,
                         lease_length_ms = CASE WHEN $3 > 0 THEN $3 END
                     WHERE key = $1 AND lease_holder = $2 AND lease_ends_at_unix_ms > {NOW}"
                ),
                [Type::BYTEA, Type::BYTEA, Type::INT8, Type::INT8],
            ),
            list: Statement::new(
                format!("SELECT version, {record}, key FROM {sessions} WHERE key > $1 ORDER BY key LIMIT $2"),
                [Type::BYTEA, Type::INT8],
            ),
            // The clock is asked in a subquery of its own, because an index can be searched for one value only. A row
            // that somebody is changing right now is skipped: it will be found by the next sweep.
            sweep: Statement::new(
                format!(
                    "WITH past AS MATERIALIZED (
                         SELECT key FROM {sessions}
                         WHERE keep_until_unix_ms < (SELECT {NOW})
                             AND NOT coalesce(lease_holder IS NOT NULL AND lease_ends_at_unix_ms > {NOW}, false)
                         ORDER BY keep_until_unix_ms LIMIT $1
                         FOR UPDATE SKIP LOCKED
                     ), changed AS (
                         DELETE FROM {sessions} AS session USING past WHERE session.key = past.key RETURNING session.key
                     )
                     {}",
                    tell("''")
                ),
                [Type::INT8],
            ),
        }
    }
}
