//! google-cloud-auth: a user account's credentials, over HTTP to this machine, for its token source is not public.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use google_cloud_auth::credentials::{CacheableResource, Credentials, user_account};
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderValue};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{Peer, Start, TokenEndpoint};

/// Credentials, and the server they ask.
#[derive(Debug)]
pub struct Google {
    credentials: Credentials,
    server: JoinHandle<()>,
}

impl Drop for Google {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Peer for Google {
    const NAME: &'static str = "google-cloud-auth";
    const START: Start = Start::Empty;

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        // Whoever was first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = tokio::spawn(serve(listener, endpoint));
        let account = serde_json::json!({
            "type": "authorized_user",
            "client_id": "app",
            "client_secret": "secret",
            "refresh_token": "the first",
        });
        let credentials = user_account::Builder::new(account)
            .with_token_uri(format!("http://{address}/token"))
            .build()
            .expect("an account");
        Self { credentials, server }
    }

    async fn authorization(&self) -> HeaderValue {
        let headers = self.credentials.headers(Extensions::new()).await.expect("the endpoint does not fail");
        let CacheableResource::New { data: mut headers, .. } = headers else { unreachable!("no tag was given") };
        headers.remove(AUTHORIZATION).expect("credentials have one")
    }
}

async fn serve(listener: TcpListener, endpoint: Arc<TokenEndpoint>) {
    let router = Router::new().route("/token", post(token)).with_state(endpoint);
    axum::serve(listener, router).await.expect("the listener is good");
}

async fn token(State(endpoint): State<Arc<TokenEndpoint>>) -> Json<serde_json::Value> {
    let issued = endpoint.token().await;
    Json(serde_json::json!({
        "token_type": "Bearer",
        "expires_in": issued.lifetime.as_secs(),
        "access_token": issued.token,
    }))
}
