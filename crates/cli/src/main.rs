//! The command `oidc-session`. Everything is in the library of this package, where fuzzing reaches it.

use std::process::ExitCode;

fn main() -> ExitCode {
    oidc_session_cli::run()
}
