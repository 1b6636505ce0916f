//! [`Server`]: one authorization server: where it is, and what it told about itself.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use oidc_session_core::{Clock, ProviderError, ProviderErrorKind};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::Url;

use crate::Dialect;
use crate::channel::Channel;
use crate::keys::Keys;
use crate::metadata::Metadata;
use crate::seen_tokens::SeenTokens;
use crate::transport::Transport;

/// What is known about one authorization server. Shared by everything that talks to it.
#[derive(Debug)]
pub(crate) struct Server {
    /// The issuer as it was configured. The metadata says how it names itself.
    pub(crate) issuer: String,
    pub(crate) dialect: Arc<dyn Dialect>,
    pub(crate) discovery_url: Url,
    pub(crate) channel: Channel,
    /// Whether the client shows a certificate.
    pub(crate) mutual_tls: bool,
    pub(crate) transport: Transport,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Keys,
    pub(crate) metadata: OnceCell<Metadata>,
    pub(crate) logout_tokens: SeenTokens,
    /// Whether somebody was told that refresh tokens are not replaced here.
    pub(crate) lacks_rotation: AtomicBool,
}

impl Server {
    /// The metadata, fetched at the first use. A failure is not remembered.
    pub(crate) async fn metadata(&self) -> Result<&Metadata, ProviderError> {
        let fetch = self.metadata.get_or_try_init(|| async {
            let now = self.clock.now();
            let document = self
                .transport
                .fetch(&self.discovery_url, "discovery document", now)
                .await
                .map_err(|error| self.unreachable(error))?;
            Metadata::read(&document, &self.issuer, &*self.dialect, self.channel, self.mutual_tls)
        });
        self.in_line("the discovery document could not be fetched in time", fetch).await
    }

    /// Bounds a wait behind others who fetch the same from a silent server, one after another.
    async fn in_line<T>(
        &self,
        late: &'static str,
        fetch: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        match timeout(self.transport.budget, fetch).await {
            Ok(fetched) => fetched,
            Err(_) => Err(self.unreachable(ProviderError::new(ProviderErrorKind::NotSent, late))),
        }
    }

    /// An address that answers nothing, or nothing but an error, may be a slip in the settings.
    fn unreachable(&self, error: ProviderError) -> ProviderError {
        match error.kind() {
            // Whoever knew better has said so.
            _ if error.advice().is_some() => error,
            ProviderErrorKind::NotSent | ProviderErrorKind::Misconfigured => {
                error.with_advice(self.dialect.check_address())
            }
            _ => error,
        }
    }

    /// Sees to it that there are signing keys, neither old nor known to be outdated.
    pub(crate) async fn ensure_keys(&self) -> Result<(), ProviderError> {
        let jwks_uri = &self.metadata().await?.jwks_uri;
        let fetch = || self.transport.fetch(jwks_uri, "key set", self.clock.now());
        self.in_line("the key set could not be fetched in time", self.keys.ensure(&*self.clock, fetch)).await
    }
}
