//! [`Entry`]: what this process knows of one session.

mod changes;
mod turn;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use oidc_session_core::{StoreKey, Timestamp};
use oidc_session_policy::Jitter;
use oidc_session_sealing::Address;
use tokio::sync::broadcast;

pub(crate) use self::changes::Writing;
pub(crate) use self::turn::Turn;
use crate::clock_watch::Tick;
use crate::extras::Extras;
use crate::following::Following;
use crate::known::Known;
use crate::pass::Pass;
use crate::place::Place;
use crate::slot::Slot;
use crate::{SessionEvent, SessionEventKind};

/// What this process knows of one session. Shared by every handle of it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What the store calls it.
    pub(crate) key: StoreKey,
    /// The digest of its id, if the store calls it something else.
    digest: Option<Box<StoreKey>>,
    place: Place,
    /// Until when a fresh access token of the session itself is at hand: for whoever asks no more than that.
    pass: Pass,
    known: ArcSwapOption<Known>,
    /// Until when that is served without asking the store.
    confirmed_until: AtomicU64,
    following: Arc<Following>,
    turn: Mutex<Turn>,
    extras: OnceLock<Arc<Extras>>,
}

/// Where an entry stood when a read or a write began. Taken before it, shown when its result is installed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    generation: u32,
    changes: u32,
    /// Which subscription told of changes, and when that was, on the monotonic clock.
    pub(crate) subscription: u64,
    pub(crate) began: Duration,
}

/// Something else was installed since the ticket was taken, or the store told of something newer.
#[derive(Debug)]
pub(crate) struct Stale;

/// What a look at the store found, and what was known before.
pub(crate) struct Looked {
    pub(crate) before: Option<Arc<Known>>,
    pub(crate) known: Option<Arc<Known>>,
}

impl Entry {
    pub(crate) fn new(address: &Address, place: Place, following: Arc<Following>) -> Self {
        let Address { key, digest } = *address;
        Self {
            key,
            digest: (digest != key).then(|| Box::new(digest)),
            place,
            pass: Pass::default(),
            known: ArcSwapOption::empty(),
            confirmed_until: AtomicU64::new(0),
            following,
            turn: Mutex::default(),
            extras: OnceLock::new(),
        }
    }

    /// Whether a fresh access token of the session itself is at hand, without a look at it.
    #[inline]
    pub(crate) fn is_fresh(&self, tick: Tick) -> bool {
        self.pass.admits(tick)
    }

    /// What was read or committed last.
    #[inline]
    pub(crate) fn known(&self) -> arc_swap::Guard<Option<Arc<Known>>> {
        self.known.load()
    }

    /// Where the store keeps it.
    pub(crate) fn address(&self) -> Address {
        Address { key: self.key, digest: self.digest.as_deref().copied().unwrap_or(self.key) }
    }

    /// How far from the rest of a herd it keeps.
    pub(crate) fn jitter(&self) -> Jitter {
        Jitter::of(&self.key)
    }

    /// Room for what few sessions have.
    pub(crate) fn extras(&self) -> &Arc<Extras> {
        self.extras.get_or_init(Arc::default)
    }

    /// When it was used last, if it has an idle limit and this process knows of a use.
    pub(crate) fn last_use(&self) -> Option<Timestamp> {
        self.extras.get()?.last_use.at()
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, Turn> {
        // A panic elsewhere cannot leave a turn half changed.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ticket(&self) -> Ticket {
        let turn = self.turn();
        Ticket {
            generation: turn.generation,
            changes: turn.changes,
            subscription: self.following.subscription(),
            began: self.following.monotonic(),
        }
    }

    /// Installs what was read since `ticket`, and returns what is known then.
    ///
    /// `Err` if something else was installed or written meanwhile: which of the two is newer is the store's to tell.
    pub(crate) fn install_read(&self, ticket: Ticket, known: Option<Known>) -> Result<Option<Arc<Known>>, Stale> {
        self.install_look(ticket, known).map(|looked| looked.known)
    }

    /// As [`install_read`](Self::install_read), and returns what was known before as well.
    pub(crate) fn install_look(&self, ticket: Ticket, known: Option<Known>) -> Result<Looked, Stale> {
        let mut turn = self.turn();
        let current = self.known.load_full();
        // The same version again must not get later deadlines from a clock that was turned back meanwhile.
        if let (Some(current), Some(known)) = (&current, &known)
            && current.version == known.version
        {
            self.confirm(ticket);
            return Ok(Looked { before: Some(Arc::clone(current)), known: Some(Arc::clone(current)) });
        }
        if turn.generation != ticket.generation || self.is_overtaken(&turn, ticket, known.as_ref()) {
            return Err(Stale);
        }
        let before = current.or(turn.outdated.take());
        if before.is_some() || known.is_some() {
            turn.begin_generation();
            turn.wake(before.as_deref(), known.as_ref(), false);
        }
        self.tell_end(&mut turn, known.as_ref());
        let known = known.map(|known| Arc::new(known.after(before.as_deref())));
        self.set_known(known.clone());
        self.confirm(ticket);
        Ok(Looked { before, known })
    }

    /// Forgets what is known, so that the next call asks the store.
    pub(crate) fn forget(&self) {
        let mut turn = self.turn();
        turn.begin_generation();
        self.set_known(None);
    }

    /// To be called by whoever has the turn.
    fn set_known(&self, known: Option<Arc<Known>>) -> Option<Arc<Known>> {
        let before = self.known.swap(known);
        self.pass.withdraw();
        self.place.change(self, Slot::hide);
        before
    }

    /// From now on a look by id finds this, and a fresh token is known to be there. To be called by whoever has the turn.
    pub(crate) fn show(&self, authorization: HeaderValue, era: u64, at: Timestamp, holds: Duration) {
        self.pass.issue(era, at, holds);
        self.place.change(self, |slot| slot.show(authorization, era, at, holds));
    }

    fn tell_end(&self, turn: &mut Turn, known: Option<&Known>) {
        if let Some(known) = known
            && let Some((reason, at)) = known.ended()
            && turn.told() != Some(known.version)
        {
            turn.under_way().told = Some(known.version);
            let (kind, target) = (SessionEventKind::Ended(reason), Arc::default());
            self.announce(SessionEvent { kind, target, at });
        }
    }

    /// Installs what this process wrote since `ticket`.
    ///
    /// If something else was installed or written meanwhile, the order of the two is the store's to tell: then nothing
    /// is known, and the next call asks the store.
    pub(crate) fn install_written(&self, ticket: Ticket, known: Option<Known>) {
        let mut turn = self.turn();
        let undisturbed = turn.generation == ticket.generation && !self.is_overtaken(&turn, ticket, known.as_ref());
        turn.begin_generation();
        let before = self.known.load_full().or(turn.outdated.take());
        turn.wake(before.as_deref(), known.as_ref(), true);
        self.tell_end(&mut turn, known.as_ref());
        self.set_known(known.filter(|_| undisturbed).map(|known| Arc::new(known.after(before.as_deref()))));
        self.confirm(ticket);
    }

    /// Installs tokens whose commit is still being retried, over the version they will replace.
    pub(crate) fn install_uncommitted(&self, ticket: Ticket, known: Known) {
        let turn = self.turn();
        // That one of its commits took effect after all is no reason to serve nothing.
        let overtaken = self.is_overtaken(&turn, ticket, Some(&known)) && !turn.is_writing_last_change();
        if turn.generation == ticket.generation && !overtaken {
            self.set_known(Some(Arc::new(known)));
            self.confirm(ticket);
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<SessionEvent> {
        self.extras().events.get_or_init(|| broadcast::channel(64).0).subscribe()
    }

    /// Whether anybody listens: to drop the entry would leave them deaf.
    pub(crate) fn has_subscribers(&self) -> bool {
        self.events().is_some_and(|events| events.receiver_count() > 0)
    }

    pub(crate) fn announce(&self, event: SessionEvent) {
        if let Some(events) = self.events() {
            // Nobody listening is fine.
            let _ = events.send(event);
        }
    }

    fn events(&self) -> Option<&broadcast::Sender<SessionEvent>> {
        self.extras.get()?.events.get()
    }
}
