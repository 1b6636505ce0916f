//! [`Turn`]: what only one caller at a time may change.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use oidc_session_core::{Target, Version};
use oidc_session_policy::protocol::Journal;

use crate::SessionError;
use crate::confirm::Look;
use crate::flight::{FlightSlot, Wish};
use crate::known::Known;

/// What only one caller at a time may change.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Counts what was installed and written. What was read before must not be installed after.
    pub(super) generation: u32,
    /// Counts the changes that the store told of.
    pub(super) changes: u32,
    /// The version that the last of them told.
    pub(super) last_change: Option<Version>,
    /// What was known before the store told of a change: for those who ask what is new.
    pub(super) outdated: Option<Arc<Known>>,
    /// Whether the last look found a record that cannot be read.
    pub(crate) unreadable: bool,
    /// What is under way; of most sessions, most of the time, nothing.
    under_way: Option<Box<UnderWay>>,
}

/// What is done, wanted, or left alone just now.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    /// The refresh.
    pub(crate) flight: Option<FlightSlot>,
    /// The look at the store.
    pub(crate) look: Option<Look>,
    /// What this process is writing. To hear of it is no news.
    pub(super) writing: Vec<Version>,
    /// The refreshes that somebody wants beside the one under way, each wish once, the oldest first. None of them may
    /// wait for ever behind those that come later.
    wanted: VecDeque<(Wish, Weak<()>)>,
    /// What refreshes came to nothing lately, and for how long that is left alone.
    rests: BTreeMap<Target, Rest>,
    /// Attempts of which nobody has anything to commit any more, as the last flight left them.
    given_up: Option<Journal>,
    /// The end that was announced last.
    pub(super) told: Option<Version>,
}

/// Refreshes of one target that came to nothing, and for how long they are left alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest {
    /// Refreshes that failed in a row.
    pub(crate) failures: u32,
    /// Until then, on the monotonic clock, no refresh is started unless it is asked for outright.
    pub(crate) quiet_until: Option<Duration>,
    /// Until then, on the monotonic clock, no early refresh is started: it could not come to anything.
    pub(crate) not_early_until: Option<Duration>,
    /// Whether the server answered the last of them, and refused: then its answer to another target changes nothing.
    pub(crate) refused: bool,
    /// What the last of them was told: it holds for those who come while nobody tries.
    pub(crate) why: Option<SessionError>,
}

impl Turn {
    /// How many targets are remembered as resting. Of more, all are forgotten: the worst is one more try for each.
    const MOST_RESTS: usize = 64;

    /// The refresh under way.
    pub(crate) fn flight(&self) -> Option<&FlightSlot> {
        self.under_way.as_ref()?.flight.as_ref()
    }

    /// The look at the store under way.
    pub(crate) fn look(&self) -> Option<&Look> {
        self.under_way.as_ref()?.look.as_ref()
    }

    /// What this process is writing.
    pub(super) fn writing(&self) -> &[Version] {
        self.under_way.as_ref().map_or(&[], |under_way| &under_way.writing)
    }

    /// The end that was announced last.
    pub(super) fn told(&self) -> Option<Version> {
        self.under_way.as_ref()?.told
    }

    /// For something to begin.
    pub(crate) fn under_way(&mut self) -> &mut UnderWay {
        self.under_way.get_or_insert_default()
    }

    /// Has something end that began. With the last of it goes the room for it.
    pub(crate) fn end<T: Default>(&mut self, end: impl FnOnce(&mut UnderWay) -> T) -> T {
        let Some(under_way) = &mut self.under_way else { return T::default() };
        let ended = end(under_way);
        if under_way.is_nothing() {
            self.under_way = None;
        }
        ended
    }

    /// What was read or written from before is not installed any more.
    pub(super) fn begin_generation(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// Keeps a place for `wish` as long as `asking` lives.
    pub(crate) fn want(&mut self, wish: &Wish, asking: &Arc<()>) {
        let wanted = &mut self.under_way().wanted;
        wanted.retain(|(_, asking)| asking.strong_count() > 0);
        if !wanted.iter().any(|(wanted, _)| wanted == wish) {
            wanted.push_back((wish.clone(), Arc::downgrade(asking)));
        }
    }

    /// The wish that has waited longest and that somebody still has.
    pub(crate) fn next_wanted(&mut self) -> Option<Wish> {
        self.end(|under_way| {
            under_way.wanted.retain(|(_, asking)| asking.strong_count() > 0);
            under_way.wanted.pop_front().map(|(wish, _)| wish)
        })
    }

    /// Drops the wishes that a flight has fulfilled.
    pub(crate) fn fulfil(&mut self, settled: impl Fn(&Wish) -> bool) {
        self.end(|under_way| under_way.wanted.retain(|(wish, _)| !settled(wish)));
    }

    /// Attempts of which nobody has anything to commit any more.
    pub(crate) fn given_up(&self) -> Option<Journal> {
        self.under_way.as_ref()?.given_up
    }

    /// Remembers what a flight has left unsettled.
    pub(crate) fn give_up(&mut self, attempts: Option<Journal>) {
        match attempts {
            Some(attempts) => self.under_way().given_up = Some(attempts),
            None => self.end(|under_way| under_way.given_up = None),
        }
    }

    /// How `target` rests, if it does.
    pub(crate) fn rest(&self, target: &Target) -> Option<&Rest> {
        self.under_way.as_ref()?.rests.get(target)
    }

    pub(crate) fn set_rest(&mut self, target: &Target, rest: Rest) {
        let rests = &mut self.under_way().rests;
        if rests.len() >= Self::MOST_RESTS && !rests.contains_key(target) {
            rests.clear();
        }
        rests.insert(target.clone(), rest);
    }

    pub(crate) fn end_rest(&mut self, target: &Target) {
        self.end(|under_way| under_way.rests.remove(target));
    }

    /// Ends the rests that the record which is installed gives a reason to end.
    pub(super) fn wake(&mut self, before: Option<&Known>, now: Option<&Known>, wrote: bool) {
        let sign_in = |known: Option<&Known>| known.map(|known| known.sign_in);
        let anew = (wrote || before.is_some()) && sign_in(before) != sign_in(now);
        self.end(|UnderWay { rests, .. }| {
            // Whatever could not be reached is there again. What was refused is no better for it.
            rests.retain(|_, rest| !anew && (rest.refused || !wrote));
            rests.values_mut().for_each(|rest| rest.not_early_until = None);
        });
    }
}

impl UnderWay {
    fn is_nothing(&self) -> bool {
        let Self { flight, look, writing, wanted, rests, given_up, told } = self;
        let anybody = flight.is_some() || look.is_some() || given_up.is_some() || told.is_some();
        !anybody && writing.is_empty() && wanted.is_empty() && rests.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_for_what_is_under_way_and_given_back() {
        let mut turn = Turn::default();
        turn.end(|under_way| under_way.writing.clear());
        assert!(turn.next_wanted().is_none() && turn.under_way.is_none(), "to look takes no room");
        turn.under_way().writing.push(Version::from_u64(1));
        turn.set_rest(&Target::default(), Rest::default());
        turn.end(|under_way| under_way.writing.clear());
        assert!(turn.rest(&Target::default()).is_some());
        turn.end_rest(&Target::default());
        assert!(turn.under_way.is_none());
    }
}
