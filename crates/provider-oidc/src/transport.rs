//! [`Transport`]: the HTTP client. Every request is sent once, over a connection of its own, and followed nowhere.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{ProviderError, ProviderErrorKind, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, RequestBuilder, Response, StatusCode, redirect, retry};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::ClientCertificate;
use crate::channel::Channel;
use crate::dpop::{DpopProof, Nonces};
use crate::handshake::HandshakeFailure;
use crate::retry_after::retry_after;
use crate::token_request::TokenRequest;

/// The largest answer that is read. Token answers have some kilobytes, key sets some tens of them.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Sends requests. Cloning shares the client.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    client: reqwest::Client,
    /// The longest that one request may take.
    pub(crate) budget: Duration,
    /// What the servers want the next proof of possession to carry.
    pub(crate) nonces: Arc<Nonces>,
    /// Those of resource servers, which are not the same even at the same origin (RFC 9449 §9).
    pub(crate) resource_nonces: Arc<Nonces>,
}

/// An HTTP answer, as far as anything depends on it.
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    /// The nonce that the next proof of possession is to carry (RFC 9449 §8).
    pub(crate) dpop_nonce: Option<String>,
    /// The whole body, or why there is none. A status may say enough without it.
    pub(crate) body: Result<Vec<u8>, BrokenBody>,
}

/// Why the body of an answer is not there.
#[derive(Debug)]
pub(crate) enum BrokenBody {
    /// The connection ended before the body did.
    Cut(reqwest::Error),
    /// It is larger than anything we ask for.
    TooLarge,
    /// It did not end in time.
    Late,
}

impl Transport {
    /// A client for `channel` that trusts the platform's certificates, and `roots`. It shows `own`.
    pub(crate) fn new(
        channel: Channel,
        roots: &[Vec<u8>],
        own: Option<&ClientCertificate>,
        budget: Duration,
    ) -> Result<Self, ProviderError> {
        let mut certificates = Vec::new();
        for pem in roots {
            let bundle = Certificate::from_pem_bundle(pem).map_err(unusable)?;
            if bundle.is_empty() {
                let detail = "a root certificate is not one in PEM";
                return Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail)
                    .with_advice("give it as PEM, with BEGIN CERTIFICATE"));
            }
            certificates.extend(bundle);
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("oidc-session/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(budget / 2)
            // A redirect would carry the refresh token to an address nobody configured.
            .redirect(redirect::Policy::none())
            // A refresh token is presented once. By default a client repeats a request that a server seems not to have
            // read, and what a pooled connection lost, it cannot tell. So: no repeats, no pool, and no HTTP/2, which
            // would add ways to be asked for a repeat and nothing to a single request.
            .retry(retry::never())
            .pool_max_idle_per_host(0)
            .http1_only()
            .tls_backend_rustls();
        let builder = match channel {
            Channel::Tls => builder.tls_certs_merge(certificates),
            // Through a proxy, `http` would leave the machine. And a bare machine has no certificates to load.
            Channel::Loopback => builder.no_proxy().tls_certs_only(certificates),
        };
        let builder = match own {
            Some(certificate) => builder.identity(certificate.identity()),
            None => builder,
        };
        let client = builder.build().map_err(unusable)?;
        Ok(Self { client, budget, nonces: Arc::default(), resource_nonces: Arc::default() })
    }

    /// Presents `request`, at most once, and reads the answer until `deadline`.
    pub(crate) async fn post(
        &self,
        url: &Url,
        request: &TokenRequest,
        deadline: Instant,
        now: impl Fn() -> Timestamp + Send,
    ) -> Result<HttpAnswer, ProviderError> {
        self.post_with_proof(url, request, None, deadline, now).await
    }

    /// The same with a proof that the tokens in question are ours (RFC 9449 §5).
    pub(crate) async fn post_with_proof(
        &self,
        url: &Url,
        request: &TokenRequest,
        proof: Option<&DpopProof>,
        deadline: Instant,
        now: impl Fn() -> Timestamp + Send,
    ) -> Result<HttpAnswer, ProviderError> {
        let mut post = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, request.content_type())
            .header(ACCEPT, "application/json")
            .body(request.body());
        for (name, value) in request.headers() {
            post = post.header(name, value);
        }
        if let Some(authorization) = request.authorization() {
            post = post.header(AUTHORIZATION, sensitive(authorization)?);
        }
        if let Some(proof) = proof {
            post = post.header("DPoP", sensitive(proof.as_str())?);
        }
        let response = match timeout_at(deadline, post.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unsent_or_unknown(error)),
            Err(_) => {
                return Err(ProviderError::new(ProviderErrorKind::OutcomeUnknown, "the server did not answer in time"));
            }
        };
        let dpop_nonce = self.nonces.remember(url, response.headers());
        Ok(HttpAnswer::of(response, dpop_nonce, deadline, now).await)
    }

    /// Asks for what is called `name` and belongs to the bearer of a token, once. Whatever fails, nothing was spent.
    pub(crate) async fn get(
        &self,
        url: &Url,
        authorization: HeaderValue,
        proof: Option<&DpopProof>,
        name: &str,
        deadline: Instant,
        now: impl Fn() -> Timestamp + Send,
    ) -> Result<HttpAnswer, ProviderError> {
        let mut get = self.client.get(url.clone()).header(ACCEPT, "application/json, application/jwt");
        if let Some(proof) = proof {
            get = get.header("DPoP", sensitive(proof.as_str())?);
        }
        let response = match timeout_at(deadline, get.header(AUTHORIZATION, authorization).send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unfetched(error, name)),
            Err(_) => {
                return Err(ProviderError::new(ProviderErrorKind::NotSent, format!("the {name} did not come in time")));
            }
        };
        let dpop_nonce = self.resource_nonces.remember(url, response.headers());
        Ok(HttpAnswer::of(response, dpop_nonce, deadline, now).await)
    }

    /// Fetches the document called `name`. No token is involved: whatever fails, nothing was presented.
    pub(crate) async fn fetch(&self, url: &Url, name: &str, now: Timestamp) -> Result<Vec<u8>, ProviderError> {
        let get = self.client.get(url.clone()).header(ACCEPT, "application/json");
        let mut response = self.within_budget(get).send().await.map_err(|error| unfetched(error, name))?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
        {
            let detail = format!("the {name} is not available now (HTTP {})", status.as_u16());
            return Err(ProviderError::new(ProviderErrorKind::TryLater, detail).with_retry_after(retry_after(
                status,
                response.headers(),
                now,
            )));
        }
        if status != StatusCode::OK {
            let detail = format!("the {name} is not there (HTTP {})", status.as_u16());
            return Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail));
        }
        read(&mut response).await.map_err(|broken| match broken {
            BrokenBody::TooLarge => {
                ProviderError::new(ProviderErrorKind::Misconfigured, format!("the {name} is too large"))
            }
            BrokenBody::Late => ProviderError::new(ProviderErrorKind::NotSent, format!("the {name} came too late")),
            BrokenBody::Cut(error) => {
                ProviderError::new(ProviderErrorKind::NotSent, format!("the {name} arrived incomplete"))
                    .because(error.without_url())
            }
        })
    }

    /// Half of it, so that a refresh that has to discover first still knows that nothing was sent.
    fn within_budget(&self, request: RequestBuilder) -> RequestBuilder {
        request.timeout(self.budget / 2)
    }
}

impl HttpAnswer {
    /// What a server answered, as far as it has come by `deadline`.
    async fn of(
        mut response: Response,
        dpop_nonce: Option<String>,
        deadline: Instant,
        now: impl Fn() -> Timestamp,
    ) -> Self {
        let status = response.status();
        let retry_after = retry_after(status, response.headers(), now());
        let body = match timeout_at(deadline, read(&mut response)).await {
            Ok(body) => body,
            Err(_) => Err(BrokenBody::Late),
        };
        Self { status, retry_after, dpop_nonce, body }
    }
}

async fn read(response: &mut Response) -> Result<Vec<u8>, BrokenBody> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BrokenBody::Cut)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(BrokenBody::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Only a connection that never stood proves that nothing was sent.
fn unsent_or_unknown(error: reqwest::Error) -> ProviderError {
    if let Some(failure) = HandshakeFailure::of(&error) {
        return failure.into_error().because(error.without_url());
    }
    let (kind, detail) = if error.is_connect() || error.is_builder() {
        (ProviderErrorKind::NotSent, "the server could not be reached")
    } else {
        (ProviderErrorKind::OutcomeUnknown, "the connection failed before an answer came")
    };
    ProviderError::new(kind, detail).because(error.without_url())
}

/// What is only read is as good as not asked for when it does not come.
fn unfetched(error: reqwest::Error, name: &str) -> ProviderError {
    let failed = HandshakeFailure::of(&error).map_or_else(
        || ProviderError::new(ProviderErrorKind::NotSent, format!("the {name} could not be fetched")),
        HandshakeFailure::into_error,
    );
    failed.because(error.without_url())
}

fn sensitive(authorization: &str) -> Result<HeaderValue, ProviderError> {
    let mut value = HeaderValue::from_str(authorization).map_err(|_| {
        ProviderError::new(ProviderErrorKind::Misconfigured, "the client credentials do not fit into a header")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable(error: reqwest::Error) -> ProviderError {
    ProviderError::new(
        ProviderErrorKind::Misconfigured,
        "the HTTP client cannot be set up; are the certificates readable?",
    )
    .with_advice("check the certificates that are given, and that this machine has CA certificates of its own")
    .because(error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_authenticates_is_marked_as_sensitive_and_takes_no_second_line() {
        assert!(sensitive("Basic aWQ6cHc=").unwrap().is_sensitive());
        let error = sensitive("Basic hidden\r\nHost: evil.example").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    }
}
