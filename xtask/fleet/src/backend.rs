//! [`Backend`]: a real server behind a network that can be cut.

use oidc_session_test_servers::{Postgres, Proxy, Redis};
use url::Url;

use crate::Result;

/// A real server.
enum Server {
    Redis(Redis),
    Postgres(Postgres),
}

/// A real server behind a network that can be cut.
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    pub(crate) network: Proxy,
    server: Server,
}

impl Backend {
    /// Starts the server called `name`.
    pub(crate) async fn start(name: &str) -> Result<Self> {
        let (name, server) = match name {
            "redis" => ("Redis", Server::Redis(Redis::start().await)),
            "postgres" => ("PostgreSQL", Server::Postgres(Postgres::start().await)),
            other => return Err(format!("there is no backend {other}: say redis or postgres").into()),
        };
        let address = match &server {
            Server::Redis(redis) => redis.address(),
            Server::Postgres(postgres) => postgres.address(),
        };
        Ok(Self { name, network: Proxy::to(address).await, server })
    }

    /// Its URL, through the network.
    pub(crate) fn url(&self) -> Result<String> {
        let mut url = Url::parse(&match &self.server {
            Server::Redis(redis) => redis.url(),
            Server::Postgres(postgres) => postgres.url(),
        })?;
        url.set_port(Some(self.network.address().port())).map_err(|()| "the server's URL has no port")?;
        Ok(url.into())
    }

    /// Ends it with SIGKILL.
    pub(crate) async fn kill(&mut self) {
        match &mut self.server {
            Server::Redis(redis) => redis.kill().await,
            Server::Postgres(postgres) => postgres.kill().await,
        }
    }

    /// Starts it again, with its data.
    pub(crate) async fn restart(&mut self) {
        match &mut self.server {
            Server::Redis(redis) => redis.restart().await,
            Server::Postgres(postgres) => postgres.restart().await,
        }
    }
}
