//! [`Exchange`]: one request with a token, and what its answer means.

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode};
use oidc_session_manager::SessionHandle;

use crate::auth::Addressee;
use crate::origin::Address;
use crate::presented::Presented;
use crate::refusal::Refusal;
use crate::rests::Place;
use crate::{HttpSessionError, SessionAuth};

/// One request with a token, and what its answer means. At most three are sent: as it was, with the nonce that the
/// server asked for, and with the token that took the place of a refused one.
pub(crate) struct Exchange {
    auth: SessionAuth,
    session: SessionHandle,
    origin: usize,
    presented: Presented,
    refreshed: bool,
    #[cfg(feature = "dpop")]
    proven: Proven,
}

/// What went into the proofs so far.
#[cfg(feature = "dpop")]
#[derive(Default)]
struct Proven {
    nonce: Option<std::sync::Arc<str>>,
    repeated: bool,
}

/// The headers of one sending.
pub(crate) struct Credentials {
    authorization: HeaderValue,
    #[cfg(feature = "dpop")]
    proof: Option<HeaderValue>,
}

/// What an answer asks for.
pub(crate) enum Answered {
    /// It is for the program, perhaps with the reason why a refused token could not be replaced.
    Final(Option<HttpSessionError>),
    /// To send the request again, with new credentials.
    Again,
}

impl Exchange {
    /// Begins with the token of the request's session; `None` if the request is to carry none.
    ///
    /// `refreshed` says that a refresh has been made for this request before, at another address.
    pub(crate) async fn begin(
        auth: &SessionAuth,
        address: Address<'_>,
        headers: &HeaderMap,
        extensions: &Extensions,
        refreshed: bool,
    ) -> Result<Option<Self>, HttpSessionError> {
        let Some(Addressee { session, origin }) = auth.addressee(address, headers, extensions)? else {
            return Ok(None);
        };
        let presented = match Presented::of(&session, auth.shared()).await {
            Ok(presented) => presented,
            Err(error) => return auth.plain_or(error),
        };
        Ok(Some(Self {
            auth: auth.clone(),
            session,
            origin,
            presented,
            refreshed,
            #[cfg(feature = "dpop")]
            proven: Proven::default(),
        }))
    }

    /// The headers of the next sending. A proof is good for one.
    #[cfg_attr(not(feature = "dpop"), expect(unused_variables, clippy::unnecessary_wraps, reason = "proofs need them"))]
    pub(crate) fn credentials(
        &mut self,
        method: &Method,
        address: Address<'_>,
    ) -> Result<Credentials, HttpSessionError> {
        Ok(Credentials {
            authorization: self.presented.authorization.clone(),
            #[cfg(feature = "dpop")]
            proof: self.proof(method, address)?,
        })
    }

    /// Acts on an answer: notes its nonce, and refreshes the session if its token was refused and is still its token.
    pub(crate) async fn heed(&mut self, status: StatusCode, headers: &HeaderMap) -> Answered {
        #[cfg(feature = "dpop")]
        if self.presented.bound.is_some() {
            self.auth.shared().nonces.note(self.origin, headers);
        }
        match Refusal::of(status, headers) {
            Refusal::None => Answered::Final(None),
            Refusal::UseNonce => self.with_nonce(),
            Refusal::InvalidToken if self.refreshed => Answered::Final(None),
            Refusal::InvalidToken => self.refresh().await,
        }
    }

    /// Whether a refresh was made for this request.
    #[cfg(feature = "reqwest")]
    pub(crate) fn has_refreshed(&self) -> bool {
        self.refreshed
    }

    async fn refresh(&mut self) -> Answered {
        self.refreshed = true;
        let shared = self.auth.shared();
        let rejected = self.presented.access_token();
        let refused = rejected.fingerprint();
        let place = Place::of(&self.session, self.origin);
        // Before the refresh: a program that does not wait for it would otherwise cause one after the other.
        let admitted = shared.rests.admits(&place, refused, shared.clock.monotonic());
        if admitted && let Err(error) = self.session.refresh_if_current_is(&rejected).await {
            tracing::debug!(%error, "a refused token could not be replaced");
            return Answered::Final(Some(HttpSessionError::of_session(error)));
        }
        // A straggler gets the newer token even at rest: that costs no refresh.
        let next = match Presented::of(&self.session, shared).await {
            Ok(next) => next,
            Err(error) => return Answered::Final(Some(error)),
        };
        if next.fingerprint() == refused {
            if admitted {
                shared.rests.exhaust(&place);
            }
            tracing::debug!(token = ?refused, "a token is refused, and no refresh is going to change that for a while");
            return Answered::Final(None);
        }
        self.presented = next;
        Answered::Again
    }
}

#[cfg(feature = "dpop")]
impl Exchange {
    fn proof(&mut self, method: &Method, address: Address<'_>) -> Result<Option<HeaderValue>, HttpSessionError> {
        let Some(bound) = &self.presented.bound else { return Ok(None) };
        let shared = self.auth.shared();
        let url = address.to_url();
        let url = url.ok_or_else(|| HttpSessionError::misconfigured("no proof can be made for such an address"))?;
        self.proven.nonce = shared.nonces.last(self.origin);
        let (token, nonce) = (Some(&bound.access_token), self.proven.nonce.as_deref());
        let proof = bound.signer.proof(method.as_str(), &url, token, nonce, shared.clock.now());
        let proof = proof.map_err(HttpSessionError::no_proof)?;
        let mut proof = HeaderValue::from_str(proof.as_str()).map_err(HttpSessionError::no_proof)?;
        proof.set_sensitive(true);
        Ok(Some(proof))
    }

    fn with_nonce(&mut self) -> Answered {
        let is_new = self.presented.bound.is_some()
            && self
                .auth
                .shared()
                .nonces
                .last(self.origin)
                .is_some_and(|last| self.proven.nonce.as_ref() != Some(&last));
        if self.proven.repeated || !is_new {
            return Answered::Final(None);
        }
        self.proven.repeated = true;
        Answered::Again
    }
}

#[cfg(not(feature = "dpop"))]
impl Exchange {
    fn with_nonce(&self) -> Answered {
        Answered::Final(None)
    }
}

impl Credentials {
    pub(crate) fn attach(self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.authorization);
        #[cfg(feature = "dpop")]
        if let Some(proof) = self.proof {
            headers.insert("dpop", proof);
        }
    }
}
