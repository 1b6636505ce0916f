//! [`Resealing`]: all records of a store, sealed with the newest key.

use std::time::Duration;

use oidc_session_core::{
    Clock, Commit, Expected, HolderId, Lease, RecordError, Release, SessionState, SessionStore as _, StoreKey, Stored,
    Walk, Walked,
};
use oidc_session_sealing::{Opened, OpenedNote, Seal};

use crate::failure::Failure;
use crate::moving::{Moved, Mover};
use crate::open_store::OpenStore;

/// How long the right to reseal one record lasts.
const LEASE: Duration = Duration::from_secs(20);

/// What became of the records of a store.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Resealing {
    /// Sealed anew.
    pub(crate) resealed: usize,
    /// Sealed with the newest key before.
    pub(crate) current: usize,
    /// Being refreshed just now, or resting: left alone.
    pub(crate) busy: usize,
    /// Not readable: left alone.
    pub(crate) unreadable: usize,
}

/// What became of one record.
enum Became {
    Resealed,
    Current,
    Busy,
    Unreadable,
}

impl Resealing {
    /// Walks over the store once. `progress` is told after each record.
    pub(crate) async fn of(
        store: &OpenStore,
        clock: &dyn Clock,
        mut progress: impl FnMut(&Self),
    ) -> Result<Self, Failure> {
        let mut counts = Self::default();
        let mut records = Walk::over(&*store.store);
        while let Some(walked) = records.next().await? {
            let became = match walked {
                Walked::Record { key, stored } => reseal(store, &key, &stored, clock).await?,
                Walked::Unreadable(_) => Became::Unreadable,
            };
            match became {
                Became::Resealed => counts.resealed += 1,
                Became::Current => counts.current += 1,
                Became::Busy => counts.busy += 1,
                Became::Unreadable => counts.unreadable += 1,
            }
            progress(&counts);
        }
        Ok(counts)
    }

    /// How many records were looked at.
    pub(crate) fn seen(&self) -> usize {
        self.resealed + self.current + self.busy + self.unreadable
    }
}

async fn reseal(store: &OpenStore, key: &StoreKey, stored: &Stored, clock: &dyn Clock) -> Result<Became, Failure> {
    match store.seal.reseal(key, stored, clock.now()) {
        Ok(None) => return Ok(Became::Current),
        Ok(Some(_)) => {}
        Err(RecordError::NotSealed) => return seal_first(store, key, stored, clock).await,
        Err(_) => return Ok(Became::Unreadable),
    }
    // A commit ends the lease and its journal, so it is made by the holder, and the journal goes into the record.
    let holder = HolderId::random();
    let (stored, unsettled) = match store.store.try_lease(key, holder, LEASE).await? {
        Lease::Granted { stored, unsettled } => (stored, unsettled),
        Lease::Absent => return Ok(Became::Current),
        Lease::Held { .. } | Lease::Paused { .. } => return Ok(Became::Busy),
    };
    let became = commit(store, key, &stored, unsettled, clock).await;
    if !matches!(became, Ok(Became::Resealed)) {
        store.store.release(key, holder, Release::default()).await?;
    }
    became
}

/// A record from before there was a key ring goes to the place that the ring gives it.
async fn seal_first(store: &OpenStore, key: &StoreKey, stored: &Stored, clock: &dyn Clock) -> Result<Became, Failure> {
    let from = OpenStore { store: store.store.clone(), seal: Seal::none() };
    let moved = Mover { from: &from, to: store, clock }.take(key, stored).await?;
    Ok(match moved {
        Moved::Arrived => Became::Resealed,
        Moved::Ended => Became::Current,
        Moved::Busy => Became::Busy,
        Moved::Occupied | Moved::Unreadable => Became::Unreadable,
    })
}

async fn commit(
    store: &OpenStore,
    key: &StoreKey,
    stored: &Stored,
    unsettled: u32,
    clock: &dyn Clock,
) -> Result<Became, Failure> {
    let (mut state, address) = match store.seal.open(key, stored) {
        Ok(Opened { state, address }) => (state, address),
        Err(RecordError::Note) => return commit_note(store, key, stored, clock).await,
        Err(_) => return Ok(Became::Unreadable),
    };
    if let SessionState::Active(session) = &mut state {
        session.unsettled_attempts = session.unsettled_attempts.saturating_add(unsettled);
    }
    let expected = Expected::At(stored.version);
    let next = store.seal.close(&address, expected, &state, clock.now())?;
    match store.store.commit(key, expected, &next, state.keep_until()).await? {
        Commit::Done => Ok(Became::Resealed),
        Commit::Conflict => Ok(Became::Busy),
    }
}

/// Nobody refreshes a note, so that there is no journal to carry along.
async fn commit_note(store: &OpenStore, key: &StoreKey, stored: &Stored, clock: &dyn Clock) -> Result<Became, Failure> {
    let Ok(OpenedNote { note, address }) = store.seal.open_note(key, stored) else { return Ok(Became::Unreadable) };
    let expected = Expected::At(stored.version);
    let next = store.seal.close_note(&address, expected, &note, clock.now())?;
    match store.store.commit(key, expected, &next, note.keep_until).await? {
        Commit::Done => Ok(Became::Resealed),
        Commit::Conflict => Ok(Became::Busy),
    }
}
