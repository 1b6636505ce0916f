//! Explores every interleaving of two or three processes that run the shipped protocol against a store and an authorization
//! server, with every fault at every step, and checks the promises in each state.
//!
//! Each mutant takes one safeguard away and must be found out.

mod choice;
mod faults;
mod hands;
mod promises;
mod server;
mod setting;
mod store;
mod world;

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model, Property};

use choice::Choice;
use promises::Breach;
use setting::{Mutant, Setting};
use world::World;

const SOUND: Setting = Setting {
    processes: 2,
    flights: 1,
    faults: 2,
    occasions: 1,
    in_all: 3,
    rotates: true,
    reuse_window: false,
    clocks: false,
    due: false,
    forced: false,
    further: false,
    mutant: None,
};

/// With two targets each process has a grant of its own to get, so less may happen for a space of the same size.
const TWO_TARGETS: Setting = Setting { occasions: 2, in_all: 2, further: true, ..SOUND };

/// Three processes, where so much less may happen.
const THREE: Setting = Setting { processes: 3, faults: 1, occasions: 1, in_all: 1, ..SOUND };

const THREE_UNLUCKY: Setting = Setting { faults: 2, in_all: 2, ..THREE };

/// Faults and occasions together, where each of them is rarer elsewhere.
const MORE: Setting = Setting { occasions: 1, in_all: 3, ..TWO_TARGETS };

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
            Property::always("a commit loses no newer token of any target", |_, world: &World| {
                !world.breaches(Breach::NewerTokenLost)
            }),
            Property::always("whoever wants a token for a target gets one for it", |_, world: &World| {
                !world.breaches(Breach::WrongToken)
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

/// `cargo xtask model` has the patience that the ordinary tests have not.
fn is_full() -> bool {
    std::env::var("OIDC_SESSION_MODEL").is_ok_and(|model| model == "full")
}

fn explore(setting: Setting, until: HasDiscoveries) -> impl Checker<Setting> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    setting.checker().threads(threads).finish_when(until).spawn_bfs().join()
}

#[expect(clippy::disallowed_methods, reason = "how long it took is for whoever reads the output")]
fn holds(name: &str, setting: Setting) {
    let begun = Instant::now();
    let checker = explore(setting, HasDiscoveries::AnyFailures);
    let (states, transitions, took) = (checker.unique_state_count(), checker.state_count(), begun.elapsed());
    println!("{name}: {states} states, {transitions} transitions, {:.1} s", took.as_secs_f64());
    checker.assert_properties();
    assert!(checker.is_done(), "{name}: not every state was explored");
}

fn is_found_out(mutant: Mutant, setting: Setting, promise: &'static str) {
    let checker = explore(Setting { mutant: Some(mutant), ..setting }, HasDiscoveries::AllOf([promise].into()));
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
fn the_protocol_keeps_its_promises_over_a_refresh_token_that_stays() {
    holds("no rotation", Setting { rotates: false, ..SOUND });
}

#[test]
fn the_protocol_keeps_its_promises_with_two_targets_over_one_refresh_token() {
    holds("two targets", TWO_TARGETS);
}

#[test]
fn the_protocol_keeps_its_promises_with_two_targets_when_a_refresh_is_forced() {
    holds("two targets, forced", Setting { forced: true, ..TWO_TARGETS });
}

#[test]
fn the_protocol_keeps_its_promises_with_two_targets_over_a_refresh_token_that_stays() {
    holds("two targets, no rotation", Setting { rotates: false, ..TWO_TARGETS });
}

#[test]
fn the_protocol_keeps_its_promises_with_two_targets_when_more_happens() {
    holds("two targets, more", MORE);
}

#[test]
fn the_protocol_keeps_its_promises_with_two_targets_and_force_when_more_happens() {
    holds("two targets, forced, more", Setting { forced: true, ..MORE });
}

#[test]
fn the_protocol_keeps_its_promises_with_two_targets_and_no_rotation_when_more_happens() {
    holds("two targets, no rotation, more", Setting { rotates: false, ..MORE });
}

#[test]
fn the_protocol_keeps_its_promises_when_processes_try_again() {
    for reuse_window in [false, true] {
        holds("trying again", Setting { flights: 2, occasions: 0, in_all: 2, reuse_window, ..SOUND });
    }
}

#[test]
fn the_protocol_keeps_its_promises_when_clocks_are_set() {
    for due in [false, true] {
        holds("clocks", Setting { clocks: true, due, occasions: 0, in_all: 2, ..SOUND });
    }
}

#[test]
fn the_protocol_keeps_its_promises_with_three_processes() {
    three("expired", THREE);
}

#[test]
fn the_protocol_keeps_its_promises_with_three_processes_when_the_access_token_is_due() {
    three("due", Setting { due: true, ..THREE });
}

#[test]
fn the_protocol_keeps_its_promises_with_three_processes_when_a_refresh_is_forced() {
    three("forced", Setting { due: true, forced: true, ..THREE });
}

#[test]
fn the_protocol_keeps_its_promises_with_three_processes_and_a_reuse_window() {
    three("reuse window", Setting { reuse_window: true, ..THREE });
}

#[test]
fn the_protocol_keeps_its_promises_with_three_processes_over_a_refresh_token_that_stays() {
    three("no rotation", Setting { rotates: false, ..THREE });
}

#[test]
fn the_protocol_keeps_its_promises_with_three_processes_and_two_targets() {
    three("two targets", Setting { further: true, ..THREE });
}

fn three(name: &str, setting: Setting) {
    let setting = if is_full() { Setting { faults: 2, in_all: 2, ..setting } } else { setting };
    holds(&format!("three processes, {name}"), setting);
}

#[test]
fn a_lease_that_anybody_ends_loses_the_session() {
    is_found_out(Mutant::AnybodyReleases, THREE_UNLUCKY, "no session is lost without an unavoidable fault");
}

#[test]
fn taking_over_at_once_loses_the_session_of_a_holder_that_could_not_commit() {
    is_found_out(Mutant::NoGrace, SOUND, "no session is lost without an unavoidable fault");
}

#[test]
fn without_the_reread_under_the_lease_a_refresh_token_is_presented_twice() {
    is_found_out(Mutant::NoReread, SOUND, "no refresh token is presented twice but as a journaled repeat");
}

#[test]
fn without_the_compare_and_set_a_tombstone_is_overwritten() {
    is_found_out(Mutant::NoCompareAndSet, SOUND, "a tombstone is never overwritten by a refresh");
}

#[test]
fn without_the_compare_and_set_a_newer_sign_in_is_overwritten() {
    is_found_out(Mutant::NoCompareAndSet, SOUND, "a newer sign-in is never overwritten by an older refresh");
}

#[test]
fn publishing_before_the_commit_serves_what_was_never_stored() {
    is_found_out(Mutant::PublishBeforeCommit, SOUND, "no access token is served before it is committed");
}

#[test]
fn writing_back_the_token_of_another_target_as_it_was_read_first_loses_a_newer_one() {
    for setting in [TWO_TARGETS, Setting { rotates: false, ..TWO_TARGETS }] {
        is_found_out(Mutant::OtherTargetsAsReadFirst, setting, "a commit loses no newer token of any target");
    }
}

#[test]
fn looking_at_the_own_token_for_every_target_serves_the_wrong_one() {
    is_found_out(Mutant::OwnTokenForEveryTarget, TWO_TARGETS, "whoever wants a token for a target gets one for it");
}
