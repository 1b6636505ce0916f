//! [`SavedSession`]: a session found in the store, and what it takes to work with it.

use oidc_session_core::{Provider, SessionState, SessionStore as _, StoreKey, Version};
use oidc_session_manager::{SessionError, SessionHandle, SessionManager, Snapshot};

use crate::context::Context;
use crate::failure::Failure;
use crate::open_store::OpenStore;
use crate::policy_flags::ChosenPolicy;
use crate::provider_setup::Registration;

/// A session found in the store, alive or ended.
#[derive(Debug)]
pub(crate) struct SavedSession {
    pub(crate) state: SessionState,
    pub(crate) version: Version,
    pub(crate) registration: Registration,
    pub(crate) store: OpenStore,
}

impl SavedSession {
    /// Looks for the session that the command line names.
    pub(crate) async fn find(context: &Context) -> Result<Option<Self>, Failure> {
        let store = context.store().await?;
        let key = store.key(&context.id()?);
        let Some(stored) = store.store.load(&key).await? else {
            return match store.holds_it_unsealed(&context.id()?).await? {
                true => Err(Failure::misconfigured("the session was stored before there was a key ring, unsealed")
                    .hint("seal all such sessions once: oidc-session keys reseal")),
                false => Ok(None),
            };
        };
        let state = store.seal.open(&key, &stored)?.state;
        Ok(Some(Self { registration: Registration::of(&state), state, version: stored.version, store }))
    }

    /// The session that the command line names, if it is alive.
    pub(crate) async fn alive(context: &Context) -> Result<Self, Failure> {
        let saved = Self::find(context).await?.ok_or_else(|| no_session(context))?;
        match saved.ended(context) {
            Some(failure) => Err(failure),
            None => Ok(saved),
        }
    }

    /// Why nothing can be done with a session that has ended. `None` if it is alive.
    pub(crate) fn ended(&self, context: &Context) -> Option<Failure> {
        match &self.state {
            SessionState::Active(_) => None,
            SessionState::Ended(tombstone) => {
                let failure = Failure::of_ended(&context.session, tombstone);
                Some(self.with_hint(failure, context))
            }
        }
    }

    /// The same failure; if signing in helps, it says how.
    pub(crate) fn with_hint(&self, failure: Failure, context: &Context) -> Failure {
        failure.sign_in_with(|parameters| self.registration.login_command(&context.session, parameters))
    }

    /// What keeps the session alive, over `provider`.
    pub(crate) fn keeper(
        &self,
        context: &Context,
        provider: impl Provider,
        policy: ChosenPolicy,
    ) -> Result<Keeper, Failure> {
        keeper(context, provider, self.store.clone(), policy)
    }
}

/// A session manager, and the handle of the one session that the command line names.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) manager: SessionManager,
    pub(crate) session: SessionHandle,
    /// What the store calls it.
    pub(crate) key: StoreKey,
}

impl Keeper {
    /// Why the session did not do what it was asked, with what its tombstone knows if it has ended.
    pub(crate) async fn explain(&self, context: &Context, error: SessionError) -> Failure {
        match (error.end_reason(), self.session.snapshot().await) {
            (Some(_), Ok(Snapshot::Ended { tombstone, .. })) => Failure::of_ended(&context.session, &tombstone),
            _ => error.into(),
        }
    }
}

/// There is no session of the name on the command line.
pub(crate) fn no_session(context: &Context) -> Failure {
    let message = format!("there is no session {:?}", context.session);
    Failure::sign_in_needed(message)
        .reason("no_session")
        .hint("sign in: oidc-session login --provider oidc --issuer URL --client-id ID; `oidc-session list` shows all sessions")
}

/// What keeps the session that the command line names alive, whether it exists yet or not.
pub(crate) fn keeper(
    context: &Context,
    provider: impl Provider,
    store: OpenStore,
    policy: ChosenPolicy,
) -> Result<Keeper, Failure> {
    let key = store.key(&context.id()?);
    let builder = SessionManager::builder(provider, store.store).policy(policy).clock(context.clock.clone());
    let manager = match store.seal.key_ring() {
        Some(ring) => builder.seal_with(ring.clone()),
        None => builder.unsealed(),
    };
    let manager = manager.build().map_err(|error| Failure::misconfigured(error.to_string()))?;
    let session = manager.session(&context.id()?);
    Ok(Keeper { manager, session, key })
}
