//! `cargo xtask fleet`: real processes over Redis and PostgreSQL.

use crate::Result;
use crate::command_line::CommandLine;
use crate::test_servers::missing_for_the_fleet;
use crate::workspace;

const FLEET: &str = "oidc-session-fleet";

/// The web server that it starts.
const WEB_SERVER: &str = "oidc-session-example-load-balanced";

/// Shows everything on both backends; fails if one is not installed.
pub(crate) fn task() -> Result {
    match missing_for_the_fleet().first() {
        None => run(),
        Some(need) => Err(need.demanded().into()),
    }
}

/// Shows everything on the backends that are installed.
pub(crate) fn run() -> Result {
    let missing = missing_for_the_fleet();
    let mut installed =
        ["redis", "postgres"].into_iter().filter(|name| !missing.iter().any(|need| need.is_called(name)));
    let fleet = CommandLine::new(&workspace::build(&[FLEET, WEB_SERVER])?.join(FLEET).to_string_lossy(), []);
    installed.try_for_each(|name| fleet.clone().args([name]).run())
}
