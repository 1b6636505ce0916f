//! Shows that the promises hold while everything goes wrong: real processes over each store that processes can share,
//! killed, stopped for longer than their leases, cut off from the store, and refused by the authorization server.
//!
//! ```sh
//! cargo xtask chaos                                         # a minute on each store
//! cargo xtask chaos --together --seconds 20 --sessions 20   # a short look
//! ```
//!
//! | Part | What it is |
//! |---|---|
//! | run, troubles | one store, and what goes wrong |
//! | ground, blockade, crew, desk | the store and its networks; who keeps it busy; the processes; who signs in |
//! | worker, watched, home | what a process does, and says of its refreshes |
//! | chronicle, spans, trial | everything that happened; from when to when; what it proves |
//!
//! Start at `trial.rs`, which says what counts as what.

mod blockade;
mod chronicle;
mod crew;
mod desk;
mod dice;
mod ground;
mod home;
mod line;
mod options;
mod run;
mod spans;
mod table;
mod trial;
mod watched;
pub(crate) mod worker;

use std::time::Duration;

use clap::Parser as _;
use futures_util::future::join_all;

use self::line::now;
use self::options::{Kind, Options};
use self::run::Outcome;
use self::table::Table;
use crate::Result;
use crate::report::{Times, millis};

/// How many violations are told at length.
const MOST_TOLD: usize = 12;

/// Runs what the arguments ask for, on one store after another.
pub(crate) async fn run(arguments: impl Iterator<Item = String>) -> Result {
    let options = Options::parse_from(std::iter::once("oidc-session-fleet chaos".to_owned()).chain(arguments));
    if options.processes < 2 || options.sessions == 0 {
        return Err("chaos takes two processes and one session, or more".into());
    }
    let seed = options.seed.unwrap_or(now().unsigned_abs());
    println!("seed {seed}");
    let stores = if options.stores.is_empty() { Kind::ALL.to_vec() } else { options.stores.clone() };
    let runs: Vec<_> = stores.into_iter().flat_map(|kind| [(kind, false), (kind, true)]).collect();
    let (mut outcomes, mut broken_off) = (Vec::new(), Ok(()));
    for some in runs.chunks(if options.together { runs.len() } else { 1 }) {
        let some = some.iter().map(|&(kind, window)| {
            println!("{} for {} s", title(kind, window), options.seconds_of_a_run());
            run::run(kind, window, &options, seed)
        });
        for (outcome, (kind, window)) in join_all(some).await.into_iter().zip(&runs[outcomes.len()..]) {
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => broken_off = Err(format!("{}: {error}", title(*kind, *window)).into()),
            }
        }
        if broken_off.is_err() {
            break;
        }
    }
    println!("\n{}", table(&outcomes));
    tell_violations(&outcomes, seed).and(broken_off)?;
    let idle = outcomes.iter().find(|outcome| outcome.trial.grants == 0);
    idle.map_or(Ok(()), |idle| {
        Err(format!("{}: nothing was refreshed; take more seconds", title(idle.kind, idle.window)).into())
    })
}

fn title(kind: Kind, window: bool) -> String {
    format!("{}{}", kind.name(), if window { ", window" } else { "" })
}

fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::with_columns(outcomes.iter().map(|outcome| title(outcome.kind, outcome.window)).collect());
    let mut row = |name: &str, figure: &dyn Fn(&Outcome) -> String| table.row(name, outcomes.iter().map(figure));
    row("grants", &|outcome| outcome.trial.grants.to_string());
    row("tokens served", &|outcome| outcome.trial.tokens.to_string());
    row("calls without a token", &|outcome| outcome.trial.refusals.to_string());
    row("repeats: journaled", &|outcome| outcome.trial.repeats.journaled.to_string());
    row("repeats: in the window", &|outcome| outcome.trial.repeats.in_window.to_string());
    row("repeats: others (0)", &|outcome| outcome.trial.repeats.others.len().to_string());
    for cause in ["answer lost", "killed", "stopped", "cut off", "outage"] {
        let count = move |outcome: &Outcome| outcome.trial.losses.unavoidable.get(cause).copied().unwrap_or_default();
        row(&format!("lost: {cause}"), &|outcome| count(outcome).to_string());
    }
    row("lost: others (0)", &|outcome| outcome.trial.losses.others.len().to_string());
    row("stale tokens (0)", &|outcome| outcome.trial.stale.len().to_string());
    row("after the end (0)", &|outcome| outcome.trial.after_end.len().to_string());
    row("strange (0)", &|outcome| outcome.trial.strange.len().to_string());
    row("stuck in the end (0)", &|outcome| outcome.stuck.len().to_string());
    row("recovery: cases", &|outcome| outcome.trial.recoveries.len().to_string());
    row("recovery: median", &|outcome| recovery(outcome, Times::median));
    row("recovery: p99", &|outcome| recovery(outcome, Times::p99));
    row("recovery: longest", &|outcome| recovery(outcome, Times::longest));
    row("kills", &|outcome| outcome.deeds.kills.to_string());
    row("stops", &|outcome| outcome.deeds.stops.to_string());
    row("outages of the store", &|outcome| outcome.deeds.outages.to_string());
    row("faults of the server", &|outcome| outcome.deeds.faults.to_string());
    row("logouts", &|outcome| outcome.deeds.logouts.to_string());
    table
}

fn recovery(outcome: &Outcome, of: impl Fn(&Times) -> Duration) -> String {
    millis(of(&Times::of(outcome.trial.recoveries.clone())))
}

fn tell_violations(outcomes: &[Outcome], seed: u64) -> Result {
    let mut count = 0;
    for outcome in outcomes {
        for (name, what) in outcome.trial.violations() {
            count += 1;
            if count <= MOST_TOLD {
                println!("{} [{name}] {what}", title(outcome.kind, outcome.window));
            }
        }
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.stuck.is_empty()) {
        count += outcome.stuck.len();
        println!("{} [stuck] {}", title(outcome.kind, outcome.window), outcome.stuck.join("; "));
    }
    crate::ensure(count == 0, || format!("{count} things happened that must not; the seed is {seed}"))
}
