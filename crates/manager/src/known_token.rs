//! [`KnownToken`]: one access token of a session, ready to be served.

use std::time::Duration;

use http::HeaderValue;
use oidc_session_core::{Clock, Fingerprint, SessionState, Target, Timestamp, TokenSet};
use oidc_session_policy::protocol::Now;
use oidc_session_policy::{Jitter, Phase, RefreshPolicy, Schedule};

/// One access token of a session, ready to be served.
#[derive(Debug)]
pub(crate) struct KnownToken {
    pub(crate) schedule: Schedule,
    pub(crate) access: Option<Fingerprint>,
    pub(crate) authorization: Option<HeaderValue>,
    /// The schedule on the monotonic clock, which cannot be turned back.
    refresh_by: Option<Duration>,
    expires_by: Option<Duration>,
}

impl KnownToken {
    pub(crate) fn new(
        state: &SessionState,
        target: &Target,
        policy: &dyn RefreshPolicy,
        jitter: Jitter,
        clock: &dyn Clock,
    ) -> Self {
        let (tokens, schedule) = match state {
            SessionState::Active(session) => {
                (session.tokens_for(target), Schedule::of_session(policy, session, target, jitter))
            }
            SessionState::Ended(_) => (None, Schedule::NoAccessToken),
        };
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let on_monotonic = |at: Timestamp| monotonic.saturating_add(at.saturating_since(now));
        Self {
            schedule,
            access: tokens.and_then(|tokens| tokens.access_token.as_ref()).map(|token| token.fingerprint()),
            authorization: tokens.and_then(authorization),
            refresh_by: schedule.refresh_at().map(on_monotonic),
            expires_by: schedule.expires_at().map(on_monotonic),
        }
    }

    /// The later phase of what the two clocks say: a clock that was turned back, or stood still, makes nothing fresh.
    pub(crate) fn phase(&self, now: Now) -> Phase {
        let Now { wall, monotonic } = now;
        let wall = self.schedule.phase(wall);
        if wall == Phase::Expired {
            return wall;
        }
        if self.expires_by.is_some_and(|by| monotonic >= by) {
            Phase::Expired
        } else if self.refresh_by.is_some_and(|by| monotonic >= by) {
            Phase::Due
        } else {
            wall
        }
    }
}

fn authorization(tokens: &TokenSet) -> Option<HeaderValue> {
    let access_token = tokens.access_token.as_ref()?;
    let mut value = HeaderValue::try_from(format!("{} {}", tokens.token_type, access_token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
