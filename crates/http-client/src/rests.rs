//! [`Rests`]: where a further refresh is not worth it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oidc_session_core::{Fingerprint, StoreKey, Target};
use oidc_session_manager::SessionHandle;

/// Remembers which tokens were refreshed because a server refused them.
///
/// A server that refuses every token would otherwise cost a refresh for each request. So whatever takes the place of a
/// refused token, and is refused by the same server, causes no refresh for a while.
pub(crate) struct Rests {
    most: usize,
    rest: Duration,
    all: Mutex<All>,
}

/// A session's token for one target, at one server.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Place {
    session: StoreKey,
    target: Target,
    origin: usize,
}

#[derive(Default)]
struct All {
    by_place: HashMap<Place, Rest>,
    /// No look for what is over comes to anything before.
    first: Duration,
}

struct Rest {
    /// The token that was refused first; none if its refresh brought the same again.
    refused: Option<Fingerprint>,
    /// On the monotonic clock.
    until: Duration,
}

impl Place {
    pub(crate) fn of(session: &SessionHandle, origin: usize) -> Self {
        Self { session: session.store_key(), target: session.target().clone(), origin }
    }
}

impl Rests {
    /// In all, for a process: a few megabytes.
    pub(crate) const MOST: usize = 16_384;

    pub(crate) fn new(rest: Duration, most: usize) -> Self {
        Self { most, rest, all: Mutex::default() }
    }

    /// Whether a refresh may be tried because `refused` was refused. If so, the rest begins.
    ///
    /// Meanwhile the same token is admitted: many requests are refused with it, and share its refresh. Without room to
    /// remember what was admitted nothing is: so many sessions are not refused in so short a time but by a server that
    /// refuses all.
    pub(crate) fn admits(&self, place: &Place, refused: Fingerprint, now: Duration) -> bool {
        let mut all = self.all();
        if let Some(rest) = all.by_place.get(place).filter(|rest| rest.until > now) {
            return rest.refused == Some(refused);
        }
        all.begin(place, Rest { refused: Some(refused), until: now.saturating_add(self.rest) }, self.most, now)
    }

    /// Notes that the refresh brought the refused token again: there is no point in another before the rest is over.
    pub(crate) fn exhaust(&self, place: &Place) {
        if let Some(rest) = self.all().by_place.get_mut(place) {
            rest.refused = None;
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    /// `false` if there is no room.
    fn begin(&mut self, place: &Place, rest: Rest, most: usize, now: Duration) -> bool {
        if self.by_place.len() >= most && self.first <= now {
            self.by_place.retain(|_, rest| rest.until > now);
            self.first = self.by_place.values().map(|rest| rest.until).min().unwrap_or_default();
        }
        if self.by_place.len() >= most {
            return false;
        }
        self.first = if self.by_place.is_empty() { rest.until } else { self.first.min(rest.until) };
        self.by_place.insert(place.clone(), rest);
        true
    }
}

impl fmt::Debug for Rests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sessions = self.all().by_place.len();
        f.debug_struct("Rests").field("rest", &self.rest).field("sessions", &sessions).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(60);

    fn token(n: u8) -> Fingerprint {
        Fingerprint::of(&[n])
    }

    fn place(session: u8, origin: usize) -> Place {
        Place { session: StoreKey::from_bytes([session; 32]), target: Target::default(), origin }
    }

    #[test]
    fn what_took_the_place_of_a_refused_token_is_at_rest_where_that_was_refused() {
        let rests = Rests::new(REST, 8);
        assert!(rests.admits(&place(1, 0), token(0), Duration::ZERO));
        assert!(rests.admits(&place(1, 0), token(0), Duration::ZERO), "many are refused with one token");
        assert!(!rests.admits(&place(1, 0), token(1), REST - Duration::from_nanos(1)));
        assert!(rests.admits(&place(1, 1), token(1), Duration::ZERO), "another server has refused nothing yet");
        assert!(rests.admits(&place(2, 0), token(1), Duration::ZERO), "nor has this one another session");
        assert!(rests.admits(&place(1, 0), token(1), REST));
        assert!(!rests.admits(&place(1, 0), token(2), REST), "and then the next rest begins");
    }

    #[test]
    fn two_servers_that_refuse_everything_do_not_take_turns() {
        let rests = Rests::new(REST, 8);
        assert!(rests.admits(&place(1, 0), token(0), Duration::ZERO));
        assert!(rests.admits(&place(1, 1), token(1), Duration::ZERO));
        assert!(!rests.admits(&place(1, 0), token(2), Duration::ZERO));
        assert!(!rests.admits(&place(1, 1), token(2), Duration::ZERO));
    }

    #[test]
    fn a_refresh_that_brings_the_same_token_is_not_repeated() {
        let rests = Rests::new(REST, 8);
        assert!(rests.admits(&place(1, 0), token(0), Duration::ZERO));
        rests.exhaust(&place(1, 0));
        assert!(!rests.admits(&place(1, 0), token(0), Duration::ZERO));
        assert!(rests.admits(&place(1, 0), token(0), REST));
    }

    #[test]
    fn without_room_nothing_is_admitted_until_something_is_over() {
        let rests = Rests::new(REST, 2);
        assert!(rests.admits(&place(1, 0), token(0), Duration::ZERO));
        assert!(rests.admits(&place(2, 0), token(0), Duration::from_secs(10)));
        assert!(!rests.admits(&place(3, 0), token(0), Duration::from_secs(59)));
        assert!(rests.admits(&place(3, 0), token(0), REST));
        assert!(!rests.admits(&place(4, 0), token(0), REST));
        assert_eq!(rests.all().by_place.len(), 2);
    }

    #[test]
    fn debug_shows_no_token() {
        let rests = Rests::new(REST, 2);
        rests.admits(&place(1, 0), token(1), Duration::ZERO);
        assert_eq!(format!("{rests:?}"), "Rests { rest: 60s, sessions: 1, .. }");
    }
}
