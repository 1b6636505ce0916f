//! [`Register`]: who is to be kept fresh, and what the keeper has to look at.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashTable;
use oidc_session_core::{StoreKey, Target};
use tokio::sync::Notify;

use crate::entry::Entry;

/// Who is to be kept fresh. It outlives the task that sees to it, which may end with its runtime.
#[derive(Default)]
pub(super) struct Register {
    slots: Mutex<Slots>,
    /// How many are kept: for a look without the lock.
    kept: AtomicUsize,
    /// Until then nothing is begun, in nanoseconds on the monotonic clock.
    held_until: AtomicU64,
    /// How many want nothing begun.
    pauses: AtomicUsize,
    /// Wakes the task.
    news: Notify,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// The slots of a session.
    by_key: HashTable<usize>,
    /// The slots that the task has to look at, each once.
    noted: Vec<usize>,
}

#[derive(Default)]
struct Slot {
    kept: Option<Kept>,
    /// Counts those who were kept here.
    generation: u32,
    noted: bool,
}

/// One access token that is kept fresh for one guard.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) entry: Arc<Entry>,
    pub(super) target: Arc<Target>,
}

/// Where something is kept, and which of those who were kept there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) generation: u32,
}

impl Register {
    pub(super) fn add(&self, kept: Kept) -> Place {
        let mut slots = self.slots();
        let index = slots.free.pop().unwrap_or_else(|| {
            slots.slots.push(Slot::default());
            slots.slots.len() - 1
        });
        let hash = hash_of(&kept.entry.key);
        let slot = &mut slots.slots[index];
        slot.kept = Some(kept);
        let place = Place { index, generation: slot.generation };
        let Slots { slots: all, by_key, .. } = &mut *slots;
        by_key.insert_unique(hash, index, |index| all[*index].hash());
        slots.note(index);
        self.kept.fetch_add(1, Ordering::Release);
        drop(slots);
        self.news.notify_one();
        place
    }

    pub(super) fn remove(&self, place: Place) {
        let mut slots = self.slots();
        let Place { index, .. } = place;
        let hash = slots.slots[index].hash();
        if let Ok(found) = slots.by_key.find_entry(hash, |found| *found == index) {
            found.remove();
        }
        let slot = &mut slots.slots[index];
        slot.generation = slot.generation.wrapping_add(1);
        let kept = slot.kept.take();
        // The task tells by the generation that its timer is another one's.
        slots.note(index);
        slots.free.push(index);
        self.kept.fetch_sub(1, Ordering::Release);
        drop(slots);
        drop(kept);
        self.news.notify_one();
    }

    /// Has the task look at what is kept of a session.
    pub(super) fn wake(&self, key: &StoreKey) {
        if self.is_empty() {
            return;
        }
        let mut slots = self.slots();
        let Slots { slots: all, by_key, noted, .. } = &mut *slots;
        let mut any = false;
        for index in by_key.iter_hash(hash_of(key)) {
            let slot = &mut all[*index];
            if slot.kept.as_ref().is_some_and(|kept| kept.entry.key == *key) {
                any = true;
                if !std::mem::replace(&mut slot.noted, true) {
                    noted.push(*index);
                }
            }
        }
        drop(slots);
        if any {
            self.news.notify_one();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.load(Ordering::Acquire) == 0
    }

    /// What is kept at `place`, if that is still the same.
    pub(super) fn at(&self, place: Place) -> Option<Kept> {
        let slots = self.slots();
        let slot = slots.slots.get(place.index).filter(|slot| slot.generation == place.generation)?;
        slot.kept.clone()
    }

    /// What is kept now at each of `indices`.
    pub(super) fn read(&self, indices: impl Iterator<Item = usize>, into: &mut Vec<(Place, Option<Kept>)>) {
        let slots = self.slots();
        into.extend(indices.filter_map(|index| slots.slots.get(index).map(|slot| slot.read(index))));
    }

    /// At most so many of those that the task has to look at.
    pub(super) fn take_noted(&self, most: usize, into: &mut Vec<(Place, Option<Kept>)>) {
        let mut slots = self.slots();
        let Slots { slots: all, noted, .. } = &mut *slots;
        let from = noted.len().saturating_sub(most);
        into.extend(noted.drain(from..).map(|index| {
            all[index].noted = false;
            all[index].read(index)
        }));
        if noted.is_empty() && noted.capacity() > most {
            // A million came at once. They will not come again.
            noted.shrink_to(most);
        }
    }

    pub(super) fn has_noted(&self) -> bool {
        !self.slots().noted.is_empty()
    }

    pub(super) async fn has_news(&self) {
        self.news.notified().await;
    }

    pub(super) fn hold_until(&self, until: Duration) {
        self.held_until.fetch_max(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    /// Until when nothing is begun, on the monotonic clock.
    pub(super) fn held_until(&self) -> Duration {
        Duration::from_nanos(self.held_until.load(Ordering::Acquire))
    }

    pub(super) fn pause(&self) {
        self.pauses.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn resume(&self) {
        self.pauses.fetch_sub(1, Ordering::SeqCst);
        self.news.notify_one();
    }

    pub(super) fn is_paused(&self) -> bool {
        self.pauses.load(Ordering::SeqCst) > 0
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        // A panic elsewhere cannot leave the slots half changed.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn note(&mut self, index: usize) {
        if !std::mem::replace(&mut self.slots[index].noted, true) {
            self.noted.push(index);
        }
    }
}

impl Slot {
    fn hash(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| hash_of(&kept.entry.key))
    }

    fn read(&self, index: usize) -> (Place, Option<Kept>) {
        (Place { index, generation: self.generation }, self.kept.clone())
    }
}

/// Keys are digests: any part of one is a hash.
fn hash_of(key: &StoreKey) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *key.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").field("kept", &self.kept).finish_non_exhaustive()
    }
}
