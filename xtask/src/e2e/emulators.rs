//! Emulators of vendors: that each still behaves as `docs/checked-against.md` says, and that we get on with it.
//!
//! A check against an emulator proves what the emulator does, so that has to be known first.

use std::path::Path;

use serde_json::Value;

use super::checks::{Checks, ensure};
use super::cli::{Cli, SECRET};
use super::http::{self, Answer};
use super::launcher::{Launcher, Server};
use super::node::Node;
use super::program::Program;
use super::session::text;
use super::vendor_session::VendorSession;
use crate::Result;

/// A client's code verifier and its challenge (RFC 7636 appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "http://127.0.0.1:49152/callback";

const ENVIRONMENT: [(&str, &str); 1] = [("E2E_WEB_APP_SECRET", SECRET)];

/// What becomes of a refresh token that was used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Used {
    /// It is refused; the answer had another.
    Replaced,
    /// It is good for more; the answer had another all the same.
    ReplacedButAccepted,
    /// It is good for more; the answer had none.
    Kept,
}

/// What the command can do there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Command {
    /// Everything.
    Everything,
    /// It can sign in, but not refresh what comes of that; the reason is the emulator's.
    RefreshImported(&'static str),
    /// It cannot sign in, but refresh what was imported; the reason is the emulator's.
    Import(&'static str),
}

/// One emulator, and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Emulator {
    title: &'static str,
    /// The name of our adapter on the command line, and of the program's checks.
    provider: &'static str,
    /// The file for the command's session.
    database: &'static str,
    /// The options of the command that say where the server is, each with what was announced under the name.
    options: &'static [(&'static str, &'static str)],
    launcher: Launcher,
    command: Command,
    used: Used,
    /// The status for a refresh token nobody issued.
    unknown: u16,
    /// Whether the ID token repeats the nonce.
    nonce: bool,
    /// Whether it has a revocation endpoint.
    revokes: bool,
}

const EMULATORS: [Emulator; 5] = [
    Emulator {
        title: "Microsoft Entra ID (npm emulate)",
        provider: "entra",
        database: "entra.db",
        options: &[("--tenant", "tenant"), ("--emulator", "authority")],
        launcher: Launcher { name: "emulate", arguments: &["microsoft"] },
        command: Command::Everything,
        used: Used::Replaced,
        unknown: 400,
        nonce: true,
        revokes: false,
    },
    Emulator {
        title: "Okta (npm emulate)",
        provider: "okta",
        database: "okta.db",
        options: &[("--domain", "org_issuer"), ("--server", "server")],
        launcher: Launcher { name: "emulate", arguments: &["okta"] },
        command: Command::RefreshImported("the emulator changes auth_time at a refresh"),
        used: Used::Replaced,
        unknown: 400,
        nonce: true,
        revokes: true,
    },
    Emulator {
        title: "Google (npm emulate)",
        provider: "google",
        database: "google.db",
        options: &[("--emulator", "issuer")],
        launcher: Launcher { name: "emulate", arguments: &["google"] },
        command: Command::Everything,
        used: Used::Kept,
        unknown: 400,
        nonce: true,
        revokes: true,
    },
    Emulator {
        title: "Auth0 (npm @simulacrum/auth0-simulator)",
        provider: "auth0",
        database: "auth0.db",
        options: &[("--domain", "issuer"), ("--audience", "audience")],
        launcher: Launcher { name: "auth0", arguments: &[] },
        command: Command::Everything,
        used: Used::ReplacedButAccepted,
        unknown: 500,
        nonce: true,
        revokes: false,
    },
    Emulator {
        title: "AWS Cognito (npm cognito-local)",
        provider: "cognito",
        database: "cognito.db",
        options: &[("--user-pool", "user_pool"), ("--emulator", "domain")],
        launcher: Launcher { name: "cognito", arguments: &[] },
        command: Command::Import("the emulator leaves the nonce out of its ID tokens"),
        used: Used::Kept,
        unknown: 400,
        nonce: false,
        revokes: false,
    },
];

/// Starts each emulator, has the conversation of a client with it, and then has ours; returns every secret they issued.
pub(super) fn check(
    node: &Node,
    target: &Path,
    cli: &Cli,
    program: &Program,
    checks: &mut Checks,
) -> Result<Vec<String>> {
    let mut issued = Vec::new();
    for emulator in EMULATORS {
        checks.section(emulator.title);
        let server = emulator.launcher.start(node, target, &ENVIRONMENT)?;
        let client = Client::of(&server)?;
        checks.check("it behaves as is written of it", || converse(&emulator, &client))?;
        program.check(cli, checks, emulator.provider, &server.announced)?;
        command(&emulator, &server, &client, cli, checks)?;
        issued.extend(server.secrets("issued")?);
    }
    Ok(issued)
}

/// The built command there, as far as the emulator lets it.
fn command(emulator: &Emulator, server: &Server, client: &Client, cli: &Cli, checks: &mut Checks) -> Result {
    let login = format!("login --provider {}", emulator.provider);
    let flags = emulator.flags(server)?;
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let session = VendorSession { cli, database: emulator.database, flags: &flags, client_id: &client.id };
    let reason = match emulator.command {
        Command::Everything => {
            let statement = format!("{login}: signs in, refreshes twice, logs out");
            return checks.check(&statement, || session.whole_life());
        }
        Command::RefreshImported(reason) => {
            checks.check(&format!("{login}: signs in, logs out"), || session.sign_in_and_leave())?;
            reason
        }
        Command::Import(reason) => reason,
    };
    checks.skipped(&format!("{login}: refreshes"), reason);
    checks.check(&format!("import --provider {}: refreshes three times, logs out", emulator.provider), || {
        session.imported(&client.issuer, &text(&client.sign_in()?, "refresh_token")?)
    })
}

impl Emulator {
    /// The flags of the command that say which server this is.
    fn flags(&self, server: &Server) -> Result<Vec<String>> {
        let mut flags = vec!["--provider".to_owned(), self.provider.to_owned()];
        for (option, name) in self.options {
            flags.extend([(*option).to_owned(), text(&server.announced, name)?]);
        }
        Ok(flags)
    }
}

fn converse(emulator: &Emulator, client: &Client) -> Result {
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
struct Client {
    issuer: String,
    id: String,
    authorization: String,
    token: String,
    revocation: Option<String>,
}

impl Client {
    fn of(server: &Server) -> Result<Self> {
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

    fn sign_in(&self) -> Result<Value> {
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
