//! [`PostgresStore`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Pool;
use oidc_session_core::{
    ChangeFeed, Commit, Cursor, Custody, Expected, HolderId, Lease, List, Page, Release, Removal, Renewal,
    SessionStore, StoreError, StoreKey, Stored, Sweep, Timestamp, Version,
};

use crate::PostgresStoreBuilder;
use crate::database::Database;
use crate::error::misconfigured;
use crate::feed::Feed;
use crate::lease::{self, length_ms};
use crate::row;
use crate::schema::Schema;
use crate::statements::Statements;
use crate::value::Value;

/// The most records of a page: so many of the longest are 50 MiB.
const PAGE: usize = 200;

/// A store in a PostgreSQL database. Clones share its connections; any number of processes and machines share the data.
///
/// Each call is one statement in one round trip (two when it is the first of its kind on a connection), takes effect
/// whole or not at all, and is answered within the timeouts of [`PostgresStoreBuilder`], whatever happens to the server
/// or the network. A dropped call may still take effect; its connection can be used again.
#[derive(Clone)]
pub struct PostgresStore {
    database: Database,
    schema: Schema,
    statements: Arc<Statements>,
    feed: Option<Feed>,
}

impl PostgresStore {
    /// Connects to the server of `url` with the default settings. See [`PostgresStoreBuilder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    /// The settings of a store on the server of `url`: `postgres://user:password@host:port/database?parameters`.
    pub fn builder(url: impl Into<String>) -> PostgresStoreBuilder {
        PostgresStoreBuilder::at(url.into())
    }

    /// The settings of a store that uses a pool which the program has anyway.
    ///
    /// The pool's connections are used as they are: TLS, `synchronous_commit`, `search_path` and timeouts at the server
    /// are then the program's concern, and their isolation must be READ COMMITTED, PostgreSQL's default. Calls are
    /// bounded as with a pool of the store's own. There is no [`ChangeFeed`], because a pool's connections cannot listen,
    /// unless [`changes_from`](PostgresStoreBuilder::changes_from) says where to connect for it.
    ///
    /// ```no_run
    /// use oidc_session_store_postgres::{PostgresStore, deadpool_postgres::Pool};
    ///
    /// # async fn example(pool: Pool) -> Result<(), Box<dyn std::error::Error>> {
    /// let store = PostgresStore::from_pool(pool).schema("app_sessions").connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_pool(pool: Pool) -> PostgresStoreBuilder {
        PostgresStoreBuilder::over(pool)
    }

    /// The SQL that makes the schema and its tables, for whoever does that by hand.
    ///
    /// Fails as *misconfigured* if the name is none that [`PostgresStoreBuilder::schema`] takes.
    ///
    /// ```
    /// use oidc_session_store_postgres::PostgresStore;
    ///
    /// let sql = PostgresStore::schema_sql("app_sessions")?;
    /// assert!(sql.contains(r#"CREATE TABLE "app_sessions".sessions"#));
    /// # Ok::<(), oidc_session_core::StoreError>(())
    /// ```
    pub fn schema_sql(schema: &str) -> Result<String, StoreError> {
        Schema::named(schema).map(|schema| schema.script())
    }

    pub(crate) fn new(database: Database, schema: Schema, feed: Option<Feed>) -> Self {
        let statements = Arc::new(Statements::of(&schema));
        Self { database, schema, statements, feed }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.schema)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for PostgresStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        const DOING: &str = "load a record";
        let rows = self.database.query(DOING, &self.statements.load, &[Value::Bytes(key.as_bytes())]).await?;
        rows.first().map(|row| row::stored(DOING, row)).transpose()
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        const DOING: &str = "commit a record";
        let (key, record) = (Value::Bytes(key.as_bytes()), Value::Bytes(next.record.as_bytes()));
        let version = number(DOING, next.version)?;
        let keep_until = Value::number_or_null(keep_until.map(Timestamp::as_unix_millis));
        let changed = match expected {
            Expected::Absent => {
                self.database.query(DOING, &self.statements.create, &[key, version, record, keep_until]).await?
            }
            Expected::At(expected) => {
                let expected = number(DOING, expected)?;
                let replace = &self.statements.replace;
                self.database.query(DOING, replace, &[key, version, record, keep_until, expected]).await?
            }
        };
        Ok(if changed.is_empty() { Commit::Conflict } else { Commit::Done })
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        const DOING: &str = "remove a record";
        let (key, expected) = (Value::Bytes(key.as_bytes()), number(DOING, expected)?);
        let changed = self.database.query(DOING, &self.statements.remove, &[key, expected]).await?;
        Ok(if changed.is_empty() { Removal::Conflict } else { Removal::Done })
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        const DOING: &str = "take a lease";
        let holder = holder.as_u128().to_be_bytes();
        let parameters = [Value::Bytes(key.as_bytes()), Value::Bytes(&holder), Value::Number(length_ms(ttl))];
        let rows = self.database.query(DOING, &self.statements.try_lease, &parameters).await?;
        lease::answer(DOING, rows.first())
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        let holder = holder.as_u128().to_be_bytes();
        let parameters = [Value::Bytes(key.as_bytes()), Value::Bytes(&holder), Value::Number(length_ms(ttl))];
        let rows = self.database.query("renew a lease", &self.statements.renew, &parameters).await?;
        Ok(if rows.is_empty() { Renewal::Lost } else { Renewal::Done })
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        let holder = holder.as_u128().to_be_bytes();
        let parameters = [
            Value::Bytes(key.as_bytes()),
            Value::Bytes(&holder),
            Value::Number(length_ms(release.pause)),
            Value::Number(release.unsettled.into()),
        ];
        self.database.query("release a lease", &self.statements.release, &parameters).await?;
        Ok(())
    }

    fn custody(&self) -> Custody {
        Custody::Server
    }

    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        self.feed.as_ref().map(|feed| feed as &dyn ChangeFeed)
    }
}

#[async_trait]
impl List for PostgresStore {
    /// Pages have at most 200 records, in the order of the keys.
    async fn list(&self, from: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        const DOING: &str = "list the records";
        let limit = limit.clamp(1, PAGE);
        let after = Value::Bytes(from.map_or(&[], |cursor| cursor.as_bytes())); // No bytes come before every key.
        let found = self.database.query(DOING, &self.statements.list, &[after, rows(limit)]).await?;
        let mut page = Page::default();
        for row in &found {
            let key = row::key(DOING, row, 2)?;
            if found.len() == limit {
                page.next = Some(Cursor::from_bytes(key.as_bytes().to_vec()));
            }
            // The row has arrived: if this fails, it is of another form.
            match row::stored(DOING, row) {
                Ok(stored) => page.entries.push((key, stored)),
                Err(_) => page.unreadable.push(key),
            }
        }
        Ok(page)
    }
}

#[async_trait]
impl Sweep for PostgresStore {
    /// Leaves what is being refreshed for its commit, and what somebody is changing right now for the next sweep. Any
    /// number of processes may sweep at once.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        let dropped = self.database.query("sweep the records", &self.statements.sweep, &[rows(limit)]).await?;
        Ok(dropped.len())
    }
}

fn number(doing: &'static str, version: Version) -> Result<Value<'static>, StoreError> {
    i64::try_from(version.as_u64())
        .map(Value::Number)
        .map_err(|_| misconfigured(doing, "a version has more than 63 bits"))
}

fn rows(limit: usize) -> Value<'static> {
    Value::Number(i64::try_from(limit).unwrap_or(i64::MAX))
}
