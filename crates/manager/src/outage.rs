//! [`Outage`]: what to do about a store that cannot confirm what is known.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{SessionError, observe};

/// Whether the store cannot confirm what is known just now, whichever session it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<State>);

/// Instants are monotonic time.
#[derive(Debug, Default)]
struct State {
    /// During an outage: until then nobody asks.
    rests_until: Option<Duration>,
    /// Whether it was told of.
    told: bool,
}

/// What whoever wants something confirmed does about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Advice {
    /// Ask, and wait for the answer.
    Ask,
    /// Ask on behalf of all, and do not wait. What is known is put off until then.
    Probe(Duration),
    /// Do not ask. What is known is put off until then.
    Rest(Duration),
}

impl Outage {
    /// How often a store is asked that did not answer.
    pub(crate) const REST: Duration = Duration::from_secs(1);

    pub(crate) fn advice(&self, now: Duration) -> Advice {
        let mut state = self.state();
        match state.rests_until {
            None => Advice::Ask,
            Some(until) if now < until => Advice::Rest(until),
            Some(_) => {
                let until = now.saturating_add(Self::REST);
                state.rests_until = Some(until);
                Advice::Probe(until)
            }
        }
    }

    /// The store takes too long, and may answer yet.
    pub(crate) fn slow(&self, now: Duration) {
        let mut state = self.state();
        let until = now.saturating_add(Self::REST);
        state.rests_until.get_or_insert(until);
    }

    pub(crate) fn failed(&self, now: Duration, error: &SessionError) {
        let mut state = self.state();
        state.rests_until = Some(now.saturating_add(Self::REST));
        if !std::mem::replace(&mut state.told, true) {
            observe::outage_begins(error);
        }
    }

    pub(crate) fn over(&self) {
        let mut state = self.state();
        state.rests_until = None;
        if std::mem::take(&mut state.told) {
            observe::outage_is_over();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
