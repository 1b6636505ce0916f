//! [`Sessions`]: what the calls of a store do to the files.

use std::collections::BTreeSet;
use std::time::Duration;

use oidc_session_core::{
    Commit, Expected, HolderId, Lease, LeaseClaim, LeaseState, LeaseTerm, Record, Release, Removal, Renewal,
    StoreErrorKind, StoreKey, Stored, Timestamp, Version,
};

use crate::error::Trouble;
use crate::folder::Folder;
use crate::frame::Unreadable;
use crate::lease_file::{self, LeaseFile};
use crate::name::{Found, Name};
use crate::record_file::{self, RecordFile};

/// The sessions of a folder. Whatever changes something is called by who holds the lock, and reads anew what it changes.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    folder: Folder,
}

/// What a crash or a remove has left behind, and may be tidied up under the lock.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    drafts: Vec<String>,
    leases: Vec<StoreKey>,
}

/// The lease of one version, as it was found.
#[derive(Clone, Copy, Debug)]
enum KnownLease {
    As(LeaseState),
    /// Nobody can tell whose it is.
    Damaged,
}

impl Leftovers {
    pub(crate) fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.leases.is_empty()
    }
}

impl Sessions {
    pub(crate) fn of(folder: Folder) -> Self {
        Self { folder }
    }

    pub(crate) fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Trouble> {
        Ok(self.record(key)?.map(|file| file.stored))
    }

    /// One step, the replacement of the record's file, commits the record and ends its lease.
    pub(crate) fn commit(
        &self,
        key: &StoreKey,
        expected: Expected,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<Commit, Trouble> {
        if next.record.as_bytes().len() > Record::MAX_STORED_LENGTH {
            // It could not be read back.
            return Err(Trouble::refused(StoreErrorKind::Misconfigured, "the record is larger than a record may be"));
        }
        if self.found(key)? != expected {
            return Ok(Commit::Conflict);
        }
        self.folder.replace(Name::Record(*key), &RecordFile::encode(next, keep_until, key))?;
        self.forget_lease(key);
        Ok(Commit::Done)
    }

    pub(crate) fn remove(&self, key: &StoreKey, expected: Version) -> Result<Removal, Trouble> {
        if self.found(key)? != Expected::At(expected) {
            return Ok(Removal::Conflict);
        }
        self.folder.remove(&Name::Record(*key).text())?;
        self.folder.sync()?;
        self.forget_lease(key);
        Ok(Removal::Done)
    }

    pub(crate) fn try_lease(
        &self,
        key: &StoreKey,
        holder: HolderId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Lease, Trouble> {
        let Some(RecordFile { stored, .. }) = self.record(key)? else {
            return Ok(Lease::Absent);
        };
        let found = self.lease(key, stored.version)?;
        let mut state = match found {
            KnownLease::As(state) => state,
            // As if somebody had just taken it: nobody presents a token while its holder may still be alive, and when
            // it ends it is an attempt whose outcome nobody learned.
            KnownLease::Damaged => LeaseState {
                claim: LeaseClaim::Leased { holder: HolderId::random(), term: LeaseTerm::new(ttl, now) },
                unsettled: 0,
            },
        };
        let lease = state.try_lease(&stored, holder, ttl, now);
        self.keep_lease(key, stored.version, &found, state)?;
        Ok(lease)
    }

    pub(crate) fn renew(
        &self,
        key: &StoreKey,
        holder: HolderId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Renewal, Trouble> {
        let renewal = self.change_lease(key, |state| state.renew(holder, ttl, now))?;
        Ok(renewal.unwrap_or(Renewal::Lost))
    }

    pub(crate) fn release(
        &self,
        key: &StoreKey,
        holder: HolderId,
        release: Release,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        self.change_lease(key, |state| state.release(holder, release, now))?;
        Ok(())
    }

    /// The first keys after `after`, in their order. Whoever calls holds the lock: some file systems would leave out a
    /// file that is replaced while the folder is read.
    pub(crate) fn keys_after(&self, after: Option<StoreKey>, limit: usize) -> Result<BTreeSet<StoreKey>, Trouble> {
        let mut first = BTreeSet::new();
        for found in self.folder.scan()? {
            if let Found::Ours(Name::Record(key)) = found?
                && after.is_none_or(|after| key > after)
            {
                first.insert(key);
                if first.len() > limit.max(1) {
                    first.pop_last();
                }
            }
        }
        Ok(first)
    }

    /// Records that a sweep may drop as things stand, at most `limit`. What cannot be read is not among them.
    pub(crate) fn disposable(&self, limit: usize, now: Timestamp) -> Result<Vec<StoreKey>, Trouble> {
        let mut disposable = Vec::new();
        for found in self.folder.scan()? {
            if disposable.len() >= limit {
                break;
            }
            if let Found::Ours(Name::Record(key)) = found?
                && self.is_disposable(&key, now)?
            {
                disposable.push(key);
            }
        }
        Ok(disposable)
    }

    /// Drops those of `keys` that may still be dropped, and tells how many.
    pub(crate) fn drop_disposable(&self, keys: &[StoreKey], now: Timestamp) -> Result<usize, Trouble> {
        let mut dropped = Vec::new();
        for key in keys {
            if self.is_disposable(key, now)? {
                self.folder.remove(&Name::Record(*key).text())?;
                dropped.push(key);
            }
        }
        if !dropped.is_empty() {
            self.folder.sync()?;
        }
        for key in &dropped {
            self.forget_lease(key);
        }
        Ok(dropped.len())
    }

    /// What looks left behind, and is, unless somebody is at work. Makes loose permissions tight on the way.
    pub(crate) fn leftovers(&self) -> Result<Leftovers, Trouble> {
        let mut leftovers = Leftovers::default();
        for found in self.folder.scan()? {
            match found? {
                Found::Draft(name) => leftovers.drafts.push(name),
                Found::Ours(name) => {
                    self.folder.make_private(name)?;
                    if let Name::Lease(key) = name
                        && !self.folder.has(Name::Record(key))?
                    {
                        leftovers.leases.push(key);
                    }
                }
                Found::Foreign => {}
            }
        }
        Ok(leftovers)
    }

    /// Whoever calls holds the lock, so nobody is writing a draft: those that are still there are of the dead.
    pub(crate) fn tidy_up(&self, leftovers: &Leftovers) -> Result<(), Trouble> {
        for draft in &leftovers.drafts {
            self.folder.remove(draft)?;
        }
        for key in &leftovers.leases {
            if !self.folder.has(Name::Record(*key))? {
                self.folder.remove(&Name::Lease(*key).text())?;
            }
        }
        Ok(())
    }

    fn record(&self, key: &StoreKey) -> Result<Option<RecordFile>, Trouble> {
        let name = Name::Record(*key);
        let Some(bytes) = self.folder.read(name, record_file::MAX_LENGTH)? else {
            return Ok(None);
        };
        RecordFile::decode(&bytes, key).map(Some).map_err(|why| Trouble::unreadable(&name.text(), why))
    }

    fn found(&self, key: &StoreKey) -> Result<Expected, Trouble> {
        Ok(self.record(key)?.map_or(Expected::Absent, |file| Expected::At(file.stored.version)))
    }

    fn lease(&self, key: &StoreKey, version: Version) -> Result<KnownLease, Trouble> {
        let name = Name::Lease(*key);
        let Some(bytes) = self.folder.read(name, lease_file::MAX_LENGTH)? else {
            return Ok(KnownLease::As(LeaseState::FREE));
        };
        match LeaseFile::decode(&bytes, key) {
            Ok(file) if file.version == version => Ok(KnownLease::As(file.state)),
            // What it was about has been committed or removed since.
            Ok(_) => Ok(KnownLease::As(LeaseState::FREE)),
            Err(Unreadable::Damaged) => Ok(KnownLease::Damaged),
            Err(newer) => Err(Trouble::unreadable(&name.text(), newer)),
        }
    }

    /// Lets `change` work on the lease, unless there is no record or the lease is damaged.
    fn change_lease<T>(&self, key: &StoreKey, change: impl FnOnce(&mut LeaseState) -> T) -> Result<Option<T>, Trouble> {
        let Some(RecordFile { stored, .. }) = self.record(key)? else {
            return Ok(None);
        };
        let found = self.lease(key, stored.version)?;
        let KnownLease::As(mut state) = found else {
            return Ok(None);
        };
        let result = change(&mut state);
        self.keep_lease(key, stored.version, &found, state)?;
        Ok(Some(result))
    }

    fn keep_lease(
        &self,
        key: &StoreKey,
        version: Version,
        found: &KnownLease,
        state: LeaseState,
    ) -> Result<(), Trouble> {
        match found {
            KnownLease::As(found) if *found == state => Ok(()),
            // No file says the same.
            _ if state == LeaseState::FREE => {
                self.folder.remove(&Name::Lease(*key).text())?;
                self.folder.sync()
            }
            _ => self.folder.replace(Name::Lease(*key), &LeaseFile { version, state }.encode(key)),
        }
    }

    /// The lease has ended already, with its version. Its file is only in the way.
    fn forget_lease(&self, key: &StoreKey) {
        let _ = self.folder.remove(&Name::Lease(*key).text());
    }

    fn is_disposable(&self, key: &StoreKey, now: Timestamp) -> Result<bool, Trouble> {
        let leave_alone = |trouble: Trouble| match trouble.kind() {
            StoreErrorKind::Unavailable => Err(trouble),
            _ => Ok(false), // Whoever loads it will be told.
        };
        let file = match self.record(key) {
            Ok(Some(file)) if file.keep_until.is_some_and(|keep_until| keep_until < now) => file,
            Ok(_) => return Ok(false),
            Err(trouble) => return leave_alone(trouble),
        };
        match self.lease(key, file.stored.version) {
            Ok(KnownLease::As(mut state)) => Ok(!state.is_leased(now)),
            Ok(KnownLease::Damaged) => Ok(false), // Its refresh is about to commit.
            Err(trouble) => leave_alone(trouble),
        }
    }
}
