//! Refreshing and revoking through the user pools API.

use std::time::Duration;

use oidc_session_core::ProviderErrorKind::{self, Misconfigured, OutcomeUnknown, TryLater};
use oidc_session_core::{Provider as _, Revocation, Session, Target, TokenType};
use oidc_session_provider_cognito::Cognito;
use oidc_session_provider_oidc::ClientAuth;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::pool::{Pool, answer, assert_shows_no_secret, basic, built, header, json_answer, post, sent_once};

fn tokens() -> Value {
    json!({ "AuthenticationResult": {
        "AccessToken": "secret-at-2", "IdToken": null, "ExpiresIn": 3600, "TokenType": "Bearer",
    } })
}

/// The one request that `cognito` sends for `session`, whose pool has no domain.
async fn refresh_request(
    configure: impl FnOnce(Cognito) -> Cognito,
    auth: ClientAuth,
    prepare: impl FnOnce(&mut Session),
) -> Request {
    let pool = Pool::without_domain().await;
    answer(&pool.service, "/", json_answer(200, tokens())).await;
    let provider = built(configure(pool.cognito()), auth);
    let mut session = pool.session();
    prepare(&mut session);
    provider.prepare(&session).await.unwrap();
    provider.refresh(&session, &Target::default()).await.unwrap();
    assert_eq!(pool.login.received_requests().await.unwrap().len(), 0);
    sent_once(&pool.service, "/").await
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn a_refresh_is_one_json_operation_and_the_secret_goes_into_its_body() {
    let public = json!({ "ClientId": "1example23456789", "RefreshToken": "secret-rt-1" });
    let confidential =
        json!({ "ClientId": "1example23456789", "ClientSecret": "secret-pw", "RefreshToken": "secret-rt-1" });
    for (auth, expected) in [(ClientAuth::None, &public), (basic(), &confidential), (post(), &confidential)] {
        let request = refresh_request(Cognito::through_api, auth, |_| {}).await;
        assert_eq!(request.method, "POST");
        assert_eq!(
            header(&request, "x-amz-target"),
            Some("AWSCognitoIdentityProviderService.GetTokensFromRefreshToken")
        );
        assert_eq!(header(&request, "content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(header(&request, "authorization"), None);
        assert_eq!(body(&request), *expected);
    }
}

#[tokio::test]
async fn the_key_of_the_device_goes_along_and_the_sessions_own_wins() {
    let given = |cognito: Cognito| cognito.device_key("eu-west-1_device-of-all");
    let request = refresh_request(given, ClientAuth::None, |_| {}).await;
    assert_eq!(body(&request)["DeviceKey"], "eu-west-1_device-of-all");

    let own = |session: &mut Session| {
        session.provider_data.insert(Cognito::DEVICE_KEY.into(), json!("eu-west-1_device-of-one"));
    };
    for configure in [given, Cognito::through_api] {
        let request = refresh_request(configure, ClientAuth::None, own).await;
        assert_eq!(body(&request)["DeviceKey"], "eu-west-1_device-of-one");
    }
}

#[tokio::test]
async fn the_answer_is_read_under_its_own_names() {
    let pool = Pool::without_domain().await;
    let result = json!({ "AuthenticationResult": {
        "AccessToken": "secret-at-2", "IdToken": pool.id_token(json!({})), "RefreshToken": "secret-rt-2",
        "ExpiresIn": 300, "TokenType": "Bearer",
    } });
    answer(&pool.service, "/", json_answer(200, result)).await;
    let session = pool.session();
    let provider = built(pool.cognito().through_api(), ClientAuth::None);
    provider.prepare(&session).await.unwrap();
    let answer = provider.refresh(&session, &Target::default()).await.unwrap();
    assert_eq!(answer.token_type, Some(TokenType::from("Bearer".to_owned())));
    let merged = session.merge_refresh(answer, &Target::default());
    assert_eq!(merged.violation, None);
    let tokens = &merged.session.tokens;
    assert_eq!(tokens.access_token.as_ref().unwrap().expose(), "secret-at-2");
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "secret-rt-2");
    assert_eq!(tokens.expires_in, Some(Duration::from_secs(300)));
    assert_eq!(merged.session.subject.as_deref(), Some("sub-1"));
}

#[tokio::test]
async fn without_rotation_the_old_refresh_token_stays() {
    let pool = Pool::without_domain().await;
    answer(&pool.service, "/", json_answer(200, tokens())).await;
    let session = pool.session();
    let provider = built(pool.cognito().through_api(), ClientAuth::None);
    let answer = provider.refresh(&session, &Target::default()).await.unwrap();
    let merged = session.merge_refresh(answer, &Target::default());
    assert_eq!(merged.session.tokens.refresh_token.unwrap().expose(), "secret-rt-1");
}

#[tokio::test]
async fn an_answer_without_tokens_leaves_the_outcome_open() {
    for body in [json!({}), json!({ "AuthenticationResult": {} }), json!({ "ChallengeName": "DEVICE_SRP_AUTH" })] {
        let pool = Pool::without_domain().await;
        answer(&pool.service, "/", json_answer(200, body)).await;
        let provider = built(pool.cognito().through_api(), ClientAuth::None);
        let error = provider.refresh(&pool.session(), &Target::default()).await.unwrap_err();
        assert_eq!(error.kind(), OutcomeUnknown);
    }
}

#[tokio::test]
async fn metadata_without_a_token_endpoint_is_enough() {
    let pool = Pool::silent().await;
    pool.publish(json!({ "token_endpoint": null, "authorization_endpoint": null, "revocation_endpoint": null })).await;
    answer(&pool.service, "/", json_answer(200, tokens())).await;
    let provider = built(pool.cognito().through_api(), ClientAuth::None);
    assert!(provider.refresh(&pool.session(), &Target::default()).await.is_ok());
    let error = pool.provider().refresh(&pool.session(), &Target::default()).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
}

#[tokio::test]
async fn a_revocation_is_a_json_operation_too() {
    for (auth, expected) in [
        (ClientAuth::None, json!({ "ClientId": "1example23456789", "Token": "secret-rt-1" })),
        (basic(), json!({ "ClientId": "1example23456789", "ClientSecret": "secret-pw", "Token": "secret-rt-1" })),
    ] {
        let pool = Pool::without_domain().await;
        answer(&pool.service, "/", ResponseTemplate::new(200)).await;
        let provider = built(pool.cognito().through_api(), auth);
        assert_eq!(provider.revoke(&pool.session()).await.unwrap(), Revocation::Done);
        let request = sent_once(&pool.service, "/").await;
        assert_eq!(header(&request, "x-amz-target"), Some("AWSCognitoIdentityProviderService.RevokeToken"));
        assert_eq!(header(&request, "content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(header(&request, "authorization"), None);
        assert_eq!(body(&request), expected);
    }
}

#[tokio::test]
async fn every_answer_to_a_revocation_has_its_meaning() {
    let rows: [(&str, Result<Revocation, ProviderErrorKind>); 6] = [
        ("UnsupportedOperationException", Ok(Revocation::Unsupported)),
        ("UnsupportedTokenTypeException", Ok(Revocation::Unsupported)),
        ("UnauthorizedException", Err(Misconfigured)),
        ("InvalidParameterException", Err(Misconfigured)),
        ("ForbiddenException", Err(Misconfigured)),
        ("TooManyRequestsException", Err(TryLater)),
    ];
    for (kind, expected) in rows {
        let pool = Pool::without_domain().await;
        answer(&pool.service, "/", json_answer(400, json!({ "__type": kind, "message": "secret-text" }))).await;
        let provider = built(pool.cognito().through_api(), ClientAuth::None);
        let outcome = provider.revoke(&pool.session()).await;
        if let Err(error) = &outcome {
            assert_shows_no_secret(error);
        }
        assert_eq!(outcome.map_err(|error| error.kind()), expected, "{kind}");
    }
}
