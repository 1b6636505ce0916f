//! [`Plan`]: what a run is like.

use std::time::Duration;

use crate::dice::Dice;

/// What can go wrong on the way to the store and to the authorization server, and on the machines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Weather {
    /// Nothing. Callers give up, people sign in and out, and clocks are set all the same.
    Fair,
    /// Requests and answers are lost or late, machines freeze and crash.
    Foul,
    /// Nobody reaches the store, often right after the server has granted something, and for longer than leases last.
    Outages,
}

/// A safeguard taken away, to see whether it is missed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mutant {
    /// The store commits whatever the version.
    NoCompareAndSet,
    /// The store gives the lease to whoever asks.
    LeaseForAll,
}

/// What a run is like. All of it follows from the seed, and from the first three.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) weather: Weather,
    /// For how long the server takes a spent refresh token, and says so.
    pub(crate) reuse_window: Option<Duration>,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) machines: usize,
    pub(crate) sessions: usize,
    pub(crate) callers: usize,
    pub(crate) calls: usize,
    /// How long an access token lives.
    pub(crate) lifetime: Duration,
    pub(crate) skew: Option<Duration>,
    /// Whether the store tells of changes.
    pub(crate) has_feed: bool,
    /// Whether programs refresh outright, too.
    pub(crate) forces: bool,
    /// Whether machines keep their sessions fresh without callers.
    pub(crate) keeps: bool,
    /// Whether clocks are set.
    pub(crate) sets_clocks: bool,
    /// Whether people sign in and out meanwhile, and an administrator revokes.
    pub(crate) has_people: bool,
}

impl Plan {
    pub(crate) fn new(weather: Weather, reuse_window: Option<Duration>, mutant: Option<Mutant>, dice: &Dice) -> Self {
        let lifetime = Duration::from_secs(dice.one_of(&[5, 60, 300, 3_600]));
        Self {
            weather,
            reuse_window,
            mutant,
            machines: dice.one_of(&[1, 2, 3]),
            sessions: dice.one_of(&[1, 1, 2]),
            callers: dice.one_of(&[1, 3, 6]),
            calls: 10,
            lifetime,
            skew: dice.one_of(&[None, Some(lifetime / 10), Some(lifetime / 3)]),
            has_feed: dice.in_hundred(50),
            forces: dice.in_hundred(40),
            keeps: dice.in_hundred(20),
            sets_clocks: dice.in_hundred(20),
            has_people: dice.in_hundred(50),
        }
    }
}
