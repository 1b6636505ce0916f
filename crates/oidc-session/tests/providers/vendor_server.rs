//! A server on this machine that stands for any vendor: it publishes itself as the vendor would, and a test scripts the
//! rest.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use oidc_session::{
    AccessToken, ClientAuth, ClientSecret, ExpiredOnly, MemoryStore, Oidc, PendingSignIn, ProviderError, ProviderId,
    RefreshToken, Scopes, Session, SessionError, SessionHandle, SessionId, SessionManager, SignIn as _, SignInRequest,
    TokenSet,
};
use oidc_session_testkit::{AuthorizationServer, ManualClock};
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::every::{POOL, TENANT, every_provider};

const REDIRECT_URI: &str = "http://127.0.0.1:9/cb";
pub(crate) const SECRET: &str = "a-secret-that-nobody-sees";
/// Words of a server, which no error repeats.
pub(crate) const STRANGER: &str = "words of a stranger";
const DISCOVERY: &str = "/\\.well-known/openid-configuration$";

/// The issuer that the provider `name` expects to find at `origin`, and the one in its ID tokens.
fn issuers(name: &str, origin: &str) -> (String, String) {
    let vendor = name.split(',').next().unwrap_or_default();
    let issuer = match (vendor, name) {
        (_, "entra, common") => {
            return (format!("{origin}/{{tenantid}}/v2.0"), format!("{origin}/{TENANT}/v2.0"));
        }
        (_, "okta, custom, grace") => format!("{origin}/oauth2/default"),
        ("auth0", _) => format!("{origin}/"),
        ("entra" | "external id", _) => format!("{origin}/{TENANT}/v2.0"),
        ("b2c", _) => format!("{origin}/{TENANT}/v2.0/"),
        ("cognito", _) => format!("{origin}/{POOL}"),
        ("keycloak", _) => format!("{origin}/realms/r"),
        ("pingone", _) => format!("{origin}/as"),
        ("onelogin", _) => format!("{origin}/oidc/2"),
        _ => origin.to_owned(),
    };
    (issuer.clone(), issuer)
}

/// A vendor's server, and a client of it. Both go by the same clock until a test moves the client's.
pub(crate) struct VendorServer {
    pub(crate) name: &'static str,
    pub(crate) provider: Oidc,
    /// The client's clock.
    pub(crate) clock: ManualClock,
    origin: String,
    http: MockServer,
    signer: Arc<AuthorizationServer>,
}

impl VendorServer {
    /// One server for every provider.
    pub(crate) async fn every() -> Vec<Self> {
        Self::start(None, |_| true).await
    }

    /// The same, with clients that look for it at `address`, where nobody is.
    pub(crate) async fn every_elsewhere(address: &str) -> Vec<Self> {
        Self::start(Some(address), |_| true).await
    }

    /// The server of one provider, published.
    pub(crate) async fn published(name: &str) -> Self {
        let server = Self::start(None, |other| other == name).await.pop().unwrap();
        server.publish().await;
        server
    }

    async fn start(address: Option<&str>, wanted: impl Fn(&str) -> bool) -> Vec<Self> {
        let signer = Arc::new(AuthorizationServer::builder().start().await.unwrap());
        let mut servers = Vec::new();
        for (index, (name, _)) in every_provider("http://127.0.0.1:1").into_iter().enumerate() {
            if !wanted(name) {
                continue;
            }
            let (http, clock) = (MockServer::start().await, ManualClock::new());
            let origin = address.map_or_else(|| http.uri(), str::to_owned);
            let (_, builder) = every_provider(&origin).swap_remove(index);
            let auth = ClientAuth::Post(ClientSecret::new(SECRET));
            let provider = builder.client_auth(auth).clock(Arc::new(clock.clone())).build().unwrap();
            servers.push(Self { name, provider, clock, origin, http, signer: Arc::clone(&signer) });
        }
        servers
    }

    /// Publishes the metadata that the provider expects.
    pub(crate) async fn publish(&self) {
        let (issuer, _) = issuers(self.name, &self.origin);
        self.publish_as(&issuer).await;
    }

    /// The same metadata but for one address.
    pub(crate) async fn publish_without(&self, endpoint: &str) {
        let mut metadata = self.metadata(&self.issuer());
        metadata.as_object_mut().unwrap().remove(endpoint).unwrap();
        self.discovery_answers(ResponseTemplate::new(200).set_body_json(metadata)).await;
    }

    /// Publishes metadata that name `issuer`.
    pub(crate) async fn publish_as(&self, issuer: &str) {
        self.discovery_answers(ResponseTemplate::new(200).set_body_json(self.metadata(issuer))).await;
    }

    fn metadata(&self, issuer: &str) -> Value {
        let origin = &self.origin;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{origin}/authorize"),
            "token_endpoint": format!("{origin}/token"),
            "jwks_uri": format!("{}jwks", self.signer.issuer()),
        })
    }

    /// The issuer that the provider expects.
    pub(crate) fn issuer(&self) -> String {
        issuers(self.name, &self.origin).0
    }

    pub(crate) async fn discovery_answers(&self, answer: ResponseTemplate) {
        Mock::given(method("GET")).and(path_regex(DISCOVERY)).respond_with(answer).mount(&self.http).await;
    }

    /// Answers the next request to the token endpoint, whichever that is.
    pub(crate) async fn token_answers(&self, answer: ResponseTemplate) {
        let post = Mock::given(method("POST")).and(path_regex("^/(token)?$")).respond_with(answer);
        post.up_to_n_times(1).mount(&self.http).await;
    }

    /// Begins a sign-in.
    pub(crate) async fn begin(&self, scopes: &str) -> Result<PendingSignIn, ProviderError> {
        let request = SignInRequest::new(Url::parse(REDIRECT_URI).unwrap(), Scopes::parse(scopes));
        self.provider.authorization_request(request).await
    }

    /// Comes back from the browser with `query`, to which the state is added.
    pub(crate) async fn come_back(&self, query: &str) -> Result<Session, ProviderError> {
        let pending = self.begin("openid offline_access").await?;
        let callback = Url::parse(&format!("{REDIRECT_URI}?{query}&state={}", pending.state)).unwrap();
        self.provider.exchange(pending, &callback).await
    }

    /// Signs in, and the token endpoint grants what a vendor grants, with `changes` to it.
    pub(crate) async fn sign_in(&self, scopes: &str, changes: Value) -> Result<Session, ProviderError> {
        let pending = self.begin(scopes).await?;
        let callback = Url::parse(&format!("{REDIRECT_URI}?code=code-1&state={}", pending.state)).unwrap();
        let mut answer = self.granted(&json!({ "nonce": pending.nonce }));
        change(&mut answer, changes);
        self.token_answers(ResponseTemplate::new(200).set_body_json(answer)).await;
        self.provider.exchange(pending, &callback).await
    }

    /// What the token endpoint answers that grants everything, at the server's time.
    pub(crate) fn granted(&self, claims: &Value) -> Value {
        let now = ManualClock::START.as_unix_seconds();
        let mut id_token = json!({
            "iss": issuers(self.name, &self.origin).1, "sub": "sub-1", "aud": "my-app", "tid": TENANT, "iat": now,
            "exp": now + 300,
        });
        change(&mut id_token, claims.clone());
        json!({
            "token_type": "Bearer", "access_token": "at-1", "refresh_token": "rt-1", "expires_in": 300,
            "id_token": self.signer.sign_claims("JWT", &id_token),
        })
    }

    /// A session with a refresh token, as an earlier sign-in has left it.
    pub(crate) fn earlier_session(&self) -> Session {
        let now = ManualClock::START;
        let mut tokens = TokenSet::new(now, now);
        tokens.access_token = Some(AccessToken::new("at-0"));
        tokens.refresh_token = Some(RefreshToken::new("rt-0"));
        tokens.expires_in = Some(Duration::from_secs(300));
        Session::new(ProviderId::new("imported"), issuers(self.name, &self.origin).1, "my-app", tokens)
    }

    /// What a program is told whose `session` has just expired.
    pub(crate) async fn access_token(&self, session: Session) -> Result<AccessToken, SessionError> {
        let handle = self.program(session).await;
        self.clock.advance(Duration::from_secs(300));
        handle.access_token().await
    }

    /// A program that holds `session`.
    pub(crate) async fn program(&self, session: Session) -> SessionHandle {
        let manager = SessionManager::builder(self.provider.clone(), MemoryStore::new());
        let manager = manager.policy(ExpiredOnly).clock(self.clock.clone()).build().unwrap();
        let handle = manager.session(&SessionId::named("default").unwrap());
        handle.sign_in(session).await.unwrap();
        handle
    }
}

/// A page that is no answer, as proxies and wrong hosts send it.
pub(crate) fn page(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(format!("<!doctype html><title>{STRANGER}</title>"), "text/html")
}

/// An error and its causes, as a program prints them.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    told
}

fn change(object: &mut Value, changes: Value) {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
}
