//! The backend goes away in the middle, and comes back.

use std::time::Duration;

use super::stage::{Stage, TOKEN_LATENCY, names};
use crate::order::Asked;
use crate::report::{Times, millis};
use crate::{Result, ensure};

const SESSIONS: usize = 20;

/// What `SessionError::outcome` says when the store does not answer.
const UNAVAILABLE: &str = "unavailable";

/// The longest a caller may wait for an answer of any kind: a budget of the store for each call of a refresh.
const BOUND: Duration = Duration::from_secs(45);

/// SIGKILL, and a new process over the same data.
pub(crate) async fn the_server_is_killed(stage: &mut Stage) -> Result {
    let outage = Outage::prepare(stage, "kill").await?;
    outage.refreshes_begin(stage).await?;
    stage.backend.kill().await;
    outage.is_survived(stage, "the server is killed").await?;
    stage.backend.restart().await;
    outage.is_over(stage, "the server is killed and started again").await
}

/// Connections are reset, and new ones refused.
pub(crate) async fn the_network_is_cut(stage: &mut Stage) -> Result {
    let outage = Outage::prepare(stage, "cut").await?;
    outage.refreshes_begin(stage).await?;
    stage.backend.network.cut();
    outage.is_survived(stage, "the network is cut").await?;
    stage.backend.network.heal();
    outage.is_over(stage, "the network is cut and mended").await
}

/// Connections stay open, and nothing passes any more.
pub(crate) async fn the_network_is_silent(stage: &mut Stage) -> Result {
    let outage = Outage::prepare(stage, "stall").await?;
    outage.refreshes_begin(stage).await?;
    stage.backend.network.stall();
    outage.is_survived(stage, "the network falls silent").await?;
    stage.backend.network.heal();
    outage.is_over(stage, "the network falls silent and speaks again").await
}

/// The sessions that go through an outage.
struct Outage {
    /// Fresh, and known to both processes.
    valid: Vec<String>,
    /// Expired; their refreshes are under way when it begins.
    caught: Vec<String>,
    /// Expired; nobody asks before the outage.
    expired: Vec<String>,
    grants: u64,
}

impl Outage {
    async fn prepare(stage: &mut Stage, name: &str) -> Result<Self> {
        let sessions = |kind: &str| names(&format!("{name}-{kind}"), SESSIONS);
        let outage =
            Self { valid: sessions("valid"), caught: sessions("caught"), expired: sessions("expired"), grants: 0 };
        stage.sign_in(&outage.valid, false).await?;
        stage.sign_in(&outage.caught, true).await?;
        stage.sign_in(&outage.expired, true).await?;
        let asked = stage.team.ask(&outage.valid, 1).await?;
        stage.everybody_has_the_token(&asked, &outage.valid)?;
        Ok(Self { grants: stage.grants(), ..outage })
    }

    /// Returns when the authorization server has the refreshes, and has not answered.
    async fn refreshes_begin(&self, stage: &mut Stage) -> Result {
        stage.team.begin_to_ask(&self.caught, 1).await?;
        // The server processes a request on arrival; its answer waits for the latency.
        while stage.grants() == self.grants {
            tokio::time::sleep(TOKEN_LATENCY / 50).await;
        }
        Ok(())
    }

    /// During it: whoever has a valid token keeps it, the others are told, in time.
    async fn is_survived(&self, stage: &mut Stage, what: &str) -> Result {
        let caught = stage.team.asked().await?;
        only_unavailable(&caught)?;
        let valid = stage.team.ask(&self.valid, 10).await?;
        stage.everybody_has_the_token(&valid, &self.valid)?;
        let expired = stage.team.ask(&self.expired, 1).await?;
        only_unavailable(&expired)?;
        let told = expired.errors.values().sum::<usize>();
        ensure(told == 2 * SESSIONS, || format!("{told} of {} callers were told", 2 * SESSIONS))?;
        let (valid, expired) = (Times::of(valid.took), Times::of(expired.took));
        ensure(expired.longest() < BOUND, || format!("an answer took {}", millis(expired.longest())))?;
        stage.holds(
            &format!("{what}: callers with a valid token are unaffected, the others get a typed error"),
            &format!(
                "valid: p99 {}; error: median {}, longest {}",
                millis(valid.p99()),
                millis(expired.median()),
                millis(expired.longest())
            ),
        );
        Ok(())
    }

    /// Afterwards: everybody gets a token, each session was refreshed once, and none is lost.
    async fn is_over(&self, stage: &mut Stage, what: &str) -> Result {
        let mut tries = 0;
        for sessions in [&self.valid, &self.caught, &self.expired] {
            // Whoever was told to come back later comes back; a lease of the time before may have to end first.
            loop {
                let asked = stage.team.ask(sessions, 1).await?;
                if asked.errors.is_empty() {
                    stage.everybody_has_the_token(&asked, sessions)?;
                    break;
                }
                only_unavailable(&asked)?;
                tries += 1;
                ensure(tries < 300, || format!("no recovery: {:?} {:?}", asked.errors, asked.samples))?;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        stage.nothing_was_presented_twice()?;
        let grants = stage.grants() - self.grants;
        ensure(grants == 2 * SESSIONS as u64, || format!("{grants} grants for {} expired sessions", 2 * SESSIONS))?;
        stage.holds(
            &format!("{what}: no session is lost"),
            &format!(
                "{} sessions, {grants} grants, none presented twice, {tries} callers' rounds were put off",
                3 * SESSIONS
            ),
        );
        Ok(())
    }
}

/// Errors, if any, say "later".
fn only_unavailable(asked: &Asked) -> Result {
    let other = asked.errors.keys().find(|error| *error != UNAVAILABLE);
    ensure(other.is_none(), || {
        format!("callers were told something else than {UNAVAILABLE}: {:?} {:?}", asked.errors, asked.samples)
    })
}
