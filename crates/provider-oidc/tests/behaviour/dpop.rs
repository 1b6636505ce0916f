//! Sessions whose tokens are bound to a key, and the nonces that a server wants in their proofs.

use crate::authority::{Authority, NOW, assert_shows_no_secret, signed};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use oidc_session_core::ProviderErrorKind::{Misconfigured, OutcomeUnknown, Refused, Rejected};
use oidc_session_core::{
    ClientSecret, DpopKey, PendingSignIn, Provider as _, ProviderError, Scopes, Session, SignIn as _, SignInRequest,
    Target, TokenAnswer, TokenType,
};
use oidc_session_provider_oidc::{ClientAuth, Oidc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

fn bound(authority: &Authority) -> Oidc {
    authority.builder().dpop(true).build().unwrap()
}

async fn start(provider: &Oidc) -> PendingSignIn {
    let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
    provider.authorization_request(SignInRequest::new(redirect_uri, Scopes::default())).await.unwrap()
}

async fn finish(authority: &Authority, provider: &Oidc, pending: PendingSignIn) -> Result<Session, ProviderError> {
    let mut callback = pending.redirect_uri.clone();
    callback.query_pairs_mut().append_pair("state", &pending.state).append_pair("code", "secret-code");
    let session = provider.exchange(pending, &callback).await;
    if let Err(error) = &session {
        assert_shows_no_secret(error);
    }
    assert!(authority.count("/token").await > 0);
    session
}

/// A sign-in whose token answer has `token_type` and, if any, `nonce`.
async fn sign_in(
    authority: &Authority,
    provider: &Oidc,
    token_type: Value,
    nonce: Option<&str>,
) -> Result<Session, ProviderError> {
    let pending = start(provider).await;
    let id_token = signed("k1", 1, &authority.claims(json!({ "nonce": pending.nonce })));
    let answer = json!({
        "access_token": "secret-at-1", "refresh_token": "secret-rt-1", "id_token": id_token, "token_type": token_type,
    });
    once(authority, with_nonce(ResponseTemplate::new(200).set_body_json(answer), nonce)).await;
    finish(authority, provider, pending).await
}

async fn signed_in(authority: &Authority, nonce: Option<&str>) -> Session {
    sign_in(authority, &bound(authority), json!("DPoP"), nonce).await.unwrap()
}

async fn refresh(provider: &Oidc, session: &Session) -> Result<TokenAnswer, ProviderError> {
    provider.refresh(session, &Target::default()).await
}

/// Scripts the next answer of the token endpoint that is not scripted yet.
async fn once(authority: &Authority, answer: ResponseTemplate) {
    let next = Mock::given(method("POST")).and(path("/token")).respond_with(answer);
    next.up_to_n_times(1).mount(&authority.http).await;
}

fn refreshed(nonce: Option<&str>) -> ResponseTemplate {
    let answer = json!({ "access_token": "secret-at-2", "token_type": "DPoP" });
    with_nonce(ResponseTemplate::new(200).set_body_json(answer), nonce)
}

fn challenge(nonce: Option<&str>) -> ResponseTemplate {
    with_nonce(refusal("use_dpop_nonce"), nonce)
}

fn refusal(error: &str) -> ResponseTemplate {
    ResponseTemplate::new(400).set_body_json(json!({ "error": error }))
}

fn with_nonce(answer: ResponseTemplate, nonce: Option<&str>) -> ResponseTemplate {
    nonce.into_iter().fold(answer, |answer, nonce| answer.insert_header("DPoP-Nonce", nonce))
}

/// A proof whose signature holds: the thumbprint of its key, and its claims.
struct Proof {
    thumbprint: String,
    claims: Value,
}

impl Proof {
    fn nonce(&self) -> Option<&str> {
        self.claims.get("nonce").map(|nonce| nonce.as_str().unwrap())
    }
}

/// Of every request to the token endpoint, in order: its proof, if it carries one.
async fn proofs(authority: &Authority) -> Vec<Option<Proof>> {
    proofs_at(authority, "/token").await
}

async fn proofs_at(authority: &Authority, at: &str) -> Vec<Option<Proof>> {
    let requests = authority.http.received_requests().await.unwrap();
    let requests = requests.iter().filter(|request| request.url.path() == at);
    requests.map(|request| request.headers.get("dpop").map(|proof| verified(proof.to_str().unwrap()))).collect()
}

async fn last_proof(authority: &Authority) -> Proof {
    proofs(authority).await.pop().unwrap().unwrap()
}

fn verified(proof: &str) -> Proof {
    let header = decode_header(proof).unwrap();
    assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
    let jwk: Jwk = header.jwk.unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    let claims = decode::<Value>(proof, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap().claims;
    Proof { thumbprint: jwk.thumbprint(ThumbprintHash::SHA256).unwrap(), claims }
}

#[tokio::test]
async fn a_sign_in_binds_code_and_tokens_to_one_key() {
    let authority = Authority::start().await;
    let provider = bound(&authority);
    let pending = start(&provider).await;
    let asked = pending.authorization_url.query_pairs().find(|(name, _)| name == "dpop_jkt").unwrap().1.into_owned();
    let id_token = signed("k1", 1, &authority.claims(json!({ "nonce": pending.nonce })));
    let answer = json!({ "access_token": "secret-at-1", "id_token": id_token, "token_type": "dpop" });
    once(&authority, ResponseTemplate::new(200).set_body_json(answer)).await;
    let session = finish(&authority, &provider, pending).await.unwrap();

    let proof = last_proof(&authority).await;
    assert_eq!(proof.claims["htm"], "POST");
    assert_eq!(proof.claims["htu"], format!("{}/token", authority.issuer()));
    assert_eq!(proof.claims["iat"], NOW.as_unix_seconds());
    assert_eq!(proof.nonce(), None);
    let binding = session.dpop.unwrap();
    assert_eq!([&proof.thumbprint, &asked], [&binding.thumbprint; 2]);
    assert_eq!(session.tokens.token_type, TokenType::DPoP);
}

#[tokio::test]
async fn a_sign_in_without_the_setting_proves_nothing() {
    let authority = Authority::start().await;
    let session = sign_in(&authority, &authority.provider(), json!("Bearer"), Some("n-1")).await.unwrap();
    assert_eq!(session.dpop, None);
    assert!(proofs(&authority).await.iter().all(Option::is_none));
    assert!(!start(&authority.provider()).await.authorization_url.as_str().contains("dpop"));
}

#[tokio::test]
async fn no_two_sign_ins_share_a_key() {
    let authority = Authority::start().await;
    let thumbprint = async || signed_in(&authority, None).await.dpop.unwrap().thumbprint;
    assert_ne!(thumbprint().await, thumbprint().await);
}

#[tokio::test]
async fn a_caller_cannot_choose_the_key_of_the_code() {
    let authority = Authority::start().await;
    for provider in [bound(&authority), authority.provider()] {
        let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
        let mut request = SignInRequest::new(redirect_uri, Scopes::default());
        request.parameters.push(("dpop_jkt".into(), "another".into()));
        assert_eq!(provider.authorization_request(request).await.unwrap_err().kind(), Misconfigured);
    }
}

#[tokio::test]
async fn an_access_token_that_is_not_bound_makes_no_session_if_dpop_was_asked_for() {
    for token_type in [json!("Bearer"), json!(null), json!("DPoP ")] {
        let authority = Authority::start().await;
        let error = sign_in(&authority, &bound(&authority), token_type.clone(), None).await.unwrap_err();
        assert_eq!(error.kind(), Misconfigured, "{token_type}");
        assert!(error.advice().unwrap().contains("DPoP"));
    }
}

#[tokio::test]
async fn a_sign_in_that_began_with_a_key_is_finished_with_it_even_if_the_setting_is_off_by_then() {
    let authority = Authority::start().await;
    let pending = start(&bound(&authority)).await;
    let id_token = signed("k1", 1, &authority.claims(json!({ "nonce": pending.nonce })));
    let answer = json!({ "access_token": "secret-at-1", "id_token": id_token, "token_type": "Bearer" });
    once(&authority, ResponseTemplate::new(200).set_body_json(answer)).await;
    let session = finish(&authority, &authority.provider(), pending).await.unwrap();
    // The access token is not bound, but the refresh token of a public client is.
    assert_eq!(last_proof(&authority).await.thumbprint, session.dpop.unwrap().thumbprint);
    assert_eq!(session.tokens.token_type, TokenType::Bearer);
}

#[tokio::test]
async fn an_unreadable_key_spends_no_code() {
    let authority = Authority::start().await;
    let provider = bound(&authority);
    let mut pending = start(&provider).await;
    pending.dpop_key = Some(DpopKey::new("secret"));
    let mut callback = pending.redirect_uri.clone();
    callback.query_pairs_mut().append_pair("state", &pending.state).append_pair("code", "secret-code");
    let error = provider.exchange(pending, &callback).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured);
    assert_shows_no_secret(&error);
    assert_eq!(authority.count("/token").await, 0);
}

#[tokio::test]
async fn a_refresh_proves_possession_of_the_key_of_the_session_whatever_the_setting() {
    let authority = Authority::start().await;
    let session = signed_in(&authority, None).await;
    let thumbprint = &session.dpop.as_ref().unwrap().thumbprint;
    for provider in [bound(&authority), authority.provider()] {
        once(&authority, refreshed(None)).await;
        let answer = refresh(&provider, &session).await.unwrap();
        assert_eq!(answer.token_type, Some(TokenType::DPoP));
        let proof = last_proof(&authority).await;
        assert_eq!(proof.thumbprint, *thumbprint);
        assert_eq!(proof.claims["htu"], format!("{}/token", authority.issuer()));
    }
}

#[tokio::test]
async fn a_session_without_a_key_is_refreshed_without_a_proof() {
    let authority = Authority::start().await;
    once(&authority, with_nonce(refreshed(None), Some("n-1"))).await;
    let answer = refresh(&bound(&authority), &authority.session()).await.unwrap();
    assert_eq!(answer.dpop_nonce, None);
    assert!(proofs(&authority).await[0].is_none());
}

#[tokio::test]
async fn a_key_that_is_not_the_bound_one_presents_nothing() {
    let authority = Authority::start().await;
    let good = signed_in(&authority, None).await;
    let other = signed_in(&authority, None).await.dpop.unwrap();
    let mut tampered = good.clone();
    tampered.dpop.as_mut().unwrap().thumbprint = other.thumbprint;
    let mut exchanged = good.clone();
    exchanged.dpop.as_mut().unwrap().key = other.key;
    let mut unreadable = good.clone();
    unreadable.dpop.as_mut().unwrap().key = DpopKey::new("secret");
    let before = authority.count("/token").await;
    authority.on("POST", "/token", refreshed(None)).await;
    for session in [tampered, exchanged, unreadable] {
        for error in [
            bound(&authority).prepare(&session).await.unwrap_err(),
            refresh(&bound(&authority), &session).await.unwrap_err(),
            refresh(&authority.provider(), &session).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), Misconfigured);
            assert_shows_no_secret(&error);
        }
    }
    assert_eq!(authority.count("/token").await, before);
}

#[tokio::test]
async fn a_challenge_is_answered_once_with_a_proof_of_its_own() {
    let authority = Authority::start().await;
    let session = signed_in(&authority, None).await;
    once(&authority, challenge(Some("n-1"))).await;
    authority.on("POST", "/token", refreshed(None)).await;
    let answer = refresh(&bound(&authority), &session).await.unwrap();
    assert_eq!(answer.dpop_nonce.as_deref(), Some("n-1"));

    let proofs: Vec<_> = proofs(&authority).await.into_iter().skip(1).flatten().collect();
    assert_eq!(proofs.iter().map(Proof::nonce).collect::<Vec<_>>(), [None, Some("n-1")]);
    assert_ne!(proofs[0].claims["jti"], proofs[1].claims["jti"]);
    let requests = authority.http.received_requests().await.unwrap();
    let bodies: Vec<_> = requests.iter().filter(|request| request.url.path() == "/token").map(|r| &r.body).collect();
    assert_eq!(bodies[1], bodies[2]);
}

#[tokio::test]
async fn an_assertion_of_the_client_is_not_repeated_with_the_challenge() {
    let authority = Authority::start().await;
    let session = signed_in(&authority, None).await;
    once(&authority, challenge(Some("n-1"))).await;
    authority.on("POST", "/token", refreshed(None)).await;
    let auth = ClientAuth::SecretJwt(ClientSecret::new("secret"));
    refresh(&authority.builder().client_auth(auth).build().unwrap(), &session).await.unwrap();
    let sent = authority.sent("/token").await;
    assert_eq!(sent[1]["refresh_token"], sent[2]["refresh_token"]);
    assert_ne!(sent[1]["client_assertion"], sent[2]["client_assertion"]);
}

#[tokio::test]
async fn a_sign_in_answers_a_challenge_too() {
    let authority = Authority::start().await;
    once(&authority, challenge(Some("n-1"))).await;
    let session = signed_in(&authority, None).await;
    assert_eq!(authority.count("/token").await, 2);
    assert_eq!(session.dpop.unwrap().nonce.as_deref(), Some("n-1"));
}

#[tokio::test]
async fn a_second_challenge_is_not_answered() {
    let authority = Authority::start().await;
    let session = signed_in(&authority, None).await;
    once(&authority, challenge(Some("n-1"))).await;
    once(&authority, challenge(Some("n-2"))).await;
    authority.on("POST", "/token", refreshed(None)).await;
    let provider = bound(&authority);
    let error = refresh(&provider, &session).await.unwrap_err();
    assert_eq!((error.kind(), error.error_code()), (Misconfigured, Some("use_dpop_nonce")));
    assert_eq!(authority.count("/token").await, 3);

    // But it is remembered: the next refresh starts with it.
    refresh(&provider, &session).await.unwrap();
    assert_eq!(last_proof(&authority).await.nonce(), Some("n-2"));
}

#[tokio::test]
async fn what_is_no_challenge_is_not_answered() {
    let late = ResponseTemplate::new(503).set_body_json(json!({ "error": "use_dpop_nonce" }));
    for (answer, expected) in [
        (challenge(None), Misconfigured),
        (with_nonce(refusal("invalid_dpop_proof"), Some("n-1")), Misconfigured),
        (with_nonce(refusal("invalid_grant"), Some("n-1")), Rejected),
        (with_nonce(late, Some("n-1")), OutcomeUnknown),
    ] {
        let authority = Authority::start().await;
        let session = signed_in(&authority, None).await;
        authority.on("POST", "/token", answer).await;
        assert_eq!(refresh(&bound(&authority), &session).await.unwrap_err().kind(), expected);
        assert_eq!(authority.count("/token").await, 2);
    }
    // Nobody proved anything, so there is nothing to prove better.
    let authority = Authority::start().await;
    authority.on("POST", "/token", challenge(Some("n-1"))).await;
    assert_eq!(refresh(&authority.provider(), &authority.session()).await.unwrap_err().kind(), Misconfigured);
    assert_eq!(authority.count("/token").await, 1);
}

#[tokio::test]
async fn both_tries_share_one_deadline() {
    let authority = Authority::start().await;
    let session = signed_in(&authority, None).await;
    let budget = std::time::Duration::from_secs(1);
    once(&authority, challenge(Some("n-1")).set_delay(budget * 3 / 5)).await;
    authority.on("POST", "/token", refreshed(None).set_delay(budget * 3 / 5)).await;
    let provider = authority.builder().request_budget(budget).build().unwrap();
    provider.prepare(&session).await.unwrap();
    assert_eq!(refresh(&provider, &session).await.unwrap_err().kind(), OutcomeUnknown);
    assert_eq!(authority.count("/token").await, 3);
}

#[tokio::test]
async fn the_nonce_of_any_answer_is_in_the_next_proof() {
    for answer in [refreshed(Some("n-2")), with_nonce(refusal("invalid_request"), Some("n-2"))] {
        let authority = Authority::start().await;
        let provider = bound(&authority);
        let session = signed_in(&authority, Some("n-1")).await;
        assert_eq!(session.dpop.as_ref().unwrap().nonce.as_deref(), Some("n-1"));
        once(&authority, answer).await;
        let first = refresh(&provider, &session).await;
        if let Ok(answer) = first {
            assert_eq!(answer.dpop_nonce.as_deref(), Some("n-2"));
        }
        assert_eq!(last_proof(&authority).await.nonce(), Some("n-1"), "the session's own, in a new process");
        // What was learned holds for every session there, and wins over what this one has stored.
        once(&authority, refreshed(None)).await;
        refresh(&provider.clone(), &session).await.unwrap();
        assert_eq!(last_proof(&authority).await.nonce(), Some("n-2"));
        assert_eq!(authority.count("/token").await, 3, "no challenge");
    }
}

/// A server with a UserInfo endpoint that answers what `answers` say, the last one for ever, and a bound session.
async fn with_user_info(answers: Vec<ResponseTemplate>) -> (Authority, Session) {
    let authority = Authority::silent().await;
    authority.publish(json!({ "userinfo_endpoint": format!("{}/userinfo", authority.issuer()) })).await;
    authority.publish_keys(&[("k1", 1)]).await;
    let last = answers.len() - 1;
    for (number, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(method("GET")).and(path("/userinfo")).respond_with(answer);
        let mock = if number < last { mock.up_to_n_times(1) } else { mock };
        mock.mount(&authority.http).await;
    }
    let session = signed_in(&authority, Some("n-token")).await;
    (authority, session)
}

fn user() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "sub": "sub-1" }))
}

#[tokio::test]
async fn user_info_is_asked_for_with_the_token_its_scheme_and_a_proof_of_both() {
    let (authority, session) = with_user_info(vec![with_nonce(user(), Some("n-info")), user()]).await;
    let provider = bound(&authority);
    for nonce in [None, Some("n-info")] {
        provider.userinfo(&session).await.unwrap();
        let proof = proofs_at(&authority, "/userinfo").await.pop().unwrap().unwrap();
        assert_eq!(proof.thumbprint, session.dpop.as_ref().unwrap().thumbprint);
        assert_eq!(proof.claims["htm"], "GET");
        assert_eq!(proof.claims["htu"], format!("{}/userinfo", authority.issuer()));
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest("secret-at-1"));
        assert_eq!(proof.claims["ath"], hash);
        assert_eq!(proof.nonce(), nonce, "the nonces of the token endpoint are others");
    }
    let requests = authority.http.received_requests().await.unwrap();
    let request = requests.iter().find(|request| request.url.path() == "/userinfo").unwrap();
    assert_eq!(request.headers["authorization"], "DPoP secret-at-1");
    // Nor does the token endpoint get that of the resource server.
    once(&authority, refreshed(None)).await;
    refresh(&provider, &session).await.unwrap();
    assert_eq!(last_proof(&authority).await.nonce(), Some("n-token"));
}

#[tokio::test]
async fn a_challenge_of_the_user_info_endpoint_is_answered_once() {
    let challenge = |nonce| with_nonce(ResponseTemplate::new(401), Some(nonce));
    let (authority, session) = with_user_info(vec![challenge("n-1"), user()]).await;
    bound(&authority).userinfo(&session).await.unwrap();
    let nonces: Vec<_> = proofs_at(&authority, "/userinfo").await.into_iter().flatten().collect();
    assert_eq!(nonces.iter().map(Proof::nonce).collect::<Vec<_>>(), [None, Some("n-1")]);

    let (authority, session) = with_user_info(vec![challenge("n-1"), challenge("n-2"), user()]).await;
    assert_eq!(bound(&authority).userinfo(&session).await.unwrap_err().kind(), Refused);
    assert_eq!(authority.count("/userinfo").await, 2);
}

#[tokio::test]
async fn what_is_no_challenge_of_the_user_info_endpoint_is_not_answered() {
    let nonce = Some("n-1");
    for (answer, is_bound) in [
        (ResponseTemplate::new(401), true),
        (with_nonce(ResponseTemplate::new(403), nonce), true),
        (with_nonce(ResponseTemplate::new(401), nonce), false),
    ] {
        let (authority, mut session) = with_user_info(vec![answer]).await;
        if !is_bound {
            session.dpop = None;
            session.tokens.token_type = TokenType::Bearer;
        }
        assert!(bound(&authority).userinfo(&session).await.is_err());
        assert_eq!(authority.count("/userinfo").await, 1);
    }
}
