//! [`Dialect`]: how one kind of authorization server differs from plain OIDC.

use std::fmt;

use oidc_session_core::{
    AccessToken, ProviderId, ProviderProfile, Revocation, Scopes, Session, SessionData, Target, Timestamp,
};
use serde_json::{Map, Value};
use url::Url;

use crate::{AssertionAudience, DeviceStatus, Diagnosis, EncodedRequest, ErrorAnswer, Meaning, RevocableToken};

/// The fields of a JSON object that a server sent: an answer, or the claims of an ID token.
pub type Fields = Map<String, Value>;

/// How one kind of authorization server differs from plain OIDC; the defaults are plain OIDC.
///
/// A dialect describes and interprets. It never sends, never waits and never fails, so it is tested by comparing values.
///
/// ```
/// use oidc_session_core::{ProviderId, ProviderProfile};
/// use oidc_session_provider_oidc::{Dialect, Oidc};
///
/// #[derive(Debug)]
/// struct Acme;
///
/// impl Dialect for Acme {
///     fn profile(&self) -> ProviderProfile {
///         ProviderProfile::new(ProviderId::new("acme"))
///     }
///
///     fn authorization_parameters(&self) -> Vec<(&'static str, String)> {
///         vec![("audience", "https://api.acme.example".into())]
///     }
/// }
///
/// let provider = Oidc::builder("https://login.acme.example", "my-app").dialect(Acme).build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// The facts about this kind of server.
    fn profile(&self) -> ProviderProfile {
        ProviderProfile::new(ProviderId::new("oidc"))
    }

    // Who it is.

    /// Where the metadata of `issuer` is published (OIDC Discovery §4).
    fn discovery_url(&self, issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Whether metadata that names `published` as its issuer speaks for the configured `issuer` (OIDC Discovery §4.3).
    ///
    /// Plain OIDC demands the same bytes. Whoever accepts more must know that the address alone vouches for the server.
    fn speaks_for(&self, issuer: &str, published: &str) -> bool {
        issuer == published
    }

    /// The issuer that a token with these claims comes from, if the server that published `published` may issue it.
    ///
    /// The answer is what sessions keep as their issuer: of two spellings, always the same one.
    fn issuer_of(&self, published: &str, claims: &Fields) -> Option<String> {
        let iss = claims.get("iss").and_then(Value::as_str)?;
        (iss == published).then(|| iss.to_owned())
    }

    /// Whether the claims of a sign-in's ID token, verified otherwise, are those of the sign-in that was configured: of
    /// the organization, say. `Err` is why not: one clause that quotes no claim.
    fn admits(&self, _claims: &Fields) -> Result<(), &'static str> {
        Ok(())
    }

    /// Whether an authorization response that names `iss` comes from the server that published `published` (RFC 9207).
    fn answers_as(&self, published: &str, iss: &str) -> bool {
        iss == published
    }

    /// Whether `session` is one of this server's and of this configuration's. Its client id has been checked.
    fn owns(&self, published: &str, session: &Session) -> bool {
        session.issuer == published
    }

    /// Whether a published key may sign for `issuer`. `jwk` is the whole JSON Web Key, with members of the vendor's own.
    fn key_signs_for(&self, _jwk: &Fields, _published: &str, _issuer: &str) -> bool {
        true
    }

    // What is asked.

    /// The scopes to ask for when the program wants `wanted`, which holds `openid` already.
    fn scopes_to_request(&self, wanted: &Scopes) -> Scopes {
        wanted.clone()
    }

    /// Parameters to add to every authorization request; those of the sign-in itself win.
    fn authorization_parameters(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Parameters to add to every device authorization request (RFC 8628 §3.1); those of the sign-in itself win.
    fn device_parameters(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Fields to add to the exchange of a code (RFC 6749 §4.1.3); `requested` is the scope that the sign-in asked for.
    fn code_fields(&self, _requested: &Scopes) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Where tokens are had, for a server whose metadata does not say.
    fn token_endpoint(&self) -> Option<Url> {
        None
    }

    /// A refresh request in a form of the vendor's own; `fields` are those of the standard form, client authentication
    /// included, even where that would be a header. `None`: the standard form.
    fn encode_refresh(&self, _session: &Session, _fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
        None
    }

    /// A revocation request in a form of the vendor's own, likewise (RFC 7009 §2.1). One that names its endpoint is sent
    /// even if the metadata names none.
    fn encode_revocation(&self, _session: &Session, _fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
        None
    }

    /// The answer to a refresh request under the standard names (RFC 6749 §5.1).
    fn decode_answer(&self, answer: Fields) -> Fields {
        answer
    }

    /// Whether the refresh token of `session` can stand for an access token of `target`, which is not the sign-in's own.
    /// If not, what to do about it: one clause. Then nothing is sent.
    ///
    /// Plain OIDC wants a resource to be among those of the sign-in. Servers differ in what they do with another one: some
    /// ignore the wish and answer with the usual access token, some refuse and have spent the refresh token all the same.
    fn reaches(&self, session: &Session, target: &Target) -> Result<(), &'static str> {
        match target.resource_indicator() {
            Some(resource) if !session.resources.iter().any(|known| known == resource) => {
                Err("name the resource at the sign-in, in SignInRequest::resources")
            }
            // Of several resources, none is meant.
            None if session.resources.len() > 1 && !target.scope().contains("openid") => {
                Err("name the resource beside the scope")
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Fields to add to a refresh request (RFC 6749 §6, RFC 8707 §2.2).
    fn refresh_fields(&self, _session: &Session, target: &Target) -> Vec<(&'static str, String)> {
        let resource = target.resource_indicator().map(|resource| ("resource", resource.to_owned()));
        let scope = (!target.scope().is_empty()).then(|| ("scope", target.scope().to_string()));
        resource.into_iter().chain(scope).collect()
    }

    /// Whom the client names as the audience of an assertion it signs (RFC 7523 §3).
    fn assertion_audience(&self) -> AssertionAudience {
        AssertionAudience::Issuer
    }

    /// Which token of a session to revoke at a logout, if any (RFC 7009).
    fn revocable(&self, session: &Session) -> Option<RevocableToken> {
        if session.tokens.refresh_token.is_some() {
            Some(RevocableToken::RefreshToken)
        } else {
            session.tokens.access_token.as_ref().map(|_| RevocableToken::AccessToken)
        }
    }

    /// Where to send the browser to end the server's own session; `endpoint` is the published `end_session_endpoint`.
    fn end_session_url(
        &self,
        endpoint: Option<&Url>,
        session: &Session,
        post_logout_redirect_uri: Option<&Url>,
    ) -> Option<Url> {
        let mut url = endpoint?.clone();
        let mut query = url.query_pairs_mut();
        if let Some(id_token) = &session.tokens.id_token {
            query.append_pair("id_token_hint", id_token.expose());
        }
        query.append_pair("client_id", &session.client_id);
        if let Some(uri) = post_logout_redirect_uri {
            query.append_pair("post_logout_redirect_uri", uri.as_str());
        }
        drop(query);
        Some(url)
    }

    // What the answers mean.

    /// What an error answer of the token endpoint means for the session.
    ///
    /// Only asked about 4xx answers with a JSON object, and about 2xx answers that carry an error instead of tokens:
    /// the rest is decided by the status alone. A code that is not known for sure must not be a verdict.
    fn classify(&self, answer: &ErrorAnswer) -> Diagnosis {
        Meaning::by_standard(answer).into()
    }

    /// What an error means that came back from the browser (RFC 6749 §4.1.2.1). `None`: what the standards say.
    ///
    /// The answer has no status: it reads 0.
    fn refused_sign_in(&self, _answer: &ErrorAnswer) -> Option<Diagnosis> {
        None
    }

    /// What an error answer to a device's poll means (RFC 8628 §3.5). `None`: whatever [`classify`](Self::classify) says.
    fn device_status(&self, answer: &ErrorAnswer) -> Option<DeviceStatus> {
        DeviceStatus::by_standard(answer)
    }

    /// What an error answer of the revocation endpoint comes to, if that is no failure.
    fn revoked(&self, answer: &ErrorAnswer) -> Option<Revocation> {
        (answer.error() == "unsupported_token_type").then_some(Revocation::Unsupported)
    }

    /// Whether `granted` holds all of `wanted`, the scope of a further access token.
    ///
    /// Scopes that stand for no permission at a resource server need not come back.
    fn grants(&self, wanted: &Scopes, granted: &Scopes) -> bool {
        const NO_PERMISSION: [&str; 4] = ["openid", "profile", "email", "offline_access"];
        wanted.iter().all(|scope| granted.contains(scope) || NO_PERMISSION.contains(&scope))
    }

    /// When a session whose ID token has these claims must end, whatever the server still grants.
    fn ends_at(&self, _claims: &Fields) -> Option<Timestamp> {
        None
    }

    /// What to keep with the session of an answer, and of the claims of its ID token if there is one.
    fn keep(&self, _answer: &Fields, _claims: Option<&Fields>) -> SessionData {
        SessionData::new()
    }

    // What to tell people.

    /// What to do about an issuer whose metadata cannot be had: one clause.
    fn check_address(&self) -> &'static str {
        "check the issuer URL"
    }

    /// What to do about metadata that lack an endpoint of the code flow: one clause.
    fn ask_for_endpoints(&self) -> &'static str {
        "check the issuer URL, and that the server offers the authorization code flow"
    }

    /// What to do about a sign-in that brought no refresh token, when `requested` was asked for: one clause.
    fn ask_for_refresh_token(&self, requested: &Scopes) -> &'static str {
        if requested.contains("offline_access") {
            "let the server issue refresh tokens to this client"
        } else {
            "ask for the scope offline_access"
        }
    }

    /// What to do about a sign-in that brought no access token: one clause.
    fn ask_for_access_token(&self) -> &'static str {
        "ask for a scope of the API to be called"
    }

    /// What to do about an access token that shows that no API will take it: one clause. `None` if nothing shows.
    fn ask_for_audience(&self, _access_token: &AccessToken) -> Option<&'static str> {
        None
    }

    /// What to do if a reuse window is declared, but a refresh token was not replaced: one clause.
    fn ask_for_rotation(&self) -> &'static str {
        "turn on rotation of refresh tokens at the server, or declare no reuse window"
    }
}

/// The dialect without differences.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainOidc;

impl Dialect for PlainOidc {}

#[cfg(test)]
mod tests {
    use oidc_session_core::{IdToken, Timestamp, TokenSet};

    use super::*;

    #[test]
    fn discovery_url_has_one_slash() {
        for issuer in ["https://login.example/realm", "https://login.example/realm/"] {
            assert_eq!(PlainOidc.discovery_url(issuer), "https://login.example/realm/.well-known/openid-configuration");
        }
    }

    #[test]
    fn end_session_url_names_session_and_client() {
        let now = Timestamp::from_unix_seconds(0);
        let mut tokens = TokenSet::new(now, now);
        tokens.id_token = Some(IdToken::new("a.b.c"));
        let session = Session::new(ProviderId::new("oidc"), "https://login.example", "my app", tokens);
        let endpoint = Url::parse("https://login.example/end?tenant=1").unwrap();
        let back = Url::parse("https://app.example/bye").unwrap();
        assert_eq!(
            PlainOidc.end_session_url(Some(&endpoint), &session, Some(&back)).unwrap().as_str(),
            "https://login.example/end?tenant=1&id_token_hint=a.b.c&client_id=my+app\
             &post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"
        );
        assert_eq!(PlainOidc.end_session_url(None, &session, None), None);
    }

    #[test]
    fn a_refresh_names_no_scope_but_that_of_a_further_target() {
        let now = Timestamp::from_unix_seconds(0);
        let session = Session::new(ProviderId::new("oidc"), "https://login.example", "app", TokenSet::new(now, now));
        assert_eq!(PlainOidc.refresh_fields(&session, &Target::default()), []);
        let target = Target::resource("https://api.example").scopes(Scopes::parse("write read"));
        assert_eq!(
            PlainOidc.refresh_fields(&session, &target),
            [("resource", "https://api.example".to_owned()), ("scope", "read write".to_owned())]
        );
    }

    #[test]
    fn a_scope_that_is_no_permission_need_not_come_back() {
        for (wanted, granted, expected) in [
            ("read", "read write", true),
            ("openid offline_access read", "read", true),
            ("read write", "read", false),
            ("", "", true),
        ] {
            assert_eq!(PlainOidc.grants(&Scopes::parse(wanted), &Scopes::parse(granted)), expected, "{wanted}");
        }
    }
}
