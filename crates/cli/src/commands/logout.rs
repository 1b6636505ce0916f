//! `logout`: ends the session for good, here and at the authorization server.

use clap::Args;
use oidc_session_core::{ProviderError, Revocation, Session, SessionState, SignIn as _};
use oidc_session_manager::LogoutReport;
use oidc_session_provider_oidc::Oidc;
use serde_json::{Value, json};
use url::Url;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::drained;
use crate::policy_flags::ChosenPolicy;
use crate::saved_session::SavedSession;

/// End the session, revoke its tokens, and name the URL that ends the provider's own session
///
/// Exits with 0 also if there was nothing to end, or if the server could not be told: the session has ended here either
/// way, and the output says what became of the revocation. The URL is printed without the ID token; --open opens it
/// with one, so that the provider need not ask.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session logout
  oidc-session logout --open --session work")]
pub(crate) struct Logout {
    /// Open the provider's end-session URL in the browser
    #[arg(long)]
    open: bool,
}

impl Logout {
    /// Logs out.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let saved = match SavedSession::find(context).await? {
            Some(saved) if matches!(saved.state, SessionState::Active(_)) => saved,
            Some(_) => return nothing_to_end(context, "ended"),
            None => return nothing_to_end(context, "none"),
        };
        let provider = saved.registration.provider()?;
        let keeper = saved.keeper(context, provider.clone(), ChosenPolicy::default())?;
        drained(context, &keeper.manager, async {
            match keeper.session.logout().await? {
                LogoutReport { ended: Some(session), revocation, .. } => {
                    self.report(context, &provider, session, revocation).await
                }
                // Somebody was faster.
                _ => nothing_to_end(context, "ended"),
            }
        })
        .await
    }

    async fn report(
        &self,
        context: &Context,
        provider: &Oidc,
        mut session: Session,
        revocation: Option<Result<Revocation, ProviderError>>,
    ) -> Result<(), Failure> {
        let whole = end_session_url(provider, &session).await;
        // What is printed ends up in scrollbacks and logs, so it carries no token.
        session.tokens.id_token = None;
        let printed = end_session_url(provider, &session).await;

        let (revoked, told): (Value, _) = match revocation {
            Some(Ok(Revocation::Done)) => (true.into(), "its tokens are revoked"),
            Some(Ok(Revocation::Unsupported)) => ("unsupported".into(), "the server revokes no tokens"),
            Some(Err(error)) => {
                let error = Failure::from(error).to_json();
                let cause = error["error"]["message"].as_str().unwrap_or_default();
                context.output.warn(&format!(
                    "the session has ended here, but the server could not be told to revoke its tokens: {cause}"
                ));
                (false.into(), "its tokens are not revoked")
            }
            None => (false.into(), "there was nothing to revoke"),
        };
        let mut text = format!("Logged out of {:?}; {told}", context.session);
        if let Some(url) = &printed {
            text.push_str(&format!("\nTo end the provider's own session too, open {url}"));
        }
        let object = json!({
            "session": context.session,
            "state": "ended",
            "revoked": revoked,
            "end_session_url": printed,
        });
        context.output.answer(&object, &text)?;
        if self.open {
            open(context, whole).await;
        }
        Ok(())
    }
}

fn nothing_to_end(context: &Context, state: &str) -> Result<(), Failure> {
    let object = json!({
        "session": context.session,
        "state": state,
        "revoked": false,
        "end_session_url": null,
        "note": "there was no session to end",
    });
    let text = match state {
        "none" => format!("There is no session {:?}", context.session),
        _ => format!("The session {:?} had already ended", context.session),
    };
    context.output.answer(&object, &text)
}

async fn end_session_url(provider: &Oidc, session: &Session) -> Option<Url> {
    match provider.end_session_url(session, None).await {
        Ok(url) => url,
        Err(error) => {
            tracing::warn!(%error, "the provider's end-session URL is not known");
            None
        }
    }
}

async fn open(context: &Context, url: Option<Url>) {
    let Some(url) = url else {
        return context.output.note("the provider has no end-session URL to open");
    };
    let opened = tokio::task::spawn_blocking(move || webbrowser::open(url.as_str()).is_ok());
    if !opened.await.unwrap_or(false) {
        context.output.warn("no browser could be opened; open the end-session URL yourself");
    }
}
