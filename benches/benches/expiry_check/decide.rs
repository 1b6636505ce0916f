//! Decisions, and the clocks that they ask.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use oidc_session_benches::fresh_session;
use oidc_session_core::{Clock as _, SystemClock};
use oidc_session_policy::{ExpiredOnly, Jitter, Preemptive, RefreshPolicy, Schedule};

pub(crate) fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    let tokens = fresh_session().tokens;
    let policies: [(&str, Arc<dyn RefreshPolicy>); 2] =
        [("expired_only", Arc::new(ExpiredOnly)), ("preemptive", Arc::new(Preemptive::skew(Duration::from_secs(5))))];
    for (name, policy) in &policies {
        group.bench_with_input(BenchmarkId::new("plan", name), policy, |bencher, policy| {
            bencher.iter(|| Schedule::plan(&**black_box(policy), black_box(&tokens), Jitter::NONE));
        });
        let schedule = Schedule::plan(&**policy, &tokens, Jitter::NONE);
        let now = SystemClock.now();
        group.bench_with_input(BenchmarkId::new("phase", name), &schedule, |bencher, schedule| {
            bencher.iter(|| black_box(schedule).phase(black_box(now)));
        });
    }
    group.bench_function("clock/wall", |bencher| bencher.iter(|| black_box(SystemClock.now())));
    group.bench_function("clock/coarse", |bencher| bencher.iter(|| black_box(SystemClock.coarse())));
    group.bench_function("clock/monotonic", |bencher| bencher.iter(|| black_box(SystemClock.monotonic())));
    group.finish();
}
