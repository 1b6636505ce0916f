//! What a refresh sends, and what it makes of a good answer.

use std::sync::Arc;
use std::time::Duration;

use crate::authority::{Authority, NOW, assert_shows_no_secret, jwk, key_set, signed};
use oidc_session_core::{
    AccessToken, AnsweredIdToken, ClientSecret, Provider as _, ProviderErrorKind, ProviderId, ProviderProfile,
    RefreshToken, Scopes, SessionData, Target, TokenAnswer, TokenType,
};
use oidc_session_provider_oidc::{ClientAuth, Dialect, Fields, Oidc};
use oidc_session_testkit::ManualClock;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

async fn refreshed(authority: &Authority, provider: &Oidc, answer: Value) -> TokenAnswer {
    authority.on("POST", "/token", ResponseTemplate::new(200).set_body_json(answer)).await;
    let session = authority.session();
    provider.prepare(&session).await.unwrap();
    provider.refresh(&session, &Target::default()).await.unwrap()
}

#[tokio::test]
async fn a_public_client_sends_the_token_and_its_name() {
    let authority = Authority::start().await;
    refreshed(&authority, &authority.provider(), json!({ "access_token": "at-2" })).await;

    let requests = authority.http.received_requests().await.unwrap();
    let request = requests.iter().find(|request| request.url.path() == "/token").unwrap();
    assert_eq!(request.method.as_str(), "POST");
    assert_eq!(request.url.query(), None);
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        "grant_type=refresh_token&client_id=my-app&refresh_token=secret-rt-1"
    );
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers["accept"], "application/json");
    assert!(!request.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_confidential_client_authenticates_in_the_header_or_in_the_body() {
    for (auth, authorization, body) in [
        (
            ClientAuth::Basic(ClientSecret::new("p:w")),
            Some("Basic bXktYXBwOnAlM0F3"), // my-app:p%3Aw
            "grant_type=refresh_token&refresh_token=secret-rt-1",
        ),
        (
            ClientAuth::Post(ClientSecret::new("p:w")),
            None,
            "grant_type=refresh_token&client_id=my-app&client_secret=p%3Aw&refresh_token=secret-rt-1",
        ),
    ] {
        let authority = Authority::start().await;
        let provider = authority.builder().client_auth(auth).build().unwrap();
        refreshed(&authority, &provider, json!({ "access_token": "at-2" })).await;

        let requests = authority.http.received_requests().await.unwrap();
        let request = requests.iter().find(|request| request.url.path() == "/token").unwrap();
        let sent = request.headers.get("authorization").map(|value| value.to_str().unwrap());
        assert_eq!(sent, authorization);
        assert_eq!(String::from_utf8(request.body.clone()).unwrap(), body);
    }
}

#[tokio::test]
async fn every_field_of_the_answer_arrives() {
    let authority = Authority::start().await;
    let id_token = signed("k1", 1, &authority.claims(json!({})));
    let answer = json!({
        "access_token": "at-2", "token_type": "bearer", "expires_in": "300", "refresh_token": "rt-2",
        "scope": "openid profile", "id_token": id_token,
    });
    let answer = refreshed(&authority, &authority.provider(), answer).await;
    assert_eq!(answer.access_token, Some(AccessToken::new("at-2")));
    assert_eq!(answer.token_type, Some(TokenType::Bearer));
    assert_eq!(answer.expires_in, Some(Duration::from_secs(300)));
    assert_eq!(answer.refresh_token, Some(RefreshToken::new("rt-2")));
    assert_eq!(answer.scope, Some(Scopes::parse("openid profile")));
    assert_eq!((answer.requested_at, answer.received_at), (NOW, NOW));
    let Some(AnsweredIdToken::Verified { claims, .. }) = answer.id_token else {
        panic!("the ID token verifies");
    };
    assert_eq!(claims.subject, "sub-1");
    assert_eq!(claims.sid.as_deref(), Some("sid-1"));
    assert_eq!(answer.expires_at_hint, None);
}

#[tokio::test]
async fn an_access_token_is_read_only_where_the_dialect_says_so() {
    #[derive(Debug)]
    struct Readable;
    impl Dialect for Readable {
        fn profile(&self) -> ProviderProfile {
            let mut profile = ProviderProfile::new(ProviderId::new("readable"));
            profile.access_token_readable = true;
            profile
        }
    }
    let authority = Authority::start().await;
    let provider = authority.builder().dialect(Readable).build().unwrap();
    let jwt = signed("k1", 1, &authority.claims(json!({})));
    let answer = refreshed(&authority, &provider, json!({ "access_token": jwt })).await;
    assert_eq!(answer.expires_at_hint, Some(NOW + Duration::from_secs(300)));
    let unread = refreshed(&authority, &authority.provider(), json!({})).await;
    assert_eq!(
        (unread.access_token, unread.expires_at_hint),
        (answer.access_token, None),
        "nobody said it may be read"
    );
}

#[tokio::test]
async fn a_dialect_keeps_what_it_wants_of_an_answer_and_of_the_claims_of_its_id_token() {
    #[derive(Debug)]
    struct Keeping;
    impl Dialect for Keeping {
        fn keep(&self, answer: &Fields, claims: Option<&Fields>) -> SessionData {
            let names = answer.keys().chain(claims.into_iter().flat_map(Fields::keys));
            names.filter(|name| name.starts_with("vendor")).map(|name| (name.clone(), json!(1))).collect()
        }
    }
    for (seed, expected) in [(1, &["vendor_answer", "vendor_claim"][..]), (2, &["vendor_answer"])] {
        let authority = Authority::start().await;
        let provider = authority.builder().dialect(Keeping).build().unwrap();
        let id_token = signed("k1", seed, &authority.claims(json!({ "vendor_claim": 1 })));
        let answer = json!({ "access_token": "at-2", "id_token": id_token, "vendor_answer": 1 });
        let kept = refreshed(&authority, &provider, answer).await.provider_data;
        assert_eq!(kept.keys().collect::<Vec<_>>(), expected, "the claims of a refused token count for nothing");
    }
}

#[tokio::test]
async fn a_scope_that_was_asked_for_and_left_out_is_noticed() {
    for (granted, lacks) in [(json!("read write"), false), (json!("read"), true), (json!(null), false)] {
        let authority = Authority::start().await;
        let answer = json!({ "access_token": "at-2", "scope": granted });
        authority.on("POST", "/token", ResponseTemplate::new(200).set_body_json(answer)).await;
        let mut session = authority.session();
        session.resources = vec!["https://api.example".into()];
        let target = Target::resource("https://api.example").scopes(Scopes::parse("read write"));
        let answer = authority.provider().refresh(&session, &target).await.unwrap();
        assert_eq!(answer.lacks_scope, lacks, "{granted}");
    }
}

#[tokio::test]
async fn discovery_and_keys_are_fetched_once() {
    let authority = Authority::start().await;
    let provider = authority.provider();
    for _ in 0..3 {
        refreshed(&authority, &provider.clone(), json!({ "access_token": "at-2" })).await;
    }
    assert_eq!(authority.count("/.well-known/openid-configuration").await, 1);
    assert_eq!(authority.count("/jwks").await, 1);
    assert_eq!(authority.count("/token").await, 3);
}

#[tokio::test]
async fn a_rotated_signing_key_is_fetched_by_the_next_prepare_and_not_before() {
    let authority = Authority::start().await;
    let provider = authority.provider();
    let id_token = signed("k2", 2, &authority.claims(json!({})));
    let answer = refreshed(&authority, &provider, json!({ "access_token": "at-2", "id_token": id_token })).await;
    assert!(matches!(answer.id_token, Some(AnsweredIdToken::Verified { .. })));
    assert_eq!(authority.count("/jwks").await, 1, "nothing waits between the answer and the store");

    provider.prepare(&authority.session()).await.unwrap();
    assert_eq!(authority.count("/jwks").await, 2);
    provider.prepare(&authority.session()).await.unwrap();
    // The key is still unknown, but nobody has met it since.
    assert_eq!(authority.count("/jwks").await, 2);
}

#[tokio::test]
async fn the_wrong_signature_of_a_known_key_is_refused_but_its_tokens_arrive() {
    let authority = Authority::start().await;
    let id_token = signed("k1", 2, &authority.claims(json!({})));
    let answer = json!({ "access_token": "at-2", "refresh_token": "rt-2", "id_token": id_token });
    let answer = refreshed(&authority, &authority.provider(), answer).await;
    assert!(matches!(answer.id_token, Some(AnsweredIdToken::Refused)));
    assert_eq!(answer.refresh_token, Some(RefreshToken::new("rt-2")));
}

#[tokio::test]
async fn a_token_of_another_server_or_client_is_not_sent() {
    let authority = Authority::start().await;
    let provider = authority.provider();
    let mut elsewhere = authority.session();
    elsewhere.issuer = "https://elsewhere.example".into();
    let mut another = authority.session();
    another.client_id = "another".into();
    let mut without = authority.session();
    without.tokens.refresh_token = None;
    for session in [elsewhere, another, without] {
        let error = provider.refresh(&session, &Target::default()).await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
        assert_shows_no_secret(&error);
    }
    assert_eq!(authority.count("/token").await, 0);
}

#[tokio::test]
async fn a_refresh_without_prepare_discovers_for_itself() {
    let authority = Authority::start().await;
    authority.on("POST", "/token", ResponseTemplate::new(200).set_body_json(json!({ "access_token": "at-2" }))).await;
    assert!(authority.provider().refresh(&authority.session(), &Target::default()).await.is_ok());
}

#[tokio::test]
async fn debug_shows_where_and_who_but_no_secret() {
    let authority = Authority::start().await;
    let auth = ClientAuth::Basic(ClientSecret::new("secret-pw"));
    let builder = authority.builder().client_auth(auth);
    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());
    assert!(shown.contains(&authority.issuer()) && shown.contains("my-app"));
    assert!(!shown.contains("secret-pw"), "{shown}");
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_again_do_not_stop_a_refresh() {
    let authority = Authority::silent().await;
    authority.publish(json!({})).await;
    let once = wiremock::Mock::given(wiremock::matchers::path("/jwks")).respond_with(key_set(&[("k1", 1)]));
    once.up_to_n_times(1).mount(&authority.http).await;
    authority.on("GET", "/jwks", ResponseTemplate::new(503)).await;
    let provider = authority.provider();
    for _ in 0..2 {
        let id_token = signed("k2", 2, &authority.claims(json!({})));
        refreshed(&authority, &provider, json!({ "access_token": "at-2", "id_token": id_token })).await;
    }
    assert_eq!(authority.count("/jwks").await, 2);
}

#[tokio::test]
async fn keys_of_a_day_are_fetched_again_by_prepare_and_stay_in_use_when_that_fails() {
    let authority = Authority::silent().await;
    authority.publish(json!({})).await;
    let once = wiremock::Mock::given(wiremock::matchers::path("/jwks")).respond_with(key_set(&[("k1", 1)]));
    once.up_to_n_times(1).mount(&authority.http).await;
    authority.on("GET", "/jwks", ResponseTemplate::new(503)).await;
    let clock = ManualClock::new();
    let provider = authority.builder().clock(Arc::new(clock.clone())).build().unwrap();
    let session = authority.session();
    provider.prepare(&session).await.unwrap();
    clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    provider.prepare(&session).await.unwrap();
    assert_eq!(authority.count("/jwks").await, 1);
    clock.advance(Duration::from_secs(1));
    let exp = NOW.as_unix_seconds() + 2 * 24 * 60 * 60;
    let id_token = signed("k1", 2, &authority.claims(json!({ "exp": exp })));
    let answer = refreshed(&authority, &provider, json!({ "access_token": "at-2", "id_token": id_token })).await;
    assert_eq!(authority.count("/jwks").await, 2);
    assert!(matches!(answer.id_token, Some(AnsweredIdToken::Refused)), "the older keys still judge");
}

#[tokio::test]
async fn a_new_key_under_an_old_name_costs_one_answer_and_not_a_day() {
    let authority = Authority::silent().await;
    authority.publish(json!({})).await;
    let before = wiremock::Mock::given(wiremock::matchers::path("/jwks")).respond_with(key_set(&[("k1", 1)]));
    before.up_to_n_times(1).mount(&authority.http).await;
    authority.publish_keys(&[("k1", 2)]).await;
    let provider = authority.provider();
    let id_token = signed("k1", 2, &authority.claims(json!({})));
    let answer = json!({ "access_token": "at-2", "id_token": id_token });
    let first = refreshed(&authority, &provider, answer.clone()).await;
    assert!(matches!(first.id_token, Some(AnsweredIdToken::Refused)));
    let second = refreshed(&authority, &provider, answer).await;
    assert!(matches!(second.id_token, Some(AnsweredIdToken::Verified { .. })));
    assert_eq!(authority.count("/jwks").await, 2);
}

#[tokio::test]
async fn one_key_of_an_unknown_kind_costs_the_others_nothing() {
    let authority = Authority::silent().await;
    authority.publish(json!({})).await;
    let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "k0", "pub": "AA" });
    let keys = json!({ "keys": [unknown, 7, jwk("k1", 1)] });
    authority.on("GET", "/jwks", ResponseTemplate::new(200).set_body_json(keys)).await;
    // A wrong signature is told from an unknown key only by a key that was understood.
    let id_token = signed("k1", 2, &authority.claims(json!({})));
    let answer = json!({ "access_token": "at-2", "id_token": id_token });
    let answer = refreshed(&authority, &authority.provider(), answer).await;
    assert!(matches!(answer.id_token, Some(AnsweredIdToken::Refused)));
}

#[tokio::test]
async fn a_key_of_another_issuer_verifies_no_refresh() {
    #[derive(Debug)]
    struct OwnedKeys;
    impl Dialect for OwnedKeys {
        fn key_signs_for(&self, jwk: &Fields, _published: &str, issuer: &str) -> bool {
            jwk.get("issuer").is_some_and(|owner| owner == issuer)
        }
    }
    for (owner, is_good) in [(None, true), (Some("https://other.example"), false)] {
        let authority = Authority::silent().await;
        authority.publish(json!({})).await;
        let owner = owner.map_or_else(|| authority.issuer(), str::to_owned);
        let mut jwk = jwk("k1", 1);
        jwk["issuer"] = json!(owner);
        authority.on("GET", "/jwks", ResponseTemplate::new(200).set_body_json(json!({ "keys": [jwk] }))).await;
        let provider = authority.builder().dialect(OwnedKeys).build().unwrap();
        let id_token = signed("k1", 1, &authority.claims(json!({})));
        let answer = refreshed(&authority, &provider, json!({ "access_token": "at-2", "id_token": id_token })).await;
        assert_eq!(matches!(answer.id_token, Some(AnsweredIdToken::Verified { .. })), is_good);
    }
}
