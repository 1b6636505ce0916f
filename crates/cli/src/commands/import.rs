//! `import`: adopts tokens that were got some other way.

use std::fs::File;
use std::io::{self, Read, stdin};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use oidc_session_core::{AccessToken, IdToken, Provider as _, RefreshToken, Scopes, Session, Timestamp, TokenSet};
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
use crate::token_syntax::{fits_header, is_refresh_token, is_token_type};

/// Adopt tokens from a JSON file, or from stdin with `-`
///
/// The file holds an object with issuer and client_id, with access_token or refresh_token or both, and perhaps with
/// id_token, expires_in (in seconds, from now), token_type and scope. Without expires_in nobody knows when the access
/// token expires. The ID token is kept for logout and not read: the subject is unknown until a refresh brings a verified
/// one. Replaces the session of the same name.
///
/// A client secret goes to the issuer that the file names, and a private key signs for it. So the file cannot say which
/// ones these are: give --client-secret-env or --private-key, and only for a file whose issuer you trust with it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session import --file tokens.json
  vault read -format=json secret/robot | jq .data | oidc-session import --file - --session robot
  oidc-session import --file tokens.json --client-secret-env WEB_SECRET --client-auth post
  oidc-session import --file tokens.json --private-key robot.pem --key-id robot-1
  oidc-session import --file tokens.json --provider auth0 --domain acme.eu.auth0.com")]
pub(crate) struct Import {
    /// The file to read; `-` is stdin
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    provider: ProviderFlags,

    #[command(flatten)]
    client_auth: ClientAuthFlags,
}

/// The largest file that is read.
pub(crate) const LARGEST: u64 = 128 * 1024;

const KNOWN: [&str; 8] =
    ["issuer", "client_id", "access_token", "refresh_token", "id_token", "expires_in", "token_type", "scope"];

/// A file that chose the issuer and one of these could have any secret of the environment sent to itself, or any key of the
/// machine sign for it.
const FLAGS_ONLY: [(&str, &str); 7] = [
    ("client_secret_env", "--client-secret-env"),
    ("client_auth", "--client-auth"),
    ("private_key", "--private-key"),
    ("key_id", "--key-id"),
    ("key_algorithm", "--key-algorithm"),
    ("certificate", "--certificate"),
    ("client_certificate", "--client-certificate"),
];

impl Import {
    /// Imports.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let object = parse(&read(&self.file)?)?;
        let issuer = needed(&object, "issuer")?;
        let registration = self.registration(&object, &issuer, &context.session)?;
        // Refuses an issuer that could never be used.
        let provider = registration.silent_provider()?;
        let tokens = tokens(&object, context.clock.now())?;
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

    fn registration(&self, object: &Map<String, Value>, issuer: &str, name: &str) -> Result<Registration, Failure> {
        let client_id = needed(object, "client_id")?;
        let provider = self.provider.choice_or_oidc(issuer)?;
        Ok(Registration {
            provider_id: provider.builder(&client_id)?.build()?.profile().id.clone(),
            provider: Some(provider.clone()),
            client_id,
            settings: Settings {
                name: name.to_owned(),
                provider: Some(provider),
                scope: text(object, "scope")?,
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
pub(crate) fn parse(text: &[u8]) -> Result<Map<String, Value>, Failure> {
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        Failure::usage(format!("the file is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    let Value::Object(object) = value else {
        return Err(Failure::usage("the file does not hold a JSON object"));
    };
    for (field, flag) in FLAGS_ONLY {
        if object.contains_key(field) {
            return Err(Failure::usage(format!("the file must not choose {field}: that is for {flag}"))
                .hint(format!("take {field} out of the file, and give {flag} if you trust the issuer in the file")));
        }
    }
    match object.keys().filter(|key| !KNOWN.contains(&key.as_str())).count() {
        0 => Ok(object),
        unknown => Err(Failure::usage(format!("the file has {unknown} unknown field(s)"))
            .hint(format!("known are {}", KNOWN.join(", ")))),
    }
}

pub(crate) fn needed(object: &Map<String, Value>, field: &str) -> Result<String, Failure> {
    text(object, field)?.ok_or_else(|| Failure::usage(format!("the file lacks {field}")))
}

pub(crate) fn tokens(object: &Map<String, Value>, now: Timestamp) -> Result<TokenSet, Failure> {
    let mut tokens = TokenSet::new(now, now);
    tokens.access_token = checked(object, "access_token", fits_header)?.map(AccessToken::new);
    tokens.refresh_token = checked(object, "refresh_token", is_refresh_token)?.map(RefreshToken::new);
    tokens.id_token = checked(object, "id_token", fits_header)?.map(IdToken::new);
    tokens.token_type = checked(object, "token_type", is_token_type)?.map(Into::into).unwrap_or_default();
    tokens.scope = text(object, "scope")?.map(|scope| Scopes::parse(&scope));
    tokens.expires_in = match object.get("expires_in") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let seconds = value.as_u64().ok_or_else(|| {
                Failure::usage("expires_in in the file must be a whole number of seconds, not negative")
            })?;
            Some(Duration::from_secs(seconds))
        }
    };
    if tokens.access_token.is_none() && tokens.refresh_token.is_none() {
        return Err(Failure::usage("the file holds neither access_token nor refresh_token"));
    }
    Ok(tokens)
}

fn text(object: &Map<String, Value>, field: &str) -> Result<Option<String>, Failure> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(Failure::usage(format!("{field} in the file must be a string that is not empty"))),
    }
}

/// A text of a syntax of its own.
fn checked(object: &Map<String, Value>, field: &str, fits: fn(&str) -> bool) -> Result<Option<String>, Failure> {
    match text(object, field)? {
        Some(text) if !fits(&text) => {
            Err(Failure::usage(format!("{field} in the file holds characters that no {field} has")))
        }
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(file: &str) -> String {
        let imported = parse(file.as_bytes()).and_then(|object| {
            let client_auth = ClientAuthFlags::default();
            let import = Import { file: PathBuf::new(), provider: ProviderFlags::default(), client_auth };
            import.registration(&object, &needed(&object, "issuer")?, "default")?;
            tokens(&object, Timestamp::UNIX_EPOCH)
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
        let object = parse(br#"{"issuer":"https://login.example","client_id":"c","access_token":"at"}"#).unwrap();
        assert_eq!(tokens(&object, Timestamp::UNIX_EPOCH).unwrap().expires_in, None);
    }
}
