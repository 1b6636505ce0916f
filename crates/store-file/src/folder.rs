//! [`Folder`]: whole files, read and replaced.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use oidc_session_core::StoreErrorKind;

use crate::disk::Disk;
use crate::error::Trouble;
use crate::name::{Found, Name};
use crate::privacy::{self, Owner};

/// A folder that belongs to us alone. Clones are the same folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: Arc<Path>,
    owner: Owner,
    disk: Arc<dyn Disk>,
}

impl Folder {
    /// Makes the folder if it is missing, and sees that nobody else can write to it, nor read it.
    ///
    /// The path may lead through links, the last step too: what is looked at is where it leads.
    pub(crate) fn make(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, Trouble> {
        let path = std::path::absolute(path)?;
        create(&path, &*disk)?;
        let path = fs::canonicalize(path)?;
        let metadata = fs::metadata(&path)?;
        if !metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory).into());
        }
        privacy::nobody_else_writes_to(&metadata)?;
        let folder = Self { path: path.into(), owner: Owner::of(&metadata), disk };
        let ourselves = match folder.ourselves() {
            // What is there can still be read.
            Err(Trouble::System(error)) if is_full(&error) => folder.owner,
            ourselves => ourselves?,
        };
        if ourselves != folder.owner {
            return Err(Trouble::refused(
                StoreErrorKind::Denied,
                "the folder belongs to somebody else; run as its owner, or use a folder of your own",
            ));
        }
        privacy::make_private(&folder.path, &metadata)?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a file, or `None` if there is none. Of a file that is too long, only its beginning.
    ///
    /// Needs no lock: a file is only ever replaced as a whole.
    pub(crate) fn read(&self, name: Name, longest: usize) -> Result<Option<Vec<u8>>, Trouble> {
        let text = name.text();
        let path = self.path.join(&text);
        let opened = match fs::symlink_metadata(&path) {
            // Looked at before it is opened: opening a pipe would wait for its other end.
            Ok(metadata) => self.admit(&text, &metadata).and_then(|()| Ok(File::open(&path)?)),
            Err(error) => Err(error.into()),
        };
        let file = match opened {
            Ok(file) => file,
            Err(Trouble::System(error)) if error.kind() == io::ErrorKind::NotFound => {
                if name != Name::Layout {
                    self.is_still_there()?;
                }
                return Ok(None);
            }
            Err(trouble) => return Err(trouble),
        };
        let mut bytes = Vec::new();
        file.take(longest as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Puts `bytes` in the place of a file, as a whole or not at all. On the disk once it returns.
    pub(crate) fn replace(&self, name: Name, bytes: &[u8]) -> Result<(), Trouble> {
        let draft = self.path.join(name.draft(nonce()?));
        let written = self.write(&draft, bytes).and_then(|()| self.disk.rename(&draft, &self.path.join(name.text())));
        if let Err(error) = written {
            let _ = self.disk.remove(&draft); // Whoever tidies up next will find it.
            return Err(error.into());
        }
        self.sync()
    }

    fn write(&self, draft: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.disk.create(draft)?;
        self.disk.write(&mut file, bytes)?;
        // Before it gets its name, or a power loss could leave the name without the content.
        self.disk.sync(&file)
    }

    /// Forgets a file, if it is there. That is on the disk after the next `sync`.
    pub(crate) fn remove(&self, file: &str) -> Result<(), Trouble> {
        match self.disk.remove(&self.path.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Returns once every name in the folder is on the disk.
    pub(crate) fn sync(&self) -> Result<(), Trouble> {
        Ok(self.disk.sync_folder(&self.path)?)
    }

    pub(crate) fn has(&self, name: Name) -> Result<bool, Trouble> {
        match fs::symlink_metadata(self.path.join(name.text())) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What is in the folder, in no order.
    pub(crate) fn scan(&self) -> Result<impl Iterator<Item = Result<Found, Trouble>>, Trouble> {
        let entries = fs::read_dir(&self.path)?;
        Ok(entries.map(|entry| Ok(Found::by(&entry?.file_name()))))
    }

    /// Takes a file from everybody but us, if somebody copied it here with looser permissions.
    pub(crate) fn make_private(&self, name: Name) -> Result<(), Trouble> {
        let path = self.path.join(name.text());
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && Owner::of(&metadata) == self.owner => {
                Ok(privacy::make_private(&path, &metadata)?)
            }
            _ => Ok(()), // Whoever reads it will be told.
        }
    }

    /// Refuses whatever we would not have put there.
    pub(crate) fn admit(&self, file: &str, metadata: &Metadata) -> Result<(), Trouble> {
        if !metadata.is_file() {
            let why = format!("`{file}` is a link, or no file at all; put the file itself in the folder");
            return Err(Trouble::refused(StoreErrorKind::Misconfigured, why));
        }
        if Owner::of(metadata) != self.owner {
            let why = format!("`{file}` belongs to somebody else; give it to the owner of the folder, or remove it");
            return Err(Trouble::refused(StoreErrorKind::Denied, why));
        }
        Ok(())
    }

    /// "No such session" is said only of a store that is there: not of a place where nothing is mounted just now.
    pub(crate) fn is_still_there(&self) -> Result<(), Trouble> {
        if self.has(Name::Layout)? {
            return Ok(());
        }
        let why = "the folder is gone or was emptied; if that was meant, open the store anew";
        Err(Trouble::refused(StoreErrorKind::Unavailable, why))
    }

    /// Who we are: whom a file belongs to that we make.
    fn ourselves(&self) -> Result<Owner, Trouble> {
        let probe = self.path.join(Name::Layout.draft(nonce()?));
        let file = self.disk.create(&probe)?;
        let owner = file.metadata().map(|metadata| Owner::of(&metadata));
        match self.disk.remove(&probe) {
            // Somebody who tidied up took it for a dead writer's.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        Ok(owner?)
    }
}

/// Makes the folders that are missing. Each is private, and on the disk once it returns.
fn create(path: &Path, disk: &dyn Disk) -> io::Result<()> {
    let parent = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.parent(),
        _ => return Ok(()),
    };
    let Some(parent) = parent else {
        return Err(io::ErrorKind::NotFound.into());
    };
    create(parent, disk)?;
    let mut builder = DirBuilder::new();
    builder.recursive(false);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.and_then(|()| disk.sync_folder(parent)),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn nonce() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(u64::from_ne_bytes(bytes))
}
