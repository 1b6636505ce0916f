//! How [`Oidc`] reads a logout token: what an authorization server says when a subject has logged out elsewhere.

use async_trait::async_trait;
use oidc_session_core::{BackChannelLogout, LogoutToken, ProviderError, Timestamp};
use serde_json::Value;

use crate::dialect::Fields;
use crate::id_token::Verifier;
use crate::lifetime::Lifetime;
use crate::signed_jwt::{Signature, SignedJwt};
use crate::unverified::Unverified;
use crate::{Oidc, claims};

/// The media types that the header may name (Back-Channel Logout §2.4). Servers older than the first write the second.
const TYPES: [&str; 2] = ["logout+jwt", "jwt"];

const NAME: &str = "the logout token";

/// The member of `events` that makes a logout token (Back-Channel Logout §2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

impl Oidc {
    /// Verifies the `logout_token` of a back-channel logout request (OpenID Connect Back-Channel Logout 1.0 §2.6).
    ///
    /// May fetch metadata and signing keys; unknown keys do so at most once in thirty seconds. A token is accepted once:
    /// this provider and its clones remember the last ten thousand. Programs with several processes that must refuse
    /// replays everywhere keep [`LogoutToken::jti`] until the token has expired.
    ///
    /// # Errors
    ///
    /// `InvalidAnswer` for every token that must not be acted upon, a replay included: answer 400 and keep the session.
    /// `NotSent`, `TryLater` and `Misconfigured` if metadata or keys cannot be had.
    ///
    /// ```no_run
    /// # use oidc_session_core::ProviderError;
    /// # async fn logged_out(provider: oidc_session_provider_oidc::Oidc, form_field: &str) -> Result<(), ProviderError> {
    /// let logout = provider.logout_token(form_field).await?;
    /// match (logout.sid, logout.subject) {
    ///     (Some(sid), _) => println!("end the session with the sid {sid}"),
    ///     (None, Some(subject)) => println!("end all sessions of {subject}"),
    ///     (None, None) => unreachable!("such a token is refused"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn logout_token(&self, token: &str) -> Result<LogoutToken, ProviderError> {
        let (logout, accepted_until) = self.verified_logout_token(token).await?;
        let now = self.server.clock.now();
        if !self.server.logout_tokens.is_first_use(&logout.issuer, &logout.jti, accepted_until, now) {
            return Err(Unverified::Refused("it has been used before").into_error(NAME));
        }
        Ok(logout)
    }

    async fn verified_logout_token(&self, token: &str) -> Result<(LogoutToken, Timestamp), ProviderError> {
        // Before anything is fetched: anybody can send anything to this endpoint.
        SignedJwt::parse(token, &TYPES).map_err(|unverified| unverified.into_error(NAME))?;
        let metadata = self.server.metadata().await?;
        self.verified(metadata, NAME, |verifier| verifier.logout(token)).await
    }
}

#[async_trait]
impl BackChannelLogout for Oidc {
    async fn verify_logout_token(&self, token: &str) -> Result<LogoutToken, ProviderError> {
        Ok(self.verified_logout_token(token).await?.0)
    }
}

impl Verifier<'_> {
    /// A logout token, if everything in Back-Channel Logout §2.6 holds but replays, and until when it is accepted.
    pub(crate) fn logout(&self, token: &str) -> Result<(LogoutToken, Timestamp), Unverified> {
        let jwt = SignedJwt::parse(token, &TYPES)?;
        let fields = jwt.claims();
        let issuer = self.issuer(fields)?;
        let signature = self.signature(&jwt, &issuer)?;
        if !claims::audiences(fields)?.iter().any(|audience| audience == self.client_id) {
            return Err(Unverified::Refused("it is for another client"));
        }
        let lifetime = Lifetime::of(fields)?;
        lifetime.check(self.now)?;
        check_event(fields)?;
        let named = |name| Ok(claims::text(fields, name)?.filter(|text| !text.is_empty()).map(str::to_owned));
        let jti = claims::required(fields, "jti", "it has no jti")?;
        let mut logout = LogoutToken::new(issuer, jti, lifetime.issued_at, lifetime.expires_at);
        logout.subject = named("sub")?;
        logout.sid = named("sid")?;
        if logout.subject.is_none() && logout.sid.is_none() {
            return Err(Unverified::Refused("it names neither a subject nor a session"));
        }
        match signature {
            Signature::Holds => Ok((logout, lifetime.accepted_until())),
            Signature::UnknownKey => Err(Unverified::UnknownKey),
        }
    }
}

/// An ID token must never pass for a logout token, nor the other way round.
fn check_event(fields: &Fields) -> Result<(), Unverified> {
    if fields.contains_key("nonce") {
        return Err(Unverified::Refused("it has a nonce, so it is no logout token"));
    }
    match fields.get("events").and_then(|events| events.get(EVENT)) {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(Unverified::Refused("it tells of no logout")),
    }
}
