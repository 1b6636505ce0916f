//! `--demo`: an authorization server, a Redis, two instances and a load balancer, all on loopback; and one visitor.

mod instance;
mod storm;
mod visitor;

use std::time::Duration;

use oidc_session::{Clock as _, KeyRing, Oidc, RedisStore, SessionId, SessionManager, SystemClock};
use oidc_session_test_servers::{Proxy, Redis};
use oidc_session_testkit::{AuthorizationServer, Client};
use url::Url;

use crate::Result;
use instance::{Instance, Setup};
use storm::Storm;
use visitor::Visitor;

const CLIENT_ID: &str = "load-balanced";
const CLIENT_SECRET: &str = "of-the-demo";

/// What the token endpoint takes for each answer.
const TOKEN_LATENCY: Duration = Duration::from_millis(50);

/// Shows what two instances do for one visitor.
pub(crate) async fn run() -> Result {
    if !Redis::is_installed() {
        return Err(
            "the demo starts a Redis of its own, and there is no redis-server here. On Debian: apt-get install \
                    redis-server; on macOS: brew install redis"
                .into(),
        );
    }
    let redis = Redis::start().await;
    let client =
        Client::confidential(CLIENT_ID, CLIENT_SECRET).redirect_uri(Url::parse("http://127.0.0.1/auth/callback")?);
    let server = AuthorizationServer::builder().latency(TOKEN_LATENCY).client(client).start().await?;
    let keys = KeyRing::generate(SystemClock.now());
    let balancer = Proxy::balancer();
    let base_url = Url::parse(&format!("http://{}", balancer.address()))?;
    let setup = Setup { issuer: server.issuer(), store: &redis.url(), keys: &keys, base_url: &base_url };
    let (one, other) = tokio::try_join!(Instance::start("one", &setup), Instance::start("other", &setup))?;
    balancer.lead_to(&[one.address, other.address]);
    println!("An authorization server with rotation and reuse detection: {}", server.issuer());
    println!("Two instances over one Redis, at {} and {}, behind {base_url}", one.address, other.address);

    let visitor = Visitor::new(&base_url)?;
    visitor.follow("/auth/login?return_to=/me").await?.expect(200)?;
    println!("\nA visitor has signed in: begun at one instance, finished at the other.");

    let before = server.counters();
    println!("\n{} requests at once, the access token is valid:", Storm::REQUESTS);
    println!("{}", Storm::over(&visitor, "/session").await?);

    let desk = desk(&server, &redis, keys).await?;
    desk.session(&SessionId::named(visitor.session_cookie()?)?).expire().await?;
    println!("\n{} requests at once, the access token has expired:", Storm::REQUESTS);
    println!("{}", Storm::over(&visitor, "/session").await?);
    let after = server.counters();
    let (grants, reused) = (after.refresh_grants - before.refresh_grants, after.reuse_detected - before.reuse_detected);
    println!("  refreshes granted {grants}, refresh tokens presented twice {reused}");

    visitor.fetch("/api/me").await?.expect(200)?;
    println!("\nA protected API accepts the new access token.");
    let kept = visitor.copied();
    visitor.post("/auth/logout").await?.expect(200)?;
    for instance in [&one, &other] {
        kept.is_turned_away(&format!("http://{}/session", instance.address)).await?;
    }
    println!("The visitor has logged out at one instance; whoever kept the cookie gets a 401 from both.");
    if (grants, reused) == (1, 0) {
        return Ok(());
    }
    Err(format!("one refresh should have been granted, and none presented twice: {grants}, {reused}").into())
}

/// The sessions of the instances, to make an access token expired.
async fn desk(server: &AuthorizationServer, redis: &Redis, keys: KeyRing) -> Result<SessionManager> {
    let provider = Oidc::builder(server.issuer().as_str(), CLIENT_ID).build()?;
    Ok(SessionManager::builder(provider, RedisStore::connect(redis.url()).await?).seal_with(keys).build()?)
}
