//! [`Outages`]: when nobody reaches the store.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use crate::dice::Dice;
use crate::time::Time;

/// When nobody reaches the store.
#[derive(Clone, Debug)]
pub(crate) struct Outages {
    time: Time,
    /// Until when there is one; nothing, once there will be no more.
    until: Arc<Mutex<Option<Duration>>>,
}

/// How long the store is back at least: who has tokens to commit may notice only when a call of five seconds is over.
const BETWEEN: Duration = Duration::from_secs(10);

impl Outages {
    pub(crate) fn none(time: Time) -> Self {
        Self { time, until: Arc::new(Mutex::new(Some(Duration::ZERO))) }
    }

    /// Begins one, unless the last one has hardly ended.
    pub(crate) fn begin(&self, length: Duration) {
        let now = self.time.passed();
        if let Some(until) = &mut *self.until.lock().unwrap()
            && now >= *until + BETWEEN
        {
            *until = now + length;
        }
    }

    /// From now on there are none.
    pub(crate) fn end(&self) {
        *self.until.lock().unwrap() = None;
    }

    pub(crate) fn is_on(&self) -> bool {
        self.until.lock().unwrap().is_some_and(|until| self.time.passed() < until)
    }

    /// A call that nobody answers: refused soon, or never, and then whoever waits has a limit.
    pub(crate) async fn fails(&self, dice: &Dice) {
        if dice.in_hundred(50) {
            pending::<()>().await;
        }
        sleep(dice.millis(1..200)).await;
    }
}
