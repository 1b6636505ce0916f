//! What people do, and what happens to machines.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::caller::PATIENCE;
use crate::dice::Dice;
use crate::server::signed_in;
use crate::world::World;

/// How often something happens in a run.
const OCCASIONS: u32 = 4;

/// Signs in to every session, from the first machine.
pub(crate) async fn first_sign_ins(world: &World) {
    for session in 0..world.plan.sessions {
        sign_in(world, 0, session).await;
    }
}

/// People sign in and out, and an administrator revokes what they have.
pub(crate) async fn live(world: Arc<World>, dice: Dice) {
    // Of these nobody knows whether they are stored.
    let mut uncertain = BTreeSet::new();
    for _ in 0..OCCASIONS {
        sleep(dice.part_of(world.plan.lifetime * 5)).await;
        let place = dice.below(u32::try_from(world.plan.machines).unwrap()) as usize;
        let session = dice.below(u32::try_from(world.plan.sessions).unwrap()) as usize;
        match dice.below(10) {
            0..5 => uncertain.extend(sign_in(&world, place, session).await),
            5..9 => log_out(&world, place, session, &uncertain).await,
            _ => world.truth.facts().revoke_all_of(session),
        }
    }
}

/// Signs in, again if need be. Returns the family if nobody knows whether that came to anything.
async fn sign_in(world: &World, place: usize, session: usize) -> Option<usize> {
    let machine = world.machine(place);
    let (family, tokens) = world.truth.facts().sign_in(session, world.time.passed());
    let granted = signed_in(&tokens, world.plan.lifetime, &machine.clock);
    let handle = machine.session(session);
    for _ in 0..10 {
        if let Ok(Ok(())) = timeout(PATIENCE, handle.sign_in(granted.clone())).await {
            return None;
        }
        sleep(Duration::from_secs(1)).await;
    }
    Some(family)
}

async fn log_out(world: &World, place: usize, session: usize, uncertain: &BTreeSet<usize>) {
    let machine = world.machine(place);
    let mut families = world.truth.facts().families_of(session);
    families.retain(|family| !uncertain.contains(family));
    if let Ok(Ok(_)) = timeout(PATIENCE, machine.session(session).logout()).await {
        world.truth.facts().logged_out(&families, machine.number);
    }
}

/// Clocks are set, and set right again.
pub(crate) async fn set_clocks(world: Arc<World>, dice: Dice) {
    for _ in 0..OCCASIONS {
        sleep(dice.part_of(world.plan.lifetime * 4)).await;
        let place = dice.below(u32::try_from(world.plan.machines).unwrap()) as usize;
        let minutes = i64::from(dice.below(240)) - 120;
        let machine = world.machine(place);
        machine.clock.set_off(minutes * 60_000);
        sleep(dice.part_of(world.plan.lifetime)).await;
        machine.clock.set_off(0);
    }
}

/// Machines freeze, and crash.
pub(crate) async fn wear_out(world: Arc<World>, dice: Dice) {
    for _ in 0..OCCASIONS {
        sleep(dice.part_of(world.plan.lifetime * 4)).await;
        let place = dice.below(u32::try_from(world.plan.machines).unwrap()) as usize;
        if dice.in_hundred(60) {
            world.machine(place).line.freeze(dice.millis(100..60_000));
        } else {
            world.crash(place);
        }
    }
}
