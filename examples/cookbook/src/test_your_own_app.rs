//! How to test a program that uses oidc-session: the program first, its tests at the end of the file.
//!
//! ```text
//! cargo test -p oidc-session-example-cookbook --lib test_your_own_app
//! ```
//!
//! The tests talk to a real authorization server on loopback. Time passes when a test says so, and what goes wrong is
//! ordered beforehand. There is nothing to mock, and nothing to wait for.

use oidc_session::{SessionErrorKind, SessionHandle};

/// What a page shows about the user's mail.
#[derive(Debug, Eq, PartialEq)]
pub enum Inbox {
    /// The mail was fetched with a valid access token.
    Shown,
    /// The authorization server does not answer: the user sees what was fetched before, and stays signed in.
    ShownFromCache,
    /// The user has to sign in again.
    SignInPage,
}

/// The code under test: fetches mail with the access token of `session`.
///
/// # Errors
///
/// The settings are wrong, or the stored session is damaged: for the operator.
pub async fn open_inbox(session: &SessionHandle) -> crate::Result<Inbox> {
    match session.authorization().await {
        Ok(_authorization) => Ok(Inbox::Shown), // … and here goes the request for the mail.
        Err(error) => match error.kind() {
            SessionErrorKind::Unavailable => Ok(Inbox::ShownFromCache),
            SessionErrorKind::SignInNeeded => Ok(Inbox::SignInPage),
            _ => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use oidc_session::{MemoryStore, Oidc, Scopes, SessionId, SessionManager, SignIn as _, SignInRequest};
    use oidc_session_testkit::{AuthorizationServer, Fault, ManualClock, RetryAfter};

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);

    /// A user who has just signed in.
    struct World {
        clock: ManualClock,
        server: AuthorizationServer,
        session: SessionHandle,
    }

    async fn signed_in() -> World {
        let clock = ManualClock::new();
        let server = AuthorizationServer::builder()
            .access_token_lifetime(LIFETIME)
            .clock(Arc::new(clock.clone())) // the server, the provider, the store and the manager live in one time
            .start()
            .await
            .unwrap();
        let provider =
            Oidc::builder(server.issuer().as_str(), "native-app").clock(Arc::new(clock.clone())).build().unwrap();
        let store = MemoryStore::with_clock(Arc::new(clock.clone()));
        let sessions = SessionManager::builder(provider.clone(), store).clock(clock.clone()).build().unwrap();
        let session = sessions.session(&SessionId::named("alice").unwrap());

        let redirect_uri = "http://127.0.0.1:8400/callback".parse().unwrap();
        let request = SignInRequest::new(redirect_uri, Scopes::parse("openid offline_access"));
        let pending = provider.authorization_request(request).await.unwrap();
        let callback = server.authorize(&pending.authorization_url).unwrap(); // in place of a browser
        session.sign_in(provider.exchange(pending, &callback).await.unwrap()).await.unwrap();
        World { clock, server, session }
    }

    #[tokio::test]
    async fn a_user_who_comes_back_the_next_morning_is_still_signed_in() {
        let World { clock, server, session } = signed_in().await;
        clock.advance(Duration::from_secs(12 * 60 * 60));
        assert_eq!(open_inbox(&session).await.unwrap(), Inbox::Shown);
        assert_eq!(server.counters().refresh_grants, 1);
    }

    #[tokio::test]
    async fn an_overloaded_server_signs_nobody_out() {
        let World { clock, server, session } = signed_in().await;
        clock.advance(LIFETIME);
        server.inject(Fault::too_many_requests(RetryAfter::Seconds(30)));
        assert_eq!(open_inbox(&session).await.unwrap(), Inbox::ShownFromCache);
        clock.advance(Duration::from_secs(60));
        assert_eq!(open_inbox(&session).await.unwrap(), Inbox::Shown);
    }

    #[tokio::test]
    async fn a_user_whom_an_administrator_has_signed_out_is_asked_to_sign_in() {
        let World { clock, server, session } = signed_in().await;
        server.revoke_subject("alice");
        clock.advance(LIFETIME);
        assert_eq!(open_inbox(&session).await.unwrap(), Inbox::SignInPage);
    }

    #[tokio::test]
    async fn a_hundred_pages_opened_at_once_cost_one_refresh() {
        let World { clock, server, session } = signed_in().await;
        clock.advance(LIFETIME);
        let pages: Vec<_> = (0..100)
            .map(|_| {
                let session = session.clone();
                tokio::spawn(async move { open_inbox(&session).await.unwrap() })
            })
            .collect();
        for page in pages {
            assert_eq!(page.await.unwrap(), Inbox::Shown);
        }
        assert_eq!(server.counters().refresh_requests, 1);
    }
}
