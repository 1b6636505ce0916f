//! Logout: a tombstone first, then the authorization server.

use std::sync::Arc;

use oidc_session_core::{
    Commit, EndReason, Expected, ProviderError, ProviderErrorKind, Revocation, Session, SessionState, Tombstone,
};

use crate::SessionError;
use crate::entry::{Entry, Writing};
use crate::handle::MOST_CONFLICTS;
use crate::shared::Shared;

/// What a logout did.
#[derive(Debug)]
#[non_exhaustive]
pub struct LogoutReport {
    /// The session that was ended: for the end-session URL. `None` if there was none to end.
    pub ended: Option<Session>,
    /// What became of the revocation. `None` if there was nothing to revoke.
    pub revocation: Option<Result<Revocation, ProviderError>>,
}

pub(crate) async fn logout(shared: &Arc<Shared>, entry: &Arc<Entry>) -> Result<LogoutReport, SessionError> {
    let Some(session) = bury(shared, entry, EndReason::LoggedOut).await? else {
        return Ok(LogoutReport { ended: None, revocation: None });
    };
    // From here on the session has ended, whatever the server says.
    let budget = shared.provider.profile().request_budget;
    let revocation = match tokio::time::timeout(budget, shared.provider.revoke(&session)).await {
        Ok(result) => result,
        Err(_) => Err(ProviderError::new(ProviderErrorKind::OutcomeUnknown, "no answer within the request budget")),
    };
    if let Err(error) = &revocation {
        tracing::warn!(key = ?entry.key, %error, "the session has ended, but its tokens could not be revoked");
    }
    Ok(LogoutReport { ended: Some(session), revocation: Some(revocation) })
}

/// Replaces the session by a tombstone, and returns what it replaced.
///
/// No lease is needed: a refresh under way finds the tombstone when it commits, and revokes what it got.
pub(crate) async fn bury(
    shared: &Shared,
    entry: &Arc<Entry>,
    reason: EndReason,
) -> Result<Option<Session>, SessionError> {
    for _ in 0..MOST_CONFLICTS {
        let ticket = entry.ticket();
        let loaded = shared.within_budget("load a session", shared.store.load(&entry.key)).await?;
        let Some(stored) = loaded else {
            let _ = entry.install_read(ticket, None);
            return Ok(None);
        };
        let session = match shared.open(entry, &stored)? {
            SessionState::Active(session) => *session,
            SessionState::Ended(tombstone) => match tombstone.moving {
                // On its way to another store: whatever arrives there has been revoked.
                Some(session) => *session,
                None => {
                    let known = shared.known(entry, &stored)?;
                    let _ = entry.install_read(ticket, Some(known));
                    return Ok(None);
                }
            },
        };
        let now = shared.clock.now();
        let state = SessionState::from(Tombstone::of(&session, reason, None, now));
        let keep_until = state.keep_until();
        let next = shared.close(entry, Expected::At(stored.version), &state)?;
        let _writing = Writing::new(entry, next.version);
        let call = shared.store.commit(&entry.key, Expected::At(stored.version), &next, keep_until);
        match shared.within_budget("commit a session", call).await {
            Ok(Commit::Done) => {}
            Ok(Commit::Conflict) => continue,
            // The tombstone may be there all the same. Then the tokens in our hands are the only ones left to revoke.
            Err(error) => match shared.within_budget("load a session", shared.store.load(&entry.key)).await {
                Ok(Some(found)) if found == next => {}
                _ => {
                    entry.forget();
                    return Err(error.into());
                }
            },
        }
        entry.install_written(ticket, Some(shared.know(entry, next.version, &state)));
        return Ok(Some(session));
    }
    Err(SessionError::busy())
}
