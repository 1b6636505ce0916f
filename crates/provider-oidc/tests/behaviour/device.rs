//! Signing in on a device that has no browser.

use std::sync::Arc;
use std::time::Duration;

use crate::authority::{Authority, CLIENT_ID, NOW, assert_shows_no_secret, signed};
use oidc_session_core::ProviderErrorKind::{InvalidAnswer, Misconfigured, OutcomeUnknown, Refused, Rejected, TryLater};
use oidc_session_core::{
    AccessToken, Clock as _, DevicePoll, DeviceRequest, DeviceSignIn as _, PendingDevice, ProviderError, RefreshToken,
    Scopes,
};
use oidc_session_provider_oidc::{DeviceStatus, Dialect, ErrorAnswer, Oidc, OidcBuilder};
use oidc_session_testkit::ManualClock;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

/// A server that hands out codes.
async fn with_codes() -> Authority {
    let authority = Authority::silent().await;
    let endpoint = format!("{}/device", authority.issuer());
    authority.publish(json!({ "device_authorization_endpoint": endpoint })).await;
    authority.publish_keys(&[("k1", 1)]).await;
    let answer = json!({
        "device_code": "secret-dc", "user_code": "WDJB-MJHT", "expires_in": "600", "interval": 1,
        "verification_url": format!("{}/activate", authority.issuer()),
    });
    authority.on("POST", "/device", ResponseTemplate::new(200).set_body_json(answer)).await;
    authority
}

async fn begin(provider: &Oidc) -> PendingDevice {
    provider.device_authorization(DeviceRequest::new(Scopes::parse("offline_access"))).await.unwrap()
}

/// Scripts the next answer of the token endpoint that is not scripted yet.
async fn once(authority: &Authority, answer: ResponseTemplate) {
    let next = Mock::given(method("POST")).and(path("/token")).respond_with(answer);
    next.up_to_n_times(1).mount(&authority.http).await;
}

fn refusal(status: u16, error: &str) -> ResponseTemplate {
    let text = "secret text of the server";
    ResponseTemplate::new(status).set_body_json(json!({ "error": error, "error_description": text }))
}

fn tokens(authority: &Authority, token_type: &str) -> ResponseTemplate {
    let id_token = signed("k1", 1, &authority.claims(json!({})));
    ResponseTemplate::new(200).set_body_json(json!({
        "access_token": "secret-at", "refresh_token": "secret-rt", "id_token": id_token, "token_type": token_type,
        "expires_in": 300,
    }))
}

/// What one poll makes of `answer`, and the interval after it, which was five seconds.
async fn polled(provider: &OidcBuilder, authority: &Authority, answer: ResponseTemplate) -> (Polled, Duration) {
    let provider = provider.clone().build().unwrap();
    let mut pending = begin(&provider).await;
    pending.interval = Duration::from_secs(5);
    once(authority, answer).await;
    let polled = provider.poll(&mut pending).await;
    if let Err(error) = &polled {
        assert_shows_no_secret(error);
    }
    (polled, pending.interval)
}

type Polled = Result<DevicePoll, ProviderError>;

async fn bodies(authority: &Authority, at: &str) -> Vec<String> {
    let requests = authority.http.received_requests().await.unwrap();
    let requests = requests.into_iter().filter(|request| request.url.path() == at);
    requests.map(|request| String::from_utf8(request.body).unwrap()).collect()
}

#[tokio::test]
async fn a_device_asks_for_a_code_and_shows_it() {
    #[derive(Debug)]
    struct Audience;
    impl Dialect for Audience {
        fn device_parameters(&self) -> Vec<(&'static str, String)> {
            vec![("audience", "https://api.example".into())]
        }
        fn scopes_to_request(&self, wanted: &Scopes) -> Scopes {
            Scopes::parse(&format!("{wanted} extra"))
        }
    }
    let authority = with_codes().await;
    let provider = authority.builder().dialect(Audience).build().unwrap();
    let mut request = DeviceRequest::new(Scopes::parse("offline_access"));
    request.parameters.push(("login_hint".into(), "a b".into()));
    let pending = provider.device_authorization(request).await.unwrap();
    assert_eq!(pending.user_code, "WDJB-MJHT");
    assert_eq!(pending.verification_uri.as_str(), format!("{}/activate", authority.issuer()));
    assert_eq!(pending.expires_at, NOW + Duration::from_secs(600));
    assert_eq!(pending.interval, Duration::from_secs(1));
    assert_eq!(pending.scopes, Scopes::parse("extra offline_access openid"));
    assert!(pending.dpop_key.is_none());
    assert_eq!(
        bodies(&authority, "/device").await,
        ["client_id=my-app&scope=extra+offline_access+openid&audience=https%3A%2F%2Fapi.example&login_hint=a+b"]
    );
}

#[tokio::test]
async fn a_server_without_device_flow_is_a_wrong_setting() {
    let authority = Authority::start().await;
    let error = authority.provider().device_authorization(DeviceRequest::default()).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
    assert!(error.to_string().contains("offers no sign-in on devices"), "{error}");
}

#[tokio::test]
async fn a_refused_device_authorization_says_what_to_do() {
    let json = |status: u16, body: Value| ResponseTemplate::new(status).set_body_json(body);
    for (answer, expected) in [
        (refusal(401, "invalid_client"), Misconfigured),
        (refusal(200, "unauthorized_client"), Misconfigured),
        (refusal(429, "too_many_requests"), TryLater),
        (refusal(500, "server_error"), OutcomeUnknown),
        (json(200, json!({})), InvalidAnswer),
        (json(200, json!({ "device_code": "secret", "user_code": "secret" })), InvalidAnswer),
        (json(200, json!(["secret"])), OutcomeUnknown),
        (ResponseTemplate::new(404), Misconfigured),
    ] {
        let authority = Authority::silent().await;
        let endpoint = format!("{}/device", authority.issuer());
        authority.publish(json!({ "device_authorization_endpoint": endpoint })).await;
        authority.on("POST", "/device", answer).await;
        let error = authority.provider().device_authorization(DeviceRequest::default()).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
        assert_shows_no_secret(&error);
    }
}

#[tokio::test]
async fn a_poll_presents_the_code_once_and_makes_a_session() {
    let authority = with_codes().await;
    let provider = authority.provider();
    let mut pending = begin(&provider).await;
    once(&authority, tokens(&authority, "Bearer")).await;
    let DevicePoll::SignedIn(session) = provider.poll(&mut pending).await.unwrap() else {
        panic!("the server answered with tokens");
    };
    assert_eq!(
        bodies(&authority, "/token").await,
        ["grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=my-app&device_code=secret-dc"]
    );
    assert_eq!(session.client_id, CLIENT_ID);
    assert_eq!(session.issuer, authority.issuer());
    assert_eq!(session.subject.as_deref(), Some("sub-1"));
    assert_eq!(session.nonce, None);
    assert_eq!(session.requested_scope, Some(Scopes::parse("offline_access openid")));
    assert_eq!(session.tokens.access_token, Some(AccessToken::new("secret-at")));
    assert_eq!(session.tokens.refresh_token, Some(RefreshToken::new("secret-rt")));
    assert_eq!(session.dpop, None);
}

#[tokio::test]
async fn each_server_says_not_yet_in_its_own_way() {
    for (server, status, error, slower) in [
        ("the standard", 400, "authorization_pending", false),
        ("the standard", 400, "slow_down", true),
        ("Auth0", 403, "authorization_pending", false),
        ("Auth0", 429, "slow_down", true),
        ("Entra ID", 400, "authorization_pending", false),
        ("Okta", 400, "authorization_pending", false),
        ("Google", 428, "authorization_pending", false),
        ("Google", 403, "slow_down", true),
        ("a server that always succeeds", 200, "authorization_pending", false),
        ("a server that always fails", 503, "authorization_pending", false),
    ] {
        let authority = with_codes().await;
        let answer = refusal(status, error).insert_header("Retry-After", "1");
        let (polled, interval) = polled(&authority.builder(), &authority, answer).await;
        assert!(matches!(polled, Ok(DevicePoll::Pending)), "{server}: {polled:?}");
        assert_eq!(interval, Duration::from_secs(if slower { 10 } else { 5 }), "{server}");
        assert_eq!(authority.count("/token").await, 1, "{server}");
    }
}

#[tokio::test]
async fn each_server_says_no_in_its_own_way() {
    for (status, error, expected) in [
        (400, "access_denied", Refused),
        (403, "access_denied", Refused),
        (400, "expired_token", Rejected),
        (403, "expired_token", Rejected),
        (403, "invalid_grant", Rejected),
        (401, "invalid_client", Misconfigured),
        (400, "unauthorized_client", Misconfigured),
        (429, "too_many_requests", TryLater),
        (500, "invalid_grant", OutcomeUnknown),
    ] {
        let authority = with_codes().await;
        let (polled, interval) = polled(&authority.builder(), &authority, refusal(status, error)).await;
        let refused = polled.unwrap_err();
        assert_eq!(refused.kind(), expected, "{status} {error}");
        assert_eq!(interval, Duration::from_secs(5));
        if error == "expired_token" {
            assert_eq!(refused.error_code(), Some("expired_token"));
            assert!(refused.advice().unwrap().contains("anew"));
        }
    }
}

#[tokio::test]
async fn a_dialect_has_its_own_words_for_no() {
    #[derive(Debug)]
    struct Declines;
    impl Dialect for Declines {
        fn device_status(&self, answer: &ErrorAnswer) -> Option<DeviceStatus> {
            match (answer.status(), answer.error()) {
                (400, "authorization_declined") => Some(DeviceStatus::Denied),
                (401, "access_denied") => None,
                _ => DeviceStatus::by_standard(answer),
            }
        }
    }
    for (status, error, expected) in [
        (400, "authorization_declined", Refused),
        (403, "access_denied", Refused),
        (401, "access_denied", Misconfigured),
    ] {
        let authority = with_codes().await;
        let provider = authority.builder().dialect(Declines);
        let (polled, _) = polled(&provider, &authority, refusal(status, error)).await;
        assert_eq!(polled.unwrap_err().kind(), expected, "{status} {error}");
    }
}

#[tokio::test]
async fn tokens_beside_an_error_are_not_thrown_away() {
    let authority = with_codes().await;
    let id_token = signed("k1", 1, &authority.claims(json!({})));
    let answer = json!({ "access_token": "secret-at", "id_token": id_token, "error": "authorization_pending" });
    let answer = ResponseTemplate::new(200).set_body_json(answer);
    let (polled, _) = polled(&authority.builder(), &authority, answer).await;
    assert!(matches!(polled, Ok(DevicePoll::SignedIn(_))), "{polled:?}");
}

#[tokio::test]
async fn tokens_that_do_not_verify_make_no_session() {
    for (signer, changes) in
        [(("k1", 1), json!({ "aud": "other" })), (("k1", 2), json!({})), (("k1", 1), json!({ "exp": 1 }))]
    {
        let authority = with_codes().await;
        let id_token = signed(signer.0, signer.1, &authority.claims(changes.clone()));
        let answer = json!({ "access_token": "secret-at", "id_token": id_token, "token_type": "Bearer" });
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        let (polled, _) = polled(&authority.builder(), &authority, answer).await;
        assert_eq!(polled.unwrap_err().kind(), InvalidAnswer, "{changes}");
    }
}

#[tokio::test]
async fn an_expired_code_is_not_sent() {
    let authority = with_codes().await;
    let clock = ManualClock::new();
    let provider = authority.builder().clock(Arc::new(clock.clone())).build().unwrap();
    let mut pending = begin(&provider).await;
    once(&authority, refusal(400, "authorization_pending")).await;
    clock.advance(pending.expires_at.saturating_since(clock.now()) - Duration::from_millis(1));
    assert!(provider.poll(&mut pending).await.is_ok());
    clock.advance(Duration::from_millis(1));
    let error = provider.poll(&mut pending).await.unwrap_err();
    assert_eq!((error.kind(), error.error_code()), (Rejected, None));
    assert!(error.advice().unwrap().contains("anew"));
    assert_eq!(provider.device_session(pending).await.unwrap_err().kind(), Rejected);
    assert_eq!(authority.count("/token").await, 1);
}

#[tokio::test]
async fn no_code_is_spent_without_the_keys_to_verify_what_it_brings() {
    let authority = Authority::silent().await;
    let endpoint = format!("{}/device", authority.issuer());
    authority.publish(json!({ "device_authorization_endpoint": endpoint })).await;
    authority.on("GET", "/jwks", ResponseTemplate::new(503)).await;
    let answer = json!({ "device_code": "dc", "user_code": "uc", "verification_uri": authority.issuer() });
    authority.on("POST", "/device", ResponseTemplate::new(200).set_body_json(answer)).await;
    let provider = authority.provider();
    let mut pending = begin(&provider).await;
    assert_eq!(provider.poll(&mut pending).await.unwrap_err().kind(), TryLater);
    assert_eq!(authority.count("/token").await, 0);
}

#[tokio::test]
async fn waiting_for_the_subject_ends_with_a_session() {
    let authority = with_codes().await;
    let provider = authority.provider();
    let mut pending = begin(&provider).await;
    pending.interval = Duration::ZERO;
    for _ in 0..3 {
        once(&authority, refusal(403, "authorization_pending")).await;
    }
    once(&authority, tokens(&authority, "Bearer")).await;
    let session = provider.device_session(pending).await.unwrap();
    assert_eq!(session.subject.as_deref(), Some("sub-1"));
    assert_eq!(authority.count("/token").await, 4);
}

#[tokio::test]
async fn every_poll_proves_possession_of_one_key_and_the_session_keeps_it() {
    let authority = with_codes().await;
    let provider = authority.builder().dpop(true).build().unwrap();
    let mut pending = begin(&provider).await;
    let challenge = refusal(400, "use_dpop_nonce").insert_header("DPoP-Nonce", "n-1");
    once(&authority, challenge).await;
    once(&authority, refusal(403, "authorization_pending")).await;
    once(&authority, tokens(&authority, "DPoP")).await;
    assert!(matches!(provider.poll(&mut pending).await, Ok(DevicePoll::Pending)));
    let Ok(DevicePoll::SignedIn(session)) = provider.poll(&mut pending).await else {
        panic!("the server answered with tokens");
    };
    let binding = session.dpop.unwrap();
    assert_eq!(Some(binding.key), pending.dpop_key);
    assert_eq!(binding.nonce.as_deref(), Some("n-1"));

    let requests = authority.http.received_requests().await.unwrap();
    let proofs: Vec<_> = requests.iter().filter_map(|request| request.headers.get("dpop")).collect();
    assert_eq!(proofs.len(), 3);
    for proof in proofs {
        let jwk = jsonwebtoken::decode_header(proof.to_str().unwrap()).unwrap().jwk.unwrap();
        let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
        assert_eq!(thumbprint, binding.thumbprint);
    }
}

#[tokio::test]
async fn a_device_gets_no_unbound_token_if_dpop_was_asked_for() {
    let authority = with_codes().await;
    let provider = authority.builder().dpop(true);
    let (polled, _) = polled(&provider, &authority, tokens(&authority, "Bearer")).await;
    assert_eq!(polled.unwrap_err().kind(), Misconfigured);
}
