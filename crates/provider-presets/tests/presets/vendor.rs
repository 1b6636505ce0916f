//! A scripted authorization server with a vendor's own addresses, and what every test needs beside it.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_session_core::ProviderErrorKind::{self, Misconfigured, OutcomeUnknown, TryLater};
use oidc_session_core::{
    AccessToken, ClientSecret, IdToken, PendingSignIn, Provider as _, ProviderError, RefreshToken, Revocation, Scopes,
    Session, SignIn as _, SignInRequest, Target, Timestamp, TokenAnswer, TokenSet,
};
use oidc_session_provider_oidc::{ClientAuth, Oidc, OidcBuilder};
use oidc_session_testkit::ManualClock;
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const CLIENT_ID: &str = "my-app";
pub(crate) const NOW: Timestamp = ManualClock::START;

/// Where a vendor has its endpoints: paths behind its host, and that of its issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) issuer: &'static str,
    pub(crate) authorize: &'static str,
    pub(crate) token: &'static str,
    pub(crate) revoke: &'static str,
    pub(crate) logout: Option<&'static str>,
}

/// A scripted server of one vendor. It publishes itself and a key; a test scripts the rest.
pub(crate) struct Vendor {
    pub(crate) http: MockServer,
    at: Addresses,
}

impl Vendor {
    pub(crate) async fn start(at: Addresses) -> Self {
        let vendor = Self { http: MockServer::start().await, at };
        let url = |path| format!("{}{path}", vendor.address());
        let mut metadata = json!({
            "issuer": vendor.issuer(),
            "authorization_endpoint": url(at.authorize),
            "token_endpoint": url(at.token),
            "revocation_endpoint": url(at.revoke),
            "jwks_uri": url("/keys"),
        });
        if let Some(logout) = at.logout {
            metadata["end_session_endpoint"] = json!(url(logout));
        }
        let discovery = format!("{}/.well-known/openid-configuration", at.issuer);
        vendor.on("GET", &discovery, answered(200, &metadata)).await;
        let x = URL_SAFE_NO_PAD.encode(key().public_key().as_ref());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "k1", "x": x }] });
        vendor.on("GET", "/keys", answered(200, &keys)).await;
        vendor
    }

    /// Where a preset's `emulator` points to.
    pub(crate) fn address(&self) -> String {
        self.http.uri()
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}{}", self.address(), self.at.issuer)
    }

    pub(crate) async fn on(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&self.http).await;
    }

    /// How one kind of grant is answered.
    pub(crate) async fn on_grant(&self, grant_type: &str, answer: &Value) {
        let of_this_kind = body_string_contains(format!("grant_type={grant_type}"));
        let grant = Mock::given(method("POST")).and(path(self.at.token)).and(of_this_kind);
        grant.respond_with(answered(200, answer)).mount(&self.http).await;
    }

    /// What has been posted so far: path, body, and the `Authorization` header in brackets.
    pub(crate) async fn posted(&self) -> Vec<String> {
        let requests = self.http.received_requests().await.unwrap();
        requests.iter().filter(|request| request.method.as_str() == "POST").map(line).collect()
    }

    /// A session of this server with tokens whose names are easy to search for.
    pub(crate) fn session(&self, provider: &Oidc) -> Session {
        let mut tokens = TokenSet::new(NOW, NOW);
        tokens.access_token = Some(AccessToken::new("hidden-at-1"));
        tokens.refresh_token = Some(RefreshToken::new("hidden-rt-1"));
        tokens.id_token = Some(IdToken::new("hidden.id.token"));
        Session::new(provider.profile().id.clone(), self.issuer(), CLIENT_ID, tokens)
    }

    /// An ID token of this server with `changes` to its claims.
    pub(crate) fn id_token(&self, changes: &Value) -> String {
        let now = NOW.as_unix_seconds();
        let mut claims = json!({
            "iss": self.issuer(), "sub": "sub-1", "aud": CLIENT_ID, "iat": now, "exp": now + 300,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signed(&claims)
    }

    /// A sign-in that is answered with `answer`, whose ID token has the nonce.
    pub(crate) async fn sign_in(&self, provider: &Oidc, request: SignInRequest, answer: &Value) -> Session {
        let pending = provider.authorization_request(request).await.unwrap();
        self.exchange(provider, pending, answer).await
    }

    async fn exchange(&self, provider: &Oidc, pending: PendingSignIn, answer: &Value) -> Session {
        let mut answer = answer.clone();
        answer["id_token"] = json!(self.id_token(&json!({ "nonce": pending.nonce })));
        self.on_grant("authorization_code", &answer).await;
        let mut callback = pending.redirect_uri.clone();
        callback.query_pairs_mut().append_pair("state", &pending.state).append_pair("code", "code-1");
        provider.exchange(pending, &callback).await.unwrap()
    }

    /// A refresh that is answered with `answer`.
    pub(crate) async fn refreshed(&self, provider: &Oidc, answer: &Value, target: &Target) -> TokenAnswer {
        self.on_grant("refresh_token", answer).await;
        refresh(provider, &self.session(provider), target).await
    }

    /// The life of a session, from the sign-in to the logout: the session as it was, and a line for each request.
    pub(crate) async fn life(&self, provider: &Oidc, answers: Answers, target: &Target) -> (Session, Vec<String>) {
        let mut request = asking_for("email offline_access");
        request.resources = target.resource_indicator().map(str::to_owned).into_iter().collect();
        let pending = provider.authorization_request(request).await.unwrap();
        let authorize = pending.authorization_url.clone();
        let challenge = authorize.query_pairs().find(|(name, _)| name == "code_challenge").unwrap().1.into_owned();
        let mut names = vec![
            (pending.state.clone(), "STATE"),
            (pending.nonce.clone(), "NONCE"),
            (challenge, "CHALLENGE"),
            (pending.code_verifier.expose().to_owned(), "VERIFIER"),
        ];
        let mut session = self.exchange(provider, pending, &answers.code).await;
        for (target, answer) in [(&Target::default(), answers.refresh), (target, answers.further)] {
            let token = Mock::given(method("POST")).and(path(self.at.token)).respond_with(answered(200, &answer));
            let _while_it_lasts = token.mount_as_scoped(&self.http).await;
            let answer = refresh(provider, &session, target).await;
            let merged = session.merge_refresh(answer, target);
            assert_eq!(merged.violation, None);
            session = merged.session;
        }
        assert_ne!(provider.revoke(&session).await.ok(), None);
        let back = Url::parse("https://app.example/bye").unwrap();
        let logout = provider.end_session_url(&session, Some(&back)).await.unwrap();

        names.push((session.tokens.id_token.as_ref().unwrap().expose().to_owned(), "ID_TOKEN"));
        let mut lines = vec![get(&authorize)];
        lines.extend(self.posted().await);
        lines.push(logout.as_ref().map_or("no logout".into(), get));
        for line in &mut lines {
            for (value, name) in &names {
                *line = line.replace(value, name);
            }
        }
        (session, lines)
    }

    /// What comes of a refresh that is answered with `answer`.
    pub(crate) async fn refusal(&self, provider: &Oidc, answer: ResponseTemplate) -> ProviderError {
        let sent_before = self.posted().await.len();
        let token = Mock::given(method("POST")).and(path(self.at.token)).respond_with(answer);
        let _while_it_lasts = token.mount_as_scoped(&self.http).await;
        let error = provider.refresh(&self.session(provider), &Target::default()).await.unwrap_err();
        assert_eq!(self.posted().await.len(), sent_before + 1, "sent once");
        assert_shows_nothing_hidden(&error);
        error
    }

    /// Checks a table of refusals, and that no gateway in front of the vendor ends a session.
    pub(crate) async fn check(&self, provider: &Oidc, rows: impl IntoIterator<Item = Row>) {
        for Row { name, answer, kind, code, advice, after } in rows.into_iter().chain(gateways()) {
            let error = self.refusal(provider, answer).await;
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert_eq!(error.vendor_code().or(error.error_code()).unwrap_or_default(), code, "{name}");
            assert_eq!(error.retry_after().map(|wait| wait.as_secs()), after, "{name}");
            match error.advice() {
                Some(given) => assert!(!advice.is_empty() && given.contains(advice), "{name}: {given}"),
                None => assert_eq!(advice, "", "{name}"),
            }
        }
    }

    /// What comes of a revocation that is answered with `answer`.
    pub(crate) async fn revocation(
        &self,
        provider: &Oidc,
        answer: ResponseTemplate,
    ) -> Result<Revocation, ProviderErrorKind> {
        let revoke = Mock::given(method("POST")).and(path(self.at.revoke)).respond_with(answer);
        let _while_it_lasts = revoke.mount_as_scoped(&self.http).await;
        provider.revoke(&self.session(provider)).await.map_err(|error| error.kind())
    }
}

/// What the token endpoint answers in the life of a session. The ID token of the sign-in is filled in.
pub(crate) struct Answers {
    pub(crate) code: Value,
    pub(crate) refresh: Value,
    /// To the refresh for a further target.
    pub(crate) further: Value,
}

/// A refusal: its name in the vendor's table, how it is written, and what must come of it.
pub(crate) struct Row {
    name: &'static str,
    answer: ResponseTemplate,
    kind: ProviderErrorKind,
    /// The vendor's code, or else that of OAuth; empty for none.
    code: &'static str,
    /// A part of the advice; empty for none.
    advice: &'static str,
    after: Option<u64>,
}

impl Row {
    pub(crate) fn advice(self, advice: &'static str) -> Self {
        Self { advice, ..self }
    }

    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { after: Some(seconds), ..self }
    }
}

pub(crate) fn row(name: &'static str, answer: ResponseTemplate, kind: ProviderErrorKind, code: &'static str) -> Row {
    Row { name, answer, kind, code, advice: "", after: None }
}

/// What may stand between us and any vendor.
fn gateways() -> Vec<Row> {
    let page = |status| ResponseTemplate::new(status).set_body_raw("<html>hidden</html>", "text/html");
    let verdict = |status| oauth(status, "invalid_grant", "hidden");
    vec![
        row("a firewall's page", page(403), Misconfigured, "").advice("a proxy or a firewall"),
        row("a page instead of an error", page(400), Misconfigured, "").advice("a proxy or a firewall"),
        row("an empty 400", ResponseTemplate::new(400), Misconfigured, "").advice("a proxy or a firewall"),
        row("an empty 401", ResponseTemplate::new(401), Misconfigured, "").advice("a proxy or a firewall"),
        row("nothing there", page(404), Misconfigured, "").advice("a proxy or a firewall"),
        row("a redirect", ResponseTemplate::new(302).insert_header("location", "/login"), Misconfigured, "")
            .advice("a proxy or a firewall"),
        row("an empty 429", ResponseTemplate::new(429), TryLater, ""),
        row("a page with 429", page(429).insert_header("retry-after", "7"), TryLater, "").after(7),
        row("a verdict with 429", verdict(429), TryLater, ""),
        row("an announced 503", page(503).insert_header("retry-after", "7"), TryLater, "").after(7),
        row("a bare 503", page(503), OutcomeUnknown, ""),
        row("a verdict with 500", verdict(500), OutcomeUnknown, ""),
        row("a gateway's page", page(502), OutcomeUnknown, ""),
        row("a page with 200", page(200), OutcomeUnknown, ""),
        row("an empty 200", ResponseTemplate::new(200), OutcomeUnknown, ""),
    ]
}

pub(crate) fn answered(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// An error answer of RFC 6749 §5.2; without a description if that is empty.
pub(crate) fn oauth(status: u16, code: &str, description: &str) -> ResponseTemplate {
    match description {
        "" => answered(status, &json!({ "error": code })),
        _ => answered(status, &json!({ "error": code, "error_description": description })),
    }
}

/// The provider, with a clock that stands still.
pub(crate) fn built(builder: OidcBuilder, auth: ClientAuth) -> Oidc {
    builder.client_auth(auth).clock(Arc::new(ManualClock::new())).build().unwrap()
}

pub(crate) fn secret() -> ClientSecret {
    ClientSecret::new("hidden-pw")
}

pub(crate) fn asking_for(scopes: &str) -> SignInRequest {
    SignInRequest::new(Url::parse("http://127.0.0.1:9/callback").unwrap(), Scopes::parse(scopes))
}

async fn refresh(provider: &Oidc, session: &Session, target: &Target) -> TokenAnswer {
    provider.prepare(session).await.unwrap();
    provider.refresh(session, target).await.unwrap()
}

pub(crate) fn refresh_token(session: &Session) -> &str {
    session.tokens.refresh_token.as_ref().unwrap().expose()
}

/// An instant `seconds` after now.
pub(crate) fn in_seconds(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

/// A JWT with `claims`, signed with the key that the server publishes.
pub(crate) fn signed(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(&json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k1" })), part(claims));
    let signature = key().sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap()
}

fn get(url: &Url) -> String {
    format!("GET {}?{}", url.path(), url.query().unwrap_or_default())
}

fn line(request: &Request) -> String {
    let body = String::from_utf8(request.body.clone()).unwrap();
    let authorization = request.headers.get("authorization").map(|value| format!(" [{}]", value.to_str().unwrap()));
    format!("POST {} {body}{}", request.url.path(), authorization.unwrap_or_default())
}

/// Neither an error nor anything behind it may show a token, a secret or what the server wrote beside its code.
fn assert_shows_nothing_hidden(error: &ProviderError) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown.push_str(&format!("{cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!shown.contains("hidden"), "{shown}");
}
