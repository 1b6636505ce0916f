//! Back-channel logout: which tokens end a session, and which end none.

use std::sync::Arc;
use std::time::Duration;

use crate::authority::{Authority, CLIENT_ID, NOW, assert_shows_no_secret, signed, signed_as};
use oidc_session_core::LogoutToken;
use oidc_session_core::ProviderErrorKind::{InvalidAnswer, NotSent, TryLater};
use oidc_session_core::{ClientSecret, ProviderError};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use oidc_session_testkit::ManualClock;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn claims(authority: &Authority, changes: Value) -> Value {
    let now = NOW.as_unix_seconds();
    let mut claims = json!({
        "iss": authority.issuer(), "aud": CLIENT_ID, "iat": now, "exp": now + 120, "jti": "secret-jti-1",
        "sub": "sub-1", "sid": "sid-1", "events": { EVENT: {} },
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value == "absent" {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

async fn judge(provider: &Oidc, token: &str) -> Result<LogoutToken, ProviderError> {
    let judged = provider.logout_token(token).await;
    if let Err(error) = &judged {
        assert_shows_no_secret(error);
    }
    judged
}

#[tokio::test]
async fn a_good_token_names_the_session_that_ends() {
    let authority = Authority::start().await;
    let token = signed("k1", 1, &claims(&authority, json!({})));
    let logout = judge(&authority.provider(), &token).await.unwrap();
    assert_eq!(logout.issuer, authority.issuer());
    assert_eq!(logout.subject.as_deref(), Some("sub-1"));
    assert_eq!(logout.sid.as_deref(), Some("sid-1"));
    assert_eq!(logout.jti, "secret-jti-1");
    assert_eq!(logout.issued_at, NOW);
    assert_eq!(logout.expires_at, NOW + Duration::from_secs(120));
}

#[tokio::test]
async fn a_token_may_take_every_form_of_the_standard() {
    let authority = Authority::start().await;
    let provider = authority.provider();
    for (number, (typ, changes)) in [
        (None, json!({ "sub": "absent" })),
        (None, json!({ "sid": "absent" })),
        (Some("logout+jwt"), json!({})),
        (Some("JWT"), json!({})),
        (Some("application/logout+jwt"), json!({})),
        (None, json!({ "aud": ["other", CLIENT_ID] })),
        (None, json!({ "events": { EVENT: { "more": 1 }, "urn:other": {} } })),
        (None, json!({ "exp": NOW.as_unix_seconds() - 30 })),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = claims(&authority, changes.clone());
        claims["jti"] = json!(number.to_string());
        let mut header = json!({ "alg": "EdDSA", "kid": "k1" });
        if let Some(typ) = typ {
            header["typ"] = json!(typ);
        }
        let judged = judge(&provider, &signed_as(&header, 1, &claims)).await;
        assert!(judged.is_ok(), "{typ:?} {changes}: {judged:?}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_ends_no_session() {
    let authority = Authority::start().await;
    let provider = authority.provider();
    let now = NOW.as_unix_seconds();
    for (changes, reason) in [
        (json!({ "iss": "https://evil.example" }), "names another issuer"),
        (json!({ "iss": "absent" }), "names another issuer"),
        (json!({ "aud": "other" }), "for another client"),
        (json!({ "aud": "absent" }), "names no audience"),
        (json!({ "iat": "absent" }), "when it was issued"),
        (json!({ "exp": "absent" }), "when it expires"),
        (json!({ "exp": now - 61 }), "has expired"),
        (json!({ "iat": now - 3600, "exp": now - 3480 }), "the clock of this machine is probably fast by about 60 min"),
        (json!({ "iat": now + 3600, "exp": now + 3720 }), "the clock of this machine is probably slow by about 60 min"),
        (json!({ "events": "absent" }), "tells of no logout"),
        (json!({ "events": {} }), "tells of no logout"),
        (json!({ "events": [EVENT] }), "tells of no logout"),
        (json!({ "events": EVENT }), "tells of no logout"),
        (json!({ "events": { EVENT: true } }), "tells of no logout"),
        (json!({ "events": { EVENT: null } }), "tells of no logout"),
        (json!({ "events": { "urn:other": {} } }), "tells of no logout"),
        (json!({ "nonce": "n" }), "has a nonce"),
        (json!({ "nonce": null }), "has a nonce"),
        (json!({ "sub": "absent", "sid": "absent" }), "neither a subject nor a session"),
        (json!({ "sub": "", "sid": "" }), "neither a subject nor a session"),
        (json!({ "sub": "absent", "sid": null }), "neither a subject nor a session"),
        (json!({ "sub": 7 }), "cannot be read"),
        (json!({ "sid": ["sid-1"] }), "cannot be read"),
        (json!({ "jti": "absent" }), "has no jti"),
        (json!({ "jti": "" }), "has no jti"),
    ] {
        let token = signed("k1", 1, &claims(&authority, changes.clone()));
        let error = judge(&provider, &token).await.unwrap_err();
        assert_eq!(error.kind(), InvalidAnswer, "{changes}");
        assert!(error.to_string().contains(reason), "{changes}: {error}");
    }
    assert!(judge(&provider, &signed("k1", 1, &claims(&authority, json!({})))).await.is_ok(), "none was remembered");
}

#[tokio::test]
async fn only_the_server_can_sign_one() {
    let authority = Authority::start().await;
    let auth = ClientAuth::Basic(ClientSecret::new("secret-pw"));
    let provider = authority.builder().client_auth(auth).build().unwrap();
    let good = claims(&authority, json!({}));
    let header = |changes: Value| {
        let mut header = json!({ "alg": "EdDSA", "kid": "k1" });
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    for (token, reason) in [
        (signed("k1", 2, &good), "signature does not verify"),
        (signed("k2", 2, &good), "no published key fits"),
        (signed_as(&header(json!({ "alg": "none" })), 1, &good), "is not signed"),
        (signed_as(&header(json!({ "alg": "HS256" })), 1, &good), "signature does not verify"),
        (signed_as(&header(json!({ "typ": "at+jwt" })), 1, &good), "a token of another kind"),
        (signed_as(&header(json!({ "typ": "secevent+jwt" })), 1, &good), "a token of another kind"),
        ("secret".into(), "is not a signed JWT"),
        ("s.e.c.r.et".into(), "is not a signed JWT"),
    ] {
        let error = judge(&provider, &token).await.unwrap_err();
        assert_eq!(error.kind(), InvalidAnswer);
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
}

#[tokio::test]
async fn an_id_token_is_no_logout_token() {
    let authority = Authority::start().await;
    let id_token = signed("k1", 1, &authority.claims(json!({ "jti": "j" })));
    assert_eq!(judge(&authority.provider(), &id_token).await.unwrap_err().kind(), InvalidAnswer);
}

#[tokio::test]
async fn a_token_is_used_once() {
    let authority = Authority::start().await;
    let clock = ManualClock::new();
    let provider = authority.builder().clock(Arc::new(clock.clone())).build().unwrap();
    let token = signed("k1", 1, &claims(&authority, json!({})));
    assert!(judge(&provider, &token).await.is_ok());
    for age in [0, 120, 59] {
        clock.advance(Duration::from_secs(age));
        // As long as it is accepted at all, tolerance included; and by a clone just the same.
        let error = judge(&provider.clone(), &token).await.unwrap_err();
        assert_eq!(error.kind(), InvalidAnswer);
        assert!(error.to_string().contains("has been used before"), "{age}: {error}");
    }
    clock.advance(Duration::from_secs(1));
    let error = judge(&provider, &token).await.unwrap_err();
    assert!(error.to_string().contains("has expired"), "{error}");
}

#[tokio::test]
async fn a_rotated_key_is_fetched_and_made_up_ones_do_not_hammer_the_server() {
    let authority = Authority::start().await;
    let clock = ManualClock::new();
    let provider = authority.builder().clock(Arc::new(clock.clone())).build().unwrap();
    let token = |kid: &str, seed, jti: &str| signed(kid, seed, &claims(&authority, json!({ "jti": jti })));
    assert!(judge(&provider, &token("k1", 1, "a")).await.is_ok());
    assert_eq!(authority.count("/jwks").await, 1);

    authority.http.reset().await;
    authority.publish(json!({})).await;
    authority.publish_keys(&[("k2", 2)]).await;
    assert!(judge(&provider, &token("k2", 2, "b")).await.is_ok(), "the first one after a rotation does not wait");
    assert_eq!(authority.count("/jwks").await, 1);

    for number in 0..20 {
        let made_up = token(&format!("made-up-{number}"), 9, "c");
        assert_eq!(judge(&provider, &made_up).await.unwrap_err().kind(), InvalidAnswer);
        clock.advance(Duration::from_secs(2));
    }
    assert_eq!(authority.count("/jwks").await, 2, "one more after thirty seconds");
}

#[tokio::test]
async fn what_is_no_token_for_us_fetches_nothing() {
    let authority = Authority::start().await;
    let provider = authority.provider();
    assert!(judge(&provider, "opaque").await.is_err());
    assert_eq!(authority.count("/.well-known/openid-configuration").await, 0);
    let foreign = signed("k9", 9, &claims(&authority, json!({ "aud": "other" })));
    assert!(judge(&provider, &foreign).await.is_err());
    assert_eq!(authority.count("/jwks").await, 0);
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_is_not_a_wrong_token() {
    let authority = Authority::silent().await;
    authority.publish(json!({})).await;
    authority.on("GET", "/jwks", ResponseTemplate::new(503)).await;
    let token = signed("k1", 1, &claims(&authority, json!({})));
    let error = judge(&authority.provider(), &token).await.unwrap_err();
    assert_eq!(error.kind(), TryLater);

    let nowhere = Oidc::builder("http://127.0.0.1:1", CLIENT_ID).build().unwrap();
    assert_eq!(nowhere.logout_token(&token).await.unwrap_err().kind(), NotSent);
}
