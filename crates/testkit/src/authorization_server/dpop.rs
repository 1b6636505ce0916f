//! [`Dpop`]: which proofs the server has seen, and the nonce it wants in the next (RFC 9449 §8).

use axum::http::HeaderMap;
use url::Url;

use super::authority::Authority;
use super::bounded::Bounded;
use super::dpop_proof::{DpopProof, Proven, invalid};
use super::opaque::{Digest, Opaque};
use super::protocol_error::ProtocolError;
use super::thumbprint::Thumbprint;

const PROOFS_KEPT: usize = 65_536;

/// What a client is told that shows no nonce, or an old one.
pub(super) const USE_NONCE: ProtocolError = ProtocolError::new("use_dpop_nonce", "the DPoP proof needs the nonce");

/// Where the server insists on DPoP, and on what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DpopRules {
    /// Every request for tokens has a proof.
    pub(super) required: bool,
    /// Every proof at the token endpoint has the nonce.
    pub(super) nonce_at_token: bool,
    /// Every proof at the userinfo endpoint has the nonce.
    pub(super) nonce_at_userinfo: bool,
    /// Each answer with tokens brings a new nonce, and the old one is no longer good.
    pub(super) nonce_per_answer: bool,
}

/// The memory of the server about proofs.
pub(super) struct Dpop {
    nonce: Opaque,
    seen: Bounded<Digest, ()>,
}

impl Dpop {
    pub(super) fn new() -> Self {
        Self { nonce: Opaque::mint("nonce_"), seen: Bounded::new(PROOFS_KEPT) }
    }

    /// The nonce that proofs shall have now.
    pub(super) fn nonce(&self) -> &str {
        self.nonce.expose()
    }

    pub(super) fn renew_nonce(&mut self) {
        self.nonce = Opaque::mint("nonce_");
    }

    /// Admits a proof once. Where the nonce is not required, a proof may lack it, but a wrong one is never right.
    fn admit(&mut self, proof: &DpopProof, nonce_required: bool) -> Result<(), ProtocolError> {
        if self.seen.get(&proof.id).is_some() {
            return Err(invalid("the DPoP proof was already used"));
        }
        self.seen.insert(proof.id, ());
        match proof.nonce {
            None if nonce_required => Err(USE_NONCE),
            Some(nonce) if nonce != self.nonce.digest() => Err(USE_NONCE),
            None | Some(_) => Ok(()),
        }
    }
}

impl Authority {
    /// From now on proofs need another nonce; returns it.
    pub(super) fn renew_dpop_nonce(&self) -> String {
        let mut state = self.state();
        state.dpop.renew_nonce();
        state.dpop.nonce().to_owned()
    }

    /// The key that a request for tokens proves to have, if it has a proof.
    pub(super) fn prover_of_grant(&self, headers: &HeaderMap) -> Result<Option<Thumbprint>, ProtocolError> {
        let url = self.endpoint("/token");
        let key = self.prover(headers, "POST", &url, None, self.dpop_rules.nonce_at_token)?;
        if key.is_none() && self.dpop_rules.required {
            return Err(invalid("the request has no DPoP proof"));
        }
        Ok(key)
    }

    /// The key that a request with an access token proves to have, if it has a proof.
    pub(super) fn prover_of_access(
        &self,
        headers: &HeaderMap,
        method: &str,
        url: &Url,
        access_token: &str,
    ) -> Result<Option<Thumbprint>, ProtocolError> {
        self.prover(headers, method, url, Some(access_token), self.dpop_rules.nonce_at_userinfo)
    }

    fn prover(
        &self,
        headers: &HeaderMap,
        method: &str,
        url: &Url,
        access_token: Option<&str>,
        nonce_required: bool,
    ) -> Result<Option<Thumbprint>, ProtocolError> {
        let mut proofs = headers.get_all("dpop").iter();
        let Some(proof) = proofs.next() else {
            return Ok(None);
        };
        if proofs.next().is_some() {
            return Err(invalid("the request has more than one DPoP proof"));
        }
        let proof = proof.to_str().map_err(|_| invalid("the DPoP proof is not a JWT"))?;
        let proof = DpopProof::read(proof, Proven { method, url, access_token, now: self.now() })?;
        let mut state = self.state();
        let admitted = state.dpop.admit(&proof, nonce_required);
        state.counters.dpop_proofs += u64::from(admitted.is_ok());
        state.counters.dpop_nonce_challenges += u64::from(admitted == Err(USE_NONCE));
        admitted.map(|()| Some(proof.key))
    }
}
