//! From the authorization URL to a session, and everything that must not become one.

use std::sync::Arc;
use std::time::Duration;

use crate::authority::{Authority, NOW, assert_shows_no_secret, key_set, signed_as};
use oidc_session_core::ProviderErrorKind::{InvalidAnswer, Misconfigured, OutcomeUnknown, Refused, Rejected, TryLater};
use oidc_session_core::{
    AccessToken, PendingSignIn, ProviderError, RefreshToken, Scopes, Session, SignIn as _, SignInRequest, Timestamp,
};
use oidc_session_provider_oidc::{Dialect, Fields, Oidc};
use oidc_session_testkit::ManualClock;
use serde_json::{Value, json};
use url::Url;
use wiremock::ResponseTemplate;

async fn start(provider: &Oidc) -> PendingSignIn {
    let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
    let request = SignInRequest::new(redirect_uri, Scopes::parse("offline_access"));
    provider.authorization_request(request).await.unwrap()
}

fn callback(pending: &PendingSignIn, parameters: &[(&str, &str)]) -> Url {
    let mut url = pending.redirect_uri.clone();
    url.query_pairs_mut().append_pair("state", &pending.state).extend_pairs(parameters);
    url
}

async fn answer_with(authority: &Authority, answer: Value) {
    authority.on("POST", "/token", ResponseTemplate::new(200).set_body_json(answer)).await;
}

/// A whole sign-in whose ID token has the nonce and `changes`, signed by `signer`.
async fn sign_in(authority: &Authority, signer: (&str, u8), changes: Value) -> Result<Session, ProviderError> {
    let header = json!({ "alg": "EdDSA", "kid": signer.0 });
    sign_in_with(authority, &authority.provider(), (header, signer.1), changes).await
}

async fn sign_in_with(
    authority: &Authority,
    provider: &Oidc,
    signer: (Value, u8),
    changes: Value,
) -> Result<Session, ProviderError> {
    let pending = start(provider).await;
    let mut claims = authority.claims(json!({ "nonce": pending.nonce }));
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let id_token = signed_as(&signer.0, signer.1, &claims);
    let answer = json!({
        "access_token": "secret-at", "refresh_token": "secret-rt", "expires_in": 300, "id_token": id_token,
    });
    answer_with(authority, answer).await;
    let callback = callback(&pending, &[("code", "secret-code")]);
    let session = provider.exchange(pending, &callback).await;
    if let Err(error) = &session {
        assert_shows_no_secret(error);
    }
    session
}

#[tokio::test]
async fn a_code_becomes_a_session() {
    let authority = Authority::start().await;
    let session = sign_in(&authority, ("k1", 1), json!({})).await.unwrap();
    assert_eq!(session.provider_id.as_str(), "oidc");
    assert_eq!(session.issuer, authority.issuer());
    assert_eq!(session.client_id, "my-app");
    assert_eq!(session.subject.as_deref(), Some("sub-1"));
    assert_eq!(session.sid.as_deref(), Some("sid-1"));
    assert_eq!(session.auth_time, Some(NOW.as_unix_seconds() - 5));
    assert!(session.nonce.is_some());
    assert_eq!(session.signed_in_at, NOW);
    assert_eq!(session.tokens.access_token, Some(AccessToken::new("secret-at")));
    assert_eq!(session.tokens.refresh_token, Some(RefreshToken::new("secret-rt")));
    assert!(session.tokens.id_token.is_some());
    assert_eq!(session.tokens.requested_at, NOW);
}

#[tokio::test]
async fn the_code_is_exchanged_with_the_verifier_of_its_challenge() {
    let authority = Authority::start().await;
    let provider = authority.provider();
    let pending = start(&provider).await;
    let verifier = pending.code_verifier.clone();
    answer_with(&authority, json!({})).await;
    let callback = callback(&pending, &[("code", "code-1")]);
    assert_eq!(provider.exchange(pending, &callback).await.unwrap_err().kind(), OutcomeUnknown);

    let requests = authority.http.received_requests().await.unwrap();
    let request = requests.iter().find(|request| request.url.path() == "/token").unwrap();
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        format!(
            "grant_type=authorization_code&client_id=my-app&code=code-1\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&code_verifier={}",
            verifier.expose()
        )
    );
}

#[tokio::test]
async fn an_id_token_that_does_not_verify_makes_no_session() {
    let authority = Authority::start().await;
    for (signer, changes) in [
        (("k1", 1), json!({ "nonce": "other" })),
        (("k1", 1), json!({ "nonce": null })),
        (("k1", 1), json!({ "iss": "https://evil.example" })),
        (("k1", 1), json!({ "aud": "other" })),
        (("k1", 1), json!({ "exp": 1 })),
        (("k1", 2), json!({})),
        (("k2", 2), json!({})),
    ] {
        authority.http.reset().await;
        authority.publish(json!({})).await;
        authority.publish_keys(&[("k1", 1)]).await;
        let error = sign_in(&authority, signer, changes.clone()).await.unwrap_err();
        assert_eq!(error.kind(), InvalidAnswer, "{signer:?} {changes}");
    }
}

#[tokio::test]
async fn an_answer_without_the_tokens_of_a_sign_in_makes_no_session() {
    for answer in [json!({ "access_token": "at" }), json!({ "id_token": "a.b.c" })] {
        let authority = Authority::start().await;
        answer_with(&authority, answer.clone()).await;
        let provider = authority.provider();
        let pending = start(&provider).await;
        let callback = callback(&pending, &[("code", "c")]);
        let error = provider.exchange(pending, &callback).await.unwrap_err();
        assert_eq!(error.kind(), InvalidAnswer, "{answer}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once() {
    let authority = Authority::silent().await;
    authority.publish(json!({})).await;
    let before = wiremock::Mock::given(wiremock::matchers::path("/jwks")).respond_with(key_set(&[("k1", 1)]));
    before.up_to_n_times(1).mount(&authority.http).await;
    authority.publish_keys(&[("k1", 1), ("k2", 2)]).await;
    assert!(sign_in(&authority, ("k2", 2), json!({})).await.is_ok());
    assert_eq!(authority.count("/jwks").await, 2);
}

#[tokio::test]
async fn a_new_key_under_an_old_name_is_looked_for_once() {
    for (seed, found) in [(2, true), (3, false)] {
        let authority = Authority::silent().await;
        authority.publish(json!({})).await;
        let before = wiremock::Mock::given(wiremock::matchers::path("/jwks")).respond_with(key_set(&[("k1", 1)]));
        before.up_to_n_times(1).mount(&authority.http).await;
        authority.publish_keys(&[("k1", 2)]).await;
        assert_eq!(sign_in(&authority, ("k1", seed), json!({})).await.is_ok(), found);
        assert_eq!(authority.count("/jwks").await, 2);
    }
}

#[tokio::test]
async fn a_callback_that_is_not_ours_spends_no_code() {
    let authority = Authority::silent().await;
    authority.publish(json!({ "authorization_response_iss_parameter_supported": true })).await;
    authority.publish_keys(&[("k1", 1)]).await;
    let issuer = authority.issuer();
    let provider = authority.provider();
    for (parameters, expected) in [
        (vec![("code", "secret")], InvalidAnswer), // no `iss`, although it is announced
        (vec![("code", "secret"), ("iss", "https://evil.example")], InvalidAnswer),
        (vec![("code", "secret"), ("code", "secret"), ("iss", &issuer)], InvalidAnswer),
        (vec![("code", "secret"), ("state", "secret"), ("iss", &issuer)], InvalidAnswer),
        (vec![("error", "access_denied"), ("iss", &issuer)], Refused),
        (vec![("error", "invalid_scope"), ("iss", &issuer)], Misconfigured),
    ] {
        let pending = start(&provider).await;
        let callback = callback(&pending, &parameters);
        let error = provider.exchange(pending, &callback).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{parameters:?}");
        assert_shows_no_secret(&error);
    }
    let pending = start(&provider).await;
    let mut other = start(&provider).await;
    other.state = pending.state.clone() + "x";
    let callback = callback(&other, &[("code", "secret"), ("iss", &issuer)]);
    assert_eq!(provider.exchange(pending, &callback).await.unwrap_err().kind(), InvalidAnswer);
    assert_eq!(authority.count("/token").await, 0);
}

#[tokio::test]
async fn a_spent_code_is_a_verdict_on_the_code() {
    let authority = Authority::start().await;
    let spent = ResponseTemplate::new(400).set_body_json(json!({ "error": "invalid_grant" }));
    authority.on("POST", "/token", spent).await;
    let provider = authority.provider();
    let pending = start(&provider).await;
    let callback = callback(&pending, &[("code", "c")]);
    assert_eq!(provider.exchange(pending, &callback).await.unwrap_err().kind(), Rejected);
}

#[tokio::test]
async fn a_server_without_an_authorization_endpoint_signs_nobody_in() {
    let authority = Authority::silent().await;
    authority.publish(json!({ "authorization_endpoint": null })).await;
    let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
    let request = SignInRequest::new(redirect_uri, Scopes::default());
    let error = authority.provider().authorization_request(request).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
}

#[tokio::test]
async fn a_clock_that_is_off_by_an_hour_is_named_with_its_fix() {
    let authority = Authority::start().await;
    let hour = Duration::from_secs(3600);
    for (is_fast, told) in [(true, "probably fast by about 60 minutes"), (false, "probably slow by about 60 minutes")] {
        authority.http.reset().await;
        authority.publish(json!({})).await;
        authority.publish_keys(&[("k1", 1)]).await;
        let clock = ManualClock::new();
        if is_fast {
            clock.set_forward(hour)
        } else {
            clock.set_back(hour)
        }
        let provider = authority.builder().clock(Arc::new(clock)).build().unwrap();
        let signer = (json!({ "alg": "EdDSA", "kid": "k1" }), 1);
        let error = sign_in_with(&authority, &provider, signer, json!({})).await.unwrap_err();
        assert_eq!(error.kind(), InvalidAnswer);
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(error.advice(), Some("set the clock of this machine, best by NTP"));
    }
}

#[tokio::test]
async fn a_new_key_is_looked_for_even_if_tokens_do_not_name_theirs() {
    let authority = Authority::silent().await;
    authority.publish(json!({})).await;
    let before = wiremock::Mock::given(wiremock::matchers::path("/jwks")).respond_with(key_set(&[("k1", 1)]));
    before.up_to_n_times(1).mount(&authority.http).await;
    authority.publish_keys(&[("k2", 2)]).await;
    let nameless = (json!({ "alg": "EdDSA" }), 2);
    assert!(sign_in_with(&authority, &authority.provider(), nameless, json!({})).await.is_ok());
    assert_eq!(authority.count("/jwks").await, 2);
}

#[tokio::test]
async fn an_issuer_that_is_no_url_signs_in_under_its_one_spelling() {
    #[derive(Debug)]
    struct WithoutScheme;
    impl Dialect for WithoutScheme {
        fn issuer_of(&self, published: &str, claims: &Fields) -> Option<String> {
            let iss = claims.get("iss").and_then(Value::as_str)?;
            (iss == published || iss == "login.example").then(|| published.to_owned())
        }
    }
    let authority = Authority::start().await;
    let provider = authority.builder().dialect(WithoutScheme).build().unwrap();
    let signer = (json!({ "alg": "EdDSA", "kid": "k1" }), 1);
    let session = sign_in_with(&authority, &provider, signer, json!({ "iss": "login.example" })).await.unwrap();
    assert_eq!(session.issuer, authority.issuer());
}

#[tokio::test]
async fn no_code_is_spent_without_the_keys_to_verify_what_it_brings() {
    let authority = Authority::silent().await;
    authority.publish(json!({})).await;
    authority.on("GET", "/jwks", ResponseTemplate::new(503)).await;
    let provider = authority.provider();
    let pending = start(&provider).await;
    let callback = callback(&pending, &[("code", "secret-code")]);
    assert_eq!(provider.exchange(pending, &callback).await.unwrap_err().kind(), TryLater);
    assert_eq!(authority.count("/token").await, 0);
}

#[tokio::test]
async fn a_session_knows_what_was_asked_for_and_when_it_ends() {
    #[derive(Debug)]
    struct Limited;
    impl Dialect for Limited {
        fn ends_at(&self, claims: &Fields) -> Option<Timestamp> {
            claims.get("ends")?.as_i64().map(Timestamp::from_unix_seconds)
        }
    }
    let authority = Authority::start().await;
    let provider = authority.builder().dialect(Limited).build().unwrap();
    let mut request = SignInRequest::new(Url::parse("http://127.0.0.1:9/callback").unwrap(), Scopes::parse("a"));
    request.resources = vec!["https://api.example".into()];
    let pending = provider.authorization_request(request).await.unwrap();
    assert!(
        pending.authorization_url.query_pairs().any(|pair| pair == ("resource".into(), "https://api.example".into()))
    );
    let claims = authority.claims(json!({ "nonce": pending.nonce, "ends": 1_700_009_000 }));
    let id_token = signed_as(&json!({ "alg": "EdDSA", "kid": "k1" }), 1, &claims);
    answer_with(&authority, json!({ "access_token": "at", "id_token": id_token, "refresh_token_expires_in": 60 }))
        .await;
    let callback = callback(&pending, &[("code", "c")]);
    let session = provider.exchange(pending, &callback).await.unwrap();
    assert_eq!(session.resources, ["https://api.example"]);
    assert_eq!(session.requested_scope, Some(Scopes::parse("a openid")));
    assert_eq!(session.ends_at, Some(Timestamp::from_unix_seconds(1_700_009_000)));
    assert_eq!(session.tokens.refresh_token_expires_at, Some(NOW + Duration::from_secs(60)));
}

#[tokio::test]
async fn a_subject_whom_the_dialect_does_not_admit_makes_no_session() {
    #[derive(Debug)]
    struct OneOrganization;
    impl Dialect for OneOrganization {
        fn admits(&self, claims: &Fields) -> Result<(), &'static str> {
            if claims["org"] == "ours" { Ok(()) } else { Err("it is of another organization") }
        }
    }
    for (organization, admitted) in [("ours", true), ("secret", false)] {
        let authority = Authority::start().await;
        let provider = authority.builder().dialect(OneOrganization).build().unwrap();
        let signer = (json!({ "alg": "EdDSA", "kid": "k1" }), 1);
        let session = sign_in_with(&authority, &provider, signer, json!({ "org": organization })).await;
        assert_eq!(session.is_ok(), admitted);
        assert!(session.err().is_none_or(|error| error.to_string().contains("another organization")));
    }
}
