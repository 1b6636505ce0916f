//! [`Bound`]: a token that is worth nothing without a proof for each request (RFC 9449).

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use oidc_session_core::{AccessToken, DpopBinding};
use oidc_session_manager::ServedToken;
use oidc_session_provider_oidc::DpopSigner;
use zeroize::Zeroizing;

use crate::HttpSessionError;

/// A bound token, and the key to prove it with.
pub(crate) struct Bound {
    pub(crate) access_token: AccessToken,
    pub(crate) signer: Arc<DpopSigner>,
}

/// The keys of the sessions that sent something lately, read. To read one takes longer than to sign with it.
#[derive(Default)]
pub(crate) struct Signers(Mutex<Known<Arc<DpopSigner>>>);

struct Known<S> {
    by_thumbprint: HashMap<String, S>,
    oldest_first: VecDeque<String>,
}

/// The nonce that each server gave last (RFC 9449 §9), by the place of its origin in the list.
pub(crate) struct Nonces(Box<[Mutex<Option<Arc<str>>>]>);

impl Bound {
    pub(crate) fn of(served: ServedToken, signers: &Signers) -> Result<Self, HttpSessionError> {
        let binding = served.dpop.ok_or_else(|| {
            HttpSessionError::misconfigured("the access token is bound to a key that the session does not have")
        })?;
        Ok(Self { access_token: served.access_token, signer: signers.of(&binding)? })
    }

    /// Sensitive, and wiped with its last clone.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, HttpSessionError> {
        let text = [b"DPoP ", self.access_token.expose().as_bytes()].concat().into_boxed_slice();
        let value = HeaderValue::from_maybe_shared(Bytes::from_owner(Zeroizing::new(text)));
        let mut value = value.map_err(HttpSessionError::no_proof)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Signers {
    const MOST: usize = 1024;

    /// The binding's key. A key is told by its thumbprint, which it was compared with when it was read.
    fn of(&self, binding: &DpopBinding) -> Result<Arc<DpopSigner>, HttpSessionError> {
        if let Some(signer) = self.known().by_thumbprint.get(&binding.thumbprint) {
            return Ok(Arc::clone(signer));
        }
        let signer = Arc::new(DpopSigner::of(binding).map_err(HttpSessionError::no_proof)?);
        self.known().keep(binding.thumbprint.clone(), Arc::clone(&signer));
        Ok(signer)
    }

    fn known(&self) -> MutexGuard<'_, Known<Arc<DpopSigner>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Known<S> {
    fn keep(&mut self, thumbprint: String, signer: S) {
        if self.by_thumbprint.insert(thumbprint.clone(), signer).is_some() {
            return;
        }
        self.oldest_first.push_back(thumbprint);
        if self.oldest_first.len() > Signers::MOST
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_thumbprint.remove(&oldest);
        }
    }
}

impl<S> Default for Known<S> {
    fn default() -> Self {
        Self { by_thumbprint: HashMap::new(), oldest_first: VecDeque::new() }
    }
}

impl Nonces {
    pub(crate) fn of(origins: usize) -> Self {
        Self((0..origins).map(|_| Mutex::default()).collect())
    }

    /// Notes the nonce of an answer. An answer without one changes nothing.
    pub(crate) fn note(&self, origin: usize, answer: &HeaderMap) {
        if let Some(nonce) = DpopSigner::nonce_of(answer)
            && let Some(mut last) = self.at(origin)
            && last.as_deref() != Some(nonce)
        {
            *last = Some(nonce.into());
        }
    }

    pub(crate) fn last(&self, origin: usize) -> Option<Arc<str>> {
        self.at(origin)?.clone()
    }

    fn at(&self, origin: usize) -> Option<MutexGuard<'_, Option<Arc<str>>>> {
        Some(self.0.get(origin)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bound([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_key_makes_room() {
        let mut known = Known::default();
        for n in 0..=Signers::MOST {
            known.keep(n.to_string(), n);
            known.keep(n.to_string(), n);
        }
        assert_eq!((known.by_thumbprint.len(), known.oldest_first.len()), (Signers::MOST, Signers::MOST));
        assert!(!known.by_thumbprint.contains_key("0") && known.by_thumbprint.contains_key("1"));
    }

    #[test]
    fn an_answer_without_a_nonce_changes_none() {
        let nonces = Nonces::of(2);
        let answer = |nonce: &'static str| [("dpop-nonce".parse().unwrap(), HeaderValue::from_static(nonce))];
        nonces.note(1, &answer("n-1").into_iter().collect());
        nonces.note(1, &HeaderMap::new());
        nonces.note(1, &answer("no nonce").into_iter().collect());
        nonces.note(2, &answer("n-2").into_iter().collect());
        assert_eq!((nonces.last(0), nonces.last(1).as_deref(), nonces.last(2)), (None, Some("n-1"), None));
    }
}
