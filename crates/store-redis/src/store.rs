//! [`RedisStore`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    ChangeFeed, Commit, Cursor, Expected, HolderId, Lease, List, Page, Release, Removal, Renewal, SessionStore,
    StoreError, StoreErrorKind, StoreKey, Stored, Timestamp, Version,
};
use redis::aio::ConnectionManager;
#[cfg(feature = "cluster")]
use redis::cluster_async::ClusterConnection;
use redis::{Client, RedisResult, Value};

use crate::RedisStoreBuilder;
use crate::config::Server;
use crate::error::{damaged, from_redis, unexpected_answer};
use crate::feed::RedisFeed;
use crate::layout::{Layout, published};
use crate::link::Link;
use crate::scripts::{COMMIT, LOAD, RELEASE, REMOVE, RENEW, Script, TRY_LEASE};
use crate::{lease, list};

/// A store in a Redis server. Clones share its connection; other processes and machines connect as well.
///
/// Calls need a Tokio runtime. Each is one round trip, and fails as *unavailable* within the time that the
/// [builder](RedisStoreBuilder::response_timeout) was told; after an outage, the next call connects anew.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    link: Arc<Link>,
    layout: Layout,
    feed: Option<RedisFeed>,
}

impl RedisStore {
    /// Connects to the server at `url` with the default settings. See [`RedisStoreBuilder::connect`].
    ///
    /// `redis://user:password@host:6379/0`, `rediss://…` with TLS, or
    /// `unix:///run/redis.sock?db=0&user=…&pass=…`. User and password are percent-encoded; they are never shown.
    pub async fn connect(url: impl Into<String>) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    /// The settings of a store in the server at `url`.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Server::Url(url.into()))
    }

    /// The settings of a store that connects with `client`.
    pub fn builder_for(client: Client) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Server::Client(Box::new(client)))
    }

    /// The settings of a store over a connection that the program has already.
    ///
    /// The manager reconnects as it was told to: the first call after an outage may still fail, and a connection that
    /// is dead without saying so stays. A subscription needs a connection of its own, which a manager cannot give: so
    /// there is a [change feed](oidc_session_core::ChangeFeed) only if a client of the same server comes along as
    /// `changes_from`.
    pub fn builder_over(connection: ConnectionManager, changes_from: Option<Client>) -> RedisStoreBuilder {
        let changes_from = changes_from.map(Box::new);
        RedisStoreBuilder::new(Server::Connection { manager: connection, changes_from })
    }

    /// The settings of a store in a Redis Cluster. Any of its nodes will do; several, in case one is down.
    ///
    /// Has no [change feed](oidc_session_core::ChangeFeed): nodes pass messages on to each other without saying when
    /// one was lost.
    #[cfg(feature = "cluster")]
    pub fn cluster_builder<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Server::Cluster(urls.into_iter().map(Into::into).collect()))
    }

    /// The settings of a store over a connection to a cluster that the program has already.
    #[cfg(feature = "cluster")]
    pub fn cluster_builder_over(connection: ClusterConnection) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Server::ClusterConnection(connection))
    }

    pub(crate) fn new(link: Arc<Link>, layout: Layout, feed: Option<RedisFeed>) -> Self {
        Self { inner: Arc::new(Inner { link, layout, feed }) }
    }

    async fn run(
        &self,
        doing: &'static str,
        script: &Script,
        key: &StoreKey,
        arguments: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let Inner { link, layout, .. } = &*self.inner;
        let answer: RedisResult<Value> = link.run(script, &layout.key(key), arguments).await;
        answer.map_err(|error| from_redis(doing, &error))
    }

    /// Where changes are told. Not in a cluster: nobody could hear them reliably.
    fn channel(&self) -> &str {
        if self.inner.link.is_cluster() { "" } else { self.inner.layout.channel() }
    }
}

/// Shows no address, because a URL has the password in it.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.inner.layout.prefix()).finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        const DOING: &str = "load a record";
        let answer = self.run(DOING, &LOAD, key, &[]).await?;
        loaded(answer, DOING)
    }

    /// A call that is sent once more, because its connection was closed before the answer came, recognises its own
    /// commit. Another call with the same commit is answered `Conflict`.
    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        const DOING: &str = "commit a record";
        let expected = match expected {
            Expected::Absent => String::new(),
            Expected::At(version) => version.to_string(),
        };
        let (version, expires_at) = (next.version.to_string(), expires_at(keep_until));
        let change = published(key, Some(next.version));
        let call = lease::holder(HolderId::random()); // As good as any 128 random bits.
        let arguments = [
            expected.as_bytes(),
            version.as_bytes(),
            next.record.as_bytes(),
            expires_at.as_bytes(),
            self.channel().as_bytes(),
            change.as_bytes(),
            call.as_bytes(),
        ];
        let done = flag(self.run(DOING, &COMMIT, key, &arguments).await?, DOING)?;
        Ok(if done { Commit::Done } else { Commit::Conflict })
    }

    /// Sent once more, because its connection was closed before the answer came, a remove that took effect is answered
    /// `Conflict`.
    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        const DOING: &str = "remove a record";
        let (expected, change) = (expected.to_string(), published(key, None));
        let arguments = [expected.as_bytes(), self.channel().as_bytes(), change.as_bytes()];
        let done = flag(self.run(DOING, &REMOVE, key, &arguments).await?, DOING)?;
        Ok(if done { Removal::Done } else { Removal::Conflict })
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        const DOING: &str = "take a lease";
        let (holder, length) = (lease::holder(holder), lease::micros(ttl));
        let answer = self.run(DOING, &TRY_LEASE, key, &[holder.as_bytes(), length.as_bytes()]).await?;
        lease::answered(answer).ok_or_else(|| damaged(DOING))
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        const DOING: &str = "renew a lease";
        let (holder, length) = (lease::holder(holder), lease::micros(ttl));
        let answer = self.run(DOING, &RENEW, key, &[holder.as_bytes(), length.as_bytes()]).await?;
        Ok(if flag(answer, DOING)? { Renewal::Done } else { Renewal::Lost })
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        const DOING: &str = "release a lease";
        let (holder, pause) = (lease::holder(holder), lease::micros(release.pause));
        let unsettled: &[u8] = if release.unsettled { b"1" } else { b"0" };
        let answer = self.run(DOING, &RELEASE, key, &[holder.as_bytes(), pause.as_bytes(), unsettled]).await?;
        flag(answer, DOING).map(drop)
    }

    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        self.inner.feed.as_ref().map(|feed| feed as &dyn ChangeFeed)
    }
}

#[async_trait]
impl List for RedisStore {
    /// Goes by Redis' `SCAN`: a page may be empty with more to come, and hold a few more records than were asked for,
    /// but no more than about 250. In a cluster, node after node: what moves to another node meanwhile may be left out.
    async fn list(&self, from: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        let (keys, next) = list::scan(&self.inner.link, &self.inner.layout, from, limit).await?;
        let loads = keys.into_iter().map(|key| async move { (key, self.load(&key).await) });
        // All at once over the one connection, so it is one round trip more.
        let loaded = futures_util::future::join_all(loads).await;
        let mut page = Page { next, ..Page::default() };
        for (key, loaded) in loaded {
            match loaded {
                Ok(stored) => page.entries.extend(stored.map(|stored| (key, stored))),
                Err(error) if error.kind() == StoreErrorKind::Corrupt => page.unreadable.push(key),
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }
}

/// The answer of the script that loads.
fn loaded(answer: Value, doing: &'static str) -> Result<Option<Stored>, StoreError> {
    let Value::Array(fields) = answer else {
        return Err(unexpected_answer(doing));
    };
    let mut fields = fields.into_iter().map(lease::bytes);
    match (fields.next(), fields.next()) {
        (None, None) => Ok(None),
        (Some(Some(version)), Some(Some(record))) => {
            lease::stored(version, record).map(Some).ok_or_else(|| damaged(doing))
        }
        _ => Err(unexpected_answer(doing)),
    }
}

fn flag(answer: Value, doing: &'static str) -> Result<bool, StoreError> {
    match answer {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        _ => Err(unexpected_answer(doing)),
    }
}

/// When Redis drops a record, in Unix milliseconds; nothing for never.
fn expires_at(keep_until: Option<Timestamp>) -> String {
    const YEAR_9999: i64 = 253_402_300_799_000;
    match keep_until.map(Timestamp::as_unix_millis) {
        None | Some(YEAR_9999..) => String::new(),
        Some(millis) => millis.max(1).to_string(),
    }
}
