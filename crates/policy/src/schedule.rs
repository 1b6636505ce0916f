//! [`Schedule`]: the instants of one token set. The one place where they are computed.

use std::time::Duration;

use oidc_session_core::{Limits, Session, StoreKey, Target, Timestamp, TokenSet};

use crate::RefreshPolicy;

/// When an access token is fresh, due and expired.
///
/// Computed once when a token set is installed, then only compared.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Schedule {
    /// The access token has a known end.
    Known {
        /// When its request was started. A clock that reads much less was turned back.
        requested_at: Timestamp,
        /// From here on it is due.
        refresh_at: Timestamp,
        /// From here on it is expired.
        expires_at: Timestamp,
        /// Before this no refresh is started unless forced: even a lifetime of zero causes no loop.
        not_before: Timestamp,
    },
    /// The server never said when it expires, and the policy assumes nothing. A 401 will tell.
    Unknown,
    /// There is no access token, so it is always time to get one.
    NoAccessToken,
}

/// Where an instant falls in a schedule.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// Before `refresh_at`: serve it.
    Fresh,
    /// Between `refresh_at` and `expires_at`: serve it and refresh behind it.
    Due,
    /// Past `expires_at`: it must not be served.
    Expired,
}

/// A fixed fraction per session that spreads refresh instants, so that sessions signed in together do not refresh
/// together. The same in every process, so that one session keeps one refresh instant.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Jitter(u32);

impl Schedule {
    /// The skew is at most this part of the lifetime.
    const SKEW_DIVISOR: u32 = 4;
    /// Jitter is at most this part of the lifetime, and at most half the skew.
    const JITTER_DIVISOR: u32 = 20;
    /// The longest time after an answer during which no further refresh is started.
    const LONGEST_REST: Duration = Duration::from_secs(1);
    /// Clocks of different machines may disagree by this much before a token "from the future" means something.
    pub const CLOCK_TOLERANCE: Duration = Limits::CLOCK_TOLERANCE;

    /// Computes every instant of a token set.
    ///
    /// - Expiry counts from the moment the request was started: `requested_at + expires_in`, else the access token's own
    ///   `exp` where that may be read, else the policy's assumption, else it is unknown.
    /// - `refresh_at` is the policy's skew before that, at most a quarter of the lifetime, and earlier by the session's
    ///   jitter: at most half the skew and a twentieth of the lifetime.
    /// - A server that names a time to refresh early (`refresh_in`) is heeded by a policy that refreshes early at all, if
    ///   its time is earlier, but not within the first quarter of the lifetime.
    pub fn plan(policy: &dyn RefreshPolicy, tokens: &TokenSet, jitter: Jitter) -> Self {
        if tokens.access_token.is_none() {
            return Self::NoAccessToken;
        }
        let assumed = || policy.assumed_lifetime(tokens).map(|lifetime| tokens.requested_at + lifetime);
        let Some(expires_at) = tokens.expires_at().or_else(assumed) else {
            return Self::Unknown;
        };
        let lifetime = expires_at.saturating_since(tokens.requested_at);
        let skew = policy.skew(tokens).min(lifetime / Self::SKEW_DIVISOR);
        let spread = jitter.part_of((skew / 2).min(lifetime / Self::JITTER_DIVISOR));
        let hinted = tokens
            .refresh_in
            .filter(|_| !skew.is_zero())
            .map(|hint| tokens.requested_at + hint.max(lifetime / Self::SKEW_DIVISOR));
        let due_at = hinted.map_or(expires_at - skew, |hinted| hinted.min(expires_at - skew));
        let rest = if lifetime.is_zero() { Self::LONGEST_REST } else { (lifetime / 2).min(Self::LONGEST_REST) };
        Self::Known {
            requested_at: tokens.requested_at,
            refresh_at: due_at - spread,
            expires_at,
            not_before: tokens.received_at.min(expires_at) + rest,
        }
    }

    /// The instants of a session's access token for `target`, none of them later than the end in the session's record.
    ///
    /// An idle limit cuts nothing here: each use moves it, and a schedule stays as it is as long as its token set.
    pub fn of_session(policy: &dyn RefreshPolicy, session: &Session, target: &Target, jitter: Jitter) -> Self {
        let tokens = session.tokens_for(target);
        let schedule = tokens.map_or(Self::NoAccessToken, |tokens| Self::plan(policy, tokens, jitter));
        schedule.ending_at(session.ends_at)
    }

    /// The same schedule for a session that ends at `end`, whatever its tokens say.
    #[must_use]
    pub fn ending_at(self, end: Option<Timestamp>) -> Self {
        match (self, end) {
            (Self::Known { requested_at, refresh_at, expires_at, not_before }, Some(end)) => Self::Known {
                requested_at,
                refresh_at: refresh_at.min(end),
                expires_at: expires_at.min(end),
                not_before,
            },
            (Self::Unknown, Some(end)) => Self::Known {
                requested_at: Timestamp::UNIX_EPOCH,
                refresh_at: end,
                expires_at: end,
                not_before: Timestamp::UNIX_EPOCH,
            },
            (Self::NoAccessToken, _) | (_, None) => self,
        }
    }

    /// Where `now` falls.
    pub fn phase(self, now: Timestamp) -> Phase {
        match self {
            Self::Known { expires_at, .. } if now >= expires_at => Phase::Expired,
            Self::Known { refresh_at, .. } if now >= refresh_at => Phase::Due,
            // The clock was turned back past the request: the instants mean nothing, so get new ones soon.
            Self::Known { requested_at, .. } if now + Self::CLOCK_TOLERANCE < requested_at => Phase::Due,
            Self::Known { .. } | Self::Unknown => Phase::Fresh,
            Self::NoAccessToken => Phase::Expired,
        }
    }

    /// How long to leave the authorization server alone after the answer that brought this token set.
    pub fn rest(self, now: Timestamp) -> Option<Duration> {
        match self {
            // A reading far before the answer comes from another clock; resting on it could last for ever.
            Self::Known { not_before, .. } if now < not_before && not_before - Self::LONGEST_REST <= now => {
                Some(not_before.saturating_since(now))
            }
            Self::Known { .. } | Self::Unknown | Self::NoAccessToken => None,
        }
    }

    /// When the access token becomes due, if that is known.
    pub fn refresh_at(self) -> Option<Timestamp> {
        match self {
            Self::Known { refresh_at, .. } => Some(refresh_at),
            Self::Unknown | Self::NoAccessToken => None,
        }
    }

    /// When the access token expires, if that is known.
    pub fn expires_at(self) -> Option<Timestamp> {
        match self {
            Self::Known { expires_at, .. } => Some(expires_at),
            Self::Unknown | Self::NoAccessToken => None,
        }
    }
}

impl Jitter {
    /// No spread at all.
    pub const NONE: Self = Self(0);

    /// The fraction of a session.
    pub fn of(key: &StoreKey) -> Self {
        let [a, b, c, d, ..] = *key.as_bytes();
        Self(u32::from_le_bytes([a, b, c, d]))
    }

    /// This fraction of a span: from zero to just below all of it.
    pub(crate) fn part_of(self, span: Duration) -> Duration {
        let millis = (span.as_millis() * u128::from(self.0)) >> 32;
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::AccessToken;
    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::{ExpiredOnly, Preemptive};

    const START: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn token_set(expires_in: Option<Duration>) -> TokenSet {
        let mut tokens = TokenSet::new(START, START + Duration::from_millis(80));
        tokens.access_token = Some(AccessToken::new("at"));
        tokens.expires_in = expires_in;
        tokens
    }

    #[test]
    fn each_instant_falls_into_its_phase() {
        let preemptive = Preemptive::skew(seconds(5));
        let (early, late) = (Phase::Fresh, Phase::Expired);
        // (policy, lifetime in s, ms after the request was started, phase)
        let rows: &[(&dyn RefreshPolicy, u64, u64, Phase)] = &[
            (&ExpiredOnly, 300, 0, early),
            (&ExpiredOnly, 300, 299_999, early),
            (&ExpiredOnly, 300, 300_000, late), // expired if and only if now >= expires_at
            (&ExpiredOnly, 300, 400_000, late),
            (&ExpiredOnly, 0, 0, late), // a lifetime of zero is expired at once, never "unknown"
            (&preemptive, 300, 294_999, early),
            (&preemptive, 300, 295_000, Phase::Due), // now + skew >= requested_at + expires_in
            (&preemptive, 300, 299_999, Phase::Due),
            (&preemptive, 300, 300_000, late),
            (&preemptive, 8, 5_999, early), // the skew is clamped to a quarter of the lifetime
            (&preemptive, 8, 6_000, Phase::Due),
            (&preemptive, 8, 8_000, late),
            (&preemptive, 0, 0, late),
        ];
        for (row, (policy, lifetime, after, phase)) in rows.iter().enumerate() {
            let schedule = Schedule::plan(*policy, &token_set(Some(seconds(*lifetime))), Jitter::NONE);
            assert_eq!(schedule.phase(START + Duration::from_millis(*after)), *phase, "row {row}");
        }
    }

    #[test]
    fn expiry_counts_from_the_start_of_the_request() {
        let mut tokens = token_set(Some(seconds(300)));
        tokens.received_at = START + seconds(20);
        assert_eq!(Schedule::plan(&ExpiredOnly, &tokens, Jitter::NONE).expires_at(), Some(START + seconds(300)));
    }

    #[test]
    fn unknown_expiry_is_a_state_of_its_own() {
        let schedule = Schedule::plan(&Preemptive::skew(seconds(5)), &token_set(None), Jitter::NONE);
        assert_eq!(schedule, Schedule::Unknown);
        assert_eq!(schedule.phase(START + seconds(1_000_000)), Phase::Fresh);
    }

    #[test]
    fn expires_in_outranks_the_hint_and_the_hint_outranks_the_policy() {
        #[derive(Debug)]
        struct AssumesAnHour;
        impl RefreshPolicy for AssumesAnHour {
            fn skew(&self, _: &TokenSet) -> Duration {
                Duration::ZERO
            }
            fn assumed_lifetime(&self, _: &TokenSet) -> Option<Duration> {
                Some(seconds(3600))
            }
        }
        let expires_at = |tokens: &TokenSet| Schedule::plan(&AssumesAnHour, tokens, Jitter::NONE).expires_at();

        let mut tokens = token_set(None);
        assert_eq!(expires_at(&tokens), Some(START + seconds(3600)));
        tokens.expires_at_hint = Some(START + seconds(600));
        assert_eq!(expires_at(&tokens), Some(START + seconds(600)));
        tokens.expires_in = Some(seconds(60));
        assert_eq!(expires_at(&tokens), Some(START + seconds(60)));
    }

    #[test]
    fn a_hint_to_refresh_early_is_heeded_by_whoever_refreshes_early() {
        let preemptive = Preemptive::skew(seconds(5));
        // (policy, hint in s, refresh after s), for a lifetime of 400 s
        let rows: &[(&dyn RefreshPolicy, Option<u64>, u64)] = &[
            (&preemptive, None, 395),
            (&preemptive, Some(200), 200),
            (&preemptive, Some(399), 395),
            (&preemptive, Some(0), 100),
            (&ExpiredOnly, Some(200), 400),
        ];
        for (policy, hint, expected) in rows {
            let mut tokens = token_set(Some(seconds(400)));
            tokens.refresh_in = hint.map(seconds);
            let schedule = Schedule::plan(*policy, &tokens, Jitter::NONE);
            assert_eq!(schedule.refresh_at(), Some(START + seconds(*expected)), "{policy:?} {hint:?}");
        }
    }

    #[test]
    fn the_end_of_the_session_cuts_every_schedule() {
        let end = START + seconds(100);
        for lifetime in [None, Some(seconds(300))] {
            let schedule = Schedule::plan(&ExpiredOnly, &token_set(lifetime), Jitter::NONE).ending_at(Some(end));
            assert_eq!(schedule.phase(end - seconds(1)), Phase::Fresh);
            assert_eq!(schedule.phase(end), Phase::Expired);
        }
        let schedule = Schedule::plan(&ExpiredOnly, &token_set(Some(seconds(50))), Jitter::NONE);
        assert_eq!(schedule.ending_at(Some(end)), schedule);
        assert_eq!(Schedule::NoAccessToken.ending_at(Some(end)), Schedule::NoAccessToken);
    }

    #[test]
    fn a_missing_access_token_is_always_expired() {
        let mut tokens = token_set(Some(seconds(300)));
        tokens.access_token = None;
        assert_eq!(Schedule::plan(&ExpiredOnly, &tokens, Jitter::NONE).phase(START), Phase::Expired);
    }

    #[test]
    fn a_clock_turned_back_makes_the_token_due() {
        let schedule = Schedule::plan(&ExpiredOnly, &token_set(Some(seconds(300))), Jitter::NONE);
        assert_eq!(schedule.phase(START - Schedule::CLOCK_TOLERANCE), Phase::Fresh);
        assert_eq!(schedule.phase(START - Schedule::CLOCK_TOLERANCE - seconds(1)), Phase::Due);
    }

    #[test]
    fn jitter_only_moves_the_refresh_earlier() {
        let most = Jitter(u32::MAX);
        let refresh_at = |policy: &dyn RefreshPolicy, jitter| {
            Schedule::plan(policy, &token_set(Some(seconds(300))), jitter).refresh_at().unwrap()
        };
        let (skewed, plain) = (Preemptive::skew(seconds(10)), ExpiredOnly);
        assert_eq!(refresh_at(&skewed, Jitter::NONE), START + seconds(290));
        assert!(refresh_at(&skewed, most) < START + seconds(286));
        assert_eq!(refresh_at(&plain, most), START + seconds(300));
    }

    #[test]
    fn jitter_is_at_most_half_the_skew_and_a_twentieth_of_the_lifetime() {
        for (skew, earliest) in [(10, 285), (60, 225)] {
            let policy = Preemptive::skew(seconds(skew));
            let schedule = Schedule::plan(&policy, &token_set(Some(seconds(300))), Jitter(u32::MAX));
            let beyond = schedule.refresh_at().unwrap().saturating_since(START + seconds(earliest));
            assert_eq!(beyond, Duration::from_millis(1), "a skew of {skew} s");
        }
    }

    #[test]
    fn a_lifetime_of_zero_rests_before_the_next_refresh() {
        let schedule = Schedule::plan(&ExpiredOnly, &token_set(Some(Duration::ZERO)), Jitter::NONE);
        assert!(schedule.rest(START + Duration::from_millis(500)).is_some());
        assert_eq!(schedule.rest(START + seconds(3)), None);
        assert_eq!(schedule.rest(START - seconds(3600)), None);
    }

    #[test]
    fn the_rest_after_an_answer_is_half_a_short_lifetime_and_a_second_at_most() {
        for (lifetime, rest) in [(0, 1_000), (600, 300), (2_000, 1_000), (300_000, 1_000)] {
            let tokens = token_set(Some(Duration::from_millis(lifetime)));
            let schedule = Schedule::plan(&ExpiredOnly, &tokens, Jitter::NONE);
            let arrival = tokens.received_at.min(START + Duration::from_millis(lifetime));
            assert_eq!(schedule.rest(arrival), Some(Duration::from_millis(rest)), "{lifetime} ms");
        }
    }

    proptest! {
        #[test]
        fn every_schedule_keeps_its_order(
            lifetime in any::<u32>().prop_map(|ms| Duration::from_millis(ms.into())),
            skew in any::<u64>().prop_map(Duration::from_millis),
            jitter in any::<u32>(),
            latency in 0_u64..100_000,
        ) {
            let mut tokens = token_set(Some(lifetime));
            tokens.received_at = START + Duration::from_millis(latency);
            let schedule = Schedule::plan(&Preemptive::skew(skew), &tokens, Jitter(jitter));
            let (refresh_at, expires_at) = (schedule.refresh_at().unwrap(), schedule.expires_at().unwrap());
            // Due never comes after expired, and never before two thirds of the lifetime have passed.
            prop_assert!(refresh_at <= expires_at);
            prop_assert!(refresh_at.saturating_since(START) >= lifetime / 3 * 2);
            prop_assert_eq!(expires_at, START + lifetime);
            // The phases follow each other and leave no gap.
            let phases: Vec<Phase> = [START, refresh_at - Duration::from_millis(1), refresh_at, expires_at]
                .into_iter().map(|at| schedule.phase(at)).collect();
            prop_assert!(phases.is_sorted() || lifetime.is_zero());
            prop_assert_eq!(schedule.phase(expires_at), Phase::Expired);
            // No zero-delay loop, and no rest that outlasts half of a token's life.
            let arrival = tokens.received_at.min(expires_at);
            prop_assert!(schedule.rest(arrival).is_some_and(|rest| !rest.is_zero()) || lifetime < Duration::from_millis(2));
            prop_assert!(schedule.rest(arrival).unwrap_or_default() <= Duration::from_secs(1));
        }
    }
}
