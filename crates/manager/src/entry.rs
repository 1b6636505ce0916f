//! [`Entry`]: what this process knows of one session.

mod changes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use oidc_session_core::{SessionId, StoreKey, Target, Version};
use oidc_session_policy::Jitter;
use oidc_session_sealing::Address;
use tokio::sync::broadcast;

pub(crate) use self::changes::Writing;
use crate::confirm::Look;
use crate::flight::{FlightSlot, Wish};
use crate::following::Following;
use crate::front::Front;
use crate::known::Known;
use crate::last_use::LastUse;
use crate::{SessionError, SessionEvent, SessionEventKind};

/// What this process knows of one session. Shared by every handle of it.
#[derive(Debug)]
#[repr(C)] // The front at the front: beside the counts of references, on the lines that a look by id touches.
pub(crate) struct Entry {
    pub(crate) front: Front,
    /// What the store calls it.
    pub(crate) key: StoreKey,
    pub(crate) jitter: Jitter,
    pub(crate) last_use: Arc<LastUse>,
    known: ArcSwapOption<Known>,
    /// Until when that is served without asking the store.
    confirmed_until: AtomicU64,
    following: Arc<Following>,
    turn: Mutex<Turn>,
    events: OnceLock<broadcast::Sender<SessionEvent>>,
}

/// What only one caller at a time may change.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Counts what was installed and written. What was read before must not be installed after.
    generation: u64,
    /// Counts the changes that the store told of.
    changes: u64,
    /// The version that the last of them told.
    last_change: Option<Version>,
    /// What this process is writing. To hear of it is no news.
    writing: Vec<Version>,
    /// What was known before the store told of a change: for those who ask what is new.
    outdated: Option<Arc<Known>>,
    /// The refresh under way.
    pub(crate) flight: Option<Box<FlightSlot>>,
    /// The look at the store under way.
    pub(crate) look: Option<Look>,
    /// Whether the last look found a record that cannot be read.
    pub(crate) unreadable: bool,
    /// The refreshes that somebody wants beside the one under way, each wish once, the oldest first. None of them may
    /// wait for ever behind those that come later.
    wanted: VecDeque<(Wish, Weak<()>)>,
    /// The end that was announced last.
    told: Option<Version>,
    /// What refreshes came to nothing lately, and for how long that is left alone.
    rests: BTreeMap<Target, Rest>,
}

/// Refreshes of one target that came to nothing, and for how long they are left alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest {
    /// Refreshes that failed in a row.
    pub(crate) failures: u32,
    /// Until then, on the monotonic clock, no refresh is started unless it is asked for outright.
    pub(crate) quiet_until: Option<Duration>,
    /// Until then, on the monotonic clock, no early refresh is started: it could not come to anything.
    pub(crate) not_early_until: Option<Duration>,
    /// Whether the server answered the last of them, and refused: then its answer to another target changes nothing.
    pub(crate) refused: bool,
    /// What the last of them was told: it holds for those who come while nobody tries.
    pub(crate) why: Option<SessionError>,
}

/// Where an entry stood when a read or a write began. Taken before it, shown when its result is installed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    generation: u64,
    changes: u64,
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

impl Turn {
    /// How many targets are remembered as resting. Of more, all are forgotten: the worst is one more try for each.
    const MOST_RESTS: usize = 64;

    /// Keeps a place for `wish` as long as `asking` lives.
    pub(crate) fn want(&mut self, wish: &Wish, asking: &Arc<()>) {
        self.wanted.retain(|(_, asking)| asking.strong_count() > 0);
        if !self.wanted.iter().any(|(wanted, _)| wanted == wish) {
            self.wanted.push_back((wish.clone(), Arc::downgrade(asking)));
        }
    }

    /// The wish that has waited longest and that somebody still has.
    pub(crate) fn next_wanted(&mut self) -> Option<Wish> {
        self.wanted.retain(|(_, asking)| asking.strong_count() > 0);
        self.wanted.pop_front().map(|(wish, _)| wish)
    }

    /// Drops the wishes that a flight has fulfilled.
    pub(crate) fn fulfil(&mut self, settled: impl Fn(&Wish) -> bool) {
        self.wanted.retain(|(wish, _)| !settled(wish));
    }

    /// How `target` rests, if it does.
    pub(crate) fn rest(&self, target: &Target) -> Option<&Rest> {
        self.rests.get(target)
    }

    pub(crate) fn set_rest(&mut self, target: &Target, rest: Rest) {
        if self.rests.len() >= Self::MOST_RESTS && !self.rests.contains_key(target) {
            self.rests.clear();
        }
        self.rests.insert(target.clone(), rest);
    }

    pub(crate) fn end_rest(&mut self, target: &Target) {
        self.rests.remove(target);
    }

    /// Ends the rests that the record which is installed gives a reason to end.
    fn wake(&mut self, before: Option<&Known>, now: Option<&Known>, wrote: bool) {
        let sign_in = |known: Option<&Known>| known.map(|known| known.sign_in);
        if (wrote || before.is_some()) && sign_in(before) != sign_in(now) {
            return self.rests.clear();
        }
        if wrote {
            // Whatever could not be reached is there again. What was refused is no better for it.
            self.rests.retain(|_, rest| rest.refused);
        }
        self.rests.values_mut().for_each(|rest| rest.not_early_until = None);
    }
}

impl Entry {
    pub(crate) fn new(id: SessionId, key: StoreKey, following: Arc<Following>) -> Self {
        Self {
            front: Front::new(id),
            key,
            jitter: Jitter::of(&key),
            last_use: Arc::default(),
            known: ArcSwapOption::empty(),
            confirmed_until: AtomicU64::new(0),
            following,
            turn: Mutex::default(),
            events: OnceLock::new(),
        }
    }

    /// What was read or committed last.
    #[inline]
    pub(crate) fn known(&self) -> arc_swap::Guard<Option<Arc<Known>>> {
        self.known.load()
    }

    /// Where the store keeps it.
    pub(crate) fn address(&self) -> Address {
        Address { key: self.key, digest: self.front.id.store_key() }
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
            turn.generation += 1;
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
        turn.generation += 1;
        self.set_known(None);
    }

    /// To be called by whoever has the turn.
    fn set_known(&self, known: Option<Arc<Known>>) -> Option<Arc<Known>> {
        let before = self.known.swap(known);
        self.front.hide();
        before
    }

    fn tell_end(&self, turn: &mut Turn, known: Option<&Known>) {
        if let Some(known) = known
            && let Some((reason, at)) = known.ended()
            && turn.told != Some(known.version)
        {
            turn.told = Some(known.version);
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
        turn.generation += 1;
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
        self.events.get_or_init(|| broadcast::channel(64).0).subscribe()
    }

    /// Whether anybody listens: to drop the entry would leave them deaf.
    pub(crate) fn has_subscribers(&self) -> bool {
        self.events.get().is_some_and(|events| events.receiver_count() > 0)
    }

    pub(crate) fn announce(&self, event: SessionEvent) {
        if let Some(events) = self.events.get() {
            // Nobody listening is fine.
            let _ = events.send(event);
        }
    }
}
