//! `login`: signs in, through the browser or on another device, and stores the session.

mod in_browser;
mod on_device;

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use oidc_session_core::{
    DeviceRequest, Provider as _, ProviderError, ProviderErrorKind, Scopes, Session, SignInRequest,
};
use oidc_session_provider_oidc::{Oidc, RESERVED_PARAMETERS};
use serde_json::json;

use self::in_browser::Browser;
use crate::client_auth::ClientAuthFlags;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::{drained, unless_interrupted};
use crate::limit_flags::LimitFlags;
use crate::output::shown;
use crate::policy_flags::ChosenPolicy;
use crate::provider_choice::ProviderFlags;
use crate::provider_setup::{Registration, Settings, quoted};
use crate::saved_session::keeper;
use crate::times::{duration, relative, rfc3339};

/// Sign in through the browser, or with --device on another machine, and keep the session
///
/// Uses the authorization code flow with PKCE and comes back to http://127.0.0.1:PORT/callback, or with --device the
/// device flow (RFC 8628). Replaces the session of the same name. What later commands need is remembered with the session:
/// where a secret or a key is, never the secret or the key.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session login --issuer https://login.example --client-id my-app
  oidc-session login --issuer https://login.example --client-id my-app --device
  oidc-session login --issuer https://login.example --client-id web --client-secret-env WEB_SECRET
  oidc-session login --issuer https://login.example --client-id web --private-key web.pem --key-id web-1
  oidc-session login --issuer https://login.example --client-id my-app --scope 'openid offline_access' \\
      --param prompt=consent --session work
  oidc-session login --issuer https://login.example --client-id my-app --no-browser --redirect-port 8400
  oidc-session login --issuer https://login.example --client-id my-app --par --dpop
  oidc-session login --issuer https://login.example --client-id my-app --idle-limit 30m --absolute-limit 8h
  oidc-session login --issuer https://login.example --client-id my-app \\
      --resource https://orders.example/ --resource https://stock.example/

Of the vendors:
  oidc-session login --provider auth0 --domain acme.eu.auth0.com --audience https://api.acme.example --client-id ID
  oidc-session login --provider entra --tenant contoso.onmicrosoft.com --client-id ID --device
  oidc-session login --provider entra --tenant common --client-id ID \\
      --private-key app.key --key-algorithm ps256 --certificate app.crt
  oidc-session login --provider cognito --user-pool eu-west-1_AbCdEfGhI --client-id ID --redirect-port 8400
  oidc-session login --provider okta --domain acme.okta.com --server default --client-id ID
  oidc-session login --provider keycloak --domain https://login.acme.example --realm staff --client-id ID
  oidc-session login --provider google --client-id ID --client-secret-env GOOGLE_SECRET")]
pub(crate) struct Login {
    /// Our client id there
    #[arg(long, value_name = "ID")]
    client_id: String,

    /// What to ask for; servers often grant a refresh token only for offline_access
    #[arg(long, default_value = "openid offline_access")]
    scope: String,

    /// A resource server that access tokens are to reach (RFC 8707); may be repeated, and `token --resource` picks one
    #[arg(long = "resource", value_name = "URI", value_parser = NonEmptyStringValueParser::new())]
    resources: Vec<String>,

    /// A further parameter of the authorization request; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,

    /// Sign in on another device: prints an address and a code to enter there
    #[arg(long, conflicts_with_all = ["redirect_port", "no_browser", "par"])]
    device: bool,

    /// Push authorization requests to the server, so that the browser carries only a reference (RFC 9126)
    #[arg(long)]
    par: bool,

    /// Bind the tokens to a key of the session (DPoP, RFC 9449); `token --proof` makes the proofs
    #[arg(long)]
    dpop: bool,

    /// The port to come back to; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    redirect_port: u16,

    /// Only print the URL, alone on a line of stderr
    #[arg(long)]
    no_browser: bool,

    /// How long to wait for the sign-in [default: 5m; with --device as long as the code is good]
    #[arg(long, value_name = "DURATION", value_parser = patience)]
    timeout: Option<Duration>,

    #[command(flatten)]
    limits: LimitFlags,

    // Last, because what follows a heading of theirs would be under it.
    #[command(flatten)]
    provider: ProviderFlags,

    #[command(flatten)]
    client_auth: ClientAuthFlags,
}

/// How long the browser may take.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

impl Login {
    /// Signs in.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        // Before the user is bothered: what could fail afterwards.
        let store = context.store().await?;
        let registration = self.registration(context)?;
        let provider = registration.provider()?;

        let mut session = unless_interrupted(self.sign_in(context, &provider)).await?;
        registration.settings.remember(&mut session.data);
        self.limits.limits().begin(&mut session, context.clock.now());
        let keeper = keeper(context, provider.clone(), store, ChosenPolicy::default())?;
        drained(context, &keeper.manager, async {
            keeper.session.sign_in(session.clone()).await?;
            report(context, &provider, &session)
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
                credentials: self.client_auth.credentials()?,
                resources: self.resources.clone(),
                par: self.par,
                dpop: self.dpop,
                device: self.device,
                limits: self.limits,
            },
        })
    }

    /// Whether its flags make sense together.
    #[cfg(test)]
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let (provider, _) = (self.provider.choice()?, self.client_auth.credentials()?);
        provider.builder(&self.client_id)?.build()?;
        Ok(())
    }

    async fn sign_in(&self, context: &Context, provider: &Oidc) -> Result<Session, Failure> {
        let scopes = Scopes::parse(&self.scope);
        if self.device {
            let mut request = DeviceRequest::new(scopes);
            request.resources.clone_from(&self.resources);
            request.parameters.clone_from(&self.parameters);
            return on_device::sign_in(context, provider, request, self.timeout).await;
        }
        let loopback = Browser::come_back_to(self.redirect_port).await?;
        let mut request = SignInRequest::new(loopback.redirect_uri().clone(), scopes);
        request.resources.clone_from(&self.resources);
        request.parameters.clone_from(&self.parameters);
        let browser = Browser { loopback, opens: !self.no_browser, patience: self.timeout.unwrap_or(PATIENCE) };
        browser.sign_in(context, provider, request).await
    }
}

/// Why nobody is signed in; `again` is what to do the next time.
fn explain(error: ProviderError, again: &str) -> Failure {
    let (kind, is_coded, is_advised) = (error.kind(), error.error_code().is_some(), error.advice().is_some());
    let parameters: Vec<String> = error
        .sign_in_parameters()
        .iter()
        .map(|(name, value)| format!(" --param {}", quoted(&format!("{name}={value}"))))
        .collect();
    let failure = Failure::from(error);
    match kind {
        _ if !parameters.is_empty() => failure.hint(format!("run the command again with{}", parameters.concat())),
        ProviderErrorKind::Refused if !is_coded => failure.reason("refused"),
        _ if is_advised => failure,
        ProviderErrorKind::Refused | ProviderErrorKind::Rejected | ProviderErrorKind::InteractionRequired => {
            failure.hint(format!("run the command again, and {again}"))
        }
        ProviderErrorKind::Misconfigured => failure
            .hint("check the address of the server and --client-id, and the secret or the key if the client has one"),
        _ => failure,
    }
}

fn report(context: &Context, provider: &Oidc, session: &Session) -> Result<(), Failure> {
    let tokens = &session.tokens;
    if let Some(advice) = provider.refresh_token_advice(session) {
        context.output.warn(&format!(
            "the server granted no refresh token, so the session ends when its access token expires: {advice}"
        ));
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
        "token_type": tokens.token_type.as_str(),
        "dpop_thumbprint": session.dpop.as_ref().map(|binding| binding.thumbprint.as_str()),
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
    use oidc_session_core::SignIn as _;
    use oidc_session_testkit::AuthorizationServer;
    use url::Url;

    use super::*;

    #[test]
    fn what_the_server_asks_for_is_what_the_next_run_sends() {
        let wanted = vec![("claims".to_owned(), r#"{"a":1}"#.to_owned()), ("prompt".to_owned(), "login".to_owned())];
        let error = ProviderError::new(ProviderErrorKind::InteractionRequired, "more is wanted");
        let told = explain(error.with_sign_in_parameters(wanted), "again").to_json();
        assert_eq!(told["error"]["kind"], "sign_in_needed");
        assert_eq!(
            told["error"]["hint"],
            r#"run the command again with --param 'claims={"a":1}' --param prompt=login"#
        );
    }

    #[test]
    fn advice_is_not_followed_by_a_hint() {
        for kind in [ProviderErrorKind::Rejected, ProviderErrorKind::Misconfigured, ProviderErrorKind::Refused] {
            let error = || ProviderError::new(kind, "no").with_error_code("some_code");
            assert!(explain(error(), "again").to_json()["error"]["hint"].is_string(), "{kind:?}");
            let told = explain(error().with_advice("do this"), "again").to_json();
            assert_eq!(told["error"]["message"], "no (some_code): do this");
            assert!(told["error"]["hint"].is_null(), "{told}");
        }
    }

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
