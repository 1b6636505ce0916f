//! The shipped manager, simulated: many callers on several machines over one store and one authorization server with
//! rotation and reuse detection, while requests and answers are lost or late, machines freeze and crash, clocks are set,
//! and people sign in and out. Time is the runtime's, so hours pass in milliseconds, and everything follows from a seed.
//!
//! ```text
//! OIDC_SESSION_SEEDS=20000 cargo test -p oidc-session-manager --test simulation         # more seeds
//! OIDC_SESSION_SEED=4711 cargo test -p oidc-session-manager --test simulation           # this one again
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod caller;
mod dice;
mod line;
mod outages;
mod people;
mod plan;
mod run;
mod server;
mod store;
mod time;
mod truth;
mod world;

use std::ops::Range;
use std::time::Duration;

use plan::{Mutant, Weather};
use run::{Run, run};

/// Longer than a run takes: within it, no answer that is lost is lost for good.
const WINDOW: Option<Duration> = Some(Duration::from_secs(30 * 86_400));

/// Runs the seeds that were asked for, or so many; fails with the first that breaks a promise, and says how to repeat it.
fn hold(weather: Weather, reuse_window: Option<Duration>, count: u64) {
    let (mut grants, mut lost) = (0, 0);
    for seed in seeds(count) {
        let Run { violations, plan, .. } = {
            let run = run(seed, weather, reuse_window, None);
            (grants, lost) = (grants + run.grants, lost + run.lost);
            run
        };
        assert!(violations.is_empty(), "seed {seed}: {violations:#?}\n{plan:#?}\nagain: OIDC_SESSION_SEED={seed}");
    }
    println!("{weather:?}, reuse window {reuse_window:?}: {grants} grants, {lost} sessions lost as no client can help");
}

fn seeds(count: u64) -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("OIDC_SESSION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("OIDC_SESSION_SEEDS").unwrap_or(count),
    }
}

#[test]
fn in_fair_weather_no_token_is_presented_twice_and_no_session_is_lost() {
    hold(Weather::Fair, None, 600);
}

#[test]
fn in_foul_weather_nothing_is_lost_that_a_client_can_keep() {
    hold(Weather::Foul, None, 600);
}

#[test]
fn in_foul_weather_a_reuse_window_keeps_every_session() {
    hold(Weather::Foul, WINDOW, 600);
}

#[test]
fn an_outage_of_the_store_loses_no_session() {
    hold(Weather::Outages, None, 600);
}

/// Where programs also refresh outright, it is the runtime that chooses who of those that wake at one instant goes first.
#[test]
fn a_run_is_the_same_every_time() {
    for seed in 0..100 {
        let [first, second] = [(); 2].map(|()| run(seed, Weather::Foul, WINDOW, None));
        let is_same = (first.grants, first.lost) == (second.grants, second.lost);
        assert!(is_same || first.plan.forces, "seed {seed}");
    }
}

/// The first of a hundred seeds that misses the safeguard.
fn is_missed(mutant: Mutant, weather: Weather, reuse_window: Option<Duration>) {
    let missed =
        (0..100).map(|seed| run(seed, weather, reuse_window, Some(mutant))).find(|run| !run.violations.is_empty());
    let missed = missed.unwrap_or_else(|| panic!("nobody missed it: {mutant:?}"));
    println!("{mutant:?}: {}", missed.violations[0]);
}

#[test]
fn a_store_that_does_not_compare_is_found_out() {
    is_missed(Mutant::NoCompareAndSet, Weather::Foul, WINDOW);
}

#[test]
fn a_lease_for_everybody_is_found_out() {
    is_missed(Mutant::LeaseForAll, Weather::Fair, None);
}
