//! Explores every interleaving of two processes that run the shipped protocol against a store and an authorization
//! server, with every fault at every step, and checks the promises in each state.
//!
//! Each mutant takes one safeguard away and must be found out.

mod choice;
mod faults;
mod hands;
mod promises;
mod server;
mod store;
mod world;

use stateright::{Checker, Model, Property};

use choice::Choice;
use world::{Breach, Mutant, Setting, World};

const SOUND: Setting =
    Setting { faults: 2, occasions: 1, reuse_window: false, due: false, forced: false, mutant: None };

impl Model for Setting {
    type State = World;
    type Action = Choice;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(*self)]
    }

    fn actions(&self, world: &World, choices: &mut Vec<Choice>) {
        world.choices(choices);
    }

    fn next_state(&self, world: &World, choice: Choice) -> Option<World> {
        let mut next = world.clone();
        next.take(choice);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no refresh token is presented twice but as a journaled repeat", |_, world: &World| {
                !world.breaches(Breach::PresentedTwice)
            }),
            Property::always("no living session is ended without a verdict or a logout", |_, world: &World| {
                !world.breaches(Breach::LivingSessionEnded)
            }),
            Property::always("no session is lost without an unavoidable fault", |_, world: &World| {
                !world.breaches(Breach::SessionLost)
            }),
            Property::always("a tombstone is never overwritten by a refresh", |_, world: &World| {
                !world.breaches(Breach::TombstoneOverwritten)
            }),
            Property::always("a newer sign-in is never overwritten by an older refresh", |_, world: &World| {
                !world.breaches(Breach::SignInOverwritten)
            }),
            Property::always("no access token is served before it is committed", |_, world: &World| {
                !world.breaches(Breach::ServedUncommitted)
            }),
            Property::always("nothing is refreshed that somebody else has just refreshed", |_, world: &World| {
                !world.breaches(Breach::RefreshedInVain)
            }),
            Property::always("what a refresh got after a logout is revoked", |_, world: &World| {
                world.logout_is_final()
            }),
            Property::always("once faults stop, the session is fresh or honestly ended", |_, world: &World| {
                world.recovers()
            }),
            Property::sometimes("a session is refreshed", |_, world: &World| world.refreshed()),
            Property::sometimes("a process adopts what another refreshed", |_, world: &World| world.adopted()),
        ]
    }
}

fn explore(setting: Setting) -> impl Checker<Setting> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    setting.checker().threads(threads).spawn_bfs().join()
}

fn holds(name: &str, setting: Setting) {
    let checker = explore(setting);
    println!("{name}: {} states, {} transitions", checker.unique_state_count(), checker.state_count());
    checker.assert_properties();
    assert!(checker.is_done(), "{name}: not every state was explored");
}

fn is_found_out(mutant: Mutant, promise: &'static str) {
    let checker = explore(Setting { mutant: Some(mutant), ..SOUND });
    let path = checker.discovery(promise).unwrap_or_else(|| panic!("{mutant:?} went unnoticed"));
    println!("{mutant:?} breaks «{promise}» after {} steps", path.into_actions().len());
}

#[test]
fn the_protocol_keeps_its_promises_when_the_access_token_has_expired() {
    holds("expired", SOUND);
}

#[test]
fn the_protocol_keeps_its_promises_when_the_access_token_is_due() {
    holds("due", Setting { due: true, ..SOUND });
}

#[test]
fn the_protocol_keeps_its_promises_with_a_reuse_window() {
    holds("reuse window", Setting { reuse_window: true, ..SOUND });
}

#[test]
fn the_protocol_keeps_its_promises_when_more_than_one_thing_happens() {
    holds("two occasions", Setting { faults: 1, occasions: 2, ..SOUND });
}

#[test]
fn the_protocol_keeps_its_promises_when_a_refresh_is_forced() {
    holds("forced", Setting { due: true, forced: true, ..SOUND });
}

#[test]
fn without_the_reread_under_the_lease_a_refresh_token_is_presented_twice() {
    is_found_out(Mutant::NoReread, "no refresh token is presented twice but as a journaled repeat");
}

#[test]
fn without_the_compare_and_set_a_tombstone_is_overwritten() {
    is_found_out(Mutant::NoCompareAndSet, "a tombstone is never overwritten by a refresh");
}

#[test]
fn without_the_compare_and_set_a_newer_sign_in_is_overwritten() {
    is_found_out(Mutant::NoCompareAndSet, "a newer sign-in is never overwritten by an older refresh");
}

#[test]
fn publishing_before_the_commit_serves_what_was_never_stored() {
    is_found_out(Mutant::PublishBeforeCommit, "no access token is served before it is committed");
}
