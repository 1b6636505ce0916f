//! [`Cache`]: what this process knows, by session.

use std::hash::BuildHasher;
use std::ptr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};
use oidc_session_core::{SessionId, StoreKey, Timestamp};

use crate::entry::Entry;
use crate::place::Place;
use crate::slot::Slot;

/// What this process knows, by session: in so many parts that threads seldom meet, and that none is large.
///
/// What must be done to a part while it is locked takes as long as the part is large: some thousand sessions. To make
/// room is a look at a few of them.
pub(crate) struct Cache {
    /// For the places of its entries.
    this: Weak<Self>,
    hasher: DefaultHashBuilder,
    parts: Box<[Part]>,
    /// The same entries under the names that stores tell changes by.
    by_key: Box<[RwLock<HashTable<Arc<Entry>>>]>,
    /// With how many sessions a part makes room.
    most_in_part: usize,
    forget_after: Duration,
}

/// On lines of the caches of its own: each look writes to the lock.
#[repr(align(128))]
#[derive(Default)]
struct Part(RwLock<Sessions>);

#[derive(Default)]
struct Sessions {
    table: HashTable<Slot>,
    /// Where the search for one to forget goes on.
    hand: usize,
}

impl Cache {
    /// A little less than what a table of 8,192 places takes before it grows. Its marks fill two pages: more parts of a
    /// million sessions would have more pages than the processor remembers.
    const SESSIONS_IN_PART: usize = 6_800;
    /// As many parts as keep threads apart, unless they were nearly empty.
    const FEW_PARTS: usize = 64;
    const SESSIONS_IN_FEW: usize = 64;
    const MOST_PARTS: usize = 1 << 12;
    /// How many are looked at to find one to forget.
    const CANDIDATES: usize = 8;
    /// How many places are looked at for these, at most: where most are held, there is little to find.
    const PLACES: usize = 64;

    pub(crate) fn new(most: usize, forget_after: Duration) -> Arc<Self> {
        let few = most.div_ceil(Self::SESSIONS_IN_FEW).clamp(1, Self::FEW_PARTS);
        let parts = most.div_ceil(Self::SESSIONS_IN_PART).clamp(few, Self::MOST_PARTS);
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            hasher: DefaultHashBuilder::default(),
            parts: (0..parts).map(|_| Part::default()).collect(),
            by_key: (0..parts).map(|_| RwLock::default()).collect(),
            most_in_part: (most / parts).max(1),
            forget_after,
        })
    }

    /// Looks at the slot of `id`, in the hot path: the part is locked meanwhile.
    #[inline]
    pub(crate) fn look<T>(&self, id: &SessionId, look: impl FnOnce(&Slot) -> T) -> Option<T> {
        let hash = self.hasher.hash_one(id);
        let part = read(&self.part(hash).0);
        part.table.find(hash, |slot| slot.id == *id).map(look)
    }

    /// Changes the slot of `entry`, whose id has this `hash`.
    pub(crate) fn change(&self, hash: u64, entry: &Entry, change: impl FnOnce(&mut Slot)) {
        let mut part = write(&self.part(hash).0);
        if let Some(slot) = part.table.find_mut(hash, |slot| ptr::eq(&*slot.entry, entry)) {
            change(slot);
        }
    }

    /// The entry of `id`, or the one that is made for it `now`.
    pub(crate) fn get(&self, id: &SessionId, now: Timestamp, make: impl FnOnce(Place) -> Entry) -> Arc<Entry> {
        let asked = |slot: &Slot| {
            slot.asked_at.note(now);
            Arc::clone(&slot.entry)
        };
        if let Some(entry) = self.look(id, asked) {
            return entry;
        }
        let hash = self.hasher.hash_one(id);
        let made = Arc::new(make(Place::new(Weak::clone(&self.this), hash)));
        let mut part = write(&self.part(hash).0);
        if let Some(slot) = part.table.find(hash, |slot| slot.id == *id) {
            return asked(slot);
        }
        self.make_room(&mut part, now);
        let slot = Slot::new(id.clone(), Arc::clone(&made));
        slot.asked_at.note(now);
        part.table.insert_unique(hash, slot, |slot| self.hasher.hash_one(&slot.id));
        let key_hash = self.hasher.hash_one(made.key);
        write(self.key_part(key_hash))
            .insert_unique(key_hash, Arc::clone(&made), |entry| self.hasher.hash_one(entry.key));
        made
    }

    /// What is known of the session that stores call `key`.
    pub(crate) fn by_key(&self, key: &StoreKey) -> Option<Arc<Entry>> {
        let hash = self.hasher.hash_one(key);
        read(self.key_part(hash)).find(hash, |entry| entry.key == *key).map(Arc::clone)
    }

    /// Forgets what nobody has asked for lately, and if the part is full, the one of a few that was asked for longest ago.
    /// Nothing is lost with it: the record is in the store.
    fn make_room(&self, part: &mut Sessions, now: Timestamp) {
        // Two for each that comes: so a part that was overfull, because many were held, becomes smaller.
        for _ in 0..2 {
            if let Some(oldest) = self.forget_some(part, now).filter(|_| part.table.len() >= self.most_in_part) {
                self.forget(part, oldest);
            }
        }
    }

    /// Forgets what nobody has asked for lately among the next few. If the part is full, returns the place of the oldest that
    /// is left of them.
    fn forget_some(&self, part: &mut Sessions, now: Timestamp) -> Option<usize> {
        let is_full = part.table.len() >= self.most_in_part;
        let (mut candidates, mut oldest) = (0, None);
        for _ in 0..part.table.num_buckets().min(Self::PLACES) {
            let place = part.hand % part.table.num_buckets();
            part.hand = place + 1;
            let Some(slot) = part.table.get_bucket(place) else { continue };
            let asked_at = slot.asked_at.get();
            let is_old = now >= asked_at + self.forget_after;
            // The entry is elsewhere in memory, so it is looked at only if that matters.
            if (is_old || is_full) && is_held(&slot.entry) {
                continue;
            }
            if is_old {
                self.forget(part, place);
            } else if is_full && oldest.is_none_or(|(oldest, _)| asked_at < oldest) {
                oldest = Some((asked_at, place));
            }
            candidates += 1;
            if candidates == Self::CANDIDATES {
                break;
            }
        }
        oldest.map(|(_, place)| place)
    }

    fn forget(&self, part: &mut Sessions, place: usize) {
        let Ok(found) = part.table.get_bucket_entry(place) else { return };
        let (Slot { entry, .. }, _) = found.remove();
        let hash = self.hasher.hash_one(entry.key);
        if let Ok(found) = write(self.key_part(hash)).find_entry(hash, |other| Arc::ptr_eq(other, &entry)) {
            found.remove();
        }
    }

    fn part(&self, hash: u64) -> &Part {
        &self.parts[index(hash, self.parts.len())]
    }

    fn key_part(&self, hash: u64) -> &RwLock<HashTable<Arc<Entry>>> {
        &self.by_key[index(hash, self.by_key.len())]
    }
}

/// Which of so many parts. A table goes by the bits at the bottom, and its marks are the seven at the top.
fn index(hash: u64, parts: usize) -> usize {
    let middle = u64::from((hash >> 24) as u32);
    ((middle * parts as u64) >> u32::BITS) as usize
}

/// Whether somebody holds it besides the two tables, or listens to it.
fn is_held(entry: &Arc<Entry>) -> bool {
    Arc::strong_count(entry) > 2 || entry.has_subscribers()
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use oidc_session_core::SystemClock;
    use oidc_session_sealing::Seal;

    use super::*;
    use crate::following::Following;

    const START: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    struct Process {
        cache: Arc<Cache>,
        following: Arc<Following>,
    }

    impl Process {
        fn new(most: usize) -> Self {
            let following = Arc::new(Following::new(Arc::new(SystemClock), Duration::MAX));
            Self { cache: Cache::new(most, HOUR), following }
        }

        fn get(&self, id: &SessionId, now: Timestamp) -> Arc<Entry> {
            let address = Seal::none().address(id);
            self.cache.get(id, now, |place| Entry::new(&address, place, Arc::clone(&self.following)))
        }

        fn knows(&self, id: &SessionId) -> bool {
            let by_id = self.cache.look(id, |_| ()).is_some();
            assert_eq!(self.cache.by_key(&id.store_key()).is_some(), by_id, "both tables hold the same");
            by_id
        }
    }

    fn ids(count: usize) -> Vec<SessionId> {
        (0..count).map(|number| SessionId::named(format!("session {number}")).unwrap()).collect()
    }

    #[test]
    fn a_session_has_one_entry_however_often_it_is_asked_for() {
        let process = Process::new(1_000_000);
        let ids = ids(10_000);
        let first: Vec<_> = ids.iter().map(|id| process.get(id, START)).collect();
        for (id, first) in ids.iter().zip(&first) {
            assert!(Arc::ptr_eq(&process.get(id, START), first));
            assert!(process.cache.by_key(&first.key).is_some_and(|entry| Arc::ptr_eq(&entry, first)));
        }
    }

    #[test]
    fn there_are_never_more_than_the_most_unless_they_are_held() {
        for most in [1, 10, 1_000, 5_000] {
            let process = Process::new(most);
            let ids = ids(most * 3);
            ids.iter().for_each(|id| drop(process.get(id, START)));
            let known = ids.iter().filter(|id| process.knows(id)).count();
            assert!((most / 2..=most).contains(&known), "{known} of {most}");

            let held: Vec<_> = ids.iter().map(|id| process.get(id, START)).collect();
            assert!(ids.iter().all(|id| process.knows(id)));
            drop(held);
        }
    }

    #[test]
    fn who_is_asked_for_again_and_again_stays() {
        let process = Process::new(256);
        let hot = SessionId::random();
        for (round, id) in ids(10_000).iter().enumerate() {
            let now = START + Duration::from_secs(round as u64);
            process.get(&hot, now);
            process.get(id, now);
            assert!(process.knows(&hot), "in round {round}");
        }
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten_in_time() {
        let process = Process::new(10_000);
        let old = ids(100);
        old.iter().for_each(|id| drop(process.get(id, START)));
        (0..2_000).for_each(|_| drop(process.get(&SessionId::random(), START + HOUR / 2)));
        assert!(old.iter().all(|id| process.knows(id)), "there is room, and it was asked for lately");
        (0..2_000).for_each(|_| drop(process.get(&SessionId::random(), START + HOUR + HOUR / 60)));
        let left = old.iter().filter(|id| process.knows(id)).count();
        assert!(left <= 5, "{left}");
    }

    #[test]
    fn threads_that_ask_at_once_get_the_same_entry() {
        let process = Process::new(100_000);
        for id in ids(500) {
            let entries: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| process.get(&id, START))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(entries.iter().all(|entry| Arc::ptr_eq(entry, &entries[0])));
        }
    }
}
