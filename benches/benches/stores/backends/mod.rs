//! The stores that are compared.

mod file;
mod keyring;
mod memory;
mod postgres;
mod redis;
mod sqlite;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::{Record, SessionStore};
use oidc_session_test_servers::{Postgres, Redis, SecretService};
use tempfile::TempDir;

use crate::population::sealed_record;

/// A store, where it keeps its sessions, and how to weigh them.
#[async_trait]
pub(crate) trait Backend: Debug {
    /// As in `stores/NAME/load`.
    fn name(&self) -> &'static str;

    /// When a commit is acknowledged.
    fn durability(&self) -> &'static str;

    /// How many sessions it is to hold, so that nothing else weighs much beside them.
    fn sessions(&self) -> usize {
        1_000
    }

    /// The server without which there is no such store.
    fn need(&self) -> Option<Need> {
        None
    }

    /// Whether this machine has that server.
    fn is_installed(&self) -> bool {
        self.need().is_none_or(Need::is_installed)
    }

    /// Opens the store, with what is in it. Starts its server the first time.
    async fn open(&mut self) -> Arc<dyn SessionStore>;

    /// How many bytes each of its places has now. They are always the same places.
    async fn size(&mut self) -> Vec<(&'static str, u64)>;
}

/// All of them, in the order of what they promise.
pub(crate) fn all() -> Vec<Box<dyn Backend>> {
    vec![
        Box::new(memory::Memory::default()),
        Box::new(file::File::new()),
        Box::new(sqlite::Sqlite::new()),
        Box::new(redis::Redis::default()),
        Box::new(postgres::Postgres::default()),
        Box::new(keyring::Keyring::new()),
    ]
}

/// A server that a machine may not have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    Redis,
    Postgres,
    SecretService,
}

impl Need {
    fn is_installed(self) -> bool {
        match self {
            Self::Redis => Redis::is_installed(),
            Self::Postgres => Postgres::is_installed(),
            Self::SecretService => SecretService::is_installed(),
        }
    }

    /// What is not measured without it, and how to have it.
    pub(crate) fn skipped(self, backend: &str) -> String {
        let (server, debian) = self.names();
        format!("SKIPPED: stores/{backend}: {server} is missing. To have it: apt-get install {debian}")
    }

    /// Why the merge gate fails without it.
    pub(crate) fn demanded(self, backend: &str) -> String {
        let (server, debian) = self.names();
        format!("{server} is missing, which stores/{backend} needs; on Debian: apt-get install {debian}")
    }

    /// What people call it, and the packages of Debian that bring it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Redis => ("Redis", "redis-server"),
            Self::Postgres => ("PostgreSQL", "postgresql"),
            Self::SecretService => ("a secret service", "gnome-keyring dbus"),
        }
    }
}

/// A folder on the disk of the stores with files, and a record to write there.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) folder: TempDir,
    pub(crate) record: Record,
}

pub(crate) fn disk() -> Disk {
    Disk { folder: folder(), record: sealed_record() }
}

/// In the build folder, because the system's temporary folder may live in memory, where nothing is ever synced.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the build folder can be written")
}

/// The lengths of the files in a folder, and the disk blocks they take; none if there is no such folder yet.
fn files(folder: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;

    /// What `st_blocks` counts, whatever the file system's own blocks are.
    const BLOCK: u64 = 512;

    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let found = entries.map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file that stays"));
    found.fold((0, 0), |(length, blocks), file| (length + file.len(), blocks + file.blocks() * BLOCK))
}
