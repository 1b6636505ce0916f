//! The one refresh of a session in this process: a detached task that callers only wait on.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{ProviderError, ProviderErrorKind, StoreErrorKind, Target};
use oidc_session_policy::protocol::{Failure, FailureCause, Now, Outcome as Landed, Trigger};
use oidc_session_policy::{Phase, back_off};
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::entry::Entry;
use crate::hands::{Hands, Landing};
use crate::known::Known;
use crate::observe::metric::InProgress;
use crate::shared::Shared;
use crate::{Outcome, SessionError, SessionEvent, SessionEventKind, observe};

type Result<T> = std::result::Result<T, SessionError>;

/// What somebody wants of a flight.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wish {
    /// Why.
    pub(crate) trigger: Trigger,
    /// Which access token.
    pub(crate) target: Arc<Target>,
    /// Whether a program uses the session by it. What is kept fresh behind the scenes is not used by that.
    pub(crate) is_use: bool,
}

/// A flight under way, as those who come later find it.
#[derive(Clone, Debug)]
pub(crate) struct FlightSlot {
    wish: Wish,
    landed: watch::Receiver<Option<Result<Outcome>>>,
}

/// Starts a flight, or joins the one under way, and waits for it.
///
/// Dropping the returned future cancels only the wait.
pub(crate) async fn fly(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: &Wish) -> Result<Outcome> {
    let asking = Arc::new(());
    loop {
        let (slot, joined) = board(shared, entry, wish, Some(&asking));
        if joined && slot.has_served() {
            return served_early(shared, entry, wish);
        }
        let outcome = slot.wait().await;
        match outcome {
            // It did not do what we want done; ours is next.
            Ok(_) | Err(_) if !slot.wish.wants_the_same_as(wish) && !slot.wish.settles(&outcome, wish) => {}
            Ok(Outcome::Refreshed) if joined => return Ok(Outcome::Joined),
            outcome => return outcome,
        }
    }
}

/// Starts a flight if none is under way, and does not wait.
pub(crate) fn start(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: &Wish) {
    board(shared, entry, wish, None);
}

/// Why an access token that is due is refreshed.
///
/// The wall clock alone decides in the record; if it was turned back, the token is refused by name.
pub(crate) fn trigger(known: &Known, target: &Target, now: Now) -> Trigger {
    let turned_back = known.token(target).and_then(|token| {
        let wall = token.schedule.phase(now.wall);
        if wall < token.phase(now) { token.fingerprint() } else { None }
    });
    turned_back.map_or(Trigger::IfDue, Trigger::IfCurrentIs)
}

impl Wish {
    /// The wish of nobody who would use the session.
    pub(crate) fn behind_the_scenes(trigger: Trigger, target: Arc<Target>) -> Self {
        Self { trigger, target, is_use: false }
    }

    fn wants_the_same_as(&self, other: &Self) -> bool {
        self.trigger == other.trigger && self.target == other.target
    }

    /// Whether a flight for this wish that came to `outcome` leaves nothing to do for another one.
    fn settles(&self, outcome: &Result<Outcome>, other: &Self) -> bool {
        match outcome {
            Ok(Outcome::NoSession | Outcome::Ended(_)) => true,
            // New tokens are of use to those who wanted the same access token.
            Ok(Outcome::Refreshed | Outcome::Adopted) => self.target == other.target,
            Ok(_) | Err(_) => false,
        }
    }
}

fn board(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: &Wish, asking: Option<&Arc<()>>) -> (FlightSlot, bool) {
    let (slot, tell) = {
        let mut turn = entry.turn();
        if let Some(slot) = turn.flight().cloned() {
            // What is due comes with any refresh of its target, so it need not be wanted beside one.
            let comes_anyway = wish.trigger == Trigger::IfDue && slot.wish.target == wish.target;
            if let Some(asking) = asking.filter(|_| !slot.wish.wants_the_same_as(wish) && !comes_anyway) {
                turn.want(wish, asking);
            }
            return (slot, true);
        }
        // Whoever has waited for another flight goes first: those who come later can use what it brings.
        let wanted = turn.next_wanted();
        let (tell, landed) = watch::channel(None);
        let slot = FlightSlot { wish: wanted.unwrap_or_else(|| wish.clone()), landed };
        turn.under_way().flight = Some(slot.clone());
        (slot, tell)
    };
    // From here to the commit the task owns the refresh. It clears the slot however it ends; also if there is no
    // runtime to run it, which is why the turn is over by now.
    let clear = ClearSlot(Arc::clone(entry));
    let wish = slot.wish.clone();
    let shared_by_task = Arc::clone(shared);
    let span = observe::refresh_span(&entry.key, wish.trigger, asking.is_some());
    let in_span = span.clone();
    let flying = async move {
        let (_in_progress, began) = (InProgress::begin(), shared_by_task.clock.monotonic());
        let hands = Hands::new(Arc::clone(&shared_by_task), Arc::clone(&clear.0), Arc::clone(&wish.target));
        let landing =
            hands.fly(wish.trigger, wish.is_use, || _ = tell.send_replace(Some(Ok(Outcome::Refreshed)))).await;
        let result = conclude(&shared_by_task, &clear.0, &wish.target, landing);
        observe::landed(&span, &clear.0.key, &result, shared_by_task.clock.monotonic().saturating_sub(began));
        clear.0.turn().fulfil(|wanted| wish.settles(&result, wanted));
        // Cleared before anybody hears of the landing: whoever asks again starts anew.
        if wish.is_use {
            // Who keeps it fresh has planned for other tokens than these.
            shared_by_task.keeper.wake(&clear.0.key);
        }
        drop(clear);
        tell.send_replace(Some(result));
    };
    shared.detach(flying.instrument(in_span));
    (slot, false)
}

/// What a flight has for those who come while its commit is being retried: the tokens it serves, and no more.
fn served_early(shared: &Shared, entry: &Entry, wish: &Wish) -> Result<Outcome> {
    let serves = entry.known().as_deref().and_then(|known| known.token(&wish.target)).is_some_and(|token| {
        token.phase(shared.now()) != Phase::Expired
            && match wish.trigger {
                Trigger::IfDue => true,
                Trigger::Force => false,
                Trigger::IfCurrentIs(rejected) => token.fingerprint() != Some(rejected),
            }
    });
    let failure = Failure { cause: FailureCause::Store(StoreErrorKind::Unavailable), retry_in: None };
    if serves { Ok(Outcome::Joined) } else { Err(SessionError::from_failure(failure, None, None)) }
}

impl FlightSlot {
    /// Whether callers are served already, although the flight has not landed.
    fn has_served(&self) -> bool {
        self.landed.borrow().is_some()
    }

    async fn wait(&self) -> Result<Outcome> {
        match self.landed.clone().wait_for(Option::is_some).await {
            Ok(landed) => landed.clone().unwrap_or_else(|| Err(SessionError::interrupted())),
            Err(_) => Err(SessionError::interrupted()),
        }
    }
}

struct ClearSlot(Arc<Entry>);

impl Drop for ClearSlot {
    fn drop(&mut self) {
        self.0.turn().end(|under_way| under_way.flight = None);
    }
}

/// Names what the flight came to, remembers failures, and tells those who listen.
fn conclude(shared: &Shared, entry: &Entry, target: &Arc<Target>, landing: Landing) -> Result<Outcome> {
    let Landing { outcome, provider_error, store_error } = landing;
    let try_later = provider_error.as_ref().filter(|error| error.kind() == ProviderErrorKind::TryLater);
    if let Some(wait) = try_later.and_then(ProviderError::retry_after) {
        shared.keeper.hold_back(entry, shared.clock.monotonic(), wait);
    }
    let failed = |failure, provider_error| SessionError::from_failure(failure, provider_error, store_error);
    let (result, event) = match outcome {
        Landed::NoSession => (Ok(Outcome::NoSession), None),
        Landed::Fresh => (Ok(Outcome::Fresh), None),
        Landed::ServedWhileRefreshing => (Ok(Outcome::ServedWhileRefreshing), None),
        Landed::Refreshed => (Ok(Outcome::Refreshed), Some(SessionEventKind::Refreshed)),
        Landed::Adopted => (Ok(Outcome::Adopted), Some(SessionEventKind::Adopted)),
        // Told when the record was installed.
        Landed::Ended(reason) => (Ok(Outcome::Ended(reason)), None),
        Landed::Postponed(failure) => {
            let error = failed(failure, provider_error);
            observe::early_refresh_failed(&entry.key, &error);
            (Ok(Outcome::Postponed), Some(SessionEventKind::Unavailable(error.outcome())))
        }
        Landed::Unavailable(failure) => {
            let error = match known_cause(entry, target, failure) {
                Some(error) => error,
                None => failed(failure, provider_error),
            };
            let event = SessionEventKind::Unavailable(error.outcome());
            (Err(error), Some(event))
        }
    };
    rest(shared, entry, target, outcome, result.as_ref().err());
    if let Some(kind) = event {
        entry.announce(SessionEvent { kind, target: Arc::clone(target), at: shared.clock.now() });
    }
    result
}

/// Why a target is left alone just now, if this process knows: to be told "later" would hide what there is to do.
fn known_cause(entry: &Entry, target: &Target, failure: Failure) -> Option<SessionError> {
    if failure.cause != FailureCause::Paused {
        return None;
    }
    let why = entry.turn().rest(target)?.why.clone()?;
    Some(why.again_in(failure.retry_in))
}

/// Remembers for how long another refresh could not come to anything.
fn rest(shared: &Shared, entry: &Entry, target: &Target, outcome: Landed, error: Option<&SessionError>) {
    let now = shared.clock.monotonic();
    let mut turn = entry.turn();
    let mut rest = turn.rest(target).cloned().unwrap_or_default();
    match outcome {
        Landed::NoSession | Landed::Fresh | Landed::Refreshed | Landed::Adopted | Landed::Ended(_) => {
            return turn.end_rest(target);
        }
        Landed::ServedWhileRefreshing => rest.not_early_until = Some(now.saturating_add(WHILE_ANOTHER_REFRESHES)),
        Landed::Postponed(failure) | Landed::Unavailable(failure) => {
            let asked = failure.retry_in.unwrap_or_default();
            match failure.cause {
                FailureCause::Provider(_) | FailureCause::Violation(_) => {
                    rest.failures = rest.failures.saturating_add(1);
                    rest.refused = is_refusal(failure.cause);
                    rest.why = error.cloned().or(rest.why);
                    let pause = back_off(rest.failures, entry.jitter()).max(asked);
                    rest.quiet_until = Some(now.saturating_add(pause));
                }
                // A sign-in changes this, and clears it.
                FailureCause::NoRefreshToken => rest.not_early_until = Some(Duration::MAX),
                _ => rest.not_early_until = Some(now.saturating_add(asked.max(WHILE_ANOTHER_REFRESHES))),
            }
        }
    }
    turn.set_rest(target, rest);
}

/// Whether the server answered and refused: it will say the same again until somebody changes something.
fn is_refusal(cause: FailureCause) -> bool {
    use ProviderErrorKind::{InteractionRequired, Misconfigured, Refused};
    matches!(cause, FailureCause::Violation(_) | FailureCause::Provider(InteractionRequired | Misconfigured | Refused))
}

/// How long an early refresh is left to whoever is at it.
const WHILE_ANOTHER_REFRESHES: Duration = Duration::from_millis(500);
