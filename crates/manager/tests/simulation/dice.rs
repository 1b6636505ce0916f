//! [`Dice`]: the choices of a run, from its seed.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The choices of a run, from its seed. Clones take turns.
///
/// Whoever wakes at the same instant as others has dice of its own: the order in which a runtime wakes them is not ours.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Arc<Mutex<fastrand::Rng>>);

impl Dice {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// Other ones, that follow from these.
    pub(crate) fn others(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().fork())))
    }

    /// Whether something happens that does so this often in a hundred times.
    pub(crate) fn in_hundred(&self, times: u32) -> bool {
        self.below(100) < times
    }

    pub(crate) fn below(&self, end: u32) -> u32 {
        self.0.lock().unwrap().u32(0..end)
    }

    pub(crate) fn one_of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.0.lock().unwrap().usize(0..choices.len())]
    }

    pub(crate) fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.0.lock().unwrap().u64(range))
    }

    pub(crate) fn part_of(&self, time: Duration) -> Duration {
        time.mul_f64(self.0.lock().unwrap().f64())
    }
}
