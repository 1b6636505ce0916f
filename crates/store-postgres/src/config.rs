//! [`PostgresStoreBuilder`]: the settings.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use oidc_session_core::StoreError;
use tokio::task::spawn_blocking;

use crate::PostgresStore;
use crate::address::{Address, Trust};
use crate::connector::Connector;
use crate::database::{Database, Patience};
use crate::error::{misconfigured, silent};
use crate::feed::Feed;
use crate::schema::Schema;
use crate::tls;

/// The settings of a [`PostgresStore`].
///
/// ```no_run
/// use std::time::Duration;
/// use oidc_session_store_postgres::PostgresStore;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::builder("postgres://app:password@db.example/app?sslmode=verify-full")
///     .ca_pem(std::fs::read("/etc/app/database-ca.pem")?)
///     .schema("app_sessions")
///     .pool_size(16)
///     .statement_timeout(Duration::from_secs(2))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct PostgresStoreBuilder {
    server: Server,
    changes_from: Option<String>,
    schema: String,
    migrations: bool,
    pool_size: usize,
    patience: Patience,
    authorities: Option<Vec<u8>>,
}

#[derive(Clone)]
enum Server {
    Url(String),
    Pool(Pool),
}

impl PostgresStoreBuilder {
    pub(crate) fn at(url: String) -> Self {
        Self::new(Server::Url(url))
    }

    pub(crate) fn over(pool: Pool) -> Self {
        Self::new(Server::Pool(pool))
    }

    fn new(server: Server) -> Self {
        let few = Duration::from_secs(3);
        Self {
            server,
            changes_from: None,
            schema: Schema::DEFAULT.to_owned(),
            migrations: true,
            pool_size: 8,
            patience: Patience { acquire: few, connect: few, statement: few },
            authorities: None,
        }
    }

    /// The schema that holds the tables. `oidc_session` by default.
    ///
    /// 1 to 50 lower-case letters, digits and underscores. Stores in different schemas know nothing of each other.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Where the change feed connects to, if not to the URL of the store: `postgres://…` of the same database.
    ///
    /// For a store behind a pooler of transactions (PgBouncer), on whose connections nobody can listen: name the server
    /// itself here, or a pool of sessions. And for a store over a pool of the program's, which has no feed otherwise.
    /// Each subscription makes one connection. A URL of another database fails when subscribing, as *misconfigured*.
    pub fn changes_from(mut self, url: impl Into<String>) -> Self {
        self.changes_from = Some(url.into());
        self
    }

    /// Whether [`connect`](Self::connect) makes the tables and brings them up to date. It does by default.
    ///
    /// Without, it only looks at them, and fails as *misconfigured* if they are missing or of another layout. Then
    /// [`PostgresStore::schema_sql`] is to be run by a role that may.
    pub fn migrations(mut self, migrations: bool) -> Self {
        self.migrations = migrations;
        self
    }

    /// The most connections at a time, at least 1. 8 by default; a subscription to the change feed has one of its own.
    ///
    /// No effect on a pool that was brought.
    pub fn pool_size(mut self, pool_size: usize) -> Self {
        self.pool_size = pool_size;
        self
    }

    /// How long a new connection may take, with TLS and signing in. Three seconds by default; for each host of the URL.
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.patience.connect = connect_timeout;
        self
    }

    /// How long a call waits for one of the connections, when all are in use. Three seconds by default.
    pub fn acquire_timeout(mut self, acquire_timeout: Duration) -> Self {
        self.patience.acquire = acquire_timeout;
        self
    }

    /// How long a statement may take before the server ends it. Three seconds by default.
    ///
    /// If nothing at all has been heard half a second later, the line is taken for dead: the connection is given up, and
    /// those that lie idle with it. A call takes at most this, that half second, and the other two timeouts.
    pub fn statement_timeout(mut self, statement_timeout: Duration) -> Self {
        self.patience.statement = statement_timeout;
        self
    }

    /// The certificates, as PEM, of the authorities that may vouch for the server, in place of the platform's.
    ///
    /// Counts before an `sslrootcert` in the URL, and for [`changes_from`](Self::changes_from) as well. No effect on a
    /// pool that was brought.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Connects, and makes or checks the tables. Needs a Tokio runtime.
    ///
    /// Fails as *misconfigured* if the URL, the schema's name, the certificate or the tables are not what they must be,
    /// as *denied* if the server refuses the role, and as *unavailable* if it does not answer.
    pub async fn connect(self) -> Result<PostgresStore, StoreError> {
        let schema = Schema::named(&self.schema)?;
        let (database, own) = match self.server {
            Server::Pool(pool) => (Database::over(pool, self.patience), None),
            Server::Url(url) => {
                let connector = connector(&url, self.authorities.clone(), self.patience).await?;
                let patience = Patience { connect: connector.patience(self.patience.connect), ..self.patience };
                (Database::new(connector.clone(), self.pool_size, patience)?, Some(connector))
            }
        };
        let changes_from = match self.changes_from {
            Some(url) => Some(connector(&url, self.authorities, self.patience).await?),
            None => own,
        };
        let feed = changes_from.map(|connector| {
            let patience = connector.patience(self.patience.connect);
            Feed::new(connector, &schema, patience, database.clone())
        });
        if self.migrations {
            database.migrate(&schema).await?;
        } else {
            database.check(&schema).await?;
        }
        Ok(PostgresStore::new(database, schema, feed))
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    /// Without the URL, which has a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder")
            .field("schema", &self.schema)
            .field("migrations", &self.migrations)
            .field("pool_size", &self.pool_size)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

async fn connector(url: &str, authorities: Option<Vec<u8>>, patience: Patience) -> Result<Connector, StoreError> {
    let Address { mut config, trust, authorities: path } = Address::parse(url, authorities.is_some())?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(patience.connect);
    }
    let authorities = match (authorities, path) {
        (None, Some(path)) => Some(read(path).await?),
        (given, _) => given,
    };
    if trust == Trust::Anybody && config.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
        tracing::warn!("the PostgreSQL server's certificate is not verified: `sslmode=require` without an authority");
    }
    let tls = tls::connector(trust, authorities.as_deref())?;
    Ok(Connector { config: Arc::new(config), tls, statement_timeout: patience.statement })
}

/// The largest file of authorities that is read, in bytes. A platform's own has a quarter of that.
const MOST_AUTHORITIES: usize = 1024 * 1024;

async fn read(path: PathBuf) -> Result<Vec<u8>, StoreError> {
    const DOING: &str = "read the file that `sslrootcert` names";
    match spawn_blocking(move || bounded(&path)).await {
        Ok(read) => read.map_err(|error| misconfigured(DOING, error.to_string())),
        Err(_) => Err(silent(DOING)),
    }
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    File::open(path)?.take(MOST_AUTHORITIES as u64 + 1).read_to_end(&mut pem)?;
    if pem.len() > MOST_AUTHORITIES { Err(io::Error::other("it is larger than 1 MiB")) } else { Ok(pem) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for (length, fits) in [(0, true), (MOST_AUTHORITIES, true), (MOST_AUTHORITIES + 1, false)] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(bounded(&path).map(|pem| pem.len()).ok(), fits.then_some(length));
        }
    }
}
