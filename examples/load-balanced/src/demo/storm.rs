//! [`Storm`]: many requests of one visitor at once, and what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oidc_session::{Clock as _, SystemClock};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::visitor::Visitor;
use crate::Result;

/// What came of many requests at once.
pub(super) struct Storm {
    statuses: BTreeMap<u16, usize>,
    served_by: BTreeMap<String, usize>,
    expirations: BTreeSet<i64>,
    /// Sorted.
    times: Vec<Duration>,
    took: Duration,
}

impl Storm {
    /// How many requests there are.
    pub(super) const REQUESTS: usize = 200;

    /// Lets them go at once.
    pub(super) async fn over(visitor: &Visitor, path: &'static str) -> Result<Self> {
        let start = Arc::new(Barrier::new(Self::REQUESTS + 1));
        let mut requests = JoinSet::new();
        for _ in 0..Self::REQUESTS {
            let (visitor, start) = (visitor.clone(), Arc::clone(&start));
            requests.spawn(async move {
                start.wait().await;
                let begun = SystemClock.monotonic();
                let answer = visitor.fetch(path).await;
                (answer, SystemClock.monotonic().saturating_sub(begun))
            });
        }
        start.wait().await;
        let begun = SystemClock.monotonic();
        let answers = requests.join_all().await;
        let took = SystemClock.monotonic().saturating_sub(begun);
        let (mut statuses, mut served_by) = (BTreeMap::new(), BTreeMap::new());
        let (mut expirations, mut times) = (BTreeSet::new(), Vec::new());
        for (answer, took) in answers {
            let answer = answer?;
            *statuses.entry(answer.status).or_default() += 1;
            if let Some(name) = answer.body["served_by"].as_str() {
                *served_by.entry(name.to_owned()).or_default() += 1;
            }
            expirations.extend(answer.body["access_token_expires_at_unix_ms"].as_i64());
            times.push(took);
        }
        times.sort_unstable();
        Ok(Self { statuses, served_by, expirations, times, took })
    }

    /// The shortest time that `percent` of all do not exceed, in milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.times.len() * percent).div_ceil(100).saturating_sub(1);
        self.times.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |counts: Vec<String>| counts.join(", ");
        let statuses = listed(self.statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect());
        let served_by = listed(self.served_by.iter().map(|(name, count)| format!("{name} {count}")).collect());
        writeln!(f, "  answers {statuses}; by instance: {served_by}; access tokens served {}", self.expirations.len())?;
        let per_second = self.times.len() as f64 / self.took.as_secs_f64();
        let (median, p99) = (self.percentile(50), self.percentile(99));
        write!(f, "  median {median:.1} ms, p99 {p99:.1} ms, {per_second:.0} requests/s")
    }
}
