//! Servers that are asked in a form of the vendor's own, and servers that cannot be asked for everything.

use crate::authority::Authority;
use oidc_session_core::{ClientSecret, Provider as _, ProviderErrorKind, Revocation, Session, Target};
use oidc_session_provider_oidc::{ClientAuth, Dialect, EncodedRequest};
use serde_json::json;
use url::Url;
use wiremock::ResponseTemplate;

/// Sends everything to one address, as lines of text.
#[derive(Debug)]
struct OneAddress(Url);

impl OneAddress {
    fn lines(&self, fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
        let lines: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        Some(EncodedRequest::new("text/plain", lines.join("\n")).header("x-form", "lines").endpoint(self.0.clone()))
    }
}

impl Dialect for OneAddress {
    fn encode_refresh(&self, _session: &Session, fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
        self.lines(fields)
    }

    fn encode_revocation(&self, _session: &Session, fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
        self.lines(fields)
    }

    fn reaches(&self, _session: &Session, _target: &Target) -> Result<(), &'static str> {
        Err("ask for everything that is needed at the sign-in")
    }
}

#[tokio::test]
async fn refresh_and_revocation_go_where_the_dialect_says_with_the_secret_in_the_body() {
    let authority = Authority::silent().await;
    authority.publish(json!({ "revocation_endpoint": null })).await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "access_token": "at-2" }));
    authority.on("POST", "/one", answer).await;
    let at = Url::parse(&format!("{}/one", authority.issuer())).unwrap();
    let auth = ClientAuth::Basic(ClientSecret::new("pw"));
    let provider = authority.builder().client_auth(auth).dialect(OneAddress(at)).build().unwrap();

    provider.refresh(&authority.session(), &Target::default()).await.unwrap();
    assert_eq!(provider.revoke(&authority.session()).await.unwrap(), Revocation::Done);
    assert_eq!(authority.count("/token").await, 0);

    let requests = authority.http.received_requests().await.unwrap();
    let posts: Vec<_> = requests.iter().filter(|request| request.url.path() == "/one").collect();
    let bodies: Vec<_> = posts.iter().map(|request| String::from_utf8(request.body.clone()).unwrap()).collect();
    assert_eq!(
        bodies,
        [
            "client_id: my-app\nclient_secret: pw\ngrant_type: refresh_token\nrefresh_token: secret-rt-1",
            "client_id: my-app\nclient_secret: pw\ntoken: secret-rt-1\ntoken_type_hint: refresh_token",
        ]
    );
    for request in posts {
        assert_eq!(request.headers["content-type"], "text/plain");
        assert_eq!(request.headers["x-form"], "lines");
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_target_that_the_server_cannot_tell_apart_is_refused_before_anything_is_sent() {
    let authority = Authority::start().await;
    let at = Url::parse(&format!("{}/one", authority.issuer())).unwrap();
    let provider = authority.builder().dialect(OneAddress(at)).build().unwrap();
    let error = provider.refresh(&authority.session(), &Target::resource("https://api.example")).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Misconfigured);
    assert_eq!(authority.count("/one").await, 0);
}

#[tokio::test]
async fn a_form_that_fits_into_no_request_was_not_sent() {
    #[derive(Debug)]
    struct TwoLines;
    impl Dialect for TwoLines {
        fn encode_refresh(&self, _session: &Session, _fields: &[(&'static str, String)]) -> Option<EncodedRequest> {
            Some(EncodedRequest::new("text/plain", "").header("x-form", "one\ntwo"))
        }
    }
    let authority = Authority::start().await;
    let provider = authority.builder().dialect(TwoLines).build().unwrap();
    let error = provider.refresh(&authority.session(), &Target::default()).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::NotSent);
    assert_eq!(authority.count("/token").await, 0);
}
