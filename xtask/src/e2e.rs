//! `cargo xtask e2e`: the built command as its users run it, and a program that uses the library.
//!
//! Against a third-party OpenID provider (`foreign`, `program`, `web_site`), against emulators of vendors (`emulators`), and against
//! our own `dev-server` for what only that can show (`storm`, `crash`). Everything runs on loopback, every wait is bounded, every process ends with this one.

mod browser;
mod checks;
mod cli;
mod crash;
mod dev_server;
mod emulators;
mod foreign;
mod http;
pub(crate) mod launcher;
pub(crate) mod node;
pub(crate) mod process;
mod program;
mod provider;
mod secrecy;
mod session;
mod storm;
mod vendor_session;
mod web_site;

use std::fs;
use std::path::{Path, PathBuf};

use checks::Checks;
use cli::Cli;
use program::Program;
use provider::Provider;

use crate::{Result, test, workspace};

/// What to do on a machine where node is missing and cannot be installed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WithoutNode {
    /// Say so, and run the rest.
    Skip,
    /// Fail.
    Fail,
}

impl WithoutNode {
    /// A laptop may do without the foreign provider; the merge gate may not.
    pub(crate) fn for_tests() -> Self {
        if test::is_merge_gate() { Self::Fail } else { Self::Skip }
    }
}

/// Runs everything.
pub(crate) fn task() -> Result {
    run(WithoutNode::Fail)
}

/// Runs everything, or, if `without_node` allows it, everything that needs no node.
pub(crate) fn run(without_node: WithoutNode) -> Result {
    let programs = workspace::build(&["oidc-session", Program::PACKAGE, web_site::PACKAGE])?;
    let target = PathBuf::from(workspace::metadata()?.target_directory);
    let program = Program::new(programs.join(Program::PACKAGE));
    let folder = target.join("e2e").join(format!("run-{}", std::process::id()));
    fs::create_dir_all(&folder)?;

    let cli = Cli::new(programs.join("oidc-session"), folder.clone());
    let mut checks = Checks::new();
    let web_server = programs.join(web_site::PACKAGE);
    let outcome = check_everything(&cli, &program, &web_server, &mut checks, &target.join("e2e"), without_node);
    if outcome.is_ok() {
        fs::remove_dir_all(&folder)?;
    } else {
        let transcript = folder.join("transcript.log");
        fs::write(&transcript, cli.transcript().to_string())?;
        eprintln!("\nWhat every command wrote (tokens left out): {}", transcript.display());
    }
    outcome?;
    println!("\nend to end: {checks}");
    Ok(())
}

fn check_everything(
    cli: &Cli,
    program: &Program,
    web_server: &Path,
    checks: &mut Checks,
    servers: &Path,
    without_node: WithoutNode,
) -> Result {
    let issued = foreign_servers(cli, program, web_server, checks, servers, without_node)?;

    checks.section("fifty processes, one SQLite file (dev-server: rotation, reuse detection, 100 ms latency)");
    storm::check(cli, checks)?;

    checks.section("kill -9 while holding the lease, before the request is sent");
    crash::check(cli, checks)?;

    checks.section("secrets");
    secrecy::check(cli, checks, &issued)
}

/// Checks against servers of others, installed in folders of `target`; returns every secret the provider issued.
fn foreign_servers(
    cli: &Cli,
    program: &Program,
    web_server: &Path,
    checks: &mut Checks,
    target: &Path,
    without_node: WithoutNode,
) -> Result<Vec<String>> {
    let node = match (node::find_or_install(), without_node) {
        (Ok(node), _) => node,
        (Err(missing), WithoutNode::Fail) => return Err(missing),
        (Err(missing), WithoutNode::Skip) => {
            println!("\nSKIPPED: the checks against a real OpenID provider and against emulators. {missing}");
            return Ok(Vec::new());
        }
    };
    let provider = Provider::start(&node, target, cli::SECRET)?;
    checks.section("a real OpenID provider (npm oidc-provider: rotation, reuse detection)");
    foreign::check(cli, checks, &provider)?;
    checks.check("it behaves as is written of it", || provider::check_conversation(&node, target, cli::SECRET))?;
    checks.section("the library against it");
    program.check(cli, checks, "oidc-provider", provider.announced())?;
    program.check(cli, checks, "oidc-provider, later", provider.announced())?;
    checks.section("a web site with two processes on Redis, behind a load balancer");
    let of_the_visitor = web_site::check(web_server, cli, checks, &provider)?;
    let mut issued = provider.issued()?;
    issued.extend(of_the_visitor);
    match (node.is_recent(), without_node) {
        (Ok(()), _) => issued.extend(emulators::check(&node, target, cli, program, checks)?),
        (Err(old), WithoutNode::Fail) => return Err(old),
        (Err(old), WithoutNode::Skip) => println!("\nSKIPPED: the checks against emulators. {old}"),
    }
    Ok(issued)
}
