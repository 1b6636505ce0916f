//! `cargo xtask fuzz`: random input for whatever reads what comes from outside.

mod report;

use std::fs;
use std::path::Path;

use self::report::{Report, table};
use crate::command_line::CommandLine;
use crate::{Result, workspace};

const TARGETS: &str = "fuzz/fuzz_targets";

/// Shown below the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask fuzz                              every target, 5 minutes each
  cargo xtask fuzz --seconds 30                 a quick look at all of them
  cargo xtask fuzz --seconds 3600 record        one target for an hour
  cargo +nightly fuzz run record fuzz/artifacts/record/crash-…   one finding again

A target begins with fuzz/seeds/TARGET and with what earlier runs left in fuzz/corpus/TARGET. A finding is fixed first,
then kept as fuzz/seeds/TARGET/found-WHAT: the ordinary tests read every seed.";

/// What `cargo xtask fuzz` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each target runs.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// The targets to run, by the names of the files in fuzz/fuzz_targets; all of them if none is named.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

/// Runs the targets one after another, to the last even if one of them finds something; fails if one did.
pub(crate) fn task(options: &Options) -> Result {
    let all = targets()?;
    let chosen = chosen(&all, &options.targets)?;
    check_tools()?;
    CommandLine::cargo(["+nightly", "fuzz", "build"]).run()?;
    let mut reports = Vec::new();
    for (index, target) in chosen.iter().enumerate() {
        println!("\n[{}/{}] {target}, {} s", index + 1, chosen.len(), options.seconds);
        reports.push(run(target, options.seconds)?);
    }
    println!("\n{}", table(&reports));
    let again: Vec<String> = reports.iter().filter_map(Report::replay).map(|line| format!("  {line}")).collect();
    if again.is_empty() {
        Ok(())
    } else {
        Err(format!("something was found; to see it again:\n{}", again.join("\n")).into())
    }
}

fn run(target: &str, seconds: u32) -> Result<Report> {
    let corpus = format!("fuzz/corpus/{target}");
    fs::create_dir_all(workspace::root()?.join(&corpus))?;
    let run = CommandLine::cargo(["+nightly", "fuzz", "run", target, &corpus]);
    let run = run.args([format!("fuzz/seeds/{target}")]).args(["--", "-print_final_stats=1", "-timeout=10"]);
    let run = run.args([format!("-max_total_time={seconds}")]);
    println!("  {run}");
    let (lines, outcome) = run.run_and_listen_for(|line| !is_chatter(line));
    match (Report::of(target, &lines), outcome) {
        // It ends with a failure where it has found something, too.
        (Some(report), Ok(())) => Ok(report),
        (Some(report), Err(_)) if report.finding.is_some() => Ok(report),
        (_, Err(error)) => Err(error),
        (None, Ok(())) => Err(format!("`{run}` does not say what it did").into()),
    }
}

/// Each input that is new has a line of its own, thousands of them. Those that tell how far it has come remain.
fn is_chatter(line: &str) -> bool {
    let is_numbered = line.starts_with('#') && line.contains("cov:");
    (is_numbered && !["pulse", "INITED", "DONE"].iter().any(|word| line.contains(word)))
        || line.starts_with("\tNEW_FUNC")
}

/// The names of the targets, in order.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(workspace::root()?.join(TARGETS))? {
        let file = file?.file_name();
        names.extend(Path::new(&file).file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn chosen<'a>(all: &'a [String], asked: &'a [String]) -> Result<&'a [String]> {
    match asked.iter().find(|target| !all.contains(target)) {
        Some(unknown) => Err(format!("there is no target {unknown:?}; there are {}", all.join(", ")).into()),
        None if asked.is_empty() => Ok(all),
        None => Ok(asked),
    }
}

fn check_tools() -> Result {
    for (tool, shows, install) in [
        ("nightly Rust", &["+nightly", "--version"][..], "rustup toolchain install nightly"),
        ("cargo-fuzz", &["+nightly", "fuzz", "--version"][..], "cargo install cargo-fuzz --locked"),
    ] {
        if !CommandLine::cargo([]).args(shows.iter().copied()).succeeds() {
            return Err(format!("{tool} is not installed. To have it: {install}").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_is_one_of_the_package() {
        let root = workspace::root().unwrap();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        assert!(targets.len() > 5, "{targets:?}");
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
            assert!(fs::read_dir(root.join("fuzz/seeds").join(&target)).unwrap().count() > 0, "{target}");
        }
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let all = ["a", "b"].map(str::to_owned);
        assert_eq!(chosen(&all, &[]).unwrap(), all);
        assert_eq!(chosen(&all, &all[1..]).unwrap(), ["b"]);
        let error = chosen(&all, &["c".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "there is no target \"c\"; there are a, b");
    }

    #[test]
    fn new_inputs_are_not_told() {
        assert!(is_chatter("#2191\tREDUCE cov: 3 ft: 3 corp: 2/3b lim: 25 exec/s: 0 rss: 38Mb"));
        assert!(is_chatter("\tNEW_FUNC[1/2]: 0x55 in f"));
        for line in [
            "#2048\tpulse  cov: 3 ft: 3",
            "#1\tINITED cov: 3 ft: 3",
            "#9\tDONE   cov: 3 ft: 3",
            "panicked at x",
            "#0: f",
        ] {
            assert!(!is_chatter(line), "{line}");
        }
    }
}
