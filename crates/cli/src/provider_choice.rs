//! [`ProviderChoice`]: which authorization server, as the command line says it and as the session remembers it.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use oidc_session_core::ProviderError;
use oidc_session_provider_auth0::Auth0;
use oidc_session_provider_azure::{AzureB2c, EntraId, ExternalId};
use oidc_session_provider_cognito::Cognito;
use oidc_session_provider_oidc::{Oidc, OidcBuilder};
use oidc_session_provider_presets::{Duende, Google, Keycloak, Okta, OneLogin, PingOne};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The kind of authorization server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProviderName {
    /// Plain OpenID Connect: --issuer
    #[default]
    Oidc,
    /// Auth0: --domain, and --audience for an API of your own
    Auth0,
    /// Microsoft Entra ID: --tenant, and --cloud for a national cloud
    Entra,
    /// Microsoft Entra External ID: --domain (the part before .ciamlogin.com) and --tenant
    ExternalId,
    /// Azure AD B2C: --tenant and --policy, and --domain for a custom domain
    B2c,
    /// Amazon Cognito: --user-pool
    Cognito,
    /// Okta: --domain, and --server for a custom authorization server
    Okta,
    /// Keycloak: --domain (its address), --realm
    Keycloak,
    /// Google
    Google,
    /// PingOne: --region and --environment, or --domain
    PingOne,
    /// OneLogin: --domain
    OneLogin,
    /// Duende IdentityServer: --issuer
    Duende,
}

/// Where the authorization server is; what is needed depends on its kind.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Authorization server")]
pub(crate) struct ProviderFlags {
    /// The kind of authorization server
    #[arg(long, value_enum, default_value = "oidc")]
    pub(crate) provider: ProviderName,

    /// The issuer, exactly as the server writes it [oidc, duende]
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,

    /// The host, as the vendor's console shows it [auth0, b2c, external-id, keycloak, okta, one-login, ping-one]
    #[arg(long, value_name = "HOST")]
    domain: Option<String>,

    /// The API to ask an access token for [auth0]
    #[arg(long, value_name = "IDENTIFIER")]
    audience: Option<String>,

    /// The tenant: an id, a domain, common, organizations or consumers [b2c, entra, external-id]
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// The user flow or policy [b2c]
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,

    /// The id of the user pool [cognito]
    #[arg(long, value_name = "ID")]
    user_pool: Option<String>,

    /// The realm [keycloak]
    #[arg(long, value_name = "NAME")]
    realm: Option<String>,

    /// The id of the custom authorization server, often default [okta]
    #[arg(long, value_name = "ID")]
    server: Option<String>,

    /// The region: com, ca, eu, asia, com.au or sg [ping-one]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The id of the environment [ping-one]
    #[arg(long, value_name = "ID")]
    environment: Option<String>,

    /// The login host of a national cloud, such as login.microsoftonline.us [entra]
    #[arg(long, value_name = "HOST")]
    cloud: Option<String>,

    /// An emulator on this machine that stands in for the vendor's servers [cognito, entra, google]
    #[arg(long, value_name = "URL")]
    emulator: Option<String>,
}

/// Which authorization server: a kind, and what tells it from others of its kind.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ProviderChoice {
    #[serde(rename = "provider")]
    pub(crate) name: ProviderName,
    /// By the name of the option.
    #[serde(default, rename = "provider_options", skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, String>,
}

impl ProviderFlags {
    /// What was chosen, if nothing is missing and nothing is too much.
    pub(crate) fn choice(&self) -> Result<ProviderChoice, Failure> {
        let choice = self.unchecked();
        choice.check()?;
        Ok(choice)
    }

    /// What was chosen; without any choice, the plain server whose issuer is known from elsewhere.
    pub(crate) fn choice_or_oidc(&self, issuer: &str) -> Result<ProviderChoice, Failure> {
        let choice = self.unchecked();
        if choice == ProviderChoice::default() { Ok(ProviderChoice::oidc(issuer)) } else { self.choice() }
    }

    fn unchecked(&self) -> ProviderChoice {
        let given = [
            ("issuer", &self.issuer),
            ("domain", &self.domain),
            ("audience", &self.audience),
            ("tenant", &self.tenant),
            ("policy", &self.policy),
            ("user-pool", &self.user_pool),
            ("realm", &self.realm),
            ("server", &self.server),
            ("region", &self.region),
            ("environment", &self.environment),
            ("cloud", &self.cloud),
            ("emulator", &self.emulator),
        ];
        let options = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        ProviderChoice { name: self.provider, options }
    }
}

impl ProviderChoice {
    /// A plain OpenID Connect server.
    pub(crate) fn oidc(issuer: &str) -> Self {
        let options = BTreeMap::from([("issuer".to_owned(), issuer.to_owned())]);
        Self { name: ProviderName::Oidc, options }
    }

    /// Its name, as the command line has it.
    pub(crate) fn word(&self) -> String {
        self.name.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Its options, each with the name of its flag.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The provider, but for the client's own settings.
    pub(crate) fn builder(&self, client_id: &str) -> Result<OidcBuilder, ProviderError> {
        let of = |name: &str| self.options.get(name).map(String::as_str);
        let needed = |name: &str| of(name).unwrap_or_default();
        Ok(match self.name {
            ProviderName::Oidc => Oidc::builder(needed("issuer"), client_id),
            ProviderName::Auth0 => {
                let auth0 = Auth0::new(needed("domain"))?;
                of("audience").map_or(auth0.clone(), |audience| auth0.audience(audience)).client(client_id)
            }
            ProviderName::Entra => {
                let entra = match needed("tenant") {
                    "common" => EntraId::common(),
                    "organizations" => EntraId::organizations(),
                    "consumers" => EntraId::consumers(),
                    tenant => EntraId::tenant(tenant)?,
                };
                let entra = of("cloud").map_or(Ok(entra.clone()), |host| entra.authority(host))?;
                of("emulator").map_or(Ok(entra.clone()), |address| entra.authority(address))?.client(client_id)
            }
            ProviderName::ExternalId => ExternalId::new(needed("domain"), needed("tenant"))?.client(client_id),
            ProviderName::B2c => {
                let b2c = AzureB2c::new(needed("tenant"), needed("policy"))?;
                of("domain").map_or(Ok(b2c.clone()), |domain| b2c.custom_domain(domain))?.client(client_id)
            }
            ProviderName::Cognito => match of("emulator") {
                Some(address) => Cognito::emulator(address, needed("user-pool"))?.client(client_id),
                None => Cognito::user_pool(needed("user-pool"))?.client(client_id),
            },
            ProviderName::Okta => match of("server") {
                Some(server) => Okta::custom_server(needed("domain"), server)?.client(client_id),
                None => Okta::org_server(needed("domain"))?.client(client_id),
            },
            ProviderName::Keycloak => Keycloak::new(needed("domain"), needed("realm"))?.client(client_id),
            ProviderName::Google => {
                let google = Google::new();
                of("emulator").map_or(Ok(google.clone()), |address| google.emulator(address))?.client(client_id)
            }
            ProviderName::PingOne => match of("domain") {
                Some(domain) => PingOne::custom_domain(domain)?.client(client_id),
                None => PingOne::new(needed("region"), needed("environment"))?.client(client_id),
            },
            ProviderName::OneLogin => match needed("domain") {
                domain if domain.contains(['.', ':']) => OneLogin::at(domain)?.client(client_id),
                subdomain => OneLogin::new(subdomain)?.client(client_id),
            },
            ProviderName::Duende => Duende::new(needed("issuer"))?.client(client_id),
        })
    }

    /// What a kind of server needs, and what else it has a use for.
    fn wants(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self.name {
            ProviderName::Oidc | ProviderName::Duende => (&["issuer"], &[]),
            ProviderName::Auth0 => (&["domain"], &["audience"]),
            ProviderName::Entra => (&["tenant"], &["cloud", "emulator"]),
            ProviderName::ExternalId => (&["domain", "tenant"], &[]),
            ProviderName::B2c => (&["tenant", "policy"], &["domain"]),
            ProviderName::Cognito => (&["user-pool"], &["emulator"]),
            ProviderName::Okta => (&["domain"], &["server"]),
            ProviderName::Keycloak => (&["domain", "realm"], &[]),
            ProviderName::Google => (&[], &["emulator"]),
            ProviderName::PingOne if self.options.contains_key("domain") => (&["domain"], &[]),
            ProviderName::PingOne => (&["region", "environment"], &["domain"]),
            ProviderName::OneLogin => (&["domain"], &[]),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let (needs, takes) = self.wants();
        let word = self.word();
        if let Some(missing) = needs.iter().find(|name| !self.options.contains_key(**name)) {
            return Err(Failure::usage(format!("--provider {word} needs --{missing}")).hint(self.usage()));
        }
        match self.options.keys().find(|name| !needs.contains(&name.as_str()) && !takes.contains(&name.as_str())) {
            Some(useless) => {
                Err(Failure::usage(format!("--provider {word} has no use for --{useless}")).hint(self.usage()))
            }
            None => Ok(()),
        }
    }

    fn usage(&self) -> String {
        let (needs, takes) = self.wants();
        let list = |names: &[&str]| names.iter().map(|name| format!("--{name}")).collect::<Vec<_>>().join(", ");
        match (needs, takes) {
            ([], []) => format!("--provider {} stands alone", self.word()),
            ([], takes) => format!("--provider {} takes {}", self.word(), list(takes)),
            (needs, []) => format!("--provider {} takes {}", self.word(), list(needs)),
            (needs, takes) => format!("--provider {} takes {}, and perhaps {}", self.word(), list(needs), list(takes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_core::Provider as _;

    use super::*;

    fn flags(provider: ProviderName, options: &[(&str, &str)]) -> ProviderFlags {
        let of = |name: &str| {
            let found = options.iter().find(|(option, _)| *option == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        ProviderFlags {
            provider,
            issuer: of("issuer"),
            domain: of("domain"),
            audience: of("audience"),
            tenant: of("tenant"),
            policy: of("policy"),
            user_pool: of("user-pool"),
            realm: of("realm"),
            server: of("server"),
            region: of("region"),
            environment: of("environment"),
            cloud: of("cloud"),
            emulator: of("emulator"),
        }
    }

    #[test]
    fn every_kind_of_server_can_be_chosen() {
        const ENVIRONMENT: &str = "01234567-89ab-cdef-0123-456789abcdef";
        for (provider, options, id) in [
            (ProviderName::Oidc, &[("issuer", "https://login.example")][..], "oidc"),
            (ProviderName::Auth0, &[("domain", "acme.eu.auth0.com"), ("audience", "https://api.example")], "auth0"),
            (ProviderName::Entra, &[("tenant", "contoso.onmicrosoft.com")], "entra-id"),
            (ProviderName::Entra, &[("tenant", "common"), ("cloud", "login.microsoftonline.us")], "entra-id"),
            (ProviderName::ExternalId, &[("domain", "acme"), ("tenant", "acme.onmicrosoft.com")], "entra-external-id"),
            (ProviderName::B2c, &[("tenant", "acme"), ("policy", "B2C_1_signin")], "azure-b2c"),
            (ProviderName::Cognito, &[("user-pool", "eu-west-1_AbCdEfGhI")], "cognito"),
            (ProviderName::Cognito, &[("user-pool", "local_1"), ("emulator", "http://127.0.0.1:1")], "cognito"),
            (ProviderName::Okta, &[("domain", "acme.okta.com")], "okta"),
            (ProviderName::Okta, &[("domain", "acme.okta.com"), ("server", "default")], "okta"),
            (ProviderName::Keycloak, &[("domain", "https://login.example"), ("realm", "r")], "keycloak"),
            (ProviderName::Google, &[], "google"),
            (ProviderName::Google, &[("emulator", "http://127.0.0.1:1")], "google"),
            (ProviderName::PingOne, &[("region", "eu"), ("environment", ENVIRONMENT)], "pingone"),
            (ProviderName::PingOne, &[("domain", "login.acme.example")], "pingone"),
            (ProviderName::OneLogin, &[("domain", "acme")], "onelogin"),
            (ProviderName::OneLogin, &[("domain", "acme.onelogin.com")], "onelogin"),
            (ProviderName::Duende, &[("issuer", "https://login.example")], "duende"),
        ] {
            let choice = flags(provider, options).choice().unwrap();
            let built = choice.builder("my-app").unwrap().build().unwrap();
            assert_eq!(built.profile().id.as_str(), id);
            // What a session remembers chooses the same again.
            let remembered = serde_json::to_value(&choice).unwrap();
            assert_eq!(serde_json::from_value::<ProviderChoice>(remembered).unwrap(), choice);
        }
    }

    #[test]
    fn what_is_missing_or_useless_is_named() {
        for (provider, options, expected) in [
            (ProviderName::Oidc, &[][..], "--provider oidc needs --issuer"),
            (ProviderName::Keycloak, &[("domain", "x.example")], "--provider keycloak needs --realm"),
            (ProviderName::Google, &[("realm", "r")], "--provider google has no use for --realm"),
            (ProviderName::PingOne, &[("region", "eu")], "--provider ping-one needs --environment"),
        ] {
            let failure = flags(provider, options).choice().unwrap_err();
            assert_eq!(failure.to_json()["error"]["message"], expected);
            assert!(failure.to_json()["error"]["hint"].as_str().unwrap().starts_with("--provider "));
        }
    }
}
