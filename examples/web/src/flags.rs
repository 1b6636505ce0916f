//! [`Flags`]: everything that can be chosen on the command line.

use std::time::Duration;

use clap::Parser;
use url::Url;

use crate::StoreUrl;

/// A web application with a session for each visitor, to look at and to take apart
///
/// Without flags it runs an authorization server of its own, which signs in anybody, and keeps sessions in an SQLite file
/// that ends with it.
#[derive(Clone, Debug, Parser)]
#[command(after_help = "\
Examples:
  oidc-session-example-web
  oidc-session-example-web --access-ttl 10 --skew 2 --store memory:
  oidc-session-example-web --issuer https://login.example --client-id my-app --client-secret-env CLIENT_SECRET
  SESSION_KEYS=… oidc-session-example-web --store redis://127.0.0.1/0

The client of a provider of yours needs two addresses: BASE/auth/callback to come back to after a sign-in, and
BASE/signed-out after a logout. A store on a server needs a key ring in SESSION_KEYS (oidc-session keys generate).")]
pub struct Flags {
    /// The port to listen on, on the loopback interface; 0 takes a free one
    #[arg(long, default_value_t = 8421)]
    pub port: u16,

    /// Where browsers find the application, if something stands before it
    #[arg(long, value_name = "URL")]
    pub base_url: Option<Url>,

    /// The issuer of your OpenID provider as it writes it, instead of the embedded authorization server
    #[arg(long, value_name = "URL", requires = "client_id")]
    pub issuer: Option<String>,

    /// The client id there
    #[arg(long, value_name = "ID", requires = "issuer")]
    pub client_id: Option<String>,

    /// The environment variable that holds the secret of the client, if it has one
    #[arg(long, value_name = "VARIABLE", requires = "issuer")]
    pub client_secret_env: Option<String>,

    /// What to ask for at a sign-in
    #[arg(long, value_name = "SCOPES", default_value = "openid profile offline_access")]
    pub scopes: String,

    /// Where sessions are kept: memory:, file:FOLDER, sqlite:PATH, redis://…, postgres://…
    #[arg(long, value_name = "URL")]
    pub store: Option<StoreUrl>,

    /// How many seconds the access tokens of the embedded server live
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=86_400), conflicts_with = "issuer")]
    pub access_ttl: u64,

    /// How many seconds before its end an access token is refreshed; at most a quarter of its life
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub skew: u64,
}

impl Flags {
    pub(crate) fn access_token_lifetime(&self) -> Duration {
        Duration::from_secs(self.access_ttl)
    }
}
