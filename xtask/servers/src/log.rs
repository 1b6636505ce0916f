//! What a server writes.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// As many lines as tell why a server did not start.
const KEPT: usize = 40;

/// Reads a server's output: hears when it is ready, and when it and all its children are gone.
#[derive(Debug)]
pub(crate) struct Log {
    last: Arc<Mutex<VecDeque<String>>>,
    ready: Receiver<()>,
    ended: Receiver<()>,
}

impl Log {
    /// Reads `output` to its end. The server is ready once a line contains `announcement`.
    pub(crate) fn of(output: impl Read + Send + 'static, announcement: &'static str) -> Self {
        let (announce, ready) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let last = Arc::<Mutex<VecDeque<String>>>::default();
        let kept = last.clone();
        thread::spawn(move || {
            // Dropped when the last process that could write has ended.
            let _end = end;
            for line in BufReader::new(output).split(b'\n').map_while(std::result::Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if line.contains(announcement) {
                    // Nobody needs to listen.
                    let _ = announce.send(());
                }
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == KEPT {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
        Self { last, ready, ended }
    }

    /// Waits until the server is ready. `false` if it ended, or said nothing for so long.
    pub(crate) fn says_ready(&self, patience: Duration) -> bool {
        self.ready.recv_timeout(patience).is_ok()
    }

    /// Waits until nobody is left to write.
    pub(crate) fn ends(&self, patience: Duration) -> bool {
        self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
