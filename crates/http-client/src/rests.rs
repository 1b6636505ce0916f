//! [`Rests`]: which tokens are not worth another refresh.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oidc_session_core::Fingerprint;

/// Remembers the tokens that took the place of refused ones, and who refused those.
///
/// A server that refuses every token would otherwise cost a refresh for each request. So a token that came after a refusal
/// by some server and is refused there again causes no refresh for a while.
pub(crate) struct Rests {
    most: usize,
    rest: Duration,
    until: Mutex<Until>,
}

/// Until when a token and an origin are at rest, on the monotonic clock.
#[derive(Default)]
struct Until {
    all: HashMap<(Fingerprint, usize), Duration>,
    /// No look for what is over comes to anything before.
    first: Duration,
}

impl Rests {
    /// In all, for a process: two megabytes.
    pub(crate) const MOST: usize = 16_384;

    pub(crate) fn new(rest: Duration, most: usize) -> Self {
        Self { most, rest, until: Mutex::default() }
    }

    /// Whether a refresh may be tried because the server at `origin` refused `token`.
    ///
    /// Not if there is no room to remember what comes of it: more tokens than that are not refused in so short a time
    /// but by a server that refuses all.
    pub(crate) fn admits(&self, token: Fingerprint, origin: usize, now: Duration) -> bool {
        let mut until = self.until();
        until.all.get(&(token, origin)).is_none_or(|until| *until <= now) && until.has_room(self.most, now)
    }

    /// Notes that `next` took the place of `refused`. Others who refused that a short while ago keep their rest.
    pub(crate) fn note(&self, refused: Fingerprint, next: Fingerprint, origin: usize, origins: usize, now: Duration) {
        let mut until = self.until();
        for other in (0..origins).filter(|other| *other != origin) {
            if let Some(at) = until.all.get(&(refused, other)).copied().filter(|at| *at > now) {
                until.insert((next, other), at, self.most, now);
            }
        }
        until.insert((next, origin), now.saturating_add(self.rest), self.most, now);
    }

    fn until(&self) -> MutexGuard<'_, Until> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Until {
    fn insert(&mut self, what: (Fingerprint, usize), at: Duration, most: usize, now: Duration) {
        if self.has_room(most, now) {
            self.first = if self.all.is_empty() { at } else { self.first.min(at) };
            self.all.insert(what, at);
        }
    }

    fn has_room(&mut self, most: usize, now: Duration) -> bool {
        if self.all.len() >= most && self.first <= now {
            self.all.retain(|_, until| *until > now);
            self.first = self.all.values().min().copied().unwrap_or_default();
        }
        self.all.len() < most
    }
}

impl fmt::Debug for Rests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rests")
            .field("rest", &self.rest)
            .field("tokens", &self.until().all.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(60);

    fn token(n: u32) -> Fingerprint {
        Fingerprint::of(&n.to_be_bytes())
    }

    #[test]
    fn a_token_that_took_anothers_place_is_at_rest_where_that_was_refused() {
        let rests = Rests::new(REST, 8);
        assert!(rests.admits(token(0), 0, Duration::ZERO));
        rests.note(token(0), token(1), 0, 2, Duration::ZERO);
        assert!(!rests.admits(token(1), 0, REST - Duration::from_nanos(1)));
        assert!(rests.admits(token(1), 0, REST));
        assert!(rests.admits(token(1), 1, Duration::ZERO), "another server has refused nothing yet");
    }

    #[test]
    fn two_servers_that_refuse_everything_do_not_take_turns() {
        let rests = Rests::new(REST, 8);
        rests.note(token(0), token(1), 0, 2, Duration::ZERO);
        rests.note(token(1), token(2), 1, 2, Duration::from_secs(1));
        assert!(!rests.admits(token(2), 0, Duration::from_secs(2)));
        assert!(!rests.admits(token(2), 1, Duration::from_secs(2)));
        assert!(rests.admits(token(2), 0, REST), "the rest is the one that began first");
    }

    #[test]
    fn without_room_nothing_is_admitted_until_something_is_over() {
        let rests = Rests::new(REST, 2);
        rests.note(token(0), token(1), 0, 1, Duration::ZERO);
        rests.note(token(2), token(3), 0, 1, Duration::from_secs(10));
        rests.note(token(4), token(5), 0, 1, Duration::from_secs(20));
        assert!(!rests.admits(token(6), 0, Duration::from_secs(59)));
        assert!(rests.admits(token(6), 0, REST));
        assert!(rests.until().all.len() == 1);
    }

    #[test]
    fn debug_shows_no_token() {
        let rests = Rests::new(REST, 2);
        rests.note(token(0), token(1), 0, 1, Duration::ZERO);
        assert_eq!(format!("{rests:?}"), "Rests { rest: 60s, tokens: 1, .. }");
    }
}
