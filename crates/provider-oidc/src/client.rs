//! [`Client`]: our registration at the authorization server, and how it authenticates.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oidc_session_core::{ClientSecret, ProviderError, ProviderErrorKind, Timestamp};
use url::form_urlencoded::byte_serialize;

use crate::assertion::{ASSERTION_TYPE, client_assertion};
use crate::{ClientCertificate, SigningKey};

/// How the client authenticates at the token endpoint (RFC 6749 §2.3, OIDC Core §9), and at the endpoints for
/// revocation, pushed authorization requests and devices.
///
/// The server knows one of these methods for each client, so its registration decides. Where there is a choice:
///
/// | Method | Registered as | When |
/// |---|---|---|
/// | [`None`](Self::None) | `none` | a program on its user's machine, which cannot keep a secret |
/// | [`Basic`](Self::Basic) | `client_secret_basic` | a server program; what every server understands |
/// | [`Post`](Self::Post) | `client_secret_post` | the same, at a server or gateway that does not read the header |
/// | [`SecretJwt`](Self::SecretJwt) | `client_secret_jwt` | the same, where the secret must not travel |
/// | [`PrivateKeyJwt`](Self::PrivateKeyJwt) | `private_key_jwt` | best: the server holds nothing worth stealing |
/// | [`MutualTls`](Self::MutualTls) | `tls_client_auth`, `self_signed_tls_client_auth` | as good, with certificates |
///
/// ```
/// use oidc_session_core::ClientSecret;
/// use oidc_session_provider_oidc::{ClientAuth, Oidc};
///
/// let secret = ClientSecret::new("a secret of 32 or more bytes");
/// let provider =
///     Oidc::builder("https://login.example", "my-app").client_auth(ClientAuth::SecretJwt(secret)).build()?;
/// # Ok::<(), oidc_session_core::ProviderError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientAuth {
    /// A public client: it only names itself.
    #[default]
    None,
    /// `client_secret_basic`: the secret in an `Authorization` header.
    Basic(ClientSecret),
    /// `client_secret_post`: the secret in the body.
    Post(ClientSecret),
    /// `client_secret_jwt`: an assertion signed with the secret by HS256 (OIDC Core §9, RFC 7523 §2.2).
    ///
    /// Servers ask for 32 bytes of secret or more (OIDC Core §16.19).
    SecretJwt(ClientSecret),
    /// `private_key_jwt`: an assertion signed with a private key (OIDC Core §9, RFC 7523 §2.2).
    PrivateKeyJwt(SigningKey),
    /// `tls_client_auth` or `self_signed_tls_client_auth`: a certificate of the connection (RFC 8705 §2).
    ///
    /// The addresses under `mtls_endpoint_aliases` are used where the server publishes them. Every server that asks for
    /// a certificate during this client's requests is shown it.
    MutualTls(ClientCertificate),
}

/// Whom a client names as the audience of an assertion that it signs (RFC 7523 §3).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AssertionAudience {
    /// The issuer: what servers agree on by now, because nobody else can use such an assertion.
    #[default]
    Issuer,
    /// The token endpoint (OIDC Core §9).
    TokenEndpoint,
}

/// Our registration.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) auth: ClientAuth,
}

/// What authenticates one request. Made anew for each: a server takes an assertion once.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Credentials {
    /// Fields of the body.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// The value of the `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// What the header says, as fields: for a request in a form of the vendor's own, which has no such header.
    pub(crate) header_fields: Vec<(&'static str, String)>,
}

impl Credentials {
    fn in_body(fields: Vec<(&'static str, String)>) -> Self {
        Self { fields, authorization: None, header_fields: Vec::new() }
    }
}

impl Client {
    /// Fails if no server could take these settings.
    pub(crate) fn check(&self) -> Result<(), ProviderError> {
        if self.id.is_empty() {
            return Err(misconfigured("the client id is empty").with_advice("set the client id of the registration"));
        }
        // RFC 6749 §A.1 and §A.2 allow none. What is read from a file often ends with one.
        if self.id.contains(char::is_control) {
            return Err(misconfigured("the client id contains a line break or another control character")
                .with_advice("trim the client id after reading it"));
        }
        let secret = self.secret().map(ClientSecret::expose);
        if secret.is_some_and(str::is_empty) {
            return Err(misconfigured("the client secret is empty")
                .with_advice("set the client secret, or use ClientAuth::None for a public client"));
        }
        if secret.is_some_and(|secret| secret.contains(char::is_control)) {
            return Err(misconfigured("the client secret contains a line break or another control character")
                .with_advice("trim the client secret after reading it"));
        }
        Ok(())
    }

    /// What authenticates a request that is sent `now`; `audience` is whom an assertion is for.
    pub(crate) fn credentials(&self, audience: &str, now: Timestamp) -> Result<Credentials, ProviderError> {
        let named = || vec![("client_id", self.id.clone())];
        let asserted = |assertion| {
            let mut fields = named();
            fields.extend([("client_assertion_type", ASSERTION_TYPE.to_owned()), ("client_assertion", assertion)]);
            Credentials::in_body(fields)
        };
        Ok(match &self.auth {
            ClientAuth::None | ClientAuth::MutualTls(_) => Credentials::in_body(named()),
            ClientAuth::Basic(secret) => {
                let mut header_fields = named();
                header_fields.push(("client_secret", secret.expose().to_owned()));
                Credentials { fields: Vec::new(), authorization: Some(basic(&self.id, secret)), header_fields }
            }
            ClientAuth::Post(secret) => {
                let mut fields = named();
                fields.push(("client_secret", secret.expose().to_owned()));
                Credentials::in_body(fields)
            }
            ClientAuth::SecretJwt(secret) => asserted(client_assertion(secret, &self.id, audience, now)?),
            ClientAuth::PrivateKeyJwt(key) => asserted(client_assertion(key, &self.id, audience, now)?),
        })
    }

    /// The secret, which is also the key of a symmetric ID token signature (OIDC Core §10.1).
    pub(crate) fn secret(&self) -> Option<&ClientSecret> {
        match &self.auth {
            ClientAuth::None | ClientAuth::PrivateKeyJwt(_) | ClientAuth::MutualTls(_) => None,
            ClientAuth::Basic(secret) | ClientAuth::Post(secret) | ClientAuth::SecretJwt(secret) => Some(secret),
        }
    }

    /// What the client shows when a connection is made.
    pub(crate) fn certificate(&self) -> Option<&ClientCertificate> {
        match &self.auth {
            ClientAuth::MutualTls(certificate) => Some(certificate),
            _ => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

fn basic(id: &str, secret: &ClientSecret) -> String {
    // Both halves are form-encoded first (RFC 6749 §2.3.1): a colon in the id would end it.
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret.expose()))))
}

fn misconfigured(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret_auths(secret: &str) -> [ClientAuth; 3] {
        let secret = ClientSecret::new(secret);
        [ClientAuth::Basic(secret.clone()), ClientAuth::Post(secret.clone()), ClientAuth::SecretJwt(secret)]
    }

    fn credentials(id: &str, auth: ClientAuth) -> Credentials {
        let client = Client { id: id.into(), auth };
        client.credentials("https://login.example", Timestamp::from_unix_seconds(7)).unwrap()
    }

    #[test]
    fn basic_encodes_both_halves_before_joining_them() {
        let header = credentials("my:app ü", ClientAuth::Basic(ClientSecret::new("p%s+/:"))).authorization.unwrap();
        let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "my%3Aapp+%C3%BC:p%25s%2B%2F%3A");
    }

    #[test]
    fn an_assertion_is_never_sent_twice() {
        let auth = ClientAuth::SecretJwt(ClientSecret::new("pw"));
        let (one, two) = (credentials("my-app", auth.clone()), credentials("my-app", auth));
        let names: Vec<_> = one.fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["client_id", "client_assertion_type", "client_assertion"]);
        assert_eq!(one.fields[1].1, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!(one.fields[..2], two.fields[..2]);
        assert_ne!(one.fields[2], two.fields[2]);
    }

    #[test]
    fn a_secret_that_no_server_could_know_is_refused() {
        for (secret, accepted) in [("p%:+ ü", true), ("", false), ("pw-hidden\n", false), ("pw\0-hidden", false)] {
            for auth in secret_auths(secret) {
                let checked = Client { id: "my-app".into(), auth }.check();
                assert_eq!(checked.is_ok(), accepted, "{secret:?}");
                if let Err(error) = checked {
                    assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
                    assert!(error.advice().is_some());
                    assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
                }
            }
        }
    }

    #[test]
    fn a_client_id_that_no_server_could_know_is_refused() {
        for (id, accepted) in [("my app:ü", true), ("", false), ("my-app\n", false), ("my\0app", false)] {
            let checked = Client { id: id.into(), auth: ClientAuth::None }.check();
            assert_eq!(checked.is_ok(), accepted, "{id:?}");
        }
    }

    #[test]
    fn every_secret_is_a_key_of_symmetric_id_tokens() {
        for auth in secret_auths("pw") {
            assert_eq!(Client { id: "my-app".into(), auth }.secret(), Some(&ClientSecret::new("pw")));
        }
        assert_eq!(Client { id: "my-app".into(), auth: ClientAuth::None }.secret(), None);
    }

    #[test]
    fn the_secret_is_never_shown() {
        for auth in secret_auths("hidden") {
            let shown =
                format!("{:?} {:?}", Client { id: "my-app".into(), auth: auth.clone() }, credentials("a", auth));
            assert!(!shown.contains("hidden"), "{shown}");
            assert!(!shown.contains("eyJ"), "{shown}");
        }
    }
}
