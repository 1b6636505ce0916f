//! The three tabs.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use oidc_session::http_server::{AuthState, Visitor, VisitorMissing};
use oidc_session::{Outcome, Phase, SessionError, SessionErrorKind};

use crate::app::App;
use crate::session_view::{Looked, kept, look, phase_word, signed_out};
use crate::template::{Value, fill};
use crate::trouble;

const SHELL: &str = include_str!("../assets/shell.html");
const TAB1: &str = include_str!("../assets/tab1.html");
const TAB2: &str = include_str!("../assets/tab2.html");
const TAB3: &str = include_str!("../assets/tab3.html");

const KEPT: &str = "The authorization server cannot be reached. The session is kept, and goes on when it is back.";

/// The visitor, or what the guard would answer; and why, if it is not for want of a sign-in.
type Who = (Result<Visitor, VisitorMissing>, AuthState);

#[derive(Clone, Copy, Eq, PartialEq)]
enum Tab {
    Session,
    Orders,
    Trouble,
}

/// `GET /`.
pub(crate) async fn home() -> Redirect {
    Redirect::to("/tab1")
}

/// `GET /tab1`: the session as it goes on.
pub(crate) async fn tab1(State(app): State<App>, who: Who) -> Response {
    let main = fill(TAB1, &[("store", Value::Text(app.store_name())), ("issuer", Value::Text(app.issuer()))]);
    show(Tab::Session, who, &main).await
}

/// `GET /tab2`: what the protected API has for the visitor.
pub(crate) async fn tab2(who: Who) -> Response {
    show(Tab::Orders, who, TAB2).await
}

/// `GET /tab3`: what can go wrong.
pub(crate) async fn tab3(State(app): State<App>, who: Who) -> Response {
    let main = fill(TAB3, &[("troubles", Value::Markup(&trouble::cards(app.embedded())))]);
    show(Tab::Trouble, who, &main).await
}

/// A page is shown also while its session cannot be used: it says so, and goes on by itself when that is over.
async fn show(tab: Tab, who: Who, main: &str) -> Response {
    match who {
        (Ok(visitor), _) => to_visitor(tab, &visitor, main).await,
        (Err(_), AuthState::Unavailable(error)) if error.kind() != SessionErrorKind::SignInNeeded => {
            Html(page(tab, &Shown::kept(&error), main)).into_response()
        }
        (Err(missing), _) => missing.into_response(),
    }
}

async fn to_visitor(tab: Tab, visitor: &Visitor, main: &str) -> Response {
    match look(visitor.session()).await {
        Ok(Looked::Active(session, view)) => {
            let subject = session.subject.as_deref().unwrap_or_default();
            Html(page(tab, &Shown::usable(subject, view.phase(), visitor.outcome()), main)).into_response()
        }
        Ok(Looked::Ended(reason)) => signed_out(reason),
        Err(error) => kept(&error),
    }
}

/// What the shell says before the scripts do.
struct Shown<'a> {
    subject: &'a str,
    phase: &'static str,
    phase_words: &'static str,
    outcome: &'static str,
    banner: &'static str,
}

impl<'a> Shown<'a> {
    fn usable(subject: &'a str, phase: Phase, outcome: Outcome) -> Self {
        let phase_words = match phase {
            Phase::Fresh => "Fresh",
            Phase::Due => "Due for a refresh",
            Phase::Expired => "Expired",
        };
        Self { subject, phase: phase_word(phase), phase_words, outcome: outcome.as_str(), banner: "" }
    }

    fn kept(error: &SessionError) -> Self {
        let (phase, phase_words) = ("unavailable", "Kept, not usable now");
        Self { subject: "", phase, phase_words, outcome: error.outcome(), banner: KEPT }
    }
}

fn page(tab: Tab, shown: &Shown<'_>, main: &str) -> String {
    let title = match tab {
        Tab::Session => "Session",
        Tab::Orders => "Orders",
        Tab::Trouble => "Trouble",
    };
    let current = |this: Tab| Value::Markup(if tab == this { r#" aria-current="page""# } else { "" });
    let values = [
        ("title", Value::Text(title)),
        ("tab1", current(Tab::Session)),
        ("tab2", current(Tab::Orders)),
        ("tab3", current(Tab::Trouble)),
        ("subject", Value::Text(shown.subject)),
        ("phase", Value::Text(shown.phase)),
        ("phase_words", Value::Text(shown.phase_words)),
        ("outcome", Value::Text(shown.outcome)),
        ("outcome_words", Value::Text(shown.outcome)),
        ("banner", Value::Text(shown.banner)),
        ("banner_hidden", Value::Markup(if shown.banner.is_empty() { "hidden" } else { "" })),
        ("main", Value::Markup(main)),
    ];
    fill(SHELL, &values)
}
