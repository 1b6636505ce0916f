//! [`World`]: the machines of a run, and what they share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use oidc_session_core::SessionId;
use oidc_session_manager::{ExpiredOnly, KeepFresh, Preemptive, SessionHandle, SessionManager};
use oidc_session_store_memory::MemoryStore;

use crate::dice::Dice;
use crate::line::Line;
use crate::outages::Outages;
use crate::plan::{Plan, Weather};
use crate::server::{self, Door};
use crate::store::{BUDGET, FarStore};
use crate::time::{Time, WallClock};
use crate::truth::Truth;

/// The machines of a run, and what they share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) time: Time,
    pub(crate) truth: Truth,
    store: MemoryStore,
    is_foul: Arc<AtomicBool>,
    outages: Outages,
    machines: Mutex<Vec<Arc<Machine>>>,
}

/// One machine, from when it was started until it crashes.
#[derive(Debug)]
pub(crate) struct Machine {
    /// No other one has ever had it.
    pub(crate) number: usize,
    pub(crate) line: Line,
    pub(crate) clock: WallClock,
    manager: SessionManager,
    _kept: Vec<KeepFresh>,
}

impl Machine {
    pub(crate) fn session(&self, session: usize) -> SessionHandle {
        self.manager.session(&id(session))
    }
}

impl World {
    pub(crate) fn new(plan: Plan, dice: Dice) -> Arc<Self> {
        let time = Time::begin();
        let world = Self {
            truth: Truth::new(plan.clone()),
            store: MemoryStore::with_clock(Arc::new(WallClock::right(time))),
            is_foul: Arc::default(),
            outages: Outages::none(time),
            machines: Mutex::default(),
            plan,
            dice,
            time,
        };
        let machines: Vec<_> = (0..world.plan.machines).map(|number| world.start(number)).collect();
        *world.machines.lock().unwrap() = machines;
        Arc::new(world)
    }

    /// From now on things go wrong, if that is the plan.
    pub(crate) fn let_loose(&self) {
        self.is_foul.store(self.plan.weather == Weather::Foul, Ordering::SeqCst);
    }

    /// From now on everything goes well, and all clocks are right.
    pub(crate) fn calm_down(&self) {
        self.is_foul.store(false, Ordering::SeqCst);
        self.outages.end();
        self.machines().iter().for_each(|machine| machine.clock.set_off(0));
    }

    pub(crate) fn machines(&self) -> Vec<Arc<Machine>> {
        self.machines.lock().unwrap().clone()
    }

    /// The machine at a place, as it is now.
    pub(crate) fn machine(&self, place: usize) -> Arc<Machine> {
        Arc::clone(&self.machines.lock().unwrap()[place])
    }

    /// Ends the machine at a place, and starts another one there.
    pub(crate) fn crash(&self, place: usize) {
        self.machine(place).line.crash();
        let number = self.machine(place).number + self.plan.machines;
        let machine = self.start(number);
        self.machines.lock().unwrap()[place] = machine;
    }

    fn start(&self, number: usize) -> Arc<Machine> {
        let Self { plan, dice, time, truth, store, outages, .. } = self;
        let clock = WallClock::right(*time);
        let troubled = truth.clone();
        let line = Line::new(dice.others(), *time, Arc::clone(&self.is_foul), move || troubled.trouble());
        let door = Door {
            truth: truth.clone(),
            line: line.clone(),
            dice: dice.others(),
            time: *time,
            clock: clock.clone(),
            lifetime: plan.lifetime,
            profile: server::profile(plan),
            outages: outages.clone(),
            weather: plan.weather,
        };
        let far = FarStore {
            store: store.clone(),
            truth: truth.clone(),
            line: line.clone(),
            outages: outages.clone(),
            dice: dice.others(),
            has_feed: plan.has_feed,
            mutant: plan.mutant,
        };
        let builder = SessionManager::builder(door, far).unsealed().clock(clock.clone()).store_budget(BUDGET);
        let builder = match plan.skew {
            Some(skew) => builder.policy(Preemptive::skew(skew)),
            None => builder.policy(ExpiredOnly),
        };
        let manager = builder.build().unwrap();
        let kept = if plan.keeps { plan.sessions } else { 0 };
        let kept = (0..kept).map(|session| manager.session(&id(session)).keep_fresh()).collect();
        Arc::new(Machine { number, line, clock, manager, _kept: kept })
    }
}

fn id(session: usize) -> SessionId {
    SessionId::named(format!("session {session}")).unwrap()
}
