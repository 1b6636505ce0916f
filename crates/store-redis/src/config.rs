//! [`RedisStoreBuilder`]: the settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::StoreError;
use redis::Client;
use redis::aio::ConnectionManager;
#[cfg(feature = "cluster")]
use redis::cluster::ClusterClientBuilder;
#[cfg(feature = "cluster")]
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{ConnectionInfo, IntoConnectionInfo as _};

use crate::error::{from_redis, misconfigured};
use crate::feed::RedisFeed;
use crate::layout::Layout;
use crate::link::{Link, Way};
use crate::reconnecting::Reconnecting;
use crate::tls::Certificates;
use crate::{RedisStore, inspection, tls};

const CONNECT: &str = "connect to Redis";

/// The settings of a [`RedisStore`].
///
/// ```no_run
/// use std::time::Duration;
/// use oidc_session_store_redis::RedisStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::builder("rediss://app:s3cret@redis.example:6379/0")
///     .prefix("shop:sessions")
///     .trust(std::fs::read("/etc/ssl/redis-ca.pem")?)
///     .response_timeout(Duration::from_secs(1))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct RedisStoreBuilder {
    server: Server,
    prefix: String,
    certificates: Certificates,
    connection_timeout: Duration,
    response_timeout: Duration,
}

#[derive(Clone)]
pub(crate) enum Server {
    Url(String),
    Client(Box<Client>),
    Connection {
        manager: ConnectionManager,
        changes_from: Option<Box<Client>>,
    },
    #[cfg(feature = "cluster")]
    Cluster(Vec<String>),
    #[cfg(feature = "cluster")]
    ClusterConnection(ClusterConnection),
}

impl RedisStoreBuilder {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            prefix: "oidc-session".to_owned(),
            certificates: Certificates::default(),
            connection_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(4),
        }
    }

    /// What the names of all keys and of the channel begin with: 1 to 64 ASCII letters, digits, `-`, `_`, `.`, `:` or
    /// `/`. `oidc-session` by default. Stores with another prefix do not see each other's sessions.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The certificates, in PEM, of the authorities that may vouch for the server, in place of those that the system
    /// trusts. For `rediss://` only.
    pub fn trust(mut self, authorities: impl Into<Vec<u8>>) -> Self {
        self.certificates.authorities = Some(authorities.into());
        self
    }

    /// The certificate chain and the private key, both in PEM, with which the program proves who it is. For `rediss://`
    /// only.
    pub fn client_certificate(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.certificates.own = Some((chain.into(), key.into()));
        self
    }

    /// How long it may take to connect, with TLS and password. One second by default.
    pub fn connection_timeout(mut self, connection_timeout: Duration) -> Self {
        self.connection_timeout = connection_timeout;
        self
    }

    /// How long the server may take to answer, the calls before it included. Four seconds by default.
    ///
    /// A call fails after this and [`connection_timeout`](Self::connection_timeout) together, at the latest.
    pub fn response_timeout(mut self, response_timeout: Duration) -> Self {
        self.response_timeout = response_timeout;
        self
    }

    /// Connects, and looks at the server: at its version, and at what its user may do.
    ///
    /// Needs a Tokio runtime. Fails as *denied* if the server refuses the user or the password, or a permission is
    /// missing; as *misconfigured* if the URL or the settings are wrong, or if what answers is not Redis, is too old, or
    /// does not speak TLS as the URL has it; as *unavailable* if nothing answers in time. Warns (`tracing`) if the
    /// server may evict sessions, or would forget them in a crash.
    pub async fn connect(self) -> Result<RedisStore, StoreError> {
        let limit = self.connection_timeout.saturating_add(self.response_timeout);
        let (way, changes_from) = self.way().await?;
        let link = Link::new(way, limit);
        let Some(layout) = Layout::new(&self.prefix, link.database()) else {
            return Err(misconfigured(CONNECT, "the prefix has 1 to 64 ASCII letters, digits, or any of -_.:/"));
        };
        inspection::inspect(&link, &layout).await?;
        let link = Arc::new(link);
        let feed = changes_from.map(|client| RedisFeed::new(client, &layout, limit, Arc::clone(&link)));
        Ok(RedisStore::new(link, layout, feed))
    }

    /// The way to the server, and the client that a feed of changes connects with.
    async fn way(&self) -> Result<(Way, Option<Client>), StoreError> {
        match &self.server {
            Server::Url(url) => {
                let address = url.as_str().into_connection_info().map_err(|error| from_redis(CONNECT, &error))?;
                self.own(tls::client(with_keepalive(address), &self.certificates)?)
            }
            Server::Client(client) => {
                self.certificates.refuse("a client that was brought along has its own TLS settings")?;
                tls::install_provider_for(client.get_connection_info().addr());
                self.own((**client).clone())
            }
            Server::Connection { manager, changes_from } => {
                self.certificates.refuse("a connection that was brought along has its own TLS settings")?;
                if let Some(client) = changes_from {
                    tls::install_provider_for(client.get_connection_info().addr());
                }
                Ok((Way::Brought(manager.clone()), changes_from.as_deref().cloned()))
            }
            #[cfg(feature = "cluster")]
            Server::Cluster(urls) => {
                let failed = |error| from_redis(CONNECT, &error);
                let nodes = urls.iter().map(|url| url.as_str().into_connection_info().map(with_keepalive));
                let nodes: Vec<ConnectionInfo> = nodes.collect::<Result<_, _>>().map_err(failed)?;
                let mut client = ClusterClientBuilder::new(nodes.clone())
                    .connection_timeout(self.connection_timeout)
                    .response_timeout(self.response_timeout)
                    .overall_response_timeout(Some(self.connection_timeout.saturating_add(self.response_timeout)))
                    .tcp_settings(tcp_settings());
                if let Some(certificates) = tls::settings(nodes.first().map(ConnectionInfo::addr), &self.certificates)?
                {
                    client = client.certs(certificates);
                }
                let client = client.build().map_err(failed)?;
                let limit = self.connection_timeout.saturating_add(self.response_timeout);
                let connection = tokio::time::timeout(limit, client.get_async_connection()).await;
                let connection =
                    connection.unwrap_or_else(|_| Err(crate::reconnecting::timed_out())).map_err(failed)?;
                Ok((Way::Cluster(connection), None))
            }
            #[cfg(feature = "cluster")]
            Server::ClusterConnection(connection) => {
                self.certificates.refuse("a connection that was brought along has its own TLS settings")?;
                Ok((Way::Cluster(connection.clone()), None))
            }
        }
    }

    fn own(&self, client: Client) -> Result<(Way, Option<Client>), StoreError> {
        let connection = Reconnecting::new(client.clone(), self.connection_timeout, self.response_timeout);
        Ok((Way::Own(Box::new(connection)), Some(client)))
    }
}

/// Shows no URL, because it has the password in it.
impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("connection_timeout", &self.connection_timeout)
            .field("response_timeout", &self.response_timeout)
            .finish_non_exhaustive()
    }
}

fn with_keepalive(address: ConnectionInfo) -> ConnectionInfo {
    address.set_tcp_settings(tcp_settings())
}

/// Small requests are sent at once, and a network that was cut while nobody called is noticed before the next call.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}
