//! [`StoreUrl`]: where sessions are kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use oidc_session::{FileStore, MemoryStore, PostgresStore, RedisStore, SessionStore, SqliteStore, StoreError};

/// Where sessions are kept. `Debug` and `Display` name the kind only: the rest may hold a password.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `memory:`, gone when the program ends.
    Memory,
    /// `file:FOLDER`, a file for each session.
    File(PathBuf),
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `redis://…` or `rediss://…`.
    Redis(String),
    /// `postgres://…`.
    Postgres(String),
}

impl StoreUrl {
    /// Opens the store; file and folder are made if need be.
    ///
    /// # Errors
    ///
    /// The place cannot be used, or the server does not answer.
    pub async fn open(&self) -> Result<Arc<dyn SessionStore>, StoreError> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::File(folder) => Arc::new(FileStore::open(folder).await?),
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
            Self::Redis(url) => Arc::new(RedisStore::connect(url).await?),
            Self::Postgres(url) => Arc::new(PostgresStore::connect(url).await?),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File(_) => "files",
            Self::Sqlite(_) => "SQLite",
            Self::Redis(_) => "Redis",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

impl FromStr for StoreUrl {
    type Err = UnknownStore;

    fn from_str(url: &str) -> Result<Self, UnknownStore> {
        match url.split_once(':').ok_or(UnknownStore)? {
            ("memory", "") => Ok(Self::Memory),
            ("file", path) if !path.is_empty() => Ok(Self::File(path.into())),
            ("sqlite", path) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            ("redis" | "rediss", _) => Ok(Self::Redis(url.to_owned())),
            ("postgres" | "postgresql", _) => Ok(Self::Postgres(url.to_owned())),
            _ => Err(UnknownStore),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({})", self.name())
    }
}

/// Not the URL of a store. It is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a store is memory:, file:FOLDER, sqlite:PATH, redis://… or postgres://…")]
pub struct UnknownStore;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_its_url() {
        for (url, expected) in [
            ("memory:", Ok(StoreUrl::Memory)),
            ("sqlite:a/b.db", Ok(StoreUrl::Sqlite("a/b.db".into()))),
            ("file:sessions", Ok(StoreUrl::File("sessions".into()))),
            ("rediss://h/0", Ok(StoreUrl::Redis("rediss://h/0".to_owned()))),
            ("postgresql://h/db", Ok(StoreUrl::Postgres("postgresql://h/db".to_owned()))),
            ("memory:more", Err(UnknownStore)),
            ("sqlite:", Err(UnknownStore)),
            ("sessions.db", Err(UnknownStore)),
            ("mysql://h", Err(UnknownStore)),
        ] {
            assert_eq!(url.parse(), expected, "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in ["redis://user:hunter2@h/0", "postgres://user:hunter2@h/db"] {
            let store: StoreUrl = url.parse().unwrap();
            assert!(!format!("{store:?} {store}").contains("hunter2"));
        }
    }
}
