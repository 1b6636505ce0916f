//! What a refresh costs beside the authorization server's answer: lease, commit, and all that is decided between.
//!
//! The server answers at once, the store is in memory. The floor is that answer and its merge into the session: what is
//! left of a refresh when nothing is kept. How often a refresh allocates is counted by the target `memory`.

use criterion::{Criterion, criterion_group, criterion_main};
use oidc_session_benches::{Granting, SignedIn, fresh_session};
use oidc_session_core::{Clock as _, Provider as _, SessionId, SystemClock, Target};
use oidc_session_manager::Outcome;
use oidc_session_sealing::KeyRing;
use oidc_session_store_memory::MemoryStore;
use tokio::runtime;

fn refreshes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("refresh_overhead");
    let (provider, session, target) = (Granting::at_once(), fresh_session(), Target::default());
    let runtime = runtime::Builder::new_current_thread().build().expect("a runtime");
    group.bench_function("floor", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let answer = provider.refresh(&session, &target).await.expect("it grants everything");
            session.merge_refresh(answer, &target)
        });
    });
    for (name, ring) in [("plain", None), ("sealed", Some(KeyRing::generate(SystemClock.now())))] {
        let id = SessionId::random();
        let sessions =
            SignedIn::over(Granting::at_once(), MemoryStore::new(), std::slice::from_ref(&id), |builder| match ring {
                Some(ring) => builder.seal_with(ring),
                None => builder,
            });
        let handle = sessions.manager.session(&id);
        group.bench_function(name, |bencher| {
            bencher.to_async(&sessions.runtime).iter(async || {
                assert_eq!(handle.refresh().await.expect("granted"), Outcome::Refreshed);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, refreshes);
criterion_main!(benches);
