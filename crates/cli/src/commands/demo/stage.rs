//! [`Stage`]: the authorization server, and two programs that share one session.

use std::time::Duration;

use oidc_session_core::{AccessToken, SessionId};
use oidc_session_manager::{Preemptive, SessionHandle, SessionManager};
use oidc_session_provider_oidc::Oidc;
use oidc_session_store_sqlite::SqliteStore;
use oidc_session_testkit::AuthorizationServer;
use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;
use tempfile::TempDir;
use url::Url;

use crate::failure::Failure;

/// How long the token endpoint takes: long enough to see callers wait.
const LATENCY: Duration = Duration::from_millis(80);
const CLIENT_ID: &str = "native-app";

/// The authorization server, and two programs that share one session.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) server: AuthorizationServer,
    /// The program that signs in.
    pub(super) first: Program,
    /// Another program on the same file. It shares nothing else with the first.
    pub(super) second: Program,
    resource_server: ResourceServer,
    /// Removed with everything in it at the end.
    _folder: TempDir,
}

/// What a program needs to share a session.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) provider: Oidc,
    pub(super) manager: SessionManager,
    pub(super) session: SessionHandle,
}

/// Something that accepts access tokens: the server's userinfo endpoint.
#[derive(Debug)]
struct ResourceServer {
    client: reqwest::Client,
    userinfo: Url,
}

impl Stage {
    /// Starts the server, and opens the store twice.
    pub(super) async fn set_up(access_ttl: Duration) -> Result<Self, Failure> {
        let server = AuthorizationServer::builder()
            .access_token_lifetime(access_ttl)
            .rotate(true)
            .reuse_window(Duration::ZERO)
            .latency(LATENCY)
            .start()
            .await
            .map_err(|error| Failure::failed("the demo's authorization server did not start").because(&error))?;
        let folder = tempfile::Builder::new()
            .prefix("oidc-session-demo-")
            .tempdir()
            .map_err(|error| Failure::failed("there is no place for temporary files").because(&error))?;
        let id = SessionId::random();
        let issuer = server.issuer();
        Ok(Self {
            first: Program::start(issuer, &folder, &id).await?,
            second: Program::start(issuer, &folder, &id).await?,
            resource_server: ResourceServer::of(issuer)?,
            server,
            _folder: folder,
        })
    }

    /// Whether the resource server accepts an access token.
    pub(super) async fn accepts(&self, access_token: &AccessToken) -> Result<bool, Failure> {
        self.resource_server
            .accepts(access_token)
            .await
            .map_err(|error| Failure::failed("the userinfo endpoint did not answer").because(&error.without_url()))
    }
}

impl Program {
    async fn start(issuer: &Url, folder: &TempDir, id: &SessionId) -> Result<Self, Failure> {
        let provider = Oidc::builder(issuer.as_str(), CLIENT_ID).build()?;
        let store = SqliteStore::open(folder.path().join("sessions.db")).await?;
        let manager = SessionManager::builder(provider.clone(), store)
            // A quarter of the lifetime: that is where the policy stops it.
            .policy(Preemptive::skew(Duration::from_secs(5)))
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?;
        let session = manager.session(id);
        Ok(Self { provider, manager, session })
    }
}

impl ResourceServer {
    fn of(issuer: &Url) -> Result<Self, Failure> {
        // On a bare machine there are no certificates to load, and `http` on loopback needs none.
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build();
        let client = client.map_err(|error| Failure::failed("there is no HTTP client").because(&error))?;
        let mut userinfo = issuer.clone();
        userinfo.set_path("/userinfo");
        Ok(Self { client, userinfo })
    }

    async fn accepts(&self, access_token: &AccessToken) -> reqwest::Result<bool> {
        let bearer = format!("Bearer {}", access_token.expose());
        let get = self.client.get(self.userinfo.clone()).header(AUTHORIZATION, bearer);
        Ok(get.send().await?.status() == StatusCode::OK)
    }
}
