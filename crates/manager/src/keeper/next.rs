//! [`Next`]: what the keeper has to do for one access token, and when.

use std::time::Duration;

use oidc_session_core::Target;
use oidc_session_policy::protocol::{Now, Trigger};
use oidc_session_policy::{Phase, Schedule};

use super::register::Kept;
use crate::entry::Entry;
use crate::flight;
use crate::known::Known;

/// What is to be done next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Look at the store: nothing is known.
    Look,
    /// Refresh: it is time.
    Refresh(Trigger),
    /// Nothing before so much time has passed.
    In(Duration),
}

/// What has just been done, and left something to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tried {
    Look,
    Refresh,
}

impl Next {
    /// How often the store is asked for a session that is not there, or has ended; and up to half of that more.
    const LOOKS_AGAIN: Duration = Duration::from_secs(30);
    /// How often a session is looked at in memory whose server never says when its access tokens expire;
    /// and up to a quarter of that more.
    const EXPIRY_UNKNOWN: Duration = Duration::from_secs(300);
    /// The shortest pause after a refresh that left the access token due; and up to half of that more.
    const AFTER_FAILURE: Duration = Duration::from_secs(1);
    /// The longest sleep. A timer wheel has an end.
    const LONGEST: Duration = Duration::from_secs(24 * 3600);
    /// No timer fires at once, again and again.
    const SHORTEST: Duration = Duration::from_millis(1);

    /// What is to be done for `kept`, of which `tried` has just been done.
    pub(super) fn of(kept: &Kept, now: Now, tried: Option<Tried>) -> Self {
        let entry = &*kept.entry;
        match (Self::anew(entry, &kept.target, now), tried) {
            (Self::Look, Some(Tried::Look)) => Self::In(spread(entry, Self::LOOKS_AGAIN, Self::LOOKS_AGAIN / 2)),
            (Self::Refresh(_), Some(Tried::Refresh)) => {
                Self::In(spread(entry, Self::AFTER_FAILURE, Self::AFTER_FAILURE / 2))
            }
            (Self::In(time), _) => Self::In(time.clamp(Self::SHORTEST, Self::LONGEST)),
            (next, _) => next,
        }
    }

    fn anew(entry: &Entry, target: &Target, now: Now) -> Self {
        let known = entry.known();
        let Some(known) = known.as_deref() else { return Self::Look };
        if known.ended().is_some() {
            let asleep = Self::In(spread(entry, Self::LOOKS_AGAIN, Self::LOOKS_AGAIN / 2));
            return if entry.is_confirmed(now.monotonic) { asleep } else { Self::Look };
        }
        match known.phase(target, now) {
            Phase::Fresh => match due_in(known, target, now) {
                Some(time) => Self::In(time),
                None => Self::In(spread(entry, Self::EXPIRY_UNKNOWN, Self::EXPIRY_UNKNOWN / 4)),
            },
            Phase::Due | Phase::Expired => match rest_of(entry, known, target, now) {
                Some(rest) => Self::In(spread(entry, rest, (rest / 4).min(Duration::from_secs(5)))),
                None => Self::Refresh(flight::trigger(known, target, now)),
            },
        }
    }
}

/// After what time a fresh access token is due, if ever, by whichever clock says so first.
fn due_in(known: &Known, target: &Target, now: Now) -> Option<Duration> {
    known.schedule(target).refresh_at()?;
    Some(known.fresh_for(target, now))
}

/// For how long a refresh could not come to anything.
fn rest_of(entry: &Entry, known: &Known, target: &Target, now: Now) -> Option<Duration> {
    let turn = entry.turn();
    let rest = turn.rest(target)?;
    let not_early_until = rest.not_early_until.map(|until| match (until, known.schedule(target)) {
        // Never, because there is no refresh token. When the access token has expired, that is the end.
        (Duration::MAX, Schedule::Known { expires_at, .. }) => {
            now.monotonic.saturating_add(expires_at.saturating_since(now.wall))
        }
        (Duration::MAX, _) => now.monotonic,
        (until, _) => until,
    });
    let until = rest.quiet_until.max(not_early_until)?;
    Some(until.saturating_sub(now.monotonic)).filter(|rest| !rest.is_zero())
}

/// A time and a part of `more`, the same for each session: so that a herd does not stay one.
pub(super) fn spread(entry: &Entry, time: Duration, more: Duration) -> Duration {
    // Other bytes than those of the schedule's jitter.
    let [_, _, _, _, a, b, ..] = *entry.key.as_bytes();
    time + more * u32::from(u16::from_le_bytes([a, b])) / (u32::from(u16::MAX) + 1)
}
