//! The tables, whose they are, and how they came to be.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

/// Marks the file as this crate's: `OIDS`.
const APPLICATION_ID: i32 = 0x4F49_4453;

/// The steps from one layout to the next: the first makes layout 1 in an empty file, the second makes it layout 2.
///
/// `PRAGMA user_version` tells which layout a file has. [`upgrade`] takes the steps that are missing in one transaction,
/// so that a crash leaves the old layout whole, and of several processes that open the file at once one does it. A step
/// that was ever released is never changed: what is new is a step of its own. A program refuses a layout that is newer
/// than it knows, and touches nothing; one that had the file open meanwhile fails as unavailable until it is replaced.
const STEPS: [&str; 2] = [TO_LAYOUT_1, TO_LAYOUT_2];

/// The newest layout.
const LAYOUT: usize = STEPS.len();

/// Leases are a table of their own: taking one then writes one small row, instead of copying a record full of secrets
/// into another page of the log. A row of `leases` belongs to one version of its session. It has a holder if the lease
/// is held, an end without a holder during a pause, and neither if it only remembers unsettled attempts.
///
/// In this layout versions came from one counter for the whole store, so that none came back after a remove.
const TO_LAYOUT_1: &str = "
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

/// The writer of a record chooses its version, and what it chooses is far beyond what the counter ever reached.
const TO_LAYOUT_2: &str = "DROP TABLE counter;";

/// What a file turns out to be. Looking changes nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// Nothing yet.
    Empty,
    /// A store of a layout that this version knows.
    Store { layout: usize },
    /// A store, but a newer version of this crate wrote it.
    NewerStore { layout: i32 },
    /// A database that another program wrote.
    Foreign,
}

impl Content {
    /// Takes a transaction, so that another process that is just making the tables is not seen half-way.
    pub(crate) fn of(transaction: &Transaction<'_>) -> rusqlite::Result<Self> {
        let application_id: i32 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let user_version: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let has_tables =
            transaction.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())).optional()?.is_some();
        Ok(match (application_id, usize::try_from(user_version), has_tables) {
            (0, Ok(0), false) => Self::Empty,
            (APPLICATION_ID, Ok(layout), true) if (1..=LAYOUT).contains(&layout) => Self::Store { layout },
            (APPLICATION_ID, Ok(layout), _) if layout > LAYOUT => Self::NewerStore { layout: user_version },
            _ => Self::Foreign,
        })
    }

    /// The layout that the file has now, if it may be brought to the newest one.
    fn layout(self) -> Option<usize> {
        match self {
            Self::Empty => Some(0),
            Self::Store { layout } => Some(layout),
            Self::NewerStore { .. } | Self::Foreign => None,
        }
    }

    /// Whether nothing needs to be done to the file.
    pub(crate) fn is_newest(self) -> bool {
        self.layout() == Some(LAYOUT)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::Store { layout } => write!(f, "the file is a session store of layout {layout}"),
            Self::NewerStore { layout } => write!(
                f,
                "the file has layout {layout}, which a newer version of this program wrote; this one knows {LAYOUT}"
            ),
            Self::Foreign => f.write_str("the file is the database of another program"),
        }
    }
}

/// Brings an empty file or an older store to the newest layout, unless another process has just done so. Tells what
/// it was before.
pub(crate) fn upgrade(connection: &mut Connection) -> rusqlite::Result<Content> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Looked at again, as the only writer: what it is by now decides which steps are missing.
    let content = Content::of(&transaction)?;
    if let Some(layout) = content.layout() {
        for step in STEPS.iter().skip(layout) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", LAYOUT.to_string())?;
    }
    transaction.commit()?;
    Ok(content)
}
