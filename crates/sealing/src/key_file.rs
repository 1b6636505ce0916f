//! Key rings in files that only their owner can read.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use oidc_session_core::Timestamp;
use tempfile::{Builder, NamedTempFile};
use zeroize::Zeroizing;

use crate::{KeyRing, KeyRingError};

/// A key ring that lies beside the data it seals.
#[derive(Debug)]
pub struct Beside {
    /// The ring.
    pub ring: KeyRing,
    /// Its file.
    pub path: PathBuf,
    /// Whether it was made just now, because there was none.
    pub made: bool,
}

impl KeyRing {
    /// What the key ring beside the data is called.
    pub const FILE_NAME: &'static str = "session-keys.json";

    /// Reads a ring from a file that only its owner can read.
    ///
    /// # Errors
    ///
    /// The file is missing, can be read by others, or is no key ring.
    pub fn load(path: &Path) -> Result<Self, KeyRingError> {
        let failed = |source| KeyRingError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        if is_exposed(&file).map_err(failed)? {
            return Err(KeyRingError::Exposed(path.to_owned()));
        }
        let mut text = Zeroizing::new(String::new());
        // One more than may be there, so that what is too long is not read as if it ended there.
        file.take(Self::MOST_BYTES as u64 + 1).read_to_string(&mut text).map_err(failed)?;
        Self::from_json(&text)
    }

    /// Writes the ring to a file that only its owner can read, in place of what was there. A crash leaves the one or the
    /// other, whole.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyRingError> {
        let failed = |source| KeyRingError::File { path: path.to_owned(), source };
        let temporary = self.write_beside(path).map_err(failed)?;
        temporary.persist(path).map_err(|error| failed(error.error))?;
        sync_folder_of(path).map_err(failed)
    }

    /// Changes the ring in a file. Of many that change it at once, each sees what the others did: a key that has sealed
    /// something is never lost. Where `path` is a symbolic link, the file it leads to is changed, and not the link: others
    /// may know it by its own name. It stays its owner's, whoever changes it.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load) and [`save`](Self::save).
    pub fn update(path: &Path, change: impl FnOnce(&Self) -> Self) -> Result<Self, KeyRingError> {
        let failed = |source| KeyRingError::File { path: path.to_owned(), source };
        let path = &*fs::canonicalize(path).map_err(failed)?;
        // A file of its own, which nobody replaces: the ring's own file is another one after each save.
        let lock = owner_only().write(true).create(true).truncate(false).open(path.with_extension("lock"));
        let lock = lock.map_err(failed)?;
        give_to_owner_of(path, &lock).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let changed = change(&Self::load(path)?);
        let temporary = changed.write_beside(path).map_err(failed)?;
        give_to_owner_of(path, temporary.as_file()).map_err(failed)?;
        temporary.persist(path).map_err(|error| failed(error.error))?;
        sync_folder_of(path).map_err(failed)?;
        Ok(changed)
    }

    /// Writes the ring to a new file.
    ///
    /// # Errors
    ///
    /// There is such a file already (`AlreadyExists`), or it cannot be written.
    pub fn save_new(&self, path: &Path) -> Result<(), KeyRingError> {
        let failed = |source| KeyRingError::File { path: path.to_owned(), source };
        let temporary = self.write_beside(path).map_err(failed)?;
        temporary.persist_noclobber(path).map_err(|error| failed(error.error))?;
        sync_folder_of(path).map_err(failed)
    }

    /// The ring that lies in `folder`, beside the data. If there is none, one is made: of many processes that look at
    /// once, one makes it and the others read it.
    ///
    /// It protects copies of the data that were made without it. Whoever can read the folder can read both.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load) and [`save_new`](Self::save_new).
    pub fn beside(folder: &Path, now: Timestamp) -> Result<Beside, KeyRingError> {
        let path = folder.join(Self::FILE_NAME);
        match Self::load(&path) {
            Err(KeyRingError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            loaded => return loaded.map(|ring| Beside { ring, path, made: false }),
        }
        let ring = Self::generate(now);
        match ring.save_new(&path) {
            Ok(()) => Ok(Beside { ring, path, made: true }),
            Err(KeyRingError::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Self::load(&path).map(|ring| Beside { ring, path, made: false })
            }
            Err(error) => Err(error),
        }
    }

    fn write_beside(&self, path: &Path) -> io::Result<NamedTempFile> {
        let folder = folder_of(path);
        fs::create_dir_all(folder)?;
        // Owner-only from the first byte on.
        let mut temporary = Builder::new().prefix(".session-keys-").tempfile_in(folder)?;
        temporary.write_all(self.to_json().as_bytes())?;
        temporary.write_all(b"\n")?;
        temporary.as_file().sync_all()?;
        Ok(temporary)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The name is on the disk, too, before anything is sealed with the keys.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// Otherwise a ring that the administrator changes could not be read any more by the program it belongs to.
#[cfg(unix)]
fn give_to_owner_of(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let (ring, own) = (fs::metadata(path)?, file.metadata()?);
    if ring.uid() == own.uid() { Ok(()) } else { fchown(file, Some(ring.uid()), Some(ring.gid())) }
}

#[cfg(not(unix))]
fn give_to_owner_of(_path: &Path, _file: &File) -> io::Result<()> {
    Ok(()) // The folder's access list decides.
}

/// Whoever can open a lock file can hold everybody up.
#[cfg(unix)]
fn owner_only() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn owner_only() -> fs::OpenOptions {
    File::options()
}

#[cfg(unix)]
fn is_exposed(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_file: &File) -> io::Result<bool> {
    Ok(false) // The folder's access list decides.
}
