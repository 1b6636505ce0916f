//! [`Client`]: our registration at the authorization server, and how it authenticates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oidc_session_core::ClientSecret;
use url::form_urlencoded::byte_serialize;

/// How the client authenticates at the token endpoint (RFC 6749 §2.3, OIDC Core §9).
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

impl Client {
    /// What authenticates a request in its body.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        match &self.auth {
            ClientAuth::None => vec![("client_id", self.id.clone())],
            ClientAuth::Basic(_) => Vec::new(),
            ClientAuth::Post(secret) => {
                vec![("client_id", self.id.clone()), ("client_secret", secret.expose().to_owned())]
            }
        }
    }

    /// What authenticates a request in its `Authorization` header.
    pub(crate) fn authorization(&self) -> Option<String> {
        let ClientAuth::Basic(secret) = &self.auth else {
            return None;
        };
        // Both halves are form-encoded first (RFC 6749 §2.3.1): a colon in the id would end it.
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&self.id), encode(secret.expose()));
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }

    /// What the header says, as fields: for a request in a form of the vendor's own, which has no such header.
    pub(crate) fn fields_of_header(&self) -> Vec<(&'static str, String)> {
        match &self.auth {
            ClientAuth::None | ClientAuth::Post(_) => Vec::new(),
            ClientAuth::Basic(secret) => {
                vec![("client_id", self.id.clone()), ("client_secret", secret.expose().to_owned())]
            }
        }
    }

    /// The secret, which is also the key of a symmetric ID token signature (OIDC Core §10.1).
    pub(crate) fn secret(&self) -> Option<&ClientSecret> {
        match &self.auth {
            ClientAuth::None => None,
            ClientAuth::Basic(secret) | ClientAuth::Post(secret) => Some(secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_encodes_both_halves_before_joining_them() {
        let client = Client { id: "my:app ü".into(), auth: ClientAuth::Basic(ClientSecret::new("p%s+/:")) };
        let header = client.authorization().unwrap();
        let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "my%3Aapp+%C3%BC:p%25s%2B%2F%3A");
    }

    #[test]
    fn the_secret_is_never_shown() {
        let client = Client { id: "my-app".into(), auth: ClientAuth::Post(ClientSecret::new("hidden")) };
        assert!(!format!("{client:?}").contains("hidden"));
    }
}
