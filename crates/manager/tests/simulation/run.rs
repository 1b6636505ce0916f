//! [`run`]: one seed, from the first sign-in until everything has come to rest.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_manager::SessionErrorKind;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::caller::{self, PATIENCE, token_of};
use crate::dice::Dice;
use crate::people;
use crate::plan::{Mutant, Plan, Weather};
use crate::world::World;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) violations: Vec<String>,
    pub(crate) grants: u32,
    pub(crate) lost: u32,
    pub(crate) plan: Plan,
}

/// Everything that happens follows from the arguments.
pub(crate) fn run(seed: u64, weather: Weather, reuse_window: Option<Duration>, mutant: Option<Mutant>) -> Run {
    let dice = Dice::seeded(seed);
    let plan = Plan::new(weather, reuse_window, mutant, &dice);
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(plan.clone(), dice);
        live(&world).await;
        come_to_rest(&world).await;
        let facts = world.truth.facts();
        Run { violations: facts.violations.clone(), grants: facts.grants, lost: facts.lost, plan }
    })
}

async fn live(world: &Arc<World>) {
    people::first_sign_ins(world).await;
    world.let_loose();
    let mut tasks = JoinSet::new();
    for place in 0..world.plan.machines {
        (0..world.plan.callers)
            .for_each(|_| _ = tasks.spawn(caller::calls(Arc::clone(world), world.dice.others(), place)));
    }
    if world.plan.has_people {
        tasks.spawn(people::live(Arc::clone(world), world.dice.others()));
    }
    if world.plan.sets_clocks {
        tasks.spawn(people::set_clocks(Arc::clone(world), world.dice.others()));
    }
    if world.plan.weather == Weather::Foul {
        tasks.spawn(people::wear_out(Arc::clone(world), world.dice.others()));
    }
    while let Some(task) = tasks.join_next().await {
        if let Err(error) = task {
            world.truth.facts().violation(format!("a task failed: {error}"));
        }
    }
}

/// Once nothing goes wrong any more, every session is fresh or has honestly ended, on every machine.
async fn come_to_rest(world: &World) {
    world.calm_down();
    sleep(PATIENCE).await;
    for session in 0..world.plan.sessions {
        for machine in world.machines() {
            let handle = machine.session(session);
            let mut is_settled = false;
            for _ in 0..10 {
                let told = world.truth.facts().logged_out_on(machine.number);
                match timeout(PATIENCE, token_of(&handle)).await {
                    Ok(Ok(token)) => {
                        let mut facts = world.truth.facts();
                        facts.served(&token, session, &told, world.time.passed());
                        is_settled = facts.is_alive(&token);
                    }
                    Ok(Err(error)) if error.kind() == SessionErrorKind::SignInNeeded => is_settled = true,
                    Ok(Err(_)) | Err(_) => {}
                }
                if is_settled {
                    break;
                }
                // An access token may outlive its session, and a back-off takes its time.
                sleep(world.plan.lifetime + Duration::from_secs(400)).await;
            }
            if !is_settled {
                world.truth.facts().violation(format!("session {session} never came to rest"));
            }
        }
        let machine = world.machine(0);
        if token_of(&machine.session(session)).await.is_err() {
            world.truth.facts().is_over(session);
        }
    }
}
