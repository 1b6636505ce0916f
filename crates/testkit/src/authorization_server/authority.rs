//! [`Authority`]: what the endpoints share, and what each of them may do to it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use oidc_session_core::{Clock, Timestamp};
use url::Url;

use super::authorization_request::{AuthorizationRequest, Rejection};
use super::bounded::Bounded;
use super::client::Client;
use super::counters::Counters;
use super::device_grants::DeviceGrants;
use super::dpop::{Dpop, DpopRules};
use super::fault::Fault;
use super::grants::Grants;
use super::key_ring::KeyRing;
use super::opaque::{Digest, Opaque};
use super::params::Params;
use super::presentation::PresentationLog;
use super::protocol_error::ProtocolError;
use super::pushed_requests::PushedRequests;
use super::resource::Resources;
use super::sign_in::{Code, SignIn};
use super::signing_key::{Hint, SigningKey};

const ASSERTIONS_KEPT: usize = 65_536;

/// What whoever sits before the authorization endpoint says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Decision {
    /// Sign in and grant what was asked for.
    #[default]
    Approve,
    /// Refuse: the client gets `access_denied`.
    Deny,
}

/// The authorization server without its sockets.
pub(super) struct Authority {
    pub(super) issuer: Url,
    pub(super) clients: Vec<Client>,
    pub(super) resources: Arc<Resources>,
    pub(super) subject: String,
    pub(super) interactive: bool,
    /// Authorization requests must be pushed (RFC 9126 §4).
    pub(super) pushed_only: bool,
    pub(super) dpop_rules: DpopRules,
    /// Fields that the discovery document does not have.
    pub(super) hidden_from_discovery: Vec<String>,
    pub(super) access_token_lifetime: Duration,
    pub(super) latency: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) key_ring: RwLock<KeyRing>,
    pub(super) state: Mutex<State>,
}

/// Everything that changes while the server runs.
pub(super) struct State {
    pub(super) grants: Grants,
    pub(super) device_grants: DeviceGrants,
    pub(super) pushed_requests: PushedRequests,
    pub(super) dpop: Dpop,
    pub(super) assertions_seen: Bounded<Digest, ()>,
    pub(super) counters: Counters,
    pub(super) presentations: PresentationLog,
    pub(super) faults: VecDeque<Fault>,
    pub(super) decision: Decision,
}

impl State {
    pub(super) fn new(grants: Grants, device_grants: DeviceGrants) -> Self {
        Self {
            grants,
            device_grants,
            pushed_requests: PushedRequests::new(),
            dpop: Dpop::new(),
            assertions_seen: Bounded::new(ASSERTIONS_KEPT),
            counters: Counters::default(),
            presentations: PresentationLog::default(),
            faults: VecDeque::new(),
            decision: Decision::default(),
        }
    }
}

impl Authority {
    /// Never held across an await or a signature.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A handler that panicked has failed its own request; the state is changed in single steps and still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that signs now.
    pub(super) fn signing_key(&self) -> Arc<SigningKey> {
        self.key_ring.read().unwrap_or_else(PoisonError::into_inner).current()
    }

    /// What the server publishes of its keys.
    pub(super) fn published_keys(&self) -> JwkSet {
        self.key_ring.read().unwrap_or_else(PoisonError::into_inner).published()
    }

    pub(super) fn change_keys(&self, change: impl FnOnce(&mut KeyRing)) {
        change(&mut self.key_ring.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Reads an ID token of this server, however old.
    pub(super) fn read_hint(&self, id_token: &str) -> Option<Hint> {
        self.key_ring.read().unwrap_or_else(PoisonError::into_inner).read_hint(id_token)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id() == id)
    }

    /// The address of one of the endpoints.
    pub(super) fn endpoint(&self, path: &str) -> Url {
        let mut url = self.issuer.clone();
        url.set_path(path);
        url
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut self.state().counters);
    }

    pub(super) fn counters(&self) -> Counters {
        let state = self.state();
        Counters { families_revoked: state.grants.families_revoked(), ..state.counters }
    }

    /// Reads an authorization request, or the one that was pushed before it.
    pub(super) fn authorization_request(&self, params: &Params) -> Result<AuthorizationRequest, Rejection> {
        if let Some(request_uri) = params.get("request_uri").filter(|uri| PushedRequests::is_ours(uri)) {
            return self.pushed_request(Digest::of(request_uri), params.get("client_id"));
        }
        let request = AuthorizationRequest::validate(params, &self.clients, &self.resources)?;
        if self.pushed_only {
            return Err(request.refused(ProtocolError::invalid_request("the request must be pushed")));
        }
        Ok(request)
    }

    fn pushed_request(&self, digest: Digest, client_id: Option<&str>) -> Result<AuthorizationRequest, Rejection> {
        let state = self.state();
        let params = state.pushed_requests.read(&digest, client_id, self.now());
        let params = params.ok_or(Rejection::Page("The pushed request is unknown, too old, or already used."))?;
        let mut request = AuthorizationRequest::validate(params, &self.clients, &self.resources)?;
        request.pushed_as = Some(digest);
        Ok(request)
    }

    /// Answers an authorization request the way somebody decided. `subject` is who decided.
    pub(super) fn decide(&self, request: &AuthorizationRequest, decision: Decision, subject: Option<&str>) -> Url {
        // Only now: somebody may load the page twice before deciding (RFC 9126 §4).
        if let Some(pushed_as) = &request.pushed_as
            && let Err(refusal) = self.state().pushed_requests.consume(pushed_as)
        {
            return request.with_error(&self.issuer, refusal);
        }
        match decision {
            Decision::Approve => self.approve(request, subject),
            Decision::Deny => {
                self.count(|counters| counters.denials += 1);
                request.with_error(&self.issuer, ProtocolError::new("access_denied", "the subject refused"))
            }
        }
    }

    /// Decides about the device with this user code. Returns whether there is one that still waits.
    pub(super) fn decide_device(&self, user_code: &str, decision: Decision, subject: Option<&str>) -> bool {
        let now = self.now();
        let mut state = self.state();
        let Some(grant) = state.device_grants.open(user_code, now) else {
            return false;
        };
        match decision {
            Decision::Approve => grant.approve(subject.unwrap_or(&self.subject), now),
            Decision::Deny => {
                grant.deny();
                state.counters.denials += 1;
            }
        }
        tracing::debug!(?decision, "device");
        true
    }

    fn approve(&self, request: &AuthorizationRequest, subject: Option<&str>) -> Url {
        let now = self.now();
        let subject = subject.or(request.login_hint.as_deref()).unwrap_or(&self.subject);
        let sign_in = SignIn {
            client_id: request.client_id.clone(),
            subject: subject.to_owned(),
            scope: request.scope.clone(),
            resources: request.resources.clone(),
            sid: Opaque::mint("").expose().to_owned(),
            auth_time: now,
        };
        let code = Code {
            sign_in,
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            dpop_jkt: request.dpop_jkt.clone(),
            issued_at: now,
        };
        let value = Opaque::mint("ac_");
        let mut state = self.state();
        state.grants.issue_code(value.digest(), code);
        state.counters.authorizations += 1;
        drop(state);
        tracing::debug!(client_id = request.client_id, "authorization approved");
        request.with_code(&self.issuer, value.expose())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("issuer", &self.issuer.as_str()).finish_non_exhaustive()
    }
}
