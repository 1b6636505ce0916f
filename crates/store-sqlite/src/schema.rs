//! The tables, whose they are, and how they came to be.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

/// The newest layout. `PRAGMA user_version` tells which one a file has.
const LAYOUT: i32 = 1;

/// Marks the file as this crate's: `OIDS`.
const APPLICATION_ID: i32 = 0x4F49_4453;

/// Layout 1.
///
/// Leases are a table of their own: taking one then writes one small row, instead of copying a record full of secrets
/// into another page of the log. A row of `leases` belongs to one version of its session. It has a holder if the lease
/// is held, an end without a holder during a pause, and neither if it only remembers unsettled attempts.
///
/// Versions come from one counter for the whole store, so that none comes back after a remove.
const LAYOUT_1: &str = "
    CREATE TABLE sessions (
        key                BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
        version            INTEGER NOT NULL,
        keep_until_unix_ms INTEGER,
        record             BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_keep_until ON sessions (keep_until_unix_ms) WHERE keep_until_unix_ms IS NOT NULL;
    CREATE TABLE leases (
        key             BLOB    NOT NULL PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
        holder          BLOB    CHECK (length(holder) = 16),
        ends_at_unix_ms INTEGER,
        length_ms       INTEGER,
        unsettled       INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE counter (
        id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        last_version INTEGER NOT NULL
    ) STRICT;
    INSERT INTO counter (id, last_version) VALUES (1, 0);
";

/// What a file turns out to be. Looking changes nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// Nothing yet.
    Empty,
    /// A store of the current layout.
    Store,
    /// A store, but a newer version of this crate wrote it.
    NewerStore { layout: i32 },
    /// A database that another program wrote.
    Foreign,
}

impl Content {
    /// Takes a transaction, so that another process that is just making the tables is not seen half-way.
    pub(crate) fn of(transaction: &Transaction<'_>) -> rusqlite::Result<Self> {
        let application_id: i32 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let layout: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let has_tables =
            transaction.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())).optional()?.is_some();
        Ok(match (application_id, layout, has_tables) {
            (0, 0, false) => Self::Empty,
            (APPLICATION_ID, LAYOUT, true) => Self::Store,
            (APPLICATION_ID, layout, _) if layout > LAYOUT => Self::NewerStore { layout },
            _ => Self::Foreign,
        })
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::Store => f.write_str("the file is a session store"),
            Self::NewerStore { layout } => write!(
                f,
                "the file has layout {layout}, which a newer version of this program wrote; this one knows {LAYOUT}"
            ),
            Self::Foreign => f.write_str("the file is the database of another program"),
        }
    }
}

/// Makes the tables in an empty file, unless another process has just done so.
pub(crate) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if Content::of(&transaction)? == Content::Empty {
        transaction.execute_batch(LAYOUT_1)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
    }
    transaction.commit()
}
