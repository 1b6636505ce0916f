//! An embedded OpenID authorization server: the real protocol over loopback HTTP, with everything that goes wrong.

mod authority;
mod authorization_request;
mod bounded;
mod builder;
mod client;
mod client_assertion;
mod client_authentication;
mod counters;
mod device_grant;
mod device_grants;
mod device_habits;
mod dpop;
mod dpop_proof;
mod endpoints;
mod family;
mod fault;
mod fresh;
mod grants;
mod id_token;
mod key_ring;
mod logout_token;
mod opaque;
mod params;
mod pkce;
mod presentation;
mod protocol_error;
mod pushed_requests;
mod resource;
mod scope;
mod sign_in;
mod signing_key;
mod start_error;
mod thumbprint;
mod token_grant;
mod user_code;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use authority::Authority;
use key_ring::KeyRing;
use logout_token::LogoutTokenClaims;
use opaque::Digest;
use signing_key::SigningKey;

pub use authority::Decision;
pub use builder::AuthorizationServerBuilder;
pub use client::{Client, InvalidKey};
pub use counters::Counters;
pub use device_habits::DeviceHabits;
pub use fault::{Fault, Field, RetryAfter, StatusBody};
pub use presentation::{FamilyId, Outcome, Presentation};
pub use start_error::StartError;

/// How long a shutdown waits for requests that are still being answered.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// A running authorization server. Stops when it is dropped.
///
/// It signs in anybody who asks, so it belongs on a loopback address. It speaks the code flow with PKCE, rotates refresh
/// tokens, detects their reuse, revokes, ends sessions, and fails on demand; it counts what it does, and logs each
/// presentation of a refresh token (without the token).
///
/// A client that wants to may also push its authorization requests (RFC 9126), sign in on a device (RFC 8628), name
/// resources (RFC 8707), bind its tokens to a key (RFC 9449), and authenticate by assertions (RFC 7523). The
/// [builder](AuthorizationServerBuilder) makes some of that a must, or as strange as vendors have it.
///
/// ```
/// use oidc_session_testkit::{AuthorizationServer, Fault};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let server = AuthorizationServer::builder().start().await?;
/// server.inject(Fault::DropAfter); // the next grant happens, and its answer is lost
/// println!("{}.well-known/openid-configuration", server.issuer());
/// assert_eq!(server.counters().token_requests, 0);
/// server.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AuthorizationServer {
    authority: Arc<Authority>,
    serving: Serving,
}

/// The task that serves. Dropping `stop` lets it finish what it has and end.
#[derive(Debug)]
struct Serving {
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl AuthorizationServer {
    /// Configures a server.
    pub fn builder() -> AuthorizationServerBuilder {
        AuthorizationServerBuilder::default()
    }

    /// The issuer, exactly as the server writes it: with a slash at the end.
    pub fn issuer(&self) -> &Url {
        &self.authority.issuer
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.authority.counters()
    }

    /// The latest presentations of refresh tokens, oldest first.
    pub fn presentations(&self) -> Vec<Presentation> {
        self.authority.state().presentations.to_vec()
    }

    /// Lets something go wrong with the next request at the token endpoint that has no fault yet.
    pub fn inject(&self, fault: Fault) {
        self.inject_many([fault]);
    }

    /// Lets something go wrong with each of the next requests at the token endpoint, one fault per request, in order.
    pub fn inject_many(&self, faults: impl IntoIterator<Item = Fault>) {
        self.authority.state().faults.extend(faults);
    }

    /// Ends all sessions of a subject, as an administrator would. Returns how many: each next refresh is `invalid_grant`.
    pub fn revoke_subject(&self, subject: &str) -> usize {
        self.authority.state().grants.revoke_where(|sign_in| sign_in.subject == subject)
    }

    /// Ends all sessions. Returns how many.
    pub fn revoke_all(&self) -> usize {
        self.authority.state().grants.revoke_where(|_| true)
    }

    /// Decides the authorization requests to come, unless somebody is asked.
    pub fn set_default_decision(&self, decision: Decision) {
        self.authority.state().decision = decision;
    }

    /// Signs the default subject in on the device that shows this user code (RFC 8628 §3.3), however it is spelled.
    /// Returns whether such a device still waits; the next poll of the device gets its tokens.
    pub fn approve_device(&self, user_code: &str) -> bool {
        self.authority.decide_device(user_code, Decision::Approve, None)
    }

    /// Signs a subject in on the device that shows this user code. Returns whether such a device still waits.
    pub fn approve_device_as(&self, user_code: &str, subject: &str) -> bool {
        self.authority.decide_device(user_code, Decision::Approve, Some(subject))
    }

    /// Refuses the device that shows this user code. Returns whether such a device still waited.
    pub fn deny_device(&self, user_code: &str) -> bool {
        self.authority.decide_device(user_code, Decision::Deny, None)
    }

    /// Whether an access token would be accepted now.
    pub fn is_active(&self, access_token: &str) -> bool {
        self.authority.state().grants.active(&Digest::of(access_token), self.authority.now()).is_some()
    }

    /// The resources an access token was issued for (RFC 8707), in the order they were named: none for a token that is
    /// good everywhere, or that the server does not know.
    pub fn access_token_audience(&self, access_token: &str) -> Vec<String> {
        let state = self.authority.state();
        let token = state.grants.access_token(&Digest::of(access_token));
        token.map(|token| token.permit.audience.clone()).unwrap_or_default()
    }

    /// The scope of an access token, or `None` if the server does not know it.
    pub fn access_token_scope(&self, access_token: &str) -> Option<String> {
        let state = self.authority.state();
        state.grants.access_token(&Digest::of(access_token)).map(|token| token.permit.scope.to_string())
    }

    /// The thumbprint (RFC 7638) of the key an access token is bound to (RFC 9449 §6), if it is bound to one.
    pub fn access_token_key(&self, access_token: &str) -> Option<String> {
        let state = self.authority.state();
        let token = state.grants.access_token(&Digest::of(access_token))?;
        token.key.map(|key| key.to_string())
    }

    /// Declares the present DPoP nonce too old: proofs that still have it are answered `use_dpop_nonce`, with a new one.
    pub fn renew_dpop_nonce(&self) {
        self.authority.renew_dpop_nonce();
    }

    /// A logout token (OIDC Back-Channel Logout 1.0, §2.4) that tells `client_id` of the end of a session, of all
    /// sessions of a subject, or, with both, of this session of this subject. Nothing is ended: the ID tokens of a
    /// sign-in say its `sid`.
    ///
    /// ```
    /// # use oidc_session_testkit::AuthorizationServer;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let server = AuthorizationServer::builder().start().await?;
    /// let of_the_subject = server.logout_token("native-app", "alice", None);
    /// let of_the_session = server.logout_token("native-app", None, "08a5019c-17e1-4977-8f42-65a12843ea02");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn logout_token<'a>(
        &self,
        client_id: &str,
        sub: impl Into<Option<&'a str>>,
        sid: impl Into<Option<&'a str>>,
    ) -> String {
        let claims = LogoutTokenClaims::new(self.issuer(), client_id, sub.into(), sid.into(), self.authority.now());
        self.sign(logout_token::TYPE, &claims)
    }

    /// Signs any claims with the key of the server, under this `typ`: for tokens that are wrong on purpose.
    pub fn sign_claims(&self, typ: &str, claims: &serde_json::Value) -> String {
        self.sign(typ, claims)
    }

    fn sign(&self, typ: &str, claims: &impl serde::Serialize) -> String {
        self.authority.signing_key().sign_as(typ, claims).expect("a key that has signed ID tokens signs this")
    }

    /// Signs with a new key from now on. The former keys stay published until they are
    /// [withdrawn](Self::withdraw_former_keys).
    pub async fn rotate_signing_key(&self) {
        let key = tokio::task::spawn_blocking(SigningKey::generate).await.expect("generating a key does not panic");
        let key = key.expect("a second key can be generated as well as the first");
        self.authority.change_keys(|ring| ring.rotate(key));
    }

    /// Publishes the current signing key only. What the former ones signed can no longer be verified.
    pub fn withdraw_former_keys(&self) {
        self.authority.change_keys(KeyRing::withdraw_former);
    }

    /// Visits an authorization URL of this server the way a browser would, without one: returns the callback URL it is
    /// sent to, with a code or an error. Nobody is asked, even if the server is interactive: the default decision holds.
    pub fn authorize(&self, authorization_url: &Url) -> Result<Url, AuthorizeError> {
        let endpoint = self.authority.endpoint("/authorize");
        if authorization_url.origin() != endpoint.origin() || authorization_url.path() != endpoint.path() {
            return Err(AuthorizeError::Elsewhere);
        }
        let query = authorization_url.query().unwrap_or_default();
        endpoints::answer_in_process(&self.authority, query).map_err(|reason| AuthorizeError::Refused { reason })
    }

    /// Stops listening, answers what has been asked, and closes; does not wait longer than five seconds for that.
    pub async fn shutdown(self) {
        let Serving { stop, task } = self.serving;
        drop(stop);
        if tokio::time::timeout(SHUTDOWN_PATIENCE, task).await.is_err() {
            tracing::debug!("some requests are still being answered");
        }
    }
}

/// Why an authorization URL leads nowhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizeError {
    /// It is not one of this server.
    #[error("the URL is not the authorization endpoint of this server")]
    Elsewhere,
    /// The server shows an error page instead of redirecting.
    #[error("the server refuses the request: {reason}")]
    Refused {
        /// What the page says.
        reason: &'static str,
    },
}
