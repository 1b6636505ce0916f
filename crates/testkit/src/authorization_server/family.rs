//! [`Family`]: the refresh tokens that descend from one sign-in, and the rules of rotation. Pure.

use std::time::Duration;

use oidc_session_core::Timestamp;

use super::presentation::Outcome;

/// How refresh tokens live, the same for every family of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefreshRules {
    /// Each refresh replaces the refresh token.
    pub(super) rotate: bool,
    /// How long after its first use a token may be used again, as long as it is the previous one.
    pub(super) reuse_window: Duration,
    /// How long each refresh token lives, counted from its own issue.
    pub(super) lifetime: Option<Duration>,
}

/// The line of refresh tokens of one sign-in.
///
/// Generations are a line, not a tree: a token granted again inside the reuse window is a second token of the same
/// generation, and whichever of the two comes late is a reuse.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Family {
    generation: u32,
    /// When the generation before the current one was first presented.
    previous_consumed_at: Option<Timestamp>,
    revoked: bool,
}

impl Family {
    /// The generation of the tokens that have not been consumed.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Ends the family. Returns whether it had not ended before.
    pub(super) fn revoke(&mut self) -> bool {
        !std::mem::replace(&mut self.revoked, true)
    }

    /// A token of `generation`, issued at `issued_at`, is presented: rules on it, and carries the ruling out.
    pub(super) fn present(
        &mut self,
        generation: u32,
        issued_at: Timestamp,
        rules: &RefreshRules,
        now: Timestamp,
    ) -> Outcome {
        let outcome = self.rule(generation, issued_at, rules, now);
        match outcome {
            Outcome::Granted if rules.rotate => {
                self.generation = generation.saturating_add(1);
                self.previous_consumed_at = Some(now);
            }
            Outcome::Reused => self.revoked = true,
            _ => {}
        }
        outcome
    }

    fn rule(&self, generation: u32, issued_at: Timestamp, rules: &RefreshRules, now: Timestamp) -> Outcome {
        let expired = rules.lifetime.is_some_and(|lifetime| now >= issued_at + lifetime);
        let current = generation == self.generation;
        let in_window = generation + 1 == self.generation
            && self.previous_consumed_at.is_some_and(|consumed_at| now < consumed_at + rules.reuse_window);
        match () {
            () if self.revoked => Outcome::Revoked,
            // Reuse comes before expiry: a thief does not get away by waiting.
            () if !current && !in_window => Outcome::Reused,
            () if expired => Outcome::Expired,
            () if current => Outcome::Granted,
            () => Outcome::GrantedInReuseWindow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Expired, Granted, GrantedInReuseWindow, Reused, Revoked};

    const NO_WINDOW: RefreshRules = RefreshRules { rotate: true, reuse_window: Duration::ZERO, lifetime: None };
    const WINDOW_OF_10_S: RefreshRules = RefreshRules { reuse_window: Duration::from_secs(10), ..NO_WINDOW };
    const LIFE_OF_60_S: RefreshRules = RefreshRules { lifetime: Some(Duration::from_secs(60)), ..WINDOW_OF_10_S };
    const STATIC: RefreshRules = RefreshRules { rotate: false, ..LIFE_OF_60_S };

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    /// One presentation: (generation, issued at second, presented at second, outcome).
    type Row = (u32, i64, i64, Outcome);

    #[test]
    fn the_rules_of_rotation() {
        let table: &[(&str, RefreshRules, &[Row])] = &[
            ("each token once", NO_WINDOW, &[(0, 0, 1, Granted), (1, 1, 2, Granted), (2, 2, 3, Granted)]),
            ("any reuse ends the family", NO_WINDOW, &[(0, 0, 1, Granted), (0, 0, 1, Reused), (1, 1, 2, Revoked)]),
            (
                "the previous token inside the window",
                WINDOW_OF_10_S,
                &[(0, 0, 1, Granted), (0, 0, 10, GrantedInReuseWindow), (1, 10, 11, Granted)],
            ),
            ("the window is half open", WINDOW_OF_10_S, &[(0, 0, 1, Granted), (0, 0, 11, Reused)]),
            (
                "reuse does not extend the window",
                WINDOW_OF_10_S,
                &[(0, 0, 1, Granted), (0, 0, 9, GrantedInReuseWindow), (0, 0, 12, Reused)],
            ),
            (
                "the last but one is a reuse even inside the window",
                WINDOW_OF_10_S,
                &[(0, 0, 1, Granted), (1, 1, 2, Granted), (0, 0, 3, Reused)],
            ),
            (
                "the late sibling of a fork is a reuse",
                WINDOW_OF_10_S,
                &[(0, 0, 1, Granted), (0, 0, 2, GrantedInReuseWindow), (1, 1, 3, Granted), (1, 2, 13, Reused)],
            ),
            (
                "each rotation starts a new lifetime",
                LIFE_OF_60_S,
                &[(0, 0, 59, Granted), (1, 59, 118, Granted), (2, 118, 178, Expired), (2, 118, 179, Expired)],
            ),
            (
                "a consumed token is a reuse even when it expired",
                LIFE_OF_60_S,
                &[(0, 0, 5, Granted), (0, 0, 99, Reused)],
            ),
            (
                "static tokens live until they expire",
                STATIC,
                &[(0, 0, 1, Granted), (0, 0, 59, Granted), (0, 0, 60, Expired)],
            ),
        ];
        for (name, rules, rows) in table {
            let mut family = Family::default();
            for &(generation, issued_at, at, expected) in *rows {
                let outcome = family.present(generation, second(issued_at), rules, second(at));
                assert_eq!(outcome, expected, "{name}: generation {generation} at {at}");
            }
        }
    }

    #[test]
    fn a_revoked_family_grants_nothing() {
        let mut family = Family::default();
        assert!(family.revoke());
        assert!(!family.revoke());
        assert_eq!(family.present(0, second(0), &STATIC, second(1)), Revoked);
    }
}
