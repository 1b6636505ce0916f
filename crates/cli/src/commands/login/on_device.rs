//! Signing in on another device: the device authorization grant (RFC 8628), for machines without a browser.

use std::time::Duration;

use oidc_session_core::{DeviceRequest, DeviceSignIn as _, PendingDevice, ProviderError, ProviderErrorKind, Session};
use oidc_session_provider_oidc::Oidc;
use tokio::time::timeout;

use super::explain;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::shown;
use crate::times::rough;

/// Signs in; waits as long as the code is good, or as long as `patience`, if that is shorter.
pub(super) async fn sign_in(
    context: &Context,
    provider: &Oidc,
    request: DeviceRequest,
    patience: Option<Duration>,
) -> Result<Session, Failure> {
    let pending = provider.device_authorization(request).await.map_err(not_begun)?;
    let lifetime = pending.expires_at.saturating_since(context.clock.now());
    let patience = patience.filter(|patience| *patience < lifetime);
    // The request itself took a moment, which nobody wants to see subtracted.
    let told = Duration::from_secs(lifetime.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
    show(context, &pending, patience.unwrap_or(told));

    let signed_in = provider.device_session(pending);
    let signed_in = match patience {
        None => signed_in.await,
        Some(patience) => timeout(patience, signed_in).await.map_err(|_| timed_out(patience))?,
    };
    signed_in.map_err(not_completed)
}

fn show(context: &Context, pending: &PendingDevice, patience: Duration) {
    let say = |line: &str| context.output.say(line);
    say("To sign in, open this page on any device that has a browser:");
    say(&format!("\n    {}\n", pending.verification_uri));
    say("and enter this code:");
    say(&format!("\n    {}\n", shown(&pending.user_code)));
    if let Some(complete) = &pending.verification_uri_complete {
        say("Or open this page, which has the code filled in:");
        say(&format!("\n    {complete}\n"));
    }
    say(&format!("Waiting up to {} for you to sign in there …", rough(patience)));
}

/// There is not even a code.
fn not_begun(error: ProviderError) -> Failure {
    let (kind, code) = (error.kind(), error.error_code().map(str::to_owned));
    let failure = explain(error, "complete the sign-in in a browser");
    match (kind, code.as_deref()) {
        // Without a code of the server: it has no such endpoint, or the address is wrong.
        (ProviderErrorKind::Misconfigured, None) => failure.hint(
            "leave out --device to sign in through the browser of this machine, unless the address of the server is wrong",
        ),
        (ProviderErrorKind::Misconfigured, Some("unauthorized_client" | "unsupported_grant_type")) => {
            failure.hint("or leave out --device to sign in through the browser of this machine")
        }
        _ => failure,
    }
}

fn not_completed(error: ProviderError) -> Failure {
    let has_expired = error.kind() == ProviderErrorKind::Rejected && error.error_code().is_none();
    let failure = explain(error, "complete the sign-in with the new code");
    // It was this machine's clock that said so.
    if has_expired { failure.reason("expired_token") } else { failure }
}

fn timed_out(patience: Duration) -> Failure {
    Failure::sign_in_needed(format!("nobody signed in within {}", rough(patience)))
        .reason("sign_in_timed_out")
        .hint("run the command again, and sign in with the new code; --timeout says how long that may take")
}
