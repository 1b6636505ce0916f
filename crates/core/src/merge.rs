//! The merge rule: how the answer to a refresh becomes the next session (RFC 6749 §6, OIDC Core §12.2).

use std::fmt;
use std::time::Duration;

use crate::{
    AccessToken, DpopBinding, IdToken, Record, RefreshToken, Scopes, Session, SessionData, SessionState, Target,
    Timestamp, TokenSet, TokenType,
};

/// What the token endpoint answered to a refresh, parsed but not yet believed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenAnswer {
    /// `access_token`.
    pub access_token: Option<AccessToken>,
    /// `token_type`; absent is read as `Bearer`.
    pub token_type: Option<TokenType>,
    /// `expires_in`.
    pub expires_in: Option<Duration>,
    /// The access token's own `exp`, where the provider allows reading it.
    pub expires_at_hint: Option<Timestamp>,
    /// `refresh_token`: the successor of the one presented, if the server rotates.
    pub refresh_token: Option<RefreshToken>,
    /// `scope`.
    pub scope: Option<Scopes>,
    /// `id_token`.
    pub id_token: Option<AnsweredIdToken>,
    /// `refresh_in`, where the server has it.
    pub refresh_in: Option<Duration>,
    /// `ext_expires_in`, where the server has it.
    pub extended_expires_in: Option<Duration>,
    /// `refresh_token_expires_in` or its like, where the server has it.
    pub refresh_token_expires_in: Option<Duration>,
    /// Whether the granted scope lacks something of the target's that the server left out without a word.
    pub lacks_scope: bool,
    /// The nonce for the next proof (RFC 9449 §8.2).
    pub dpop_nonce: Option<String>,
    /// What the provider adapter wants kept with the session; each entry replaces the one of its name.
    pub provider_data: SessionData,
    /// When the request was started.
    pub requested_at: Timestamp,
    /// When the answer had arrived.
    pub received_at: Timestamp,
}

impl TokenAnswer {
    /// An empty answer; set the fields it had.
    pub fn new(requested_at: Timestamp, received_at: Timestamp) -> Self {
        Self {
            access_token: None,
            token_type: None,
            expires_in: None,
            expires_at_hint: None,
            refresh_token: None,
            scope: None,
            id_token: None,
            refresh_in: None,
            extended_expires_in: None,
            refresh_token_expires_in: None,
            lacks_scope: false,
            dpop_nonce: None,
            provider_data: SessionData::new(),
            requested_at,
            received_at,
        }
    }
}

/// The ID token of an answer, after the provider looked at signature and times.
#[derive(Clone, Debug)]
pub enum AnsweredIdToken {
    /// It holds for itself; [`Session::merge_refresh`] compares it with the session.
    Verified {
        /// The token.
        token: IdToken,
        /// What it claims.
        claims: Box<IdClaims>,
    },
    /// It does not even hold for itself: a broken signature, another issuer's key.
    Refused,
    /// It had expired when it came, by this machine's clock.
    Expired,
}

/// The claims of an ID token that a refresh must not change.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IdClaims {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `aud`.
    pub audiences: Vec<String>,
    /// `azp`.
    pub authorized_party: Option<String>,
    /// `auth_time`, in Unix seconds.
    pub auth_time: Option<i64>,
    /// `nonce`.
    pub nonce: Option<String>,
    /// `sid`.
    pub sid: Option<String>,
}

/// Why the new tokens of an answer must not be used.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Violation {
    /// The answer carries no access token (RFC 6749 §5.1).
    NoAccessToken,
    /// The ID token does not hold for itself.
    IdTokenRefused,
    /// The ID token had expired when it came, by this machine's clock.
    IdTokenExpired,
    /// Another `iss` (OIDC Core §12.2).
    Issuer,
    /// Another `sub` (OIDC Core §12.2).
    Subject,
    /// An `aud` or `azp` without our client (OIDC Core §12.2).
    Audience,
    /// Another `auth_time` (OIDC Core §12.2).
    AuthTime,
    /// A `nonce` other than the original (OIDC Core §12.2).
    Nonce,
    /// The server left out a part of the wanted scope without a word.
    Scope,
    /// The access token is not bound to the key of the session, whose tokens are (RFC 9449 §5).
    Unbound,
    /// The session with these tokens is larger than a record may be.
    TooLarge,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAccessToken => "the answer carries no access token",
            Self::IdTokenRefused => "the ID token of the answer does not verify",
            Self::IdTokenExpired => {
                "the ID token of the answer has expired already; set the clock of this machine, best by NTP"
            }
            Self::Issuer => "the ID token names another issuer",
            Self::Subject => "the ID token names another subject",
            Self::Audience => "the ID token is for another client",
            Self::AuthTime => "the ID token names another authentication time",
            Self::Nonce => "the ID token carries another nonce",
            Self::Scope => "the server granted less than the scope that was asked for",
            Self::Unbound => "the access token is not bound to the session's key",
            Self::TooLarge => "the tokens are larger than a stored session may be",
        })
    }
}

/// The next session, and whether its new tokens may be used.
#[derive(Clone, Debug)]
pub struct Merged {
    /// What to commit, in either case: a rotation that is not recorded is a lost session.
    pub session: Session,
    /// If set, the session holds the successor refresh token but none of the other new tokens.
    pub violation: Option<Violation>,
}

impl Session {
    /// Merges the answer to a refresh into this session, whose access token for `target` was asked for.
    ///
    /// | In the answer | Present | Absent |
    /// |---|---|---|
    /// | `refresh_token` | replaces | the old one stays (RFC 6749 §6) |
    /// | `scope` | replaces | the old one stays (RFC 6749 §5.1) |
    /// | `id_token` | must match (OIDC Core §12.2), then replaces | the old one stays |
    /// | `expires_in` | replaces | unknown: never zero, never the lifetime of an earlier token |
    /// | `token_type` | replaces; for a bound session it must be `DPoP` | `Bearer`, or `DPoP` for a bound session |
    /// | `access_token` | replaces | a violation |
    ///
    /// On a violation no new token is used, but a new refresh token is recorded: the server has spent the old one. So is
    /// a nonce for the next proof.
    ///
    /// If a record would not hold them all, access tokens of further targets make room, the oldest first.
    #[must_use]
    pub fn merge_refresh(&self, answer: TokenAnswer, target: &Target) -> Merged {
        let rotated = self.rotated(&answer);
        if let Some(violation) = self.violation(&answer) {
            return Merged { session: rotated.recordable(), violation: Some(violation) };
        }

        let mut session = rotated.clone();
        session.put(&answer, target);
        session.provider_data.extend(answer.provider_data);
        if let Some(AnsweredIdToken::Verified { token, claims }) = answer.id_token {
            session.tokens.id_token = Some(token);
            // Tokens imported without an ID token learn here whose they are.
            session.subject.get_or_insert(claims.subject);
            session.sid = claims.sid.or(session.sid);
        }

        match session.fitted(target) {
            Some(session) => Merged { session, violation: None },
            None => Merged { session: rotated.recordable(), violation: Some(Violation::TooLarge) },
        }
    }

    /// This session if a record holds it; if need be without access tokens of other targets, the oldest first. They can
    /// be had again. A session that no store takes would be lost with its rotation.
    fn fitted(mut self, target: &Target) -> Option<Self> {
        loop {
            let state = SessionState::from(self);
            let fits = Record::length(&state).is_ok();
            let SessionState::Active(session) = state else { return None };
            if fits {
                return Some(*session);
            }
            self = *session;
            let others = self.further_tokens.iter().filter(|(other, _)| *other != target);
            let oldest = others.min_by_key(|(_, tokens)| tokens.received_at).map(|(other, _)| other.clone())?;
            self.further_tokens.remove(&oldest);
        }
    }

    /// This session without as many of its further access tokens as it takes for a record to hold it.
    fn recordable(self) -> Self {
        self.clone().fitted(&Target::default()).unwrap_or(self)
    }

    /// This session with the successor of its refresh token, and nothing else that is new but what comes with that.
    fn rotated(&self, answer: &TokenAnswer) -> Self {
        let mut session = self.clone();
        session.unsettled_attempts = 0;
        if let Some(successor) = &answer.refresh_token {
            session.tokens.refresh_token = Some(successor.clone());
            // The end of the old one says nothing about the new one.
            session.tokens.refresh_token_expires_at = None;
        }
        if let Some(lifetime) = answer.refresh_token_expires_in {
            session.tokens.refresh_token_expires_at = Some(answer.requested_at + lifetime);
        }
        if let (Some(dpop), Some(nonce)) = (&mut session.dpop, &answer.dpop_nonce)
            && nonce.len() <= DpopBinding::LONGEST_NONCE
        {
            dpop.nonce = Some(nonce.clone());
        }
        session
    }

    /// Puts the access token of an answer where it belongs.
    fn put(&mut self, answer: &TokenAnswer, target: &Target) {
        let unsaid = if self.is_bound() { TokenType::DPoP } else { TokenType::Bearer };
        let tokens = if target.is_default() {
            &mut self.tokens
        } else {
            self.make_room_for(target);
            self.further_tokens
                .entry(target.clone())
                .or_insert_with(|| TokenSet::new(answer.requested_at, answer.received_at))
        };
        tokens.access_token = answer.access_token.clone();
        tokens.token_type = answer.token_type.clone().unwrap_or(unsaid);
        tokens.expires_in = answer.expires_in;
        tokens.expires_at_hint = answer.expires_at_hint;
        tokens.refresh_in = answer.refresh_in;
        tokens.extended_expires_in = answer.extended_expires_in;
        tokens.requested_at = answer.requested_at;
        tokens.received_at = answer.received_at;
        // Unsaid, it is what was asked for (RFC 6749 §5.1).
        let asked = Some(target.scope()).filter(|scope| !scope.is_empty());
        if let Some(scope) = answer.scope.as_ref().or(asked) {
            tokens.scope = Some(scope.clone());
        }
    }

    fn make_room_for(&mut self, target: &Target) {
        while self.further_tokens.len() >= Self::MOST_FURTHER_TARGETS && !self.further_tokens.contains_key(target) {
            let oldest = self.further_tokens.iter().min_by_key(|(_, tokens)| tokens.received_at);
            let Some(oldest) = oldest.map(|(target, _)| target.clone()) else { return };
            self.further_tokens.remove(&oldest);
        }
    }

    /// Whether the session's access tokens are bound to its key.
    fn is_bound(&self) -> bool {
        self.dpop.is_some() && self.tokens.token_type == TokenType::DPoP
    }

    fn violation(&self, answer: &TokenAnswer) -> Option<Violation> {
        if answer.access_token.is_none() {
            return Some(Violation::NoAccessToken);
        }
        if answer.lacks_scope {
            return Some(Violation::Scope);
        }
        if self.is_bound() && answer.token_type.as_ref().is_some_and(|token_type| *token_type != TokenType::DPoP) {
            return Some(Violation::Unbound);
        }
        let claims = match &answer.id_token {
            None => return None,
            Some(AnsweredIdToken::Refused) => return Some(Violation::IdTokenRefused),
            Some(AnsweredIdToken::Expired) => return Some(Violation::IdTokenExpired),
            Some(AnsweredIdToken::Verified { claims, .. }) => claims,
        };
        let differs = |original: &Option<String>, new: &String| original.as_ref().is_some_and(|known| known != new);
        if claims.issuer != self.issuer {
            Some(Violation::Issuer)
        } else if differs(&self.subject, &claims.subject) {
            Some(Violation::Subject)
        } else if !claims.audiences.contains(&self.client_id)
            || claims.authorized_party.as_ref().is_some_and(|party| *party != self.client_id)
        {
            Some(Violation::Audience)
        } else if let (Some(original), Some(new)) = (self.auth_time, claims.auth_time)
            && original != new
        {
            Some(Violation::AuthTime)
        } else if claims.nonce.as_ref().is_some_and(|nonce| differs(&self.nonce, nonce)) {
            Some(Violation::Nonce)
        } else {
            None
        }
    }
}
