//! Finds out before the user does that the authorization server refuses our request outright.
//!
//! A server that does not know the client must not redirect (RFC 6749 §4.1.2.1): it shows a page, and a listener on
//! loopback would wait for nothing. So the same request is sent once without a browser, and its status looked at.

use std::time::Duration;

use oidc_session_core::PendingSignIn;
use reqwest::{StatusCode, redirect};
use url::{Host, Url};

use crate::failure::Failure;

/// Ends only if the server refuses the request: with what to tell the user. Everything else is the browser's matter.
pub(crate) async fn refusal(pending: PendingSignIn) -> Failure {
    match status(&pending.authorization_url).await {
        // Nothing else is certain: a 403 may be meant for programs, a 200 may hold anything.
        Ok(status @ (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND)) => {
            let message =
                format!("the authorization server refuses the authorization request (HTTP {})", status.as_u16());
            Failure::misconfigured(message).reason("authorization_request_refused").hint(format!(
                "check --client-id, --scope, and that {} is registered as a redirect URI of the client",
                pending.redirect_uri
            ))
        }
        Ok(status) => {
            tracing::debug!(status = status.as_u16(), "the authorization endpoint answers");
            std::future::pending().await
        }
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "the authorization endpoint could not be looked at");
            std::future::pending().await
        }
    }
}

async fn status(url: &Url) -> reqwest::Result<StatusCode> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("oidc-session/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(10));
    let client = if is_loopback(url) {
        // Through a proxy the request would leave the machine; and a bare machine has no certificates to load.
        client.no_proxy().tls_certs_only([])
    } else {
        client
    };
    Ok(client.build()?.get(url.clone()).send().await?.status())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
