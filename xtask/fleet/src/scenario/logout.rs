//! A logout in one process, and the hot cache of the other.

use std::time::Duration;

use oidc_session::{Clock as _, SystemClock};

use super::stage::{Stage, names};
use crate::order::{Order, Reply};
use crate::report::{Times, millis};
use crate::{Result, ensure};

const TIMES: usize = 100;

/// Without a feed, the other process would serve its token for this long.
const STALENESS: Duration = Duration::from_secs(30);

/// One process logs out; the other, which has a fresh token in memory, asks without pause until it is told.
pub(crate) async fn is_seen_elsewhere(stage: &mut Stage) -> Result {
    let sessions = names("logout", TIMES);
    stage.sign_in(&sessions, false).await?;
    let mut delays = Vec::new();
    for session in &sessions {
        delays.push(delay(stage, session).await?);
    }
    let times = Times::of(delays);
    ensure(times.longest() < STALENESS, || format!("a logout was seen after {}", millis(times.longest())))?;
    stage.holds(
        "a logout in one process ends the session in the hot cache of the other",
        &format!(
            "{TIMES} logouts, median {}, p99 {}, longest {}",
            millis(times.median()),
            millis(times.p99()),
            millis(times.longest())
        ),
    );
    Ok(())
}

/// From the stored end in one process to the first refusal in the other.
async fn delay(stage: &mut Stage, session: &str) -> Result<Duration> {
    let (one, other) = (&mut stage.team.one, &mut stage.team.other);
    other.order(&Order::AwaitEnd { session: session.to_owned() }).await?;
    other.says(&Reply::Waiting).await?;
    one.order(&Order::Logout { session: session.to_owned() }).await?;
    let ended = async {
        one.says(&Reply::Ended).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(SystemClock.monotonic())
    };
    let seen = async {
        other.says(&Reply::Done).await?;
        Ok(SystemClock.monotonic())
    };
    let (ended, seen) = tokio::try_join!(ended, seen)?;
    stage.team.one.says(&Reply::Done).await?;
    Ok(seen.saturating_sub(ended))
}
