//! The write-ahead log: what is committed is there first. Kept short.
//!
//! SQLite copies the log into the database as it grows, and begins it anew once nobody reads from it any more. That
//! second part may never come while many processes read in turns; and a file that has grown once keeps its length. So
//! whoever commits to a long log has it cut off, and so does a sweep: then nothing that was dropped lingers there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::file;

/// After how many pages of 4 KiB the log is copied into the database.
const COPIED_AFTER_PAGES: u32 = 256;

/// How long the file stays when the log begins anew.
const KEPT_BYTES: u64 = 1024 * 1024;

/// When it is cut off, instead of waiting for that. A single commit may go beyond it.
const LONG_BYTES: u64 = 4 * KEPT_BYTES;

/// How long that waits for those who read. A read takes far less; whoever takes longer is left to the next commit.
const PATIENCE: Duration = Duration::from_millis(20);

pub(crate) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "wal_autocheckpoint", COPIED_AFTER_PAGES)?;
    connection.pragma_update_and_check(None, "journal_size_limit", KEPT_BYTES.cast_signed(), |_| Ok(()))
}

/// Whether the log of the database at `path` has grown long. Opens nothing: see [`file`].
pub(crate) fn is_long(path: &Path) -> bool {
    fs::metadata(file::beside(path, "-wal")).is_ok_and(|log| log.len() > LONG_BYTES)
}

/// Copies the log into the database and cuts it off, if nobody is reading from it.
///
/// Tells no error: what was committed is committed, and a disk that fails will tell the next one who writes.
pub(crate) fn cut_off(connection: &Connection, busy_timeout: Duration) {
    let _ = connection
        .busy_timeout(busy_timeout.min(PATIENCE))
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    let _ = connection.busy_timeout(busy_timeout);
}
