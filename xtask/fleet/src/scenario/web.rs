//! One visitor of a web site with two processes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use oidc_session::{Clock as _, SystemClock};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::stage::Stage;
use crate::report::{Times, millis};
use crate::web::{Answer, Site, Visitor, turned_away};
use crate::{Result, ensure};

const REQUESTS: usize = 200;
const SUBJECT: &str = "alice";
const EXPIRES_AT: &str = "access_token_expires_at_unix_ms";

/// Longer than a request takes to reach the authorization server.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything about the site.
pub(crate) async fn two_processes(stage: &mut Stage) -> Result {
    let mut site = Site::open(&stage.setup).await?;
    a_storm(stage, &site).await?;
    a_logout(stage, &site).await?;
    a_process_is_told_to_end(stage, &mut site).await
}

/// Two hundred requests at once, first with a valid access token, then with an expired one.
async fn a_storm(stage: &Stage, site: &Site) -> Result {
    let visitor = site.visitor().await?;
    let before = stage.grants();
    let valid = Storm::over(site, &visitor).await?;
    ensure(stage.grants() == before, || "a valid access token was refreshed".into())?;
    valid.everybody_was_served()?;

    site.expire(&[&visitor]).await?;
    let expired = Storm::over(site, &visitor).await?;
    let grants = stage.grants() - before;
    ensure(grants == 1, || format!("{grants} grants for one expired access token"))?;
    stage.nothing_was_presented_twice()?;
    expired.everybody_was_served()?;
    ensure(expired.expirations.is_disjoint(&valid.expirations), || {
        "somebody was served the expired access token".into()
    })?;

    for process in [&site.one, &site.other] {
        let answer = visitor.get(process.at("/api/me")?).await?.says(200)?;
        ensure(answer.api_subject() == Some(SUBJECT), || {
            format!("the API does not know the visitor of {}", process.name)
        })?;
    }
    stage.holds(
        &format!(
            "{REQUESTS} requests of one visitor through two web processes, expired: one grant, {REQUESTS} answers"
        ),
        &format!("{expired}; with a valid access token: {valid}"),
    );
    Ok(())
}

/// Somebody who kept the cookie is turned away by the other process.
async fn a_logout(stage: &Stage, site: &Site) -> Result {
    let visitor = site.visitor().await?;
    let kept = visitor.copied();
    visitor.post(site.one.at("/auth/logout")?).await?.says(200)?;
    let ended = SystemClock.monotonic();
    for process in [&site.other, &site.one] {
        let reason = turned_away(&kept, process.at("/session")?).await?;
        ensure(reason.as_deref() == Some("logged_out"), || {
            format!("{} says that the session ended by {reason:?}", process.name)
        })?;
    }
    let took = SystemClock.monotonic().saturating_sub(ended);
    stage.holds("a logout at one web process is a 401 at the other", &format!("known to both after {}", millis(took)));
    Ok(())
}

/// SIGTERM while a refresh is under way: what was begun is finished, and the other process goes on with what came of it.
async fn a_process_is_told_to_end(stage: &Stage, site: &mut Site) -> Result {
    let visitor = site.visitor().await?;
    let known = visitor.get(site.one.at("/session")?).await?.says(200)?;
    site.expire(&[&visitor]).await?;
    let before = stage.grants();
    let asked = tokio::spawn({
        let (visitor, url) = (visitor.clone(), site.one.at("/session")?);
        async move { visitor.get(url).await }
    });
    // The server grants on arrival; its answer waits for the latency.
    let granted = async {
        while stage.grants() == before {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, granted).await.map_err(|_| "nobody refreshes")?;
    let told = SystemClock.monotonic();
    site.balancer.lead_to(&[site.other.address]);
    site.one.tell_to_end()?;
    let served = asked.await??.says(200)?;
    let status = site.one.ended().await?;
    let took = SystemClock.monotonic().saturating_sub(told);
    ensure(status.success(), || format!("the process that was told to end ended with {status}"))?;

    let after = visitor.get(site.at("/session")?).await?.says(200)?;
    let (old, new) = (known.number(EXPIRES_AT)?, served.number(EXPIRES_AT)?);
    ensure(old != new && after.number(EXPIRES_AT)? == new, || "what was refreshed at the end was not stored".into())?;
    let grants = stage.grants() - before;
    ensure(grants == 1, || format!("{grants} grants for one expired access token"))?;
    stage.nothing_was_presented_twice()?;
    stage.holds(
        "a web process that is told to end in a refresh finishes it, and the visitor goes on at the other",
        &format!("one grant, ended after {}", millis(took)),
    );
    Ok(())
}

/// What came of many requests at once.
struct Storm {
    statuses: BTreeMap<u16, usize>,
    served_by: BTreeMap<String, usize>,
    /// When the access tokens expire that were served.
    expirations: BTreeSet<i64>,
    times: Times,
    took: Duration,
}

impl Storm {
    async fn over(site: &Site, visitor: &Visitor) -> Result<Self> {
        let start = Arc::new(Barrier::new(REQUESTS + 1));
        let mut requests = JoinSet::new();
        for _ in 0..REQUESTS {
            let (visitor, url, start) = (visitor.clone(), site.at("/session")?, Arc::clone(&start));
            requests.spawn(async move {
                start.wait().await;
                let begun = SystemClock.monotonic();
                let answer = visitor.get(url).await;
                (answer, SystemClock.monotonic().saturating_sub(begun))
            });
        }
        start.wait().await;
        let begun = SystemClock.monotonic();
        let answers = requests.join_all().await;
        let took = SystemClock.monotonic().saturating_sub(begun);
        let times = Times::of(answers.iter().map(|(_, took)| *took).collect());
        let mut storm =
            Self { statuses: BTreeMap::new(), served_by: BTreeMap::new(), expirations: BTreeSet::new(), times, took };
        for (answer, _) in answers {
            storm.count(&answer?)?;
        }
        Ok(storm)
    }

    fn count(&mut self, answer: &Answer) -> Result {
        *self.statuses.entry(answer.status).or_default() += 1;
        if answer.status == 200 {
            *self.served_by.entry(answer.text("served_by").unwrap_or_default()).or_default() += 1;
            self.expirations.insert(answer.number(EXPIRES_AT)?);
        }
        Ok(())
    }

    /// 200 for all, half by each process, with one access token.
    fn everybody_was_served(&self) -> Result {
        let Self { statuses, served_by, expirations, .. } = self;
        ensure(statuses.get(&200) == Some(&REQUESTS), || format!("of {REQUESTS} requests, these got: {statuses:?}"))?;
        let halves = served_by.len() == 2 && served_by.values().all(|answers| *answers == REQUESTS / 2);
        ensure(halves, || format!("the load balancer did not take turns: {served_by:?}"))?;
        ensure(expirations.len() == 1, || format!("{} access tokens were served", expirations.len()))
    }
}

impl std::fmt::Display for Storm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (median, p99) = (millis(self.times.median()), millis(self.times.p99()));
        let per_second = REQUESTS as f64 / self.took.as_secs_f64();
        write!(f, "median {median}, p99 {p99}, {per_second:.0} requests/s")
    }
}
