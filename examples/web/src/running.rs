//! [`RunningApp`]: everything started, in the order in which it needs each other.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use oidc_session::http_server::WebSessions;
use oidc_session::{ClientAuth, ClientSecret, Custody, KeyRing, Oidc, Preemptive, Scopes, SessionManager};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::Url;

use crate::app::{App, Parts, router};
use crate::embedded::Embedded;
use crate::orders::Orders;
use crate::orders_api::OrdersApi;
use crate::streams::Streams;
use crate::{Flags, StartError, StoreUrl};

/// Where the key ring of a store on a server comes from.
const KEYS: &str = "SESSION_KEYS";
/// How long refreshes that are under way may take to be stored at the end.
const PATIENCE: Duration = Duration::from_secs(15);

/// The running application. Dropping it ends it; [`stop`](Self::stop) waits for what is under way.
#[derive(Debug)]
pub struct RunningApp {
    base_url: Url,
    description: String,
    sessions: SessionManager,
    serving: JoinHandle<()>,
    _orders_api: OrdersApi,
    /// The sessions end with it, if nobody said where to keep them.
    _folder: Option<TempDir>,
}

impl RunningApp {
    /// Starts the application with all it needs.
    ///
    /// # Errors
    ///
    /// The port is taken, the store or the provider cannot be used as it is set up.
    pub async fn start(flags: Flags) -> Result<Self, StartError> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, flags.port)))
            .await
            .map_err(|error| format!("port {} cannot be had ({error}); choose another with --port", flags.port))?;
        let address = listener.local_addr()?;
        let local_url = Url::parse(&format!("http://{address}/"))?;
        let base_url = flags.base_url.clone().unwrap_or_else(|| local_url.clone());

        let (provider, embedded) = provider(&flags, &base_url).await?;
        let issuer = match (&embedded, &flags.issuer) {
            (Some(embedded), _) => embedded.server.issuer().to_string(),
            (None, Some(issuer)) => issuer.clone(),
            (None, None) => return Err("there is no issuer".into()),
        };
        let (store, folder) = match flags.store.clone() {
            Some(store) => (store, None),
            None => {
                let folder = tempfile::tempdir()?;
                (StoreUrl::Sqlite(folder.path().join("sessions.db")), Some(folder))
            }
        };
        let sessions = manager(&provider, &store, flags.skew).await?;
        let web = WebSessions::builder(sessions.clone(), provider.clone(), base_url.clone())
            .scopes(Scopes::parse(&flags.scopes))
            .sign_in_page("/sign-in")
            .after_logout("/signed-out")
            .back_channel_logout(provider)
            .build()?;

        let orders_api = OrdersApi::start(&issuer).await?;
        let description = format!(
            "open      {base_url}\nissuer    {issuer}{}\nsessions  {store}\norders    {}\n\nCtrl-C stops it.",
            if embedded.is_some() { " (embedded: signs in anybody)" } else { "" },
            orders_api.url,
        );
        let app = App::new(Parts {
            embedded,
            issuer,
            store,
            orders: Orders::at(orders_api.url.clone())?,
            streams: Streams::default(),
            http: reqwest::Client::builder().no_proxy().build()?,
            back_channel_logout: local_url.join("auth/back-channel-logout")?,
        });
        let router = router(&app, &web);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the application has ended");
            }
        });
        Ok(Self { base_url, description, sessions, serving, _orders_api: orders_api, _folder: folder })
    }

    /// Where browsers find it.
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// Stops serving, and waits until what was refreshed is stored.
    pub async fn stop(self) {
        self.serving.abort();
        if timeout(PATIENCE, self.sessions.drain()).await.is_err() {
            tracing::warn!("a refresh was still under way");
        }
    }
}

impl Drop for RunningApp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What a person has to know: where it is, and what it uses.
impl fmt::Display for RunningApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

async fn provider(flags: &Flags, base_url: &Url) -> Result<(Oidc, Option<Embedded>), StartError> {
    let (Some(issuer), Some(client_id)) = (&flags.issuer, &flags.client_id) else {
        let embedded = Embedded::start(flags, base_url).await?;
        return Ok((embedded.provider()?, Some(embedded)));
    };
    let auth = match &flags.client_secret_env {
        Some(variable) => {
            let secret = std::env::var(variable).map_err(|_| format!("the variable {variable} holds no secret"))?;
            ClientAuth::Basic(ClientSecret::new(secret))
        }
        None => ClientAuth::None,
    };
    Ok((Oidc::builder(issuer, client_id).client_auth(auth).build()?, None))
}

async fn manager(provider: &Oidc, url: &StoreUrl, skew: u64) -> Result<SessionManager, StartError> {
    let store = url.open().await?;
    let custody = oidc_session::SessionStore::custody(&*store);
    let builder = SessionManager::builder(provider.clone(), store).policy(Preemptive::skew(Duration::from_secs(skew)));
    let builder = match custody {
        Custody::Process | Custody::OperatingSystem | Custody::Folder(_) => builder,
        _ => builder.seal_with(KeyRing::from_env(KEYS)?),
    };
    Ok(builder.build()?)
}
