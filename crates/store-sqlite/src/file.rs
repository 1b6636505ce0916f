//! The database file: made and kept private.
//!
//! Nothing here may close a file that SQLite has open: on Unix that would drop the locks that SQLite holds on it in
//! this process. So a file is only opened to create it, and never while another thread is about to use it.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static CREATING: Mutex<()> = Mutex::new(());

/// Makes the file and its directories if they are missing. They are private before the first byte is in them.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let _others_wait_until_it_is_closed = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(directory) = path.parent() {
        create_directory(directory)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            Err(io::ErrorKind::IsADirectory.into())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes the database and the files beside it from everybody but their owner.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        match make_file_private(&beside(path, suffix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

/// Which file it is that a path leads to. It may be replaced by another of the same name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    #[cfg(unix)]
    device_and_number: (u64, u64),
}

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let metadata = fs::metadata(path)?;
        Ok(Self { device_and_number: (metadata.dev(), metadata.ino()) })
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> io::Result<Self> {
        Ok(Self {}) // Windows neither moves nor deletes a file that SQLite has open.
    }
}

/// The path of a file that SQLite keeps beside the database.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn make_file_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))
}

#[cfg(not(unix))]
fn make_file_private(_: &Path) -> io::Result<()> {
    Ok(()) // The directory's access list is inherited.
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_private_before_sqlite_opens_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sessions.db");
        create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_exists_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sessions.db");
        fs::write(&path, "content").unwrap();
        create(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"content");
    }
}
