//! `import`: adopts tokens that were got some other way.

mod auth_result;
mod tokens_file;

use std::fs::File;
use std::io::{self, Read, stdin};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use oidc_session_core::{Provider as _, Session, Timestamp, TokenSet};
use serde_json::{Map, Value, json};

use crate::client_auth::ClientAuthFlags;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::drained;
use crate::policy_flags::ChosenPolicy;
use crate::provider_choice::ProviderFlags;
use crate::provider_setup::{Registration, Settings};
use crate::saved_session::keeper;
use crate::times::rfc3339;

/// Adopt tokens from a JSON file, or from stdin with `-`
///
/// The file holds an object with issuer and client_id, with access_token or refresh_token or both, and perhaps with
/// id_token, expires_in (in seconds, from now), token_type and scope. Without expires_in nobody knows when the access
/// token expires. The ID token is kept for logout and not read: the subject is unknown until a refresh brings a verified
/// one. Replaces the session of the same name.
///
/// A client secret goes to the issuer that the file names, and a private key signs for it. So the file cannot say which
/// ones these are: give --client-secret-env or --private-key, and only for a file whose issuer you trust with it.
///
/// The file may also hold what an application stored with Ionic Auth Connect: an AuthResult, as JSON. Its tokens expire when
/// they do by receivedAt and expiresIn; issuer and client id come from the provider that is stored with it, or from --issuer
/// and --client-id. Give --provider for a vendor's server.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session import --file tokens.json
  vault read -format=json secret/robot | jq .data | oidc-session import --file - --session robot
  oidc-session import --file tokens.json --client-secret-env WEB_SECRET --client-auth post
  oidc-session import --file tokens.json --private-key robot.pem --key-id robot-1
  oidc-session import --file tokens.json --provider auth0 --domain acme.eu.auth0.com
  oidc-session import --from auth-connect --file session.json --provider cognito --user-pool eu-west-1_AbCdEfGhI")]
pub(crate) struct Import {
    /// The file to read; `-` is stdin
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// What the file holds; seen from its fields if not given
    #[arg(long, value_enum, value_name = "FORMAT")]
    from: Option<Format>,

    /// The client id, if the file does not say
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,

    #[command(flatten)]
    provider: ProviderFlags,

    #[command(flatten)]
    client_auth: ClientAuthFlags,
}

/// What a file to import holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// An object of ours: issuer, client_id, and tokens by their names in OAuth 2.0
    Tokens,
    /// An AuthResult of Ionic Auth Connect
    AuthConnect,
}

/// What a file says about a session.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) tokens: TokenSet,
}

/// The largest file that is read.
pub(crate) const LARGEST: u64 = 128 * 1024;

impl Import {
    /// Imports.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let imported = parse(&read(&self.file)?, self.from, context.clock.now())?;
        let issuer = self.issuer(&imported)?;
        let registration = self.registration(&imported, &issuer, &context.session)?;
        // Refuses an issuer that could never be used.
        let provider = registration.silent_provider()?;
        let tokens = imported.tokens;
        let expires_at = tokens.expires_at().and_then(rfc3339);

        let mut session = Session::new(provider.profile().id.clone(), &issuer, &registration.client_id, tokens);
        registration.settings.remember(&mut session.data);
        let has_refresh_token = session.tokens.refresh_token.is_some();
        let keeper = keeper(context, provider, context.store().await?, ChosenPolicy::default())?;
        drained(context, &keeper.manager, async {
            keeper.session.sign_in(session).await?;
            if !has_refresh_token {
                context.output.warn("there is no refresh token, so the session ends when its access token expires");
            }
            let object = json!({
                "session": context.session,
                "subject": null,
                "issuer": issuer,
                "expires_at": expires_at,
                "has_refresh_token": has_refresh_token,
            });
            context.output.answer(&object, &format!("Imported as session {:?}", context.session))
        })
        .await
    }

    fn issuer(&self, imported: &Imported) -> Result<String, Failure> {
        let given = || self.provider.issuer.clone();
        imported.issuer.clone().or_else(given).ok_or_else(|| {
            Failure::usage("the file lacks issuer").hint("give --issuer, exactly as the server writes it")
        })
    }

    fn registration(&self, imported: &Imported, issuer: &str, name: &str) -> Result<Registration, Failure> {
        let client_id = imported.client_id.clone().or_else(|| self.client_id.clone());
        let client_id = client_id.ok_or_else(|| Failure::usage("the file lacks client_id").hint("give --client-id"))?;
        let provider = self.provider.choice_or_oidc(issuer)?;
        Ok(Registration {
            provider_id: provider.builder(&client_id)?.build()?.profile().id.clone(),
            provider: Some(provider.clone()),
            client_id,
            settings: Settings {
                name: name.to_owned(),
                provider: Some(provider),
                scope: imported.scope.clone(),
                credentials: self.client_auth.credentials()?,
                ..Settings::default()
            },
        })
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| Failure::usage(format!("cannot read {}", file.display())).because(&error);
    let source: Box<dyn Read> =
        if file.as_os_str() == "-" { Box::new(stdin()) } else { Box::new(File::open(file).map_err(unreadable)?) };
    let mut text = Vec::new();
    source.take(LARGEST + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(Failure::usage(format!("the file is larger than {} KiB", LARGEST / 1024)));
    }
    Ok(text)
}

/// The file is full of secrets, so no message ever quotes it: not a value, not a name, not the parser's own words.
pub(crate) fn parse(text: &[u8], from: Option<Format>, now: Timestamp) -> Result<Imported, Failure> {
    let object = object(text)?;
    match from.unwrap_or_else(|| Format::of(&object)) {
        Format::Tokens => tokens_file::imported(&object, now),
        Format::AuthConnect => auth_result::imported(object, now),
    }
}

fn object(text: &[u8]) -> Result<Map<String, Value>, Failure> {
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        Failure::usage(format!("the file is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    match value {
        Value::Object(object) => Ok(object),
        // As preferences of an application are often copied: JSON in a string.
        Value::String(text) => serde_json::from_str(&text).map_err(|_| no_object()),
        _ => Err(no_object()),
    }
}

fn no_object() -> Failure {
    Failure::usage("the file does not hold a JSON object")
}

impl Format {
    /// The two have no name of a field in common but `scope`.
    fn of(object: &Map<String, Value>) -> Self {
        let is_auth_result = auth_result::FIELDS.iter().any(|field| object.contains_key(*field));
        if is_auth_result { Self::AuthConnect } else { Self::Tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(file: &str) -> String {
        let imported = parse(file.as_bytes(), None, Timestamp::UNIX_EPOCH).and_then(|imported| {
            let import = Import {
                file: PathBuf::new(),
                from: None,
                client_id: None,
                provider: ProviderFlags::default(),
                client_auth: ClientAuthFlags::default(),
            };
            import.registration(&imported, &import.issuer(&imported)?, "default").map(drop)
        });
        imported.unwrap_err().to_json().to_string()
    }

    #[test]
    fn no_message_quotes_the_file() {
        for file in [
            r#"{"issuer":"https://hunter2.example","client_id":"hunter2","hunter2":1}"#,
            r#"{"issuer":"https://hunter2.example","client_id":"hunter2","refresh_token":["hunter2"]}"#,
            r#"{"issuer":"https://hunter2.example","client_id":"hunter2","refresh_token":"hunter2","expires_in":"hunter2"}"#,
            r#"{"issuer":"https://hunter2.example","client_id":"hunter2","refresh_token":"hunter2","client_auth":"hunter2"}"#,
            r#"{"issuer":"https://hunter2.example","client_id":"hunter2","refresh_token":"hunter2","client_secret_env":"hunter2"}"#,
            r#"{"issuer":"https://hunter2.example","client_id":"hunter2","refresh_token":"hunter2","private_key":"hunter2"}"#,
            r#"{"issuer":"https://hunter2.example","client_id":"hunter2","id_token":"hunter2"}"#,
            r#"{"issuer":"hunter2","refresh_token":"hunter2"}"#,
            r#"{"accessToken":"hunter2\n","receivedAt":1}"#,
            r#"{"accessToken":["hunter2"],"receivedAt":1}"#,
            r#"{"accessToken":"hunter2","expiresIn":"hunter2","receivedAt":"hunter2"}"#,
            r#"{"accessToken":"hunter2","expiresIn":1}"#,
            r#"{"idToken":"hunter2","provider":"hunter2"}"#,
            r#"{"refreshToken":"hunter2","provider":{"manifest":{"issuer":"https://hunter2.example/{hunter2}"}}}"#,
            r#"{"refreshToken":"hunter2","provider":{"options":{"discoveryUrl":"https://hunter2.example/x?p=hunter2"}}}"#,
            r#""{\"refreshToken\":\"hunter2\"}""#,
            r#""hunter2 in a string""#,
            r#"["hunter2"]"#,
            r#""hunter2"#,
            "hunter2",
        ] {
            assert!(!refusal(file).contains("hunter2"), "{file}: {}", refusal(file));
        }
    }

    #[test]
    fn a_token_of_other_characters_is_refused_by_the_name_of_its_field() {
        for field in ["access_token", "refresh_token", "id_token", "token_type"] {
            let mut file = json!({ "issuer": "https://login.example", "client_id": "c", "refresh_token": "rt" });
            file[field] = "hunter2\u{1b}[2J".into();
            let refusal = refusal(&file.to_string());
            assert!(refusal.contains(&format!("{field} in the file")) && !refusal.contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn an_unknown_lifetime_is_not_zero() {
        let file = br#"{"issuer":"https://login.example","client_id":"c","access_token":"at"}"#;
        assert_eq!(parse(file, None, Timestamp::UNIX_EPOCH).unwrap().tokens.expires_in, None);
    }
}
