//! Steps through a program, one instruction at a time.

use std::env;
use std::io;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// The argument before the question, for the copy of this program that is stepped through.
pub(crate) const TRACED: &str = "--traced";
/// What that copy exits with if nobody may step through it.
pub(crate) const FORBIDDEN: u8 = 77;

/// How many times the question is asked, and then twice as many times.
///
/// So often that a look at the exact clocks, which comes twice in a second, makes no difference.
const TIMES: u64 = 100;
/// How often all of that is done. The count in the middle is the one that counts.
const RUNS: usize = 3;
/// Raised between the parts.
const MARK: Signal = Signal::SIGUSR1;

/// Why nothing was counted.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This machine lets nobody step through a program.
    Forbidden,
    /// Anything else.
    Broken(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EPERM | Errno::EACCES | Errno::ENOSYS => Self::Forbidden,
            errno => Self::Broken(errno.to_string()),
        }
    }
}

/// In the traced program: asks until it need not look anything up for the first time, then so many times, then twice as
/// many.
pub(crate) fn ask(mut question: impl FnMut()) -> Result<(), Errno> {
    let mut repeat = |times: u64| (0..times).for_each(|_| question());
    repeat(TIMES);
    ptrace::traceme()?;
    raise(MARK)?;
    for times in [TIMES, 2 * TIMES] {
        repeat(std::hint::black_box(times));
        raise(MARK)?;
    }
    Ok(())
}

/// How many instructions `question` takes.
pub(crate) fn count(question: &str) -> Result<f64, Failure> {
    let mut counts = (0..RUNS).map(|_| count_once(question)).collect::<Result<Vec<_>, _>>()?;
    counts.sort_unstable_by(f64::total_cmp);
    Ok(counts[RUNS / 2])
}

fn count_once(question: &str) -> Result<f64, Failure> {
    let mut child = Command::new(env::current_exe()?).args([TRACED, question]).spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(|error| Failure::Broken(error.to_string()))?);
    let counted = trace(pid);
    if counted.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
    counted
}

fn trace(pid: Pid) -> Result<f64, Failure> {
    match waitpid(pid, None)? {
        WaitStatus::Stopped(_, MARK) => {}
        WaitStatus::Exited(_, code) if code == i32::from(FORBIDDEN) => return Err(Failure::Forbidden),
        other => return Err(Failure::Broken(format!("the traced program did not stop: {other:?}"))),
    }
    let once = steps_to_mark(pid)?;
    let twice = steps_to_mark(pid)?;
    ptrace::cont(pid, None)?;
    match waitpid(pid, None)? {
        WaitStatus::Exited(_, 0) => Ok((twice as f64 - once as f64) / TIMES as f64),
        other => Err(Failure::Broken(format!("the traced program did not end well: {other:?}"))),
    }
}

fn steps_to_mark(pid: Pid) -> Result<u64, Failure> {
    for steps in 0.. {
        ptrace::step(pid, None)?;
        match waitpid(pid, None)? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            WaitStatus::Stopped(_, MARK) => return Ok(steps),
            other => return Err(Failure::Broken(format!("the traced program went astray: {other:?}"))),
        }
    }
    Err(Failure::Broken("the traced program never came to its mark".to_owned()))
}
