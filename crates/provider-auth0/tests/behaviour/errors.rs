//! Every refusal of `/oauth/token` that Auth0 documents or was seen to send, through a whole refresh.

use std::time::Duration;

use crate::tenant::{NOW, Tenant, assert_shows_nothing_hidden};
use oidc_session_core::ProviderErrorKind::{
    self, InteractionRequired, Misconfigured, OutcomeUnknown, Rejected, TryLater,
};
use oidc_session_core::{Provider as _, ProviderError, Target};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

/// A refusal: its name, how it is written, and what must come of it.
struct Row {
    name: &'static str,
    answer: ResponseTemplate,
    kind: ProviderErrorKind,
    code: Option<&'static str>,
    /// A part of the advice; empty for none.
    advice: &'static str,
    retry_after: Option<u64>,
}

fn row(name: &'static str, answer: ResponseTemplate, kind: ProviderErrorKind, code: &'static str) -> Row {
    Row { name, answer, kind, code: Some(code).filter(|code| !code.is_empty()), advice: "", retry_after: None }
}

impl Row {
    fn advice(self, advice: &'static str) -> Self {
        Self { advice, ..self }
    }

    fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

fn json_body(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn oauth(status: u16, code: &str, description: &str) -> ResponseTemplate {
    json_body(status, json!({ "error": code, "error_description": description }))
}

async fn refused(answer: ResponseTemplate) -> ProviderError {
    let tenant = Tenant::start().await;
    tenant.on("POST", "/oauth/token", answer).await;
    let provider = tenant.provider();
    let error = provider.refresh(&tenant.session(), &Target::default()).await.unwrap_err();
    assert_eq!(tenant.requests("/oauth/token").await.len(), 1, "sent once");
    assert_shows_nothing_hidden(&error);
    error
}

async fn check(rows: Vec<Row>) {
    for Row { name, answer, kind, code, advice, retry_after } in rows {
        let error = refused(answer).await;
        assert_eq!(error.kind(), kind, "{name}");
        assert_eq!(error.error_code(), code, "{name}");
        assert_eq!(error.retry_after(), retry_after.map(Duration::from_secs), "{name}");
        match error.advice() {
            Some(given) => assert!(!advice.is_empty() && given.contains(advice), "{name}: {given}"),
            None => assert_eq!(advice, "", "{name}"),
        }
    }
}

#[tokio::test]
async fn every_row_of_the_table() {
    let reset = (NOW.as_unix_seconds() + 30).to_string();
    let unknown_token = "Unknown or invalid refresh token.";
    let deleted = "The refresh_token was generated for a user who doesn't exist anymore.";
    let mfa = json!({
        "error": "mfa_required", "error_description": "Multifactor authentication required",
        "mfa_token": "hidden-mfa-token", "mfa_requirements": { "challenge": [{ "type": "otp" }] },
    });
    let tenant_limit = json!({
        "statusCode": 429, "error": "Too Many Requests", "message": "Global limit has been reached",
    });
    let limited = oauth(429, "too_many_requests", "Rate limit exceeded.");
    let wrong_grant_type = oauth(403, "unauthorized_client", "Grant type 'refresh_token' not allowed for the client.");
    check(vec![
        row(
            "expired, reused, revoked or evicted",
            oauth(403, "invalid_grant", unknown_token),
            Rejected,
            "invalid_grant",
        )
        .advice("Monitoring > Logs"),
        row("the same as 401", oauth(401, "invalid_grant", unknown_token), Rejected, "invalid_grant")
            .advice("Monitoring > Logs"),
        row("user deleted", oauth(403, "invalid_grant", deleted), Rejected, "invalid_grant").advice("deleted"),
        row("user blocked", oauth(401, "unauthorized", "user is blocked"), Rejected, "unauthorized")
            .advice("User Management"),
        row(
            "denied by an Action",
            oauth(403, "access_denied", "hidden: not today"),
            InteractionRequired,
            "access_denied",
        )
        .advice("post-login Action"),
        row("MFA required", json_body(403, mfa), InteractionRequired, "mfa_required").advice("skip MFA"),
        row("wrong client", oauth(401, "access_denied", "Unauthorized"), Misconfigured, "access_denied")
            .advice("client secret"),
        row("invalid_client", json_body(401, json!({ "error": "invalid_client" })), Misconfigured, "invalid_client")
            .advice("Credentials"),
        row("grant type not allowed", wrong_grant_type, Misconfigured, "unauthorized_client").advice("Grant Types"),
        row("malformed", json_body(400, json!({ "error": "invalid_request" })), Misconfigured, "invalid_request")
            .advice("parameters"),
        row(
            "a nonce for a proof that nobody made",
            oauth(400, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof")
                .insert_header("dpop-nonce", "nonce-1"),
            Misconfigured,
            "use_dpop_nonce",
        )
        .advice("DPoP"),
        row(
            "a proof that does not hold",
            json_body(400, json!({ "error": "invalid_dpop_proof" })),
            Misconfigured,
            "invalid_dpop_proof",
        )
        .advice("clock"),
        row("limit of the application", limited.clone().insert_header("retry-after", "7"), TryLater, "").after(7),
        row(
            "limit of the tenant",
            json_body(429, tenant_limit)
                .insert_header("x-ratelimit-limit", "30")
                .insert_header("x-ratelimit-remaining", "0")
                .insert_header("x-ratelimit-reset", reset.as_str()),
            TryLater,
            "",
        )
        .after(30),
        row("500", json_body(500, json!({ "error": "server_error" })), OutcomeUnknown, ""),
        row("502", ResponseTemplate::new(502).set_body_string("<html>hidden</html>"), OutcomeUnknown, ""),
        row("503", ResponseTemplate::new(503).set_body_string("<html>hidden</html>"), OutcomeUnknown, ""),
        row(
            "503 that says until when",
            json_body(503, json!({ "error": "server_error" })).insert_header("retry-after", "9"),
            TryLater,
            "",
        )
        .after(9),
    ])
    .await;
}

#[tokio::test]
async fn a_limit_is_lifted_at_an_instant_and_not_after_so_many_seconds() {
    let in_a_minute = (NOW.as_unix_seconds() + 60).to_string();
    for (headers, expected) in [
        (vec![("x-ratelimit-reset", in_a_minute.as_str())], Some(60)),
        (vec![("x-ratelimit-reset", in_a_minute.as_str()), ("retry-after", "5")], Some(5)),
        // An instant of 1970 has passed; read as a delta it would be a wait.
        (vec![("x-ratelimit-reset", "60")], None),
        (vec![("auth0-ratelimit", "client;q=10;t=1;r=0")], None),
    ] {
        let mut answer = oauth(429, "too_many_requests", "Rate limit exceeded.");
        for (name, value) in &headers {
            answer = answer.insert_header(*name, *value);
        }
        let error = refused(answer).await;
        assert_eq!(error.kind(), TryLater, "{headers:?}");
        assert_eq!(error.retry_after(), expected.map(Duration::from_secs), "{headers:?}");
    }
}

#[tokio::test]
async fn what_stands_before_the_token_endpoint_is_judged_by_status() {
    let foreign = |status: u16, inner: u16, reason: &str| {
        json_body(status, json!({ "statusCode": inner, "error": reason, "message": "hidden" }))
    };
    check(vec![
        row("400", foreign(400, 400, "Bad Request"), Misconfigured, ""),
        row("403", foreign(403, 403, "Forbidden"), Misconfigured, "Forbidden"),
        row("not a verdict, whatever it quotes", foreign(403, 403, "invalid_grant"), Misconfigured, "invalid_grant"),
        row("a limit within", foreign(400, 429, "Too Many Requests").insert_header("retry-after", "7"), TryLater, "")
            .after(7),
        row("a failure within", foreign(400, 500, "Internal Server Error"), OutcomeUnknown, ""),
        row("a failure within a success", foreign(200, 502, "Bad Gateway"), OutcomeUnknown, ""),
        row("html", ResponseTemplate::new(403).set_body_string("<html>hidden</html>"), Misconfigured, "")
            .advice("a proxy or a firewall"),
        row(
            "an OAuth answer stays one",
            json_body(403, json!({ "statusCode": 403, "error": "invalid_grant", "error_description": "x" })),
            Rejected,
            "invalid_grant",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_denial_is_read_by_who_speaks() {
    check(vec![
        row(
            "a 401 without a word",
            json_body(401, json!({ "error": "access_denied" })),
            Misconfigured,
            "access_denied",
        )
        .advice("client secret"),
        row(
            "an Action that quotes it",
            oauth(403, "access_denied", "Unauthorized"),
            InteractionRequired,
            "access_denied",
        )
        .advice("post-login Action"),
        row("an Action as 401", oauth(401, "access_denied", "not today"), InteractionRequired, "access_denied")
            .advice("post-login Action"),
        row(
            "an audience nobody knows",
            oauth(403, "access_denied", "Service not found: https://hidden.example"),
            Misconfigured,
            "access_denied",
        )
        .advice("Identifier of an API"),
        row("unauthorized for another reason", oauth(401, "unauthorized", "hidden"), Misconfigured, "unauthorized"),
        row("a code nobody has heard of", oauth(403, "new_code", "hidden"), Misconfigured, "new_code"),
        row(
            "a description that is none",
            json_body(401, json!({ "error": "unauthorized", "error_description": {} })),
            Misconfigured,
            "unauthorized",
        ),
    ])
    .await;
}
