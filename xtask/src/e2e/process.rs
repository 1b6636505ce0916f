//! A process that cannot outlive us, and whose every wait is bounded.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Result;

/// Recognises the line that says a process is ready.
pub(crate) type Announcement = fn(&str) -> bool;

/// A running process; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    announced: Receiver<String>,
    ended: Receiver<()>,
    streams: Option<[JoinHandle<String>; 2]>,
}

/// What a process wrote, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// All of its standard output.
    pub(crate) stdout: String,
    /// All of its standard error.
    pub(crate) stderr: String,
}

impl Process {
    /// Starts `command`. Its standard input stays open until it is dropped.
    pub(crate) fn start(command: &mut Command, announcement: Announcement) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| format!("{} did not start: {error}", command.get_program().display()))?;
        let (announce, announced) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let stdout = read(child.stdout.take(), announcement, announce.clone(), end.clone());
        let stderr = read(child.stderr.take(), announcement, announce, end);
        Ok(Self { child, announced, ended, streams: Some([stdout, stderr]) })
    }

    /// Waits for the line that says it is ready; `None` if the process ended without it.
    pub(crate) fn announced(&self, patience: Duration) -> Result<Option<String>> {
        match self.announced.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(format!("nothing announced within {patience:?}").into()),
        }
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self, patience: Duration) -> Result<Ended> {
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            return Err(format!("still running after {patience:?}").into());
        }
        self.collect()
    }

    /// Ends it now, without asking (SIGKILL).
    pub(crate) fn kill(mut self) -> Result<Ended> {
        self.child.kill()?;
        self.collect()
    }

    fn collect(&mut self) -> Result<Ended> {
        let status = self.child.wait()?;
        let [stdout, stderr] =
            self.streams.take().ok_or("already ended")?.map(|stream| stream.join().unwrap_or_default());
        Ok(Ended { status, stdout, stderr })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already if these fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a stream to its end. Dropping `_end` on both streams is what `Process::ended` waits for.
fn read(
    stream: Option<impl Read + Send + 'static>,
    announcement: Announcement,
    announce: Sender<String>,
    end: Sender<()>,
) -> JoinHandle<String> {
    thread::spawn(move || {
        let _end = end;
        let mut text = String::new();
        let lines = stream.into_iter().flat_map(|stream| BufReader::new(stream).split(b'\n'));
        for line in lines.map_while(std::result::Result::ok) {
            let line = String::from_utf8_lossy(&line);
            text.push_str(&line);
            text.push('\n');
            if announcement(&line) {
                // Nobody needs to listen.
                let _ = announce.send(line.into_owned());
            }
        }
        text
    })
}

/// Waits between two looks at something that changes with time alone.
pub(crate) fn pause(length: Duration) {
    let (_open, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Process {
        Process::start(Command::new("sh").args(["-c", script]), |line| line == "ready").unwrap()
    }

    #[test]
    fn keeps_what_was_written_on_both_streams() {
        let ended = shell("echo out; echo err >&2; exit 7").ended(PATIENCE).unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_str(), ended.stderr.as_str()), (Some(7), "out\n", "err\n"));
    }

    #[test]
    fn an_announcement_is_heard_while_the_process_goes_on() {
        let process = shell("echo ready >&2; read line; echo unreachable");
        assert_eq!(process.announced(PATIENCE).unwrap().as_deref(), Some("ready"));
        assert_eq!(process.kill().unwrap().stdout, "");
    }

    #[test]
    fn waiting_has_an_end() {
        assert!(shell("exec sleep 30").ended(Duration::from_millis(50)).is_err());
        assert!(shell("exec sleep 30").announced(Duration::from_millis(50)).is_err());
    }

    #[test]
    fn a_process_that_ends_announces_nothing() {
        assert_eq!(shell("exit 0").announced(PATIENCE).unwrap(), None);
    }
}
