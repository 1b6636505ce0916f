//! [`Ground`]: the store that a run is about, and the network before it.

use oidc_session_test_servers::{Postgres, Proxy, Redis};
use url::Url;

use super::blockade::Blockade;
use super::options::Kind;
use crate::Result;

/// Where the sessions of a run are. Dropping it removes them.
pub(crate) enum Ground {
    /// A fresh folder, and what in it is the store.
    Folder { _folder: tempfile::TempDir, path: String, kind: Kind },
    /// A server, its URL, and a network for each worker.
    Server { _server: Server, url: String, networks: Vec<Proxy> },
}

/// A server that ends when this is dropped.
pub(crate) enum Server {
    Redis(#[expect(dead_code, reason = "held until the run is over")] Redis),
    Postgres(#[expect(dead_code, reason = "held until the run is over")] Postgres),
}

impl Ground {
    /// A fresh store for so many workers.
    pub(crate) async fn lay(kind: Kind, workers: usize) -> Result<Self> {
        match kind {
            Kind::Sqlite => Self::folder(kind, "sessions.db"),
            Kind::File => Self::folder(kind, "sessions"),
            Kind::Redis => {
                let redis = Redis::start().await;
                let (address, url) = (redis.address(), redis.url());
                Ok(Self::server(Server::Redis(redis), address, url, workers).await)
            }
            Kind::Postgres => {
                let postgres = Postgres::start().await;
                let (address, url) = (postgres.address(), postgres.url());
                Ok(Self::server(Server::Postgres(postgres), address, url, workers).await)
            }
        }
    }

    fn folder(kind: Kind, name: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("chaos-").tempdir()?;
        let path = folder.path().join(name).to_string_lossy().into_owned();
        Ok(Self::Folder { _folder: folder, path, kind })
    }

    async fn server(server: Server, address: std::net::SocketAddr, url: String, workers: usize) -> Self {
        let mut networks = Vec::new();
        for _ in 0..workers {
            networks.push(Proxy::to(address).await);
        }
        Self::Server { _server: server, url, networks }
    }

    /// The address of the store for whoever nothing shall happen to.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Folder { path, .. } => path.clone(),
            Self::Server { url, .. } => url.clone(),
        }
    }

    /// The address of the store for the worker in this place.
    pub(crate) fn address_for(&self, place: usize) -> Result<String> {
        match self {
            Self::Folder { path, .. } => Ok(path.clone()),
            Self::Server { url, networks, .. } => {
                let mut url = Url::parse(url)?;
                url.set_port(Some(networks[place].address().port())).map_err(|()| "the server's URL has no port")?;
                Ok(url.into())
            }
        }
    }

    /// The network of each worker; none where there is no server.
    pub(crate) fn networks(&self) -> &[Proxy] {
        match self {
            Self::Folder { .. } => &[],
            Self::Server { networks, .. } => networks,
        }
    }

    /// Keeps everybody from writing; nobody where a server decides who writes.
    pub(crate) fn blockade(&self) -> Option<Blockade> {
        match self {
            Self::Folder { path, kind: Kind::Sqlite, .. } => Some(Blockade::of_database(path.into())),
            Self::Folder { path, .. } => Some(Blockade::of_folder(path.into())),
            Self::Server { .. } => None,
        }
    }
}
