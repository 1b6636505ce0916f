//! What happens to a session, told to its pages as it happens (server-sent events).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use oidc_session::http_server::Visitor;
use oidc_session::{EndReason, SessionEvent, SessionEventKind, SessionHandle};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use crate::app::App;
use crate::session_view::{Looked, kept, look, signed_out};
use crate::sign_in_page;
use crate::streams::Place;

/// How often the session is looked at while nothing is heard of it: another machine may have ended it.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// `GET /events`: `session` with the times, `happened` with what happened, `ended` at the end, and `replaced` if a newer
/// stream of the same visitor took the place.
pub(crate) async fn events(State(app): State<App>, visitor: Visitor) -> Response {
    let session = visitor.session().clone();
    // First this, so that nothing happens unheard between the look and the stream.
    let heard = session.subscribe();
    let place = match look(&session).await {
        Ok(Looked::Active(active, _)) => app.streams().enter(active.sign_in_id),
        Ok(Looked::Ended(reason)) => return signed_out(reason),
        Err(error) => return kept(&error),
    };
    let Some(place) = place else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let stream = stream(Listening { session, heard, place, next: Next::Look });
    ([(CACHE_CONTROL, "no-store")], Sse::new(stream).keep_alive(KeepAlive::default())).into_response()
}

struct Listening {
    session: SessionHandle,
    heard: Receiver<SessionEvent>,
    place: Place,
    next: Next,
}

/// What to send next.
enum Next {
    /// The session as it is.
    Look,
    /// Whatever happens.
    Listen,
    /// Nothing more.
    Stop,
}

fn stream(listening: Listening) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(listening, |mut listening| async move {
        let event = listening.event().await?;
        Some((Ok(event), listening))
    })
}

impl Listening {
    async fn event(&mut self) -> Option<Event> {
        loop {
            match self.next {
                Next::Stop => return None,
                Next::Look => {
                    self.next = Next::Listen;
                    match look(&self.session).await {
                        Ok(Looked::Active(_, view)) => return Some(event("session", &json!(view))),
                        Ok(Looked::Ended(reason)) => return Some(self.end(reason)),
                        // The store does not answer. What the page shows is still the last that is known.
                        Err(_) => {}
                    }
                }
                Next::Listen => {
                    if let Some(event) = self.listen().await {
                        return Some(event);
                    }
                }
            }
        }
    }

    async fn listen(&mut self) -> Option<Event> {
        let heard = tokio::select! {
            biased;
            _ = &mut self.place.replaced => {
                self.next = Next::Stop;
                return Some(event("replaced", &json!({})));
            }
            heard = timeout(LOOK_EVERY, self.heard.recv()) => heard,
        };
        self.next = Next::Look;
        let heard = match heard {
            Ok(Ok(heard)) => heard,
            // Silence, or more than could be followed: the session itself tells what came of it.
            Err(_) | Ok(Err(RecvError::Lagged(_))) => return None,
            Ok(Err(RecvError::Closed)) => {
                self.next = Next::Stop;
                return None;
            }
        };
        let (kind, word) = match heard.kind {
            SessionEventKind::Ended(reason) => return Some(self.end(Some(reason))),
            SessionEventKind::SignedIn => ("signed_in", "signed_in"),
            SessionEventKind::Refreshed => ("refreshed", "refreshed"),
            SessionEventKind::Adopted => ("adopted", "adopted"),
            SessionEventKind::Unavailable(word) => ("unavailable", word),
            _ => return None,
        };
        Some(event("happened", &json!({ "kind": kind, "word": word, "at": heard.at.as_unix_millis() })))
    }

    fn end(&mut self, reason: Option<EndReason>) -> Event {
        self.next = Next::Stop;
        let word = reason.map_or("no_session", EndReason::as_str);
        event("ended", &json!({ "reason": word, "sign_in": sign_in_page::address(reason) }))
    }
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}
