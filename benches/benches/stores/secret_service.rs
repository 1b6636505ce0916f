//! A secret service of this run's own.

use std::env;
use std::process::{Command, ExitCode};

use oidc_session_test_servers::SecretService;

/// Tells a process that it was started by another one of this program, with a secret service.
const STARTED: &str = "OIDC_SESSION_BENCH_SECRET_SERVICE";

/// Starts a secret service and this program again under it, and returns with what to exit. `None` in the program that
/// was so started, and where there is no secret service.
///
/// A process finds its secret service through its environment, which it cannot safely change. The home folder stays the
/// user's, for cargo, which Criterion asks where to write: the store is told another place for its lock.
pub(crate) fn run_under_one() -> Option<ExitCode> {
    if env::var_os(STARTED).is_some() || !SecretService::is_installed() {
        return None;
    }
    let code = SecretService::start().and_then(|service| {
        let environment = service.env().into_iter().filter(|(name, _)| *name != "HOME");
        let mut again = Command::new(env::current_exe()?);
        let status = again.args(env::args_os().skip(1)).envs(environment).env(STARTED, "1").status()?;
        Ok(status.code().and_then(|code| u8::try_from(code).ok()))
    });
    Some(match code {
        Ok(code) => code.map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("error: no secret service: {error}");
            ExitCode::FAILURE
        }
    })
}
