//! [`DpopSigner`]: the key of bound tokens, read once for many proofs.

use oidc_session_core::{AccessToken, DpopBinding, ProviderError, Timestamp};
use reqwest::header::HeaderMap;
use url::Url;

use super::proof::Request;
use super::{DpopProof, Prover, nonce};

/// The key that the tokens of a session are bound to, read once, for the proofs of many requests (RFC 9449).
///
/// [`DpopProof::for_request`] reads the key for each proof; whoever sends many requests keeps this. `Debug` shows the
/// public half only.
#[derive(Debug)]
pub struct DpopSigner(Prover);

impl DpopSigner {
    /// Reads the key of `binding`.
    ///
    /// # Errors
    ///
    /// `Misconfigured`: the key cannot be read, or is not the one that the tokens were bound to.
    pub fn of(binding: &DpopBinding) -> Result<Self, ProviderError> {
        Prover::of(binding).map(Self)
    }

    /// A proof for one request to a resource server; see [`DpopProof::for_request`].
    ///
    /// # Errors
    ///
    /// The key does not sign, or the operating system provides no randomness.
    pub fn proof(
        &self,
        method: &str,
        url: &Url,
        access_token: Option<&AccessToken>,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<DpopProof, ProviderError> {
        self.0.sign(&Request { method, url, access_token, nonce, now })
    }

    /// The nonce that an answer of a resource server wants the next proof to carry (RFC 9449 §9); none if the answer has
    /// more than one, or one that is no nonce.
    pub fn nonce_of(answer: &HeaderMap) -> Option<&str> {
        nonce(answer)
    }
}
