//! The metrics of the manager, through the facade of the crate `metrics`: whoever installs no recorder has none.
//!
//! A fresh token is counted nowhere: that would cost more than to serve it.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use oidc_session_core::EndReason;

/// Calls, by what they came to; but for those that found a fresh token.
const OUTCOMES: &str = "oidc_session_outcomes_total";
/// Sessions that this process ended.
const ENDED: &str = "oidc_session_ended_total";
/// Refreshes that took over what somebody else had left unsettled.
const UNSETTLED: &str = "oidc_session_unsettled_attempts_total";
/// Flights, from their beginning to their landing.
const REFRESH_DURATION: &str = "oidc_session_refresh_duration_seconds";
/// Flights under way.
const REFRESHES: &str = "oidc_session_refreshes_in_progress";
/// How long flights waited for their turn at the authorization server.
const TURN_WAIT: &str = "oidc_session_turn_wait_seconds";
/// How long flights waited for a lease that another process held, if they did.
const LEASE_WAIT: &str = "oidc_session_lease_wait_seconds";
/// Requests to the authorization server.
const PROVIDER_REQUEST_DURATION: &str = "oidc_session_provider_request_duration_seconds";
/// Calls to the store.
const STORE_CALL_DURATION: &str = "oidc_session_store_call_duration_seconds";
/// Whether the store's change feed is followed.
const FEED: &str = "oidc_session_change_feed_followed";

/// What comes of a request or a call that did not fail.
pub(crate) const OK: &str = "ok";

/// The ends that a manager writes.
const REASONS: [EndReason; 7] = [
    EndReason::LoggedOut,
    EndReason::Rejected,
    EndReason::RejectedAfterUnknownOutcome,
    EndReason::NoRefreshToken,
    EndReason::RefreshFailed,
    EndReason::LimitReached,
    EndReason::Idle,
];

/// Tells the recorder what there will be, with its unit, and begins at zero what alerts wait for: a counter that appears
/// with its first count has not grown.
pub(crate) fn describe() {
    describe_counter!(OUTCOMES, Unit::Count, "Calls that took more than a fresh token at hand, by what they came to");
    describe_counter!(ENDED, Unit::Count, "Sessions that this process ended, by reason");
    describe_counter!(UNSETTLED, Unit::Count, "Refreshes that took over attempts whose outcome nobody knows");
    describe_histogram!(
        REFRESH_DURATION,
        Unit::Seconds,
        "Refreshes of a session, with all waits, by what they came to"
    );
    describe_gauge!(REFRESHES, Unit::Count, "Refreshes under way in this process");
    describe_histogram!(TURN_WAIT, Unit::Seconds, "Waits for a turn at the authorization server, of this process");
    describe_histogram!(LEASE_WAIT, Unit::Seconds, "Waits for a lease that another process held");
    describe_histogram!(PROVIDER_REQUEST_DURATION, Unit::Seconds, "Requests to the authorization server");
    describe_histogram!(STORE_CALL_DURATION, Unit::Seconds, "Calls to the session store");
    describe_gauge!(FEED, Unit::Count, "1 while the store tells this process of every change, 0 while it does not");
    for reason in REASONS {
        counter!(ENDED, "reason" => reason.as_str()).increment(0);
    }
    counter!(UNSETTLED).increment(0);
}

pub(crate) fn outcome(outcome: &'static str) {
    counter!(OUTCOMES, "outcome" => outcome).increment(1);
}

pub(crate) fn ended(reason: EndReason) {
    counter!(ENDED, "reason" => reason.as_str()).increment(1);
}

pub(crate) fn took_over() {
    counter!(UNSETTLED).increment(1);
}

pub(crate) fn refreshed(outcome: &'static str, took: Duration) {
    histogram!(REFRESH_DURATION, "outcome" => outcome).record(took);
}

pub(crate) fn waited_for_turn(time: Duration) {
    histogram!(TURN_WAIT).record(time);
}

pub(crate) fn waited_for_lease(time: Duration) {
    histogram!(LEASE_WAIT).record(time);
}

pub(crate) fn provider_request(request: &'static str, result: &'static str, took: Duration) {
    histogram!(PROVIDER_REQUEST_DURATION, "request" => request, "result" => result).record(took);
}

pub(crate) fn store_call(call: &'static str, result: &'static str, took: Duration) {
    histogram!(STORE_CALL_DURATION, "call" => call, "result" => result).record(took);
}

pub(crate) fn feed(is_followed: bool) {
    gauge!(FEED).set(if is_followed { 1.0 } else { 0.0 });
}

/// A flight under way, however it ends.
pub(crate) struct InProgress;

impl InProgress {
    pub(crate) fn begin() -> Self {
        gauge!(REFRESHES).increment(1.0);
        Self
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        gauge!(REFRESHES).decrement(1.0);
    }
}
