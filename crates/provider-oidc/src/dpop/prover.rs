//! [`Prover`]: proves at the authorization server that the tokens of one sign-in are ours.

use oidc_session_core::{DpopBinding, DpopKey, ProviderError, ProviderErrorKind, Session, Timestamp};
use url::Url;

use super::key::ProofKey;
use super::proof::Request;
use super::{DpopProof, Nonces};

/// The key of one sign-in, ready to sign, beside what is stored of it.
#[derive(Debug)]
pub(crate) struct Prover {
    key: ProofKey,
    binding: DpopBinding,
}

impl Prover {
    /// A prover with a new key.
    pub(crate) fn generate() -> Result<Self, ProviderError> {
        let (key, stored) = ProofKey::generate()?;
        Ok(Self::new(key, stored))
    }

    /// A prover with the key of a pending sign-in.
    pub(crate) fn read(stored: &DpopKey) -> Result<Self, ProviderError> {
        Ok(Self::new(ProofKey::read(stored)?, stored.clone()))
    }

    /// The prover of a session; none if its tokens are not bound.
    pub(crate) fn of_session(session: &Session) -> Result<Option<Self>, ProviderError> {
        session.dpop.as_ref().map(Self::of).transpose()
    }

    /// A prover with a bound key. The thumbprint is checked, because the server binds to that: with any other key it
    /// would refuse the token, and perhaps take the attempt for theft.
    pub(crate) fn of(binding: &DpopBinding) -> Result<Self, ProviderError> {
        let key = ProofKey::read(&binding.key)?;
        if key.public().thumbprint() == binding.thumbprint {
            Ok(Self { key, binding: binding.clone() })
        } else {
            let detail = "the session's DPoP key is not the one that its tokens are bound to";
            Err(ProviderError::new(ProviderErrorKind::Misconfigured, detail))
        }
    }

    /// What the server binds to (RFC 7638).
    pub(crate) fn thumbprint(&self) -> &str {
        &self.binding.thumbprint
    }

    /// A proof for one request to the authorization server, with the nonce that it gave last to anybody here, or else to
    /// this session.
    pub(crate) fn proof(
        &self,
        method: &str,
        url: &Url,
        nonces: &Nonces,
        now: Timestamp,
    ) -> Result<DpopProof, ProviderError> {
        let last = nonces.last(url);
        let nonce = last.as_deref().or(self.binding.nonce.as_deref());
        self.sign(&Request { method, url, access_token: None, nonce, now })
    }

    /// A proof for any one request.
    pub(crate) fn sign(&self, request: &Request<'_>) -> Result<DpopProof, ProviderError> {
        DpopProof::sign(&self.key, request)
    }

    /// What a pending sign-in keeps.
    pub(crate) fn into_key(self) -> DpopKey {
        self.binding.key
    }

    /// What a session keeps.
    pub(crate) fn into_binding(mut self, nonce: Option<String>) -> DpopBinding {
        self.binding.nonce = nonce;
        self.binding
    }

    fn new(key: ProofKey, stored: DpopKey) -> Self {
        let binding = DpopBinding::new(stored, key.public().thumbprint());
        Self { key, binding }
    }
}
