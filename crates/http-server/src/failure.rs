//! [`SignInFailure`]: why a sign-in could not be finished, in one word for the application's own page.

use std::fmt;

use http::StatusCode;
use oidc_session_core::{ProviderError, ProviderErrorKind};

use crate::WebSessions;
use crate::answer::Answer;

/// Why a sign-in could not be finished. The page for signing in is told its word as `error`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SignInFailure {
    /// Nobody waits for this callback: it took too long, was used before, or was begun in another browser.
    Expired,
    /// The user or the authorization server declined.
    Denied,
    /// The answer is not one of this sign-in, or of this authorization server.
    Invalid,
    /// The authorization server or the store cannot be reached now.
    Unavailable,
    /// The application is not set up right.
    Misconfigured,
}

impl SignInFailure {
    /// The failure as one stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
        }
    }

    pub(crate) fn of(error: &ProviderError) -> Self {
        match error.kind() {
            // The code has been spent, or is too old.
            _ if error.error_code() == Some("invalid_grant") => Self::Expired,
            ProviderErrorKind::InvalidAnswer => Self::Invalid,
            ProviderErrorKind::Refused | ProviderErrorKind::InteractionRequired => Self::Denied,
            ProviderErrorKind::Misconfigured => Self::Misconfigured,
            _ => Self::Unavailable,
        }
    }

    /// What the browser is told: by the application's own page, or else by a plain one.
    pub(crate) fn answer(self, web: &WebSessions) -> Answer {
        if let Some(page) = &web.0.sign_in_page {
            let separator = if page.contains('?') { '&' } else { '?' };
            return Answer::redirect(&format!("{page}{separator}error={self}"));
        }
        let (status, sentence) = match self {
            Self::Expired => {
                (StatusCode::BAD_REQUEST, "It took too long, was finished before, or was begun in another browser.")
            }
            Self::Denied => (StatusCode::FORBIDDEN, "The sign-in was declined."),
            Self::Invalid => (StatusCode::BAD_REQUEST, "The answer does not belong to a sign-in of this browser."),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Nobody can be signed in just now."),
            Self::Misconfigured => (StatusCode::INTERNAL_SERVER_ERROR, "This application is not set up right."),
        };
        let way_on = Some(("Sign in again", web.login_path()));
        Answer::page(status, "The sign-in could not be finished", sentence, way_on)
    }
}

impl fmt::Display for SignInFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
