//! [`Database`]: the pool of connections, and how long a call may take on one.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use oidc_session_core::StoreError;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::connector::Connector;
use crate::error::{from_pool, from_postgres, misconfigured, silent, spends_the_connection};
use crate::schema::Schema;
use crate::statements::Statement;
use crate::value::Value;

/// The server ends a statement that takes too long. Whoever has not heard even of that so much later has a dead line.
const MARGIN: Duration = Duration::from_millis(500);

/// The connections of one store. Clones share them.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool,
    is_own: bool,
    patience: Patience,
}

/// How long a call may take, step by step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until a connection is free.
    pub(crate) acquire: Duration,
    /// Until a new one stands.
    pub(crate) connect: Duration,
    /// Until the statement is answered.
    pub(crate) statement: Duration,
}

impl Database {
    /// A pool of its own. Nothing is connected yet.
    pub(crate) fn new(connector: Connector, size: usize, patience: Patience) -> Result<Self, StoreError> {
        let config = tokio_postgres::Config::clone(&connector.config);
        // Whether a connection is closed is known without asking; whether a line is dead shows with the first call.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_connect(config, connector, recycling))
            .max_size(size.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(patience.acquire))
            .create_timeout(Some(patience.connect))
            .build()
            .map_err(|error| misconfigured("set up the connection pool", error.to_string()))?;
        Ok(Self { pool, is_own: true, patience })
    }

    /// Somebody else's pool.
    pub(crate) fn over(pool: Pool, patience: Patience) -> Self {
        Self { pool, is_own: false, patience }
    }

    /// Runs one statement: one round trip, and one more when it is new to the connection.
    ///
    /// If the caller goes away, the connection reads the answer all the same and throws it away, so it can be used again
    /// at once.
    pub(crate) async fn query(
        &self,
        doing: &'static str,
        statement: &Statement,
        parameters: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection(doing).await?;
        let parameters: Vec<_> = parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let answer = timeout(self.patience.statement.saturating_add(MARGIN), async {
            let prepared = connection.prepare_typed_cached(&statement.sql, &statement.types).await?;
            connection.query(&prepared, &parameters).await
        });
        match answer.await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                if spends_the_connection(&error) {
                    drop(Object::take(connection));
                }
                Err(from_postgres(doing, &error))
            }
            Err(_) => {
                drop(Object::take(connection));
                // Those that lie idle lead the same way. Somebody else's pool is somebody else's to tidy.
                if self.is_own {
                    self.pool.retain(|_, _| false);
                }
                Err(silent(doing))
            }
        }
    }

    /// Makes the tables, or brings them up to date.
    pub(crate) async fn migrate(&self, schema: &Schema) -> Result<(), StoreError> {
        let mut client = self.taken("migrate the session tables").await?;
        match timeout(Schema::PATIENCE, schema.migrate(&mut client)).await {
            Ok(result) => result,
            Err(_) => Err(silent("migrate the session tables")),
        }
    }

    /// Looks whether the tables are those that this version needs.
    pub(crate) async fn check(&self, schema: &Schema) -> Result<(), StoreError> {
        let client = self.taken("check the session tables").await?;
        match timeout(self.patience.statement.saturating_add(MARGIN), schema.check(&client)).await {
            Ok(result) => result,
            Err(_) => Err(silent("check the session tables")),
        }
    }

    /// A connection that does not go back: what is done once need not be tidied up after.
    async fn taken(&self, doing: &'static str) -> Result<ClientWrapper, StoreError> {
        self.connection(doing).await.map(Object::take)
    }

    async fn connection(&self, doing: &'static str) -> Result<Object, StoreError> {
        // A pool of somebody else's may have no limits of its own.
        match timeout(self.patience.acquire.saturating_add(self.patience.connect), self.pool.get()).await {
            Ok(connection) => connection.map_err(|error| from_pool(doing, &error)),
            Err(_) => Err(silent(doing)),
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("pool", &self.pool.status()).field("patience", &self.patience).finish()
    }
}
