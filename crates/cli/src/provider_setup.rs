//! [`Registration`]: our client at an authorization server, remembered with the session so that later commands can
//! rebuild the provider.

use oidc_session_core::{ProviderId, ProviderProfile, SessionData, SessionState};
use oidc_session_provider_oidc::{ClientAuth, Oidc, OidcBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client_auth::ClientCredentials;
use crate::failure::Failure;
use crate::limit_flags::LimitFlags;
use crate::provider_choice::ProviderChoice;
use crate::standby::Standby;

/// The key of [`SessionData`] under which this program keeps what it needs.
const DATA_KEY: &str = "cli";

/// Our client at an authorization server. No secret and no key is in here: they stay where they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Registration {
    /// Which adapter the session names.
    pub(crate) provider_id: ProviderId,
    /// Which server this program makes of it; none if it does not know the session's.
    pub(crate) provider: Option<ProviderChoice>,
    pub(crate) client_id: String,
    pub(crate) settings: Settings,
}

/// What the session itself does not know.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Settings {
    /// The session's name; the store knows only a digest of it.
    pub(crate) name: String,
    /// The authorization server. None in sessions of plain OpenID Connect from before there were others.
    #[serde(flatten)]
    pub(crate) provider: Option<ProviderChoice>,
    /// The scope that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    /// How the client authenticates.
    #[serde(flatten)]
    pub(crate) credentials: ClientCredentials,
    /// The resource servers that the sign-in named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    /// Whether authorization requests are pushed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) par: bool,
    /// Whether a sign-in binds its tokens to a key. The key itself is in the session.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) dpop: bool,
    /// Whether the sign-in was one on another device.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) device: bool,
    /// What the sign-in was limited to, for the next one. What holds for the session is in its record.
    #[serde(flatten)]
    pub(crate) limits: LimitFlags,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Settings {
    /// What a session's data says. Empty if another program signed in.
    pub(crate) fn of(data: &SessionData) -> Option<Self> {
        serde_json::from_value(data.get(DATA_KEY)?.clone()).ok()
    }

    /// Remembers them with a session.
    pub(crate) fn remember(&self, data: &mut SessionData) {
        if let Ok(settings @ Value::Object(_)) = serde_json::to_value(self) {
            data.insert(DATA_KEY.to_owned(), settings);
        }
    }
}

impl Registration {
    /// The registration behind a stored session, alive or ended.
    pub(crate) fn of(state: &SessionState) -> Self {
        let (provider_id, issuer, client_id, data) = match state {
            SessionState::Active(session) => (&session.provider_id, &session.issuer, &session.client_id, &session.data),
            SessionState::Ended(tombstone) => {
                (&tombstone.provider_id, &tombstone.issuer, &tombstone.client_id, &tombstone.data)
            }
        };
        let settings = Settings::of(data).unwrap_or_default();
        let plain = || (provider_id.as_str() == "oidc").then(|| ProviderChoice::oidc(issuer));
        Self {
            provider_id: provider_id.clone(),
            provider: settings.provider.clone().or_else(plain),
            client_id: client_id.clone(),
            settings,
        }
    }

    /// The provider, authenticating with what its client takes: a secret, a key or a certificate.
    pub(crate) fn provider(&self) -> Result<Oidc, Failure> {
        self.build(self.settings.credentials.read()?)
    }

    /// The provider for commands that send nothing, so that they work without a secret or a key.
    pub(crate) fn silent_provider(&self) -> Result<Oidc, Failure> {
        self.build(ClientAuth::None)
    }

    /// The provider for commands that may come to an end without it. What it lacks is told when it is needed.
    pub(crate) fn standby(&self) -> Result<Standby, Failure> {
        self.known_provider()?;
        let (auth, missing) = match self.settings.credentials.read() {
            Ok(auth) => (auth, None),
            Err(missing) => (ClientAuth::None, Some(missing)),
        };
        Ok(match (self.build(auth), missing) {
            (Ok(oidc), None) => Standby::ready(oidc),
            (Ok(oidc), Some(missing)) => Standby::without_credentials(oidc, missing),
            (Err(failure), _) => Standby::absent(ProviderProfile::new(self.provider_id.clone()), failure),
        })
    }

    /// The tokens of a provider that this program does not know are not its to send, or to lose.
    fn known_provider(&self) -> Result<&ProviderChoice, Failure> {
        self.provider.as_ref().ok_or_else(|| {
            let message =
                format!("the session is one of provider {:?}, signed in by another program", self.provider_id.as_str());
            Failure::misconfigured(message).hint("use the program that signed in, or sign in with this one")
        })
    }

    fn build(&self, auth: ClientAuth) -> Result<Oidc, Failure> {
        Ok(self.builder()?.client_auth(auth).build()?)
    }

    fn builder(&self) -> Result<OidcBuilder, Failure> {
        let builder = self.known_provider()?.builder(&self.client_id)?;
        Ok(builder.pushed_authorization_requests(self.settings.par).dpop(self.settings.dpop))
    }

    /// The command that signs in again, with `parameters` that the authorization server wants to see.
    pub(crate) fn login_command(&self, session: &str, parameters: &[(String, String)]) -> String {
        let Settings { credentials, scope, resources, par, dpop, device, limits, .. } = &self.settings;
        let mut command = vec!["oidc-session login".to_owned()];
        let mut option = |name: &str, value: &str| command.push(format!("--{name} {}", quoted(value)));
        if let Some(provider) = &self.provider {
            option("provider", &provider.word());
            provider.options().for_each(|(name, value)| option(name, value));
        }
        option("client-id", &self.client_id);
        credentials.options().for_each(|(name, value)| option(name, &value));
        scope.iter().for_each(|scope| option("scope", scope));
        resources.iter().for_each(|resource| option("resource", resource));
        limits.options().for_each(|(name, value)| option(name, &value));
        parameters.iter().for_each(|(name, value)| option("param", &format!("{name}={value}")));
        if session != "default" {
            option("session", session);
        }
        let flags = [("--par", par), ("--dpop", dpop), ("--device", device)];
        command.extend(flags.into_iter().filter(|(_, given)| **given).map(|(flag, _)| flag.to_owned()));
        command.join(" ")
    }
}

/// As a shell would want it.
pub(crate) fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registration() -> Registration {
        let credentials = json!({ "client_auth": "post", "client_secret_env": "OIDC_SESSION_TEST_UNSET" });
        Registration {
            provider_id: ProviderId::new("oidc"),
            provider: Some(ProviderChoice::oidc("https://login.example")),
            client_id: "it's mine".into(),
            settings: Settings {
                name: "work".into(),
                provider: Some(ProviderChoice::oidc("https://login.example")),
                scope: Some("openid offline_access".into()),
                credentials: serde_json::from_value(credentials).unwrap(),
                resources: vec!["https://api.example/a b".into()],
                dpop: true,
                ..Settings::default()
            },
        }
    }

    #[test]
    fn settings_survive_the_session_data() {
        let mut data = SessionData::new();
        registration().settings.remember(&mut data);
        assert_eq!(Settings::of(&data), Some(registration().settings));
        assert_eq!(Settings::of(&SessionData::new()), None);
    }

    #[test]
    fn the_login_command_can_be_pasted_into_a_shell() {
        assert_eq!(
            registration().login_command("work", &[("claims".into(), r#"{"access_token":{}}"#.into())]),
            concat!(
                r"oidc-session login --provider oidc --issuer https://login.example --client-id 'it'\''s mine' ",
                "--client-secret-env OIDC_SESSION_TEST_UNSET --client-auth post --scope 'openid offline_access' ",
                r#"--resource 'https://api.example/a b' --param 'claims={"access_token":{}}' --session work --dpop"#,
            )
        );
    }

    #[test]
    fn a_session_of_another_provider_is_not_touched() {
        let mut registration = registration();
        registration.provider_id = ProviderId::new("acme");
        registration.provider = None;
        let failures = [registration.silent_provider().unwrap_err(), registration.standby().unwrap_err()];
        for failure in failures {
            assert_eq!(failure.to_json()["error"]["kind"], "misconfigured");
        }
    }

    #[test]
    fn a_missing_secret_is_named_by_its_variable() {
        let failure = registration().provider().unwrap_err();
        assert!(failure.to_json()["error"]["message"].as_str().unwrap().contains("OIDC_SESSION_TEST_UNSET"));
        assert!(registration().silent_provider().is_ok());
        assert_eq!(registration().standby().unwrap().shortcoming().unwrap().to_json(), failure.to_json());
    }
}
