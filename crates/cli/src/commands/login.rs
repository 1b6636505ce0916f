//! `login`: signs in through the browser, and stores the session.

use std::time::Duration;

use clap::Args;
use oidc_session_core::{
    PendingSignIn, Provider as _, ProviderError, ProviderErrorKind, Scopes, Session, SignIn as _, SignInRequest,
};
use oidc_session_provider_oidc::{Oidc, RESERVED_PARAMETERS};
use serde_json::json;
use tokio::time::timeout;

use crate::authorization_check::refusal;
use crate::browser;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::drained;
use crate::loopback::Loopback;
use crate::output::shown;
use crate::policy_flags::ChosenPolicy;
use crate::provider_choice::ProviderFlags;
use crate::provider_setup::{Registration, SecretFlags, Settings};
use crate::saved_session::keeper;
use crate::times::{duration, relative, rfc3339, rough};

/// Sign in through the browser and keep the session
///
/// Uses the authorization code flow with PKCE and comes back to http://127.0.0.1:PORT/callback. Replaces the session of
/// the same name.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session login --issuer https://login.example --client-id my-app
  oidc-session login --issuer https://login.example --client-id web --client-secret-env WEB_SECRET
  oidc-session login --issuer https://login.example --client-id my-app --scope 'openid offline_access' \\
      --param prompt=consent --session work
  oidc-session login --issuer https://login.example --client-id my-app --no-browser --redirect-port 8400")]
pub(crate) struct Login {
    #[command(flatten)]
    provider: ProviderFlags,

    /// Our client id there
    #[arg(long, value_name = "ID")]
    client_id: String,

    #[command(flatten)]
    secret: SecretFlags,

    /// What to ask for; servers often grant a refresh token only for offline_access
    #[arg(long, default_value = "openid offline_access")]
    scope: String,

    /// A further parameter of the authorization request; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,

    /// The port to come back to; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    redirect_port: u16,

    /// Only print the URL, alone on a line of stderr
    #[arg(long)]
    no_browser: bool,

    /// How long to wait for the browser
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = patience)]
    timeout: Duration,
}

impl Login {
    /// Signs in.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        // Before the user is bothered: what could fail afterwards.
        let store = context.store().await?;
        let registration = self.registration(context)?;
        let provider = registration.provider()?;
        let loopback = Loopback::bind(self.redirect_port).await.map_err(|error| {
            Failure::failed(format!("cannot listen on port {} of 127.0.0.1", self.redirect_port))
                .because(&error)
                .hint("choose another --redirect-port, or leave it out")
        })?;

        let mut session = self.sign_in(context, &provider, loopback).await?;
        registration.settings.remember(&mut session.data);
        let keeper = keeper(context, provider, store, ChosenPolicy::default())?;
        drained(context, &keeper.manager, async {
            keeper.session.sign_in(session.clone()).await?;
            report(context, &session)
        })
        .await
    }

    fn registration(&self, context: &Context) -> Result<Registration, Failure> {
        let provider = self.provider.choice()?;
        Ok(Registration {
            provider_id: provider.builder(&self.client_id)?.build()?.profile().id.clone(),
            provider: Some(provider.clone()),
            client_id: self.client_id.clone(),
            settings: Settings {
                name: context.session.clone(),
                provider: Some(provider),
                scope: Some(self.scope.clone()),
                client_secret_env: self.secret.client_secret_env.clone(),
                client_auth: self.secret.client_auth,
            },
        })
    }

    async fn sign_in(&self, context: &Context, provider: &Oidc, loopback: Loopback) -> Result<Session, Failure> {
        let mut request = SignInRequest::new(loopback.redirect_uri().clone(), Scopes::parse(&self.scope));
        request.parameters.clone_from(&self.parameters);
        let pending = self.pending(provider, &request).await?;
        let rehearsal = self.pending(provider, &request).await?;

        self.show(context, &pending);
        let callback = tokio::select! {
            callback = timeout(self.timeout, loopback.callback(&pending.state)) => callback,
            refused = refusal(rehearsal) => return Err(refused),
        };
        let callback = match callback {
            Ok(callback) => callback.map_err(|error| Failure::failed("cannot wait for the browser").because(&error))?,
            Err(_) => return Err(self.timed_out()),
        };
        provider.exchange(pending, &callback).await.map_err(|error| self.explain(error))
    }

    async fn pending(&self, provider: &Oidc, request: &SignInRequest) -> Result<PendingSignIn, Failure> {
        provider.authorization_request(request.clone()).await.map_err(|error| self.explain(error))
    }

    fn show(&self, context: &Context, pending: &PendingSignIn) {
        let url = &pending.authorization_url;
        let output = context.output;
        output.say(match self.no_browser {
            true => "Open this URL in a browser to sign in:",
            false => "Opening your browser to sign in. If it does not open, this is the URL:",
        });
        output.say("");
        output.say(url.as_str());
        output.say("");
        output.say(&format!("Waiting up to {} for it to come back …", rough(self.timeout)));
        if !self.no_browser {
            let opened = browser::open(url);
            // Not waited for: a browser in the terminal ends only when the sign-in has.
            tokio::spawn(async move {
                if !opened.await {
                    output.warn("no browser could be opened; open the URL yourself");
                }
            });
        }
    }

    fn timed_out(&self) -> Failure {
        Failure::sign_in_needed(format!("nobody signed in within {}", rough(self.timeout)))
            .reason("sign_in_timed_out")
            .hint(
                "run the command again; if the browser showed an error, check --client-id and the redirect URI that is \
                 registered for the client",
            )
    }

    fn explain(&self, error: ProviderError) -> Failure {
        let (kind, is_coded, error_has_advice) = (error.kind(), error.error_code().is_some(), error.advice().is_some());
        let failure = Failure::from(error);
        match kind {
            ProviderErrorKind::Refused if !is_coded => failure.reason("refused"),
            ProviderErrorKind::Refused | ProviderErrorKind::Rejected | ProviderErrorKind::InteractionRequired => {
                failure.hint("run the command again, and complete the sign-in in the browser")
            }
            ProviderErrorKind::Misconfigured if error_has_advice => failure,
            ProviderErrorKind::Misconfigured => failure.hint(format!(
                "check the address of the server and --client-id {}, and the client secret if the client has one",
                self.client_id
            )),
            _ => failure,
        }
    }
}

fn report(context: &Context, session: &Session) -> Result<(), Failure> {
    let tokens = &session.tokens;
    if tokens.refresh_token.is_none() {
        context.output.warn(
            "the server granted no refresh token, so the session ends when its access token expires. Many servers \
             grant one for --scope 'openid offline_access', some only with --param prompt=consent",
        );
    }
    let expires_at = tokens.expires_at();
    let subject = session.subject.as_deref();
    let expires = expires_at.map_or("the server does not say when".to_owned(), |at| relative(at, context.clock.now()));
    let text = format!(
        "Signed in as {} at {}\nSession {:?}; the access token expires {expires}",
        shown(subject.unwrap_or("somebody")),
        shown(&session.issuer),
        context.session,
    );
    let object = json!({
        "session": context.session,
        "subject": subject,
        "issuer": session.issuer,
        "expires_at": expires_at.and_then(rfc3339),
    });
    context.output.answer(&object, &text)
}

fn patience(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("nobody can sign in within no time".to_owned()),
        patience => Ok(patience),
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, _)) if RESERVED_PARAMETERS.contains(&name) => {
            Err(format!("{name} is reserved, as are all of {}", RESERVED_PARAMETERS.join(", ")))
        }
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a parameter is written NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use oidc_session_testkit::AuthorizationServer;
    use url::Url;

    use super::*;

    #[tokio::test]
    async fn the_provider_refuses_what_is_reserved_and_nothing_it_sets_is_left_out() {
        let server = AuthorizationServer::builder().start().await.unwrap();
        let provider = Oidc::builder(server.issuer().as_str(), "native-app").build().unwrap();
        let mut request = SignInRequest::new(Url::parse("http://127.0.0.1:1/cb").unwrap(), Scopes::parse("openid"));
        let pending = provider.authorization_request(request.clone()).await.unwrap();
        for (name, _) in pending.authorization_url.query_pairs() {
            assert!(RESERVED_PARAMETERS.contains(&&*name), "{name}");
        }
        for name in RESERVED_PARAMETERS {
            assert!(parameter(&format!("{name}=x")).unwrap_err().contains("reserved"), "{name}");
            request.parameters = vec![(name.to_owned(), "x".to_owned())];
            let error = provider.authorization_request(request.clone()).await.unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{name}");
        }
    }
}
