//! [`TokenGrant`]: a request at the token endpoint, decided and answered (RFC 6749 §4.1.3, §6).

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::authority::Authority;
use super::client::Client;
use super::dpop::USE_NONCE;
use super::fault::Fault;
use super::fresh::{Fresh, Holder};
use super::grants::{Granted, Ruling};
use super::id_token::IdTokenClaims;
use super::opaque::{Digest, Opaque};
use super::params::Params;
use super::presentation::Outcome;
use super::protocol_error::ProtocolError;
use super::resource::Target;
use super::scope::Scope;
use super::sign_in::Redemption;

/// The grant type of devices (RFC 8628 §3.4).
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A well-formed request for tokens.
#[derive(Debug)]
pub(super) struct TokenGrant<'a> {
    pub(super) authority: &'a Authority,
    pub(super) headers: &'a HeaderMap,
    pub(super) params: &'a Params,
    /// A fault that bends the answer.
    pub(super) bend: Option<&'a Fault>,
    /// Whether a fault keeps the answer from arriving.
    pub(super) lost: bool,
}

/// What to send.
pub(super) struct TokenAnswer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    /// The nonce for the next DPoP proof (RFC 9449 §8).
    pub(super) dpop_nonce: Option<String>,
}

impl TokenGrant<'_> {
    /// Grants or refuses.
    pub(super) fn answer(&self) -> TokenAnswer {
        match self.decide() {
            Ok((body, holder)) => {
                let renews = holder.key.is_some() && self.authority.dpop_rules.nonce_per_answer;
                let dpop_nonce = renews.then(|| self.authority.renew_dpop_nonce());
                TokenAnswer { status: StatusCode::OK, body, dpop_nonce }
            }
            Err(refusal) => {
                tracing::debug!(error = refusal.code(), reason = refusal.description(), "token request refused");
                let mut state = self.authority.state();
                state.counters.rejected += 1;
                let dpop_nonce = (refusal == USE_NONCE).then(|| state.dpop.nonce().to_owned());
                TokenAnswer { status: refusal.status(), body: refusal.body(), dpop_nonce }
            }
        }
    }

    /// Notes that a refresh token was presented although the request is not going to be processed.
    pub(super) fn note_unprocessed(&self, outcome: Outcome) {
        if let Some(refresh_token) = self.refresh_token() {
            let mut state = self.authority.state();
            let token = state.grants.peek(&Digest::of(refresh_token));
            state.counters.refresh_requests += 1;
            state.presentations.note(token, outcome, self.authority.now());
        }
    }

    fn refresh_token(&self) -> Option<&str> {
        (self.params.get("grant_type") == Some("refresh_token")).then(|| self.params.get("refresh_token")).flatten()
    }

    fn decide(&self) -> Result<(Value, Holder), ProtocolError> {
        let client = self
            .authority
            .authenticate("/token", self.headers, self.params)
            .inspect_err(|_| self.note_unprocessed(Outcome::Refused))?;
        let holder = self.holder(client)?;
        let (access, refresh) = (Opaque::mint("at_"), Opaque::mint("rt_"));
        let fresh = Fresh { access: access.digest(), refresh: refresh.digest(), holder };
        let granted = match self.params.require("grant_type", "the grant type is missing")? {
            "authorization_code" => self.redeem(client, fresh)?,
            "refresh_token" => self.refresh(client, fresh)?,
            DEVICE_CODE => self.poll(client, fresh)?,
            _ => {
                return Err(ProtocolError::new("unsupported_grant_type", "the grant type is not supported"));
            }
        };
        Ok((self.body(&granted, holder, &access, &refresh)?, holder))
    }

    fn holder(&self, client: &Client) -> Result<Holder, ProtocolError> {
        let key = self.authority.prover_of_grant(self.headers).inspect_err(|refusal| {
            let challenged = *refusal == USE_NONCE;
            self.note_unprocessed(if challenged { Outcome::Challenged } else { Outcome::Refused });
        })?;
        Ok(Holder { key, is_public: client.is_public() })
    }

    fn redeem(&self, client: &Client, fresh: Fresh) -> Result<Granted, ProtocolError> {
        let code = self.params.require("code", "the code is missing")?;
        let redemption = Redemption {
            client_id: client.id(),
            redirect_uri: self.params.get("redirect_uri"),
            verifier: self.params.get("code_verifier"),
        };
        // The scope is settled at the authorization endpoint (RFC 6749 §4.1.3).
        let target = Target { resources: self.authority.resources.named(self.params)?, scope: None };
        let mut state = self.authority.state();
        let granted = state.grants.redeem(&Digest::of(code), redemption, &target, fresh, self.authority.now())?;
        state.counters.code_grants += 1;
        Ok(granted)
    }

    fn poll(&self, client: &Client, fresh: Fresh) -> Result<Granted, ProtocolError> {
        let device_code = Digest::of(self.params.require("device_code", "the device code is missing")?);
        let target = Target { resources: self.authority.resources.named(self.params)?, scope: None };
        let now = self.authority.now();
        let mut state = self.authority.state();
        let state = &mut *state;
        state.counters.device_polls += 1;
        let habits = state.device_grants.rules().habits;
        let waiting = state.device_grants.of_client(&device_code, client.id()).ok_or(habits.unknown())?;
        let sign_in = waiting.poll(habits, now).inspect_err(|refusal| {
            state.counters.device_slow_downs += u64::from(refusal.code() == "slow_down");
        })?;
        let granted = state.grants.redeem_device(sign_in.clone(), &target, fresh, now)?;
        waiting.spend();
        state.counters.device_grants += 1;
        Ok(granted)
    }

    fn refresh(&self, client: &Client, fresh: Fresh) -> Result<Granted, ProtocolError> {
        let refresh_token = self.params.require("refresh_token", "the refresh token is missing")?;
        let target = Target {
            resources: self
                .authority
                .resources
                .named(self.params)
                .inspect_err(|_| self.note_unprocessed(Outcome::Refused))?,
            scope: self.params.get("scope").map(Scope::parse),
        };
        let mut state = self.authority.state();
        let now = self.authority.now();
        let Ruling { token, outcome, result } =
            state.grants.refresh(&Digest::of(refresh_token), client.id(), &target, fresh, now);

        state.counters.refresh_requests += 1;
        state.counters.refresh_grants += u64::from(outcome.is_grant());
        state.counters.reuse_window_grants += u64::from(outcome == Outcome::GrantedInReuseWindow);
        state.counters.reuse_detected += u64::from(outcome == Outcome::Reused);
        let noted = if self.lost && outcome.is_grant() { Outcome::LostAfter } else { outcome };
        state.presentations.note(token, noted, now);
        result
    }

    fn body(
        &self,
        granted: &Granted,
        holder: Holder,
        access: &Opaque,
        refresh: &Opaque,
    ) -> Result<Value, ProtocolError> {
        let mut body = json!({
            "access_token": access.expose(),
            "token_type": if holder.key.is_some() { "DPoP" } else { "Bearer" },
            "expires_in": self.authority.access_token_lifetime.as_secs(),
            "scope": granted.scope.to_string(),
        });
        if granted.refresh_token_issued {
            body["refresh_token"] = refresh.expose().into();
        }
        if granted.scope.contains("openid") {
            body["id_token"] = self.id_token(granted, access)?.into();
        }
        match self.bend {
            Some(Fault::ExpiresInString) => body["expires_in"] = body["expires_in"].to_string().into(),
            Some(Fault::Omit(field)) => {
                body.as_object_mut().and_then(|fields| fields.remove(field.name()));
            }
            _ => {}
        }
        Ok(body)
    }

    fn id_token(&self, granted: &Granted, access: &Opaque) -> Result<String, ProtocolError> {
        let authority = self.authority;
        let mut claims = IdTokenClaims::new(&authority.issuer, granted, access, authority.now());
        if let Some(fault) = self.bend {
            claims = claims.bend(fault);
        }
        authority.signing_key().sign(&claims).map_err(|_| ProtocolError::server_error("the ID token cannot be signed"))
    }
}
