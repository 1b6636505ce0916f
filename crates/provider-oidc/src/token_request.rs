//! [`TokenRequest`]: a request to the token or revocation endpoint, as data.

use std::fmt;

use oidc_session_core::{DeviceCode, PendingSignIn, RefreshToken, Scopes, Session, Target};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::client::Credentials;
use crate::{Dialect, EncodedRequest};

/// What to send, and nothing about how. Built without I/O, so that tests compare whole requests.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct TokenRequest {
    fields: Vec<(&'static str, String)>,
    /// What a program may name freely, after the fields.
    parameters: Vec<(String, String)>,
    authorization: Option<String>,
    /// What the header says, for a form that has none.
    header_fields: Vec<(&'static str, String)>,
    encoded: Option<EncodedRequest>,
}

impl TokenRequest {
    /// A refresh (RFC 6749 §6). Unless the dialect says so it names no scope: what was granted stays granted.
    pub(crate) fn refresh(
        credentials: Credentials,
        dialect: &dyn Dialect,
        session: &Session,
        token: &RefreshToken,
        target: &Target,
    ) -> Self {
        let mut request = Self::grant(credentials, "refresh_token");
        request.push("refresh_token", token.expose());
        request.fields.extend(dialect.refresh_fields(session, target));
        request.encoded(|fields| dialect.encode_refresh(session, fields))
    }

    /// A code exchange with PKCE (RFC 6749 §4.1.3, RFC 7636 §4.5).
    pub(crate) fn code(credentials: Credentials, dialect: &dyn Dialect, pending: &PendingSignIn, code: &str) -> Self {
        let mut request = Self::grant(credentials, "authorization_code");
        request.push("code", code);
        request.push("redirect_uri", pending.redirect_uri.as_str());
        request.push("code_verifier", pending.code_verifier.expose());
        request.fields.extend(dialect.code_fields(&pending.scopes));
        request
    }

    /// A request for a user code (RFC 8628 §3.1).
    pub(crate) fn device_authorization(
        credentials: Credentials,
        scopes: &Scopes,
        parameters: Vec<(String, String)>,
    ) -> Self {
        let mut request = Self::authenticated(credentials);
        request.push("scope", &scopes.to_string());
        request.parameters = parameters;
        request
    }

    /// A device's poll (RFC 8628 §3.4).
    pub(crate) fn device_code(credentials: Credentials, device_code: &DeviceCode) -> Self {
        let mut request = Self::grant(credentials, "urn:ietf:params:oauth:grant-type:device_code");
        request.push("device_code", device_code.expose());
        request
    }

    /// A revocation (RFC 7009 §2.1).
    pub(crate) fn revocation(
        credentials: Credentials,
        dialect: &dyn Dialect,
        session: &Session,
        token: &str,
        hint: &'static str,
    ) -> Self {
        let mut request = Self::authenticated(credentials);
        request.push("token", token);
        request.push("token_type_hint", hint);
        request.encoded(|fields| dialect.encode_revocation(session, fields))
    }

    /// Where the dialect sends it, if not to the endpoint that the metadata names.
    pub(crate) fn endpoint(&self) -> Option<&Url> {
        self.encoded.as_ref()?.endpoint.as_ref()
    }

    /// A pushed authorization request (RFC 9126 §2.1); `parameters` name the client.
    pub(crate) fn pushed(credentials: Credentials, parameters: Vec<(String, String)>) -> Self {
        let mut request = Self::authenticated(credentials);
        request.fields.retain(|(name, _)| *name != "client_id");
        request.parameters = parameters;
        request
    }

    /// The body: `application/x-www-form-urlencoded`, unless the dialect has a form of its own.
    pub(crate) fn body(&self) -> String {
        match &self.encoded {
            Some(encoded) => encoded.body.clone(),
            None => Serializer::new(String::new()).extend_pairs(&self.fields).extend_pairs(&self.parameters).finish(),
        }
    }

    /// The media type of the body.
    pub(crate) fn content_type(&self) -> &'static str {
        self.encoded.as_ref().map_or("application/x-www-form-urlencoded", |encoded| encoded.content_type)
    }

    /// Headers beyond the `Authorization` one.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.encoded.iter().flat_map(|encoded| &encoded.headers).map(|(name, value)| (*name, value.as_str()))
    }

    /// The value of the `Authorization` header.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    fn grant(credentials: Credentials, grant_type: &'static str) -> Self {
        let mut request = Self::authenticated(credentials);
        request.fields.insert(0, ("grant_type", grant_type.to_owned()));
        request
    }

    fn authenticated(credentials: Credentials) -> Self {
        let Credentials { fields, authorization, header_fields } = credentials;
        Self { fields, parameters: Vec::new(), authorization, header_fields, encoded: None }
    }

    /// The same in the dialect's own form, if it has one: there, the client authenticates in the fields alone.
    fn encoded(mut self, encode: impl FnOnce(&[(&'static str, String)]) -> Option<EncodedRequest>) -> Self {
        self.encoded = encode(&[self.header_fields.clone(), self.fields.clone()].concat());
        if self.encoded.is_some() {
            self.authorization = None;
        }
        self
    }

    fn push(&mut self, name: &'static str, value: &str) {
        self.fields.push((name, value.to_owned()));
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields.iter().map(|(name, _)| *name);
        f.debug_list().entries(fields.chain(self.parameters.iter().map(|(name, _)| name.as_str()))).finish()
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::{ClientSecret, CodeVerifier, ProviderId, Scopes, SignInRequest, Timestamp, TokenSet};

    use super::*;
    use crate::client::Client;
    use crate::{ClientAuth, PlainOidc};

    fn credentials(auth: ClientAuth) -> Credentials {
        let client = Client { id: "my-app".into(), auth };
        client.credentials("https://login.example", Timestamp::from_unix_seconds(7)).unwrap()
    }

    /// Such as a client that signs has.
    fn asserted() -> Credentials {
        let fields = vec![("client_id", "my-app".into()), ("client_assertion", "a.b.c".into())];
        Credentials { fields, authorization: None, header_fields: Vec::new() }
    }

    fn session() -> Session {
        let now = Timestamp::from_unix_seconds(0);
        Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", TokenSet::new(now, now))
    }

    #[test]
    fn a_refresh_carries_the_token_and_the_client() {
        let token = RefreshToken::new("rt 1&");
        for (auth, body, authorization) in [
            (ClientAuth::None, "grant_type=refresh_token&client_id=my-app&refresh_token=rt+1%26", None),
            (
                ClientAuth::Basic(ClientSecret::new("pw")),
                "grant_type=refresh_token&refresh_token=rt+1%26",
                Some("Basic bXktYXBwOnB3"),
            ),
            (
                ClientAuth::Post(ClientSecret::new("pw")),
                "grant_type=refresh_token&client_id=my-app&client_secret=pw&refresh_token=rt+1%26",
                None,
            ),
        ] {
            let request = TokenRequest::refresh(credentials(auth), &PlainOidc, &session(), &token, &Target::default());
            assert_eq!(request.body(), body);
            assert_eq!(request.authorization(), authorization);
        }
    }

    #[test]
    fn a_dialect_adds_fields_to_a_refresh() {
        #[derive(Debug)]
        struct Scoped;
        impl Dialect for Scoped {
            fn refresh_fields(&self, _session: &Session, _target: &Target) -> Vec<(&'static str, String)> {
                vec![("scope", "openid".into())]
            }
        }
        let token = RefreshToken::new("rt-1");
        let request =
            TokenRequest::refresh(credentials(ClientAuth::None), &Scoped, &session(), &token, &Target::default());
        assert_eq!(request.body(), "grant_type=refresh_token&client_id=my-app&refresh_token=rt-1&scope=openid");
    }

    #[test]
    fn a_form_of_the_vendors_own_gets_the_secret_as_a_field_and_sends_no_header() {
        #[derive(Debug)]
        struct Listing;
        impl Listing {
            fn list(fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
                let lines: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
                Some(EncodedRequest::new("text/plain", lines.join("\n")))
            }
        }
        impl Dialect for Listing {
            fn encode_refresh(&self, _: &Session, fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
                Self::list(fields)
            }
            fn encode_revocation(&self, _: &Session, fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
                Self::list(fields)
            }
        }
        let token = RefreshToken::new("rt-1");
        for auth in [ClientAuth::Basic(ClientSecret::new("p w")), ClientAuth::Post(ClientSecret::new("p w"))] {
            let of = || credentials(auth.clone());
            let refresh = TokenRequest::refresh(of(), &Listing, &session(), &token, &Target::default());
            let revocation = TokenRequest::revocation(of(), &Listing, &session(), "rt-1", "refresh_token");
            for request in [refresh, revocation] {
                assert!(request.body().contains("client_id=my-app\nclient_secret=p w"), "{}", request.body());
                assert_eq!(request.authorization(), None);
            }
        }
    }

    #[test]
    fn a_code_exchange_repeats_the_redirect_uri_and_proves_the_code_is_ours() {
        let redirect_uri = Url::parse("http://127.0.0.1:9/cb").unwrap();
        let verifier = CodeVerifier::new("verifier-1");
        let asked = SignInRequest::new(redirect_uri.clone(), Scopes::default());
        let pending = PendingSignIn::new(redirect_uri, &asked, "", "", verifier, Timestamp::from_unix_seconds(0));
        let request = TokenRequest::code(credentials(ClientAuth::None), &PlainOidc, &pending, "code-1");
        assert_eq!(
            request.body(),
            "grant_type=authorization_code&client_id=my-app&code=code-1\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb&code_verifier=verifier-1"
        );
    }

    #[test]
    fn every_request_of_a_client_that_signs_carries_the_assertion() {
        let token = RefreshToken::new("rt-1");
        let request = TokenRequest::refresh(asserted(), &PlainOidc, &session(), &token, &Target::default());
        assert_eq!(
            request.body(),
            "grant_type=refresh_token&client_id=my-app&client_assertion=a.b.c&refresh_token=rt-1"
        );
        let request = TokenRequest::revocation(asserted(), &PlainOidc, &session(), "rt-1", "refresh_token");
        assert_eq!(request.body(), "client_id=my-app&client_assertion=a.b.c&token=rt-1&token_type_hint=refresh_token");
    }

    #[test]
    fn a_pushed_request_names_the_client_once() {
        let basic = "Basic bXktYXBwOnB3";
        let secret = || ClientSecret::new("pw");
        for (credentials, body, authorization) in [
            (credentials(ClientAuth::None), "client_id=my-app&state=s+1", None),
            (credentials(ClientAuth::Basic(secret())), "client_id=my-app&state=s+1", Some(basic)),
            (credentials(ClientAuth::Post(secret())), "client_secret=pw&client_id=my-app&state=s+1", None),
            (asserted(), "client_assertion=a.b.c&client_id=my-app&state=s+1", None),
        ] {
            let parameters = vec![("client_id".into(), "my-app".into()), ("state".into(), "s 1".into())];
            let request = TokenRequest::pushed(credentials, parameters);
            assert_eq!(request.body(), body);
            assert_eq!(request.authorization(), authorization);
            assert!(!format!("{request:?}").contains("s 1"));
        }
    }

    #[test]
    fn a_device_names_itself_and_what_it_wants() {
        let parameters = vec![("audience".to_owned(), "https://api.example".to_owned())];
        for (auth, body, authorization) in [
            (ClientAuth::None, "client_id=my-app&scope=email+openid&audience=https%3A%2F%2Fapi.example", None),
            (
                ClientAuth::Basic(ClientSecret::new("pw")),
                "scope=email+openid&audience=https%3A%2F%2Fapi.example",
                Some("Basic bXktYXBwOnB3"),
            ),
        ] {
            let scopes = Scopes::parse("openid email");
            let request = TokenRequest::device_authorization(credentials(auth), &scopes, parameters.clone());
            assert_eq!(request.body(), body);
            assert_eq!(request.content_type(), "application/x-www-form-urlencoded");
            assert_eq!(request.authorization(), authorization);
        }
    }

    #[test]
    fn a_poll_carries_the_device_code_and_the_client() {
        let request = TokenRequest::device_code(credentials(ClientAuth::None), &DeviceCode::new("dc 1"));
        assert_eq!(
            request.body(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=my-app&device_code=dc+1"
        );
    }

    #[test]
    fn debug_shows_names_only() {
        let auth = ClientAuth::Post(ClientSecret::new("hidden-1"));
        let request = TokenRequest::revocation(credentials(auth), &PlainOidc, &session(), "hidden-2", "refresh_token");
        let shown = format!("{request:?}");
        assert!(shown.contains("token_type_hint"));
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
