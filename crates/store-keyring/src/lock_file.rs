//! [`LockFile`]: one writer at a time, over all processes of the user.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is never read, written or deleted: whoever has it locked may change the entries of its service.
#[derive(Debug)]
pub(crate) struct LockFile(PathBuf);

impl LockFile {
    /// Makes the file and its folder if they are missing, for their owner alone.
    pub(crate) fn create(folder: &Path, service: &str) -> io::Result<Self> {
        let lock = Self(std::path::absolute(folder)?.join(format!("{service}.lock")));
        lock.open()?;
        Ok(lock)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Waits for the lock, however long another holds it. It ends when the file is dropped, or the process dies.
    pub(crate) fn acquire(&self) -> io::Result<File> {
        loop {
            let file = self.open()?;
            match file.lock() {
                // A signal came. The wait begins anew.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                // Somebody tidied the file away while we waited: the others lock a new one.
                Ok(()) if !self.is_still(&file)? => {}
                Ok(()) => return Ok(file),
            }
        }
    }

    fn open(&self) -> io::Result<File> {
        if let Some(folder) = self.0.parent() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.0)
    }

    #[cfg(unix)]
    fn is_still(&self, file: &File) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;

        let held = file.metadata()?;
        match fs::metadata(&self.0) {
            Ok(found) => Ok((held.dev(), held.ino()) == (found.dev(), found.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A file that is open cannot be deleted here.
    #[cfg(not(unix))]
    fn is_still(&self, _: &File) -> io::Result<bool> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_it_excludes_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let lock = LockFile::create(folder.path(), "test").unwrap();
        let held = lock.acquire().unwrap();
        assert!(lock.open().unwrap().try_lock().is_err());
        let other_service = LockFile::create(folder.path(), "other").unwrap();
        drop(other_service.acquire().unwrap());
        drop(held);
        lock.open().unwrap().try_lock().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_on_a_file_that_was_tidied_away_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let lock = LockFile::create(folder.path(), "test").unwrap();
        let stale = lock.open().unwrap();
        fs::remove_file(lock.path()).unwrap();
        assert!(!lock.is_still(&stale).unwrap());
        let held = lock.acquire().unwrap();
        assert!(lock.is_still(&held).unwrap());
        assert!(!lock.is_still(&stale).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn it_is_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let lock = LockFile::create(&folder.path().join("a/b"), "test").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(lock.path()), 0o600);
        assert_eq!(mode(&folder.path().join("a/b")), 0o700);
    }
}
