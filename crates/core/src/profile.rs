//! [`ProviderProfile`]: the facts about an authorization server, as data.

use std::time::Duration;

use crate::ProviderId;

/// Facts about an authorization server that decide how its sessions are kept alive.
///
/// Where a vendor leaves a choice to its customers, the profile holds the vendor's default. What nobody has verified is
/// `Unknown` or `None`.
///
/// ```
/// use oidc_session_core::{ProviderId, ProviderProfile, Rotation};
///
/// let profile = ProviderProfile::new(ProviderId::new("oidc"));
/// assert_eq!(profile.reuse_window, None);
/// assert_eq!(profile.rotation, Rotation::Unknown);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProviderProfile {
    /// Which adapter this is.
    pub id: ProviderId,
    /// How long a consumed refresh token may be presented again, if the server allows it at all.
    pub reuse_window: Option<Duration>,
    /// The longest a `refresh` takes, connection and answer included. A lease must outlive it.
    pub request_budget: Duration,
    /// Whether a refresh answers with a new refresh token.
    pub rotation: Rotation,
    /// What the server does when a refresh token is presented that it has replaced.
    pub reuse_reaction: ReuseReaction,
    /// How long a refresh token may lie unused.
    pub refresh_token_idle_lifetime: Option<Duration>,
    /// How long refreshing goes on after a sign-in.
    pub refresh_token_absolute_lifetime: Option<Duration>,
    /// Which of the two a refresh extends.
    pub refresh_extends: RefreshExtends,
    /// Whether access tokens are JWTs meant for the client to read, so that their `exp` may serve without `expires_in`.
    pub access_token_readable: bool,
    /// What can be revoked.
    pub revocation: RevocationShape,
    /// How the browser ends the server's own session.
    pub logout: LogoutShape,
    /// Whether token answers say when to refresh early (`refresh_in`).
    pub hints_early_refresh: bool,
}

impl ProviderProfile {
    /// A profile that promises nothing beyond plain OIDC: no reuse window, ten seconds for a request.
    pub fn new(id: ProviderId) -> Self {
        Self {
            id,
            reuse_window: None,
            request_budget: Duration::from_secs(10),
            rotation: Rotation::Unknown,
            reuse_reaction: ReuseReaction::Unknown,
            refresh_token_idle_lifetime: None,
            refresh_token_absolute_lifetime: None,
            refresh_extends: RefreshExtends::Unknown,
            access_token_readable: false,
            revocation: RevocationShape::AnyToken,
            logout: LogoutShape::RpInitiated,
            hints_early_refresh: false,
        }
    }
}

/// Whether a refresh answers with a new refresh token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Rotation {
    /// Every time.
    Always,
    /// Never: the one from the sign-in serves on.
    Never,
    /// As the client is set up at the vendor.
    Configured,
    /// Not known.
    Unknown,
}

/// What the server does when a refresh token is presented that it has replaced, outside of any reuse window.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ReuseReaction {
    /// It takes it as before.
    Accepts,
    /// It refuses that token only.
    Refuses,
    /// It revokes every refresh token that came of the sign-in.
    RevokesFamily,
    /// Not known.
    Unknown,
}

/// Which lifetime of a refresh token a refresh extends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RefreshExtends {
    /// None: the end is fixed at the sign-in.
    Nothing,
    /// The idle lifetime only.
    Idle,
    /// Not known.
    Unknown,
}

/// What can be revoked (RFC 7009), and what goes with it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RevocationShape {
    /// Nothing.
    None,
    /// Refresh tokens only.
    RefreshToken,
    /// Refresh tokens and access tokens.
    AnyToken,
    /// Any token, and with it every grant of the subject at this client or beyond: other sign-ins die too.
    EveryGrant,
}

/// How the browser ends the server's own session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LogoutShape {
    /// OIDC RP-Initiated Logout.
    RpInitiated,
    /// An address of the vendor's own making.
    Vendor,
    /// There is none.
    None,
}
