//! [`Line`]: what is between a machine and everything else.

use std::fmt;
use std::future::{Future, pending};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use crate::dice::Dice;
use crate::time::Time;

/// What is between a machine and everything else. With the machine it freezes, and dies.
#[derive(Clone)]
pub(crate) struct Line(Arc<Wires>);

struct Wires {
    dice: Dice,
    time: Time,
    /// Whether anything can go wrong just now.
    is_foul: Arc<AtomicBool>,
    has_crashed: AtomicBool,
    frozen_until: Mutex<Duration>,
    /// Called for whatever goes wrong.
    on_trouble: Box<dyn Fn() + Send + Sync>,
}

/// A call that failed, as far as its caller knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lost {
    /// Nothing was sent.
    NotSent,
    Unknown,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Good,
    NotSent,
    RequestLost,
    AnswerLost,
    RequestLate,
    AnswerLate,
}

impl Line {
    pub(crate) fn new(
        dice: Dice,
        time: Time,
        is_foul: Arc<AtomicBool>,
        on_trouble: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (has_crashed, frozen_until) = (AtomicBool::new(false), Mutex::default());
        Self(Arc::new(Wires { dice, time, is_foul, has_crashed, frozen_until, on_trouble: Box::new(on_trouble) }))
    }

    /// Carries a call there, has it take effect whether or not somebody waits for it, and carries the answer back.
    pub(crate) async fn carry<T: Send + 'static>(
        &self,
        budget: Duration,
        effect: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Lost> {
        self.runs().await;
        let Wires { dice, .. } = &*self.0;
        let fate = self.fate();
        if !matches!(fate, Fate::Good) {
            (self.0.on_trouble)();
        }
        let late = || budget + dice.part_of(budget * 2);
        let (there, back) = (dice.millis(1..60), dice.millis(1..60));
        match fate {
            Fate::NotSent => return self.fails(Lost::NotSent).await,
            Fate::RequestLost => return self.fails(Lost::Unknown).await,
            Fate::Good | Fate::AnswerLost | Fate::RequestLate | Fate::AnswerLate => {}
        }
        let there = if matches!(fate, Fate::RequestLate) { late() } else { there };
        let done = tokio::spawn(async move {
            sleep(there).await;
            effect.await
        });
        let Ok(answer) = done.await else { return Err(Lost::Unknown) };
        match fate {
            Fate::AnswerLost => return self.fails(Lost::Unknown).await,
            Fate::AnswerLate => sleep(late()).await,
            _ => sleep(back).await,
        }
        self.runs().await;
        Ok(answer)
    }

    /// The machine does nothing for a while, and does not notice.
    pub(crate) fn freeze(&self, time: Duration) {
        (self.0.on_trouble)();
        *self.0.frozen_until.lock().unwrap() = self.0.time.passed() + time;
    }

    /// The machine does nothing ever again.
    pub(crate) fn crash(&self) {
        (self.0.on_trouble)();
        self.0.has_crashed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.0.has_crashed.load(Ordering::SeqCst)
    }

    /// Returns when the machine runs.
    async fn runs(&self) {
        loop {
            let left = self.0.frozen_until.lock().unwrap().saturating_sub(self.0.time.passed());
            if left.is_zero() {
                break;
            }
            sleep(left).await;
        }
        if self.has_crashed() {
            pending::<()>().await;
        }
    }

    /// At once, or never: then whoever waits has a limit.
    async fn fails<T>(&self, lost: Lost) -> Result<T, Lost> {
        if self.0.dice.in_hundred(30) {
            pending::<()>().await;
        }
        sleep(self.0.dice.millis(1..200)).await;
        self.runs().await;
        Err(lost)
    }

    fn fate(&self) -> Fate {
        if !self.0.is_foul.load(Ordering::SeqCst) {
            return Fate::Good;
        }
        match self.0.dice.below(100) {
            0..4 => Fate::NotSent,
            4..7 => Fate::RequestLost,
            7..11 => Fate::AnswerLost,
            11..13 => Fate::RequestLate,
            13..15 => Fate::AnswerLate,
            _ => Fate::Good,
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("has_crashed", &self.has_crashed()).finish_non_exhaustive()
    }
}
