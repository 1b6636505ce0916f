//! What is run, and where it leaves what it measured.

use std::path::{Path, PathBuf};

use cargo_metadata::{MetadataCommand, Package, TargetKind};

use crate::command_line::CommandLine;
use crate::plan::Plan;
use crate::{Result, workspace};

const OURS: &str = "oidc-session-benches";
const PEERS: &str = "peers";
const PEERS_MANIFEST: &str = "benches/peers/Cargo.toml";

/// The two places where something is measured.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) ours: Place,
    /// Others' crates, in a workspace of their own; `None` if it is not there.
    pub(super) peers: Option<Place>,
}

/// A package that measures.
#[derive(Debug)]
pub(super) struct Place {
    /// Its target folder.
    pub(super) target: PathBuf,
    benches: Vec<String>,
    /// What measures without being a benchmark to cargo.
    programs: Vec<String>,
}

/// Finds both by asking cargo. `peers_target` is where others' crates are built, if not where cargo says.
pub(super) fn places(peers_target: Option<&Path>) -> Result<Places> {
    let metadata = workspace::metadata()?;
    let ours = place(workspace::member(&metadata, OURS)?, metadata.target_directory.as_std_path());
    let peers = peers(&ours.target, peers_target)?;
    Ok(Places { ours, peers })
}

fn peers(ours: &Path, asked: Option<&Path>) -> Result<Option<Place>> {
    let manifest = workspace::root()?.join(PEERS_MANIFEST);
    if !manifest.is_file() {
        return Ok(None);
    }
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
    let target = peers_target(ours, asked, metadata.target_directory.as_std_path())?;
    let package = metadata.packages.first().ok_or("the peers' workspace has no package")?;
    Ok(Some(place(package, &target)))
}

/// Both measure groups of the same names, so they may not share a folder.
fn peers_target(ours: &Path, asked: Option<&Path>, own: &Path) -> Result<PathBuf> {
    let target = match asked {
        Some(asked) => std::path::absolute(asked)?,
        None if own == ours => ours.join(PEERS),
        None => own.to_owned(),
    };
    if target == ours {
        return Err(format!("{} is our own target folder: figures would overwrite each other", ours.display()).into());
    }
    Ok(target)
}

fn place(package: &Package, target: &Path) -> Place {
    let names = |kind: TargetKind| {
        package.targets.iter().filter(move |target| target.kind.contains(&kind)).map(|target| target.name.clone())
    };
    Place {
        target: target.to_owned(),
        benches: names(TargetKind::Bench).collect(),
        programs: names(TargetKind::Bin).collect(),
    }
}

/// Runs every benchmark, or those in `only`; stops at the first that fails.
pub(super) fn run(places: &Places, only: &[String], quick: bool) -> Result {
    let Place { benches, programs, .. } = &places.ours;
    let known: Vec<&str> = benches.iter().chain(programs).map(String::as_str).chain([PEERS]).collect();
    if let Some(name) = only.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no benchmark `{name}`; there are {}", known.join(", ")).into());
    }
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let mut plan = Plan::new();
    for name in benches.iter().filter(|name| is_wanted(name)) {
        let command = CommandLine::cargo(["bench", "--package", OURS, "--bench", name]);
        plan = plan.command(name.as_str(), quickly(command, quick));
    }
    for name in programs.iter().filter(|name| is_wanted(name)) {
        let command = CommandLine::cargo(["run", "--profile", "bench", "--package", OURS, "--bin", name]);
        plan = plan.command(name.as_str(), command);
    }
    match &places.peers {
        Some(peers) if is_wanted(PEERS) => add_peers(plan, peers, quick),
        None if only.iter().any(|name| name == PEERS) => return Err(format!("there is no {PEERS_MANIFEST}").into()),
        _ => plan,
    }
    .run()
    .map_err(|error| format!("{error}\n  to write the page without it: cargo xtask bench-report --no-run").into())
}

fn add_peers<'a>(mut plan: Plan<'a>, peers: &Place, quick: bool) -> Plan<'a> {
    let cargo = |command: &str| {
        let line = CommandLine::cargo([command, "--manifest-path", PEERS_MANIFEST]);
        line.env("CARGO_TARGET_DIR", &peers.target.to_string_lossy())
    };
    for name in &peers.benches {
        plan = plan.command(format!("{PEERS}: {name}"), quickly(cargo("bench").args(["--bench", name]), quick));
    }
    for name in &peers.programs {
        plan = plan.command(format!("{PEERS}: {name}"), cargo("run").args(["--profile", "bench", "--bin", name]));
    }
    plan
}

/// With short samples, if `quick`. Benchmarks that are not criterion's take no notice.
fn quickly(command: CommandLine, quick: bool) -> CommandLine {
    if quick { command.args(["--", "--quick"]) } else { command }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_crates_are_never_measured_into_our_folder() {
        let (ours, own) = (Path::new("/target"), Path::new("/peers/target"));
        assert_eq!(peers_target(ours, None, own).unwrap(), own);
        assert_eq!(peers_target(ours, None, ours).unwrap(), Path::new("/target/peers"));
        assert_eq!(peers_target(ours, Some(Path::new("/asked")), own).unwrap(), Path::new("/asked"));
        assert!(peers_target(ours, Some(ours), own).is_err());
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let place = || Place { target: "/target".into(), benches: vec!["storm".into()], programs: Vec::new() };
        let places = Places { ours: place(), peers: None };
        let error = run(&places, &["strom".into()], false).unwrap_err().to_string();
        assert_eq!(error, "there is no benchmark `strom`; there are storm, peers");
        assert!(run(&places, &["peers".into()], false).is_err());
    }
}
