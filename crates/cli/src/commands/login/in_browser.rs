//! Signing in through the browser of this machine: the authorization code flow, which comes back to loopback.

use std::time::Duration;

use oidc_session_core::{PendingSignIn, ProviderError, Session, SignIn as _, SignInRequest};
use oidc_session_provider_oidc::Oidc;
use tokio::time::timeout;

use super::explain;
use crate::authorization_check::refusal;
use crate::browser;
use crate::context::Context;
use crate::failure::Failure;
use crate::loopback::Loopback;
use crate::times::rough;

/// A browser that is going to be sent away, and come back.
pub(super) struct Browser {
    pub(super) loopback: Loopback,
    /// Whether it is opened here, or by the user.
    pub(super) opens: bool,
    pub(super) patience: Duration,
}

impl Browser {
    /// Listens on a port, or says why not.
    pub(super) async fn come_back_to(port: u16) -> Result<Loopback, Failure> {
        Loopback::bind(port).await.map_err(|error| {
            Failure::failed(format!("cannot listen on port {port} of 127.0.0.1"))
                .because(&error)
                .hint("choose another --redirect-port, or leave it out")
        })
    }

    /// Signs in.
    pub(super) async fn sign_in(
        self,
        context: &Context,
        provider: &Oidc,
        request: SignInRequest,
    ) -> Result<Session, Failure> {
        let refused = |error: ProviderError| explain(error, "complete the sign-in in the browser");
        let pending = provider.authorization_request(request.clone()).await.map_err(refused)?;
        let rehearsal = provider.authorization_request(request).await.map_err(refused)?;

        self.show(context, &pending);
        let patience = self.patience;
        let callback = tokio::select! {
            callback = timeout(patience, self.loopback.callback(&pending.state)) => callback,
            refused = refusal(rehearsal) => return Err(refused),
        };
        let callback = match callback {
            Ok(callback) => callback.map_err(|error| Failure::failed("cannot wait for the browser").because(&error))?,
            Err(_) => return Err(timed_out(patience)),
        };
        provider.exchange(pending, &callback).await.map_err(refused)
    }

    fn show(&self, context: &Context, pending: &PendingSignIn) {
        let url = &pending.authorization_url;
        let output = context.output;
        output.say(match self.opens {
            false => "Open this URL in a browser to sign in:",
            true => "Opening your browser to sign in. If it does not open, this is the URL:",
        });
        output.say("");
        output.say(url.as_str());
        output.say("");
        output.say(&format!("Waiting up to {} for it to come back …", rough(self.patience)));
        if self.opens {
            let opened = browser::open(url);
            // Not waited for: a browser in the terminal ends only when the sign-in has.
            tokio::spawn(async move {
                if !opened.await {
                    output.warn("no browser could be opened; open the URL yourself, or sign in with --device");
                }
            });
        }
    }
}

fn timed_out(patience: Duration) -> Failure {
    Failure::sign_in_needed(format!("nobody signed in within {}", rough(patience))).reason("sign_in_timed_out").hint(
        "run the command again; if the browser showed an error, check --client-id and the redirect URI that is registered \
         for the client",
    )
}
