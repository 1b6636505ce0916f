//! azure_identity: a client secret credential, with a transport of its public trait.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, StatusCode, Transport};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use http::HeaderValue;

use crate::bearer::bearer;
use crate::{Peer, TokenEndpoint};

const SCOPES: &[&str] = &["https://api.example/.default"];

/// A credential and its cache.
#[derive(Debug)]
pub struct Azure {
    credential: Arc<ClientSecretCredential>,
}

#[derive(Debug)]
struct Endpoint(Arc<TokenEndpoint>);

#[async_trait]
impl HttpClient for Endpoint {
    async fn execute_request(&self, _request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let issued = self.0.token().await;
        let seconds = issued.lifetime.as_secs();
        let body = serde_json::json!({
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": issued.token,
        });
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::default(), body.to_string()))
    }
}

impl Peer for Azure {
    const NAME: &'static str = "azure_identity";

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        let transport = Some(Transport::new(Arc::new(Endpoint(endpoint))));
        let options =
            ClientSecretCredentialOptions { client_options: ClientOptions { transport, ..ClientOptions::default() } };
        let credential = ClientSecretCredential::new("tenant", "app".into(), Secret::new("secret"), Some(options))
            .expect("a tenant, a client, a secret");
        credential.get_token(SCOPES, None).await.expect("the endpoint does not fail");
        Self { credential }
    }

    async fn authorization(&self) -> HeaderValue {
        let token = self.credential.get_token(SCOPES, None).await.expect("the endpoint does not fail");
        bearer(token.token.secret())
    }
}
