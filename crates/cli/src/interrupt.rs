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
    let result = unless_interrupted(work).await;
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

/// Does `work`, unless it is interrupted: for work that leaves nothing behind.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        biased;
        () = interrupted() => Err(Failure::failed("interrupted").reason("interrupted")),
        result = work => result,
    }
}

/// Waits for whatever asks a program to end: Ctrl-C, SIGTERM, or that its terminal goes away. Listens from this call on.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    let (told_to_end, hung_up) = (told_to_end(), hung_up());
    async move {
        tokio::select! {
            () = told_to_end => {}
            () = hung_up => {}
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
#[cfg(unix)]
fn told_to_end() -> impl Future<Output = ()> {
    let (ctrl_c, terminated) = (signalled(SignalKind::interrupt()), signalled(SignalKind::terminate()));
    async move {
        tokio::select! {
            () = ctrl_c => {}
            () = terminated => {}
        }
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
async fn told_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler it ends the process by itself.
        std::future::pending::<()>().await;
    }
}

/// Waits for the terminal to go away.
#[cfg(unix)]
fn hung_up() -> impl Future<Output = ()> {
    let hung_up = (!ignores_hangups()).then(|| signalled(SignalKind::hangup()));
    async move {
        match hung_up {
            Some(hung_up) => hung_up.await,
            None => std::future::pending().await,
        }
    }
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
fn signalled(kind: SignalKind) -> impl Future<Output = ()> {
    let signals = signal(kind);
    async move {
        match signals {
            Ok(mut signals) => {
                signals.recv().await;
            }
            // Without a handler the signal ends the process by itself.
            Err(_) => std::future::pending().await,
        }
    }
}
