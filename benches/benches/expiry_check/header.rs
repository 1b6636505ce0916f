//! One session, asked about by several threads at once.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use futures_util::FutureExt as _;
use oidc_session_benches::{ByHand, Deadline, ReadyHeader, SignedIn, on_threads};

use crate::THREADS;

pub(crate) fn checks(criterion: &mut Criterion) {
    let floor = Deadline::tomorrow();
    let (_sessions, handle) = SignedIn::one();
    for threads in THREADS {
        let mut group = criterion.benchmark_group(format!("check/{threads}"));
        bench(&mut group, threads, "floor", || || assert!(black_box(&floor).is_ahead()));
        bench(&mut group, threads, "is_fresh", || {
            let handle = handle.clone();
            move || assert!(black_box(&handle).is_fresh())
        });
        bench(&mut group, threads, "apart", || {
            let own = SignedIn::one();
            move || {
                let (_alive, handle) = &own;
                assert!(black_box(handle).is_fresh());
            }
        });
        group.finish();
    }
}

pub(crate) fn headers(criterion: &mut Criterion) {
    let (floor, by_hand) = (ReadyHeader::fresh(), ByHand::fresh());
    let (_sessions, handle) = SignedIn::one();
    for threads in THREADS {
        let mut group = criterion.benchmark_group(format!("header/{threads}"));
        bench(&mut group, threads, "floor", || {
            let copy = ReadyHeader::copy();
            let floor = &floor;
            move || drop(black_box(black_box(floor).authorization_from(&copy)).expect("fresh"))
        });
        bench(&mut group, threads, "shared", || {
            || {
                drop(black_box(black_box(&floor).authorization()).expect("fresh"));
            }
        });
        bench_awaiting(&mut group, threads, "by_hand", || {
            async || {
                let answer = black_box(&by_hand).authorization().await;
                drop(black_box(answer).expect("fresh"));
            }
        });
        bench(&mut group, threads, "try_authorization", || {
            let handle = handle.clone();
            move || drop(black_box(black_box(&handle).try_authorization()).expect("fresh"))
        });
        bench(&mut group, threads, "apart", || {
            let own = SignedIn::one();
            move || {
                let (_alive, handle) = &own;
                drop(black_box(black_box(handle).try_authorization()).expect("fresh"));
            }
        });
        bench_awaiting(&mut group, threads, "authorization", || {
            let handle = handle.clone();
            async move || drop(black_box(black_box(&handle).authorization().await).expect("fresh"))
        });
        group.finish();
    }
}

fn bench<O: FnMut()>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    threads: usize,
    name: &str,
    prepare: impl Fn() -> O + Sync,
) {
    group.bench_function(name, |bencher| bencher.iter_custom(|times| on_threads(threads, times, &prepare)));
}

/// So many awaits in one task, as programs do: to begin a task for each would cost more than the answer.
const IN_A_TASK: u64 = 64;

fn bench_awaiting<O: AsyncFnMut()>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    threads: usize,
    name: &str,
    prepare: impl Fn() -> O + Sync,
) {
    let task = || {
        let mut operation = prepare();
        move || {
            let task = async {
                for _ in 0..IN_A_TASK {
                    operation().await;
                }
            };
            task.now_or_never().expect("nobody waits");
        }
    };
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let tasks = times.div_ceil(IN_A_TASK);
            on_threads(threads, tasks, task).mul_f64(times as f64 / (tasks * IN_A_TASK) as f64)
        });
    });
}
