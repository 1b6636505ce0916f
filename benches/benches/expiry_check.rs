//! The hot path: what it costs to ask for a token that is fresh.
//!
//! Absolute times belong to the machine; compare within one run.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use oidc_session_core::{
    AccessToken, Clock as _, Provider, ProviderError, ProviderId, ProviderProfile, Revocation, Session, SessionId,
    SystemClock, Target, TokenAnswer, TokenSet,
};
use oidc_session_manager::{SessionHandle, SessionManager};
use oidc_session_policy::{ExpiredOnly, Jitter, Preemptive, RefreshPolicy, Schedule};
use oidc_session_store_memory::MemoryStore;

/// A provider that no bench may reach: every token stays fresh.
#[derive(Debug)]
struct NeverAsked(ProviderProfile);

#[async_trait::async_trait]
impl Provider for NeverAsked {
    fn profile(&self) -> &ProviderProfile {
        &self.0
    }

    async fn prepare(&self, _session: &Session) -> Result<(), ProviderError> {
        unreachable!("the token is fresh")
    }

    async fn refresh(&self, _session: &Session, _target: &Target) -> Result<TokenAnswer, ProviderError> {
        unreachable!("the token is fresh")
    }

    async fn revoke(&self, _session: &Session) -> Result<Revocation, ProviderError> {
        unreachable!("nobody logs out")
    }
}

fn token_set() -> TokenSet {
    let now = SystemClock.now();
    let mut tokens = TokenSet::new(now, now);
    tokens.access_token = Some(AccessToken::new("a".repeat(1_024)));
    tokens.expires_in = Some(Duration::from_secs(86_400));
    tokens
}

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    let tokens = token_set();
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
    // The floor of every check: one look at the clock.
    group.bench_function("clock/wall", |bencher| bencher.iter(|| black_box(SystemClock.now())));
    group.bench_function("clock/monotonic", |bencher| bencher.iter(|| black_box(SystemClock.monotonic())));
    group.finish();
}

fn handles(criterion: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    let manager =
        SessionManager::builder(NeverAsked(ProviderProfile::new(ProviderId::new("never-asked"))), MemoryStore::new())
            .build()
            .expect("the default lease outlives the default request budget");
    let id = SessionId::random();
    let handle = manager.session(&id);
    let session = Session::new(ProviderId::new("never-asked"), "https://login.example", "app", token_set());
    runtime.block_on(handle.sign_in(session)).expect("memory does not fail");

    let mut group = criterion.benchmark_group("fresh");
    let on = |handle: &SessionHandle| handle.clone();
    group.bench_function("refresh_if_expired", |bencher| {
        let handle = on(&handle);
        bencher.to_async(&runtime).iter(|| async { black_box(handle.refresh_if_expired().await) });
    });
    group.bench_function("authorization", |bencher| {
        let handle = on(&handle);
        bencher.to_async(&runtime).iter(|| async { black_box(handle.authorization().await) });
    });
    group.bench_function("access_token", |bencher| {
        let handle = on(&handle);
        bencher.to_async(&runtime).iter(|| async { black_box(handle.access_token().await) });
    });
    group.bench_function("authorization/by_id", |bencher| {
        bencher.to_async(&runtime).iter(|| async { black_box(manager.session(&id).authorization().await) });
    });
    group.finish();
}

criterion_group!(benches, decisions, handles);
criterion_main!(benches);
