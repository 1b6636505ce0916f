//! `userinfo`: what the authorization server says about whoever is signed in.

use clap::Args;
use oidc_session_core::{ProviderError, ProviderErrorKind, Session};
use oidc_session_manager::Snapshot;
use oidc_session_provider_oidc::{Oidc, UserInfo};

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::drained;
use crate::policy_flags::ChosenPolicy;
use crate::saved_session::{Keeper, SavedSession, no_session};

/// Ask the server who is signed in, and print the claims as JSON
///
/// Refreshes the session first if need be, and once more if the server does not take its access token. What is asked for
/// at the sign-in decides what there is to see: `login --scope 'openid profile email offline_access'`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session userinfo
  oidc-session userinfo --json | jq -r .email")]
pub(crate) struct Userinfo;

impl Userinfo {
    /// Asks.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let saved = SavedSession::alive(context).await?;
        let provider = saved.registration.standby()?;
        let keeper = saved.keeper(context, provider.clone(), ChosenPolicy::default())?;
        let told = drained(context, &keeper.manager, async {
            let Some(oidc) = provider.oidc() else {
                return Err(provider.shortcoming().cloned().unwrap_or_else(|| no_session(context)));
            };
            let user = user(context, &keeper, oidc).await?;
            let text = serde_json::to_string_pretty(&user.claims).unwrap_or_default();
            context.output.json_answer(&user.claims, &text)
        });
        told.await.map_err(|failure| saved.with_hint(failure, context))
    }
}

async fn user(context: &Context, keeper: &Keeper, oidc: &Oidc) -> Result<UserInfo, Failure> {
    let session = fresh(context, keeper).await?;
    let refused = match oidc.userinfo(&session).await {
        Err(error) if is_about_the_token(&error) => session.tokens.access_token,
        answer => return Ok(answer?),
    };
    // The server knows better than our clock, or has revoked the token.
    if let Some(refused) = &refused
        && let Err(error) = keeper.session.refresh_if_current_is(refused).await
    {
        return Err(keeper.explain(context, error).await);
    }
    match oidc.userinfo(&fresh(context, keeper).await?).await {
        Err(error) if is_about_the_token(&error) => {
            Err(Failure::misconfigured("the UserInfo endpoint does not accept an access token that was just refreshed")
                .reason("invalid_token")
                .hint("sign in with the scope openid, and for no other API; its tokens may be for that one only"))
        }
        answer => Ok(answer?),
    }
}

/// The session with an access token that is valid by our clock.
async fn fresh(context: &Context, keeper: &Keeper) -> Result<Session, Failure> {
    if let Err(error) = keeper.session.access_token().await {
        return Err(keeper.explain(context, error).await);
    }
    match keeper.session.snapshot().await? {
        Snapshot::Active { session, .. } => Ok(*session),
        Snapshot::Ended { tombstone, .. } => Err(Failure::of_ended(&context.session, &tombstone)),
        Snapshot::None => Err(no_session(context)),
    }
}

fn is_about_the_token(error: &ProviderError) -> bool {
    error.kind() == ProviderErrorKind::Refused && error.error_code() == Some("invalid_token")
}
