//! `cargo xtask model`: every interleaving of the protocol, as far as patience goes.

use crate::Result;
use crate::command_line::CommandLine;

/// What the tests understand as "all of it".
const FULL: (&str, &str) = ("OIDC_SESSION_MODEL", "full");

/// Explores what the ordinary tests explore, with more faults and more occasions; fails if a promise is broken.
pub(crate) fn task() -> Result {
    println!("Each line comes with the number of states, when all of them have been explored. This takes its time.\n");
    // One after another: each takes all there is.
    let model = CommandLine::cargo(["test", "--quiet", "-p", "oidc-session-policy", "--test", "model", "--"]);
    model.args(["--nocapture", "--test-threads=1"]).env(FULL.0, FULL.1).run()
}
