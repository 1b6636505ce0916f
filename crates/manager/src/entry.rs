//! [`Entry`]: what this process knows of one session.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use oidc_session_core::{Clock, SessionId, SessionState, StoreKey, Timestamp, Version};
use oidc_session_policy::protocol::RecordView;
use oidc_session_policy::{Jitter, Phase, RefreshPolicy, Schedule};
use tokio::sync::broadcast;

use crate::SessionEvent;
use crate::flight::FlightSlot;

/// What this process knows of one session. Shared by every handle of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: StoreKey,
    pub(crate) jitter: Jitter,
    known: ArcSwapOption<Known>,
    turn: Mutex<Turn>,
    events: OnceLock<broadcast::Sender<SessionEvent>>,
}

/// What only one caller at a time may change.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Counts the writes of this process to the record. What was read before a write must not be installed after it.
    pub(crate) generation: u64,
    /// The refresh under way.
    pub(crate) flight: Option<FlightSlot>,
    /// Refreshes that failed in a row.
    pub(crate) failures: u32,
    /// Until then, on the monotonic clock, no refresh is started.
    pub(crate) quiet_until: Option<Duration>,
}

/// A record as it was read or committed last.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) version: Version,
    pub(crate) state: SessionState,
    pub(crate) schedule: Schedule,
    pub(crate) view: RecordView,
    pub(crate) authorization: Option<HeaderValue>,
    /// The schedule on the monotonic clock, which cannot be turned back.
    refresh_by: Option<Duration>,
    expires_by: Option<Duration>,
}

impl Entry {
    pub(crate) fn new(id: &SessionId) -> Self {
        let key = id.store_key();
        Self {
            key,
            jitter: Jitter::of(&key),
            known: ArcSwapOption::empty(),
            turn: Mutex::default(),
            events: OnceLock::new(),
        }
    }

    /// What was read or committed last.
    pub(crate) fn known(&self) -> arc_swap::Guard<Option<Arc<Known>>> {
        self.known.load()
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, Turn> {
        // A panic elsewhere cannot leave a turn half changed.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn generation(&self) -> u64 {
        self.turn().generation
    }

    /// Installs what was read when the entry was at `generation`, unless this process has written since.
    pub(crate) fn install(&self, generation: u64, known: Option<Known>) {
        let turn = self.turn();
        let version = |known: &Known| known.version;
        // The same version again must not get later deadlines from a clock that was turned back meanwhile.
        let is_news = self.known.load().as_deref().map(version) != known.as_ref().map(version);
        if turn.generation == generation && is_news {
            self.known.store(known.map(Arc::new));
        }
    }

    /// Installs tokens whose commit is still being retried, over the version they will replace.
    pub(crate) fn install_uncommitted(&self, generation: u64, known: Known) {
        let turn = self.turn();
        if turn.generation == generation {
            self.known.store(Some(Arc::new(known)));
        }
    }

    /// Installs what this process has just written.
    pub(crate) fn install_written(&self, known: Option<Known>) {
        let mut turn = self.turn();
        turn.generation += 1;
        turn.failures = 0;
        turn.quiet_until = None;
        self.known.store(known.map(Arc::new));
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<SessionEvent> {
        self.events.get_or_init(|| broadcast::channel(64).0).subscribe()
    }

    pub(crate) fn announce(&self, event: SessionEvent) {
        if let Some(events) = self.events.get() {
            // Nobody listening is fine.
            let _ = events.send(event);
        }
    }
}

impl Known {
    pub(crate) fn new(
        version: Version,
        state: SessionState,
        policy: &dyn RefreshPolicy,
        jitter: Jitter,
        clock: &dyn Clock,
    ) -> Self {
        let view = RecordView::of(version, &state, policy, jitter);
        let (schedule, authorization) = match &state {
            SessionState::Active(session) => {
                (Schedule::plan(policy, &session.tokens, jitter), authorization(&session.tokens))
            }
            SessionState::Ended(_) => (Schedule::NoAccessToken, None),
        };
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let on_monotonic = |at: Timestamp| monotonic.saturating_add(at.saturating_since(now));
        Self {
            version,
            state,
            schedule,
            view,
            authorization,
            refresh_by: schedule.refresh_at().map(on_monotonic),
            expires_by: schedule.expires_at().map(on_monotonic),
        }
    }

    /// The later phase of what the two clocks say: a clock that was turned back, or stood still, makes nothing fresh.
    pub(crate) fn phase(&self, clock: &dyn Clock) -> Phase {
        let wall = self.schedule.phase(clock.now());
        if wall == Phase::Expired {
            return wall;
        }
        let monotonic = clock.monotonic();
        if self.expires_by.is_some_and(|by| monotonic >= by) {
            Phase::Expired
        } else if self.refresh_by.is_some_and(|by| monotonic >= by) {
            Phase::Due
        } else {
            wall
        }
    }
}

fn authorization(tokens: &oidc_session_core::TokenSet) -> Option<HeaderValue> {
    let access_token = tokens.access_token.as_ref()?;
    let mut value = HeaderValue::try_from(format!("{} {}", tokens.token_type, access_token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
