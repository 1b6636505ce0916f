//! What every answer says about how it may be used.

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::Response;
use url::Url;

/// The policy of the pages: everything from here, nothing inline.
///
/// Forms are limited where it is known where a logout leads; a provider's own logout may go over any host.
pub(crate) fn content_security_policy(known_issuer: Option<&Url>) -> HeaderValue {
    let policy = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    let with_forms = known_issuer.and_then(|issuer| {
        let origin = issuer.origin().ascii_serialization();
        HeaderValue::try_from(format!("{policy}; form-action 'self' {origin}")).ok()
    });
    with_forms.unwrap_or(HeaderValue::from_static("default-src 'self'; base-uri 'none'; frame-ancestors 'none'"))
}

/// Adds them where the answer has none of its own. What may hold a visitor's data is stored nowhere.
pub(crate) async fn secure(State(policy): State<HeaderValue>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    // Not `no-referrer`: browsers would then send `Origin: null` with forms, and nobody could tell whose they are.
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    response
}
