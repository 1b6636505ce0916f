//! The HTTP client of the examples.

use std::time::Duration;

use url::Url;

/// A client for `url` that gives up after ten seconds.
pub fn http_client(url: &Url) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().timeout(Duration::from_secs(10));
    // Loopback needs neither: a proxy would be somewhere else, and a bare machine has no certificates.
    if url.scheme() == "http" { builder.no_proxy().tls_certs_only([]) } else { builder }
}
