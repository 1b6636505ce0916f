//! [`AuthorizationServerBuilder`]: how the server shall behave.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use oidc_session_core::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use super::authority::{Authority, State};
use super::client::Client;
use super::device_grant::DeviceRules;
use super::device_grants::DeviceGrants;
use super::device_habits::DeviceHabits;
use super::dpop::DpopRules;
use super::endpoints;
use super::family::RefreshRules;
use super::grants::Grants;
use super::key_ring::KeyRing;
use super::resource::{Resource, Resources};
use super::scope::Scope;
use super::signing_key::SigningKey;
use super::start_error::StartError;
use super::wire::{Line, WireListener};
use super::{AuthorizationServer, Serving};

/// Configures an [`AuthorizationServer`].
///
/// Two clients are registered from the start: the public `native-app`, and the confidential `web-app` whose secret is
/// `secret`. A client of the same id replaces them.
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct AuthorizationServerBuilder {
    listen: SocketAddr,
    allow_non_loopback: bool,
    access_token_lifetime: Duration,
    refresh_rules: RefreshRules,
    latency: Duration,
    clients: Vec<Client>,
    resources: Resources,
    device_rules: DeviceRules,
    subject: String,
    interactive: bool,
    pushed_only: bool,
    dpop_rules: DpopRules,
    hidden_from_discovery: Vec<String>,
    clock: Arc<dyn Clock>,
}

impl Default for AuthorizationServerBuilder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_non_loopback: false,
            access_token_lifetime: Duration::from_secs(300),
            refresh_rules: RefreshRules { rotate: true, reuse_window: Duration::ZERO, lifetime: None },
            latency: Duration::ZERO,
            clients: vec![Client::public("native-app"), Client::confidential("web-app", "secret")],
            resources: Resources::default(),
            device_rules: DeviceRules {
                interval: Duration::from_secs(5),
                lifetime: Duration::from_secs(600),
                habits: DeviceHabits::Standard,
            },
            subject: "alice".to_owned(),
            interactive: false,
            pushed_only: false,
            dpop_rules: DpopRules::default(),
            hidden_from_discovery: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl AuthorizationServerBuilder {
    /// Where to listen. By default a free port of the loopback interface.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Lets the server listen where other machines can reach it. It signs in anybody who asks: think twice.
    pub fn allow_non_loopback(mut self) -> Self {
        self.allow_non_loopback = true;
        self
    }

    /// How long access tokens live; 300 seconds by default. `expires_in` says so in whole seconds, rounded down.
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_token_lifetime = lifetime;
        self
    }

    /// How long each refresh token lives, from its own issue; without a limit by default.
    pub fn refresh_token_lifetime(mut self, lifetime: impl Into<Option<Duration>>) -> Self {
        self.refresh_rules.lifetime = lifetime.into();
        self
    }

    /// Whether each refresh replaces the refresh token, as it does by default. Without rotation the answer to a refresh
    /// holds no refresh token, and the old one stays.
    pub fn rotate(mut self, rotate: bool) -> Self {
        self.refresh_rules.rotate = rotate;
        self
    }

    /// How long after its first use the previous refresh token may be used again. Zero by default: any reuse revokes
    /// the family.
    pub fn reuse_window(mut self, window: Duration) -> Self {
        self.refresh_rules.reuse_window = window;
        self
    }

    /// How long the token endpoint takes. The request is processed on arrival, the answer waits.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Registers a client, or replaces the one with its id.
    pub fn client(mut self, client: Client) -> Self {
        self.clients.retain(|known| known.id() != client.id());
        self.clients.push(client);
        self
    }

    /// Declares a resource that access tokens may be for (RFC 8707), and the scope values that are its own, separated by
    /// spaces. A request that names another resource is answered `invalid_target`. Until one is declared, the server
    /// ignores `resource`, as servers do that have never heard of it.
    ///
    /// An access token for a resource has the scope of the sign-in without what only other resources declare.
    ///
    /// ```
    /// use oidc_session_testkit::AuthorizationServer;
    ///
    /// let builder = AuthorizationServer::builder()
    ///     .resource("https://orders.example/", "orders:read orders:write")
    ///     .resource("https://stock.example/", "stock:read");
    /// ```
    pub fn resource(mut self, uri: impl Into<String>, scope: &str) -> Self {
        self.resources.declared.push(Resource { uri: uri.into(), scope: Scope::parse(scope) });
        self
    }

    /// Whether a refresh may name any resource, with any scope value of it, whatever the sign-in asked for. By default a
    /// sign-in that named resources is limited to them (RFC 8707 §2.2), and no refresh gets more scope than the sign-in.
    pub fn refresh_beyond_sign_in(mut self, allowed: bool) -> Self {
        self.resources.beyond_sign_in = allowed;
        self
    }

    /// Whether a refresh that asks for scope values it may not have gets the others, without a word but for the `scope`
    /// of the answer (as Auth0 does). By default it gets `invalid_scope`.
    pub fn drop_disallowed_scope(mut self, drop: bool) -> Self {
        self.resources.drop_disallowed = drop;
        self
    }

    /// How long a device waits between two polls (RFC 8628 §3.2); five seconds by default. It is announced in whole
    /// seconds, rounded down. Who polls earlier is told to slow down, and must wait five seconds longer from then on.
    pub fn device_interval(mut self, interval: Duration) -> Self {
        self.device_rules.interval = interval;
        self
    }

    /// How long device and user codes live; ten minutes by default.
    pub fn device_code_lifetime(mut self, lifetime: Duration) -> Self {
        self.device_rules.lifetime = lifetime;
        self
    }

    /// In which words the server speaks the device flow.
    pub fn device_habits(mut self, habits: DeviceHabits) -> Self {
        self.device_rules.habits = habits;
        self
    }

    /// Who signs in, if a request has no `login_hint`; `alice` by default.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Whether the authorization endpoint asks whoever sits before it. By default it decides at once.
    pub fn interactive(mut self, interactive: bool) -> Self {
        self.interactive = interactive;
        self
    }

    /// Whether authorization requests must be pushed (RFC 9126). By default they may be.
    pub fn require_pushed_authorization_requests(mut self, required: bool) -> Self {
        self.pushed_only = required;
        self
    }

    /// Whether every request for tokens must have a DPoP proof (RFC 9449). By default it may have one, and the tokens are
    /// then bound to its key: the access token always, the refresh token if the client is public.
    pub fn require_dpop(mut self, required: bool) -> Self {
        self.dpop_rules.required = required;
        self
    }

    /// Whether a DPoP proof at the token endpoint must have the nonce of the server. One that has not is answered
    /// `use_dpop_nonce` with the nonce, and consumes nothing.
    pub fn require_dpop_nonce(mut self, required: bool) -> Self {
        self.dpop_rules.nonce_at_token = required;
        self
    }

    /// Whether a DPoP proof at the userinfo endpoint must have the nonce of the server.
    pub fn require_dpop_nonce_at_userinfo(mut self, required: bool) -> Self {
        self.dpop_rules.nonce_at_userinfo = required;
        self
    }

    /// Whether each answer with DPoP-bound tokens brings a new nonce. The one before is no longer good from then on, for
    /// any client of this server.
    pub fn dpop_nonce_per_answer(mut self, renew: bool) -> Self {
        self.dpop_rules.nonce_per_answer = renew;
        self
    }

    /// Leaves a field out of the discovery document, such as `pushed_authorization_request_endpoint`. What it is about
    /// still works for whoever knows of it.
    pub fn hide_from_discovery(mut self, field: impl Into<String>) -> Self {
        self.hidden_from_discovery.push(field.into());
        self
    }

    /// Where the server has its time from; the clock of the system by default.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts the server on the current Tokio runtime.
    pub async fn start(self) -> Result<AuthorizationServer, StartError> {
        if !self.listen.ip().is_loopback() && !self.allow_non_loopback {
            return Err(StartError::NotLoopback(self.listen));
        }
        let listener = TcpListener::bind(self.listen).await.map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Listen)?;
        let signing_key = tokio::task::spawn_blocking(SigningKey::generate)
            .await
            .map_err(|error| StartError::Key(error.into()))?
            .map_err(StartError::Key)?;

        let resources = Arc::new(self.resources);
        let grants = Grants::new(self.refresh_rules, resources.clone(), self.access_token_lifetime);
        let authority = Arc::new(Authority {
            issuer: Url::parse(&format!("http://{address}/"))
                .map_err(|error| StartError::Listen(io::Error::other(error)))?,
            clients: self.clients,
            resources,
            subject: self.subject,
            interactive: self.interactive,
            pushed_only: self.pushed_only,
            dpop_rules: self.dpop_rules,
            hidden_from_discovery: self.hidden_from_discovery,
            access_token_lifetime: self.access_token_lifetime,
            latency: self.latency,
            clock: self.clock,
            key_ring: RwLock::new(KeyRing::new(signing_key)),
            state: Mutex::new(State::new(grants, DeviceGrants::new(self.device_rules))),
        });

        let (stop, stopped) = oneshot::channel::<()>();
        let endpoints = endpoints::router(authority.clone()).into_make_service_with_connect_info::<Line>();
        let serve = axum::serve(WireListener(listener), endpoints).with_graceful_shutdown(async {
            // Dropping the sender counts too.
            let _ = stopped.await;
        });
        let task = tokio::spawn(async { serve.await });
        tracing::debug!(issuer = authority.issuer.as_str(), "authorization server started");
        Ok(AuthorizationServer { authority, serving: Serving { stop, task } })
    }
}
