//! The whole life of a session at a server that really rotates, detects reuse, and fails on demand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::time::Duration;

use oidc_session_core::ProviderErrorKind::{Misconfigured, OutcomeUnknown, Refused, Rejected, TryLater};
use oidc_session_core::{
    ClientSecret, Merged, Provider as _, ProviderError, Revocation, Scopes, Session, SignIn as _, SignInRequest,
    Target, Violation,
};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_testkit::{AuthorizationServer, Client, Decision, Fault, Field, RetryAfter, StatusBody};
use url::Url;

fn redirect_uri() -> Url {
    Url::parse("http://127.0.0.1:9/callback").unwrap()
}

async fn start(client: Client) -> AuthorizationServer {
    AuthorizationServer::builder().client(client.redirect_uri(redirect_uri())).start().await.unwrap()
}

async fn start_public() -> (AuthorizationServer, Oidc) {
    let server = start(Client::public("my-app")).await;
    let provider = Oidc::builder(server.issuer().as_str(), "my-app").build().unwrap();
    (server, provider)
}

async fn sign_in(server: &AuthorizationServer, provider: &Oidc) -> Result<Session, ProviderError> {
    let request = SignInRequest::new(redirect_uri(), Scopes::parse("offline_access"));
    let pending = provider.authorization_request(request).await?;
    let callback = server.authorize(&pending.authorization_url).unwrap();
    provider.exchange(pending, &callback).await
}

async fn refresh(provider: &Oidc, session: &Session) -> Result<Merged, ProviderError> {
    provider.prepare(session).await?;
    Ok(session.merge_refresh(provider.refresh(session, &Target::default()).await?, &Target::default()))
}

#[tokio::test]
async fn a_session_is_made_kept_alive_and_ended() {
    let secret = || ClientSecret::new("p%:+ ü");
    for (client, auth) in [
        (Client::public("my-app"), ClientAuth::None),
        (Client::confidential("my-app", secret().expose()), ClientAuth::Basic(secret())),
        (Client::confidential("my-app", secret().expose()), ClientAuth::Post(secret())),
    ] {
        let server = start(client).await;
        let issuer = server.issuer().as_str();
        let provider = Oidc::builder(issuer, "my-app").client_auth(auth).build().unwrap();
        let mut session = sign_in(&server, &provider).await.unwrap();
        assert!(session.subject.is_some());
        assert!(session.tokens.expires_at().is_some());

        for _ in 0..3 {
            let Merged { session: next, violation } = refresh(&provider, &session).await.unwrap();
            assert_eq!(violation, None);
            assert_ne!(next.tokens.access_token, session.tokens.access_token);
            assert_ne!(next.tokens.refresh_token, session.tokens.refresh_token);
            assert!(server.is_active(next.tokens.access_token.as_ref().unwrap().expose()));
            session = next;
        }
        assert_eq!(provider.revoke(&session).await.unwrap(), Revocation::Done);
        let error = refresh(&provider, &session).await.unwrap_err();
        assert_eq!(error.kind(), Rejected);
        assert_eq!(error.error_code(), Some("invalid_grant"));
        let end = provider.end_session_url(&session, None).await.unwrap().unwrap();
        assert!(end.as_str().starts_with(issuer));

        let counters = server.counters();
        assert_eq!((counters.discovery_requests, counters.jwks_requests), (1, 1));
        assert_eq!((counters.refresh_grants, counters.refresh_requests), (3, 4));
        assert_eq!(counters.reuse_detected, 0);
    }
}

#[tokio::test]
async fn every_fault_is_told_apart_and_sent_once() {
    let status = |code, retry_after, body| Fault::Status { code, retry_after, body };
    let later = Some(RetryAfter::Seconds(7));
    for (fault, expected) in [
        (Fault::DropBefore, OutcomeUnknown),
        (Fault::DropAfter, OutcomeUnknown),
        (Fault::Garbage, OutcomeUnknown),
        (Fault::Truncated, OutcomeUnknown),
        (Fault::Huge, OutcomeUnknown),
        (Fault::Redirect(redirect_uri()), Misconfigured),
        (Fault::Error("invalid_grant".into()), Rejected),
        (Fault::Error("invalid_client".into()), Misconfigured),
        (status(429, later, StatusBody::Empty), TryLater),
        (status(503, later, StatusBody::Html), TryLater),
        (status(500, None, StatusBody::Html), OutcomeUnknown),
    ] {
        let (server, provider) = start_public().await;
        let session = sign_in(&server, &provider).await.unwrap();
        let before = server.counters().token_requests;
        server.inject(fault.clone());
        let error = refresh(&provider, &session).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{fault:?}");
        assert_eq!(server.counters().token_requests, before + 1, "{fault:?}");
        if expected == TryLater {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
    }
}

#[tokio::test]
async fn tokens_for_somebody_else_are_not_used_but_their_rotation_is_recorded() {
    for (fault, expected) in [
        (Fault::WrongSubject, Violation::Subject),
        (Fault::WrongIssuer, Violation::Issuer),
        (Fault::WrongAudience, Violation::Audience),
        (Fault::WrongNonce, Violation::Nonce),
        (Fault::Omit(Field::AccessToken), Violation::NoAccessToken),
    ] {
        let (server, provider) = start_public().await;
        let session = sign_in(&server, &provider).await.unwrap();
        server.inject(fault.clone());
        let merged = refresh(&provider, &session).await.unwrap();
        assert_eq!(merged.violation, Some(expected), "{fault:?}");
        assert_eq!(merged.session.tokens.access_token, session.tokens.access_token);
        assert_ne!(merged.session.tokens.refresh_token, session.tokens.refresh_token);
        // The next one is fine: nobody was logged out.
        assert_eq!(refresh(&provider, &merged.session).await.unwrap().violation, None);
    }
}

#[tokio::test]
async fn what_an_answer_leaves_out_costs_nothing() {
    for fault in [
        Fault::Omit(Field::IdToken),
        Fault::Omit(Field::TokenType),
        Fault::Omit(Field::ExpiresIn),
        Fault::Omit(Field::Scope),
        Fault::Omit(Field::RefreshToken),
        Fault::ExpiresInString,
    ] {
        let (server, provider) = start_public().await;
        let session = sign_in(&server, &provider).await.unwrap();
        server.inject(fault.clone());
        assert_eq!(refresh(&provider, &session).await.unwrap().violation, None, "{fault:?}");
    }
}

#[tokio::test]
async fn a_sign_in_that_is_denied_or_forged_makes_no_session() {
    let (server, provider) = start_public().await;
    for fault in [Fault::WrongIssuer, Fault::WrongAudience, Fault::WrongNonce, Fault::Omit(Field::IdToken)] {
        server.inject(fault.clone());
        let error = sign_in(&server, &provider).await.unwrap_err();
        assert_eq!(error.kind(), oidc_session_core::ProviderErrorKind::InvalidAnswer, "{fault:?}");
    }
    server.set_default_decision(Decision::Deny);
    let error = sign_in(&server, &provider).await.unwrap_err();
    assert_eq!(error.kind(), Refused);
    assert_eq!(error.error_code(), Some("access_denied"));
}
