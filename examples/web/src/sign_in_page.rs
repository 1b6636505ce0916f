//! The page before the session, and the one after it.

use axum::extract::Query;
use axum::response::Html;
use oidc_session::EndReason;
use serde::Deserialize;
use url::form_urlencoded;

use crate::template::{Value, fill};

const DOOR: &str = include_str!("../assets/door.html");
const HOME: &str = "/tab1";
const NOT_SIGNED_IN: &str = "You are not signed in";

/// What the guard says when it sends somebody here.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    return_to: Option<String>,
    /// Why a session has ended.
    reason: Option<String>,
    /// Why a sign-in was not finished.
    error: Option<String>,
}

/// `GET /sign-in`.
pub(crate) async fn sign_in(Query(sent): Query<Sent>) -> Html<String> {
    let (title, message) = match sent.error.as_deref() {
        Some(error) => (NOT_SIGNED_IN, failure(error)),
        None => words(sent.reason.as_deref()),
    };
    door(title, message, sent.return_to.as_deref())
}

/// `GET /signed-out`: where a logout ends.
pub(crate) async fn signed_out() -> Html<String> {
    let (title, message) = words(Some(EndReason::LoggedOut.as_str()));
    door(title, message, None)
}

/// Where somebody whose session ended for `reason` signs in again.
pub(crate) fn address(reason: Option<EndReason>) -> String {
    match reason {
        Some(reason) => format!("/sign-in?reason={reason}", reason = reason.as_str()),
        None => "/sign-in".to_owned(),
    }
}

fn door(title: &str, message: &str, return_to: Option<&str>) -> Html<String> {
    let return_to = return_to.filter(|path| is_local(path)).unwrap_or(HOME);
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
    let sign_in = format!("/auth/login?{query}");
    Html(fill(
        DOOR,
        &[("title", Value::Text(title)), ("message", Value::Text(message)), ("sign_in", Value::Text(&sign_in))],
    ))
}

/// A path of this server: `//host` and `/\host` are addresses elsewhere.
fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path[1..].starts_with(['/', '\\']) && !path.chars().any(char::is_control)
}

fn words(reason: Option<&str>) -> (&'static str, &'static str) {
    match reason.unwrap_or_default() {
        "logged_out" => ("Signed out", "You have logged out. Nothing of the session is left."),
        "logged_out_elsewhere" => (
            "Signed out elsewhere",
            "You have logged out of another application, and the authorization server told this one. Nothing of the session is left.",
        ),
        "rejected" => (
            "Your session has ended",
            "The authorization server took it back: it was revoked, or its time was over. Sign in to go on.",
        ),
        "rejected_after_unknown_outcome" => (
            "Your session has ended",
            "An answer of the authorization server was lost, and it did not accept the session after that. Sign in to go on.",
        ),
        "no_refresh_token" => {
            ("Your session has expired", "The authorization server gave nothing to refresh it with. Sign in to go on.")
        }
        "refresh_failed" => ("Your session has ended", "It expired, and could not be refreshed. Sign in to go on."),
        "limit_reached" => ("Your session has ended", "It reached its time limit. Sign in to go on."),
        "replaced" => ("Signed in anew", "Another sign-in has taken the place of this one. Sign in to go on here."),
        "idle" => ("Your session has ended", "Nobody used it for a while. Sign in to go on."),
        "moved" => ("Your session has moved", "It lives on elsewhere. Sign in to have another one here."),
        "interaction_required" => (
            "The authorization server asks for you",
            "It wants you to act there before the session goes on. Sign in to do that.",
        ),
        "" | "signed_out" | "no_session" => ("Sign in", "This page is for people who are signed in."),
        _ => ("Your session has ended", "Sign in to go on."),
    }
}

/// The words of `SignInFailure`.
fn failure(error: &str) -> &'static str {
    match error {
        "expired" => "The sign-in took too long, or was finished before. Try again.",
        "denied" => "The sign-in was declined. Nothing has changed.",
        "invalid" => "The answer did not belong to a sign-in of this browser. Try again.",
        "unavailable" => "The authorization server cannot be reached just now. Try again in a moment.",
        "misconfigured" => "This application is not set up right: the authorization server does not know it.",
        _ => "The sign-in was not finished. Try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_never_returns_to_another_server() {
        for (path, kept) in [
            ("/tab2", true),
            ("/tab2?x=1&y=2", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example/", false),
            ("/\t/evil.example", false),
            ("", false),
        ] {
            let Html(page) = door("t", "m", Some(path));
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish();
            assert_eq!(page.contains(&format!("/auth/login?{query}\"")), kept, "{path}");
            assert!(kept || page.contains("return_to=%2Ftab1\""), "{path}");
        }
    }

    #[test]
    fn every_end_has_words_of_its_own() {
        let ends = [
            EndReason::LoggedOut,
            EndReason::LoggedOutElsewhere,
            EndReason::Rejected,
            EndReason::RejectedAfterUnknownOutcome,
            EndReason::NoRefreshToken,
            EndReason::RefreshFailed,
            EndReason::LimitReached,
            EndReason::Moved,
            EndReason::Idle,
            EndReason::Replaced,
        ];
        let messages: std::collections::HashSet<_> = ends.iter().map(|end| words(Some(end.as_str())).1).collect();
        assert_eq!(messages.len(), ends.len());
        assert!(!messages.contains(words(None).1) && !messages.contains(words(Some("<script>")).1));
    }
}
