//! [`Keys`]: the signing keys of an authorization server, as last seen.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use oidc_session_core::{ProviderError, ProviderErrorKind};
use openidconnect::core::CoreJsonWebKeySet;
use tokio::sync::Mutex;

/// A cache of the server's key set. Reading it never waits; a server that rotates its keys makes it outdated.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    current: RwLock<Option<Arc<CoreJsonWebKeySet>>>,
    outdated: AtomicBool,
    fetching: Mutex<()>,
}

impl Keys {
    /// The keys as last seen; none before the first fetch.
    pub(crate) fn current(&self) -> Arc<CoreJsonWebKeySet> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone().unwrap_or_default()
    }

    /// Notes that the server signs with a key that is not among these.
    pub(crate) fn mark_outdated(&self) {
        self.outdated.store(true, Ordering::Release);
    }

    /// Fetches the keys if they are missing or outdated. Failing to replace outdated keys is not a failure.
    pub(crate) async fn ensure<F>(&self, fetch: impl FnOnce() -> F + Send) -> Result<(), ProviderError>
    where
        F: Future<Output = Result<Vec<u8>, ProviderError>> + Send,
    {
        if self.are_good() {
            return Ok(());
        }
        let _one_at_a_time = self.fetching.lock().await;
        if self.are_good() {
            return Ok(());
        }
        // Cleared before the request: a key that turns up unknown while it runs asks for another one.
        self.outdated.store(false, Ordering::Release);
        let keys = match fetch().await {
            Ok(document) => serde_json::from_slice(&document)
                .map_err(|_| ProviderError::new(ProviderErrorKind::Misconfigured, "the key set is not one")),
            Err(error) => Err(error),
        };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match keys {
            Ok(keys) => *current = Some(Arc::new(keys)),
            Err(error) => {
                self.mark_outdated();
                if current.is_none() {
                    return Err(error);
                }
                tracing::debug!(%error, "the outdated signing keys stay in use");
            }
        }
        Ok(())
    }

    fn are_good(&self) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.is_some() && !self.outdated.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    const EMPTY: &[u8] = br#"{"keys":[]}"#;

    #[tokio::test]
    async fn keys_are_fetched_once_until_they_are_outdated() {
        let keys = Keys::default();
        let fetched = AtomicU32::new(0);
        let fetch = || async {
            fetched.fetch_add(1, Ordering::Relaxed);
            Ok(EMPTY.to_vec())
        };
        keys.ensure(fetch).await.unwrap();
        keys.ensure(fetch).await.unwrap();
        assert_eq!(fetched.load(Ordering::Relaxed), 1);
        keys.mark_outdated();
        keys.ensure(fetch).await.unwrap();
        keys.ensure(fetch).await.unwrap();
        assert_eq!(fetched.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_failed_fetch_fails_only_without_older_keys() {
        let keys = Keys::default();
        let fail = || async { Err(ProviderError::new(ProviderErrorKind::NotSent, "down")) };
        assert!(keys.ensure(fail).await.is_err());
        assert!(keys.ensure(|| async { Ok(b"<html>".to_vec()) }).await.is_err());
        keys.ensure(|| async { Ok(EMPTY.to_vec()) }).await.unwrap();
        keys.mark_outdated();
        keys.ensure(fail).await.unwrap();
        assert!(!keys.are_good(), "the next one tries again");
    }
}
