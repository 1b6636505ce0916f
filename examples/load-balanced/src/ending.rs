//! [`Ending`]: when an instance is told to end.

use std::time::Duration;
use std::{io, thread};

use tokio::sync::{oneshot, watch};

/// Whether the instance has been told to end.
#[derive(Clone, Debug)]
pub(crate) struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Listens for SIGTERM and Ctrl-C from now on, and for the end of standard input if asked to.
    pub(crate) fn awaited(stdin: bool) -> Self {
        let (told, ending) = watch::channel(false);
        let signalled = signalled();
        tokio::spawn(async move {
            tokio::select! {
                () = signalled => {}
                () = stdin_ended(), if stdin => {}
            }
            told.send_replace(true);
        });
        Self(ending)
    }

    /// Returns when the instance is told to end.
    pub(crate) fn begins(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut ending = self.0.clone();
        async move {
            // The task that tells ends only after it has told.
            let _ = ending.wait_for(|told| *told).await;
        }
    }

    /// Returns when the instance was told to end, and so much time has passed since.
    pub(crate) async fn has_begun_for(&self, time: Duration) {
        self.begins().await;
        tokio::time::sleep(time).await;
    }
}

/// On a thread of its own: a runtime waits for its blocking tasks, and this one may never end.
async fn stdin_ended() {
    let (ended, is_ended) = oneshot::channel::<()>();
    thread::spawn(move || {
        // An input that fails has ended, too.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(ended);
    });
    let _ = is_ended.await;
}

/// Waits for SIGTERM or Ctrl-C; listens from this call on.
#[cfg(unix)]
fn signalled() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};

    let (interrupted, terminated) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        // Without a handler, a signal ends the process by itself.
        let (Ok(mut interrupted), Ok(mut terminated)) = (interrupted, terminated) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
async fn signalled() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
