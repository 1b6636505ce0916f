//! [`Mover`]: takes sessions from one store to another, one at a time, so that nobody ever uses both.
//!
//! 1. Under the lease of the old place, the session becomes the tombstone of a moved one, with the session inside: from
//!    here on nobody refreshes it there, and nothing is lost if this program dies.
//! 2. It is committed at the new place: from here on it is in use again.
//! 3. The tombstone at the old place lets go of it.
//!
//! Whoever runs it again finds what is on its way, and goes on with step 2. If the session has arrived before, and has moved
//! on, or is to go back, the tombstone holds an outdated copy, which is dropped.

use std::time::Duration;

use oidc_session_core::{
    Clock, Commit, EndReason, Expected, HolderId, Lease, Limits, RecordError, Release, Removal, Session, SessionState,
    SessionStore as _, SignInId, StoreKey, Stored, Timestamp, Tombstone, Version,
};
use oidc_session_sealing::{Address, Opened, OpenedNote};

use crate::failure::Failure;
use crate::open_store::OpenStore;

/// How long the right to move one session lasts.
const LEASE: Duration = Duration::from_secs(20);

/// How often the new place is looked at again because somebody else wrote there meanwhile.
const MOST_CONFLICTS: usize = 8;

/// Takes sessions from one store to another.
pub(crate) struct Mover<'a> {
    pub(crate) from: &'a OpenStore,
    pub(crate) to: &'a OpenStore,
    pub(crate) clock: &'a dyn Clock,
}

/// What became of a record of the old store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moved {
    /// The session lives at the new place.
    Arrived,
    /// There is nothing to move: the session has ended, or has been moved before.
    Ended,
    /// It is being refreshed just now, or rests: it was left alone.
    Busy,
    /// There is another session of the same name at the new place: both were left alone.
    Occupied,
    /// It cannot be read, or does not fit: it was left alone.
    Unreadable,
}

impl Mover<'_> {
    /// Moves what `stored` is at `key`, if it is a session.
    ///
    /// # Errors
    ///
    /// Both places are the same, under two names; a store fails.
    pub(crate) async fn take(&self, key: &StoreKey, stored: &Stored) -> Result<Moved, Failure> {
        let (state, address) = match self.from.seal.open(key, stored) {
            Ok(Opened { state, address }) => (state, address),
            Err(RecordError::Note) => return self.take_note(key, stored).await,
            Err(_) => return Ok(Moved::Unreadable),
        };
        match state {
            SessionState::Active(session) => self.depart(&address, &session).await,
            SessionState::Ended(tombstone) => match tombstone.moving {
                Some(session) => self.arrive(&address, stored.version, tombstone.ended_at, *session).await,
                None => Ok(Moved::Ended),
            },
        }
    }

    /// A note is nobody's turn: it is copied, then removed. If there is one of its name, that one is newer.
    async fn take_note(&self, key: &StoreKey, stored: &Stored) -> Result<Moved, Failure> {
        let Ok(OpenedNote { note, address }) = self.from.seal.open_note(key, stored) else {
            return Ok(Moved::Unreadable);
        };
        let new = self.to.seal.address_of_digest(address.digest);
        let Ok(next) = self.to.seal.close_note(&new, Expected::Absent, &note, self.clock.now()) else {
            return Ok(Moved::Unreadable);
        };
        match self.to.store.commit(&new.key, Expected::Absent, &next, note.keep_until).await? {
            Commit::Done => {}
            Commit::Conflict => return Ok(Moved::Ended),
        }
        // Changed meanwhile: the copy is an older one, and a later move would find it in the way.
        if self.from.store.remove(key, stored.version).await? == Removal::Conflict {
            let _ = self.to.store.remove(&new.key, next.version).await?;
            return Ok(Moved::Busy);
        }
        Ok(Moved::Arrived)
    }

    /// Step 1.
    async fn depart(&self, address: &Address, session: &Session) -> Result<Moved, Failure> {
        // Looked at before the lease is taken: if the session is in use here after that, the copy there is outdated.
        let outdated = match self.ahead(address, session).await? {
            Ahead::Free => None,
            Ahead::Outdated(version) => Some(version),
            Ahead::Blocked(moved) => return Ok(moved),
        };
        let holder = HolderId::random();
        let (stored, unsettled) = match self.from.store.try_lease(&address.key, holder, LEASE).await? {
            Lease::Granted { stored, unsettled } => (stored, unsettled),
            Lease::Absent => return Ok(Moved::Ended),
            Lease::Held { .. } | Lease::Paused { .. } => return Ok(Moved::Busy),
        };
        let departed = self.depart_leased(address, &stored, unsettled, outdated).await;
        match departed {
            Ok(Departed::As { version, at, session }) => self.arrive(address, version, at, *session).await,
            Ok(Departed::Not(moved)) => {
                self.from.store.release(&address.key, holder, Release::default()).await?;
                Ok(moved)
            }
            Err(failure) => {
                // A lease that cannot be given back ends by itself.
                let _ = self.from.store.release(&address.key, holder, Release::default()).await;
                Err(failure)
            }
        }
    }

    async fn depart_leased(
        &self,
        address: &Address,
        stored: &Stored,
        unsettled: u32,
        outdated: Option<(Version, SignInId)>,
    ) -> Result<Departed, Failure> {
        let mut session = match self.from.seal.open(&address.key, stored) {
            Ok(Opened { state: SessionState::Active(session), .. }) => session,
            Ok(_) => return Ok(Departed::Not(Moved::Ended)),
            Err(_) => return Ok(Departed::Not(Moved::Unreadable)),
        };
        if let Some((version, sign_in_id)) = outdated {
            if session.sign_in_id != sign_in_id {
                return Ok(Departed::Not(Moved::Busy));
            }
            let new = self.to.seal.address_of_digest(address.digest);
            if self.bury(self.to, &new, version, &session).await? == Commit::Conflict {
                return Ok(Departed::Not(Moved::Busy));
            }
        }
        // The journal of the old place ends with this commit.
        session.unsettled_attempts = session.unsettled_attempts.saturating_add(unsettled);
        let at = self.clock.now();
        let tombstone = Tombstone::of_moving((*session).clone(), at).into();
        let Ok(next) = self.from.seal.close(address, Expected::At(stored.version), &tombstone, at) else {
            return Ok(Departed::Not(Moved::Unreadable));
        };
        // Not to be swept before it has arrived.
        match self.from.store.commit(&address.key, Expected::At(stored.version), &next, None).await? {
            Commit::Done => Ok(Departed::As { version: next.version, at, session }),
            Commit::Conflict => Ok(Departed::Not(Moved::Busy)),
        }
    }

    /// Steps 2 and 3. `left` is the version of the tombstone that holds the session, which left at `left_at`.
    async fn arrive(
        &self,
        old: &Address,
        left: Version,
        left_at: Timestamp,
        session: Session,
    ) -> Result<Moved, Failure> {
        let new = self.to.seal.address_of_digest(old.digest);
        let sign_in_id = session.sign_in_id;
        let state = SessionState::from(session);
        let SessionState::Active(session) = &state else { return Ok(Moved::Ended) };
        for _ in 0..MOST_CONFLICTS {
            let there = self.to.store.load(&new.key).await?;
            let expected = match &there {
                None => Expected::Absent,
                Some(stored) => {
                    let Ok(Opened { state: found, .. }) = self.to.seal.open(&new.key, stored) else {
                        return Ok(Moved::Unreadable);
                    };
                    match found {
                        SessionState::Ended(_) if (new.key, stored.version) == (old.key, left) => {
                            return self.stay(old, left, &state).await;
                        }
                        SessionState::Ended(tombstone) if tombstone.moving.is_some() => return Ok(Moved::Busy),
                        SessionState::Ended(tombstone) if tombstone.reason == EndReason::Moved => {
                            // It was here before it left from where it is now, or else it came here and has gone on.
                            let is_later = tombstone.ended_at > left_at + Limits::CLOCK_TOLERANCE;
                            if tombstone.sign_in_id == sign_in_id && is_later {
                                let _ = self.bury(self.from, old, left, session).await?;
                                return Ok(Moved::Ended);
                            }
                            Expected::At(stored.version)
                        }
                        found if found.sign_in_id() == sign_in_id => return self.let_go(old, left, session).await,
                        SessionState::Active(_) => return Ok(Moved::Occupied),
                        SessionState::Ended(_) => Expected::At(stored.version),
                    }
                }
            };
            let Ok(next) = self.to.seal.close(&new, expected, &state, self.clock.now()) else {
                return Ok(Moved::Unreadable);
            };
            if self.to.store.commit(&new.key, expected, &next, state.keep_until()).await? == Commit::Done {
                return self.let_go(old, left, session).await;
            }
        }
        Ok(Moved::Busy)
    }

    /// Step 3.
    async fn let_go(&self, old: &Address, left: Version, session: &Session) -> Result<Moved, Failure> {
        // A conflict is a new sign-in at the old place, which is none of ours.
        let _ = self.bury(self.from, old, left, session).await?;
        Ok(Moved::Arrived)
    }

    /// Takes step 1 back: the new place turned out to be the old one, under another name.
    async fn stay(&self, old: &Address, left: Version, state: &SessionState) -> Result<Moved, Failure> {
        let next = self.from.seal.close(old, Expected::At(left), state, self.clock.now())?;
        let _ = self.from.store.commit(&old.key, Expected::At(left), &next, state.keep_until()).await?;
        Err(Failure::usage("--from and --to are one store under two names, with the same key ring"))
    }

    /// Puts the tombstone of a moved session, without the session, in place of what is at `version`.
    async fn bury(
        &self,
        place: &OpenStore,
        address: &Address,
        version: Version,
        session: &Session,
    ) -> Result<Commit, Failure> {
        let now = self.clock.now();
        let tombstone = SessionState::from(Tombstone::of(session, EndReason::Moved, None, now));
        let next = place.seal.close(address, Expected::At(version), &tombstone, now)?;
        Ok(place.store.commit(&address.key, Expected::At(version), &next, tombstone.keep_until()).await?)
    }

    /// What a session that is in use at the old place would meet at the new one.
    async fn ahead(&self, old: &Address, session: &Session) -> Result<Ahead, Failure> {
        let new = self.to.seal.address_of_digest(old.digest);
        let Some(stored) = self.to.store.load(&new.key).await? else { return Ok(Ahead::Free) };
        let Ok(Opened { state: found, .. }) = self.to.seal.open(&new.key, &stored) else {
            return Ok(Ahead::Blocked(Moved::Unreadable));
        };
        Ok(match found {
            SessionState::Ended(tombstone) if tombstone.moving.is_some() => match tombstone.sign_in_id {
                sign_in_id if sign_in_id == session.sign_in_id => Ahead::Outdated((stored.version, sign_in_id)),
                _ => Ahead::Blocked(Moved::Occupied),
            },
            SessionState::Active(found) if found.sign_in_id != session.sign_in_id => Ahead::Blocked(Moved::Occupied),
            SessionState::Active(_) | SessionState::Ended(_) => Ahead::Free,
        })
    }
}

/// What is at the new place before step 1.
enum Ahead {
    /// Nothing that would be in the way.
    Free,
    /// A copy of the same session that was left when it came from there: its version, and of which sign-in it is.
    Outdated((Version, SignInId)),
    /// What has to stay.
    Blocked(Moved),
}

/// What became of step 1.
enum Departed {
    /// The session is on its way, from a tombstone of this version.
    As {
        version: Version,
        at: Timestamp,
        session: Box<Session>,
    },
    Not(Moved),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use oidc_session_core::{ProviderId, RefreshToken, SessionId, SystemClock, TokenSet};
    use oidc_session_sealing::{KeyRing, Seal};
    use oidc_session_store_memory::MemoryStore;
    use oidc_session_testkit::ManualClock;

    use super::*;

    /// Two stores with a key ring each, and a session in the first.
    struct Scene {
        from: OpenStore,
        to: OpenStore,
    }

    impl Scene {
        async fn set() -> Self {
            let scene = Self { from: store(), to: store() };
            scene.sign_in(&scene.from, "rt-1").await;
            scene
        }

        async fn sign_in(&self, place: &OpenStore, refresh_token: &str) {
            let now = SystemClock.now();
            let mut tokens = TokenSet::new(now, now);
            tokens.refresh_token = Some(RefreshToken::new(refresh_token));
            let state = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", tokens).into();
            let address = place.seal.address(&id());
            let found = place.store.load(&address.key).await.unwrap();
            let expected = found.map_or(Expected::Absent, |stored| Expected::At(stored.version));
            let next = place.seal.close(&address, expected, &state, now).unwrap();
            assert_eq!(place.store.commit(&address.key, expected, &next, None).await.unwrap(), Commit::Done);
        }

        fn mover(&self) -> Mover<'_> {
            Mover { from: &self.from, to: &self.to, clock: &SystemClock }
        }

        /// Runs the command once more.
        async fn take(&self) -> Moved {
            let address = self.from.seal.address(&id());
            let stored = self.from.store.load(&address.key).await.unwrap().unwrap();
            self.mover().take(&address.key, &stored).await.unwrap()
        }

        /// Step 1, after which the program dies.
        async fn departs(&self) -> (Version, Timestamp, Box<Session>) {
            let address = self.from.seal.address(&id());
            let Lease::Granted { stored, unsettled } =
                self.from.store.try_lease(&address.key, HolderId::random(), LEASE).await.unwrap()
            else {
                panic!("somebody holds the lease");
            };
            match self.mover().depart_leased(&address, &stored, unsettled, None).await.unwrap() {
                Departed::As { version, at, session } => (version, at, session),
                Departed::Not(moved) => panic!("{moved:?}"),
            }
        }
    }

    fn store() -> OpenStore {
        let seal = Seal::with(KeyRing::generate(SystemClock.now()));
        OpenStore { store: Arc::new(MemoryStore::new()), seal }
    }

    fn id() -> SessionId {
        SessionId::named("default").unwrap()
    }

    async fn state(place: &OpenStore) -> Option<SessionState> {
        let key = place.key(&id());
        let stored = place.store.load(&key).await.unwrap()?;
        Some(place.seal.open(&key, &stored).unwrap().state)
    }

    /// The refresh token that programs of this store would present.
    async fn in_use(place: &OpenStore) -> Option<String> {
        match state(place).await? {
            SessionState::Active(session) => Some(session.tokens.refresh_token?.expose().to_owned()),
            SessionState::Ended(_) => None,
        }
    }

    #[tokio::test]
    async fn a_session_is_in_use_at_one_place_at_every_step() {
        let scene = Scene::set().await;
        assert_eq!((in_use(&scene.from).await, in_use(&scene.to).await), (Some("rt-1".into()), None));
        let (left, at, session) = scene.departs().await;
        assert_eq!((in_use(&scene.from).await, in_use(&scene.to).await), (None, None));
        let address = scene.from.seal.address(&id());
        assert_eq!(scene.mover().arrive(&address, left, at, *session).await.unwrap(), Moved::Arrived);
        assert_eq!((in_use(&scene.from).await, in_use(&scene.to).await), (None, Some("rt-1".into())));
        let Some(SessionState::Ended(tombstone)) = state(&scene.from).await else { panic!("it has not left") };
        assert_eq!((tombstone.reason, tombstone.moving), (EndReason::Moved, None));
    }

    #[tokio::test]
    async fn what_a_killed_move_left_on_its_way_arrives_with_the_next() {
        let scene = Scene::set().await;
        scene.departs().await;
        assert_eq!(scene.take().await, Moved::Arrived);
        assert_eq!(in_use(&scene.to).await.as_deref(), Some("rt-1"));
        assert_eq!(scene.take().await, Moved::Ended);
    }

    #[tokio::test]
    async fn what_had_arrived_before_the_move_was_killed_is_not_brought_again() {
        let scene = Scene::set().await;
        let (_, _, session) = scene.departs().await;
        let address = scene.to.seal.address(&id());
        let arrived = SessionState::from(*session);
        let next = scene.to.seal.close(&address, Expected::Absent, &arrived, SystemClock.now()).unwrap();
        assert_eq!(scene.to.store.commit(&address.key, Expected::Absent, &next, None).await.unwrap(), Commit::Done);
        // It has been refreshed, or even logged out, at the new place meanwhile.
        let SessionState::Active(session) = arrived else { panic!("it has ended") };
        let now = SystemClock.now();
        let ended = Tombstone::of(&session, EndReason::LoggedOut, None, now).into();
        let expected = Expected::At(next.version);
        let next = scene.to.seal.close(&address, expected, &ended, now).unwrap();
        assert_eq!(scene.to.store.commit(&address.key, expected, &next, None).await.unwrap(), Commit::Done);

        assert_eq!(scene.take().await, Moved::Arrived);
        assert_eq!(in_use(&scene.to).await, None, "the logout stands");
        assert_eq!(scene.take().await, Moved::Ended);
    }

    #[tokio::test]
    async fn a_session_that_is_being_refreshed_stays() {
        let scene = Scene::set().await;
        let key = scene.from.key(&id());
        let lease = scene.from.store.try_lease(&key, HolderId::random(), LEASE).await.unwrap();
        assert!(matches!(lease, Lease::Granted { .. }));
        assert_eq!(scene.take().await, Moved::Busy);
        assert_eq!((in_use(&scene.from).await, in_use(&scene.to).await), (Some("rt-1".into()), None));
    }

    #[tokio::test]
    async fn the_journal_goes_along() {
        let scene = Scene::set().await;
        let (key, holder) = (scene.from.key(&id()), HolderId::random());
        let lease = scene.from.store.try_lease(&key, holder, LEASE).await.unwrap();
        assert!(matches!(lease, Lease::Granted { .. }));
        let release = Release { unsettled: true, ..Release::default() };
        scene.from.store.release(&key, holder, release).await.unwrap();
        assert_eq!(scene.take().await, Moved::Arrived);
        let Some(SessionState::Active(session)) = state(&scene.to).await else { panic!("it has not arrived") };
        assert_eq!(session.unsettled_attempts, 1);
    }

    #[tokio::test]
    async fn a_namesake_at_the_new_place_stays_and_so_does_the_session() {
        let scene = Scene::set().await;
        scene.sign_in(&scene.to, "rt-other").await;
        assert_eq!(scene.take().await, Moved::Occupied);
        assert_eq!(
            (in_use(&scene.from).await, in_use(&scene.to).await),
            (Some("rt-1".into()), Some("rt-other".into()))
        );
    }

    #[tokio::test]
    async fn a_new_sign_in_at_the_old_place_is_not_undone() {
        let scene = Scene::set().await;
        let (left, at, session) = scene.departs().await;
        scene.sign_in(&scene.from, "rt-new").await;
        let address = scene.from.seal.address(&id());
        assert_eq!(scene.mover().arrive(&address, left, at, *session).await.unwrap(), Moved::Arrived);
        assert_eq!((in_use(&scene.from).await, in_use(&scene.to).await), (Some("rt-new".into()), Some("rt-1".into())));
    }

    /// Runs the command with the stores exchanged.
    async fn takes_back(scene: &Scene) -> Moved {
        let key = scene.to.key(&id());
        let stored = scene.to.store.load(&key).await.unwrap().unwrap();
        Mover { from: &scene.to, to: &scene.from, clock: &SystemClock }.take(&key, &stored).await.unwrap()
    }

    /// The program dies after the session has arrived, and before the old place lets go of it.
    async fn arrives_and_dies(scene: &Scene) {
        let (_, _, session) = scene.departs().await;
        let address = scene.to.seal.address(&id());
        let arrived = SessionState::from(*session);
        let next = scene.to.seal.close(&address, Expected::Absent, &arrived, SystemClock.now()).unwrap();
        assert_eq!(scene.to.store.commit(&address.key, Expected::Absent, &next, None).await.unwrap(), Commit::Done);
    }

    #[tokio::test]
    async fn a_session_whose_move_was_killed_after_it_had_arrived_goes_back_all_the_same() {
        let scene = Scene::set().await;
        arrives_and_dies(&scene).await;
        assert_eq!(takes_back(&scene).await, Moved::Arrived);
        assert_eq!((in_use(&scene.from).await, in_use(&scene.to).await), (Some("rt-1".into()), None));
        assert_eq!(scene.take().await, Moved::Arrived, "and to and fro");
        assert_eq!((in_use(&scene.from).await, in_use(&scene.to).await), (None, Some("rt-1".into())));
    }

    #[tokio::test]
    async fn a_copy_left_by_a_killed_move_is_dropped_when_the_session_has_gone_on() {
        let scene = Scene::set().await;
        arrives_and_dies(&scene).await;
        // From there it moves on to a third store, minutes later.
        let third = store();
        let clock = ManualClock::new();
        clock.advance(SystemClock.now().saturating_since(clock.now()) + Duration::from_secs(300));
        let (key, onward) = (scene.to.key(&id()), Mover { from: &scene.to, to: &third, clock: &clock });
        let stored = scene.to.store.load(&key).await.unwrap().unwrap();
        assert_eq!(onward.take(&key, &stored).await.unwrap(), Moved::Arrived);

        assert_eq!(scene.take().await, Moved::Ended);
        assert_eq!((in_use(&scene.to).await, in_use(&third).await), (None, Some("rt-1".into())));
        let Some(SessionState::Ended(tombstone)) = state(&scene.from).await else { panic!("it is in use") };
        assert_eq!(tombstone.moving, None);
    }

    #[tokio::test]
    async fn one_store_under_two_names_is_noticed_and_the_session_stays() {
        let mut scene = Scene::set().await;
        scene.to = scene.from.clone();
        let key = scene.from.key(&id());
        let stored = scene.from.store.load(&key).await.unwrap().unwrap();
        let failure = scene.mover().take(&key, &stored).await.unwrap_err();
        assert!(failure.message().contains("one store under two names"), "{failure:?}");
        assert_eq!(in_use(&scene.from).await.as_deref(), Some("rt-1"));
    }

    #[tokio::test]
    async fn an_unreadable_record_at_the_new_place_is_left_alone_and_so_is_the_session() {
        let scene = Scene::set().await;
        let other = OpenStore { store: scene.to.store.clone(), seal: store().seal };
        let address = scene.to.seal.address(&id());
        let ended = state(&scene.from).await.unwrap();
        let foreign =
            other.seal.close(&other.seal.address(&id()), Expected::Absent, &ended, SystemClock.now()).unwrap();
        assert_eq!(scene.to.store.commit(&address.key, Expected::Absent, &foreign, None).await.unwrap(), Commit::Done);
        assert_eq!(scene.take().await, Moved::Unreadable);
        assert_eq!(in_use(&scene.from).await.as_deref(), Some("rt-1"));
        assert_eq!(scene.to.store.load(&address.key).await.unwrap(), Some(foreign));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_left_alone() {
        let mut scene = Scene::set().await;
        let key = scene.from.key(&id());
        let stored = scene.from.store.load(&key).await.unwrap().unwrap();
        scene.from.seal = Seal::with(KeyRing::generate(SystemClock.now()));
        assert_eq!(scene.mover().take(&key, &stored).await.unwrap(), Moved::Unreadable);
        assert_eq!(scene.from.store.load(&key).await.unwrap(), Some(stored));
    }
}
