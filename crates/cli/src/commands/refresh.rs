//! `refresh`: the documented flow in one call.

use clap::Args;
use oidc_session_core::SessionState;
use oidc_session_manager::{Outcome, Schedule, SessionEventKind, Snapshot};
use oidc_session_policy::Jitter;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::drained;
use crate::policy_flags::PolicyFlags;
use crate::saved_session::{Keeper, SavedSession, no_session};
use crate::standby::Standby;
use crate::target_flags::TargetFlags;
use crate::times::{relative, rfc3339};

/// Refresh the session if its access token has expired, or is due under the policy
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session refresh
  oidc-session refresh --force
  oidc-session refresh --policy preemptive --skew 30s --json
  oidc-session refresh --resource https://orders.example/")]
pub(crate) struct Refresh {
    /// Refresh even a fresh session; if that cannot be done now, the command fails though the access token still serves
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    target: TargetFlags,

    #[command(flatten)]
    policy: PolicyFlags,
}

impl Refresh {
    /// Refreshes.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Some(saved) = SavedSession::find(context).await? else {
            return Err(with_outcome(no_session(context), context, Outcome::NoSession.as_str()));
        };
        if let (Some(failure), SessionState::Ended(tombstone)) = (saved.ended(context), &saved.state) {
            let outcome = Outcome::Ended(tombstone.reason);
            return Err(with_outcome(failure, context, outcome.as_str()));
        }
        let provider = saved.registration.standby()?;
        let keeper = saved.keeper(context, provider.clone(), self.policy.chosen())?;
        drained(context, &keeper.manager, self.refresh(context, &keeper, &provider))
            .await
            .map_err(|failure| saved.with_hint(self.target.advise(failure, context, &saved), context))
    }

    async fn refresh(&self, context: &Context, keeper: &Keeper, provider: &Standby) -> Result<(), Failure> {
        let target = self.target.target();
        let handle = keeper.session.for_target(target.clone());
        let mut events = handle.subscribe();
        let result = match self.force {
            true => handle.refresh().await,
            false => handle.refresh_if_expired().await,
        };
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => {
                let outcome = error.outcome();
                return Err(with_outcome(error.into(), context, outcome));
            }
        };
        match handle.snapshot().await? {
            Snapshot::Active { session, .. } => {
                let jitter = Jitter::of(&keeper.key);
                let schedule = Schedule::of_session(&self.policy.chosen(), &session, &target, jitter);
                let expires_at = schedule.expires_at();
                if self.force && outcome == Outcome::Postponed {
                    let failure = provider.shortcoming().cloned().unwrap_or_else(|| {
                        let cause = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event.kind {
                            SessionEventKind::Unavailable(word) => Some(word),
                            _ => None,
                        });
                        let failure = not_refreshed(cause.unwrap_or("unavailable"));
                        match provider.last_failure() {
                            Some(cause) => failure.caused_by(cause),
                            None => failure,
                        }
                    });
                    let failure = with_outcome(failure, context, outcome.as_str());
                    return Err(failure.finding("expires_at", expires_at.and_then(rfc3339)));
                }
                provider.warn_if_postponed(context.output, outcome);
                let expires =
                    expires_at.map(|at| format!("; the access token expires {}", relative(at, context.clock.now())));
                let object = json!({
                    "session": context.session,
                    "resource": target.resource_indicator(),
                    "outcome": outcome.as_str(),
                    "expires_at": expires_at.and_then(rfc3339),
                });
                let text = format!("{}{}", told(outcome), expires.unwrap_or_default());
                context.output.answer(&object, &text)
            }
            Snapshot::Ended { tombstone, .. } => {
                let failure = Failure::of_ended(&context.session, &tombstone);
                Err(with_outcome(failure, context, Outcome::Ended(tombstone.reason).as_str()))
            }
            Snapshot::None => Err(with_outcome(no_session(context), context, Outcome::NoSession.as_str())),
        }
    }
}

/// A refresh that was asked for outright, and came to nothing. `cause` is the word for it.
fn not_refreshed(cause: &str) -> Failure {
    let message = "the session could not be refreshed now; the access token still serves";
    let failure = match cause {
        "misconfigured" => Failure::misconfigured(message).hint("check issuer, client id and client secret"),
        "no_refresh_token" | "interaction_required" => Failure::sign_in_needed(message),
        _ => Failure::unavailable(message).hint("nothing is lost; try again later"),
    };
    failure.reason(cause)
}

fn told(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fresh => "Fresh: nothing was sent",
        Outcome::Refreshed => "Refreshed",
        Outcome::Joined => "Refreshed together with another caller",
        Outcome::Adopted => "Another process had refreshed; its tokens are used",
        Outcome::ServedWhileRefreshing => "Another process is refreshing; the access token is still valid",
        Outcome::Postponed => "Not refreshed early; the access token is still valid",
        _ => "Done",
    }
}

/// Beside the error, what a script reads when all is well.
fn with_outcome(failure: Failure, context: &Context, outcome: &str) -> Failure {
    failure
        .finding("session", context.session.as_str())
        .finding("outcome", outcome)
        .finding("expires_at", None::<String>)
}
