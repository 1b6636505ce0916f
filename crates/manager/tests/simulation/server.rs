//! [`Door`]: the authorization server, as a machine reaches it.

use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    AccessToken, Clock as _, Provider, ProviderError, ProviderErrorKind, ProviderId, ProviderProfile, RefreshToken,
    Revocation, Session, Target, TokenAnswer, TokenSet,
};

use crate::dice::Dice;
use crate::line::{Line, Lost};
use crate::outages::Outages;
use crate::plan::{Plan, Weather};
use crate::time::{Time, WallClock};
use crate::truth::{Reply, Tokens, Truth};

/// The authorization server, with rotation and reuse detection, as a machine reaches it.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) truth: Truth,
    pub(crate) line: Line,
    pub(crate) dice: Dice,
    pub(crate) time: Time,
    pub(crate) clock: WallClock,
    pub(crate) lifetime: Duration,
    pub(crate) profile: ProviderProfile,
    pub(crate) outages: Outages,
    pub(crate) weather: Weather,
}

/// What the server says of itself.
pub(crate) fn profile(plan: &Plan) -> ProviderProfile {
    let mut profile = ProviderProfile::new(ProviderId::new("simulated"));
    profile.reuse_window = plan.reuse_window;
    profile
}

/// A session as a sign-in brings it.
pub(crate) fn signed_in(tokens: &Tokens, lifetime: Duration, clock: &WallClock) -> Session {
    let now = clock.now();
    let mut set = TokenSet::new(now, now);
    set.access_token = Some(AccessToken::new(tokens.access.clone()));
    set.refresh_token = Some(RefreshToken::new(tokens.refresh.clone()));
    set.expires_in = Some(lifetime);
    Session::new(ProviderId::new("simulated"), "https://login.example", "app", set)
}

#[async_trait]
impl Provider for Door {
    fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refresh(&self, session: &Session, _target: &Target) -> Result<TokenAnswer, ProviderError> {
        let Some(token) = session.tokens.refresh_token.as_ref().map(|token| token.expose().to_owned()) else {
            return Err(ProviderError::new(ProviderErrorKind::NotSent, "there is no refresh token"));
        };
        let (truth, time, budget) = (self.truth.clone(), self.time, self.profile.request_budget);
        let (requested_at, sent) = (self.clock.now(), time.passed());
        truth.facts().begins(&token);
        let presented = token.clone();
        let reply = self.line.carry(budget, async move {
            let now = time.passed();
            truth.facts().refresh(&presented, now, now > sent + budget)
        });
        match reply.await {
            Ok(Reply::Granted(tokens)) => {
                if self.weather == Weather::Outages && self.dice.in_hundred(30) {
                    self.outages.begin(self.dice.millis(1_000..90_000));
                }
                let mut answer = TokenAnswer::new(requested_at, self.clock.now());
                answer.access_token = Some(AccessToken::new(tokens.access));
                answer.refresh_token = Some(RefreshToken::new(tokens.refresh));
                answer.expires_in = Some(self.lifetime);
                Ok(answer)
            }
            Ok(Reply::Rejected) => {
                Err(ProviderError::new(ProviderErrorKind::Rejected, "refused").with_error_code("invalid_grant"))
            }
            Err(Lost::NotSent) if self.dice.in_hundred(50) => {
                let wait = Duration::from_secs(u64::from(self.dice.below(40)));
                Err(ProviderError::new(ProviderErrorKind::TryLater, "come back later").with_retry_after(Some(wait)))
            }
            Err(Lost::NotSent) => Err(ProviderError::new(ProviderErrorKind::NotSent, "no connection")),
            Err(Lost::Unknown) => Err(ProviderError::new(ProviderErrorKind::OutcomeUnknown, "the connection broke")),
        }
    }

    async fn revoke(&self, session: &Session) -> Result<Revocation, ProviderError> {
        let Some(token) = session.tokens.refresh_token.as_ref().map(|token| token.expose().to_owned()) else {
            return Ok(Revocation::Done);
        };
        let truth = self.truth.clone();
        let revoked = self.line.carry(self.profile.request_budget, async move { truth.facts().revoke(&token) });
        revoked.await.map_err(|_| ProviderError::new(ProviderErrorKind::NotSent, "no connection"))?;
        Ok(Revocation::Done)
    }
}
