//! [`Embedded`]: an authorization server in the same process, and the line to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use oidc_session::{ClientAuth, ClientSecret, Dialect, Oidc, ProviderId, ProviderProfile};
use oidc_session_testkit::{AuthorizationServer, Client};
use url::Url;

use crate::network::Network;
use crate::{Flags, StartError};

/// The application's registration.
pub(crate) const CLIENT_ID: &str = "example-web";
/// The server is on loopback, and signs in anybody: there is nothing to keep from anybody.
const CLIENT_SECRET: &str = "not a secret";

/// An authorization server in the same process, and the line to it.
///
/// The browser goes to it directly; what the application itself asks of it (metadata, tokens) goes over the line.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) server: AuthorizationServer,
    pub(crate) network: Network,
}

impl Embedded {
    /// Starts both.
    pub(crate) async fn start(flags: &Flags, base_url: &Url) -> Result<Self, StartError> {
        let client = Client::confidential(CLIENT_ID, CLIENT_SECRET)
            .redirect_uri(base_url.join("/auth/callback")?)
            .post_logout_redirect_uri(base_url.join("/signed-out")?);
        let server = AuthorizationServer::builder()
            .access_token_lifetime(flags.access_token_lifetime())
            .interactive(true)
            // The client has it from its dialect.
            .hide_from_discovery("token_endpoint")
            .client(client)
            .start()
            .await?;
        let port = server.issuer().port_or_known_default().ok_or("the issuer has no port")?;
        let network = Network::to(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).await?;
        Ok(Self { server, network })
    }

    /// The provider that speaks to it over the line.
    pub(crate) fn provider(&self) -> Result<Oidc, StartError> {
        let line = Url::parse(&format!("http://{}/", self.network.address()))?;
        let provider = Oidc::builder(self.server.issuer().as_str(), CLIENT_ID)
            .client_auth(ClientAuth::Post(ClientSecret::new(CLIENT_SECRET)))
            .discovery_url(line.join(".well-known/openid-configuration")?)
            .dialect(OverTheLine { token_endpoint: line.join("token")? });
        Ok(provider.build()?)
    }
}

/// Plain OIDC, but for the address at which tokens are had.
#[derive(Debug)]
struct OverTheLine {
    token_endpoint: Url,
}

impl Dialect for OverTheLine {
    fn profile(&self) -> ProviderProfile {
        ProviderProfile::new(ProviderId::new("embedded"))
    }

    fn token_endpoint(&self) -> Option<Url> {
        Some(self.token_endpoint.clone())
    }
}
