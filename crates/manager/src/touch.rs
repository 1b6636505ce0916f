//! Uses of a session: noted in memory each time, and written down seldom, by a *touch*.

use std::sync::Arc;

use oidc_session_core::{
    Commit, Expected, HolderId, Lease, Limits, Release, Session, SessionState, Stored, Timestamp, Version,
};

use crate::entry::{Entry, Ticket, Writing};
use crate::known::Known;
use crate::shared::Shared;
use crate::{SessionError, confirm, observe};

type Result<T> = std::result::Result<T, SessionError>;

/// Notes that the program uses the session now.
pub(crate) fn note(shared: &Shared, entry: &Entry) {
    if let Some(known) = entry.known().as_deref() {
        known.note_use(shared.clock.now());
    }
}

/// Notes that the program uses the session now, and has that written down if what is stored is too old.
pub(crate) fn used(shared: &Arc<Shared>, entry: &Arc<Entry>) {
    if let Some(known) = entry.known().as_deref() {
        used_as_known(shared, entry, known, shared.clock.now());
    }
}

/// The same with what is at hand already.
pub(crate) fn used_as_known(shared: &Arc<Shared>, entry: &Arc<Entry>, known: &Known, now: Timestamp) {
    if known.note_use(now) {
        write_down(shared, entry, known, now);
    }
}

/// Has the last use written down, unless somebody is at it.
#[cold]
pub(crate) fn write_down(shared: &Arc<Shared>, entry: &Arc<Entry>, known: &Known, now: Timestamp) {
    // Where there is no runtime, a later use will find one. A refresh under way writes the use down with its tokens.
    let has_runtime = tokio::runtime::Handle::try_current().is_ok();
    if has_runtime && known.claim_touch(now) && entry.turn().flight().is_none() {
        start(shared, entry);
    }
}

/// What a commit of `session` is to say about its last use, if it has an idle limit.
pub(crate) fn carry_use(shared: &Shared, entry: &Entry, session: &mut Session) {
    if shared.limits.idle_limit_of(session).is_some() {
        let used = entry.last_use().unwrap_or(session.last_used());
        session.note_use(used, shared.clock.now());
    }
}

/// Writes the last use down behind the caller's back. What hinders it is tried again at a later use.
fn start(shared: &Arc<Shared>, entry: &Arc<Entry>) {
    let (task_shared, entry) = (Arc::clone(shared), Arc::clone(entry));
    shared.detach(async move {
        if let Err(error) = touch(&task_shared, &entry).await {
            observe::use_not_stored(&entry.key, &error);
        }
    });
}

async fn touch(shared: &Shared, entry: &Arc<Entry>) -> Result<()> {
    // Most often another process has written a use of its own. Then there is nothing to do, and no lease to take.
    let ticket = entry.ticket();
    let loaded = shared.within_budget("load a session", shared.store.load(&entry.key)).await?;
    let wanted = loaded.as_ref().map(|stored| is_wanted(shared, entry, stored)).transpose()?.unwrap_or_default();
    if !wanted {
        let known = loaded.map(|stored| shared.known(entry, &stored)).transpose()?;
        // If something newer was installed meanwhile, that stays.
        let _ = confirm::install(shared, entry, ticket, known);
        return Ok(());
    }
    let (holder, ticket) = (HolderId::random(), entry.ticket());
    let call = shared.store.try_lease(&entry.key, holder, shared.lease_ttl);
    let written = match shared.within_budget("lease a session", call).await {
        Ok(Lease::Granted { stored, unsettled }) => write(shared, entry, ticket, &stored, unsettled).await,
        Ok(Lease::Absent | Lease::Held { .. } | Lease::Paused { .. }) => return Ok(()),
        // The lease may be ours without our knowing.
        Err(error) => Err(error.into()),
    };
    if !matches!(written, Ok(true)) {
        let call = shared.store.release(&entry.key, holder, Release::default());
        // A lease that cannot be given back ends by itself.
        let _ = shared.within_budget("release a lease", call).await;
    }
    written.map(drop)
}

/// Whether the record still lacks the use: the session lives, and what is stored is old.
fn is_wanted(shared: &Shared, entry: &Entry, stored: &Stored) -> Result<bool> {
    let SessionState::Active(session) = shared.open(entry, stored)? else { return Ok(false) };
    Ok(lacks_use(shared, entry, &session))
}

fn lacks_use(shared: &Shared, entry: &Entry, session: &Session) -> bool {
    let now = shared.clock.now();
    let Some(limit) = shared.limits.idle_limit_of(session) else { return false };
    let lives = shared.limits.end_of(session, entry.last_use()).is_some_and(|end| now < end.at);
    lives && !Limits::written_down(limit, session.last_used()).contains(&now)
}

/// Commits the use on top of what came with the lease; `false` if there is nothing to commit or the record had changed.
///
/// A commit ends the journal with the lease, so the journal moves into the record.
async fn write(shared: &Shared, entry: &Arc<Entry>, ticket: Ticket, stored: &Stored, unsettled: u32) -> Result<bool> {
    let mut session = match shared.open(entry, stored)? {
        SessionState::Active(session) if lacks_use(shared, entry, &session) => session,
        SessionState::Active(_) | SessionState::Ended(_) => return Ok(false),
    };
    carry_use(shared, entry, &mut session);
    session.unsettled_attempts = session.unsettled_attempts.saturating_add(unsettled);
    let state = SessionState::Active(session);
    let next = shared.close(entry, Expected::At(stored.version), &state)?;
    let keep_until = state.keep_until();
    let _writing = Writing::new(entry, next.version);
    let call = shared.store.commit(&entry.key, Expected::At(stored.version), &next, keep_until);
    match shared.within_budget("commit a session", call).await {
        Ok(Commit::Done) => {
            install(shared, entry, ticket, next.version, state);
            Ok(true)
        }
        Ok(Commit::Conflict) => Ok(false),
        Err(error) => {
            // It may be stored all the same. What is known serves on: its tokens are those of the record either way.
            Err(error.into())
        }
    }
}

/// A touch is installed like something read: it says nothing about the authorization server, so no back-off ends.
fn install(shared: &Shared, entry: &Entry, ticket: Ticket, version: Version, state: SessionState) {
    if confirm::install(shared, entry, ticket, Some(shared.know(entry, version, &state))).is_err() {
        entry.forget();
    }
}
