//! Ten thousand tasks, one expired token, an endpoint that takes 50 ms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oidc_session_peers::{
    Aliri, Aws, Azure, ByHand, Floor, Google, Huskarl, Moka, OidcSession, Peer, Start, TokenEndpoint,
};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::report::{Report, Row};

const TASKS: usize = 10_000;
const STORMS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn report() -> Report {
    let mut report = Report::new(
        "10,000 tasks, one expired token, a token endpoint that takes 50 ms",
        "Milliseconds from the first task's start until all have the header value of the new token, the median of five \
         storms; Refreshes: tokens the endpoint was asked for meanwhile, the most of five. On the floor every \
         task waits 50 ms by itself. “begins empty”: that peer refreshes in the background and not on demand, \
         so its storm begins before its first token; “ms after expiry” is its storm after a token has expired.",
    );
    let floor = storms::<Floor>(&mut report, None);
    storms::<OidcSession>(&mut report, Some(floor));
    storms::<ByHand>(&mut report, Some(floor));
    storms::<Aliri>(&mut report, Some(floor));
    storms::<Huskarl>(&mut report, Some(floor));
    storms::<Google>(&mut report, Some(floor));
    storms::<Azure>(&mut report, Some(floor));
    storms::<Aws>(&mut report, Some(floor));
    storms::<Moka>(&mut report, Some(floor));
    report
}

/// How one storm went.
struct Storm {
    millis: f64,
    refreshes: usize,
}

/// Adds the row of `P` and returns its median in milliseconds.
fn storms<P: Peer>(report: &mut Report, floor: Option<f64>) -> f64 {
    let mut storms: Vec<_> = (0..STORMS).map(|_| storm::<P>(P::START)).collect();
    storms.sort_by(|one, other| one.millis.total_cmp(&other.millis));
    let median = storms[STORMS / 2].millis;
    let refreshes = storms.iter().map(|storm| storm.refreshes).max();
    let mut extra =
        json!({ "refreshes": refreshes, "least_ms": storms[0].millis, "most_ms": storms[STORMS - 1].millis });
    if P::START == Start::Empty {
        extra["begins"] = json!("empty");
        extra["ms_after_expiry"] = json!(storm::<P>(Start::Expired).millis);
    }
    report.add::<P>(&Row {
        value: median,
        unit: "ms",
        against_floor: floor.map_or(Some(1.0), |floor| Some(hundredths(median / floor))),
        extra,
    });
    median
}

/// Each storm has a runtime and a peer of its own.
fn storm<P: Peer>(start: Start) -> Storm {
    let runtime = Runtime::new().expect("a runtime");
    let storm = runtime.block_on(async {
        match start {
            Start::Expired => {
                let endpoint = TokenEndpoint::expired();
                let peer = Arc::new(P::start(Arc::clone(&endpoint)).await);
                if P::START == Start::Empty {
                    // Its first token is still on its way, and handed out however old.
                    peer.authorization().await;
                }
                let storm = served(peer, &endpoint, clock()).await;
                Storm { refreshes: storm.refreshes.saturating_sub(1), ..storm }
            }
            Start::Empty => {
                let endpoint = TokenEndpoint::slow();
                let begun = clock();
                let peer = Arc::new(P::start(Arc::clone(&endpoint)).await);
                served(peer, &endpoint, begun).await
            }
        }
    });
    runtime.shutdown_background();
    storm
}

async fn served<P: Peer>(peer: Arc<P>, endpoint: &TokenEndpoint, begun: Instant) -> Storm {
    let right = TokenEndpoint::right_header();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let peer = Arc::clone(&peer);
        tasks.spawn(async move { peer.authorization().await });
    }
    let all = timeout(PATIENCE, tasks.join_all()).await;
    let millis = hundredths(begun.elapsed().as_secs_f64() * 1_000.0);
    let headers = all.unwrap_or_else(|_| panic!("{}: not served within {PATIENCE:?}", P::NAME));
    assert!(headers.iter().all(|header| *header == right), "{}: served an expired token", P::NAME);
    Storm { millis, refreshes: endpoint.issued() }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
fn clock() -> Instant {
    Instant::now()
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
