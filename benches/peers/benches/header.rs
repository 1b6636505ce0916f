//! What it costs to have the header value of a fresh token, from one thread and from two.
//!
//! Absolute times belong to the machine; compare within one run.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use oidc_session_peers::{Aliri, Aws, Azure, ByHand, Floor, Google, Huskarl, Moka, OidcSession, Peer, TokenEndpoint};
use tokio::runtime::{Handle, Runtime};

fn headers(criterion: &mut Criterion) {
    // What runs behind the peers' backs: their refreshers, and the server of the one that speaks HTTP.
    let runtime = Runtime::new().expect("a runtime");
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("header/{threads}"));
        measure::<Floor>(&mut group, &runtime, threads);
        measure::<OidcSession>(&mut group, &runtime, threads);
        measure::<ByHand>(&mut group, &runtime, threads);
        measure::<Aliri>(&mut group, &runtime, threads);
        measure::<Huskarl>(&mut group, &runtime, threads);
        measure::<Google>(&mut group, &runtime, threads);
        measure::<Azure>(&mut group, &runtime, threads);
        measure::<Aws>(&mut group, &runtime, threads);
        measure::<Moka>(&mut group, &runtime, threads);
        group.finish();
    }
}

fn measure<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>, runtime: &Runtime, threads: usize) {
    let peer = started::<P>(runtime);
    group.bench_function(P::NAME, |bencher| {
        bencher.iter_custom(|rounds| mean_elapsed(&peer, runtime.handle(), threads, rounds));
    });
}

/// A peer that has been seen to return the right header.
fn started<P: Peer>(runtime: &Runtime) -> P {
    let peer = runtime.block_on(P::start(TokenEndpoint::fresh()));
    assert_eq!(runtime.block_on(peer.authorization()), TokenEndpoint::right_header(), "{}", P::NAME);
    let _in_runtime = runtime.enter();
    assert_eq!(peer.header(0), TokenEndpoint::right_header(), "{}", P::NAME);
    peer
}

/// How long `rounds` took a thread, on average over the threads that ran them side by side.
fn mean_elapsed<P: Peer>(peer: &P, runtime: &Handle, threads: usize, rounds: u64) -> Duration {
    let begin = Barrier::new(threads);
    let run = |thread| {
        // Some peers look for the runtime's timer even when they need not wait.
        let _in_runtime = runtime.enter();
        begin.wait();
        elapsed(peer, thread, rounds)
    };
    let run = &run;
    let total: Duration = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("it does not panic")).sum()
    });
    total / u32::try_from(threads).expect("few threads")
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
fn elapsed<P: Peer>(peer: &P, thread: usize, rounds: u64) -> Duration {
    let begun = Instant::now();
    for _ in 0..rounds {
        black_box(black_box(peer).header(thread));
    }
    begun.elapsed()
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(50)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! { name = benches; config = short(); targets = headers }
criterion_main!(benches);
