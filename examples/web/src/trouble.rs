//! What can go wrong, on purpose.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Json, Router};
use oidc_session::Session;
use oidc_session::http_server::{AuthState, Visitor};
use serde_json::{Value, json};

use crate::app::App;
use crate::embedded::{CLIENT_ID, Embedded};
use crate::session_view::{Looked, kept, look, signed_out};
use crate::template::{Value as Put, fill};

const PATIENCE: Duration = Duration::from_secs(10);

const CARD: &str = r#"<section class="card"><h2>{title}</h2><p class="quiet">{text}</p>
<form method="post" action="{action}" data-trouble><button{attributes}>{button}</button>{more}</form></section>
"#;

/// `POST /trouble/…`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/trouble/expire", post(expire))
        .route("/trouble/revoke", post(revoke))
        .route("/trouble/elsewhere", post(elsewhere))
        .route("/trouble/cut", post(cut))
        .route("/trouble/repair", post(repair))
}

/// The cards of the tab: those that need the embedded server only where there is one.
pub(crate) fn cards(embedded: Option<&Embedded>) -> String {
    let mut cards = card(
        "Expire the access token",
        "Makes it old in the store, and keeps the refresh token. The next request of any tab refreshes: exactly one of them, however many ask.",
        "/trouble/expire",
        "Expire it",
    );
    let Some(embedded) = embedded else { return cards };
    cards.push_str(&network(embedded.network.works()));
    cards.push_str(&card(
        "Revoke at the server",
        "As an administrator would. Nobody tells us: the next refresh is refused, or the next call to the API, and that ends the session.",
        "/trouble/revoke",
        "Revoke it",
    ));
    cards.push_str(&card(
        "Sign out elsewhere",
        "Another application ends your session at the server, which tells this one by a back-channel logout. Every tab leaves at once.",
        "/trouble/elsewhere",
        "Sign out elsewhere",
    ));
    cards
}

fn card(title: &str, text: &str, action: &str, button: &str) -> String {
    let values = [
        ("title", Put::Text(title)),
        ("text", Put::Text(text)),
        ("action", Put::Text(action)),
        ("button", Put::Text(button)),
        ("attributes", Put::Markup(r#" class="danger""#)),
        ("more", Put::Markup("")),
    ];
    fill(CARD, &values)
}

/// One of two buttons, which the page exchanges without being loaded again.
fn network(works: bool) -> String {
    let (cut, repair) = if works { ("", " hidden") } else { (" hidden", "") };
    let cut = format!(r#" class="danger" data-network="cut" formaction="/trouble/cut"{cut}"#);
    let repair = format!(
        r#"<button class="primary" data-network="repair" formaction="/trouble/repair"{repair}>Repair it</button>"#
    );
    let values = [
        ("title", Put::Text("Break the network")),
        (
            "text",
            Put::Text(
                "Cuts the line to the authorization server. A token that is still valid goes on being served; one that expires meanwhile is not, but nobody is logged out.",
            ),
        ),
        ("action", Put::Text("/trouble/cut")),
        ("button", Put::Text("Break it")),
        ("attributes", Put::Markup(&cut)),
        ("more", Put::Markup(&repair)),
    ];
    fill(CARD, &values)
}

async fn expire(headers: HeaderMap, visitor: Visitor) -> Response {
    match visitor.session().expire().await {
        Ok(()) => done(&headers, json!({ "message": "The access token has expired. The next request refreshes." })),
        Err(error) => kept(&error),
    }
}

async fn revoke(State(app): State<App>, headers: HeaderMap, visitor: Visitor) -> Response {
    let Some(embedded) = app.embedded() else { return StatusCode::NOT_FOUND.into_response() };
    let session = match active(&visitor).await {
        Ok(session) => session,
        Err(refusal) => return refusal,
    };
    embedded.server.revoke_subject(session.subject.as_deref().unwrap_or_default());
    done(&headers, json!({ "message": "Revoked. The next refresh, or the next call to the API, will find out." }))
}

async fn elsewhere(State(app): State<App>, headers: HeaderMap, visitor: Visitor) -> Response {
    let Some(embedded) = app.embedded() else { return StatusCode::NOT_FOUND.into_response() };
    let session = match active(&visitor).await {
        Ok(session) => session,
        Err(refusal) => return refusal,
    };
    let logout_token = embedded.server.logout_token(CLIENT_ID, session.subject.as_deref(), session.sid.as_deref());
    match app.tell_of_logout(&logout_token, PATIENCE).await {
        Ok(status) if status.is_success() => done(&headers, json!({ "message": "The server has told us." })),
        Ok(status) => failed(&format!("The logout was not accepted ({status}).")),
        Err(error) => failed(&format!("The logout did not arrive: {}.", error.without_url())),
    }
}

async fn cut(state: State<App>, headers: HeaderMap, who: AuthState) -> Response {
    switch(state, headers, who, false).await
}

async fn repair(state: State<App>, headers: HeaderMap, who: AuthState) -> Response {
    switch(state, headers, who, true).await
}

/// Also for a visitor whose session cannot be used now: nobody else would repair it.
async fn switch(State(app): State<App>, headers: HeaderMap, who: AuthState, works: bool) -> Response {
    match who {
        AuthState::SignedIn(_) | AuthState::Unavailable(_) => {}
        AuthState::Ended(reason) => return signed_out(Some(reason)),
        _ => return signed_out(None),
    }
    let Some(embedded) = app.embedded() else { return StatusCode::NOT_FOUND.into_response() };
    if let Err(error) = embedded.network.switch(works).await {
        return failed(&format!("That did not work: {error}."));
    }
    let message = if works { "The network works again." } else { "The network is down." };
    done(&headers, json!({ "message": message, "network": works }))
}

async fn active(visitor: &Visitor) -> Result<Box<Session>, Response> {
    match look(visitor.session()).await {
        Ok(Looked::Active(session, _)) => Ok(session),
        Ok(Looked::Ended(reason)) => Err(signed_out(reason)),
        Err(error) => Err(kept(&error)),
    }
}

/// A script gets the answer, a form without one the page again.
fn done(headers: &HeaderMap, answer: Value) -> Response {
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") { Redirect::to("/tab3").into_response() } else { Json(answer).into_response() }
}

fn failed(message: &str) -> Response {
    (StatusCode::BAD_GATEWAY, Json(json!({ "error": "failed", "message": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_provider_has_no_buttons_of_the_embedded_server() {
        let cards = cards(None);
        assert!(cards.contains("/trouble/expire"));
        assert!(!cards.contains("/trouble/revoke") && !cards.contains("/trouble/cut"));
    }
}
