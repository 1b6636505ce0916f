//! The conversation of a client that is not ours with an emulator: does it behave as is written of it?

use serde_json::Value;

use super::{Emulator, Used};
use crate::Result;
use crate::e2e::checks::ensure;
use crate::e2e::cli::SECRET;
use crate::e2e::http::{self, Answer};
use crate::e2e::launcher::Server;
use crate::e2e::session::text;

/// A client's code verifier and its challenge (RFC 7636 appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "http://127.0.0.1:49152/callback";

/// Signs in, refreshes and revokes, and compares with what is known.
pub(super) fn converse(emulator: &Emulator, client: &Client) -> Result {
    let signed_in = client.sign_in()?;
    let claims = claims(&text(&signed_in, "id_token")?)?;
    ensure(claims["iss"].as_str() == Some(&client.issuer), || format!("the ID token is by {}", claims["iss"]))?;
    ensure(claims["nonce"].is_string() == emulator.nonce, || format!("the ID token's nonce is {}", claims["nonce"]))?;

    let first = text(&signed_in, "refresh_token")?;
    let refreshed = client.refresh(&first)?;
    ensure(refreshed.status == 200, || format!("the refresh answered {}", refreshed.status))?;
    let next = refreshed.json()?["refresh_token"].as_str().map(str::to_owned);
    let again = client.refresh(&first)?.status;
    let used = match (&next, again) {
        (Some(_), 400) => Used::Replaced,
        (Some(_), 200) => Used::ReplacedButAccepted,
        (None, 200) => Used::Kept,
        (_, status) => return Err(format!("a used refresh token was answered {status}").into()),
    };
    ensure(used == emulator.used, || format!("a used refresh token is {used:?}"))?;
    let newest = next.unwrap_or(first);
    ensure(client.refresh(&newest)?.status == 200, || "the newest refresh token was taken along".into())?;
    let unknown = client.refresh("never-issued")?.status;
    ensure(unknown == emulator.unknown, || format!("an unknown refresh token was answered {unknown}"))?;
    ensure(client.revocation.is_some() == emulator.revokes, || format!("revocation at {:?}", client.revocation))?;
    let Some(revocation) = &client.revocation else {
        return Ok(());
    };
    let ended = text(&client.sign_in()?, "refresh_token")?;
    let revoked = http::post(revocation, &client.form(&[("token", &ended)]))?.status;
    ensure(revoked == 200, || format!("the revocation answered {revoked}"))?;
    let status = client.refresh(&ended)?.status;
    ensure(status == 400, || format!("a revoked refresh token was answered {status}"))
}

/// A client as an emulator knows it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) issuer: String,
    pub(super) id: String,
    authorization: String,
    token: String,
    revocation: Option<String>,
}

impl Client {
    /// The client that is registered there.
    pub(super) fn of(server: &Server) -> Result<Self> {
        let issuer = server.issuer()?;
        let document = http::fetch_json(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))?;
        ensure(document["issuer"].as_str() == Some(&issuer), || format!("the document is of {}", document["issuer"]))?;
        Ok(Self {
            id: server.announced["client_id"].as_str().unwrap_or("web-app").to_owned(),
            authorization: text(&document, "authorization_endpoint")?,
            token: text(&document, "token_endpoint")?,
            revocation: document["revocation_endpoint"].as_str().map(str::to_owned),
            issuer,
        })
    }

    /// Signs in with the code flow; returns the answer of the token endpoint.
    pub(super) fn sign_in(&self) -> Result<Value> {
        let query = http::form(&[
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid offline_access"),
            ("state", "a-state"),
            ("nonce", "a-nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let answer = http::fetch(&format!("{}?{query}", self.authorization), &[])?;
        let location = answer.headers("location").next().ok_or("the authorization endpoint did not redirect")?;
        let code = parameter(location, "code").ok_or("the redirect has no code")?;
        ensure(location.starts_with(REDIRECT_URI), || "the redirect goes elsewhere".into())?;
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        let tokens = http::post(&self.token, &self.form(&grant))?;
        ensure(tokens.status == 200, || format!("the code was answered {}", tokens.status))?;
        tokens.json()
    }

    fn refresh(&self, refresh_token: &str) -> Result<Answer> {
        http::post(&self.token, &self.form(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]))
    }

    /// The fields, and who the client is (`client_secret_post`).
    fn form<'a>(&'a self, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [fields, &[("client_id", &self.id), ("client_secret", SECRET)]].concat()
    }
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let pairs = url.split_once('?')?.1.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// The claims of a JWT, whoever signed it.
fn claims(jwt: &str) -> Result<Value> {
    let payload = jwt.split('.').nth(1).ok_or("not a JWT")?;
    Ok(serde_json::from_slice(&base64url(payload).ok_or("not base64url")?)?)
}

fn base64url(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|other| *other == letter)?;
        held = (held << 6 | u32::try_from(value).ok()?) & 0x3fff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_without_padding() {
        assert_eq!(base64url("eyJuIjoiPz8_In0").unwrap(), br#"{"n":"???"}"#);
        assert_eq!(claims("e30.eyJuIjoiPz8_In0.x").unwrap(), serde_json::json!({ "n": "???" }));
        assert!(base64url("a+b").is_none());
    }

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        assert_eq!(parameter("http://a/?xcode=1&code=2", "code").as_deref(), Some("2"));
        assert_eq!(parameter("http://a/", "code"), None);
    }
}
