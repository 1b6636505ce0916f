//! [`Grants`]: every code, family and token the server has issued. Pure: time and randomness are arguments.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::Timestamp;

use super::bounded::Bounded;
use super::dpop_proof::invalid;
use super::family::{Family, RefreshRules};
use super::fresh::Fresh;
use super::opaque::Digest;
use super::presentation::{FamilyId, Outcome};
use super::protocol_error::ProtocolError;
use super::resource::{Permit, Resources, Target};
use super::scope::Scope;
use super::sign_in::{Code, Redemption, SignIn};
use super::thumbprint::Thumbprint;

const WRONG_KEY: ProtocolError = invalid("the refresh token is bound to another key");
const CODES_KEPT: usize = 4_096;
const FAMILIES_KEPT: usize = 65_536;
const TOKENS_KEPT: usize = 262_144;

/// A successful grant: what the answer and its ID token say.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) sign_in: SignIn,
    /// The scope of the new access token; a refresh may ask for less than the sign-in granted.
    pub(super) scope: Scope,
    pub(super) nonce: Option<String>,
    /// Whether the fresh refresh token was issued too.
    pub(super) refresh_token_issued: bool,
}

/// What came of presenting a refresh token.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) token: Option<(FamilyId, u32)>,
    pub(super) outcome: Outcome,
    pub(super) result: Result<Granted, ProtocolError>,
}

/// What a revocation request hit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Revoked {
    Family,
    AccessToken,
    Nothing,
    /// The token belongs to another client.
    NotYours,
}

/// The memory of the server. The oldest entries make room for new ones.
pub(super) struct Grants {
    refresh_rules: RefreshRules,
    resources: Arc<Resources>,
    access_token_lifetime: Duration,
    codes: Bounded<Digest, (Code, Use)>,
    families: Bounded<FamilyId, (Family, SignIn)>,
    refresh_tokens: Bounded<Digest, RefreshToken>,
    access_tokens: Bounded<Digest, AccessToken>,
    families_seen: u64,
    families_revoked: u64,
}

#[derive(Clone, Copy)]
enum Use {
    Never,
    Failed,
    Redeemed(FamilyId),
}

#[derive(Clone, Copy)]
struct RefreshToken {
    family: FamilyId,
    generation: u32,
    issued_at: Timestamp,
    /// The key that must be proved to present it.
    key: Option<Thumbprint>,
}

/// An access token somebody holds.
pub(super) struct AccessToken {
    family: FamilyId,
    pub(super) permit: Permit,
    /// The key that must be proved to use it.
    pub(super) key: Option<Thumbprint>,
    expires_at: Timestamp,
    revoked: bool,
}

impl Grants {
    pub(super) fn new(refresh_rules: RefreshRules, resources: Arc<Resources>, access_token_lifetime: Duration) -> Self {
        Self {
            refresh_rules,
            resources,
            access_token_lifetime,
            codes: Bounded::new(CODES_KEPT),
            families: Bounded::new(FAMILIES_KEPT),
            refresh_tokens: Bounded::new(TOKENS_KEPT),
            access_tokens: Bounded::new(TOKENS_KEPT),
            families_seen: 0,
            families_revoked: 0,
        }
    }

    pub(super) fn families_revoked(&self) -> u64 {
        self.families_revoked
    }

    pub(super) fn issue_code(&mut self, digest: Digest, code: Code) {
        self.codes.insert(digest, (code, Use::Never));
    }

    /// Redeems a code, once. A second use ends what came of the first (RFC 6749 §4.1.2); a failed one spends the code.
    pub(super) fn redeem(
        &mut self,
        digest: &Digest,
        redemption: Redemption<'_>,
        target: &Target,
        fresh: Fresh,
        now: Timestamp,
    ) -> Result<Granted, ProtocolError> {
        const UNKNOWN: ProtocolError = ProtocolError::invalid_grant("the code is unknown");
        let (code, used) = self.codes.get_mut(digest).ok_or(UNKNOWN)?;
        if code.sign_in.client_id != redemption.client_id {
            return Err(UNKNOWN);
        }
        match *used {
            Use::Never => {}
            Use::Failed => return Err(ProtocolError::invalid_grant("the code was already presented")),
            Use::Redeemed(family) => {
                self.revoke(family);
                return Err(ProtocolError::invalid_grant("the code was already redeemed; its tokens are revoked"));
            }
        }
        // Checked first: a target that is refused is a slip of the client, not an attack on the code.
        let permit = self.resources.permit(&code.sign_in, target)?;
        code.check_key(fresh.holder.key)?;
        if let Err(refusal) = code.check(redemption, now) {
            *used = Use::Failed;
            return Err(refusal);
        }
        let (sign_in, nonce) = (code.sign_in.clone(), code.nonce.clone());
        self.families_seen += 1;
        let id = FamilyId(self.families_seen);
        *used = Use::Redeemed(id);
        let granted = self.begin(id, sign_in, permit, fresh, now);
        Ok(Granted { nonce, ..granted })
    }

    /// Issues the first tokens of a sign-in that was approved on another device.
    pub(super) fn redeem_device(
        &mut self,
        sign_in: SignIn,
        target: &Target,
        fresh: Fresh,
        now: Timestamp,
    ) -> Result<Granted, ProtocolError> {
        let permit = self.resources.permit(&sign_in, target)?;
        self.families_seen += 1;
        Ok(self.begin(FamilyId(self.families_seen), sign_in, permit, fresh, now))
    }

    /// Presents a refresh token. `target` may ask for less than the sign-in granted (RFC 6749 §6), for this
    /// access token only.
    pub(super) fn refresh(
        &mut self,
        digest: &Digest,
        client_id: &str,
        target: &Target,
        fresh: Fresh,
        now: Timestamp,
    ) -> Ruling {
        const UNKNOWN: ProtocolError = ProtocolError::invalid_grant("the refresh token is unknown");
        let Some(presented) = self.refresh_tokens.get(digest).copied() else {
            return Ruling { token: None, outcome: Outcome::Unknown, result: Err(UNKNOWN) };
        };
        let token = Some((presented.family, presented.generation));
        let Some((family, sign_in)) = self.families.get_mut(&presented.family) else {
            return Ruling { token, outcome: Outcome::Unknown, result: Err(UNKNOWN) };
        };
        // Checked first, so that neither a stranger nor a slip of the client consumes the token.
        if sign_in.client_id != client_id {
            return Ruling { token, outcome: Outcome::Refused, result: Err(UNKNOWN) };
        }
        if presented.key.is_some() && presented.key != fresh.holder.key {
            return Ruling { token, outcome: Outcome::Refused, result: Err(WRONG_KEY) };
        }
        let permit = match self.resources.permit(sign_in, target) {
            Ok(permit) => permit,
            Err(refusal) => return Ruling { token, outcome: Outcome::Refused, result: Err(refusal) },
        };
        let outcome = family.present(presented.generation, presented.issued_at, &self.refresh_rules, now);
        let (generation, sign_in) = (family.generation(), sign_in.clone());
        let result = match outcome {
            Outcome::Granted | Outcome::GrantedInReuseWindow => {
                let refresh_token_issued = self.refresh_rules.rotate;
                if refresh_token_issued {
                    let key = fresh.holder.key_of_refresh_token();
                    let token = RefreshToken { family: presented.family, generation, issued_at: now, key };
                    self.refresh_tokens.insert(fresh.refresh, token);
                }
                let scope = permit.scope.clone();
                self.issue_access_token(fresh, presented.family, permit, now);
                Ok(Granted { sign_in, scope, nonce: None, refresh_token_issued })
            }
            Outcome::Reused => {
                self.families_revoked += 1;
                Err(ProtocolError::invalid_grant("the refresh token was already used; its family is revoked"))
            }
            Outcome::Expired => Err(ProtocolError::invalid_grant("the refresh token has expired")),
            _ => Err(ProtocolError::invalid_grant("the refresh token is revoked")),
        };
        Ruling { token, outcome, result }
    }

    /// Which refresh token this is, without presenting it.
    pub(super) fn peek(&self, digest: &Digest) -> Option<(FamilyId, u32)> {
        self.refresh_tokens.get(digest).map(|token| (token.family, token.generation))
    }

    /// An access token, whether or not it is active.
    pub(super) fn access_token(&self, digest: &Digest) -> Option<&AccessToken> {
        self.access_tokens.get(digest)
    }

    /// The sign-in behind an access token, and the token, if it is active.
    pub(super) fn active(&self, digest: &Digest, now: Timestamp) -> Option<(&SignIn, &AccessToken)> {
        let token = self.access_tokens.get(digest)?;
        let (family, sign_in) = self.families.get(&token.family)?;
        let active = !token.revoked && !family.is_revoked() && now < token.expires_at;
        active.then_some((sign_in, token))
    }

    /// Revokes a token for its client (RFC 7009): a refresh token takes its family along, an access token goes alone.
    pub(super) fn revoke_token(&mut self, digest: &Digest, client_id: &str) -> Revoked {
        let refresh = self.refresh_tokens.get(digest).map(|token| token.family);
        let Some(id) = refresh.or_else(|| self.access_tokens.get(digest).map(|token| token.family)) else {
            return Revoked::Nothing;
        };
        if self.families.get(&id).is_some_and(|(_, sign_in)| sign_in.client_id != client_id) {
            return Revoked::NotYours;
        }
        if refresh.is_some() {
            self.revoke(id);
            return Revoked::Family;
        }
        if let Some(token) = self.access_tokens.get_mut(digest) {
            token.revoked = true;
        }
        Revoked::AccessToken
    }

    /// Ends every family whose sign-in is `chosen`. Returns how many.
    pub(super) fn revoke_where(&mut self, chosen: impl Fn(&SignIn) -> bool) -> usize {
        let ended = self
            .families
            .values_mut()
            .filter(|(_, sign_in)| chosen(sign_in))
            .filter_map(|(family, _)| family.revoke().then_some(()))
            .count();
        self.families_revoked += ended as u64;
        ended
    }

    fn revoke(&mut self, id: FamilyId) {
        if let Some((family, _)) = self.families.get_mut(&id)
            && family.revoke()
        {
            self.families_revoked += 1;
        }
    }

    /// Issues the first tokens of a family.
    fn begin(&mut self, id: FamilyId, sign_in: SignIn, permit: Permit, fresh: Fresh, now: Timestamp) -> Granted {
        let refresh_token_issued = sign_in.scope.contains("offline_access");
        let (scope, key) = (permit.scope.clone(), fresh.holder.key_of_refresh_token());
        self.families.insert(id, (Family::default(), sign_in.clone()));
        self.issue_access_token(fresh, id, permit, now);
        if refresh_token_issued {
            self.refresh_tokens.insert(fresh.refresh, RefreshToken { family: id, generation: 0, issued_at: now, key });
        }
        Granted { sign_in, scope, nonce: None, refresh_token_issued }
    }

    fn issue_access_token(&mut self, fresh: Fresh, family: FamilyId, permit: Permit, now: Timestamp) {
        let expires_at = now + self.access_token_lifetime;
        let token = AccessToken { family, permit, key: fresh.holder.key, expires_at, revoked: false };
        self.access_tokens.insert(fresh.access, token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization_server::fresh::Holder;
    use crate::authorization_server::pkce::Challenge;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const GOOD: Redemption<'_> = Redemption {
        client_id: "native-app",
        redirect_uri: Some("http://127.0.0.1/callback"),
        verifier: Some(VERIFIER),
    };

    /// What a request without `resource` and `scope` asks for.
    const ALL: Target = Target { resources: Vec::new(), scope: None };

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    /// Digests of the access and refresh token number `number`.
    fn fresh(number: u32) -> Fresh {
        Fresh {
            access: Digest::of(&format!("at_{number}")),
            refresh: Digest::of(&format!("rt_{number}")),
            holder: Holder::default(),
        }
    }

    fn grants_with_code(scope: &str) -> Grants {
        let rules = RefreshRules { rotate: true, reuse_window: Duration::ZERO, lifetime: None };
        let mut grants = Grants::new(rules, Arc::default(), Duration::from_secs(5));
        let sign_in = SignIn {
            client_id: "native-app".to_owned(),
            subject: "alice".to_owned(),
            scope: Scope::parse(scope),
            resources: Vec::new(),
            sid: "sid".to_owned(),
            auth_time: second(0),
        };
        let code = Code {
            sign_in,
            redirect_uri: "http://127.0.0.1/callback".to_owned(),
            challenge: Challenge::parse(CHALLENGE),
            nonce: Some("nonce".to_owned()),
            dpop_jkt: None,
            issued_at: second(0),
        };
        grants.issue_code(Digest::of("code"), code);
        grants
    }

    fn signed_in(scope: &str) -> Grants {
        let mut grants = grants_with_code(scope);
        grants.redeem(&Digest::of("code"), GOOD, &ALL, fresh(0), second(0)).unwrap();
        grants
    }

    fn is_active(grants: &Grants, number: u32, at: i64) -> bool {
        grants.active(&fresh(number).access, second(at)).is_some()
    }

    #[test]
    fn a_stranger_neither_redeems_nor_spends_a_code() {
        let mut grants = grants_with_code("openid");
        let stranger = Redemption { client_id: "other", ..GOOD };
        assert!(grants.redeem(&Digest::of("code"), stranger, &ALL, fresh(0), second(0)).is_err());
        assert!(grants.redeem(&Digest::of("code"), GOOD, &ALL, fresh(0), second(0)).is_ok());
    }

    #[test]
    fn a_second_use_of_a_code_ends_what_came_of_the_first() {
        let mut grants = signed_in("openid");
        assert!(is_active(&grants, 0, 1));
        assert!(grants.redeem(&Digest::of("code"), GOOD, &ALL, fresh(1), second(1)).is_err());
        assert!(!is_active(&grants, 0, 1));
        assert_eq!(grants.families_revoked(), 1);
    }

    #[test]
    fn a_failed_redemption_spends_the_code() {
        let mut grants = grants_with_code("openid");
        let wrong = Redemption { verifier: Some(CHALLENGE), ..GOOD };
        assert!(grants.redeem(&Digest::of("code"), wrong, &ALL, fresh(0), second(0)).is_err());
        assert!(grants.redeem(&Digest::of("code"), GOOD, &ALL, fresh(0), second(0)).is_err());
    }

    #[test]
    fn only_offline_access_brings_a_refresh_token() {
        for (scope, expected) in [("openid", Outcome::Unknown), ("openid offline_access", Outcome::Granted)] {
            let ruling = signed_in(scope).refresh(&fresh(0).refresh, "native-app", &ALL, fresh(1), second(1));
            assert_eq!(ruling.outcome, expected, "{scope}");
        }
    }

    #[test]
    fn a_refusal_that_is_not_about_the_token_does_not_consume_it() {
        let mut grants = signed_in("openid offline_access");
        for (client_id, scope, expected) in [
            ("other", None, Outcome::Refused),
            ("native-app", Some("openid email"), Outcome::Refused),
            ("native-app", Some("openid"), Outcome::Granted),
        ] {
            let target = Target { resources: Vec::new(), scope: scope.map(Scope::parse) };
            let ruling = grants.refresh(&fresh(0).refresh, client_id, &target, fresh(1), second(1));
            assert_eq!(ruling.outcome, expected);
        }
        // Less was asked for once; the next refresh has it all again.
        let ruling = grants.refresh(&fresh(1).refresh, "native-app", &ALL, fresh(2), second(1));
        assert_eq!(ruling.result.unwrap().scope, Scope::parse("openid offline_access"));
    }

    #[test]
    fn reuse_takes_refresh_and_access_tokens() {
        let mut grants = signed_in("openid offline_access");
        grants.refresh(&fresh(0).refresh, "native-app", &ALL, fresh(1), second(1));
        assert!(is_active(&grants, 0, 2) && is_active(&grants, 1, 2));
        let reuse = grants.refresh(&fresh(0).refresh, "native-app", &ALL, fresh(2), second(2));
        assert_eq!((reuse.token, reuse.outcome), (Some((FamilyId(1), 0)), Outcome::Reused));
        assert!(!is_active(&grants, 0, 2) && !is_active(&grants, 1, 2));
        let victim = grants.refresh(&fresh(1).refresh, "native-app", &ALL, fresh(3), second(2));
        assert_eq!(victim.outcome, Outcome::Revoked);
        assert_eq!(grants.families_revoked(), 1);
    }

    #[test]
    fn an_access_token_ends_with_its_lifetime() {
        let grants = signed_in("openid");
        assert!(is_active(&grants, 0, 4) && !is_active(&grants, 0, 5));
    }

    #[test]
    fn revoking_an_access_token_spares_the_family() {
        let mut grants = signed_in("openid offline_access");
        assert_eq!(grants.revoke_token(&fresh(0).access, "other"), Revoked::NotYours);
        assert_eq!(grants.revoke_token(&fresh(0).access, "native-app"), Revoked::AccessToken);
        assert!(!is_active(&grants, 0, 1));
        assert_eq!(grants.revoke_token(&Digest::of("unknown"), "native-app"), Revoked::Nothing);
        assert_eq!(grants.revoke_token(&fresh(0).refresh, "native-app"), Revoked::Family);
        assert_eq!(grants.families_revoked(), 1);
    }

    #[test]
    fn a_subject_is_revoked_once() {
        let mut grants = signed_in("openid offline_access");
        assert_eq!(grants.revoke_where(|sign_in| sign_in.subject == "bob"), 0);
        assert_eq!(grants.revoke_where(|sign_in| sign_in.subject == "alice"), 1);
        assert_eq!(grants.revoke_where(|_| true), 0);
    }
}
