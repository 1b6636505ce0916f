//! [`Orders`]: calls the protected API for a visitor, with the bearer of the visitor's session.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use oidc_session::http_server::Visitor;
use oidc_session::{AccessToken, Outcome, SessionError, SessionHandle};
use serde_json::{Value, json};
use url::Url;

use crate::app::App;
use crate::session_view::{kept, signed_out};

const PATIENCE: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 256 * 1024;

/// The client of the protected API.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    http: reqwest::Client,
    url: Url,
}

/// What came of a call.
#[derive(Debug)]
enum Called {
    /// The orders; what became of the session on the way; how many calls it took.
    Orders(Value, Outcome, u32),
    /// The session has ended.
    Ended(Outcome),
}

#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the session cannot be used now")]
    Session(#[from] SessionError),
    #[error("the API did not answer")]
    Unreachable(#[source] reqwest::Error),
    #[error("the API answered {0}")]
    Refused(StatusCode),
}

impl Orders {
    /// A client of the API at `url`.
    pub(crate) fn at(url: Url) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        Ok(Self { http: http.no_proxy().build()?, url })
    }

    /// Asks for the orders. A token that the API refuses is refreshed, once, unless somebody has done so meanwhile.
    async fn of(&self, session: &SessionHandle) -> Result<Called, CallError> {
        let served = session.token_for(Duration::ZERO).await?;
        match self.ask(&served.access_token).await? {
            Ok(body) => return Ok(Called::Orders(body, served.outcome, 1)),
            Err(StatusCode::UNAUTHORIZED) => {}
            Err(status) => return Err(CallError::Refused(status)),
        }
        let outcome = session.refresh_if_current_is(&served.access_token).await?;
        if !outcome.is_usable() {
            return Ok(Called::Ended(outcome));
        }
        match self.ask(&session.access_token().await?).await? {
            Ok(body) => Ok(Called::Orders(body, outcome, 2)),
            Err(status) => Err(CallError::Refused(status)),
        }
    }

    async fn ask(&self, access_token: &AccessToken) -> Result<Result<Value, StatusCode>, CallError> {
        let request = self.http.get(self.url.clone()).bearer_auth(access_token.expose());
        let mut answer = request.send().await.map_err(CallError::Unreachable)?;
        if !answer.status().is_success() {
            return Ok(Err(answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(CallError::Unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_BYTES {
                return Ok(Err(StatusCode::PAYLOAD_TOO_LARGE));
            }
        }
        Ok(serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_GATEWAY))
    }
}

/// `GET /api/orders`.
pub(crate) async fn orders(State(app): State<App>, visitor: Visitor) -> Response {
    match app.orders().of(visitor.session()).await {
        Ok(Called::Orders(mut body, outcome, calls)) => {
            // If our own guard has just refreshed, that is how the token was come by.
            let outcome = if outcome == Outcome::Fresh { visitor.outcome() } else { outcome };
            body["outcome"] = outcome.as_str().into();
            body["calls"] = calls.into();
            Json(body).into_response()
        }
        Ok(Called::Ended(Outcome::Ended(reason))) => signed_out(Some(reason)),
        Ok(Called::Ended(_)) => signed_out(None),
        Err(CallError::Session(error)) => kept(&error),
        Err(error) => {
            tracing::warn!(%error, "no orders");
            let body = json!({ "error": "no_orders", "message": format!("No orders: {error}.") });
            (StatusCode::BAD_GATEWAY, Json(body)).into_response()
        }
    }
}
