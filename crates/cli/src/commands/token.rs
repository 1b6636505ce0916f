//! `token`: prints a valid access token.

use std::time::Duration;

use clap::Args;
use oidc_session_core::{HolderId, Lease, SessionStore as _, TokenType};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::drained;
use crate::policy_flags::PolicyFlags;
use crate::proof_flags::ProofFlags;
use crate::saved_session::SavedSession;
use crate::target_flags::TargetFlags;
use crate::times::{duration, rfc3339};
use crate::token_syntax::{fits_header, is_token_type};

/// Print a valid access token, refreshed first if need be
///
/// Any number of processes may ask at once: one of them refreshes, the others wait for it and print the same token. The
/// client's secret or key, if it has one, is needed only when the access token has to be refreshed.
///
/// After `login --dpop` the access token is bound to the session's key: it is of the type DPoP, and worth nothing without a
/// proof for each request. --proof makes one, and prints the two header lines that the request needs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  curl -H \"Authorization: Bearer $(oidc-session token)\" https://api.example/me
  oidc-session token --min-valid 30s
  oidc-session token --policy preemptive --skew 10s --json
  oidc-session token --resource https://orders.example/ --scope orders:read
  oidc-session token --proof GET https://api.example/me | curl -H @- https://api.example/me")]
pub(crate) struct Token {
    /// How long the token must stay valid at least
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    min_valid: Duration,

    #[command(flatten)]
    target: TargetFlags,

    #[command(flatten)]
    proof: ProofFlags,

    #[command(flatten)]
    policy: PolicyFlags,

    /// Take the lease as a refresh would, say so, and wait to be killed: for tests of what a crash leaves behind
    #[arg(long, hide = true)]
    hold_lease_before_send: bool,
}

/// What a session manager takes a lease for by default.
const LEASE: Duration = Duration::from_secs(20);

impl Token {
    /// Prints the token.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let saved = SavedSession::alive(context).await?;
        if self.hold_lease_before_send {
            return hold_lease(context, &saved).await;
        }
        let request = self.proof.request()?;
        let target = self.target.target();
        let provider = saved.registration.standby()?;
        let keeper = saved.keeper(context, provider.clone(), self.policy.chosen())?;
        let session = keeper.session.for_target(target.clone());
        let printed = drained(context, &keeper.manager, async {
            let served = match session.token_for(self.min_valid).await {
                Ok(served) => served,
                Err(error) => return Err(keeper.explain(context, error).await),
            };
            provider.warn_if_postponed(context.output, served.outcome);
            let (token, token_type) = (served.access_token.expose(), served.token_type.as_str());
            check(token, token_type)?;
            let proof = request.map(|request| request.prove(&served, context.clock.now())).transpose()?;
            let proof = proof.as_ref().map(|proof| proof.as_str());
            if served.token_type == TokenType::DPoP && proof.is_none() {
                context.output.warn(
                    "the access token is bound to a key: `Authorization: DPoP` is its header, and each request needs a \
                     proof of its own; `oidc-session token --proof GET URL` prints both",
                );
            }
            let object = json!({
                "access_token": token,
                "token_type": token_type,
                "resource": target.resource_indicator(),
                "expires_at": served.expires_at.and_then(rfc3339),
                "outcome": served.outcome.as_str(),
                "dpop_thumbprint": served.dpop.as_ref().map(|binding| binding.thumbprint.as_str()),
                "dpop_proof": proof,
            });
            let text = match proof {
                Some(proof) => format!("Authorization: {token_type} {token}\nDPoP: {proof}"),
                None => token.to_owned(),
            };
            context.output.exact_answer(&object, &text)
        });
        printed.await.map_err(|failure| saved.with_hint(self.target.advise(failure, context, &saved), context))
    }
}

/// What is printed ends up in a header, unread.
fn check(access_token: &str, token_type: &str) -> Result<(), Failure> {
    let wrong = match (fits_header(access_token), is_token_type(token_type)) {
        (true, true) => return Ok(()),
        (false, _) => "the access token holds characters that a header cannot carry, so it is not printed",
        (true, false) => "the type of the access token is not a token type, so the token is not printed",
    };
    Err(Failure::misconfigured(wrong)
        .reason("unprintable_token")
        .hint("get another with `oidc-session refresh --force`, or tell whoever runs the authorization server"))
}

async fn hold_lease(context: &Context, saved: &SavedSession) -> Result<(), Failure> {
    let key = saved.store.key(&context.id()?);
    match saved.store.store.try_lease(&key, HolderId::random(), LEASE).await? {
        Lease::Granted { .. } => {
            context.output.say(&json!({ "event": "lease_held" }).to_string());
            std::future::pending().await
        }
        lease => Err(Failure::failed(format!("the lease was not granted: {lease:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_no_header_can_carry_is_refused_and_not_quoted() {
        check("at_hunter2", "Bearer").unwrap();
        for (token, token_type) in
            [("hunter2\r\nX-Evil: 1", "Bearer"), ("\u{1b}hunter2", "Bearer"), ("at", "hunter2 x")]
        {
            let failure = check(token, token_type).unwrap_err().to_json();
            assert_eq!(failure["error"]["kind"], "misconfigured");
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
        }
    }
}
