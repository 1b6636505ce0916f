//! [`SeenTokens`]: which one-time tokens have been used, as far as this process knows.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use oidc_session_core::Timestamp;
use sha2::{Digest as _, Sha256};

/// How many tokens are remembered. Of more, the one that would be accepted for the shortest time is forgotten.
const MOST: usize = 10_000;

/// A bounded memory of token identifiers, each kept for as long as its token is accepted.
#[derive(Debug, Default)]
pub(crate) struct SeenTokens(Mutex<Seen>);

/// Digests, because an identifier may be as long as its issuer likes.
type Identifier = [u8; 32];

#[derive(Debug, Default)]
struct Seen {
    until: HashMap<Identifier, Timestamp>,
    by_end: BTreeSet<(Timestamp, Identifier)>,
}

impl SeenTokens {
    /// Whether this is the first use of a token; it is remembered then, until `accepted_until`.
    pub(crate) fn is_first_use(&self, issuer: &str, jti: &str, accepted_until: Timestamp, now: Timestamp) -> bool {
        // A length in front keeps the two parts apart.
        let identifier = Sha256::new()
            .chain_update((issuer.len() as u64).to_be_bytes())
            .chain_update(issuer)
            .chain_update(jti)
            .finalize()
            .into();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(identifier, accepted_until, now, MOST)
    }
}

impl Seen {
    fn insert(&mut self, identifier: Identifier, until: Timestamp, now: Timestamp, most: usize) -> bool {
        while self.by_end.first().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
        if self.until.contains_key(&identifier) {
            return false;
        }
        if self.until.len() >= most {
            self.forget_first();
        }
        self.until.insert(identifier, until);
        self.by_end.insert((until, identifier));
        true
    }

    fn forget_first(&mut self) {
        if let Some((_, identifier)) = self.by_end.pop_first() {
            self.until.remove(&identifier);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[test]
    fn a_token_is_used_once_for_as_long_as_it_is_accepted() {
        let seen = SeenTokens::default();
        assert!(seen.is_first_use("i", "a", at(120), at(0)));
        assert!(!seen.is_first_use("i", "a", at(120), at(119)));
        assert!(seen.is_first_use("i", "b", at(120), at(119)));
        assert!(seen.is_first_use("ib", "", at(120), at(119)), "another issuer's");
        assert!(seen.is_first_use("i", "a", at(240), at(120)), "forgotten: nobody accepts the first one now");
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..5 {
            assert!(seen.insert([number; 32], at(100 - i64::from(number)), at(0), 3));
        }
        assert_eq!((seen.until.len(), seen.by_end.len()), (3, 3));
        assert!(!seen.insert([0; 32], at(100), at(0), 3), "the one that is accepted longest is still known");
        assert!(seen.insert([2; 32], at(98), at(0), 3), "one that is accepted for a shorter time was forgotten");
    }
}
