//! A server as the operating system sees it.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::Result;
use crate::guard::Guard;
use crate::log::Log;
use crate::signals;

/// The slowest start: a data base that recovers, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server that ends in good order may take before it is killed.
const FAREWELL: Duration = Duration::from_secs(10);

/// How a server is ended when nothing of it is needed any more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// It leaves nothing outside of its folder.
    Kill,
    /// It removes its shared memory if it is told to quit.
    Quit,
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    guard: Option<Guard>,
    log: Log,
    ending: Ending,
}

impl Daemon {
    /// Starts `command` and waits for a line with `announcement`. What it cannot do without, its last lines say.
    pub(crate) fn start(
        command: &mut Command,
        announcement: &'static str,
        ending: Ending,
        folder: &Path,
    ) -> Result<Self> {
        let (output, input) = io::pipe()?;
        let stderr = input.try_clone()?;
        // What a terminal sends to our group must not reach it: it ends when we end.
        command.process_group(0).stdin(Stdio::null()).stdout(input).stderr(stderr);
        let program = command.get_program().display().to_string();
        let spawned = command.spawn();
        // `command` holds the pipe open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = spawned.map_err(|error| format!("{program} did not start: {error}"))?;
        let log = Log::of(output, announcement);
        let mut daemon = Self { child, guard: None, log, ending };
        daemon.guard = Some(Guard::over(daemon.child.id(), ending.signal(), folder)?);
        if daemon.log.says_ready(PATIENCE) {
            return Ok(daemon);
        }
        Err(format!("{program} did not get ready. Its last lines:\n{}", daemon.log).into())
    }

    /// SIGKILL to it and to all its children. Returns when all of them are dead.
    pub(crate) fn kill(mut self) {
        self.kill_all();
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub(crate) fn pause(&self) {
        let pid = self.child.id();
        // The parent first: then no child is missed.
        signals::send(pid, Signal::STOP);
        signals::children(pid).into_iter().for_each(|child| signals::send(child, Signal::STOP));
    }

    /// SIGCONT: it goes on where it was.
    pub(crate) fn resume(&self) {
        let pid = self.child.id();
        signals::children(pid).into_iter().for_each(|child| signals::send(child, Signal::CONT));
        signals::send(pid, Signal::CONT);
    }

    fn kill_all(&mut self) {
        self.guard = None;
        let pid = self.child.id();
        signals::send(pid, Signal::STOP);
        signals::children(pid).into_iter().for_each(|child| signals::send(child, Signal::KILL));
        signals::send(pid, Signal::KILL);
        let _ = self.child.wait();
        self.log.ends(FAREWELL);
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.has_ended() {
            self.guard = None;
            return;
        }
        if let Ending::Quit = self.ending {
            self.resume();
            signals::send(self.child.id(), Signal::QUIT);
            self.log.ends(FAREWELL);
        }
        if !self.has_ended() {
            self.kill_all();
        }
    }
}

impl Ending {
    fn signal(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Quit => "QUIT",
        }
    }
}
