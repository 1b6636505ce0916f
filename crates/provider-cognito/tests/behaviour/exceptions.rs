//! Part 7.5 of the provider facts: what the errors of the user pools API mean. One entry for each row.

use std::time::Duration;

use oidc_session_core::ProviderErrorKind::{
    self, InteractionRequired, Misconfigured, OutcomeUnknown, Rejected, TryLater,
};
use oidc_session_core::{Provider as _, ProviderError, Target};
use oidc_session_provider_oidc::ClientAuth;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::pool::{Pool, answer, assert_shows_no_secret, built, json_answer, sent_once};

/// The error of a refresh through the API that is answered with `refusal`.
async fn refused(refusal: ResponseTemplate) -> ProviderError {
    let pool = Pool::without_domain().await;
    answer(&pool.service, "/", refusal).await;
    let provider = built(pool.cognito().through_api(), ClientAuth::None);
    let error = provider.refresh(&pool.session(), &Target::default()).await.unwrap_err();
    sent_once(&pool.service, "/").await;
    assert_shows_no_secret(&error);
    error
}

fn exception(kind: &str, message: &str) -> Value {
    json!({ "__type": kind, "message": message })
}

#[tokio::test]
async fn every_row_of_table_7_5_has_its_meaning() {
    let no_hash = "Client 1example23456789 is configured with secret but SECRET_HASH was not received";
    let rows: [(&str, &str, ProviderErrorKind); 20] = [
        ("NotAuthorizedException", "Invalid Refresh Token.", Rejected),
        // By a wrong client id or a missing device key, too: no text tells them apart.
        ("NotAuthorizedException", "Invalid Refresh Token", Rejected),
        ("NotAuthorizedException", "Refresh Token has expired", Rejected),
        ("NotAuthorizedException", "Refresh Token has been revoked", Rejected),
        ("NotAuthorizedException", "SecretHash does not match for the client: 1example23456789", Misconfigured),
        ("NotAuthorizedException", no_hash, Misconfigured),
        ("NotAuthorizedException", "Something nobody has seen: Invalid Refresh Token", Misconfigured),
        ("NotAuthorizedException", "", Misconfigured),
        ("RefreshTokenReuseException", "Refresh token reuse detected", Rejected),
        ("TooManyRequestsException", "Rate exceeded", TryLater),
        ("UserNotFoundException", "User does not exist.", Rejected),
        ("PasswordResetRequiredException", "Password reset required for the user", InteractionRequired),
        ("UserNotConfirmedException", "User is not confirmed.", InteractionRequired),
        ("ForbiddenException", "Request not allowed due to WAF block.", Misconfigured),
        ("UserLambdaValidationException", "PreTokenGeneration failed with error secret-x", TryLater),
        ("UnexpectedLambdaException", "", TryLater),
        ("InvalidLambdaResponseException", "", TryLater),
        ("ResourceNotFoundException", "User pool client 1example23456789 does not exist.", Misconfigured),
        ("InvalidParameterException", "", Misconfigured),
        ("UnsupportedTokenTypeException", "", Misconfigured),
    ];
    for (kind, message, expected) in rows {
        let error = refused(json_answer(400, exception(kind, message))).await;
        assert_eq!(error.kind(), expected, "{kind}: {message}");
        assert_eq!(error.vendor_code(), Some(kind));
    }
    // The last row but its status: an error of the server, whatever it says.
    let internal = json_answer(500, exception("InternalErrorException", "secret-trace"));
    assert_eq!(refused(internal).await.kind(), OutcomeUnknown, "InternalErrorException, with 500");
}

#[tokio::test]
async fn a_namespace_before_the_name_does_not_matter() {
    for prefix in ["com.amazonaws.cognito.identity.idp.model#", "com.amazonaws.cognitoidentityprovider#"] {
        let error = refused(json_answer(400, exception(&format!("{prefix}UserNotFoundException"), ""))).await;
        assert_eq!(error.kind(), Rejected);
        assert_eq!(error.vendor_code(), Some("UserNotFoundException"));
    }
}

#[tokio::test]
async fn what_is_not_known_is_no_verdict() {
    for body in [
        exception("TokenRevokedException", "Refresh Token has been revoked"),
        exception("notauthorizedexception", "Invalid Refresh Token"),
        json!({ "__type": 7, "message": "Invalid Refresh Token" }),
        json!({ "message": "Invalid Refresh Token" }),
        json!({}),
    ] {
        assert_eq!(refused(json_answer(400, body.clone())).await.kind(), Misconfigured, "{body}");
    }
}

#[tokio::test]
async fn an_internal_error_proves_nothing_whatever_its_status() {
    let error = refused(json_answer(400, exception("InternalErrorException", ""))).await;
    assert_eq!(error.kind(), OutcomeUnknown);
}

#[tokio::test]
async fn the_message_may_begin_with_a_capital() {
    let body = json!({ "__type": "NotAuthorizedException", "Message": "Refresh Token has been revoked" });
    assert_eq!(refused(json_answer(400, body)).await.kind(), Rejected);
}

#[tokio::test]
async fn throttling_with_400_is_try_later() {
    for kind in ["TooManyRequestsException", "ThrottlingException"] {
        let throttled = json_answer(400, exception(kind, "Rate exceeded")).insert_header("retry-after", "7");
        let error = refused(throttled).await;
        assert_eq!((error.kind(), error.retry_after()), (TryLater, Some(Duration::from_secs(7))), "{kind}");
    }
}

#[tokio::test]
async fn a_failing_trigger_is_left_alone_for_a_short_time() {
    let error = refused(json_answer(400, exception("UserLambdaValidationException", ""))).await;
    assert_eq!((error.kind(), error.retry_after()), (TryLater, Some(Duration::from_secs(10))));
    assert!(error.advice().unwrap().contains("Lambda"), "{error}");
}

#[tokio::test]
async fn advice_names_what_to_look_at() {
    for (kind, message, advice) in [
        ("NotAuthorizedException", "Invalid Refresh Token.", "device"),
        ("NotAuthorizedException", "SecretHash does not match for the client: x", "secret"),
        ("RefreshTokenReuseException", "", "another program"),
        ("ForbiddenException", "", "web ACL"),
        ("ResourceNotFoundException", "", "Region"),
    ] {
        let error = refused(json_answer(400, exception(kind, message))).await;
        assert!(error.advice().is_some_and(|given| given.contains(advice)), "{kind}: {error}");
    }
}
