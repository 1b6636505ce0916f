//! [`Link`]: the way to the server, or to the servers.

use std::time::Duration;

use redis::aio::ConnectionManager;
#[cfg(feature = "cluster")]
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::time::timeout;

use crate::reconnecting::{Reconnecting, timed_out};
use crate::scripts::Script;

/// Whatever happens on the way, an answer or an error comes within the limit.
pub(crate) struct Link {
    way: Way,
    limit: Duration,
}

pub(crate) enum Way {
    Own(Box<Reconnecting>),
    Brought(ConnectionManager),
    #[cfg(feature = "cluster")]
    Cluster(ClusterConnection),
}

impl Link {
    pub(crate) fn new(way: Way, limit: Duration) -> Self {
        Self { way, limit }
    }

    /// The number of the database.
    pub(crate) fn database(&self) -> i64 {
        match &self.way {
            Way::Own(connection) => connection.database(),
            Way::Brought(manager) => redis::aio::ConnectionLike::get_db(manager),
            #[cfg(feature = "cluster")]
            Way::Cluster(_) => 0,
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        match &self.way {
            Way::Own(_) | Way::Brought(_) => false,
            #[cfg(feature = "cluster")]
            Way::Cluster(_) => true,
        }
    }

    pub(crate) async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        self.bounded(self.send(command)).await
    }

    /// Runs a script on the session at `key`: one round trip, and one more if the server does not have it yet.
    pub(crate) async fn run(&self, script: &Script, key: &str, arguments: &[&[u8]]) -> RedisResult<Value> {
        let answer = async {
            match self.send(&script.by_digest(key, arguments)).await {
                Err(error) if is_unknown_script(&error) => self.send(&script.by_text(key, arguments)).await,
                answer => answer,
            }
        };
        self.bounded(answer).await
    }

    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match &self.way {
            Way::Own(connection) => connection.send(command).await,
            Way::Brought(manager) => {
                let mut manager = manager.clone();
                match command.query_async(&mut manager).await {
                    Err(error) if RedisError::is_connection_dropped(&error) => command.query_async(&mut manager).await,
                    answer => answer,
                }
            }
            #[cfg(feature = "cluster")]
            Way::Cluster(cluster) => command.query_async(&mut cluster.clone()).await,
        }
    }

    async fn bounded(&self, answer: impl Future<Output = RedisResult<Value>>) -> RedisResult<Value> {
        timeout(self.limit, answer).await.unwrap_or_else(|_| {
            if let Way::Own(connection) = &self.way {
                connection.forget_current();
            }
            Err(timed_out())
        })
    }

    /// Asks the primary that has `slot`.
    #[cfg(feature = "cluster")]
    pub(crate) async fn ask_owner(&self, command: Cmd, slot: u16) -> RedisResult<Value> {
        use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};

        let Way::Cluster(cluster) = &self.way else {
            return self.ask(&command).await;
        };
        let owner = SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master));
        let mut cluster = cluster.clone();
        self.bounded(async { cluster.route_command(command, RoutingInfo::SingleNode(owner)).await?.extract_error() })
            .await
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
