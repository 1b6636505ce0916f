//! What all servers have in common: they are started, killed, restarted and made to hang.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::background::in_background;
use crate::daemon::{Daemon, Ending};
use crate::{Result, port};

/// How many ports to try: between looking for one and taking it, somebody else may.
const TRIES: usize = 5;

/// How to start a server, now and after it was killed.
pub(crate) struct Recipe {
    /// The command; it is given the server's folder.
    pub(crate) command: Box<dyn Fn(&Path) -> Command + Send + Sync>,
    /// What a line contains that says it answers.
    pub(crate) announcement: &'static str,
    /// How to end it for good.
    pub(crate) ending: Ending,
}

/// A server with its own folder. Dropping it ends it and removes the folder.
pub(crate) struct Server {
    // Ended before its folder is removed.
    running: Mutex<Option<Daemon>>,
    folder: TempDir,
    recipe: Recipe,
}

impl Server {
    /// Starts what `recipe` says, with the files that are already in `folder`. Returns when it answers.
    pub(crate) fn launch(folder: TempDir, recipe: Recipe) -> Result<Arc<Self>> {
        let server = Self { running: Mutex::default(), folder, recipe };
        server.start()?;
        Ok(Arc::new(server))
    }

    /// SIGKILL. Returns when it is dead.
    pub(crate) async fn kill(self: &Arc<Self>) {
        let server = self.clone();
        in_background(move || server.end()).await;
    }

    /// Kills it if it runs, and starts it again. Returns when it answers.
    pub(crate) async fn restart(self: &Arc<Self>) {
        let server = self.clone();
        let restarted = in_background(move || {
            server.end();
            server.start()
        });
        restarted.await.unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) fn pause(&self) {
        self.running().as_ref().expect("the server was killed").pause();
    }

    pub(crate) fn resume(&self) {
        self.running().as_ref().expect("the server was killed").resume();
    }

    fn start(&self) -> Result {
        let Recipe { command, announcement, ending } = &self.recipe;
        let daemon = Daemon::start(&mut command(self.folder.path()), announcement, *ending, self.folder.path())?;
        *self.running() = Some(daemon);
        Ok(())
    }

    fn end(&self) {
        if let Some(daemon) = self.running().take() {
            daemon.kill();
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Daemon>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what needs a free port of loopback, with other ports if it fails.
pub(crate) fn on_a_free_port<T, E>(
    mut work: impl FnMut(SocketAddr) -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    for _ in 1..TRIES {
        if let Ok(done) = work(port::free_address()) {
            return Ok(done);
        }
    }
    work(port::free_address())
}
