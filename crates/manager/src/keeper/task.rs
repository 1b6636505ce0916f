//! [`KeeperTask`]: one task that has every kept session refreshed when it is due.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use oidc_session_policy::protocol::{Now, Trigger};
use tokio::sync::mpsc;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

use super::clock_gap::ClockGap;
use super::next::{Next, Tried};
use super::register::{Kept, Place, Register};
use crate::flight::Wish;
use crate::shared::Shared;
use crate::{confirm, flight};

/// The task, and its timers. It keeps no manager alive.
pub(super) struct KeeperTask {
    shared: Weak<Shared>,
    register: Arc<Register>,
    /// How many looks, and how many refreshes, are under way at a time.
    most: usize,
    /// What is planned for each slot of the register.
    plans: Vec<Plan>,
    timers: DelayQueue<usize>,
    /// Those of whom nothing is known, the oldest first.
    to_look: VecDeque<Place>,
    /// Those who are due, the oldest first.
    ready: VecDeque<Place>,
    looks: usize,
    refreshes: usize,
    gap: ClockGap,
    /// From which slot on everything is to be planned anew.
    anew_from: Option<usize>,
    landed: mpsc::UnboundedReceiver<Landed>,
    landing: mpsc::UnboundedSender<Landed>,
    batch: Vec<(Place, Option<Kept>)>,
    fired: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// For whom of those who were kept in the slot.
    generation: u32,
    step: Step,
}

#[derive(Clone, Copy, Debug, Default)]
enum Step {
    #[default]
    Nothing,
    Timer(Key),
    /// In one of the two queues.
    Queued,
    UnderWay,
}

/// A look or a refresh came to its end.
struct Landed {
    place: Place,
    tried: Tried,
}

/// Tells so, however it ends.
struct Landing {
    tell: mpsc::UnboundedSender<Landed>,
    place: Place,
    tried: Tried,
}

impl KeeperTask {
    /// How many slots are looked at before other tasks of the runtime get their turn.
    const CHUNK: usize = 512;
    /// How often the two clocks are compared.
    const COMPARES_CLOCKS: Duration = Duration::from_secs(2);

    pub(super) fn new(shared: &Arc<Shared>, register: &Arc<Register>, most: usize) -> Self {
        let (landing, landed) = mpsc::unbounded_channel();
        Self {
            shared: Arc::downgrade(shared),
            register: Arc::clone(register),
            most,
            plans: Vec::new(),
            timers: DelayQueue::new(),
            to_look: VecDeque::new(),
            ready: VecDeque::new(),
            looks: 0,
            refreshes: 0,
            gap: ClockGap::at(shared.now()),
            // An earlier task may have left with its runtime what it had planned.
            anew_from: Some(0),
            landed,
            landing,
            batch: Vec::new(),
            fired: Vec::new(),
        }
    }

    pub(super) async fn keep(mut self) {
        loop {
            let Some(shared) = self.shared.upgrade() else { return };
            let more = self.take_turn(&shared);
            let pause = self.longest_pause(shared.now());
            drop(shared);
            if more {
                tokio::task::yield_now().await;
            } else {
                self.wait(pause).await;
            }
        }
    }

    /// Does what there is to do, a chunk of each. Whether there is more.
    fn take_turn(&mut self, shared: &Arc<Shared>) -> bool {
        let now = shared.now();
        if self.gap.has_changed(now) {
            self.anew_from = Some(0);
        }
        self.plan_fired(now);
        self.plan_noted(now);
        self.plan_anew(now);
        self.begin_looks(shared, now);
        self.begin_refreshes(shared, now);
        self.anew_from.is_some()
            || self.register.has_noted()
            || (!self.to_look.is_empty() && self.may_look())
            || (!self.ready.is_empty() && self.may_refresh(now))
    }

    /// Waits until there is something to do.
    async fn wait(&mut self, pause: Option<Duration>) {
        let register = Arc::clone(&self.register);
        let mut news = pin!(register.has_news());
        let mut paused = pin!(async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|context| {
            let mut any = news.as_mut().poll(context).is_ready() | paused.as_mut().poll(context).is_ready();
            while let Poll::Ready(Some(landed)) = self.landed.poll_recv(context) {
                self.has_landed(landed);
                any = true;
            }
            while self.fired.len() < Self::CHUNK
                && let Poll::Ready(Some(expired)) = self.timers.poll_expired(context)
            {
                // At once: the key of a timer that has fired may become another one's.
                let index = expired.into_inner();
                self.plans[index].step = Step::Nothing;
                self.fired.push(index);
                any = true;
            }
            if any { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Nothing kept, nothing to compare clocks for.
    fn longest_pause(&self, now: Now) -> Option<Duration> {
        let held = self.register.held_until().saturating_sub(now.monotonic);
        let pause = if held.is_zero() { Self::COMPARES_CLOCKS } else { held.min(Self::COMPARES_CLOCKS) };
        (!self.register.is_empty()).then_some(pause)
    }

    fn has_landed(&mut self, landed: Landed) {
        let Landed { place, tried } = landed;
        match tried {
            Tried::Look => self.looks -= 1,
            Tried::Refresh => self.refreshes -= 1,
        }
        let Some(shared) = self.shared.upgrade() else { return };
        // Somebody else may be kept there by now.
        if let Some(kept) = self.register.at(place) {
            self.plans[place.index] = Plan { generation: place.generation, step: Step::Nothing };
            self.plan(place, &kept, shared.now(), Some(tried));
        }
    }

    fn plan_fired(&mut self, now: Now) {
        let mut fired = std::mem::take(&mut self.fired);
        self.register.read(fired.drain(..), &mut self.batch);
        self.fired = fired;
        self.plan_batch(now);
    }

    fn plan_noted(&mut self, now: Now) {
        self.register.take_noted(Self::CHUNK, &mut self.batch);
        self.plan_batch(now);
    }

    fn plan_anew(&mut self, now: Now) {
        let Some(from) = self.anew_from else { return };
        let to = from + Self::CHUNK;
        self.register.read(from..to, &mut self.batch);
        self.anew_from = (self.batch.len() == Self::CHUNK).then_some(to);
        self.plan_batch(now);
    }

    fn plan_batch(&mut self, now: Now) {
        let mut batch = std::mem::take(&mut self.batch);
        for (place, kept) in batch.drain(..) {
            self.reconcile(place, kept.as_ref(), now);
        }
        self.batch = batch;
    }

    /// Brings what is planned for a slot in line with what is kept there now.
    fn reconcile(&mut self, place: Place, kept: Option<&Kept>, now: Now) {
        if self.plans.len() <= place.index {
            self.plans.resize(place.index + 1, Plan::default());
        }
        let plan = &mut self.plans[place.index];
        if plan.generation == place.generation && matches!(plan.step, Step::Queued | Step::UnderWay) {
            return;
        }
        let step = std::mem::take(&mut plan.step);
        plan.generation = place.generation;
        if let Step::Timer(key) = step {
            self.timers.remove(&key);
        }
        if let Some(kept) = kept {
            self.plan(place, kept, now, None);
        }
    }

    fn plan(&mut self, place: Place, kept: &Kept, now: Now, tried: Option<Tried>) {
        let step = match Next::of(kept, now, tried) {
            Next::Look => {
                self.to_look.push_back(place);
                Step::Queued
            }
            Next::Refresh(_) => {
                self.ready.push_back(place);
                Step::Queued
            }
            Next::In(time) => Step::Timer(self.timers.insert(place.index, time)),
        };
        self.plans[place.index].step = step;
    }

    fn begin_looks(&mut self, shared: &Arc<Shared>, now: Now) {
        for _ in 0..Self::CHUNK {
            if !self.may_look() {
                return;
            }
            let Some(place) = self.to_look.pop_front() else { return };
            let Some(kept) = self.register.at(place) else { continue };
            match Next::of(&kept, now, None) {
                Next::Look => self.begin_look(shared, place, kept),
                _ => self.plan(place, &kept, now, None),
            }
        }
    }

    fn begin_refreshes(&mut self, shared: &Arc<Shared>, now: Now) {
        for _ in 0..Self::CHUNK {
            if !self.may_refresh(now) {
                return;
            }
            let Some(place) = self.ready.pop_front() else { return };
            let Some(kept) = self.register.at(place) else { continue };
            match Next::of(&kept, now, None) {
                Next::Refresh(trigger) => self.begin_refresh(shared, place, kept, trigger),
                // Somebody else has seen to it.
                _ => self.plan(place, &kept, now, None),
            }
        }
    }

    fn may_look(&self) -> bool {
        self.looks < self.most && !self.register.is_paused()
    }

    fn may_refresh(&self, now: Now) -> bool {
        self.refreshes < self.most && self.register.held_until() <= now.monotonic && !self.register.is_paused()
    }

    fn begin_look(&mut self, shared: &Arc<Shared>, place: Place, kept: Kept) {
        self.looks += 1;
        let landing = self.under_way(place, Tried::Look);
        let (task_shared, register) = (Arc::clone(shared), Arc::clone(&self.register));
        shared.detach(async move {
            let _landing = landing;
            if register.at(place).is_some() {
                // What went wrong is told to the operator there.
                let _ = confirm::look(&task_shared, &kept.entry).await;
            }
        });
    }

    fn begin_refresh(&mut self, shared: &Arc<Shared>, place: Place, kept: Kept, trigger: Trigger) {
        self.refreshes += 1;
        let landing = self.under_way(place, Tried::Refresh);
        let (task_shared, register) = (Arc::clone(shared), Arc::clone(&self.register));
        shared.detach(async move {
            let _landing = landing;
            // After it was counted among the tasks: whoever drops the guard and then drains waits for it, or it never
            // begins.
            if register.at(place).is_some() {
                let wish = Wish::behind_the_scenes(trigger, kept.target);
                // What came of it is in the entry, and told to those who listen.
                let _ = flight::fly(&task_shared, &kept.entry, &wish).await;
            }
        });
    }

    fn under_way(&mut self, place: Place, tried: Tried) -> Landing {
        self.plans[place.index].step = Step::UnderWay;
        Landing { tell: self.landing.clone(), place, tried }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        // Nobody listens when the task has ended.
        let _ = self.tell.send(Landed { place: self.place, tried: self.tried });
    }
}
