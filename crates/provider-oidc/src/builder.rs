//! [`OidcBuilder`]: everything that can be chosen about a provider.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use oidc_session_core::{Clock, ProviderError, ProviderErrorKind, SystemClock};
use tokio::sync::OnceCell;
use url::Url;

use crate::channel::Channel;
use crate::client::Client;
use crate::keys::Keys;
use crate::seen_tokens::SeenTokens;
use crate::server::Server;
use crate::transport::Transport;
use crate::{ClientAuth, Dialect, Oidc, PlainOidc};

/// Builds an [`Oidc`] provider. Nothing is sent before the provider is used.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct OidcBuilder {
    issuer: String,
    client: Client,
    dialect: Arc<dyn Dialect>,
    clock: Arc<dyn Clock>,
    request_budget: Option<Duration>,
    reuse_window: Option<Duration>,
    root_certificates: Vec<Vec<u8>>,
    discovery_url: Option<Url>,
    pushes: bool,
    dpop: bool,
}

impl OidcBuilder {
    pub(crate) fn new(issuer: &str, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client: Client { id: client_id.into(), auth: ClientAuth::None },
            dialect: Arc::new(PlainOidc),
            clock: Arc::new(SystemClock),
            request_budget: None,
            reuse_window: None,
            root_certificates: Vec::new(),
            discovery_url: None,
            pushes: false,
            dpop: false,
        }
    }

    /// How the client authenticates. Default: [`ClientAuth::None`], a public client.
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.client.auth = auth;
        self
    }

    /// How the server differs from plain OIDC. Default: [`PlainOidc`].
    pub fn dialect(mut self, dialect: impl Dialect) -> Self {
        self.dialect = Arc::new(dialect);
        self
    }

    /// Where the time comes from. Default: the operating system.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The longest a request may take, connection and answer included. Default: that of the dialect, ten seconds.
    ///
    /// Half of it is for the connection, so that a server that cannot be reached is told apart from one that is slow.
    pub fn request_budget(mut self, budget: Duration) -> Self {
        self.request_budget = Some(budget);
        self
    }

    /// How long this server takes a refresh token again that has already been used. Default: that of the dialect, none.
    ///
    /// Claim it only if the server promises it: a refresh token is repeated on the strength of it.
    pub fn reuse_window(mut self, window: Duration) -> Self {
        self.reuse_window = Some(window);
        self
    }

    /// Trusts further certificates, PEM encoded, beside those of the platform.
    ///
    /// For an issuer on loopback over `http`, these are the only ones.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Where the metadata is published, if not where the dialect says.
    pub fn discovery_url(mut self, url: Url) -> Self {
        self.discovery_url = Some(url);
        self
    }

    /// Whether authorization requests are pushed to the server, so that the browser carries nothing but a reference
    /// (RFC 9126). Default: where the server's metadata requires it.
    pub fn pushed_authorization_requests(mut self, push: bool) -> Self {
        self.pushes = push;
        self
    }

    /// Whether sign-ins bind their tokens to a key of their own (RFC 9449, DPoP). Default: no.
    ///
    /// Then a sign-in fails as `Misconfigured` if the server issues an access token that is not bound. A session that
    /// was signed in with a key is refreshed with that key whatever is set here, and one without stays without.
    pub fn dpop(mut self, bind: bool) -> Self {
        self.dpop = bind;
        self
    }

    /// The provider.
    ///
    /// Fails as `Misconfigured` if the issuer is neither `https` nor on loopback, if the client id or secret is empty or
    /// holds a line break, or if a certificate is unreadable.
    pub fn build(self) -> Result<Oidc, ProviderError> {
        self.client.check()?;
        let issuer = Url::parse(&self.issuer).map_err(|_| {
            misconfigured("the issuer is not a URL").with_advice("write it whole, such as https://login.example")
        })?;
        let channel = Channel::of(&issuer)?;
        let discovery_url = match self.discovery_url {
            Some(url) => url.to_string(),
            None => self.dialect.discovery_url(&self.issuer),
        };
        let mut profile = self.dialect.profile();
        if let Some(budget) = self.request_budget {
            profile.request_budget = budget;
        }
        if self.reuse_window.is_some() {
            profile.reuse_window = self.reuse_window;
        }
        let server = Server {
            discovery_url: channel.endpoint("discovery URL", &discovery_url)?,
            transport: Transport::new(
                channel,
                &self.root_certificates,
                self.client.certificate(),
                profile.request_budget,
            )?,
            mutual_tls: self.client.certificate().is_some(),
            issuer: self.issuer,
            dialect: Arc::clone(&self.dialect),
            channel,
            clock: self.clock,
            keys: Keys::default(),
            metadata: OnceCell::new(),
            logout_tokens: SeenTokens::default(),
            lacks_rotation: AtomicBool::new(false),
        };
        Ok(Oidc {
            server: Arc::new(server),
            client: Arc::new(self.client),
            dialect: self.dialect,
            profile,
            pushes: self.pushes,
            dpop: self.dpop,
        })
    }
}

fn misconfigured(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}
