//! [`Arguments`]: what an instance is told.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use oidc_session::{ClientAuth, ClientSecret, KeyRing, Oidc, Scopes};
use url::Url;

use crate::Result;

/// Where the key ring is, unless `--keys` names a file.
pub(crate) const KEYS: &str = "SESSION_KEYS";

/// Where the client secret is, if the client has one.
pub(crate) const CLIENT_SECRET: &str = "OIDC_CLIENT_SECRET";

/// One instance of a web server whose visitors sign in with OpenID Connect. Start as many as you like, with the same store,
/// keys and base URL.
#[derive(Debug, Parser)]
#[command(
    after_help = "Secrets come from the environment: OIDC_CLIENT_SECRET (none for a public client), and SESSION_KEYS \
                        unless --keys names a file. `oidc-session keys generate` makes the keys."
)]
pub(crate) struct Arguments {
    /// Start everything on loopback and show what two instances do; all else is ignored.
    #[arg(long)]
    pub(crate) demo: bool,

    /// The authorization server.
    #[arg(long, env = "OIDC_ISSUER", required_unless_present = "demo")]
    issuer: Option<String>,

    /// The client that is registered there, with the redirect URI BASE-URL/auth/callback.
    #[arg(long, env = "OIDC_CLIENT_ID", required_unless_present = "demo")]
    client_id: Option<String>,

    /// What to ask for at a sign-in.
    #[arg(long, default_value = "openid profile offline_access")]
    scope: String,

    /// A further parameter of the authorization request, such as `prompt=consent`.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) parameters: Vec<(String, String)>,

    /// Where sessions live: redis://…, rediss://…, postgres://…
    #[arg(long, env = "SESSION_STORE", required_unless_present = "demo", hide_env_values = true)]
    store: Option<String>,

    /// The file with the key ring.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// The address as browsers see it: the load balancer's.
    #[arg(long, env = "BASE_URL", required_unless_present = "demo")]
    base_url: Option<Url>,

    /// Where this instance listens.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,

    /// What /api/me calls with the visitor's access token. Default: the authorization server's userinfo endpoint.
    #[arg(long, value_name = "URL")]
    pub(crate) api: Option<Url>,

    /// What this instance calls itself in its answers. Default: where it listens.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Also end when standard input does: for programs that start instances, so that none outlives them.
    #[arg(long)]
    pub(crate) until_stdin_ends: bool,
}

impl Arguments {
    /// The authorization server, as all instances see it.
    pub(crate) fn provider(&self) -> Result<Oidc> {
        let auth = match std::env::var(CLIENT_SECRET) {
            Ok(secret) => ClientAuth::Basic(ClientSecret::new(secret)),
            Err(_) => ClientAuth::None,
        };
        let (issuer, client_id) =
            (given(self.issuer.as_deref(), "--issuer")?, given(self.client_id.as_deref(), "--client-id")?);
        Ok(Oidc::builder(issuer, client_id).client_auth(auth).build()?)
    }

    /// The keys that all instances have.
    pub(crate) fn keys(&self) -> Result<KeyRing> {
        match &self.keys {
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
                Ok(KeyRing::from_json(&text)?)
            }
            None => Ok(KeyRing::from_env(KEYS)?),
        }
    }

    pub(crate) fn scopes(&self) -> Scopes {
        Scopes::parse(&self.scope)
    }

    pub(crate) fn store(&self) -> Result<&str> {
        given(self.store.as_deref(), "--store")
    }

    pub(crate) fn base_url(&self) -> Result<Url> {
        given(self.base_url.clone(), "--base-url")
    }
}

fn given<T>(value: Option<T>, flag: &str) -> Result<T> {
    Ok(value.ok_or_else(|| format!("{flag} is missing"))?)
}

fn pair(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_needs_nothing_and_an_instance_says_what_it_needs() {
        assert!(Arguments::try_parse_from(["server", "--demo"]).unwrap().demo);
        let refused = Arguments::try_parse_from(["server"]).unwrap_err().to_string();
        for flag in ["--issuer", "--client-id", "--store", "--base-url"] {
            assert!(refused.contains(flag), "{refused}");
        }
    }
}
