//! [`Population`]: the sessions in a store.

use oidc_session_benches::medium_session;
use oidc_session_core::{Commit, Expected, Record, SessionId, SessionStore, StoreKey, Stored, Timestamp, Version};
use oidc_session_sealing::{KeyRing, Seal};

/// The sessions in a store. They share the bytes of one record, which no store looks into: so that only the store's own
/// copies take room.
#[derive(Debug)]
pub(crate) struct Population {
    members: Vec<Member>,
    current: usize,
    next: Stored,
}

/// One session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) key: StoreKey,
    pub(crate) version: Version,
}

const FIRST: Version = Version::from_u64(1);

impl Population {
    pub(crate) fn of(sessions: usize) -> Self {
        let member = |number| SessionId::named(format!("session-{number}")).expect("a short name").store_key();
        let members = (0..sessions).map(member).map(|key| Member { key, version: FIRST }).collect();
        Self { members, current: 0, next: Stored { version: FIRST, record: sealed_record() } }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.next.record
    }

    /// Puts all of them into an empty store.
    pub(crate) async fn move_into(&self, store: &dyn SessionStore) {
        for member in &self.members {
            let outcome = store.commit(&member.key, Expected::Absent, &self.next, None).await;
            assert_eq!(outcome.expect("committed"), Commit::Done);
        }
    }

    /// Whose turn it is.
    pub(crate) fn current(&self) -> &Member {
        &self.members[self.current]
    }

    /// The turn of the next one, and after the last one that of the first.
    pub(crate) fn advance(&mut self) {
        self.current = (self.current + 1) % self.members.len();
    }

    /// What is to be committed in place of the current one.
    pub(crate) fn replace(&mut self) -> &Stored {
        let member = &mut self.members[self.current];
        member.version = Version::from_u64(member.version.as_u64() + 1);
        self.next.version = member.version;
        &self.next
    }
}

/// The medium session, sealed.
pub(crate) fn sealed_record() -> Record {
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let seal = Seal::with(KeyRing::generate(now));
    let address = seal.address(&SessionId::random());
    seal.close(&address, Expected::Absent, &medium_session().into(), now).expect("it fits into a record").record
}
