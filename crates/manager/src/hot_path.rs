//! The hot path: a fresh token, for one look at the coarse clock.

use std::sync::Arc;

use http::HeaderValue;
use oidc_session_core::Target;
use oidc_session_policy::Phase;

use crate::clock_watch::Tick;
use crate::entry::Entry;
use crate::known::Known;
use crate::known_token::KnownToken;
use crate::shared::Shared;
use crate::touch;

/// A ready `Authorization` header value, if a fresh one is at hand.
pub(crate) fn try_authorization(shared: &Arc<Shared>, entry: &Arc<Entry>, target: &Target) -> Option<HeaderValue> {
    if let Some(tick) = shared.following.tick()
        && let Some(token) = admitted(shared, entry, entry.known().as_deref(), target, tick)
    {
        return token.authorization();
    }
    fresh_by_both_clocks(shared, entry, target)?.token(target)?.authorization()
}

/// Whether a fresh access token is at hand.
#[inline]
pub(crate) fn is_fresh(shared: &Arc<Shared>, entry: &Arc<Entry>, target: &Target) -> bool {
    if let Some(tick) = shared.following.tick() {
        if target.is_default() && entry.is_fresh(tick) {
            return true;
        }
        if admitted(shared, entry, entry.known().as_deref(), target, tick).is_some() {
            return true;
        }
    }
    fresh_by_both_clocks(shared, entry, target).is_some()
}

/// The access token for `target`, if it is fresh at `tick`. `None` if the coarse clock cannot decide; then both clocks do.
///
/// The tick comes before the look at what is `known`: what is installed after that is no older.
#[inline]
fn admitted<'known>(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    known: Option<&'known Known>,
    target: &Target,
    tick: Tick,
) -> Option<&'known KnownToken> {
    let known = known?;
    let token = known.token(target).filter(|token| token.pass.admits(tick))?;
    if let Some(idleness) = known.idleness() {
        if idleness.is_over(tick.at) {
            return None;
        }
        if idleness.note_living(tick.at) {
            touch::write_down(shared, entry, known, tick.at);
        }
    }
    Some(token)
}

/// What is served without a look at the store, to a program that uses it, by the exact clocks. From then on one look at the
/// coarse one is enough, for as long as they allow.
#[cold]
pub(crate) fn fresh_by_both_clocks(shared: &Arc<Shared>, entry: &Arc<Entry>, target: &Target) -> Option<Arc<Known>> {
    let era = shared.following.era();
    let now = shared.now();
    // Before a look at what is known: what is installed after that is no older.
    if !entry.is_confirmed(now.monotonic) {
        return None;
    }
    let known = entry.known();
    let known = known.as_ref().filter(|known| known.phase(target, now) == Phase::Fresh)?;
    entry.issue_pass(known, target, era, now);
    touch::used_as_known(shared, entry, known, now.wall);
    Some(Arc::clone(known))
}
