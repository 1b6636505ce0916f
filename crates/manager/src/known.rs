//! [`Known`]: what this process keeps of a record that it read or committed.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{
    Clock, DpopBinding, EndReason, Fingerprint, Limits, Session, SessionEnd, SessionState, SignInId, Target, Timestamp,
    TokenSet, Version,
};
use oidc_session_policy::protocol::{Now, RecordView, SessionView, StateView};
use oidc_session_policy::{Jitter, Phase, RefreshPolicy, Schedule};

use crate::extras::Extras;
use crate::known_token::KnownToken;
use crate::last_use::Idleness;

/// What this process keeps of a record that it read or committed last: what callers are served, and what the protocol
/// looks at. No refresh token and no ID token: those are only ever read under the lease.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) version: Version,
    pub(crate) sign_in: SignInId,
    life: Life,
    /// The access token that the sign-in asked for.
    own: KnownToken,
    /// A few, if any.
    further: Box<[(Target, KnownToken)]>,
    /// Where the session stands to its idle limit, if it has one.
    idleness: Option<Box<Idleness>>,
}

#[derive(Debug)]
enum Life {
    Active {
        refresh: Option<Fingerprint>,
        unsettled: u32,
        /// When the session ends however much it is used.
        fixed_end: Option<Timestamp>,
        dpop: Option<Box<DpopBinding>>,
    },
    Ended {
        reason: EndReason,
        at: Timestamp,
    },
}

impl Known {
    pub(crate) fn new<'entry>(
        version: Version,
        state: &SessionState,
        policy: &dyn RefreshPolicy,
        jitter: Jitter,
        clock: &dyn Clock,
        limits: Limits,
        extras: impl FnOnce() -> &'entry Arc<Extras>,
    ) -> Self {
        let sign_in = state.sign_in_id();
        let session = match state {
            SessionState::Active(session) => session,
            SessionState::Ended(tombstone) => {
                let life = Life::Ended { reason: tombstone.reason, at: tombstone.ended_at };
                let (own, further) = (KnownToken::none(), Box::default());
                return Self { version, sign_in, life, own, further, idleness: None };
            }
        };
        let now = Now { wall: clock.now(), monotonic: clock.monotonic() };
        let token = |target: &Target, tokens: &TokenSet| {
            let schedule = Schedule::of_session(policy, session, target, jitter);
            KnownToken::new(tokens, schedule.ending_at(limits.fixed_end_of(session)), now)
        };
        let own = token(&Target::default(), &session.tokens);
        let further = session.further_tokens.iter().map(|(target, tokens)| (target.clone(), token(target, tokens)));
        let idleness = Idleness::of(session, limits, extras).map(Box::new);
        Self { version, sign_in, life: Life::of(session, limits), own, further: further.collect(), idleness }
    }

    /// The same, known after `before`.
    pub(crate) fn after(mut self, before: Option<&Self>) -> Self {
        if let Some(before) = before {
            self.own.keep_deadlines_of(&before.own);
            for (target, token) in &mut self.further {
                if let Some(before) = before.further(target) {
                    token.keep_deadlines_of(before);
                }
            }
        }
        self
    }

    /// Why and when the session ended, if it has.
    pub(crate) fn ended(&self) -> Option<(EndReason, Timestamp)> {
        match self.life {
            Life::Ended { reason, at } => Some((reason, at)),
            Life::Active { .. } => None,
        }
    }

    /// The key that the tokens of the living session are bound to.
    pub(crate) fn dpop(&self) -> Option<&DpopBinding> {
        match &self.life {
            Life::Active { dpop, .. } => dpop.as_deref(),
            Life::Ended { .. } => None,
        }
    }

    /// What the protocol sees of it.
    pub(crate) fn view(&self, target: &Target, used: Option<Timestamp>) -> RecordView {
        let state = match self.life {
            Life::Ended { reason, .. } => StateView::Ended(reason),
            Life::Active { refresh, unsettled, fixed_end, .. } => StateView::Active(SessionView {
                schedule: self.schedule(target),
                access: self.token(target).and_then(KnownToken::fingerprint),
                refresh,
                sign_in: self.sign_in,
                end: SessionEnd::earliest(fixed_end, self.idleness.as_ref().map(|idleness| idleness.end(used))),
                unsettled,
            }),
        };
        RecordView { version: self.version, state }
    }

    /// Notes a use at `now`, if the session lives. Whether it ought to be written down.
    pub(crate) fn note_use(&self, now: Timestamp) -> bool {
        self.idleness.as_ref().is_some_and(|idleness| idleness.note(now))
    }

    /// Whether the caller is the one to write the last use down now.
    pub(crate) fn claim_touch(&self, now: Timestamp) -> bool {
        self.idleness.as_ref().is_some_and(|idleness| idleness.claim_touch(now))
    }

    /// Where the living session stands to its idle limit, if it has one.
    #[inline]
    pub(crate) fn idleness(&self) -> Option<&Idleness> {
        self.idleness.as_deref()
    }

    /// The access token for `target`, if there is one.
    #[inline]
    pub(crate) fn token(&self, target: &Target) -> Option<&KnownToken> {
        let token = if target.is_default() { &self.own } else { self.further(target)? };
        token.is_there().then_some(token)
    }

    fn further(&self, target: &Target) -> Option<&KnownToken> {
        self.further.iter().find(|(other, _)| other == target).map(|(_, token)| token)
    }

    /// The targets of which an access token is known.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.further.iter().map(|(target, _)| target)
    }

    /// The instants of `target`.
    pub(crate) fn schedule(&self, target: &Target) -> Schedule {
        self.token(target).map_or(Schedule::NoAccessToken, |token| token.schedule)
    }

    /// For how long what is fresh `now` stays so: by whichever clock says it earlier, and if nobody uses the session.
    pub(crate) fn fresh_for(&self, target: &Target, now: Now) -> Duration {
        let idle_end = self.idleness.as_ref().and_then(|idleness| idleness.over_at());
        let unused = idle_end.map_or(Duration::MAX, |end| end.saturating_since(now.wall));
        self.token(target).map_or(Duration::ZERO, |token| token.fresh_for(now)).min(unused)
    }

    /// Where `now` falls among them. Without an access token, or when nobody used the session for too long, it has
    /// expired.
    pub(crate) fn phase(&self, target: &Target, now: Now) -> Phase {
        if self.idleness.as_ref().is_some_and(|idleness| idleness.is_over(now.wall)) {
            return Phase::Expired;
        }
        self.token(target).map_or(Phase::Expired, |token| token.phase(now))
    }
}

impl Life {
    fn of(session: &Session, limits: Limits) -> Self {
        Self::Active {
            refresh: session.tokens.refresh_token.as_ref().map(|token| token.fingerprint()),
            unsettled: session.unsettled_attempts,
            fixed_end: limits.fixed_end_of(session),
            dpop: session.dpop.clone().map(Box::new),
        }
    }
}
