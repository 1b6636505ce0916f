//! Signals to a process that we started, and to its children.

use std::{fs, process};

use rustix::process::{Pid, Signal, kill_process};

/// Sends `signal` to one process. One that has ended is let be.
pub(crate) fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The processes whose parent is `pid`.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return children_by_ps(pid);
    };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|child| parent(*child) == Some(pid)).collect()
}

/// The second field after the program's name, which may hold any character: see proc_pid_stat(5).
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Where there is no `/proc`.
fn children_by_ps(pid: u32) -> Vec<u32> {
    let output = process::Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let table = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let rows = table.lines().filter_map(|row| row.trim().split_once(char::is_whitespace));
    rows.filter(|(_, parent)| parent.trim().parse() == Ok(pid)).filter_map(|(child, _)| child.parse().ok()).collect()
}
