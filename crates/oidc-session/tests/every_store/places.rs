//! [`Place`]: a store with data of its own.

use std::any::Any;
use std::sync::Arc;

use oidc_session::{FileStore, KeyringStore, MemoryStore, PostgresStore, RedisStore, SessionStore, SqliteStore};
use oidc_session_test_servers::{SecretService, fresh_name, shared_postgres, shared_redis};

/// A store with data of its own, empty at first.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn SessionStore>,
    /// How often a byte is altered, each time in another way.
    pub(crate) patterns: usize,
    _data: Box<dyn Any + Send + Sync>,
}

impl Place {
    fn new(store: impl SessionStore, patterns: usize, data: impl Any + Send + Sync) -> Self {
        Self { store: Arc::new(store), patterns, _data: Box::new(data) }
    }
}

pub(crate) async fn file() -> Place {
    let directory = tempfile::tempdir().unwrap();
    Place::new(FileStore::open(directory.path().join("sessions")).await.unwrap(), 1, directory)
}

pub(crate) async fn keyring() -> Place {
    SecretService::enter();
    let folder = tempfile::tempdir().unwrap();
    let store = KeyringStore::builder(fresh_name()).lock_folder(folder.path()).open().await.unwrap();
    Place::new(store, 1, folder)
}

pub(crate) async fn memory() -> Place {
    Place::new(MemoryStore::new(), 4, ())
}

pub(crate) async fn postgres() -> Place {
    let builder = PostgresStore::builder(shared_postgres().await).schema(fresh_name());
    Place::new(builder.connect().await.unwrap(), 1, ())
}

pub(crate) async fn redis() -> Place {
    let builder = RedisStore::builder(shared_redis().await).prefix(fresh_name());
    Place::new(builder.connect().await.unwrap(), 2, ())
}

pub(crate) async fn sqlite() -> Place {
    let directory = tempfile::tempdir().unwrap();
    Place::new(SqliteStore::open(directory.path().join("sessions.db")).await.unwrap(), 1, directory)
}
