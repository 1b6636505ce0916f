//! Ctrl-C, or a terminal that goes away, without losing a refresh that is under way.

use std::time::Duration;

use oidc_session_manager::SessionManager;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::context::Context;
use crate::failure::Failure;

/// How long a refresh may take to be stored before the user is told what the command is waiting for.
const SILENCE: Duration = Duration::from_secs(2);

/// Does `work`, then waits until `manager` has stored what it began.
///
/// The first signal ends the work, but not a refresh: cut off between the server's answer and the store, it would cost
/// the session. A second Ctrl-C or SIGTERM ends that wait too. A hangup does not: whoever closes a terminal sends two of
/// them, one from the shell and one from the system, and does not mean to insist.
pub(crate) async fn drained<T>(
    context: &Context,
    manager: &SessionManager,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let result = tokio::select! {
        // First, so that it listens before the work begins.
        biased;
        () = interrupted() => Err(Failure::failed("interrupted").reason("interrupted")),
        result = work => result,
    };
    let drained = async {
        if timeout(SILENCE, manager.drain()).await.is_err() {
            context.output.note("waiting until the refresh under way is stored; Ctrl-C gives it up");
            manager.drain().await;
        }
    };
    tokio::select! {
        () = drained => {}
        () = told_to_end() => {}
    }
    result
}

/// Waits for whatever asks a program to end: Ctrl-C, SIGTERM, or that its terminal goes away.
pub(crate) async fn interrupted() {
    tokio::select! {
        () = told_to_end() => {}
        () = hung_up() => {}
    }
}

/// Waits for Ctrl-C or SIGTERM.
#[cfg(unix)]
async fn told_to_end() {
    tokio::select! {
        () = ctrl_c() => {}
        () = signalled(SignalKind::terminate()) => {}
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
async fn told_to_end() {
    ctrl_c().await;
}

/// Waits for the terminal to go away.
#[cfg(unix)]
async fn hung_up() {
    if ignores_hangups() {
        std::future::pending().await
    }
    signalled(SignalKind::hangup()).await;
}

/// Waits for the console window to be closed, or for Windows to shut down.
#[cfg(windows)]
async fn hung_up() {
    use tokio::signal::windows::{ctrl_close, ctrl_shutdown};

    let (Ok(mut closed), Ok(mut shut_down)) = (ctrl_close(), ctrl_shutdown()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = closed.recv() => {}
        _ = shut_down.recv() => {}
    }
}

#[cfg(not(any(unix, windows)))]
async fn hung_up() {
    std::future::pending().await
}

/// Whether `nohup` has asked us to outlive the terminal. To listen for hangups would undo that.
///
/// Only Linux tells.
#[cfg(unix)]
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // One bit for each signal, from 1 on. SIGHUP is 1.
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

#[cfg(unix)]
async fn signalled(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        // Without a handler the signal ends the process by itself.
        Err(_) => std::future::pending().await,
    }
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        // As above.
        std::future::pending::<()>().await;
    }
}
