//! [`BuggyStore`]: a store in memory with at most one bug.

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use oidc_session_core::{
    Change, ChangeFeed, Changes, Commit, Cursor, Expected, HolderId, Lease, List, Page, Record, Release, Removal,
    Renewal, SessionStore, StoreError, StoreErrorKind, StoreKey, Stored, Sweep, Timestamp, Version,
};
use tokio::task::yield_now;

use crate::backend::World;
use crate::bug::Bug;

/// One handle.
pub(crate) struct BuggyStore {
    world: Arc<World>,
    number: u64,
    opened_after: u64,
    cache: Mutex<HashMap<StoreKey, Option<Stored>>>,
}

impl BuggyStore {
    pub(crate) fn new(world: Arc<World>) -> Self {
        static HANDLES: AtomicU64 = AtomicU64::new(0);
        let opened_after = world.outages.load(Ordering::SeqCst);
        Self { world, number: HANDLES.fetch_add(1, Ordering::Relaxed), opened_after, cache: Mutex::default() }
    }

    fn has(&self, bug: Bug) -> bool {
        self.world.has(bug)
    }

    fn is_up(&self) -> bool {
        let dead = self.has(Bug::IsDeadAfterAnOutage) && self.opened_after < self.world.outages.load(Ordering::SeqCst);
        self.world.up.load(Ordering::SeqCst) && !dead
    }

    /// Whether the backend is there, and what is stored under the key is whole.
    async fn reach(&self, key: &StoreKey) -> Result<StoreKey, StoreError> {
        self.connect().await?;
        if self.is_damaged(key) && !self.has(Bug::ReadsDamagedData) {
            if self.has(Bug::DestroysDamagedData)
                && let Ok(Some(stored)) = self.world.inner.load(key).await
            {
                let _ = self.world.inner.remove(key, stored.version).await;
            }
            let error = StoreError::new(StoreErrorKind::Corrupt, "read a record");
            return Err(match self.world.inner.load(key).await {
                Ok(Some(stored)) if self.has(Bug::QuotesDamagedData) => {
                    error.because(String::from_utf8_lossy(stored.record.as_bytes()).into_owned())
                }
                _ => error,
            });
        }
        Ok(match self.world.bug {
            Some(Bug::CutsKeys) => {
                StoreKey::from_bytes(std::array::from_fn(|at| key.as_bytes()[at] * u8::from(at < 31)))
            }
            Some(Bug::IgnoresTheCaseOfKeys) => {
                StoreKey::from_bytes(key.as_bytes().map(|byte| byte.to_ascii_lowercase()))
            }
            _ => *key,
        })
    }

    async fn connect(&self) -> Result<(), StoreError> {
        yield_now().await; // As on any way to a server, others go first.
        if self.is_up() {
            return Ok(());
        }
        match self.world.bug {
            Some(Bug::HangsInAnOutage) => pending().await,
            Some(Bug::PanicsInAnOutage) => panic!("the server is gone"),
            Some(Bug::SaysCorruptInAnOutage) => Err(StoreError::new(StoreErrorKind::Corrupt, "reach the store")),
            _ => Err(StoreError::new(StoreErrorKind::Unavailable, "reach the store")),
        }
    }

    async fn leave_half_if_cut_off(&self, key: &StoreKey, next: &Stored) {
        if self.has(Bug::LeavesHalfACommitInAnOutage) && !self.is_up() {
            let bytes = next.record.as_bytes();
            let half = Record::from_bytes(bytes[..bytes.len() / 2].to_vec());
            self.world.overwrite(key, &Stored { version: next.version, record: half }).await;
        }
    }

    fn is_damaged(&self, key: &StoreKey) -> bool {
        let damaged = self.world.damaged.lock().unwrap();
        damaged.contains(key) || self.has(Bug::SpreadsDamage) && !damaged.is_empty()
    }

    fn tell(&self, key: StoreKey, version: Option<Version>) {
        self.world.feed.tell(self.number, Change { key, version });
    }

    /// What is really put there in place of `next`.
    fn distorted(&self, next: &Stored) -> Stored {
        let (mut version, mut bytes) = (next.version.as_u64(), next.record.as_bytes().to_vec());
        match self.world.bug {
            Some(Bug::MakesUpVersions) => version += 1,
            Some(Bug::KeepsVersionsAsFloats) => version = version as f64 as u64,
            Some(Bug::TrimsRecords) => bytes = bytes.trim_ascii_end().to_vec(),
            Some(Bug::CutsRecords) => bytes.truncate(65_535),
            _ => {}
        }
        Stored { version: Version::from_u64(version), record: Record::from_bytes(bytes) }
    }
}

impl fmt::Debug for BuggyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.world.before.lock().unwrap();
        let shown = before.as_ref().filter(|_| self.has(Bug::ShowsRecords));
        let bytes = shown.map(|(_, _, last)| last.record.as_bytes().to_vec());
        f.debug_struct("BuggyStore").field("record", &bytes).finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for BuggyStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        if self.has(Bug::KnowsNothingInAnOutage) && !self.is_up() {
            return Ok(None);
        }
        if self.has(Bug::TakesDamageForNothing) && self.is_damaged(key) {
            return Ok(None);
        }
        let key = self.reach(key).await?;
        while self.has(Bug::LoadsAfterTheLease) && self.world.holders.lock().unwrap().contains_key(&key) {
            yield_now().await;
        }
        let mut found = self.world.inner.load(&key).await?;
        match self.world.bug {
            Some(Bug::TakesEmptyForNone) => found = found.filter(|stored| !stored.record.as_bytes().is_empty()),
            Some(Bug::TakesVersionZeroForNone) => found = found.filter(|stored| stored.version.as_u64() != 0),
            Some(Bug::CachesRecords) => {
                found = self.cache.lock().unwrap().entry(key).or_insert(found).clone();
            }
            _ => {}
        }
        Ok(found)
    }

    async fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, StoreError> {
        let inner = &self.world.inner;
        let reached = self.reach(key).await;
        self.leave_half_if_cut_off(key, next).await;
        let key = match reached {
            Err(error) if error.kind() == StoreErrorKind::Corrupt && self.has(Bug::OverwritesDamagedData) => *key,
            reached => reached?,
        };
        let mut expected = expected;
        let found = inner.load(&key).await?;
        let before = found.clone();
        match self.world.bug {
            Some(Bug::ComparesInTwoSteps) => {
                if found.map_or(Expected::Absent, |found| Expected::At(found.version)) != expected {
                    return Ok(Commit::Conflict);
                }
                yield_now().await;
                self.world.overwrite(&key, next).await;
                return Ok(Commit::Done);
            }
            Some(Bug::WantsVersionsToGrow) if matches!(expected, Expected::At(version) if version >= next.version) => {
                return Ok(Commit::Conflict);
            }
            Some(Bug::LetsConflictsSayHowLongToKeep) => {
                if let Some(found) = found.filter(|found| Expected::At(found.version) != expected) {
                    let _ = inner.commit(&key, Expected::At(found.version), &found, keep_until).await?;
                }
            }
            Some(Bug::WritesInHalves) if found.is_some() => {
                let half = Record::from_bytes(next.record.as_bytes()[..1.min(next.record.as_bytes().len())].to_vec());
                let first = Stored { version: next.version, record: half };
                if inner.commit(&key, expected, &first, keep_until).await? == Commit::Conflict {
                    return Ok(Commit::Conflict);
                }
                yield_now().await;
                expected = Expected::At(next.version);
            }
            Some(Bug::CutsLargeRecordsBeforeItFails) if next.record.as_bytes().len() > Record::MAX_STORED_LENGTH => {
                let cut = Record::from_bytes(next.record.as_bytes()[..Record::MAX_STORED_LENGTH].to_vec());
                let _ = inner.commit(&key, expected, &Stored { version: next.version, record: cut }, None).await?;
                return Err(StoreError::new(StoreErrorKind::Misconfigured, "commit a record"));
            }
            _ => {}
        }
        let next = self.distorted(next);
        let writing = self.world.writing.lock().await;
        self.leave_half_if_cut_off(&key, &next).await;
        self.connect().await?; // The server may have gone while the writers stood in line.
        if self.has(Bug::CommitsWithoutComparing) {
            expected = inner.load(&key).await?.map_or(Expected::Absent, |found| Expected::At(found.version));
        }
        let commit = inner.commit(&key, expected, &next, keep_until).await?;
        if commit == Commit::Done || self.has(Bug::TellsConflicts) {
            self.tell(key, Some(next.version));
        }
        drop(writing);
        if commit == Commit::Conflict {
            return Ok(commit);
        }
        *self.world.before.lock().unwrap() = Some((key, before.unwrap_or_else(|| next.clone()), next.clone()));
        let leased = self.world.holders.lock().unwrap().remove(&key);
        if let (Some((holder, ttl)), true) = (leased, self.has(Bug::KeepsTheLeaseAfterACommit)) {
            let _ = inner.try_lease(&key, holder, ttl).await?;
        }
        let forgotten = {
            let mut keys = self.world.keys.lock().unwrap();
            if !keys.contains(&key) {
                keys.push(key);
            }
            let too_many = self.has(Bug::ForgetsTheOldestKey) && keys.len() > 100;
            let too_old = self.has(Bug::TakesTheEndOfTimeForThePast) && keep_until == Some(Timestamp::MAX);
            if too_many { Some(keys.remove(0)) } else { too_old.then_some(key) }
        };
        if let Some(key) = forgotten
            && let Some(stored) = inner.load(&key).await?
        {
            let _ = inner.remove(&key, stored.version).await?;
        }
        Ok(commit)
    }

    async fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, StoreError> {
        let key = self.reach(key).await?;
        let inner = &self.world.inner;
        let mut expected = expected;
        let found = inner.load(&key).await?;
        if self.has(Bug::RemovesInHalves) && found.is_some_and(|found| found.version == expected) {
            let empty = Stored { version: Version::from_u64(0), record: Record::from_bytes(Vec::new()) };
            self.world.overwrite(&key, &empty).await;
            yield_now().await;
            expected = empty.version;
        }
        let _writing = self.world.writing.lock().await;
        if let (Some(found), true) = (inner.load(&key).await?, self.has(Bug::RemovesWithoutComparing)) {
            expected = found.version;
        }
        let removal = inner.remove(&key, expected).await?;
        if removal == Removal::Done {
            self.world.holders.lock().unwrap().remove(&key);
            self.tell(key, None);
        }
        Ok(removal)
    }

    async fn try_lease(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Lease, StoreError> {
        if self.has(Bug::LeasesDamagedData) && self.is_damaged(key) {
            let _ = self.world.inner.try_lease(key, holder, ttl).await?;
        }
        let key = self.reach(key).await?;
        let (mut holder, mut time) = (holder, ttl);
        match self.world.bug {
            Some(Bug::CutsHolders) => holder = HolderId::from_u128(holder.as_u128() & u128::from(u64::MAX)),
            Some(Bug::CountsTimeIn31Bits) => time = in_31_bits(ttl),
            Some(Bug::TakesNoTimeForEver) if ttl.is_zero() => time = Duration::MAX,
            _ => {}
        }
        let before = self.world.inner.load(&key).await?;
        if self.has(Bug::GrantsWhatWasThereBefore) {
            yield_now().await;
        }
        let lease = self.world.inner.try_lease(&key, holder, time).await?;
        if matches!(lease, Lease::Granted { .. }) {
            self.world.holders.lock().unwrap().insert(key, (holder, time));
        }
        Ok(match (lease, before) {
            (Lease::Granted { stored, .. }, _) if self.has(Bug::ForgetsAttempts) => {
                Lease::Granted { stored, unsettled: 0 }
            }
            (Lease::Granted { unsettled, .. }, Some(stored)) if self.has(Bug::GrantsWhatWasThereBefore) => {
                Lease::Granted { stored, unsettled }
            }
            (Lease::Held { .. }, _) if self.has(Bug::TellsTheAskersTime) => Lease::Held { remaining: ttl },
            (lease, _) => lease,
        })
    }

    async fn renew(&self, key: &StoreKey, holder: HolderId, ttl: Duration) -> Result<Renewal, StoreError> {
        let key = self.reach(key).await?;
        let (mut holder, mut time) = (holder, ttl);
        let current = self.world.holders.lock().unwrap().get(&key).copied();
        match (self.world.bug, current) {
            (Some(Bug::RenewsForAnybody), Some((current, _))) => holder = current,
            (Some(Bug::CutsHolders), _) => holder = HolderId::from_u128(holder.as_u128() & u128::from(u64::MAX)),
            (Some(Bug::CountsTimeIn31Bits), _) => time = in_31_bits(ttl),
            _ => {}
        }
        self.world.inner.renew(&key, holder, time).await
    }

    async fn release(&self, key: &StoreKey, holder: HolderId, release: Release) -> Result<(), StoreError> {
        let key = self.reach(key).await?;
        let (mut holder, mut release) = (holder, release);
        let current = self.world.holders.lock().unwrap().get(&key).copied();
        match (self.world.bug, current) {
            (Some(Bug::ReleasesForAnybody), Some((current, _))) => holder = current,
            (Some(Bug::CutsHolders), _) => holder = HolderId::from_u128(holder.as_u128() & u128::from(u64::MAX)),
            (Some(Bug::ForgetsWhatTheHolderDidNotLearn), _) => release.unsettled = false,
            (Some(Bug::ForgetsPauses), _) => release.pause = Duration::ZERO,
            (Some(Bug::CountsPausesIn31Bits), _) => release.pause = in_31_bits(release.pause),
            _ => {}
        }
        if current.is_some_and(|(current, _)| current == holder) {
            self.world.holders.lock().unwrap().remove(&key);
        }
        self.world.inner.release(&key, holder, release).await
    }

    fn change_feed(&self) -> Option<&dyn ChangeFeed> {
        Some(self)
    }
}

#[async_trait]
impl ChangeFeed for BuggyStore {
    async fn subscribe(&self) -> Result<Box<dyn Changes>, StoreError> {
        self.connect().await?;
        Ok(self.world.feed.subscribe(self.number).await)
    }
}

#[async_trait]
impl List for BuggyStore {
    async fn list(&self, from: Option<&Cursor>, limit: usize) -> Result<Page, StoreError> {
        self.connect().await?;
        let inner = &self.world.inner;
        if self.has(Bug::TakesAPlaceForACursor) {
            let place =
                from.map_or(0, |cursor| cursor.as_bytes().first_chunk().map_or(0, |at| usize::from_be_bytes(*at)));
            let all = inner.list(None, usize::MAX).await?.entries;
            let entries: Vec<_> = all.into_iter().skip(place).take(limit).collect();
            let next =
                (!entries.is_empty()).then(|| Cursor::from_bytes((place + entries.len()).to_be_bytes().to_vec()));
            return Ok(Page { entries, unreadable: Vec::new(), next });
        }
        if let (Some(cursor), true) = (from, self.has(Bug::PanicsOnForeignCursors)) {
            let _: [u8; 32] = cursor.as_bytes().try_into().unwrap();
        }
        let mut page = inner.list(from, limit).await?;
        let damaged: Vec<_> =
            page.entries.extract_if(.., |(key, _)| self.is_damaged(key)).map(|(key, _)| key).collect();
        match self.world.bug {
            Some(Bug::StopsAtDamage) if !damaged.is_empty() => {
                return Err(StoreError::new(StoreErrorKind::Corrupt, "list the records"));
            }
            Some(Bug::PassesDamageOver) => {}
            _ => page.unreadable = damaged,
        }
        if self.has(Bug::SkipsTheLastOfAPage) && page.entries.len() > 1 {
            page.entries.pop();
        }
        if self.has(Bug::ListsForEver) {
            page.next = page.next.or(from.cloned());
        }
        Ok(page)
    }
}

#[async_trait]
impl Sweep for BuggyStore {
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.connect().await?;
        match self.world.bug {
            Some(Bug::SweepsWithoutALimit) => self.world.inner.sweep(usize::MAX).await,
            Some(Bug::SweepsWhatIsLeased) => {
                let leased: Vec<_> = self.world.holders.lock().unwrap().drain().collect();
                for (key, (holder, _)) in leased {
                    self.world.inner.release(&key, holder, Release::default()).await?;
                }
                self.world.inner.sweep(limit).await
            }
            _ => self.world.inner.sweep(limit).await,
        }
    }
}

/// What becomes of a time that somebody keeps as an `i32` of milliseconds.
fn in_31_bits(time: Duration) -> Duration {
    let millis = i32::try_from(time.as_millis() & 0xffff_ffff).unwrap_or(0);
    Duration::from_millis(u64::from(millis.unsigned_abs()))
}
