//! Client assertions: `private_key_jwt` and `client_secret_jwt`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use oidc_session_core::Clock as _;
use oidc_session_testkit::{AuthorizationServer, Client, InvalidKey, Outcome};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::native_app::{Answer, CALLBACK, NativeApp, StoppedClock, VERIFIER, answer};
use crate::proof_key::ProofKey;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SECRET: &str = "a secret of more than 32 characters";

/// The clients `signer` (with a key pair) and `sharer` (with a secret) of one server.
struct Asserter {
    app: NativeApp,
    clock: Arc<StoppedClock>,
    key: ProofKey,
    assertions: AtomicU32,
}

impl Asserter {
    async fn start() -> Self {
        let (clock, key) = (Arc::new(StoppedClock::default()), ProofKey::generate());
        let builder = AuthorizationServer::builder()
            .clock(clock.clone())
            .client(Client::private_key_jwt("signer", &key.public().to_string()).unwrap())
            .client(Client::client_secret_jwt("sharer", SECRET));
        Self { app: NativeApp::start_with(builder).await, clock, key, assertions: AtomicU32::new(0) }
    }

    fn claims(&self, client_id: &str) -> Value {
        let jti = self.assertions.fetch_add(1, Ordering::Relaxed).to_string();
        let exp = self.clock.now().as_unix_seconds() + 60;
        json!({ "iss": client_id, "sub": client_id, "aud": self.app.server.issuer(), "exp": exp, "jti": jti })
    }

    fn shared(&self, claims: &Value, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    }

    /// Redeems a new code of `client_id` with this assertion.
    async fn redeem(&self, client_id: &str, assertion: &str) -> Answer {
        let code = self.app.code_for(&[("client_id", client_id)]);
        let form = [
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ];
        answer(self.app.post("token", &form)).await
    }
}

#[tokio::test]
async fn a_client_authenticates_with_its_key_or_its_secret() {
    let asserter = Asserter::start().await;
    let signed = asserter.key.sign(&asserter.claims("signer"));
    assert_eq!(asserter.redeem("signer", &signed).await.0, StatusCode::OK);
    let shared = asserter.shared(&asserter.claims("sharer"), SECRET);
    assert_eq!(asserter.redeem("sharer", &shared).await.0, StatusCode::OK);
    assert_eq!(asserter.app.server.counters().client_assertions, 2);
}

#[tokio::test]
async fn the_audience_is_the_issuer_or_the_token_endpoint() {
    let asserter = Asserter::start().await;
    let (issuer, token) = (asserter.app.server.issuer().clone(), asserter.app.url("token"));
    for (audience, status) in [
        (json!(issuer), StatusCode::OK),
        (json!(token), StatusCode::OK),
        (json!(["https://elsewhere.example/", token]), StatusCode::OK),
        (json!("https://elsewhere.example/"), StatusCode::UNAUTHORIZED),
        (json!(asserter.app.url("revoke")), StatusCode::UNAUTHORIZED),
        (json!(issuer.as_str().trim_end_matches('/')), StatusCode::UNAUTHORIZED),
        (json!([]), StatusCode::UNAUTHORIZED),
    ] {
        let mut claims = asserter.claims("signer");
        claims["aud"] = audience.clone();
        assert_eq!(asserter.redeem("signer", &asserter.key.sign(&claims)).await.0, status, "{audience}");
    }
}

#[tokio::test]
async fn an_assertion_that_is_wrong_in_one_thing_is_refused() {
    let asserter = Asserter::start().await;
    let now = asserter.clock.now().as_unix_seconds();
    let changed = |name: &str, value: Value| {
        let mut claims = asserter.claims("signer");
        claims[name] = value;
        asserter.key.sign(&claims)
    };
    let public = asserter.key.public().to_string();
    for (name, assertion) in [
        ("iss", changed("iss", json!("sharer"))),
        ("sub", changed("sub", json!("stranger"))),
        ("expired", changed("exp", json!(now))),
        ("without exp", changed("exp", Value::Null)),
        ("not yet valid", changed("nbf", json!(now + 1))),
        ("without jti", changed("jti", json!(""))),
        ("another key", ProofKey::generate().sign(&asserter.claims("signer"))),
        ("the public key as a secret", asserter.shared(&asserter.claims("signer"), &public)),
        ("no JWT", "assertion".to_owned()),
    ] {
        let (status, body) = asserter.redeem("signer", &assertion).await;
        assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")), "{name}");
    }
    let wrong_secret = asserter.shared(&asserter.claims("sharer"), "another secret");
    assert_eq!(asserter.redeem("sharer", &wrong_secret).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(asserter.app.server.counters().client_assertions, 0);
}

#[tokio::test]
async fn an_assertion_is_good_once_and_a_replay_consumes_no_refresh_token() {
    let asserter = Asserter::start().await;
    let assertion = asserter.key.sign(&asserter.claims("signer"));
    let (_, tokens) = asserter.redeem("signer", &assertion).await;
    let refresh = async |assertion: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ];
        answer(asserter.app.post("token", &form)).await.0
    };
    assert_eq!(refresh(&assertion).await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&asserter.key.sign(&asserter.claims("signer"))).await, StatusCode::OK);
    let outcomes: Vec<_> = asserter.app.server.presentations().iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused, Outcome::Granted]);
}

#[tokio::test]
async fn who_has_a_key_does_not_get_in_without_it_nor_in_two_ways() {
    let asserter = Asserter::start().await;
    for client_id in ["signer", "sharer"] {
        for form in [&[("client_id", client_id)][..], &[("client_id", client_id), ("client_secret", SECRET)]] {
            assert_eq!(answer(asserter.app.post("device_authorization", form)).await.0, StatusCode::UNAUTHORIZED);
        }
    }
    let assertion = asserter.key.sign(&asserter.claims("signer"));
    let form = |more| [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str()), more];
    for (more, error) in [
        (("client_secret", SECRET), "invalid_request"),
        (("client_id", "sharer"), "invalid_request"),
        (("client_assertion_type_", ""), "none"),
    ] {
        let (_, body) = answer(asserter.app.post("device_authorization", &form(more))).await;
        assert_eq!(body["error"].as_str().unwrap_or("none"), error, "{more:?}");
    }
}

#[tokio::test]
async fn every_endpoint_for_clients_takes_assertions() {
    let asserter = Asserter::start().await;
    for (endpoint, field) in [("revoke", ("token", "rt_made_up")), ("device_authorization", ("scope", "openid"))] {
        let mut claims = asserter.claims("signer");
        claims["aud"] = asserter.app.url(endpoint).as_str().into();
        let assertion = asserter.key.sign(&claims);
        let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion), field];
        assert_eq!(asserter.app.post(endpoint, &form).send().await.unwrap().status(), StatusCode::OK, "{endpoint}");
    }
    let url = asserter.app.authorization_url(&[("client_id", "signer")]);
    let mut form: Vec<_> = url.query_pairs().into_owned().collect();
    form.push(("client_assertion_type".to_owned(), JWT_BEARER.to_owned()));
    form.push(("client_assertion".to_owned(), asserter.key.sign(&asserter.claims("signer"))));
    let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(answer(asserter.app.post("par", &form)).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_key_that_names_its_algorithm_is_good_for_no_other() {
    let (clock, key) = (Arc::new(StoppedClock::default()), ProofKey::generate());
    for (algorithm, status) in [("ES256", StatusCode::OK), ("ES384", StatusCode::UNAUTHORIZED)] {
        let mut jwk = key.public();
        jwk["alg"] = algorithm.into();
        let client = Client::private_key_jwt("signer", &jwk.to_string()).unwrap();
        let app = NativeApp::start_with(AuthorizationServer::builder().clock(clock.clone()).client(client)).await;
        let exp = clock.now().as_unix_seconds() + 60;
        let assertion =
            key.sign(&json!({ "iss": "signer", "sub": "signer", "aud": app.server.issuer(), "exp": exp, "jti": "1" }));
        let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
        assert_eq!(answer(app.post("device_authorization", &form)).await.0, status, "{algorithm}");
    }
}

#[test]
fn only_a_public_key_can_be_registered() {
    let secret = r#"{"kty":"oct","k":"c2VjcmV0"}"#;
    for jwk in ["", "{}", secret, r#"{"kty":"EC","crv":"P-256","x":"!","y":"!"}"#] {
        assert_eq!(Client::private_key_jwt("signer", jwk).unwrap_err(), InvalidKey, "{jwk}");
    }
}
