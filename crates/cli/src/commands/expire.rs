//! `expire`: makes the access token expired, and keeps the refresh token.

use clap::Args;
use oidc_session_manager::Snapshot;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::drained;
use crate::policy_flags::ChosenPolicy;
use crate::saved_session::{SavedSession, no_session};
use crate::times::rfc3339;

/// Make the access token count as expired; the refresh token stays
///
/// For tests: the next `token` refreshes the session. Sends nothing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session expire && oidc-session token --json")]
pub(crate) struct Expire;

impl Expire {
    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let saved = SavedSession::alive(context).await?;
        let provider = saved.registration.standby()?;
        let keeper = saved.keeper(context, provider, ChosenPolicy::default())?;
        let expired = drained(context, &keeper.manager, async {
            if let Err(error) = keeper.session.expire().await {
                return Err(keeper.explain(context, error).await);
            }
            let Snapshot::Active { schedule, .. } = keeper.session.snapshot().await? else {
                return Err(no_session(context));
            };
            let object = json!({
                "session": context.session,
                "state": "expired",
                "expires_at": schedule.expires_at().and_then(rfc3339),
            });
            context.output.answer(&object, "The access token counts as expired; the refresh token is kept")
        });
        expired.await.map_err(|failure| saved.with_hint(failure, context))
    }
}
