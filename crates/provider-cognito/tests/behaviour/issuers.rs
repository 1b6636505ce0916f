//! Who a pool says it is, and whose sessions are its own.

use oidc_session_core::{Provider as _, ProviderErrorKind, ProviderId, Session, Target};
use serde_json::json;

use crate::pool::{CLIENT_ID, ORIGINAL_ISSUER, Pool, UPDATED_ISSUER, answer, json_answer};

#[tokio::test]
async fn metadata_may_name_either_issuer_of_the_pool() {
    for issuer in [ORIGINAL_ISSUER, UPDATED_ISSUER] {
        let pool = Pool::silent().await;
        pool.publish(json!({ "issuer": issuer })).await;
        assert!(pool.provider().prepare(&pool.session()).await.is_ok(), "{issuer}");
    }
}

#[tokio::test]
async fn metadata_of_another_pool_is_refused() {
    for issuer in [
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other",
        "https://cognito-idp.us-east-1.amazonaws.com/eu-west-1_AbCdEf123",
        "https://evil.example/eu-west-1_AbCdEf123",
    ] {
        let pool = Pool::silent().await;
        pool.publish(json!({ "issuer": issuer })).await;
        let error = pool.provider().prepare(&pool.session()).await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{issuer}");
        assert!(error.advice().unwrap().contains("user pool id"), "{error}");
    }
}

#[tokio::test]
async fn a_session_under_another_issuer_or_client_sends_nothing() {
    let pool = Pool::start().await;
    answer(&pool.login, "/oauth2/token", json_answer(200, json!({ "access_token": "secret-at-2" }))).await;
    let own = pool.issuer();
    for (issuer, client_id) in [(UPDATED_ISSUER, CLIENT_ID), (ORIGINAL_ISSUER, CLIENT_ID), (&*own, "another")] {
        let tokens = pool.session().tokens;
        let session = Session::new(ProviderId::new("cognito"), issuer, client_id, tokens);
        let error = pool.provider().refresh(&session, &Target::default()).await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Misconfigured, "{issuer} {client_id}");
    }
    assert_eq!(pool.login.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_pool_that_does_not_exist_asks_for_its_id() {
    let pool = Pool::silent().await;
    let error = pool.provider().prepare(&pool.session()).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
    assert!(error.advice().unwrap().contains("user pool id"), "{error}");
}
