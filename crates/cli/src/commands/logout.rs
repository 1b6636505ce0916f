//! `logout`: ends the session for good, here and at the authorization server.

use clap::Args;
use oidc_session_core::{ProviderError, Revocation, Session, SessionState, SignIn as _};
use oidc_session_manager::LogoutReport;
use serde_json::{Value, json};
use url::Url;

use crate::browser;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::drained;
use crate::policy_flags::ChosenPolicy;
use crate::saved_session::SavedSession;
use crate::standby::Standby;

/// End the session, revoke its tokens, and name the URL that ends the provider's own session
///
/// Exits with 0 also if there was nothing to end, or if the server could not be told (it does not answer, the client
/// secret is not set): the session has ended here either way, and the output says what became of the revocation. The URL
/// carries no ID token, because it shows up in logs and, with --open, in the list of processes. So the provider may ask
/// whether to log out.
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
            Some(saved) => match &saved.state {
                SessionState::Ended(tombstone) if tombstone.moving.is_none() => {
                    return nothing_to_end(context, "ended");
                }
                SessionState::Active(_) | SessionState::Ended(_) => saved,
            },
            None => return nothing_to_end(context, "none"),
        };
        let provider = saved.registration.standby()?;
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
        provider: &Standby,
        mut session: Session,
        revocation: Option<Result<Revocation, ProviderError>>,
    ) -> Result<(), Failure> {
        // What is printed ends up in scrollbacks and logs, and what is opened on the browser's command line, which
        // every user of the machine can read. So neither carries a token.
        session.tokens.id_token = None;
        let url = end_session_url(provider, &session).await;

        let (revoked, told, note): (Value, _, _) = match revocation {
            Some(Ok(Revocation::Done)) => (true.into(), "its tokens are revoked", None),
            Some(Ok(Revocation::Unsupported)) => ("unsupported".into(), "the server revokes no tokens", None),
            Some(Err(error)) => {
                let cause = Failure::from(error).whole_message();
                let note = format!(
                    "the session has ended here, but the server could not be told to revoke its tokens: {cause}"
                );
                context.output.warn(&note);
                (false.into(), "its tokens are not revoked", Some(note))
            }
            None => (false.into(), "there was nothing to revoke", None),
        };
        let mut text = format!("Logged out of {:?}; {told}", context.session);
        if let Some(url) = &url {
            text.push_str(&format!("\nTo end the provider's own session too, open {url}"));
        }
        let object = json!({
            "session": context.session,
            "state": "ended",
            "revoked": revoked,
            "end_session_url": url,
            "note": note,
        });
        context.output.answer(&object, &text)?;
        if self.open {
            open(context, url).await;
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

async fn end_session_url(provider: &Standby, session: &Session) -> Option<Url> {
    match provider.oidc()?.end_session_url(session, None).await {
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
    if !browser::open(&url).await {
        context.output.warn("no browser could be opened; open the end-session URL yourself");
    }
}
