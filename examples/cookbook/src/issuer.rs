//! [`Issuer`]: the authorization server that an example signs in at.

use std::env;
use std::time::Duration;

use oidc_session::{Oidc, ProviderError, Scopes, Session, SignIn as _, SignInRequest};
use oidc_session_testkit::AuthorizationServer;
use tokio::time::timeout;
use url::Url;

use crate::{Loopback, Result, browser};

/// How long a user may take to sign in.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The authorization server that an example signs in at: yours, or one that it starts for itself.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    client_id: String,
    server: Option<AuthorizationServer>,
}

impl Issuer {
    /// The one that `OIDC_ISSUER` names, with the client `OIDC_CLIENT_ID`; without them, a server on loopback that signs
    /// in anybody, and whose access tokens live for `lifetime`.
    ///
    /// Your client has to allow the redirect URI `http://127.0.0.1/callback`, on any port.
    ///
    /// # Errors
    ///
    /// One of the two variables is missing, or no server can be started.
    pub async fn from_env(lifetime: Duration) -> Result<Self> {
        match (env::var("OIDC_ISSUER"), env::var("OIDC_CLIENT_ID")) {
            (Ok(url), Ok(client_id)) => Ok(Self { url, client_id, server: None }),
            (Err(_), Err(_)) => Ok(Self::embedded(lifetime).await?),
            _ => Err("set both OIDC_ISSUER and OIDC_CLIENT_ID, or neither".into()),
        }
    }

    async fn embedded(lifetime: Duration) -> Result<Self> {
        let server = AuthorizationServer::builder().access_token_lifetime(lifetime).start().await?;
        println!("OIDC_ISSUER is not set: this example starts an authorization server of its own.");
        Ok(Self { url: server.issuer().as_str().to_owned(), client_id: "native-app".to_owned(), server: Some(server) })
    }

    /// The server that the example has started, if it is its own.
    pub fn server(&self) -> Option<&AuthorizationServer> {
        self.server.as_ref()
    }

    /// The client at this server.
    ///
    /// # Errors
    ///
    /// The address of the server is not one.
    pub fn provider(&self) -> std::result::Result<Oidc, ProviderError> {
        Oidc::builder(&self.url, &self.client_id).build()
    }

    /// An address of the server itself, such as `userinfo`.
    ///
    /// # Errors
    ///
    /// The address of the server is not one.
    pub fn join(&self, path: &str) -> Result<Url> {
        Ok(format!("{}/{path}", self.url.trim_end_matches('/')).parse()?)
    }

    /// Signs the user in: the authorization code flow through the browser, which comes back to a loopback address.
    ///
    /// # Errors
    ///
    /// Nobody signed in within five minutes, or the server refused.
    pub async fn sign_in(&self, provider: &Oidc) -> Result<Session> {
        let loopback = Loopback::bind().await?;
        let scopes = Scopes::parse("openid profile email offline_access");
        let pending =
            provider.authorization_request(SignInRequest::new(loopback.redirect_uri().clone(), scopes)).await?;
        if self.server.is_some() {
            tokio::spawn(browser::visit(pending.authorization_url.clone()));
        } else {
            browser::open(&pending.authorization_url);
        }
        let callback = timeout(PATIENCE, loopback.callback(&pending.state)).await??;
        Ok(provider.exchange(pending, &callback).await?)
    }
}
