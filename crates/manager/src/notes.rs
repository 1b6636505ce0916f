//! [`Notes`]: what a program keeps beside its sessions, in the same store and under the same seal.

use std::fmt;
use std::sync::Arc;

use oidc_session_core::{Commit, Expected, Note, NoteName, Removal, StoreErrorKind, Version};

use crate::SessionError;
use crate::handle::MOST_CONFLICTS;
use crate::shared::Shared;

type Result<T> = std::result::Result<T, SessionError>;

/// Small facts that a program keeps beside its sessions, in the same store and under the same seal: see [`Note`].
///
/// They are for what all processes must know, and few ask for: nothing is kept in memory, each call goes to the store.
///
/// ```
/// # use oidc_session_core::{Note, NoteName, SessionData, Timestamp};
/// # async fn example(sessions: oidc_session_manager::SessionManager) -> Result<(), oidc_session_manager::SessionError> {
/// let name = NoteName::of("invitation", &["f81d4fae"]);
/// let is_first = sessions.notes().put_first(&name, &Note::new(SessionData::new(), None)).await?;
/// assert!(is_first, "used before");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Notes(pub(crate) Arc<Shared>);

impl Notes {
    /// The note of this name, if there is one.
    ///
    /// # Errors
    ///
    /// The store failed, or the record is damaged.
    pub async fn read(&self, name: &NoteName) -> Result<Option<Note>> {
        Ok(self.load(name).await?.and_then(|(_, note)| note))
    }

    /// Puts a note where there is none. `false` if there is one, which stays as it is.
    ///
    /// Of many who try at once, one is told `true`, unless the store fails: then perhaps none.
    ///
    /// # Errors
    ///
    /// The store failed; the note may be there all the same. Or the note is too large.
    pub async fn put_first(&self, name: &NoteName, note: &Note) -> Result<bool> {
        if self.commit(name, Expected::Absent, note).await? == Commit::Done {
            return Ok(true);
        }
        match self.load(name).await? {
            // One that is over, and that the store has not forgotten yet.
            Some((version, None)) => Ok(self.commit(name, Expected::At(version), note).await? == Commit::Done),
            _ => Ok(false),
        }
    }

    /// Puts what `change` makes of a note in its place; `None` removes it. Whoever else changes it meanwhile comes before or
    /// after, so `change` may be called several times. What it leaves as it was is not written.
    ///
    /// # Errors
    ///
    /// The store failed; the change may have happened all the same. Or others kept changing it, or the note is too large.
    pub async fn change(
        &self,
        name: &NoteName,
        mut change: impl FnMut(Option<Note>) -> Option<Note> + Send,
    ) -> Result<()> {
        for _ in 0..MOST_CONFLICTS {
            let (version, note) = self.load(name).await?.map_or((None, None), |(version, note)| (Some(version), note));
            let next = change(note.clone());
            if next == note {
                return Ok(());
            }
            let is_done = match (version, next) {
                (Some(version), None) => {
                    let key = self.0.seal.address_of_note(name).key;
                    let call = self.0.store.remove(&key, version);
                    self.0.within_budget("remove a note", call).await? == Removal::Done
                }
                (version, Some(next)) => {
                    let expected = version.map_or(Expected::Absent, Expected::At);
                    self.commit(name, expected, &next).await? == Commit::Done
                }
                (None, None) => true,
            };
            if is_done {
                return Ok(());
            }
        }
        Err(SessionError::busy())
    }

    /// What is there, and what it says unless it is over.
    async fn load(&self, name: &NoteName) -> Result<Option<(Version, Option<Note>)>> {
        let Shared { seal, store, clock, .. } = &*self.0;
        let key = seal.address_of_note(name).key;
        let Some(stored) = self.0.within_budget("load a note", store.load(&key)).await? else {
            return Ok(None);
        };
        let note = seal.open_note(&key, &stored)?.note;
        let is_over = note.keep_until.is_some_and(|until| until <= clock.now());
        Ok(Some((stored.version, (!is_over).then_some(note))))
    }

    async fn commit(&self, name: &NoteName, expected: Expected, note: &Note) -> Result<Commit> {
        let Shared { seal, store, clock, .. } = &*self.0;
        let address = seal.address_of_note(name);
        let stored = seal.close_note(&address, expected, note, clock.now())?;
        let call = store.commit(&address.key, expected, &stored, note.keep_until);
        match self.0.within_budget("commit a note", call).await {
            Ok(commit) => Ok(commit),
            // It may be there all the same.
            Err(error) if error.kind() == StoreErrorKind::Unavailable => {
                let found = self.0.within_budget("load a note", store.load(&address.key)).await?;
                if found.is_some_and(|found| found == stored) { Ok(Commit::Done) } else { Err(error.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes").field("store", &self.0.store).finish_non_exhaustive()
    }
}
