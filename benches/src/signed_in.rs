//! [`SignedIn`]: a manager that knows its sessions.

use oidc_session_core::{Provider, Session, SessionId, SessionStore};
use oidc_session_manager::{FeedState, SessionHandle, SessionManager, SessionManagerBuilder};
use oidc_session_store_memory::MemoryStore;
use tokio::runtime::{self, Runtime};

use crate::{NeverAsked, fresh_session};

/// A manager that knows its sessions, all of them fresh, and hears of whatever changes them.
///
/// Nothing runs but what is run on its runtime, on the caller's thread. So long as it lives, what is known is confirmed.
#[derive(Debug)]
pub struct SignedIn {
    /// The manager.
    pub manager: SessionManager,
    /// The runtime that it was used on first.
    pub runtime: Runtime,
}

impl SignedIn {
    /// As many sessions as `ids`, over a store in memory.
    pub fn all(ids: &[SessionId]) -> Self {
        Self::over(NeverAsked::default(), MemoryStore::new(), ids, |builder| builder)
    }

    /// A handle of the only session of a manager.
    pub fn one() -> (Self, SessionHandle) {
        let id = SessionId::random();
        let sessions = Self::all(std::slice::from_ref(&id));
        let handle = sessions.manager.session(&id);
        (sessions, handle)
    }

    /// As many sessions as `ids`, over a provider and a store, with the manager set up further. Says on stderr how far it is.
    ///
    /// # Panics
    ///
    /// The store fails.
    pub fn over(
        provider: impl Provider,
        store: impl SessionStore,
        ids: &[SessionId],
        set_up: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder,
    ) -> Self {
        let sessions = Self::none(provider, store, ids.len(), set_up);
        sessions.runtime.block_on(async {
            sessions.sign_in(ids, &fresh_session()).await;
            sessions.confirm(ids).await;
        });
        sessions
    }

    /// A manager that knows nothing yet, and will keep `most` sessions in memory.
    pub fn none(
        provider: impl Provider,
        store: impl SessionStore,
        most: usize,
        set_up: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder,
    ) -> Self {
        // Memory is not to be tidied up in the middle of a measurement.
        let builder = SessionManager::builder(provider, store).most_cached(2 * most + 1_000);
        let manager = set_up(builder).build().expect("the defaults fit each other");
        let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { manager, runtime }
    }

    /// Has everything read and confirmed.
    ///
    /// # Panics
    ///
    /// The store fails, or one of the sessions is not there.
    pub async fn confirm(&self, ids: &[SessionId]) {
        // What was written before the feed was followed is looked at again with the next call.
        for id in ids {
            self.manager.session(id).authorization().await.expect("signed in");
        }
        // It is sought from the first call on.
        while !ids.is_empty() && self.manager.feed() == FeedState::NotFollowed {
            tokio::task::yield_now().await;
        }
        for id in ids {
            let handle = self.manager.session(id);
            handle.authorization().await.expect("signed in");
            assert!(handle.try_authorization().is_some(), "known, fresh and confirmed");
        }
    }

    async fn sign_in(&self, ids: &[SessionId], session: &Session) {
        for (done, id) in ids.iter().enumerate() {
            if done > 0 && done % 100_000 == 0 {
                eprintln!("signed in: {done} of {}", ids.len());
            }
            self.manager.session(id).sign_in(session.clone()).await.expect("memory does not fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_served_long_after_they_signed_in() {
        let ids = [SessionId::random(), SessionId::random()];
        let sessions = SignedIn::all(&ids);
        assert!(ids.iter().all(|id| sessions.manager.try_authorization(id).is_some()));
        let (gone, handle) = SignedIn::one();
        drop(gone);
        assert!(handle.try_authorization().is_none(), "nobody would hear of changes any more");
    }
}
