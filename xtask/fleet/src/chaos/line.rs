//! [`Setup`], [`Order`] and [`Said`]: what workers are told and what they say, a line of JSON each.

use oidc_session::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use super::options::Kind;

/// Milliseconds since 1970. All processes of a run, and its authorization server, have the same clock.
pub(crate) type Millis = i64;

/// What a worker needs to know before it can work.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Setup {
    pub(crate) kind: Kind,
    /// A URL, or a path.
    pub(crate) address: String,
    /// A prefix or a schema of this run's own.
    pub(crate) place: String,
    pub(crate) issuer: String,
    /// The key ring, as JSON.
    pub(crate) keys: String,
    /// Whether the authorization server has a reuse window.
    pub(crate) window: bool,
    pub(crate) sessions: usize,
    pub(crate) seed: u64,
}

/// What a worker shall do besides.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Order {
    /// End this session.
    Logout(usize),
}

/// What a worker says. What happens between a lease and its commit is said before and after each step, so that whatever a
/// killed worker was about is known.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Said {
    /// The worker is ready.
    Ready,
    /// It is about to present a refresh token. It asked for the lease at `leased`.
    Sent { attempt: u64, subject: String, leased: Millis, at: Millis },
    /// What came of that.
    Back { attempt: u64, came_to: CameTo, at: Millis },
    /// It has asked for a longer lease at `at`, and has it.
    Renewed { attempt: u64, at: Millis },
    /// The new tokens are stored.
    Committed { attempt: u64, at: Millis },
    /// What callers got since the line before.
    Calls(Vec<Call>),
    /// The session has been ended, or that could not be done.
    LoggedOut { session: usize, done: bool, at: Millis },
}

/// What came of presenting a refresh token, as the worker knows it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum CameTo {
    /// An access token, by its [`mark`].
    Granted(String),
    /// The answer was lost, or cannot be read.
    Unknown,
    /// A verdict.
    Rejected,
    /// Something else that is no verdict.
    Refused,
}

impl CameTo {
    /// What it is called. Tells no token.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Granted(_) => "is granted new tokens",
            Self::Unknown => "does not know the outcome",
            Self::Rejected => "is rejected",
            Self::Refused => "is refused",
        }
    }
}

/// Somebody asked for the access token of a session.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Call {
    pub(crate) session: usize,
    pub(crate) begun: Millis,
    pub(crate) ended: Millis,
    pub(crate) got: Got,
}

/// What a caller got.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Got {
    /// An access token, by its [`mark`].
    Token(String),
    /// The session has ended, for this reason.
    Ended(String),
    /// No token just now: what the outcome is called, and its causes.
    Error(String, String),
}

/// What time it is.
pub(crate) fn now() -> Millis {
    SystemClock.now().as_unix_millis()
}

/// Enough of an access token to tell it from all others.
pub(crate) fn mark(access_token: &str) -> String {
    access_token.trim_start_matches("at_").chars().take(16).collect()
}

/// What a session is called.
pub(crate) fn session_name(session: usize) -> String {
    format!("session-{session}")
}
