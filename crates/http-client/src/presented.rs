//! [`Presented`]: an access token, the way it is sent.

use http::HeaderValue;
use oidc_session_core::{AccessToken, Fingerprint};
use oidc_session_manager::SessionHandle;

use crate::HttpSessionError;
use crate::auth::Shared;
#[cfg(feature = "dpop")]
use crate::bound::Bound;

/// An access token, the way it is sent.
pub(crate) struct Presented {
    pub(crate) authorization: HeaderValue,
    #[cfg(feature = "dpop")]
    pub(crate) bound: Option<Bound>,
}

impl Presented {
    /// The session's token, refreshed first if it had expired.
    #[cfg_attr(not(feature = "dpop"), expect(unused_variables, reason = "only keys are kept there"))]
    pub(crate) async fn of(session: &SessionHandle, shared: &Shared) -> Result<Self, HttpSessionError> {
        let authorization = session.authorization().await.map_err(HttpSessionError::of_session)?;
        if !authorization.as_bytes().starts_with(b"DPoP ") {
            return Ok(Self {
                authorization,
                #[cfg(feature = "dpop")]
                bound: None,
            });
        }
        #[cfg(feature = "dpop")]
        {
            let served = session.served_token().await.map_err(HttpSessionError::of_session)?;
            let bound = Bound::of(served, &shared.signers)?;
            Ok(Self { authorization: bound.authorization()?, bound: Some(bound) })
        }
        // Without its proof a bound token is worth nothing, and as a Bearer token it would be a lie.
        #[cfg(not(feature = "dpop"))]
        Err(HttpSessionError::misconfigured(
            "the session's tokens are bound to a key (DPoP), for which this program lacks the feature `dpop`",
        ))
    }

    /// The token alone.
    pub(crate) fn access_token(&self) -> AccessToken {
        let text = self.authorization.to_str().unwrap_or_default();
        AccessToken::new(text.split_once(' ').map_or("", |(_, token)| token))
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.access_token().fingerprint()
    }
}
