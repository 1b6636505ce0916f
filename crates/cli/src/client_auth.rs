//! [`ClientCredentials`]: how the client authenticates, and where what it takes is kept.

use std::env::{self, VarError};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use oidc_session_core::{ClientSecret, ProviderError};
use oidc_session_provider_oidc::{ClientAuth, ClientCertificate, SigningAlgorithm, SigningKey};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// How a client authenticates.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuthMethod {
    /// `client_secret_basic`: the secret in a header
    #[default]
    Basic,
    /// `client_secret_post`: the secret in the body
    Post,
    /// `client_secret_jwt`: an assertion signed with the secret
    SecretJwt,
    /// `private_key_jwt`: an assertion signed with --private-key
    PrivateKeyJwt,
    /// `tls_client_auth`: the connection shows --client-certificate
    MutualTls,
}

/// How an RSA key signs; every other key knows one way only.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RsaAlgorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
}

/// How the client authenticates; a public client needs none of this.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Client authentication")]
pub(crate) struct ClientAuthFlags {
    /// How the client authenticates [default: basic with a secret, or what --private-key or --client-certificate is for]
    #[arg(long, value_enum, value_name = "METHOD")]
    client_auth: Option<ClientAuthMethod>,

    /// The environment variable that holds the client secret; the secret itself is not stored
    #[arg(long, value_name = "VAR", value_parser = NonEmptyStringValueParser::new())]
    client_secret_env: Option<String>,

    /// The private key that signs, a PEM file; its path is stored, never the key
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    private_key: Option<String>,

    /// The name the server knows the private key by (kid)
    #[arg(long, value_name = "KID", value_parser = NonEmptyStringValueParser::new())]
    key_id: Option<String>,

    /// How an RSA key signs [default: rs256]; Entra wants ps256
    #[arg(long, value_enum, value_name = "ALG")]
    key_algorithm: Option<RsaAlgorithm>,

    /// The certificate of the private key, a PEM file, for servers that know the key by it (x5t#S256), as Entra does
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    certificate: Option<String>,

    /// The certificate for mutual TLS, a PEM file; its key is in there too, or in --private-key
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    client_certificate: Option<String>,
}

/// How the client authenticates, as a session remembers it: where things are, never the things themselves.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ClientCredentials {
    #[serde(default, rename = "client_auth")]
    method: ClientAuthMethod,
    /// The environment variable that holds the client secret. None for a client without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret_env: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_algorithm: Option<RsaAlgorithm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_certificate: Option<String>,
}

/// The largest file that is read. Keys and certificates are far smaller.
const LARGEST: u64 = 64 * 1024;

impl ClientAuthFlags {
    /// What was chosen, if nothing is missing and nothing is too much.
    pub(crate) fn credentials(&self) -> Result<ClientCredentials, Failure> {
        let credentials = ClientCredentials {
            method: self.client_auth.or_else(|| self.implied()).unwrap_or_default(),
            client_secret_env: self.client_secret_env.clone(),
            private_key: absolute(self.private_key.as_deref())?,
            key_id: self.key_id.clone(),
            key_algorithm: self.key_algorithm,
            certificate: absolute(self.certificate.as_deref())?,
            client_certificate: absolute(self.client_certificate.as_deref())?,
        };
        if self.client_auth.is_some() || credentials.options().next().is_some() {
            credentials.check()?;
        }
        Ok(credentials)
    }

    fn implied(&self) -> Option<ClientAuthMethod> {
        let given = |flag: &Option<String>, method| flag.as_ref().map(|_| method);
        given(&self.client_certificate, ClientAuthMethod::MutualTls)
            .or_else(|| given(&self.private_key, ClientAuthMethod::PrivateKeyJwt))
            .or_else(|| given(&self.key_id, ClientAuthMethod::PrivateKeyJwt))
            .or_else(|| given(&self.certificate, ClientAuthMethod::PrivateKeyJwt))
            .or_else(|| self.key_algorithm.map(|_| ClientAuthMethod::PrivateKeyJwt))
    }
}

impl ClientCredentials {
    /// The credentials themselves, from where they are.
    pub(crate) fn read(&self) -> Result<ClientAuth, Failure> {
        Ok(match self.method {
            ClientAuthMethod::Basic if self.client_secret_env.is_none() => ClientAuth::None,
            ClientAuthMethod::Basic => ClientAuth::Basic(self.secret()?),
            ClientAuthMethod::Post => ClientAuth::Post(self.secret()?),
            ClientAuthMethod::SecretJwt => ClientAuth::SecretJwt(self.secret()?),
            ClientAuthMethod::PrivateKeyJwt => ClientAuth::PrivateKeyJwt(self.signing_key()?),
            ClientAuthMethod::MutualTls => ClientAuth::MutualTls(self.tls_certificate()?),
        })
    }

    /// Each option that repeats them on a command line: its name without the dashes, and its value.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&'static str, String)> {
        let method = (self.method != ClientAuthMethod::Basic).then(|| word(self.method));
        [
            ("client-secret-env", self.client_secret_env.clone()),
            ("client-auth", method),
            ("private-key", self.private_key.clone()),
            ("key-id", self.key_id.clone()),
            ("key-algorithm", self.key_algorithm.map(word)),
            ("certificate", self.certificate.clone()),
            ("client-certificate", self.client_certificate.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    fn check(&self) -> Result<(), Failure> {
        let (needs, takes): (&str, &[&str]) = match self.method {
            ClientAuthMethod::Basic | ClientAuthMethod::Post | ClientAuthMethod::SecretJwt => {
                ("client-secret-env", &[])
            }
            ClientAuthMethod::PrivateKeyJwt => ("private-key", &["key-id", "key-algorithm", "certificate"]),
            ClientAuthMethod::MutualTls => ("client-certificate", &["private-key"]),
        };
        let method = word(self.method);
        let given = || self.options().map(|(name, _)| name).filter(|name| *name != "client-auth");
        if !given().any(|name| name == needs) {
            return Err(Failure::usage(format!("--client-auth {method} needs --{needs}")));
        }
        match given().find(|name| *name != needs && !takes.contains(name)) {
            Some(useless) => Err(Failure::usage(format!("--client-auth {method} has no use for --{useless}"))
                .hint("a client authenticates in one way: leave out what belongs to another")),
            None => Ok(()),
        }
    }

    fn secret(&self) -> Result<ClientSecret, Failure> {
        let variable = self.client_secret_env.as_deref().unwrap_or_default();
        let unset = match env::var(variable) {
            Ok(secret) if !secret.is_empty() => return Ok(ClientSecret::new(secret)),
            Ok(_) => "is empty",
            Err(VarError::NotPresent) => "is not set",
            Err(VarError::NotUnicode(_)) => "is not text",
        };
        let message = format!("the environment variable {variable}, which should hold the client secret, {unset}");
        Err(Failure::misconfigured(message)
            .reason("client_secret_missing")
            .hint(format!("set {variable} and try again; nothing is lost")))
    }

    fn signing_key(&self) -> Result<SigningKey, Failure> {
        let file = self.private_key.as_deref().unwrap_or_default();
        let unusable = |error| unusable(error, "private_key_unusable", file);
        let mut key = SigningKey::from_pem(contents(file, "private key", "private_key_missing")?).map_err(unusable)?;
        if let Some(id) = &self.key_id {
            key = key.with_key_id(id);
        }
        if let Some(algorithm) = self.key_algorithm {
            key = key.with_algorithm(algorithm.into()).map_err(unusable)?;
        }
        match &self.certificate {
            None => Ok(key),
            Some(file) => key
                .with_certificate(contents(file, "certificate", "certificate_missing")?)
                .map_err(|error| self::unusable(error, "certificate_unusable", file)),
        }
    }

    fn tls_certificate(&self) -> Result<ClientCertificate, Failure> {
        let file = self.client_certificate.as_deref().unwrap_or_default();
        let mut pem = contents(file, "client certificate", "client_certificate_missing")?;
        if let Some(key) = &self.private_key {
            pem.push(b'\n');
            pem.extend(contents(key, "private key", "private_key_missing")?);
        }
        ClientCertificate::from_pem(pem).map_err(|error| unusable(error, "client_certificate_unusable", file))
    }
}

impl From<RsaAlgorithm> for SigningAlgorithm {
    fn from(algorithm: RsaAlgorithm) -> Self {
        match algorithm {
            RsaAlgorithm::Rs256 => Self::Rs256,
            RsaAlgorithm::Rs384 => Self::Rs384,
            RsaAlgorithm::Rs512 => Self::Rs512,
            RsaAlgorithm::Ps256 => Self::Ps256,
            RsaAlgorithm::Ps384 => Self::Ps384,
            RsaAlgorithm::Ps512 => Self::Ps512,
        }
    }
}

/// As the command line has it.
fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The same file from wherever a later command is run.
fn absolute(file: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let path = std::path::absolute(file)
        .map_err(|error| Failure::usage(format!("{file} is not the path of a file")).because(&error))?;
    match path.into_os_string().into_string() {
        Ok(path) => Ok(Some(path)),
        Err(_) => Err(Failure::usage(format!("the folder of {file} has a name that is not text"))),
    }
}

fn contents(file: &str, what: &str, reason: &str) -> Result<Vec<u8>, Failure> {
    let missing = |error: io::Error| {
        Failure::misconfigured(format!("the {what} cannot be read from {file}"))
            .because(&error)
            .reason(reason)
            .hint(format!("put {file} in place, readable, and try again; nothing is lost"))
    };
    let mut contents = Vec::new();
    File::open(Path::new(file)).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut contents)).map_err(missing)?;
    if contents.len() as u64 > LARGEST {
        return Err(missing(io::Error::other(format!("it is larger than {} KiB", LARGEST / 1024))));
    }
    Ok(contents)
}

fn unusable(error: ProviderError, reason: &str, file: &str) -> Failure {
    Failure::from(error).reason(reason).hint(format!("look at {file}; nothing is lost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(change: impl FnOnce(&mut ClientAuthFlags)) -> Result<ClientCredentials, Failure> {
        let mut flags = ClientAuthFlags::default();
        change(&mut flags);
        flags.credentials()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_given_says_how() {
        let public = chosen(|_| {}).unwrap();
        assert_eq!((&public, public.read().unwrap()), (&ClientCredentials::default(), ClientAuth::None));
        let method = |change: fn(&mut ClientAuthFlags)| chosen(change).unwrap().method;
        assert_eq!(method(|flags| flags.client_secret_env = some("V")), ClientAuthMethod::Basic);
        assert_eq!(method(|flags| flags.private_key = some("k.pem")), ClientAuthMethod::PrivateKeyJwt);
        assert_eq!(method(|flags| flags.client_certificate = some("c.pem")), ClientAuthMethod::MutualTls);
        let both = chosen(|flags| {
            flags.client_certificate = some("c.pem");
            flags.private_key = some("k.pem");
        });
        assert_eq!(both.unwrap().method, ClientAuthMethod::MutualTls);
    }

    #[test]
    fn what_is_missing_or_useless_is_named() {
        let message = |change: fn(&mut ClientAuthFlags)| {
            let error = chosen(change).unwrap_err().to_json();
            assert_eq!(error["error"]["kind"], "usage");
            error["error"]["message"].as_str().unwrap().to_owned()
        };
        let post = message(|flags| flags.client_auth = Some(ClientAuthMethod::Post));
        assert_eq!(post, "--client-auth post needs --client-secret-env");
        let kid = message(|flags| flags.key_id = some("k1"));
        assert_eq!(kid, "--client-auth private-key-jwt needs --private-key");
        let two = message(|flags| {
            flags.client_secret_env = some("V");
            flags.private_key = some("k.pem");
        });
        assert_eq!(two, "--client-auth private-key-jwt has no use for --client-secret-env");
        let tls = message(|flags| {
            flags.client_certificate = some("c.pem");
            flags.key_id = some("k1");
        });
        assert_eq!(tls, "--client-auth mutual-tls has no use for --key-id");
    }

    #[test]
    fn a_path_holds_wherever_the_next_command_is_run() {
        let credentials = chosen(|flags| flags.private_key = some("keys/k.pem")).unwrap();
        let path = credentials.private_key.as_deref().unwrap();
        assert!(Path::new(path).is_absolute() && path.ends_with("k.pem"), "{path}");
        assert!(credentials.options().any(|(name, value)| name == "private-key" && value == path));
    }

    #[test]
    fn what_earlier_versions_remembered_is_read() {
        let read = |json: &str| serde_json::from_str::<ClientCredentials>(json).unwrap();
        assert_eq!(read(r#"{"client_auth":"basic"}"#), ClientCredentials::default());
        let post = read(r#"{"client_auth":"post","client_secret_env":"V"}"#);
        assert_eq!((post.method, post.client_secret_env.as_deref()), (ClientAuthMethod::Post, Some("V")));
    }

    #[test]
    fn a_file_that_holds_no_key_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        for text in
            ["hunter2", "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n", &"hunter2".repeat(20_000)]
        {
            std::fs::write(&file, text).unwrap();
            let path = file.to_str().map(str::to_owned);
            for credentials in [
                chosen(|flags| flags.private_key = path.clone()).unwrap(),
                chosen(|flags| flags.client_certificate = path.clone()).unwrap(),
            ] {
                let failure = credentials.read().unwrap_err();
                let json = failure.to_json();
                assert_eq!(json["error"]["kind"], "misconfigured");
                assert!(json["error"]["hint"].as_str().unwrap().contains("key.pem"), "{json}");
                assert!(!format!("{json} {failure:?}").contains("hunter2"), "{json}");
            }
        }
    }
}
