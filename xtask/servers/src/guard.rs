//! Ends a server that has lost us.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its standard input, which is ours: it comes when we end, however we end. Then it ends the server
/// `$1`, with the signal `$2` at first, and removes the folder `$3`.
const SCRIPT: &str = r#"
trap '' HUP INT TERM QUIT
# Dead, though nobody may have asked how it ended.
gone() {
    ! kill -0 "$1" || grep -q '^State:.Z' "/proc/$1/status"
}
read -r _
kill -CONT "$1"
kill "-$2" "$1"
tries=0
while ! gone "$1" && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -KILL "$1"
rm -rf -- "$3"
"#;

/// A process beside each server, in a process group of its own so that what ends our group does not end it. Dropping it
/// ends it and lets the server be: drop it before the server's end is waited for, since its number is free after that.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Watches over the server `pid`, whose files are in `folder`.
    pub(crate) fn over(pid: u32, signal: &str, folder: &Path) -> io::Result<Self> {
        Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guard", &pid.to_string(), signal])
            .arg(folder)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // It has ended already if these fail. The pipe closes after that only.
        let _ = self.0.kill();
        let input = self.0.stdin.take();
        let _ = self.0.wait();
        drop(input);
    }
}
