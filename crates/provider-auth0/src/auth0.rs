//! [`Auth0`]: a tenant, and how it is set up.

use std::time::Duration;

use oidc_session_core::ProviderError;
use oidc_session_provider_oidc::{Oidc, OidcBuilder};
use url::Url;

use crate::domain;

/// An Auth0 tenant, and how it and the application are set up.
///
/// It is a [`Dialect`](oidc_session_provider_oidc::Dialect) of plain OIDC, and [`client`](Self::client) starts building
/// the provider that speaks it.
///
/// ```
/// use std::time::Duration;
/// use oidc_session_core::Provider as _;
/// use oidc_session_provider_auth0::Auth0;
///
/// let tenant = Auth0::new("login.acme.example")? // a custom domain
///     .audience("https://api.acme.example")
///     .rotation_leeway(Duration::from_secs(30));
/// let provider = tenant.client("client-id").build()?;
/// assert_eq!(provider.profile().reuse_window, Some(Duration::from_secs(30)));
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a tenant does nothing until a client is built for it"]
pub struct Auth0 {
    /// With the trailing slash that is part of the issuer.
    pub(crate) issuer: Url,
    pub(crate) audience: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) connection: Option<String>,
    pub(crate) rotation_leeway: Option<Duration>,
    pub(crate) revocation_deletes_grant: bool,
    pub(crate) v2_logout: bool,
    pub(crate) federated: bool,
}

impl Auth0 {
    /// The tenant at `domain`: the Domain in the application's settings, such as `acme.eu.auth0.com`, or a custom domain.
    ///
    /// `https://` before it and a slash behind it are tolerated. A whole `http://` URL is for emulators on loopback. The
    /// issuer is `https://{domain}/`, with the slash: Auth0 writes it so, and it is compared byte for byte.
    ///
    /// Fails as `Misconfigured` if `domain` is not a host name, or names a place within a host.
    pub fn new(domain: &str) -> Result<Self, ProviderError> {
        Ok(Self {
            issuer: domain::issuer(domain)?,
            audience: None,
            organization: None,
            connection: None,
            rotation_leeway: None,
            revocation_deletes_grant: false,
            v2_logout: false,
            federated: false,
        })
    }

    /// The API to call: its Identifier, under Applications > APIs.
    ///
    /// Without an audience, access tokens are opaque, good for `/userinfo` only, and refused by every API of the
    /// tenant's. Refresh tokens need the API's "Allow Offline Access".
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The organization to sign in to: its ID (`org_...`) or, where the tenant allows names, its name.
    ///
    /// A sign-in that ends in another organization is refused, as Auth0 asks of its clients (Work with Tokens and
    /// Organizations): the browser could have changed the parameter. A program that chooses the organization for each
    /// sign-in passes it as a parameter of the request instead, and compares `org_id` in the session's
    /// [`provider_data`](oidc_session_core::Session::provider_data).
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// The connection to sign in with, such as `google-oauth2`: the login page is skipped.
    pub fn connection(mut self, connection: impl Into<String>) -> Self {
        self.connection = Some(connection.into());
        self
    }

    /// The application's "Rotation Overlap Period", exactly as it is set there. Default: none, which is Auth0's default.
    ///
    /// For so long the immediately previous refresh token is taken again, so that an answer that was lost does not cost
    /// the session; a token before that one counts as reuse even then. It should be longer than the
    /// [`request_budget`](OidcBuilder::request_budget), which is how late a missing answer is noticed. Claim no more than
    /// what is set: after the overlap, a repeat revokes every refresh token of the sign-in.
    pub fn rotation_leeway(mut self, leeway: Duration) -> Self {
        self.rotation_leeway = Some(leeway).filter(|leeway| !leeway.is_zero());
        self
    }

    /// Says that the tenant setting "Refresh Token Revocation Deletes Grant" is on.
    ///
    /// Then a revocation ends every session of the user at this application and API, not just the one at hand. The
    /// setting is off by default for tenants made after 13 January 2021.
    pub fn revocation_deletes_grant(mut self) -> Self {
        self.revocation_deletes_grant = true;
        self
    }

    /// Ends sessions at `/v2/logout`, even if the tenant publishes an `end_session_endpoint`.
    pub fn v2_logout(mut self) -> Self {
        self.v2_logout = true;
        self
    }

    /// Ends the session at the identity provider behind Auth0, too.
    pub fn federated(mut self) -> Self {
        self.federated = true;
        self
    }

    /// Starts building the provider of the application `client_id`, with this tenant as its dialect and issuer.
    pub fn client(self, client_id: impl Into<String>) -> OidcBuilder {
        Oidc::builder(self.issuer.as_str(), client_id).dialect(self)
    }
}
