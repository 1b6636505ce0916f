//! What operators are told: every span and event of the manager, by name. Its metrics are in [`metric`].
//!
//! Names are an interface: dashboards and alerts use them. `docs/observability.md` lists them for programs.
//!
//! A session appears by the first bytes of its store key. Nothing in here is given a token, an id or a subject.

pub(crate) mod metric;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use oidc_session_core::{EndReason, ProviderError, ProviderErrorKind, StoreError, StoreErrorKind, StoreKey};
use oidc_session_policy::protocol::{Action, Trigger};
use tracing::Span;
use tracing::field::Empty;

use crate::{Outcome, SessionError};

/// The span of one flight: part of what the caller does that began it, if it waits for it.
///
/// A flight behind the scenes is a trace of its own, linked to the caller: a span ends no earlier than its children.
pub(crate) fn refresh_span(key: &StoreKey, trigger: Trigger, is_waited_for: bool) -> Span {
    let trigger = match trigger {
        Trigger::IfDue => "due",
        Trigger::Force => "forced",
        Trigger::IfCurrentIs(_) => "rejected_by_resource_server",
    };
    let caller = Span::current();
    let span = tracing::info_span!(
        parent: is_waited_for.then(|| caller.id()).flatten(),
        "oidc_session.refresh",
        oidc_session.key = ?key,
        oidc_session.trigger = trigger,
        oidc_session.outcome = Empty,
        oidc_session.end_reason = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    );
    if !is_waited_for {
        span.follows_from(caller);
    }
    span
}

/// The span of one request to the authorization server.
pub(crate) fn provider_request_span(request: &'static str) -> Span {
    tracing::debug_span!(
        "oidc_session.provider_request",
        oidc_session.request = request,
        otel.kind = "client",
        error.type = Empty,
        otel.status_code = Empty,
    )
}

/// The span of one call to the store.
pub(crate) fn store_call_span(call: &'static str) -> Span {
    tracing::debug_span!(
        "oidc_session.store_call",
        oidc_session.call = call,
        otel.kind = "client",
        error.type = Empty,
        otel.status_code = Empty,
    )
}

/// Has `span` say that it failed, and of what.
pub(crate) fn failed(span: &Span, what: &'static str) {
    span.record("error.type", what).record("otel.status_code", "ERROR");
}

/// A flight has landed, in its span.
pub(crate) fn landed(span: &Span, key: &StoreKey, result: &Result<Outcome, SessionError>, took: Duration) {
    let (outcome, reason) = words(result.as_ref());
    metric::refreshed(outcome, took);
    span.record("oidc_session.outcome", outcome);
    if let Some(reason) = reason {
        span.record("oidc_session.end_reason", reason);
    }
    if result.is_err() {
        failed(span, outcome);
    }
    tracing::debug!(
        oidc_session.key = ?key,
        oidc_session.outcome = outcome,
        oidc_session.end_reason = reason,
        "session refresh"
    );
}

/// A call was answered that took more than a look at the clock.
pub(crate) fn answered(key: &StoreKey, result: Result<&Outcome, &SessionError>) {
    let (outcome, reason) = words(result);
    metric::outcome(outcome);
    tracing::debug!(
        oidc_session.key = ?key,
        oidc_session.outcome = outcome,
        oidc_session.end_reason = reason,
        "session call"
    );
}

fn words(result: Result<&Outcome, &SessionError>) -> (&'static str, Option<&'static str>) {
    match result {
        Ok(Outcome::Ended(reason)) => (Outcome::Ended(*reason).as_str(), Some(reason.as_str())),
        Ok(outcome) => (outcome.as_str(), None),
        Err(error) => (error.outcome(), error.end_reason().map(EndReason::as_str)),
    }
}

/// This process has ended a session.
pub(crate) fn ended(key: &StoreKey, reason: EndReason, because: Option<&ProviderError>) {
    metric::ended(reason);
    tracing::info!(
        oidc_session.key = ?key,
        oidc_session.end_reason = reason.as_str(),
        error = because.map(|error| error as &dyn Error),
        "the session has ended"
    );
}

/// A flight finds attempts of others, or of a process before this one, that nobody settled.
pub(crate) fn took_over(key: &StoreKey, unsettled: u32) {
    metric::took_over();
    tracing::info!(
        oidc_session.key = ?key,
        oidc_session.unsettled_attempts = unsettled,
        "an earlier refresh was not brought to its end; this one takes over"
    );
}

pub(crate) fn early_refresh_failed(key: &StoreKey, error: &SessionError) {
    tracing::warn!(
        oidc_session.key = ?key,
        error.type = error.outcome(),
        %error,
        "an early refresh failed; the access token still serves"
    );
}

pub(crate) fn step(key: &StoreKey, action: &Action) {
    tracing::trace!(oidc_session.key = ?key, oidc_session.action = ?action, "refresh protocol");
}

pub(crate) fn revocation_failed(key: &StoreKey, error: &ProviderError) {
    tracing::warn!(
        oidc_session.key = ?key,
        error.type = provider_word(error.kind()),
        %error,
        "the session has ended, but its tokens could not be revoked"
    );
}

pub(crate) fn revocation_spared(key: &StoreKey) {
    tracing::debug!(
        oidc_session.key = ?key,
        "what an old refresh got is not revoked: that would take the new sign-in with it"
    );
}

pub(crate) fn use_not_stored(key: &StoreKey, error: &SessionError) {
    tracing::debug!(
        oidc_session.key = ?key,
        error.type = error.outcome(),
        %error,
        "the last use of a session could not be stored"
    );
}

pub(crate) fn unreadable(key: &StoreKey, error: &SessionError) {
    tracing::warn!(
        oidc_session.key = ?key,
        error.type = error.outcome(),
        %error,
        "a session cannot be read; what is known of it still serves"
    );
}

pub(crate) fn outage_begins(error: &SessionError) {
    let cause = Error::source(error);
    tracing::warn!(
        error.type = error.outcome(),
        %error,
        cause,
        "the store does not confirm what is known; valid access tokens still serve"
    );
}

pub(crate) fn outage_is_over() {
    tracing::info!("the store confirms what is known again");
}

pub(crate) fn feed_followed() {
    tracing::info!("the change feed is followed");
}

pub(crate) fn feed_lost(error: &StoreError) {
    let kind = store_word(error.kind());
    let error = error as &dyn Error; // With what it says to do.
    tracing::warn!(
        error.type = kind,
        error,
        "the change feed is lost; what is known is confirmed by looking at the store"
    );
}

pub(crate) fn feed_still_lost(error: &StoreError, pause: Duration) {
    let kind = store_word(error.kind());
    tracing::debug!(error.type = kind, error = error as &dyn Error, ?pause, "the change feed is still lost");
}

pub(crate) fn ring_made(path: &Path) {
    let path = path.display();
    tracing::warn!(%path, "made a key ring beside the sessions: keep it, and keep it from others");
}

/// What an authorization server could not do, as one stable word.
pub(crate) fn provider_word(kind: ProviderErrorKind) -> &'static str {
    match kind {
        ProviderErrorKind::NotSent => "not_sent",
        ProviderErrorKind::OutcomeUnknown => "outcome_unknown",
        ProviderErrorKind::TryLater => "try_later",
        ProviderErrorKind::Rejected => "rejected",
        ProviderErrorKind::InteractionRequired => "interaction_required",
        ProviderErrorKind::Refused => "refused",
        ProviderErrorKind::Misconfigured => "misconfigured",
        ProviderErrorKind::InvalidAnswer => "invalid_answer",
        _ => "other",
    }
}

/// What a store could not do, as one stable word.
pub(crate) fn store_word(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Corrupt => "corrupt",
        StoreErrorKind::Denied => "denied",
        StoreErrorKind::Unavailable => "unavailable",
        StoreErrorKind::Misconfigured => "misconfigured",
        _ => "other",
    }
}
