//! Real time, for what criterion does not time itself. The one place of the benchmarks that reads it.

use std::time::{Duration, Instant};

/// How long `work` takes.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// How long it takes until `work` is done.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub async fn time_async(work: impl Future<Output = ()>) -> Duration {
    let began = Instant::now();
    work.await;
    began.elapsed()
}

/// How long this process has run on any processor so far, its threads together; `None` where that cannot be read.
#[cfg(target_os = "linux")]
pub fn processor_time() -> Option<Duration> {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime)).ok()
}

/// How long this process has run on any processor so far, its threads together; `None` where that cannot be read.
#[cfg(not(target_os = "linux"))]
pub fn processor_time() -> Option<Duration> {
    None
}

/// The middle one of an odd number of times; zero of none.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let times = [9, 1, 5].map(Duration::from_millis);
        assert_eq!(median(times.to_vec()), Duration::from_millis(5));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }

    #[test]
    fn work_takes_processor_time() {
        let before = processor_time();
        drop((0..100_000).map(std::hint::black_box).collect::<Vec<u64>>());
        assert_eq!(processor_time() > before, cfg!(target_os = "linux"));
    }
}
