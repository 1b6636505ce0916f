//! How many instructions there may be.

use std::process::ExitCode;

use oidc_session_benches::{Measurements, Row, Unit};

use crate::tracer::{self, Failure};

/// What a question may cost.
struct Bound {
    question: &'static str,
    floor: &'static str,
    /// So many times what its floor takes in the same build.
    ratio: f64,
    /// On x86-64, whatever the floor takes.
    most: f64,
}

const FLOORS: [&str; 3] = ["check/floor", "header/floor", "by_id/floor"];

/// A quarter above what was counted last: any line may change what the compiler inlines. Lower them with the counts; raise
/// one only together with the reason.
const BOUNDS: [Bound; 4] = [
    Bound { question: "check/is_fresh", floor: "check/floor", ratio: 0.9, most: 152.0 },
    Bound { question: "header/try_authorization", floor: "header/floor", ratio: 2.1, most: 440.0 },
    Bound { question: "header/authorization", floor: "header/floor", ratio: 2.3, most: 480.0 },
    Bound { question: "by_id/try_authorization", floor: "by_id/floor", ratio: 2.6, most: 470.0 },
];

/// Counts all, prints and keeps the table, and fails if a bound does not hold.
pub(crate) fn check() -> ExitCode {
    match counted() {
        Ok(exceeded) if exceeded.is_empty() => ExitCode::SUCCESS,
        Ok(exceeded) => {
            exceeded.iter().for_each(|exceeded| eprintln!("TOO MANY INSTRUCTIONS: {exceeded}"));
            ExitCode::FAILURE
        }
        Err(Failure::Forbidden) if std::env::var("CI").is_ok_and(|value| value == "true") => {
            eprintln!("nobody may step through a program here, and the merge gate skips nothing: allow ptrace");
            ExitCode::FAILURE
        }
        Err(Failure::Forbidden) => {
            println!("SKIPPED: NO INSTRUCTION WAS COUNTED: nobody may step through a program here (ptrace)");
            ExitCode::SUCCESS
        }
        Err(Failure::Broken(why)) => {
            eprintln!("no instructions were counted: {why}");
            ExitCode::FAILURE
        }
    }
}

fn counted() -> Result<Vec<String>, Failure> {
    let mut table = Measurements::new(
        "instructions",
        "Instructions for a token that is fresh",
        "Exact: the difference of two loops that were stepped through, with the clock page of the kernel.",
    );
    let floors = FLOORS.map(|question| Ok::<_, Failure>((question, tracer::count(question)?)));
    let floors = floors.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (question, count) in &floors {
        table.push(Row::new(*question, *count, Unit::Instructions));
    }
    table.push(Row::new("header/by_hand", tracer::count("header/by_hand")?, Unit::Instructions));
    let mut exceeded = Vec::new();
    for Bound { question, floor, ratio, most } in BOUNDS {
        let count = tracer::count(question)?;
        let floor = floors.iter().find(|(name, _)| *name == floor).map_or(f64::NAN, |(_, count)| *count);
        table.push(Row::new(question, count, Unit::Instructions).against(floor));
        if count > floor * ratio {
            exceeded.push(format!("{question} takes {count}: more than {ratio} times its floor, {floor}"));
        }
        if cfg!(target_arch = "x86_64") && count > most {
            exceeded.push(format!("{question} takes {count}: more than {most}"));
        }
    }
    table.publish()?;
    Ok(exceeded)
}
