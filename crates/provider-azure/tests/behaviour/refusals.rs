//! Every code and every `suberror`, by what they do to a session.

use std::time::Duration;

use oidc_session_core::{ProviderError, ProviderErrorKind, Session, Target};
use oidc_session_provider_azure::{AzureB2c, EntraId};
use oidc_session_provider_oidc::Oidc;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use ProviderErrorKind::{InteractionRequired, Misconfigured, Rejected, TryLater};

use crate::server::{CLIENT_ID, Server, TENANT, build, imported};

struct Refusing {
    server: Server,
    provider: Oidc,
    session: Session,
}

impl Refusing {
    async fn entra() -> Self {
        let server = Server::start(&format!("/{TENANT}"), &format!("{{host}}/{TENANT}/v2.0")).await;
        let config = EntraId::tenant(TENANT).unwrap().authority(&server.http.uri()).unwrap();
        let session = imported(&server.at(&format!("/{TENANT}/v2.0")));
        Self { server, provider: build(config.client(CLIENT_ID)), session }
    }

    async fn b2c() -> Self {
        let server = Server::start("/contoso.onmicrosoft.com/B2C_1_signin", &format!("{{host}}/{TENANT}/v2.0/")).await;
        let config = AzureB2c::new("contoso", "B2C_1_signin").unwrap().custom_domain(&server.http.uri()).unwrap();
        let session = imported(&server.at(&format!("/{TENANT}/v2.0/")));
        Self { server, provider: build(config.client(CLIENT_ID)), session }
    }

    async fn answer(&self, answer: ResponseTemplate) -> ProviderError {
        self.server.refresh(&self.provider, &self.session, &Target::default(), answer).await.unwrap_err()
    }

    async fn refuse(&self, status: u16, body: Value) -> ProviderError {
        self.answer(ResponseTemplate::new(status).set_body_json(body)).await
    }
}

/// The body as Entra ID writes it.
fn aadsts(error: &str, code: u32) -> Value {
    json!({
        "error": error, "error_codes": [code], "timestamp": "2026-04-05 06:07:08Z", "trace_id": "t", "correlation_id": "c",
        "error_description": format!("AADSTS{code}: Text. Trace ID: t Correlation ID: c Timestamp: 2026-04-05 06:07:08Z"),
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    })
}

/// The body as Azure AD B2C writes it.
fn aadb2c(error: &str, code: u32) -> Value {
    json!({ "error": error, "error_description": format!("AADB2C{code}: Text.\r\nCorrelation ID: c\r\nTimestamp: t\r\n") })
}

const AADSTS: &[(ProviderErrorKind, &[u32])] = &[
    (
        Rejected,
        &[
            70000, 70008, 700_082, 700_084, 50173, 70043, 50089, 50132, 50133, 50034, 50057, 51004, 50139, 50085,
            54005, 9_002_313,
        ],
    ),
    (
        InteractionRequired,
        &[
            50072, 50074, 50076, 50079, 50078, 50055, 50144, 50058, 50097, 50125, 50131, 50135, 50158, 50187, 53000,
            53001, 53002, 53003, 53004, 530_032, 530_035, 65001, 65004, 16000, 90094, 90095, 700_020, 50105,
        ],
    ),
    (
        TryLater,
        &[
            50033, 50087, 50166, 50088, 51005, 90006, 90012, 90024, 90033, 90055, 90090, 90091, 70012, 80002, 80005,
            80014, 40010, 50196,
        ],
    ),
    (
        Misconfigured,
        &[
            50001, 500_011, 50011, 50020, 50059, 50194, 65005, 650_052, 650_056, 650_057, 70001, 70002, 70003, 70011,
            700_016, 700_022, 28000, 28002, 28003, 700_023, 700_025, 700_027, 7_000_112, 7_000_215, 7_000_218,
            7_000_222, 90002, 90009, 90130, 900_144, 9_001_023, 500_133, 90036, 90092, 50086,
        ],
    ),
];

const AADB2C: &[(ProviderErrorKind, &[u32])] = &[
    (Rejected, &[90080, 90128, 90129, 90088, 90087, 90279]),
    (InteractionRequired, &[90077, 90091, 90118, 90111, 90114]),
    (TryLater, &[90035, 90048, 90206, 90244, 90289, 90085]),
    (
        Misconfigured,
        &[
            90006, 90008, 90010, 90011, 90012, 90018, 90055, 90068, 90079, 90081, 90083, 90084, 90086, 90092, 90107,
            90115, 90117, 90146, 90205, 90285, 90288, 99059,
        ],
    ),
];

#[tokio::test]
async fn every_aadsts_code_has_its_meaning() {
    let refusing = Refusing::entra().await;
    for (expected, code) in AADSTS.iter().flat_map(|(kind, codes)| codes.iter().map(move |code| (*kind, *code))) {
        let error = refusing.refuse(400, aadsts("invalid_grant", code)).await;
        assert_eq!(error.kind(), expected, "AADSTS{code}");
        assert_eq!(error.vendor_code(), Some(format!("AADSTS{code}").as_str()));
        assert_eq!(error.error_code(), Some("invalid_grant"), "AADSTS{code}");
        assert!(expected != Misconfigured || error.advice().is_some(), "AADSTS{code} has no advice");
        assert!(!format!("{error} {error:?}").contains("Trace ID"), "AADSTS{code}");
    }
}

#[tokio::test]
async fn every_aadb2c_code_has_its_meaning() {
    let refusing = Refusing::b2c().await;
    for (expected, code) in AADB2C.iter().flat_map(|(kind, codes)| codes.iter().map(move |code| (*kind, *code))) {
        let error = refusing.refuse(400, aadb2c("invalid_grant", code)).await;
        assert_eq!(error.kind(), expected, "AADB2C{code}");
        assert_eq!(error.vendor_code(), Some(format!("AADB2C{code}").as_str()));
        assert!(expected != Misconfigured || error.advice().is_some(), "AADB2C{code} has no advice");
        assert!(!format!("{error} {error:?}").contains("Correlation"), "AADB2C{code}");
    }
}

/// A code refines an `invalid_grant`. Beside a fault of the client's it ends nothing.
#[tokio::test]
async fn no_code_ends_a_session_beside_a_fault_of_the_client() {
    let (entra, b2c) = (Refusing::entra().await, Refusing::b2c().await);
    for (refusing, rows, body) in [(&entra, AADSTS, aadsts as fn(&str, u32) -> Value), (&b2c, AADB2C, aadb2c)] {
        for (kind, code) in rows.iter().flat_map(|(kind, codes)| codes.iter().map(move |code| (*kind, *code))) {
            let expected = if kind == Rejected { Misconfigured } else { kind };
            let error = refusing.refuse(401, body("invalid_client", code)).await;
            assert_eq!(error.kind(), expected, "{code}");
        }
    }
}

#[tokio::test]
async fn every_error_and_suberror_has_its_meaning() {
    let refusing = Refusing::entra().await;
    for (error, suberror, expected) in [
        ("invalid_grant", "bad_token", Rejected),
        ("invalid_grant", "token_expired", Rejected),
        ("invalid_grant", "", InteractionRequired),
        ("invalid_grant", "something_new", InteractionRequired),
        ("invalid_grant", "consent_required", InteractionRequired),
        ("consent_required", "", InteractionRequired),
        ("interaction_required", "", InteractionRequired),
        ("login_required", "", InteractionRequired),
        ("interaction_required", "bad_token", InteractionRequired),
        ("interaction_required", "basic_action", InteractionRequired),
        ("invalid_grant", "basic_action", InteractionRequired),
        ("invalid_grant", "additional_action", InteractionRequired),
        ("invalid_grant", "message_only", InteractionRequired),
        ("invalid_grant", "user_password_expired", InteractionRequired),
        ("invalid_grant", "client_mismatch", InteractionRequired),
        ("unauthorized_client", "protection_policy_required", InteractionRequired),
        ("unauthorized_client", "device_authentication_failed", InteractionRequired),
        ("unauthorized_client", "", Misconfigured),
        ("temporarily_unavailable", "", TryLater),
        ("server_error", "", TryLater),
        ("invalid_client", "", Misconfigured),
        ("invalid_client", "bad_token", Misconfigured),
        ("invalid_request", "", Misconfigured),
        ("invalid_scope", "", Misconfigured),
        ("invalid_resource", "", Misconfigured),
        ("unsupported_grant_type", "", Misconfigured),
        ("something_new", "", Misconfigured),
    ] {
        let refused = refusing.refuse(400, json!({ "error": error, "suberror": suberror })).await;
        assert_eq!(refused.kind(), expected, "{error} {suberror}");
    }
    let shown = refusing.refuse(400, json!({ "error": "interaction_required", "suberror": "message_only" })).await;
    assert!(shown.advice().unwrap().contains("mends nothing"));
}

#[tokio::test]
async fn of_several_codes_the_special_one_counts() {
    let refusing = Refusing::entra().await;
    let error = refusing.refuse(400, json!({ "error": "invalid_grant", "error_codes": [70002, 70008] })).await;
    assert_eq!((error.kind(), error.vendor_code()), (Rejected, Some("AADSTS70008")));
}

#[tokio::test]
async fn a_detected_loop_rests_for_five_minutes_and_ends_nothing() {
    let refusing = Refusing::entra().await;
    let mut body = aadsts("invalid_grant", 50196);
    body["suberror"] = json!("bad_token");
    let error = refusing.refuse(400, body.clone()).await;
    assert_eq!((error.kind(), error.retry_after()), (TryLater, Some(Duration::from_secs(300))));
    let patient = ResponseTemplate::new(400).set_body_json(body).insert_header("retry-after", "900");
    assert_eq!(refusing.answer(patient).await.retry_after(), Some(Duration::from_secs(900)));
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_a_verdict_on_the_refresh_token() {
    let refusing = Refusing::entra().await;
    for error in ["invalid_grant", "invalid_request"] {
        assert_eq!(refusing.refuse(400, aadsts(error, 9_002_313)).await.kind(), Rejected, "{error}");
    }
}

#[tokio::test]
async fn a_claims_challenge_is_carried_to_the_next_sign_in_unchanged() {
    let refusing = Refusing::entra().await;
    let challenge = r#"{"access_token":{"polids":{"essential":true,"values":["p-1"]}}}"#;
    let mut body = aadsts("interaction_required", 50076);
    body["suberror"] = json!("basic_action");
    body["claims"] = json!(challenge);
    let error = refusing.refuse(400, body).await;
    assert_eq!(error.kind(), InteractionRequired);
    assert_eq!(error.sign_in_parameters(), [("claims".to_owned(), challenge.to_owned())]);
}

#[tokio::test]
async fn a_429_in_plain_text_is_try_later() {
    let refusing = Refusing::entra().await;
    let answer = ResponseTemplate::new(429).set_body_string("Too Many Requests").insert_header("retry-after", "60");
    let error = refusing.answer(answer).await;
    assert_eq!((error.kind(), error.retry_after()), (TryLater, Some(Duration::from_secs(60))));
}

#[tokio::test]
async fn frequent_mistakes_come_with_their_fix() {
    let refusing = Refusing::entra().await;
    for (status, error, code, fix) in [
        (401, "invalid_client", 7_000_222, "the client secret has expired"),
        (401, "invalid_client", 7_000_215, "use the value of the client secret, not its id"),
        (401, "invalid_client", 7_000_218, "configure a client secret or certificate"),
        (400, "unauthorized_client", 700_016, "check the client id and the tenant"),
        (400, "invalid_request", 90002, "check the tenant"),
        (400, "invalid_client", 50011, "register exactly this redirect URI"),
        (400, "invalid_grant", 65001, "has to consent"),
        (400, "invalid_grant", 700_084, "register the redirect URI as Web"),
        (400, "invalid_grant", 50105, "assign the user to this application"),
    ] {
        let refused = refusing.refuse(status, aadsts(error, code)).await;
        assert!(refused.advice().unwrap().contains(fix), "AADSTS{code}: {refused}");
    }
}
