//! Ctrl-C without losing a refresh that is under way.

use std::time::Duration;

use oidc_session_manager::SessionManager;
use tokio::time::timeout;

use crate::context::Context;
use crate::failure::Failure;

/// How long a refresh may take to be stored before the user is told what the command is waiting for.
const SILENCE: Duration = Duration::from_secs(2);

/// Does `work`, then waits until `manager` has stored what it began.
///
/// The first signal ends the work, but not a refresh: cut off between the server's answer and the store, it would cost
/// the session. The second signal ends that wait too.
pub(crate) async fn drained<T>(
    context: &Context,
    manager: &SessionManager,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let result = tokio::select! {
        result = work => result,
        () = interrupted() => Err(Failure::failed("interrupted").reason("interrupted")),
    };
    let drained = async {
        if timeout(SILENCE, manager.drain()).await.is_err() {
            context.output.note("waiting until the refresh under way is stored; Ctrl-C gives it up");
            manager.drain().await;
        }
    };
    tokio::select! {
        () = drained => {}
        () = interrupted() => {}
    }
    result
}

/// Waits for Ctrl-C or SIGTERM.
#[cfg(unix)]
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};

    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = ctrl_c() => {}
        () = terminated => {}
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn interrupted() {
    ctrl_c().await;
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the signal ends the process by itself.
        std::future::pending::<()>().await;
    }
}
