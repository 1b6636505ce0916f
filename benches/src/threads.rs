//! The same work on several threads at once.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use crate::stopwatch::time;

/// How long a thread takes to do `times` operations while `threads` of them do the same: the mean of all.
///
/// `prepare` runs on each of them before they start together, and returns the operation.
pub fn on_threads<O: FnMut()>(threads: usize, times: u64, prepare: impl Fn() -> O + Sync) -> Duration {
    let start = Barrier::new(threads);
    let work = || {
        let mut operation = prepare();
        // What a thread does once is no part of an operation.
        operation();
        start.wait();
        time(|| (0..times).for_each(|_| operation()))
    };
    let total: Duration = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no operation panics")).sum()
    });
    total / u32::try_from(threads).expect("a few threads")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn every_thread_does_every_operation_and_one_to_warm_up() {
        let operations = AtomicU64::new(0);
        on_threads(3, 10, || {
            || {
                operations.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(operations.into_inner(), 3 * 11);
    }
}
