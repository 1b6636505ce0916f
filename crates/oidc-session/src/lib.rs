//! Keeps OpenID Connect sessions alive: sign in once, then always get a valid access token.
//!
//! ```
//! use oidc_session::{ExpiredOnly, Scopes, SessionId, SessionManager, SignIn as _, SignInRequest};
//! # #[cfg(all(feature = "provider-oidc", feature = "store-sqlite"))]
//! use oidc_session::{Oidc, SqliteStore};
//! # #[cfg(not(all(feature = "provider-oidc", feature = "store-sqlite")))]
//! # fn main() {}
//! # #[cfg(all(feature = "provider-oidc", feature = "store-sqlite"))]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = oidc_session_testkit::AuthorizationServer::builder().start().await?;
//! # let (issuer, directory) = (server.issuer().as_str(), tempfile::tempdir()?);
//! # let path = directory.path().join("sessions.db");
//!
//! let provider = Oidc::builder(issuer, "native-app").build()?;
//! let sessions = SessionManager::builder(provider.clone(), SqliteStore::open(path).await?)
//!     .policy(ExpiredOnly)
//!     .build()?;
//! let session = sessions.session(&SessionId::named("default")?);
//!
//! // Once: the code flow. `pending.authorization_url` goes to a browser, `callback` is where it comes back.
//! let redirect_uri = "http://127.0.0.1:8400/callback".parse()?;
//! let request = SignInRequest::new(redirect_uri, Scopes::parse("openid offline_access"));
//! let pending = provider.authorization_request(request).await?;
//! # let callback = server.authorize(&pending.authorization_url)?;
//! session.sign_in(provider.exchange(pending, &callback).await?).await?;
//!
//! // From then on: a header that is valid now, refreshed first if it had expired.
//! let authorization = session.authorization().await?;
//! assert!(authorization.is_sensitive());
//!
//! session.logout().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Start at [`SessionManager`]; [`RefreshPolicy`] says when to refresh, [`SessionStore`] says where sessions live,
//! [`Provider`] who refreshes them. Each provider and each store is a feature of its own.

pub use oidc_session_core::{
    AccessToken, AnsweredIdToken, BackChannelLogout, Change, ChangeFeed, Changes, ClientSecret, Clock, CodeVerifier,
    Commit, Cursor, Custody, DeviceCode, DevicePoll, DeviceRequest, DeviceSignIn, DpopBinding, DpopKey, EndReason,
    Expected, Fingerprint, HolderId, IdClaims, IdToken, InvalidSessionId, Lease, LeaseState, Limits, List, LogoutShape,
    LogoutToken, Merged, Note, NoteName, Page, PendingDevice, PendingSignIn, Provider, ProviderError,
    ProviderErrorKind, ProviderId, ProviderProfile, Record, RecordError, RefreshExtends, RefreshToken, Release,
    Removal, Renewal, ReuseReaction, Revocation, RevocationShape, Rotation, Scopes, Session, SessionData, SessionEnd,
    SessionId, SessionState, SessionStore, SignIn, SignInId, SignInRequest, StoreError, StoreErrorKind, StoreKey,
    Stored, Sweep, SystemClock, Target, Timestamp, TokenAnswer, TokenSet, TokenType, Tombstone, Version, Violation,
    Walk, Walked,
};
#[cfg(feature = "http-client")]
pub use oidc_session_http_client as http_client;
#[cfg(feature = "http-server")]
pub use oidc_session_http_server as http_server;
pub use oidc_session_manager::{
    BuildError, Envelope, FeedState, KeepFresh, KeyRing, KeyRingError, LeaseTooShort, LogoutReport, Notes, Outcome,
    ServedToken, SessionError, SessionErrorKind, SessionEvent, SessionEventKind, SessionHandle, SessionManager,
    SessionManagerBuilder, Snapshot,
};
pub use oidc_session_policy::{ExpiredOnly, Jitter, OnRefreshFailure, Phase, Preemptive, RefreshPolicy, Schedule};
#[cfg(feature = "provider-auth0")]
pub use oidc_session_provider_auth0::Auth0;
#[cfg(feature = "provider-azure")]
pub use oidc_session_provider_azure::{AzureB2c, Cloud, EntraId, ExternalId};
#[cfg(feature = "provider-cognito")]
pub use oidc_session_provider_cognito::Cognito;
#[cfg(feature = "provider-oidc")]
pub use oidc_session_provider_oidc::{
    AssertionAudience, ClientAuth, ClientCertificate, DeviceStatus, Diagnosis, Dialect, DpopProof, DpopSigner,
    EncodedRequest, ErrorAnswer, Fields, Meaning, Oidc, OidcBuilder, Origin, PlainOidc, RESERVED_PARAMETERS,
    RevocableToken, SigningAlgorithm, SigningKey, UserInfo,
};
#[cfg(feature = "provider-presets")]
pub use oidc_session_provider_presets as presets;
#[cfg(feature = "store-file")]
pub use oidc_session_store_file::{FileStore, FileStoreBuilder};
#[cfg(feature = "store-keyring")]
pub use oidc_session_store_keyring::{KeyringStore, KeyringStoreBuilder};
#[cfg(feature = "store-memory")]
pub use oidc_session_store_memory::MemoryStore;
#[cfg(feature = "store-postgres")]
pub use oidc_session_store_postgres::{PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "store-redis")]
pub use oidc_session_store_redis::{RedisStore, RedisStoreBuilder};
#[cfg(feature = "store-sqlite")]
pub use oidc_session_store_sqlite::{SqliteStore, SqliteStoreBuilder};

/// The README's code compiles.
#[cfg(all(doctest, feature = "provider-oidc", feature = "store-sqlite"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The code of the page on stores compiles.
#[cfg(all(
    doctest,
    feature = "provider-oidc",
    feature = "store-file",
    feature = "store-keyring",
    feature = "store-memory",
    feature = "store-postgres",
    feature = "store-redis",
    feature = "store-sqlite"
))]
#[doc = include_str!("../../../docs/stores.md")]
struct Stores;

/// The code of the page on Ionic Auth Connect compiles.
#[cfg(all(doctest, feature = "provider-oidc", feature = "store-sqlite"))]
#[doc = include_str!("../../../docs/migration/ionic-auth-connect.md")]
struct IonicAuthConnect;

/// The code of the book's pages compiles.
#[cfg(all(
    doctest,
    feature = "http-client",
    feature = "http-server",
    feature = "provider-oidc",
    feature = "store-memory",
    feature = "store-redis",
    feature = "store-sqlite"
))]
mod book {
    #[doc = include_str!("../../../docs/http-client.md")]
    struct HttpClient;

    #[doc = include_str!("../../../docs/web.md")]
    struct Web;

    #[doc = include_str!("../../../docs/choosing-a-policy.md")]
    struct ChoosingAPolicy;

    #[doc = include_str!("../../../docs/fleet.md")]
    struct Fleet;

    #[doc = include_str!("../../../docs/migration/hand-written.md")]
    struct HandWritten;

    #[doc = include_str!("../../../docs/quick-start.md")]
    struct QuickStart;

    #[doc = include_str!("../../../docs/testing.md")]
    struct Testing;

    #[doc = include_str!("../../../docs/writing-a-provider.md")]
    struct WritingAProvider;

    #[doc = include_str!("../../../docs/writing-a-store.md")]
    struct WritingAStore;
}
