//! [`Session`]: one subject signed in at one client, and [`Tombstone`]: what remains when that has ended.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{DpopBinding, Limits, ProviderId, Scopes, SignInId, Target, Timestamp, TokenSet};

/// Application data kept with a session: a small JSON map, stored and sealed with it.
pub type SessionData = Map<String, Value>;

/// One subject signed in at one client of one authorization server.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// Which provider adapter understands this session.
    pub provider_id: ProviderId,
    /// The `iss` of the authorization server, byte for byte.
    pub issuer: String,
    /// Our registration there.
    pub client_id: String,
    /// The `sub` of the signed-in subject; unknown for tokens imported without an ID token.
    pub subject: Option<String>,
    /// The provider's session id (`sid`), for back-channel logout.
    pub sid: Option<String>,
    /// The original `auth_time`, in Unix seconds, for the checks of OIDC Core §12.2.
    pub auth_time: Option<i64>,
    /// The original `nonce`, for the checks of OIDC Core §12.2.
    pub nonce: Option<String>,
    /// Tells this sign-in from any other under the same name.
    pub sign_in_id: SignInId,
    /// When the sign-in finished.
    pub signed_in_at: Timestamp,
    /// When the session ends whatever the server still grants: a limit fixed at the sign-in, that no refresh moves.
    pub ends_at: Option<Timestamp>,
    /// How long the session may go unused before it ends: fixed at the sign-in, too.
    pub idle_limit: Option<Duration>,
    /// When a program asked for its tokens last; written down at least once in a quarter of the idle limit. Without such
    /// a limit nobody writes it.
    pub last_used_at: Option<Timestamp>,
    /// The scope that the sign-in asked for. The granted one is in the tokens.
    pub requested_scope: Option<Scopes>,
    /// The resource servers that the sign-in asked for (RFC 8707).
    pub resources: Vec<String>,
    /// The tokens in force.
    pub tokens: TokenSet,
    /// Access tokens for further targets, all over the one refresh token in [`tokens`](Self::tokens).
    pub further_tokens: BTreeMap<Target, TokenSet>,
    /// The key that the tokens are bound to, if they are bound (RFC 9449).
    pub dpop: Option<DpopBinding>,
    /// Refresh attempts that presented the refresh token in force and whose outcome nobody learned.
    pub unsettled_attempts: u32,
    /// What the provider adapter keeps with the session.
    pub provider_data: SessionData,
    /// Application data.
    pub data: SessionData,
}

impl Session {
    /// How many further targets are kept. Of more, or if a record does not hold them all, the one that was refreshed
    /// longest ago is forgotten.
    pub const MOST_FURTHER_TARGETS: usize = 16;

    /// A new session with `tokens`; set the fields that are known beyond them.
    pub fn new(
        provider_id: ProviderId,
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        tokens: TokenSet,
    ) -> Self {
        Self {
            provider_id,
            issuer: issuer.into(),
            client_id: client_id.into(),
            subject: None,
            sid: None,
            auth_time: None,
            nonce: None,
            sign_in_id: SignInId::random(),
            signed_in_at: tokens.received_at,
            ends_at: None,
            idle_limit: None,
            last_used_at: None,
            requested_scope: None,
            resources: Vec::new(),
            tokens,
            further_tokens: BTreeMap::new(),
            dpop: None,
            unsettled_attempts: 0,
            provider_data: SessionData::new(),
            data: SessionData::new(),
        }
    }

    /// The tokens of a target: for the default one [`tokens`](Self::tokens), for others what was granted so far.
    pub fn tokens_for(&self, target: &Target) -> Option<&TokenSet> {
        if target.is_default() { Some(&self.tokens) } else { self.further_tokens.get(target) }
    }

    /// The same session with its access tokens expired at `now`; the refresh token stays. A test aid.
    #[must_use = "the expired session is returned, not stored"]
    pub fn into_expired(mut self, now: Timestamp) -> Self {
        self.tokens = self.tokens.into_expired(now);
        for tokens in self.further_tokens.values_mut() {
            *tokens = tokens.clone().into_expired(now);
        }
        self
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("provider_id", &self.provider_id)
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("subject", &self.subject)
            .field("signed_in_at", &self.signed_in_at)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// The program logged out.
    LoggedOut,
    /// The authorization server gave a verdict on the refresh token, such as `invalid_grant` (RFC 6749 §5.2).
    Rejected,
    /// The same verdict, after an attempt whose outcome nobody learned: its answer may have carried the successor.
    RejectedAfterUnknownOutcome,
    /// The access token expired and there was no refresh token.
    NoRefreshToken,
    /// A needed refresh failed without a verdict, and the program chose `DiscardAlways`.
    RefreshFailed,
    /// The session reached a limit that counts from its sign-in, and that no use moves.
    LimitReached,
    /// The session lives on in another store.
    Moved,
    /// Nobody used the session for as long as its idle limit.
    Idle,
    /// Somebody logged out at the authorization server, or at another of its clients.
    LoggedOutElsewhere,
    /// A newer sign-in of the same user agent took its place.
    Replaced,
    /// A newer version wrote the reason, in a word that this one does not know.
    #[serde(other)]
    Other,
}

impl EndReason {
    /// The reason as one stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Rejected => "rejected",
            Self::RejectedAfterUnknownOutcome => "rejected_after_unknown_outcome",
            Self::NoRefreshToken => "no_refresh_token",
            Self::RefreshFailed => "refresh_failed",
            Self::LimitReached => "limit_reached",
            Self::Moved => "moved",
            Self::Idle => "idle",
            Self::LoggedOutElsewhere => "logged_out_elsewhere",
            Self::Replaced => "replaced",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoggedOut => "logged out",
            Self::Rejected => "the authorization server rejected the refresh token",
            Self::RejectedAfterUnknownOutcome => {
                "the authorization server rejected the refresh token after an attempt whose answer was lost"
            }
            Self::NoRefreshToken => "the access token expired and there is no refresh token",
            Self::RefreshFailed => "a needed refresh failed",
            Self::LimitReached => "it reached the time limit that counts from the sign-in",
            Self::Idle => "nobody used it for as long as its idle limit",
            Self::LoggedOutElsewhere => "logged out at the authorization server, or at another program",
            Self::Replaced => "a newer sign-in took its place",
            Self::Other => "only a newer version of this program knows why",
            Self::Moved => "it was moved to another store",
        })
    }
}

/// The record of an ended session. No refresh that lands later replaces it.
///
/// It holds no token, with one exception: while a session is being moved to another store it is here, where nobody uses
/// it, until it has arrived there.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tombstone {
    /// Why the session ended.
    pub reason: EndReason,
    /// The OAuth error code behind a verdict.
    pub error: Option<String>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// As in the session.
    pub provider_id: ProviderId,
    /// As in the session.
    pub issuer: String,
    /// As in the session.
    pub client_id: String,
    /// As in the session.
    pub subject: Option<String>,
    /// As in the session.
    pub sign_in_id: SignInId,
    /// As in the session.
    pub data: SessionData,
    /// The session itself, on its way to another store ([`EndReason::Moved`]).
    pub moving: Option<Box<Session>>,
}

impl fmt::Debug for Tombstone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tombstone")
            .field("reason", &self.reason)
            .field("error", &self.error)
            .field("ended_at", &self.ended_at)
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl Tombstone {
    /// How long a store keeps the record of an ended session.
    pub const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// What remains of `session`.
    pub fn of(session: &Session, reason: EndReason, error: Option<String>, ended_at: Timestamp) -> Self {
        Self {
            reason,
            error,
            ended_at,
            provider_id: session.provider_id.clone(),
            issuer: session.issuer.clone(),
            client_id: session.client_id.clone(),
            subject: session.subject.clone(),
            sign_in_id: session.sign_in_id,
            data: session.data.clone(),
            moving: None,
        }
    }

    /// What stands for `session` in its old store while it is on its way to another one: the session is in it, and nobody
    /// uses it there.
    pub fn of_moving(session: Session, now: Timestamp) -> Self {
        let tombstone = Self::of(&session, EndReason::Moved, None, now);
        Self { moving: Some(Box::new(session)), ..tombstone }
    }
}

/// What a record says: a session, or how it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SessionState {
    /// The session is alive; its access token may still be expired.
    Active(Box<Session>),
    /// The session has ended.
    Ended(Box<Tombstone>),
}

impl SessionState {
    /// Until when a store has to keep it: as long as somebody may still ask for it, or how it ended. `None`: for ever.
    ///
    /// By the limits in the record alone: a program without limits of its own must find it for as long as these allow.
    pub fn keep_until(&self) -> Option<Timestamp> {
        match self {
            Self::Active(session) => Limits::default().end_of(session, None).map(|end| end.at + Tombstone::KEPT),
            // Nobody else has the session that is on its way.
            Self::Ended(tombstone) if tombstone.moving.is_some() => None,
            Self::Ended(tombstone) => Some(tombstone.ended_at + Tombstone::KEPT),
        }
    }

    /// The `iss` of the authorization server.
    pub fn issuer(&self) -> &str {
        match self {
            Self::Active(session) => &session.issuer,
            Self::Ended(tombstone) => &tombstone.issuer,
        }
    }

    /// Which sign-in this is, or was.
    pub fn sign_in_id(&self) -> SignInId {
        match self {
            Self::Active(session) => session.sign_in_id,
            Self::Ended(tombstone) => tombstone.sign_in_id,
        }
    }
}

impl From<Session> for SessionState {
    fn from(session: Session) -> Self {
        Self::Active(Box::new(session))
    }
}

impl From<Tombstone> for SessionState {
    fn from(tombstone: Tombstone) -> Self {
        Self::Ended(Box::new(tombstone))
    }
}
