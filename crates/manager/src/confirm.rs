//! Looks at the store that refresh nothing: when nothing is known of a session, or was confirmed too long ago.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{SessionState, Target};
use tokio::sync::watch;

use crate::entry::{Entry, Looked, Stale, Ticket};
use crate::handle::MOST_CONFLICTS;
use crate::known::Known;
use crate::known_token::KnownToken;
use crate::outage::{Advice, Outage};
use crate::shared::Shared;
use crate::{SessionError, SessionErrorKind, SessionEvent, SessionEventKind, observe};

type Result<T> = std::result::Result<T, SessionError>;

/// A look under way, as those who come later find it.
#[derive(Clone, Debug)]
pub(crate) struct Look(watch::Receiver<Option<Result<()>>>);

/// How long whoever holds a valid access token waits for the store: in an outage that long, once, and no longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Has the store confirm what is known, unless that was done lately or the store cannot be reached.
///
/// For callers whose access token is valid: they are served whatever the store says, or fails to say.
pub(crate) async fn confirm(shared: &Arc<Shared>, entry: &Arc<Entry>) {
    let now = shared.clock.monotonic();
    if entry.is_confirmed(now) {
        return;
    }
    match shared.outage.advice(now) {
        Advice::Rest(until) => entry.put_off(until),
        Advice::Probe(until) => {
            entry.put_off(until);
            begin(shared, entry);
        }
        Advice::Ask => match tokio::time::timeout(PATIENCE, begin(shared, entry).wait()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => entry.put_off(now.saturating_add(Outage::REST)),
            Err(_) => {
                shared.outage.slow(now);
                entry.put_off(now.saturating_add(Outage::REST));
            }
        },
    }
}

/// Looks at the store, so that something is known. Many who ask at once share one look.
pub(crate) async fn look(shared: &Arc<Shared>, entry: &Arc<Entry>) -> Result<()> {
    begin(shared, entry).wait().await
}

/// Reads the record as it is now, and tells what is new about it to those who listen.
pub(crate) async fn load(shared: &Arc<Shared>, entry: &Entry) -> Result<Option<(Arc<Known>, SessionState)>> {
    shared.follow();
    for _ in 0..MOST_CONFLICTS {
        let ticket = entry.ticket();
        let call = shared.store.load(&entry.key);
        let stored = shared.within_budget("load a session", call).await?;
        let version = stored.as_ref().map(|stored| stored.version);
        let state = stored.map(|stored| shared.open(entry, &stored)).transpose()?;
        let known = version.zip(state.as_ref()).map(|(version, state)| shared.know(entry, version, state));
        if let Ok(known) = install(shared, entry, ticket, known) {
            return Ok(known.zip(state));
        }
    }
    Err(SessionError::busy())
}

/// Installs what was read since `ticket`, and tells what is new about it to those who listen.
pub(crate) fn install(
    shared: &Shared,
    entry: &Entry,
    ticket: Ticket,
    known: Option<Known>,
) -> std::result::Result<Option<Arc<Known>>, Stale> {
    let Looked { before, known } = entry.install_look(ticket, known)?;
    if let (Some(before), Some(known)) = (before, &known) {
        announce_news(shared, entry, &before, known);
    }
    Ok(known)
}

/// Starts a look, or joins the one under way.
fn begin(shared: &Arc<Shared>, entry: &Arc<Entry>) -> Look {
    let (look, tell) = {
        let mut turn = entry.turn();
        if let Some(look) = turn.look() {
            return look.clone();
        }
        let (tell, told) = watch::channel(None);
        let look = Look(told);
        turn.under_way().look = Some(look.clone());
        (look, tell)
    };
    // As with a flight: cleared however the task ends, also if there is no runtime to run it.
    let clear = ClearLook(Arc::clone(entry));
    let shared_by_task = Arc::clone(shared);
    shared.detach(async move {
        let looked = load(&shared_by_task, &clear.0).await;
        conclude(&shared_by_task, &clear.0, looked.as_ref().err());
        drop(clear);
        tell.send_replace(Some(looked.map(drop)));
    });
    look
}

impl Look {
    async fn wait(mut self) -> Result<()> {
        match self.0.wait_for(Option::is_some).await {
            Ok(looked) => looked.clone().unwrap_or_else(|| Err(SessionError::interrupted())),
            Err(_) => Err(SessionError::interrupted()),
        }
    }
}

struct ClearLook(Arc<Entry>);

impl Drop for ClearLook {
    fn drop(&mut self) {
        self.0.turn().end(|under_way| under_way.look = None);
    }
}

/// Tells the operator what is wrong: once, and not for each call.
fn conclude(shared: &Shared, entry: &Entry, error: Option<&SessionError>) {
    let is_damaged = |error: &SessionError| error.kind() == SessionErrorKind::Damaged;
    match error {
        Some(error) if !is_damaged(error) => return shared.outage.failed(shared.clock.monotonic(), error),
        // The store answers, though this one record cannot be read.
        Some(_) | None => shared.outage.over(),
    }
    let was_unreadable = std::mem::replace(&mut entry.turn().unreadable, error.is_some());
    if let Some(error) = error.filter(|_| !was_unreadable) {
        observe::unreadable(&entry.key, error);
    }
}

/// What others did to a session, as the events name it. The end is told where it is installed.
fn announce_news(shared: &Shared, entry: &Entry, before: &Known, known: &Known) {
    if known.ended().is_some() {
        return;
    }
    let announce = |kind, target| entry.announce(SessionEvent { kind, target, at: shared.clock.now() });
    if before.sign_in != known.sign_in {
        return announce(SessionEventKind::SignedIn, Arc::default());
    }
    for target in std::iter::once(&Target::default()).chain(known.targets()) {
        let is_another = |token: &KnownToken| before.token(target).is_none_or(|before| !token.is_the_same_as(before));
        if known.token(target).is_some_and(is_another) {
            announce(SessionEventKind::Adopted, Arc::new(target.clone()));
        }
    }
}
