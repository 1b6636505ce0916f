//! The floors: the least that the question "is it still fresh? give it to me" can cost on this machine.
//!
//! Each answers correctly and does nothing else. No entry, no policy, no second clock, no idle limit, no store to ask.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;

use crate::sample::{ACCESS_TOKEN_LENGTH, opaque_token};

/// Until when something is fresh, in milliseconds of the wall clock, behind a pointer that a refresh may swap.
#[derive(Debug)]
pub struct Deadline {
    known: ArcSwap<i64>,
}

impl Deadline {
    /// One that is a day away.
    pub fn tomorrow() -> Self {
        Self { known: ArcSwap::from_pointee(tomorrow()) }
    }

    /// Whether it is still to come.
    pub fn is_ahead(&self) -> bool {
        wall_clock() < **self.known.load()
    }
}

/// A header value beside its deadline, behind a pointer that a refresh may swap.
#[derive(Debug)]
pub struct ReadyHeader {
    known: ArcSwap<(i64, HeaderValue)>,
}

impl ReadyHeader {
    /// One that is fresh for a day.
    pub fn fresh() -> Self {
        Self { known: ArcSwap::from_pointee((tomorrow(), header())) }
    }

    /// The header value, if it is fresh.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let known = self.known.load();
        (wall_clock() < known.0).then(|| known.1.clone())
    }

    /// A clone of `copy`, which belongs to the calling thread, if the shared deadline is ahead.
    pub fn authorization_from(&self, copy: &HeaderValue) -> Option<HeaderValue> {
        (wall_clock() < self.known.load().0).then(|| copy.clone())
    }

    /// A copy that shares nothing with any other.
    pub fn copy() -> HeaderValue {
        header()
    }
}

/// Many sessions in a row, found by their number.
#[derive(Debug)]
pub struct Slots(Vec<RwLock<(i64, HeaderValue)>>);

impl Slots {
    /// A session for each header value, all fresh for a day.
    ///
    /// To be compared with a table of the same header values: what a clone is counted in lies somewhere in memory, and to
    /// go there is most of the way.
    pub fn of(headers: impl IntoIterator<Item = HeaderValue>) -> Self {
        Self(headers.into_iter().map(|header| RwLock::new((tomorrow(), header))).collect())
    }

    /// The header value of a session, if it is fresh.
    pub fn authorization(&self, slot: usize) -> Option<HeaderValue> {
        let slot = self.0.get(slot)?.read().unwrap_or_else(PoisonError::into_inner);
        (wall_clock() < slot.0).then(|| slot.1.clone())
    }
}

/// The cheapest clock there is, in milliseconds: the kernel's time of the last tick.
#[cfg(target_os = "linux")]
pub fn wall_clock() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

/// The wall clock, in milliseconds.
#[cfg(not(target_os = "linux"))]
pub fn wall_clock() -> i64 {
    use oidc_session_core::{Clock as _, SystemClock};
    SystemClock.now().as_unix_millis()
}

fn tomorrow() -> i64 {
    wall_clock() + i64::try_from(Duration::from_secs(86_400).as_millis()).unwrap_or(i64::MAX)
}

/// A sensitive header value that is in its shared form already, so that each further clone is one count.
fn header() -> HeaderValue {
    let mut header = HeaderValue::try_from(format!("Bearer {}", opaque_token(ACCESS_TOKEN_LENGTH)))
        .expect("characters of base64url");
    header.set_sensitive(true);
    drop(header.clone());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_looks_at_the_clock() {
        assert!(Deadline::tomorrow().is_ahead());
        assert!(!Deadline { known: ArcSwap::from_pointee(wall_clock()) }.is_ahead());
        let past = ReadyHeader { known: ArcSwap::from_pointee((wall_clock(), header())) };
        assert_eq!((past.authorization(), past.authorization_from(&header())), (None, None));
        assert_eq!(Slots(vec![RwLock::new((wall_clock(), header()))]).authorization(0), None);
    }

    #[test]
    fn a_floor_serves_a_sensitive_header() {
        let ready = ReadyHeader::fresh().authorization().expect("fresh");
        assert!(ready.is_sensitive());
        assert_eq!(Slots::of([header(), ready.clone()]).authorization(1).expect("fresh"), ready);
    }
}
