//! [`Limits`]: how long a session may go on whatever the authorization server still grants, and [`SessionEnd`]: when
//! that is over.

use std::ops::Range;
use std::time::Duration;

use crate::{EndReason, Session, Timestamp};

/// How long sessions may go on, whatever the authorization server still grants. By default, for ever.
///
/// What a session was given at its sign-in stands in its record, for every process to see. A program's own limits hold
/// beside that for every session it looks at, also for those that were signed in before: of two, the tighter one counts.
///
/// ```
/// use std::time::Duration;
/// use oidc_session_core::{EndReason, Limits, ProviderId, Session, Timestamp, TokenSet};
///
/// const HOUR: Duration = Duration::from_secs(3600);
/// let nine = Timestamp::from_unix_seconds(1_700_000_000);
/// let mut session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", TokenSet::new(nine, nine));
/// let limits = Limits { absolute: Some(HOUR * 8), idle: Some(HOUR) };
/// limits.begin(&mut session, nine);
///
/// let end = limits.end_of(&session, Some(nine + HOUR / 2)).unwrap();
/// assert_eq!((end.at, end.reason), (nine + HOUR * 3 / 2, EndReason::Idle));
/// let end = limits.end_of(&session, Some(nine + HOUR * 15 / 2)).unwrap();
/// assert_eq!((end.at, end.reason), (nine + HOUR * 8, EndReason::LimitReached));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Limits {
    /// From the sign-in on, however much the session is used.
    pub absolute: Option<Duration>,
    /// From the last use on.
    pub idle: Option<Duration>,
}

/// When a session ends whatever its tokens say, and why.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionEnd {
    /// From here on it has ended.
    pub at: Timestamp,
    /// Why.
    pub reason: EndReason,
}

impl SessionEnd {
    /// The earlier of the end that is fixed and the one that each use moves.
    pub fn earliest(fixed: Option<Timestamp>, idle: Option<Timestamp>) -> Option<Self> {
        let fixed = fixed.map(|at| Self { at, reason: EndReason::LimitReached });
        let idle = idle.map(|at| Self { at, reason: EndReason::Idle });
        // Of two at the same instant, the one that no use could have moved.
        fixed.into_iter().chain(idle).min_by_key(|end| end.at)
    }
}

impl Limits {
    /// Clocks of different machines may disagree by this much. No limit should be shorter.
    pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

    /// A use is written down when what is stored is older than this part of the idle limit.
    const TOUCH_DIVISOR: u32 = 4;

    /// Gives a session that is signed in at `now` what it keeps of these limits. A tighter limit that it has stays.
    pub fn begin(self, session: &mut Session, now: Timestamp) {
        session.ends_at = self.fixed_end_of(session);
        session.idle_limit = self.idle_limit_of(session);
        if session.idle_limit.is_some() {
            session.last_used_at = Some(now);
        }
    }

    /// When `session` ends, if nobody uses it after `used` or what its record knows, whichever is later.
    pub fn end_of(self, session: &Session, used: Option<Timestamp>) -> Option<SessionEnd> {
        let last_used = used.map_or(session.last_used(), |used| used.max(session.last_used()));
        let idle_end = self.idle_limit_of(session).map(|limit| last_used + limit);
        SessionEnd::earliest(self.fixed_end_of(session), idle_end)
    }

    /// When `session` ends however much it is used.
    pub fn fixed_end_of(self, session: &Session) -> Option<Timestamp> {
        let own = self.absolute.map(|limit| session.signed_in_at + limit);
        own.into_iter().chain(session.ends_at).min()
    }

    /// How long `session` may go unused.
    pub fn idle_limit_of(self, session: &Session) -> Option<Duration> {
        self.idle.into_iter().chain(session.idle_limit).min()
    }

    /// While now falls in here, what is `stored` of the last use is recent enough: after a quarter of the idle limit a
    /// use must be written down; also if `stored` is so far in the future that the clock which told it has been
    /// corrected since.
    pub fn written_down(limit: Duration, stored: Timestamp) -> Range<Timestamp> {
        stored - Self::CLOCK_TOLERANCE..stored + limit / Self::TOUCH_DIVISOR
    }
}

impl Session {
    /// When the session was used last, as far as its record knows.
    ///
    /// A record from before there was an idle limit does not say; then its last refresh, or its sign-in, is the last
    /// sign of life: nobody is logged out because a limit was introduced.
    pub fn last_used(&self) -> Timestamp {
        self.last_used_at.unwrap_or(self.tokens.received_at.max(self.signed_in_at))
    }

    /// Puts a use at `used` into the session. Of two uses the later one counts, unless it lies so far after `now` that
    /// the clock which told it has been corrected since.
    pub fn note_use(&mut self, used: Timestamp, now: Timestamp) {
        let known = self.last_used();
        let from_the_future = now + Limits::CLOCK_TOLERANCE < known;
        self.last_used_at = Some(if from_the_future { used } else { used.max(known) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProviderId, TokenSet};

    const START: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn session() -> Session {
        Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", TokenSet::new(START, START))
    }

    fn at(minutes: u32) -> Timestamp {
        START + MINUTE * minutes
    }

    #[test]
    fn of_all_ends_the_earliest_counts() {
        use EndReason::{Idle, LimitReached};
        // In minutes: the record's end, idle limit and last use, our absolute and idle limit, a use we know; the end.
        type Row = ([Option<u32>; 3], [Option<u32>; 3], Option<(u32, EndReason)>);
        let rows: &[Row] = &[
            ([None, None, None], [None, None, None], None),
            ([None, None, Some(9)], [None, None, Some(9)], None), // uses alone limit nothing
            ([Some(60), None, None], [None, None, None], Some((60, LimitReached))),
            ([None, None, None], [Some(30), None, None], Some((30, LimitReached))), // signed in before there was a limit
            ([Some(60), None, None], [Some(30), None, None], Some((30, LimitReached))), // tightened since
            ([Some(20), None, None], [Some(30), None, None], Some((20, LimitReached))), // relaxed since
            ([None, Some(10), Some(5)], [None, None, None], Some((15, Idle))),
            ([None, Some(10), Some(5)], [None, Some(4), None], Some((9, Idle))),
            ([None, Some(10), Some(5)], [None, Some(40), None], Some((15, Idle))),
            ([None, Some(10), Some(5)], [None, None, Some(8)], Some((18, Idle))), // a use not stored yet
            ([None, Some(10), Some(5)], [None, None, Some(2)], Some((15, Idle))), // somebody else's was later
            ([None, None, None], [None, Some(10), None], Some((10, Idle))),
            ([Some(60), Some(10), Some(55)], [None, None, None], Some((60, LimitReached))),
            ([Some(60), Some(10), Some(50)], [None, None, None], Some((60, LimitReached))),
            ([Some(60), Some(10), Some(49)], [None, None, None], Some((59, Idle))),
        ];
        for (row, ([ends_at, idle_limit, last_used], [absolute, idle, used], expected)) in rows.iter().enumerate() {
            let mut session = session();
            session.ends_at = ends_at.map(at);
            session.idle_limit = idle_limit.map(|minutes| MINUTE * minutes);
            session.last_used_at = last_used.map(at);
            let limits = Limits { absolute: absolute.map(|m| MINUTE * m), idle: idle.map(|m| MINUTE * m) };
            let expected = expected.map(|(minutes, reason)| SessionEnd { at: at(minutes), reason });
            assert_eq!(limits.end_of(&session, used.map(at)), expected, "row {row}");
        }
    }

    #[test]
    fn a_session_that_never_said_when_it_was_used_counts_from_its_last_refresh() {
        let mut session = session();
        session.tokens.received_at = at(7);
        assert_eq!(session.last_used(), at(7));
        // Imported tokens may be older than the sign-in.
        session.signed_in_at = at(9);
        assert_eq!(session.last_used(), at(9));
        session.last_used_at = Some(at(3));
        assert_eq!(session.last_used(), at(3));
    }

    #[test]
    fn a_sign_in_keeps_the_tighter_of_two_limits() {
        let limits = Limits { absolute: Some(MINUTE * 30), idle: Some(MINUTE * 10) };
        let mut plain = session();
        limits.begin(&mut plain, at(1));
        let kept = |session: &Session| (session.ends_at, session.idle_limit, session.last_used_at);
        assert_eq!(kept(&plain), (Some(at(30)), Some(MINUTE * 10), Some(at(1))));

        let mut tighter = session();
        (tighter.ends_at, tighter.idle_limit) = (Some(at(20)), Some(MINUTE * 5));
        limits.begin(&mut tighter, at(1));
        assert_eq!(kept(&tighter), (Some(at(20)), Some(MINUTE * 5), Some(at(1))));

        let mut unlimited = session();
        Limits::default().begin(&mut unlimited, at(1));
        assert_eq!(unlimited, Session { sign_in_id: unlimited.sign_in_id, ..session() });
    }

    #[test]
    fn of_two_uses_the_later_one_counts_unless_it_is_yet_to_come() {
        // In minutes: what is stored, the use, now; what is stored then.
        for (stored, used, now, expected) in [
            (Some(5), 8, 8, 8),
            (Some(8), 5, 9, 8),
            (Some(8), 5, 7, 8),  // clocks differ a little
            (Some(90), 5, 5, 5), // a clock was an hour ahead, and has been corrected
            (None, 4, 4, 4),
        ] {
            let mut session = session();
            session.last_used_at = stored.map(at);
            session.note_use(at(used), at(now));
            assert_eq!(session.last_used_at, Some(at(expected)), "{stored:?} {used} {now}");
        }
    }

    #[test]
    fn a_use_is_written_down_when_what_is_stored_is_a_quarter_of_the_limit_old() {
        let due = |now: Timestamp| !Limits::written_down(MINUTE * 40, at(100)).contains(&now);
        let just_before = |at: Timestamp| at - Duration::from_millis(1);
        assert!(!due(at(100)) && !due(just_before(at(110))));
        assert!(due(at(110)));
        // A clock that runs a little behind asks for nothing; one that was corrected does.
        assert!(!due(at(99)) && due(just_before(at(99))));
    }

    #[test]
    fn no_limit_makes_arithmetic_panic() {
        let limits = Limits { absolute: Some(Duration::MAX), idle: Some(Duration::MAX) };
        let mut session = session();
        session.last_used_at = Some(Timestamp::MAX);
        assert_eq!(limits.end_of(&session, Some(Timestamp::MAX)).unwrap().at, Timestamp::MAX);
        session.note_use(Timestamp::from_unix_millis(i64::MIN), Timestamp::MAX);
        assert!(!Limits::written_down(Duration::MAX, Timestamp::MAX).contains(&START));
        assert!(Limits::written_down(Duration::MAX, START).contains(&(START + Duration::from_secs(1 << 40))));
    }
}
