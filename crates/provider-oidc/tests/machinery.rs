//! Bound tokens, pushed requests, devices, further resources and keys that rotate, at a server that really does all that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use oidc_session_core::ProviderErrorKind::{InvalidAnswer, Misconfigured, Refused};
use oidc_session_core::{
    ClientSecret, DevicePoll, DeviceRequest, DeviceSignIn as _, PendingDevice, Provider as _, ProviderError, Scopes,
    Session, SignIn as _, SignInRequest, Target, TokenType,
};
use oidc_session_provider_oidc::{ClientAuth, Oidc, OidcBuilder};
use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder, Client, DeviceHabits};
use serde_json::json;
use url::Url;

const REPORTS: &str = "https://reports.example";
const BILLING: &str = "https://billing.example";

fn redirect_uri() -> Url {
    Url::parse("http://127.0.0.1:9/callback").unwrap()
}

fn server() -> AuthorizationServerBuilder {
    AuthorizationServer::builder().client(Client::public("my-app").redirect_uri(redirect_uri()))
}

fn provider(server: &AuthorizationServer) -> OidcBuilder {
    Oidc::builder(server.issuer().as_str(), "my-app")
}

fn asking() -> SignInRequest {
    SignInRequest::new(redirect_uri(), Scopes::parse("offline_access"))
}

async fn sign_in(
    server: &AuthorizationServer,
    provider: &Oidc,
    asking: SignInRequest,
) -> Result<Session, ProviderError> {
    let pending = provider.authorization_request(asking).await?;
    let callback = server.authorize(&pending.authorization_url).unwrap();
    provider.exchange(pending, &callback).await
}

async fn refreshed(provider: &Oidc, session: &Session, target: &Target) -> Result<Session, ProviderError> {
    provider.prepare(session).await?;
    let merged = session.merge_refresh(provider.refresh(session, target).await?, target);
    assert_eq!(merged.violation, None);
    Ok(merged.session)
}

#[tokio::test]
async fn a_bound_session_is_refreshed_and_asks_about_its_user_with_its_own_key() {
    let server = server()
        .require_dpop(true)
        .require_dpop_nonce(true)
        .require_dpop_nonce_at_userinfo(true)
        .start()
        .await
        .unwrap();
    let session = sign_in(&server, &provider(&server).dpop(true).build().unwrap(), asking()).await.unwrap();
    assert_eq!(session.tokens.token_type, TokenType::DPoP);
    let challenges = server.counters().dpop_nonce_challenges;

    // Another process knows nothing but what was stored; the nonce in it saves it the challenge.
    let elsewhere = provider(&server).build().unwrap();
    let session = refreshed(&elsewhere, &session, &Target::default()).await.unwrap();
    assert_eq!(server.counters().dpop_nonce_challenges, challenges);
    let bound_to = server.access_token_key(session.tokens.access_token.as_ref().unwrap().expose());
    assert_eq!(bound_to, Some(session.dpop.as_ref().unwrap().thumbprint.clone()));

    server.renew_dpop_nonce();
    let session = refreshed(&elsewhere, &session, &Target::default()).await.unwrap();
    assert_eq!(server.counters().dpop_nonce_challenges, challenges + 1, "one challenge, one answer");
    let user = elsewhere.userinfo(&session).await.unwrap();
    assert_eq!(Some(user.subject), session.subject);

    let mut unbound = session.clone();
    unbound.dpop = None;
    assert_eq!(elsewhere.userinfo(&unbound).await.unwrap_err().kind(), Misconfigured);
    assert!(refreshed(&elsewhere, &unbound, &Target::default()).await.is_err());
    // A refusal for want of a proof costs the session nothing.
    refreshed(&elsewhere, &session, &Target::default()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_wants_requests_pushed_gets_them_pushed() {
    let server = server().require_pushed_authorization_requests(true).start().await.unwrap();
    let provider = provider(&server).dpop(true).build().unwrap();
    let pending = provider.authorization_request(asking()).await.unwrap();
    let names: Vec<_> = pending.authorization_url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    let callback = server.authorize(&pending.authorization_url).unwrap();
    assert!(provider.exchange(pending, &callback).await.unwrap().dpop.is_some());
    assert_eq!(server.counters().pushed_authorization_requests, 1);
}

#[tokio::test]
async fn a_client_that_signs_signs_every_request_anew() {
    let secret = "a secret that is long enough for HMAC-SHA256";
    let client = Client::client_secret_jwt("my-app", secret).redirect_uri(redirect_uri());
    let server = AuthorizationServer::builder().client(client).require_dpop_nonce(true).start().await.unwrap();
    let auth = ClientAuth::SecretJwt(ClientSecret::new(secret));
    let provider = provider(&server).client_auth(auth).dpop(true).build().unwrap();
    // The code is presented twice, the second time with the nonce; the server refuses an assertion it has seen.
    let session = sign_in(&server, &provider, asking()).await.unwrap();
    let session = refreshed(&provider, &session, &Target::default()).await.unwrap();
    provider.revoke(&session).await.unwrap();
    assert!(server.counters().dpop_nonce_challenges >= 1);
}

#[tokio::test]
async fn one_refresh_token_reaches_every_resource_of_the_sign_in_and_no_other() {
    let server = server().resource(REPORTS, "read write").resource(BILLING, "pay").start().await.unwrap();
    let provider = provider(&server).build().unwrap();
    let mut asking = asking();
    asking.resources = vec![REPORTS.into()];
    asking.scopes = Scopes::parse("offline_access read write");
    let session = sign_in(&server, &provider, asking).await.unwrap();

    let target = Target::resource(REPORTS).scopes(Scopes::parse("read"));
    let session = refreshed(&provider, &session, &target).await.unwrap();
    let token = session.tokens_for(&target).unwrap().access_token.as_ref().unwrap().expose();
    assert_eq!(server.access_token_audience(token), [REPORTS]);
    assert!(server.access_token_scope(token).unwrap().contains("read"));

    let presented = server.presentations().len();
    let error = refreshed(&provider, &session, &Target::resource(BILLING)).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
    assert!(error.to_string().contains("name the resource at the sign-in"), "{error}");
    assert_eq!(server.presentations().len(), presented, "nothing was sent");
}

#[tokio::test]
async fn a_device_signs_in_at_servers_of_every_habit() {
    for habits in [DeviceHabits::Standard, DeviceHabits::Auth0, DeviceHabits::Google] {
        let server = server().device_habits(habits).start().await.unwrap();
        let provider = provider(&server).build().unwrap();
        let mut pending = start(&provider).await;
        assert!(matches!(provider.poll(&mut pending).await.unwrap(), DevicePoll::Pending), "{habits:?}");
        let interval = pending.interval;
        assert!(matches!(provider.poll(&mut pending).await.unwrap(), DevicePoll::Pending), "{habits:?}");
        assert_eq!(pending.interval, interval + std::time::Duration::from_secs(5), "{habits:?} slows it down");

        let mut approved = start(&provider).await;
        assert!(server.approve_device(&approved.user_code));
        let DevicePoll::SignedIn(session) = provider.poll(&mut approved).await.unwrap() else { panic!("{habits:?}") };
        refreshed(&provider, &session, &Target::default()).await.unwrap();

        let mut denied = start(&provider).await;
        assert!(server.deny_device(&denied.user_code));
        assert_eq!(provider.poll(&mut denied).await.unwrap_err().kind(), Refused, "{habits:?}");
    }
}

async fn start(provider: &Oidc) -> PendingDevice {
    provider.device_authorization(DeviceRequest::new(Scopes::parse("offline_access"))).await.unwrap()
}

#[tokio::test]
async fn keys_that_rotate_cost_nobody_a_sign_in_or_a_refresh() {
    let server = server().start().await.unwrap();
    let provider = provider(&server).build().unwrap();
    let session = sign_in(&server, &provider, asking()).await.unwrap();
    server.rotate_signing_key().await;
    server.withdraw_former_keys();
    let session = refreshed(&provider, &session, &Target::default()).await.unwrap();
    refreshed(&provider, &session, &Target::default()).await.unwrap();
    sign_in(&server, &provider, asking()).await.unwrap();
}

#[tokio::test]
async fn a_logout_token_counts_once() {
    let server = server().start().await.unwrap();
    let provider = provider(&server).build().unwrap();
    let session = sign_in(&server, &provider, asking()).await.unwrap();
    let token = server.logout_token("my-app", session.subject.as_deref(), session.sid.as_deref());
    let logout = provider.logout_token(&token).await.unwrap();
    assert_eq!((logout.subject, logout.sid), (session.subject.clone(), session.sid.clone()));
    assert_eq!(provider.logout_token(&token).await.unwrap_err().kind(), InvalidAnswer, "a replay");
    let for_another = server.logout_token("web-app", session.subject.as_deref(), None);
    assert_eq!(provider.logout_token(&for_another).await.unwrap_err().kind(), InvalidAnswer);
    let no_event =
        json!({ "iss": server.issuer(), "aud": "my-app", "sub": session.subject, "iat": 1, "exp": 4e9, "jti": "j" });
    let error = provider.logout_token(&server.sign_claims("logout+jwt", &no_event)).await.unwrap_err();
    assert_eq!(error.kind(), InvalidAnswer);
}
