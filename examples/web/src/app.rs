//! [`App`]: what the handlers share, and [`router`]: where they are.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use oidc_session::http_server::WebSessions;
use url::Url;

use crate::embedded::Embedded;
use crate::orders::Orders;
use crate::streams::Streams;
use crate::{StoreUrl, assets, events, headers, orders, pages, session_view, sign_in_page, trouble};

/// What the handlers share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Parts>);

/// What an [`App`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) embedded: Option<Embedded>,
    pub(crate) issuer: String,
    pub(crate) store: StoreUrl,
    pub(crate) orders: Orders,
    pub(crate) streams: Streams,
    /// For the server's news to ourselves.
    pub(crate) http: reqwest::Client,
    pub(crate) back_channel_logout: Url,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn embedded(&self) -> Option<&Embedded> {
        self.0.embedded.as_ref()
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    pub(crate) fn store_name(&self) -> &'static str {
        self.0.store.name()
    }

    pub(crate) fn orders(&self) -> &Orders {
        &self.0.orders
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// Tells ourselves of a logout, as the authorization server would (OIDC Back-Channel Logout §2.5).
    pub(crate) async fn tell_of_logout(
        &self,
        logout_token: &str,
        patience: Duration,
    ) -> Result<StatusCode, reqwest::Error> {
        let request = self.0.http.post(self.0.back_channel_logout.clone()).form(&[("logout_token", logout_token)]);
        Ok(request.timeout(patience).send().await?.status())
    }
}

/// Every page, and who may see it.
pub(crate) fn router(app: &App, web: &WebSessions) -> Router {
    let policy = headers::content_security_policy(app.embedded().map(|embedded| embedded.server.issuer()));
    let guarded = Router::new()
        .route("/session", get(session_view::session))
        .route("/events", get(events::events))
        .route("/api/orders", get(orders::orders))
        .layer(web.guard());
    // These decide by themselves: they are shown also while a session cannot be used.
    let tabs = Router::new()
        .route("/tab1", get(pages::tab1))
        .route("/tab2", get(pages::tab2))
        .route("/tab3", get(pages::tab3))
        .merge(trouble::routes());
    let open = Router::new()
        .route("/", get(pages::home))
        .route("/sign-in", get(sign_in_page::sign_in))
        .route("/signed-out", get(sign_in_page::signed_out));
    Router::new()
        .merge(guarded)
        .merge(tabs)
        .merge(open)
        .with_state(app.clone())
        .merge(web.routes())
        .layer(web.layer())
        .route("/assets/{name}", get(assets::asset))
        .layer(from_fn_with_state(policy, headers::secure))
}
