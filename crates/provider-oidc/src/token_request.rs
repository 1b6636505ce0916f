//! [`TokenRequest`]: a request to the token or revocation endpoint, as data.

use std::fmt;

use oidc_session_core::{PendingSignIn, RefreshToken, Session, Target};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::client::Client;
use crate::{Dialect, EncodedRequest};

/// What to send, and nothing about how. Built without I/O, so that tests compare whole requests.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct TokenRequest {
    fields: Vec<(&'static str, String)>,
    authorization: Option<String>,
    encoded: Option<EncodedRequest>,
}

impl TokenRequest {
    /// A refresh (RFC 6749 §6). Unless the dialect says so it names no scope: what was granted stays granted.
    pub(crate) fn refresh(
        client: &Client,
        dialect: &dyn Dialect,
        session: &Session,
        token: &RefreshToken,
        target: &Target,
    ) -> Self {
        let mut request = Self::grant(client, "refresh_token");
        request.push("refresh_token", token.expose());
        request.fields.extend(dialect.refresh_fields(session, target));
        request.encoded(client, |fields| dialect.encode_refresh(session, fields))
    }

    /// A code exchange with PKCE (RFC 6749 §4.1.3, RFC 7636 §4.5).
    pub(crate) fn code(client: &Client, dialect: &dyn Dialect, pending: &PendingSignIn, code: &str) -> Self {
        let mut request = Self::grant(client, "authorization_code");
        request.push("code", code);
        request.push("redirect_uri", pending.redirect_uri.as_str());
        request.push("code_verifier", pending.code_verifier.expose());
        request.fields.extend(dialect.code_fields(&pending.scopes));
        request
    }

    /// A revocation (RFC 7009 §2.1).
    pub(crate) fn revocation(
        client: &Client,
        dialect: &dyn Dialect,
        session: &Session,
        token: &str,
        hint: &'static str,
    ) -> Self {
        let mut request = Self::authenticated(client);
        request.push("token", token);
        request.push("token_type_hint", hint);
        request.encoded(client, |fields| dialect.encode_revocation(session, fields))
    }

    /// Where the dialect sends it, if not to the endpoint that the metadata names.
    pub(crate) fn endpoint(&self) -> Option<&Url> {
        self.encoded.as_ref()?.endpoint.as_ref()
    }

    /// The body: `application/x-www-form-urlencoded`, unless the dialect has a form of its own.
    pub(crate) fn body(&self) -> String {
        match &self.encoded {
            Some(encoded) => encoded.body.clone(),
            None => Serializer::new(String::new()).extend_pairs(&self.fields).finish(),
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

    fn grant(client: &Client, grant_type: &'static str) -> Self {
        let mut request = Self::authenticated(client);
        request.fields.insert(0, ("grant_type", grant_type.to_owned()));
        request
    }

    fn authenticated(client: &Client) -> Self {
        Self { fields: client.fields(), authorization: client.authorization(), encoded: None }
    }

    /// The same in the dialect's own form, if it has one: there, the client authenticates in the fields alone.
    fn encoded(
        mut self,
        client: &Client,
        encode: impl FnOnce(&[(&'static str, String)]) -> Option<EncodedRequest>,
    ) -> Self {
        self.encoded = encode(&[client.fields_of_header(), self.fields.clone()].concat());
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
        f.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::{ClientSecret, CodeVerifier, ProviderId, Scopes, SignInRequest, Timestamp, TokenSet};

    use super::*;
    use crate::{ClientAuth, PlainOidc};

    fn client(auth: ClientAuth) -> Client {
        Client { id: "my-app".into(), auth }
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
            let request = TokenRequest::refresh(&client(auth), &PlainOidc, &session(), &token, &Target::default());
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
        let request = TokenRequest::refresh(&client(ClientAuth::None), &Scoped, &session(), &token, &Target::default());
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
            let client = client(auth);
            let refresh = TokenRequest::refresh(&client, &Listing, &session(), &token, &Target::default());
            let revocation = TokenRequest::revocation(&client, &Listing, &session(), "rt-1", "refresh_token");
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
        let request = TokenRequest::code(&client(ClientAuth::None), &PlainOidc, &pending, "code-1");
        assert_eq!(
            request.body(),
            "grant_type=authorization_code&client_id=my-app&code=code-1\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb&code_verifier=verifier-1"
        );
    }

    #[test]
    fn debug_shows_names_only() {
        let auth = ClientAuth::Post(ClientSecret::new("hidden-1"));
        let request = TokenRequest::revocation(&client(auth), &PlainOidc, &session(), "hidden-2", "refresh_token");
        let shown = format!("{request:?}");
        assert!(shown.contains("token_type_hint"));
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
