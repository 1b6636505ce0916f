//! Over real TLS: private authorities, and clients that authenticate with a certificate.

use std::sync::Arc;

use crate::authority::{CLIENT_ID, Standstill, assert_shows_no_secret, session_of};
use crate::tls_server::{Authority, TlsServer};
use oidc_session_core::ProviderErrorKind::{InvalidAnswer, Misconfigured, NotSent};
use oidc_session_core::{
    AccessToken, Provider as _, ProviderError, Revocation, Scopes, SignIn as _, SignInRequest, Target, TokenAnswer,
};
use oidc_session_provider_oidc::{ClientAuth, ClientCertificate, Oidc, OidcBuilder};
use serde_json::json;
use url::Url;

const ADDRESS: &str = "127.0.0.1";

fn builder(server: &TlsServer, trusted: &Authority) -> OidcBuilder {
    Oidc::builder(server.issuer(), CLIENT_ID).root_certificate(trusted.pem()).clock(Arc::new(Standstill))
}

fn mutual_tls(pem: &str) -> ClientAuth {
    ClientAuth::MutualTls(ClientCertificate::from_pem(pem).unwrap())
}

async fn refresh(provider: &Oidc, server: &TlsServer) -> Result<TokenAnswer, ProviderError> {
    let answer = provider.refresh(&session_of(server.issuer()), &Target::default()).await;
    if let Err(error) = &answer {
        assert_shows_no_secret(error);
        assert!(!format!("{error} {error:?}").contains("BEGIN"), "{error:?}");
    }
    answer
}

#[tokio::test]
async fn a_private_authority_is_trusted_from_discovery_to_refresh() {
    let authority = Authority::new("ours");
    let server = TlsServer::start(authority.issue(ADDRESS), None).await;
    let provider = builder(&server, &authority).build().unwrap();
    provider.prepare(&session_of(server.issuer())).await.unwrap();
    let answer = refresh(&provider, &server).await.unwrap();
    assert_eq!(answer.access_token, Some(AccessToken::new("secret-at-2")));
    assert_eq!(server.paths(), ["/.well-known/openid-configuration", "/jwks", "/token"]);
    assert!(server.received().iter().all(|request| request.certificate.is_none()));
}

#[tokio::test]
async fn an_unknown_authority_is_not_sent_to() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = TlsServer::start(theirs.issue(ADDRESS), None).await;
    let error = refresh(&builder(&server, &ours).build().unwrap(), &server).await.unwrap_err();
    assert_eq!(error.kind(), NotSent);
    assert!(error.advice().unwrap().contains("root_certificate"), "{error:?}");
    assert_eq!(server.received(), []);

    // The same where only the token endpoint is somebody else's.
    let changes = json!({ "token_endpoint": format!("{}/token", server.issuer()) });
    let known = TlsServer::start_with(ours.issue(ADDRESS), None, rustls::ALL_VERSIONS, changes).await;
    let error = refresh(&builder(&known, &ours).build().unwrap(), &known).await.unwrap_err();
    assert_eq!(error.kind(), NotSent);
    assert!(error.advice().unwrap().contains("root_certificate"), "{error:?}");
    assert_eq!(known.paths(), ["/.well-known/openid-configuration"]);
    assert_eq!(server.received(), []);
}

#[tokio::test]
async fn a_certificate_for_another_address_is_not_sent_to() {
    let authority = Authority::new("ours");
    let server = TlsServer::start(authority.issue("login.example"), None).await;
    let error = refresh(&builder(&server, &authority).build().unwrap(), &server).await.unwrap_err();
    assert_eq!(error.kind(), NotSent);
    assert!(error.advice().unwrap().contains("host name"), "{error:?}");
    assert_eq!(server.received(), []);
}

#[tokio::test]
async fn a_client_certificate_authenticates_every_connection() {
    let (authority, clients) = (Authority::new("ours"), Authority::new("of clients"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let own = clients.issue(CLIENT_ID);
        let server = TlsServer::start_with(authority.issue(ADDRESS), Some(&clients), &[version], json!({})).await;
        let provider = builder(&server, &authority).client_auth(mutual_tls(&own.pem)).build().unwrap();
        refresh(&provider, &server).await.unwrap();
        let received = server.received();
        assert_eq!(
            received.last().unwrap().body,
            "grant_type=refresh_token&client_id=my-app&refresh_token=secret-rt-1"
        );
        assert_eq!(received.len(), 2);
        assert!(received.iter().all(|request| request.certificate.as_ref() == Some(&own.certificate)));
        assert!(!format!("{provider:?}").contains("BEGIN"));
    }
}

#[tokio::test]
async fn a_missing_client_certificate_is_a_matter_of_settings() {
    let (authority, clients) = (Authority::new("ours"), Authority::new("of clients"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let guarded = TlsServer::start_with(authority.issue(ADDRESS), Some(&clients), &[version], json!({})).await;
        let changes = json!({ "token_endpoint": format!("{}/token", guarded.issuer()) });
        let open = TlsServer::start_with(authority.issue(ADDRESS), None, rustls::ALL_VERSIONS, changes).await;
        for server in [&guarded, &open] {
            let error = refresh(&builder(server, &authority).build().unwrap(), server).await.unwrap_err();
            assert_eq!(error.kind(), Misconfigured, "{version:?}: {error:?}");
            assert!(error.advice().unwrap().contains("MutualTls"), "{error:?}");
        }
        assert_eq!(guarded.received(), []);
    }
}

#[tokio::test]
async fn a_client_certificate_that_is_not_accepted_is_a_matter_of_settings() {
    let (authority, clients, strangers) = (Authority::new("ours"), Authority::new("of clients"), Authority::new("not"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = TlsServer::start_with(authority.issue(ADDRESS), Some(&clients), &[version], json!({})).await;
        let own = strangers.issue(CLIENT_ID);
        let provider = builder(&server, &authority).client_auth(mutual_tls(&own.pem)).build().unwrap();
        let error = refresh(&provider, &server).await.unwrap_err();
        assert_eq!(error.kind(), Misconfigured, "{version:?}: {error:?}");
        assert!(error.advice().unwrap().contains("certificate"), "{error:?}");
        assert_eq!(server.received(), []);
    }
}

#[tokio::test]
async fn the_addresses_for_mutual_tls_are_used_by_clients_with_a_certificate_only() {
    let (authority, clients) = (Authority::new("ours"), Authority::new("of clients"));
    let guarded = TlsServer::start(authority.issue(ADDRESS), Some(&clients)).await;
    let alias = |path: &str| format!("{}{path}", guarded.issuer());
    let aliases = json!({ "mtls_endpoint_aliases": {
        "token_endpoint": alias("/token"),
        "revocation_endpoint": alias("/revoke"),
        "pushed_authorization_request_endpoint": alias("/par"),
    } });
    let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
    for (auth, at_open, at_guarded) in [
        (ClientAuth::None, &["/token", "/revoke", "/par"][..], &[][..]),
        (mutual_tls(&clients.issue(CLIENT_ID).pem), &[], &["/token", "/revoke", "/par"]),
    ] {
        let versions = rustls::ALL_VERSIONS;
        let open = TlsServer::start_with(authority.issue(ADDRESS), None, versions, aliases.clone()).await;
        let builder = builder(&open, &authority).client_auth(auth).pushed_authorization_requests(true);
        let provider = builder.build().unwrap();
        refresh(&provider, &open).await.unwrap();
        assert_eq!(provider.revoke(&session_of(open.issuer())).await.unwrap(), Revocation::Done);
        let request = SignInRequest::new(redirect_uri.clone(), Scopes::default());
        let pending = provider.authorization_request(request).await.unwrap();
        assert!(pending.authorization_url.as_str().starts_with(open.issuer()), "the browser has no certificate");
        assert_eq!(open.paths()[1..], *at_open);
        assert_eq!(guarded.paths(), at_guarded);
    }
}

#[tokio::test]
async fn user_info_is_asked_for_with_the_certificate_too() {
    let (authority, clients) = (Authority::new("ours"), Authority::new("of clients"));
    let guarded = TlsServer::start(authority.issue(ADDRESS), Some(&clients)).await;
    let at_guarded = format!("{}/userinfo", guarded.issuer());
    let changes = json!({ "mtls_endpoint_aliases": { "userinfo_endpoint": at_guarded } });
    let open = TlsServer::start_with(authority.issue(ADDRESS), None, rustls::ALL_VERSIONS, changes).await;
    let mut session = session_of(open.issuer());
    session.subject = Some("sub-1".into());
    let auth = mutual_tls(&clients.issue(CLIENT_ID).pem);
    let provider = builder(&open, &authority).client_auth(auth).build().unwrap();
    assert_eq!(provider.userinfo(&session).await.unwrap_err().kind(), InvalidAnswer, "this server knows nobody");
    assert_eq!(guarded.paths(), ["/userinfo"]);

    // Without one, the handshake says what is missing.
    let changes = json!({ "userinfo_endpoint": at_guarded });
    let open = TlsServer::start_with(authority.issue(ADDRESS), None, rustls::ALL_VERSIONS, changes).await;
    session.issuer = open.issuer().to_owned();
    let error = builder(&open, &authority).build().unwrap().userinfo(&session).await.unwrap_err();
    assert_eq!(error.kind(), Misconfigured, "{error:?}");
    assert!(error.advice().unwrap().contains("MutualTls"), "{error:?}");
}
