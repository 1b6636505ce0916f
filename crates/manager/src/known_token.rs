//! [`KnownToken`]: one access token of a session, ready to be served.

use std::time::Duration;

use http::HeaderValue;
use oidc_session_core::{AccessToken, Fingerprint, Timestamp, TokenSet, TokenType};
use oidc_session_policy::protocol::Now;
use oidc_session_policy::{Phase, Schedule};

use crate::pass::Pass;
use crate::ready_header::ReadyHeader;

/// One access token of a session, ready to be served.
#[derive(Debug)]
pub(crate) struct KnownToken {
    /// Until when one look at the coarse clock is enough.
    pub(crate) pass: Pass,
    text: Text,
    pub(crate) schedule: Schedule,
    pub(crate) received_at: Timestamp,
    /// The schedule on the monotonic clock, which cannot be turned back, in nanoseconds. The latest stands for none.
    refresh_by: u64,
    expires_by: u64,
}

/// The token itself, kept once.
#[derive(Debug)]
enum Text {
    None,
    Header(ReadyHeader),
    /// With characters that no header may carry.
    NoHeader(Box<(TokenType, AccessToken)>),
}

impl KnownToken {
    pub(crate) fn new(tokens: &TokenSet, schedule: Schedule, now: Now) -> Self {
        let on_monotonic = |at: Option<Timestamp>| {
            at.map_or(u64::MAX, |at| nanos(now.monotonic.saturating_add(at.saturating_since(now.wall))))
        };
        Self {
            pass: Pass::default(),
            text: Text::of(tokens),
            schedule,
            received_at: tokens.received_at,
            refresh_by: on_monotonic(schedule.refresh_at()),
            expires_by: on_monotonic(schedule.expires_at()),
        }
    }

    /// There is none.
    pub(crate) fn none() -> Self {
        let (wall, monotonic) = (Timestamp::UNIX_EPOCH, Duration::ZERO);
        Self::new(&TokenSet::new(wall, wall), Schedule::NoAccessToken, Now { wall, monotonic })
    }

    /// A ready `Authorization` header value.
    #[inline]
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        match &self.text {
            Text::Header(header) => Some(header.get()),
            Text::None | Text::NoHeader(_) => None,
        }
    }

    /// The same for the front of the entry, which is no use by a thread.
    pub(crate) fn authorization_to_show(&self) -> Option<HeaderValue> {
        match &self.text {
            Text::Header(header) => Some(header.original()),
            Text::None | Text::NoHeader(_) => None,
        }
    }

    /// Whether there is one.
    #[inline]
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self.text, Text::None)
    }

    /// The token as text.
    pub(crate) fn access_token(&self) -> Option<AccessToken> {
        match &self.text {
            Text::None => None,
            Text::NoHeader(token) => Some(token.1.clone()),
            Text::Header(header) => header.token().map(AccessToken::new),
        }
    }

    /// What tells it from others.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        match &self.text {
            Text::None => None,
            Text::NoHeader(token) => Some(token.1.fingerprint()),
            Text::Header(header) => header.token().map(|token| Fingerprint::of(token.as_bytes())),
        }
    }

    /// How to present it.
    pub(crate) fn token_type(&self) -> TokenType {
        match &self.text {
            Text::None => TokenType::default(),
            Text::NoHeader(token) => token.0.clone(),
            Text::Header(header) => header.scheme().unwrap_or_default().to_owned().into(),
        }
    }

    /// Whether the two are one access token.
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
    }

    /// The later phase of what the two clocks say: a clock that was turned back, or stood still, makes nothing fresh.
    pub(crate) fn phase(&self, now: Now) -> Phase {
        let wall = self.schedule.phase(now.wall);
        if wall == Phase::Expired {
            return wall;
        }
        if nanos(now.monotonic) >= self.expires_by {
            Phase::Expired
        } else if nanos(now.monotonic) >= self.refresh_by {
            Phase::Due
        } else {
            wall
        }
    }

    /// For how long a token that is fresh `now` stays so, by the clock that says it earlier.
    pub(crate) fn fresh_for(&self, now: Now) -> Duration {
        let by_wall = self.schedule.refresh_at().map_or(Duration::MAX, |at| at.saturating_since(now.wall));
        by_wall.min(Duration::from_nanos(self.refresh_by).saturating_sub(now.monotonic))
    }

    /// The same access token in another version of the record lives no longer for it, even if the wall clock was turned
    /// back meanwhile.
    pub(crate) fn keep_deadlines_of(&mut self, before: &Self) {
        if self.schedule == before.schedule && self.is_the_same_as(before) {
            self.refresh_by = self.refresh_by.min(before.refresh_by);
            self.expires_by = self.expires_by.min(before.expires_by);
        }
    }
}

impl Text {
    fn of(tokens: &TokenSet) -> Self {
        let Some(token) = &tokens.access_token else { return Self::None };
        match ReadyHeader::new(tokens.token_type.as_str(), token.expose()) {
            Some(header) => Self::Header(header),
            None => Self::NoHeader(Box::new((tokens.token_type.clone(), token.clone()))),
        }
    }
}

fn nanos(instant: Duration) -> u64 {
    u64::try_from(instant.as_nanos()).unwrap_or(u64::MAX)
}
