//! Clients that sign: what each request carries, and what is wrong with a key or a secret before anything is sent.

use std::collections::BTreeSet;

use crate::authority::{Authority, CLIENT_ID, NOW, assert_shows_no_secret};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use oidc_session_core::ProviderErrorKind::Misconfigured;
use oidc_session_core::{
    ClientSecret, Provider as _, ProviderErrorKind, Revocation, Scopes, Session, SignIn as _, SignInRequest, Target,
};
use oidc_session_provider_oidc::{AssertionAudience, ClientAuth, Dialect, Oidc, SigningKey};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, PublicKeyData as _};
use serde_json::{Value, json};
use url::Url;
use wiremock::ResponseTemplate;

const SECRET: &str = "secret-of-the-client-with-32-bytes-or-more";

/// A client that signs, and how its server checks that.
struct Signing {
    auth: ClientAuth,
    algorithm: Algorithm,
    check: DecodingKey,
}

impl Signing {
    fn with_key() -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let certificate = CertificateParams::new([CLIENT_ID.to_owned()]).unwrap().self_signed(&pair).unwrap();
        let key = SigningKey::from_pem(pair.serialize_pem()).unwrap().with_key_id("k1");
        Self {
            auth: ClientAuth::PrivateKeyJwt(key.with_certificate(certificate.pem()).unwrap()),
            algorithm: Algorithm::EdDSA,
            check: DecodingKey::from_ed_der(pair.der_bytes()),
        }
    }

    fn with_secret() -> Self {
        Self {
            auth: ClientAuth::SecretJwt(ClientSecret::new(SECRET)),
            algorithm: Algorithm::HS256,
            check: DecodingKey::from_secret(SECRET.as_bytes()),
        }
    }

    fn provider(&self, authority: &Authority) -> Oidc {
        authority.builder().client_auth(self.auth.clone()).build().unwrap()
    }

    /// The claims of `assertion`, if it is signed by this client.
    fn claims(&self, assertion: &str) -> Value {
        let mut validation = Validation::new(self.algorithm);
        // The clock of the test stands still, that of the library does not.
        (validation.validate_exp, validation.validate_aud) = (false, false);
        decode::<Value>(assertion, &self.check, &validation).unwrap().claims
    }
}

async fn refresh(provider: &Oidc, session: &Session) -> Result<(), ProviderErrorKind> {
    provider.refresh(session, &Target::default()).await.map(drop).map_err(|error| {
        assert_shows_no_secret(&error);
        error.kind()
    })
}

#[tokio::test]
async fn every_request_carries_an_assertion_of_its_own() {
    for client in [Signing::with_key(), Signing::with_secret()] {
        let authority = Authority::start().await;
        let tokens = json!({ "access_token": "at-2" });
        authority.on("POST", "/token", ResponseTemplate::new(200).set_body_json(tokens)).await;
        authority.on("POST", "/revoke", ResponseTemplate::new(200)).await;
        let (provider, session) = (client.provider(&authority), authority.session());
        refresh(&provider, &session).await.unwrap();
        refresh(&provider, &session).await.unwrap();
        assert_eq!(provider.revoke(&session).await.unwrap(), Revocation::Done);
        let back = Url::parse("http://127.0.0.1:9/callback").unwrap();
        let pending = provider.authorization_request(SignInRequest::new(back, Scopes::default())).await.unwrap();
        let callback = Url::parse(&format!("http://127.0.0.1:9/callback?code=c&state={}", pending.state)).unwrap();
        assert!(provider.exchange(pending, &callback).await.is_err(), "there is no ID token");

        let mut sent = authority.sent("/token").await;
        sent.extend(authority.sent("/revoke").await);
        assert_eq!(sent.len(), 4);
        let mut ids = BTreeSet::new();
        for fields in sent {
            assert_eq!(fields["client_id"], CLIENT_ID);
            assert_eq!(fields["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            assert!(!fields.contains_key("client_secret"));
            let mut claims = client.claims(&fields["client_assertion"]);
            let Value::String(id) = claims["jti"].take() else {
                panic!("an assertion has a name");
            };
            assert!(ids.insert(id), "a server takes an assertion once");
            let now = NOW.as_unix_seconds();
            assert_eq!(
                claims,
                json!({
                    "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": authority.issuer(), "jti": null,
                    "iat": now, "nbf": now, "exp": now + 60,
                })
            );
        }
        let requests = authority.http.received_requests().await.unwrap();
        assert!(requests.iter().all(|request| !request.headers.contains_key("authorization")));
    }
}

#[tokio::test]
async fn the_header_says_which_key_it_is() {
    let authority = Authority::start().await;
    let tokens = json!({ "access_token": "at-2" });
    authority.on("POST", "/token", ResponseTemplate::new(200).set_body_json(tokens)).await;
    refresh(&Signing::with_key().provider(&authority), &authority.session()).await.unwrap();
    let Header { alg, typ, kid, x5t_s256, .. } =
        decode_header(&authority.sent("/token").await[0]["client_assertion"]).unwrap();
    assert_eq!((alg, typ.as_deref(), kid.as_deref()), (Algorithm::EdDSA, Some("JWT"), Some("k1")));
    assert_eq!(x5t_s256.unwrap().len(), 43, "a SHA-256 in base64url");
}

#[tokio::test]
async fn the_dialect_decides_whom_an_assertion_is_for() {
    #[derive(Debug)]
    struct Addressing(AssertionAudience);
    impl Dialect for Addressing {
        fn assertion_audience(&self) -> AssertionAudience {
            self.0
        }

        fn speaks_for(&self, issuer: &str, published: &str) -> bool {
            published.starts_with(issuer)
        }
    }

    for (audience, expected) in
        [(AssertionAudience::Issuer, "/published"), (AssertionAudience::TokenEndpoint, "/token")]
    {
        let authority = Authority::silent().await;
        let published = format!("{}/published", authority.issuer());
        authority.publish(json!({ "issuer": published })).await;
        let tokens = json!({ "access_token": "at-2" });
        authority.on("POST", "/token", ResponseTemplate::new(200).set_body_json(tokens)).await;
        let client = Signing::with_secret();
        let builder = authority.builder().client_auth(client.auth.clone());
        let provider = builder.dialect(Addressing(audience)).build().unwrap();
        let mut session = authority.session();
        session.issuer = published;
        refresh(&provider, &session).await.unwrap();
        let claims = client.claims(&authority.sent("/token").await[0]["client_assertion"]);
        assert_eq!(claims["aud"], format!("{}{expected}", authority.issuer()));
    }
}

#[tokio::test]
async fn nothing_shows_an_assertion_or_a_key() {
    for client in [Signing::with_key(), Signing::with_secret()] {
        let authority = Authority::start().await;
        let provider = client.provider(&authority);
        let shown =
            format!("{provider:?} {:?} {:?}", client.auth, authority.builder().client_auth(client.auth.clone()));
        assert!(!shown.contains("secret-of"), "{shown}");
        assert!(!shown.contains("content"), "{shown}");
        for status in [400, 401, 500] {
            authority.http.reset().await;
            authority.publish(json!({})).await;
            // Such as a server that quotes what it did not like.
            let echo = |request: &wiremock::Request| {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                ResponseTemplate::new(400).set_body_json(json!({ "error": body, "error_description": body }))
            };
            let here = wiremock::Mock::given(wiremock::matchers::path("/token"));
            here.respond_with(move |request: &wiremock::Request| {
                let mut answer = echo(request);
                if status != 400 {
                    answer = ResponseTemplate::new(status).set_body_string(String::from_utf8_lossy(&request.body));
                }
                answer
            })
            .mount(&authority.http)
            .await;
            let error = provider.refresh(&authority.session(), &Target::default()).await.unwrap_err();
            assert_shows_no_secret(&error);
            assert!(!format!("{error} {error:?}").contains("eyJ"), "{error:?}");
        }
    }
}

#[test]
fn settings_that_no_server_could_accept_are_refused_at_once() {
    let builder = || Oidc::builder("http://127.0.0.1:9", CLIENT_ID);
    for (secret, accepted) in [("pw", true), ("", false), ("secret\n", false)] {
        let secret = || ClientSecret::new(secret);
        for auth in [ClientAuth::Basic(secret()), ClientAuth::Post(secret()), ClientAuth::SecretJwt(secret())] {
            match builder().client_auth(auth).build() {
                Ok(_) => assert!(accepted),
                Err(error) => {
                    assert!(!accepted, "{error}");
                    assert_eq!(error.kind(), Misconfigured);
                    assert!(error.advice().unwrap().contains("secret"));
                    assert_shows_no_secret(&error);
                }
            }
        }
    }
    assert_eq!(SigningKey::from_pem("secret").unwrap_err().kind(), Misconfigured);
}
