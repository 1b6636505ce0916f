//! [`Cognito`]: which user pool to talk to, and how its app client is set up.

use std::time::Duration;

use oidc_session_core::ProviderError;
use oidc_session_provider_oidc::{Oidc, OidcBuilder};
use url::Url;

use crate::address::{address, misconfigured};
use crate::api::Api;
use crate::dialect::UserPoolDialect;
use crate::user_pool::UserPool;

/// The longest grace period of a rotation (`RefreshTokenRotationType` in the user pools API reference).
const LONGEST_GRACE: Duration = Duration::from_secs(60);

/// An Amazon Cognito user pool.
///
/// It says what is peculiar to the pool; [`client`](Self::client) goes on with what every provider has.
///
/// ```
/// use oidc_session_provider_cognito::Cognito;
///
/// let provider = Cognito::user_pool("eu-west-1_AbCdEf123")?.client("1example23456789").build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
///
/// Three things are different from other providers:
///
/// - The scope `offline_access` does not exist here, so it is left out of what is asked for. The code flow brings a
///   refresh token without it.
/// - A session has one access token. A further target is refused before anything is sent, because Cognito would answer
///   with the usual access token.
/// - Logout needs the address where the browser comes back to. Without one there is no logout URL.
#[derive(Clone, Debug)]
#[must_use = "a user pool does nothing until `client`"]
pub struct Cognito {
    pool: UserPool,
    is_emulated: bool,
    has_updated_issuer: bool,
    login_domain: Option<Url>,
    grace: Option<Duration>,
    api: Option<Api>,
}

impl Cognito {
    /// Under which name a session keeps the key of its device, in
    /// [`Session::provider_data`](oidc_session_core::Session::provider_data). See [`device_key`](Self::device_key).
    pub const DEVICE_KEY: &'static str = "device_key";

    /// The user pool with this id, such as `eu-west-1_AbCdEf123`. The Region is the part before the underscore.
    ///
    /// Fails as `Misconfigured` if that is not the id of a user pool. An ARN, a pool's name or a URL is not.
    pub fn user_pool(pool_id: &str) -> Result<Self, ProviderError> {
        Ok(Self::new(UserPool::at_aws(pool_id)?, false))
    }

    /// A user pool in an emulator at `endpoint`, such as `http://127.0.0.1:9229`. `http` is for loopback only.
    ///
    /// Its sessions belong to `{endpoint}/{pool_id}`, also if the emulator writes the issuer the pool would have at AWS.
    ///
    /// Fails as `Misconfigured` if `endpoint` is not an address, or `pool_id` not an id.
    ///
    /// ```
    /// use oidc_session_provider_cognito::Cognito;
    ///
    /// let pool = Cognito::emulator("http://127.0.0.1:9229", "local_AbCdEf123")?;
    /// assert_eq!(pool.issuer(), "http://127.0.0.1:9229/local_AbCdEf123");
    /// # Ok::<(), oidc_session_core::ProviderError>(())
    /// ```
    pub fn emulator(endpoint: &str, pool_id: &str) -> Result<Self, ProviderError> {
        Ok(Self::new(UserPool::emulated(endpoint, pool_id)?, true))
    }

    /// The Region that answers, for a replica of a pool. Default: the one in the pool's id.
    ///
    /// Sessions stay sessions of the pool, whichever of its Regions answers.
    ///
    /// Fails as `Misconfigured` if that is not the name of a Region, or if the pool is in an emulator.
    pub fn region(mut self, region: &str) -> Result<Self, ProviderError> {
        if self.is_emulated {
            return Err(misconfigured("an emulator has an address and no Region"));
        }
        self.pool = self.pool.replica(region)?;
        Ok(self)
    }

    /// Looks for the metadata at the updated issuer, `https://issuer-cognito-idp.{region}.amazonaws.com/{pool_id}`.
    ///
    /// For a pool whose `IssuerConfiguration` is `UPDATED`. It changes that address only: tokens of either issuer are
    /// taken in any case, and sessions keep the [original one](Self::issuer). So a pool may be switched over while
    /// sessions live on. An emulator has one address, and this does nothing there.
    pub fn updated_issuer(mut self) -> Self {
        self.has_updated_issuer = true;
        self
    }

    /// The domain of the pool's login pages, such as `acme.auth.eu-west-1.amazoncognito.com` or one of your own.
    ///
    /// Only for a pool whose metadata names no `end_session_endpoint`: then logout goes to `/logout` there.
    ///
    /// Fails as `Misconfigured` if that is neither a host name nor an `https` URL; `http` is for loopback only.
    pub fn login_domain(mut self, domain: &str) -> Result<Self, ProviderError> {
        self.login_domain = Some(address(domain)?);
        Ok(self)
    }

    /// Says that the app client rotates refresh tokens, and for how long it takes the old one beside the new one:
    /// its `RetryGracePeriodSeconds`, from zero to sixty seconds. Default: nothing is promised.
    ///
    /// Claim no more than is set there. Within this time a refresh token is presented once more when an answer was
    /// lost, and afterwards Cognito would take that for reuse.
    ///
    /// Fails as `Misconfigured` if `grace` is longer than a minute: no app client can be set up like that.
    pub fn rotation_grace(mut self, grace: Duration) -> Result<Self, ProviderError> {
        if grace > LONGEST_GRACE {
            return Err(misconfigured("the grace period of a rotation is at most 60 seconds"));
        }
        self.grace = Some(grace);
        Ok(self)
    }

    /// Refreshes and revokes through the user pools API (`GetTokensFromRefreshToken`, `RevokeToken`) instead of the
    /// endpoints of the login domain.
    ///
    /// For pools without a domain, which have no such endpoints, and for users who signed in through the API while the
    /// pool remembers devices. A client secret goes into the body, however `client_auth` was told to send it.
    ///
    /// Signing in stays as it is: a pool with a domain has the code flow. Without a domain, make a
    /// [`Session`](oidc_session_core::Session) of the tokens that the API returned, with the provider id `cognito` and
    /// [this issuer](Self::issuer).
    pub fn through_api(mut self) -> Self {
        self.api.get_or_insert_default();
        self
    }

    /// The key of the device that every session of this provider is on, for pools that remember devices. It implies
    /// [`through_api`](Self::through_api), because the token endpoint has no field for it.
    ///
    /// Where sessions are on devices of their own, leave this out and give each session its key, as text under
    /// [`DEVICE_KEY`](Self::DEVICE_KEY). That one wins.
    pub fn device_key(mut self, key: impl Into<String>) -> Self {
        self.api = Some(Api::of_device(key));
        self
    }

    /// The issuer that sessions of this pool carry: the original one, whichever the pool writes into its tokens.
    ///
    /// ```
    /// use oidc_session_provider_cognito::Cognito;
    ///
    /// let pool = Cognito::user_pool("eu-west-1_AbCdEf123")?.updated_issuer();
    /// assert_eq!(pool.issuer(), "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123");
    /// # Ok::<(), oidc_session_core::ProviderError>(())
    /// ```
    pub fn issuer(&self) -> &str {
        self.pool.issuer()
    }

    /// Goes on with one of the pool's app clients.
    pub fn client(self, client_id: impl Into<String>) -> OidcBuilder {
        let Self { pool, is_emulated: _, has_updated_issuer, login_domain, grace, api } = self;
        let builder = Oidc::builder(pool.issuer(), client_id);
        builder.dialect(UserPoolDialect { pool, has_updated_issuer, login_domain, grace, api })
    }

    fn new(pool: UserPool, is_emulated: bool) -> Self {
        Self { pool, is_emulated, has_updated_issuer: false, login_domain: None, grace: None, api: None }
    }
}
