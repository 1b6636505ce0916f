//! [`ProofFlags`]: a proof of possession for one request with a bound access token (RFC 9449).

use clap::Args;
use oidc_session_core::{Timestamp, TokenType};
use oidc_session_manager::ServedToken;
use oidc_session_provider_oidc::DpopProof;
use url::Url;

use crate::failure::Failure;

/// Which request to prove the possession of the key for.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProofFlags {
    /// Print the two header lines of a request with a DPoP token: `Authorization`, and `DPoP` with a proof for it
    #[arg(long, num_args = 2, value_names = ["METHOD", "URL"])]
    proof: Option<Vec<String>>,

    /// The nonce that the resource server gave last, in its DPoP-Nonce header
    #[arg(long, value_name = "NONCE", requires = "proof")]
    nonce: Option<String>,
}

/// The request that a proof is for.
#[derive(Clone, Debug)]
pub(crate) struct ProvenRequest {
    method: String,
    url: Url,
    nonce: Option<String>,
}

impl ProofFlags {
    /// The request, if a proof is wanted.
    pub(crate) fn request(&self) -> Result<Option<ProvenRequest>, Failure> {
        let Some([method, url]) = self.proof.as_deref() else { return Ok(None) };
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
            return Err(Failure::usage("--proof takes a method in capital letters, such as GET, and a URL"));
        }
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let url = url.ok_or_else(|| Failure::usage("--proof takes a method and an http or https URL"))?;
        Ok(Some(ProvenRequest { method: method.clone(), url, nonce: self.nonce.clone() }))
    }
}

impl ProvenRequest {
    /// The proof that `served` may be used for the request.
    pub(crate) fn prove(&self, served: &ServedToken, now: Timestamp) -> Result<DpopProof, Failure> {
        let Some(binding) = &served.dpop else {
            let message = match served.token_type {
                TokenType::DPoP => "the access token is bound to a key that the session does not have",
                _ => "the access token is not bound to a key, so there is nothing to prove",
            };
            return Err(Failure::misconfigured(message)
                .reason("not_bound")
                .hint("leave out --proof, or sign in with `oidc-session login --dpop`"));
        };
        let (token, nonce) = (Some(&served.access_token), self.nonce.as_deref());
        Ok(DpopProof::for_request(binding, &self.method, &self.url, token, nonce, now)?)
    }
}
