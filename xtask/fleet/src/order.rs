//! [`Order`] and [`Reply`]: what workers are told, and what they say, a line of JSON each.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a worker needs to know before it can work.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Setup {
    pub(crate) store_url: String,
    /// A prefix or a schema; if there is none, the one that the store has by itself.
    pub(crate) place: Option<String>,
    pub(crate) issuer: String,
    /// The key ring, as JSON.
    pub(crate) keys: String,
}

/// What a worker shall do.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Order {
    /// Ask for the access token of each session, so many callers each, all at once.
    Ask { sessions: Vec<String>, callers: usize },
    /// Ask again and again until the session has ended.
    AwaitEnd { session: String },
    /// End the session.
    Logout { session: String },
}

/// What came of it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Reply {
    /// The worker is ready for orders.
    Ready,
    /// Everybody has an answer.
    Asked(Asked),
    /// The session is still alive, and its end is being waited for.
    Waiting,
    /// The end of the session is stored; its tokens are about to be revoked.
    Ended,
    /// It is done.
    Done,
    /// It could not be done.
    Failed(String),
}

/// What many callers got.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Asked {
    /// How long each call took.
    pub(crate) took: Vec<Duration>,
    /// The different access tokens of each session.
    pub(crate) tokens: BTreeMap<String, Vec<String>>,
    /// How often each kind of error came.
    pub(crate) errors: BTreeMap<String, usize>,
    /// One error of each kind, with its causes.
    pub(crate) samples: BTreeMap<String, String>,
}

impl Asked {
    /// What two workers got, together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.took.extend(other.took);
        for (session, tokens) in other.tokens {
            let all = self.tokens.entry(session).or_default();
            all.extend(tokens);
            all.sort_unstable();
            all.dedup();
        }
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
        self.samples.extend(other.samples);
        self
    }
}
