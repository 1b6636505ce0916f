//! DPoP: tokens bound to a key, proofs that are good once, and nonces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::Clock as _;
use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder, Fault, Outcome};
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::native_app::{CALLBACK, NativeApp, StoppedClock, VERIFIER, answer, parameter};
use crate::proof_key::ProofKey;

/// A client with a key.
struct Prover {
    app: NativeApp,
    clock: Arc<StoppedClock>,
    key: ProofKey,
    proofs: AtomicU32,
}

/// What is said about one request: status, body, and the nonce for the next.
struct Said {
    status: StatusCode,
    body: Value,
    nonce: Option<String>,
}

async fn said(request: RequestBuilder) -> Said {
    let response = request.send().await.unwrap();
    let nonce = response.headers().get("dpop-nonce").map(|nonce| nonce.to_str().unwrap().to_owned());
    let status = response.status();
    Said { status, body: serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default(), nonce }
}

impl Prover {
    async fn start(builder: AuthorizationServerBuilder) -> Self {
        let clock = Arc::new(StoppedClock::default());
        let app = NativeApp::start_with(builder.clock(clock.clone())).await;
        Self { app, clock, key: ProofKey::generate(), proofs: AtomicU32::new(0) }
    }

    /// The claims of a proof that is right for the token endpoint.
    fn claims(&self) -> Value {
        let jti = self.proofs.fetch_add(1, Ordering::Relaxed).to_string();
        let iat = self.clock.now().as_unix_seconds();
        json!({ "jti": jti, "htm": "POST", "htu": self.app.url("token"), "iat": iat })
    }

    fn proof(&self, nonce: Option<&str>) -> String {
        let mut claims = self.claims();
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        self.key.sign_with_key("dpop+jwt", &claims)
    }

    async fn redeem(&self, code: &str, nonce: Option<&str>) -> Said {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "native-app"),
            ("redirect_uri", CALLBACK),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        said(self.app.post("token", &form).header("dpop", self.proof(nonce))).await
    }

    async fn sign_in(&self) -> Value {
        let said = self.redeem(&self.app.code(), None).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.body);
        said.body
    }

    async fn refresh_proved_by(&self, tokens: &Value, proof: &str) -> Said {
        said(self.app.refresh_request(&tokens["refresh_token"]).header("dpop", proof)).await
    }

    async fn refresh(&self, tokens: &Value, nonce: Option<&str>) -> Said {
        self.refresh_proved_by(tokens, &self.proof(nonce)).await
    }

    fn access(&self, tokens: &Value, scheme: &str) -> RequestBuilder {
        let access_token = tokens["access_token"].as_str().unwrap();
        self.app.get(self.app.url("userinfo")).header(AUTHORIZATION, format!("{scheme} {access_token}"))
    }

    /// A proof for the userinfo endpoint.
    fn access_proof(&self, tokens: &Value, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        claims["htm"] = "GET".into();
        claims["htu"] = self.app.url("userinfo").as_str().into();
        claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(tokens["access_token"].as_str().unwrap())).into();
        change(&mut claims);
        self.key.sign_with_key("dpop+jwt", &claims)
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.app.server.presentations().iter().map(|presentation| presentation.outcome).collect()
    }
}

#[tokio::test]
async fn a_proof_binds_the_tokens_of_a_public_client_to_its_key() {
    let prover = Prover::start(AuthorizationServer::builder()).await;
    let tokens = prover.sign_in().await;
    assert_eq!(tokens["token_type"], "DPoP");
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(prover.app.server.access_token_key(access_token), Some(prover.key.thumbprint()));

    let thief = ProofKey::generate().sign_with_key("dpop+jwt", &prover.claims());
    assert_eq!(prover.refresh_proved_by(&tokens, &thief).await.body["error"], "invalid_dpop_proof");
    assert_eq!(prover.app.refresh(&tokens["refresh_token"]).await.1["error"], "invalid_dpop_proof");
    let refreshed = prover.refresh(&tokens, None).await;
    assert_eq!((refreshed.status, &refreshed.body["token_type"]), (StatusCode::OK, &json!("DPoP")));
    let thief = ProofKey::generate().sign_with_key("dpop+jwt", &prover.claims());
    assert_eq!(prover.refresh_proved_by(&refreshed.body, &thief).await.body["error"], "invalid_dpop_proof");
    assert_eq!(prover.outcomes(), [Outcome::Refused, Outcome::Refused, Outcome::Granted, Outcome::Refused]);
}

#[tokio::test]
async fn a_server_without_proofs_is_as_before() {
    let app = NativeApp::start().await;
    let tokens = app.sign_in().await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(app.server.access_token_key(tokens["access_token"].as_str().unwrap()), None);
    let prover = Prover::start(AuthorizationServer::builder().require_dpop(true)).await;
    let (_, refused) = prover.app.redeem(&prover.app.code(), VERIFIER).await;
    assert_eq!(refused["error"], "invalid_dpop_proof");
    assert_eq!(prover.redeem(&prover.app.code(), None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_refresh_token_of_a_confidential_client_is_not_bound() {
    let prover = Prover::start(AuthorizationServer::builder()).await;
    let code = prover.app.code_for(&[("client_id", "web-app")]);
    let redeem = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", CALLBACK),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("client_id", "web-app"),
        ("client_secret", "secret"),
    ];
    let tokens = said(prover.app.post("token", &redeem).header("dpop", prover.proof(None))).await.body;
    assert_eq!(tokens["token_type"], "DPoP");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("client_id", "web-app"),
        ("client_secret", "secret"),
    ];
    let other = ProofKey::generate();
    let proof = other.sign_with_key("dpop+jwt", &prover.claims());
    let refreshed = said(prover.app.post("token", &refresh).header("dpop", proof)).await;
    let access_token = refreshed.body["access_token"].as_str().unwrap();
    assert_eq!(prover.app.server.access_token_key(access_token), Some(other.thumbprint()));
}

#[tokio::test]
async fn a_proof_that_is_wrong_in_one_thing_proves_nothing() {
    let prover = Prover::start(AuthorizationServer::builder()).await;
    let tokens = prover.sign_in().await;
    let now = prover.clock.now().as_unix_seconds();
    let good = prover.claims();
    let changed = |name: &str, value: Value| {
        let mut claims = prover.claims();
        claims[name] = value;
        prover.key.sign_with_key("dpop+jwt", &claims)
    };
    let signed = prover.key.sign_with_key("dpop+jwt", &prover.claims());
    let other_key = ProofKey::generate().sign_with_key("dpop+jwt", &prover.claims());
    // The head of one key, the signature of another.
    let forged = format!("{}.{}", signed.rsplit_once('.').unwrap().0, other_key.rsplit_once('.').unwrap().1);
    for (name, proof) in [
        ("typ", prover.key.sign_with_key("JWT", &good)),
        ("htm", changed("htm", json!("GET"))),
        ("htu", changed("htu", json!(prover.app.url("userinfo")))),
        ("too old", changed("iat", json!(now - 61))),
        ("from the future", changed("iat", json!(now + 61))),
        ("no id", changed("jti", json!(""))),
        ("no time", changed("iat", Value::Null)),
        ("no key", prover.key.sign(&prover.claims())),
        ("forged", forged),
        ("no JWT", "proof".to_owned()),
    ] {
        assert_eq!(prover.refresh_proved_by(&tokens, &proof).await.body["error"], "invalid_dpop_proof", "{name}");
    }
    let twice = prover.app.refresh_request(&tokens["refresh_token"]).header("dpop", prover.proof(None));
    assert_eq!(said(twice.header("dpop", prover.proof(None))).await.body["error"], "invalid_dpop_proof");
    assert!(prover.outcomes().iter().all(|outcome| *outcome == Outcome::Refused));
    for tolerated in [json!(now - 60), json!(now + 60)] {
        let said = prover.refresh_proved_by(&prover.sign_in().await, &changed("iat", tolerated)).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.body);
    }
    let spelled = changed("htu", json!(format!("{}?query#fragment", prover.app.url("token"))));
    assert_eq!(prover.refresh_proved_by(&tokens, &spelled).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_proof_that_reveals_its_private_key_is_refused() {
    let prover = Prover::start(AuthorizationServer::builder()).await;
    let mut key = prover.key.public();
    key["d"] = "secret".into();
    let head = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let proof = format!("{}.{}.AAAA", encode(&head), encode(&prover.claims()));
    let said = prover.refresh_proved_by(&prover.sign_in().await, &proof).await;
    assert_eq!(said.body["error_description"], "the DPoP proof reveals a private key");
}

#[tokio::test]
async fn a_proof_is_good_once() {
    let prover = Prover::start(AuthorizationServer::builder().rotate(false)).await;
    let tokens = prover.sign_in().await;
    let proof = prover.proof(None);
    assert_eq!(prover.refresh_proved_by(&tokens, &proof).await.status, StatusCode::OK);
    assert_eq!(prover.refresh_proved_by(&tokens, &proof).await.body["error"], "invalid_dpop_proof");
}

#[tokio::test]
async fn a_challenge_consumes_neither_the_code_nor_the_refresh_token() {
    let prover = Prover::start(AuthorizationServer::builder().require_dpop_nonce(true)).await;
    let code = prover.app.code();
    let challenge = prover.redeem(&code, None).await;
    assert_eq!((challenge.status, &challenge.body["error"]), (StatusCode::BAD_REQUEST, &json!("use_dpop_nonce")));
    let nonce = challenge.nonce.unwrap();
    let tokens = prover.redeem(&code, Some(&nonce)).await.body;

    prover.app.server.renew_dpop_nonce();
    let challenge = prover.refresh(&tokens, Some(&nonce)).await;
    assert_eq!(challenge.body["error"], "use_dpop_nonce");
    let granted = prover.refresh(&tokens, challenge.nonce.as_deref()).await;
    assert_eq!((granted.status, granted.nonce), (StatusCode::OK, None));
    assert_eq!(prover.outcomes(), [Outcome::Challenged, Outcome::Granted]);
    let counters = prover.app.server.counters();
    assert_eq!((counters.dpop_nonce_challenges, counters.dpop_proofs), (2, 2));
    assert_eq!((counters.refresh_requests, counters.refresh_grants, counters.reuse_detected), (2, 1, 0));
}

#[tokio::test]
async fn each_answer_may_bring_the_nonce_for_the_next_request() {
    let builder = AuthorizationServer::builder().require_dpop_nonce(true).dpop_nonce_per_answer(true);
    let prover = Prover::start(builder).await;
    let code = prover.app.code();
    let first = prover.redeem(&code, None).await.nonce.unwrap();
    let signed_in = prover.redeem(&code, Some(&first)).await;
    let second = signed_in.nonce.unwrap();
    assert_ne!(first, second);
    assert_eq!(prover.refresh(&signed_in.body, Some(&first)).await.body["error"], "use_dpop_nonce");
    let refreshed = prover.refresh(&signed_in.body, Some(&second)).await;
    assert_eq!(refreshed.status, StatusCode::OK);
    assert!(refreshed.nonce.is_some_and(|third| third != second));
    assert_eq!(prover.app.server.counters().dpop_nonce_challenges, 2);
}

#[tokio::test]
async fn a_bound_access_token_works_with_its_key_only() {
    let prover = Prover::start(AuthorizationServer::builder()).await;
    let tokens = prover.sign_in().await;
    let proved = prover.access(&tokens, "DPoP").header("dpop", prover.access_proof(&tokens, |_| ()));
    assert_eq!(answer(proved).await, (StatusCode::OK, json!({ "sub": "alice" })));

    let thief = ProofKey::generate();
    let mut claims = prover.claims();
    claims["htm"] = "GET".into();
    claims["htu"] = prover.app.url("userinfo").as_str().into();
    claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(tokens["access_token"].as_str().unwrap())).into();
    let unbound = prover.app.sign_in().await;
    for (name, request, error) in [
        ("as bearer", prover.access(&tokens, "Bearer"), "invalid_token"),
        ("no proof", prover.access(&tokens, "DPoP"), "invalid_token"),
        (
            "another key",
            prover.access(&tokens, "DPoP").header("dpop", thief.sign_with_key("dpop+jwt", &claims)),
            "invalid_token",
        ),
        (
            "another token",
            prover.access(&tokens, "DPoP").header("dpop", prover.access_proof(&unbound, |_| ())),
            "invalid_dpop_proof",
        ),
        (
            "no token",
            prover
                .access(&tokens, "DPoP")
                .header("dpop", prover.access_proof(&tokens, |claims| claims["ath"] = Value::Null)),
            "invalid_dpop_proof",
        ),
        ("an unbound token without a proof", prover.access(&unbound, "DPoP"), "invalid_token"),
        (
            "an unbound token",
            prover.access(&unbound, "DPoP").header("dpop", prover.access_proof(&unbound, |_| ())),
            "invalid_token",
        ),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains(&format!(r#"error="{error}""#)), "{name}: {challenge}");
    }
}

#[tokio::test]
async fn userinfo_may_want_a_nonce_too() {
    let prover = Prover::start(AuthorizationServer::builder().require_dpop_nonce_at_userinfo(true)).await;
    let tokens = prover.sign_in().await;
    let access = |nonce: Option<String>| {
        let proof = prover.access_proof(&tokens, |claims| claims["nonce"] = nonce.into());
        prover.access(&tokens, "DPoP").header("dpop", proof).send()
    };
    let challenge = access(None).await.unwrap();
    assert_eq!(challenge.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenge.headers()[WWW_AUTHENTICATE], r#"DPoP error="use_dpop_nonce""#);
    let nonce = challenge.headers()["dpop-nonce"].to_str().unwrap().to_owned();
    assert_eq!(access(Some(nonce)).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_code_can_be_bound_before_it_is_issued() {
    let prover = Prover::start(AuthorizationServer::builder()).await;
    let (own, foreign) = (prover.key.thumbprint(), ProofKey::generate().thumbprint());
    for (jkt, status) in [(own, StatusCode::OK), (foreign, StatusCode::BAD_REQUEST)] {
        let callback = prover.app.server.authorize(&prover.app.authorization_url(&[("dpop_jkt", &jkt)])).unwrap();
        assert_eq!(prover.redeem(&parameter(&callback, "code").unwrap(), None).await.status, status);
    }
}

#[tokio::test]
async fn a_lost_answer_takes_its_nonce_along() {
    let builder = AuthorizationServer::builder()
        .require_dpop_nonce(true)
        .dpop_nonce_per_answer(true)
        .reuse_window(Duration::from_secs(60));
    let prover = Prover::start(builder).await;
    let code = prover.app.code();
    let nonce = prover.redeem(&code, None).await.nonce.unwrap();
    let tokens = prover.redeem(&code, Some(&nonce)).await;
    prover.app.server.inject(Fault::DropAfter);
    let proof = prover.proof(tokens.nonce.as_deref());
    prover.app.refresh_request(&tokens.body["refresh_token"]).header("dpop", proof).send().await.unwrap_err();
    let challenge = prover.refresh(&tokens.body, tokens.nonce.as_deref()).await;
    assert_eq!(challenge.body["error"], "use_dpop_nonce");
    assert_eq!(prover.refresh(&tokens.body, challenge.nonce.as_deref()).await.status, StatusCode::OK);
    assert_eq!(prover.outcomes(), [Outcome::LostAfter, Outcome::Challenged, Outcome::GrantedInReuseWindow]);
}
