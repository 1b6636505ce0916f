//! Counts the instructions of the hot path, and fails if there are too many.
//!
//! ```text
//! cargo run --profile bench -p oidc-session-benches --bin count_instructions
//! ```
//!
//! Time on a shared machine says little; this count is the same on every run. A copy of this program asks the question so
//! many times, and then twice as many; the other steps it through, one instruction at a time. The difference is what the
//! questions cost, the kernel's clock page included, and nothing else.

#[cfg(target_os = "linux")]
mod bounds;
#[cfg(target_os = "linux")]
mod questions;
#[cfg(target_os = "linux")]
mod tracer;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] if cfg!(debug_assertions) => {
            eprintln!("the instructions of an unoptimised build mean nothing: run with --profile bench");
            ExitCode::FAILURE
        }
        [] => bounds::check(),
        [tracer::TRACED, question] => questions::be_asked(question),
        _ => {
            eprintln!("count_instructions takes no arguments");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("SKIPPED: instructions are counted on Linux only");
    ExitCode::SUCCESS
}
