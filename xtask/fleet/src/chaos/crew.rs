//! [`Crew`]: the worker processes, which are killed, stopped and replaced.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::line::{Order, Said, Setup};
use crate::Result;

/// How long a worker may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(12);

/// Which process: each start has its own number.
pub(crate) type Life = usize;

/// What a worker said; `None` when it has said everything.
pub(crate) type Heard = (Life, Option<Said>);

/// One process. It ends when this is dropped.
#[derive(Debug)]
struct Worker {
    life: Life,
    process: Child,
    orders: ChildStdin,
    is_stopped: bool,
}

/// The worker processes, one in each place.
#[derive(Debug)]
pub(crate) struct Crew {
    workers: Vec<Worker>,
    lives: usize,
    ears: mpsc::Sender<Heard>,
}

impl Crew {
    /// A crew of nobody, and what it will say.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Heard>) {
        let (ears, heard) = mpsc::channel(4096);
        (Self { workers: Vec::new(), lives: 0, ears }, heard)
    }

    /// Starts a worker in the next place.
    pub(crate) async fn join(&mut self, setup: &Setup) -> Result<Life> {
        let worker = self.start(setup).await?;
        let life = worker.life;
        self.workers.push(worker);
        Ok(life)
    }

    /// SIGKILL, and another worker in its place. Returns whose life ended and whose began.
    pub(crate) async fn replace(&mut self, place: usize, setup: &Setup) -> Result<(Life, Life)> {
        self.workers[place].process.kill().await?;
        let worker = self.start(setup).await?;
        let life = worker.life;
        let dead = std::mem::replace(&mut self.workers[place], worker);
        Ok((dead.life, life))
    }

    /// SIGSTOP.
    pub(crate) fn stop(&mut self, place: usize) -> Result<Life> {
        self.signal(place, Signal::STOP, true)
    }

    /// SIGCONT.
    pub(crate) fn go_on(&mut self, place: usize) -> Result<Life> {
        self.signal(place, Signal::CONT, false)
    }

    pub(crate) fn life(&self, place: usize) -> Life {
        self.workers[place].life
    }

    pub(crate) fn is_stopped(&self, place: usize) -> bool {
        self.workers[place].is_stopped
    }

    pub(crate) fn places(&self) -> std::ops::Range<usize> {
        0..self.workers.len()
    }

    /// Tells one of them to do something.
    pub(crate) async fn order(&mut self, place: usize, order: &Order) -> Result {
        let line = format!("{}\n", serde_json::to_string(order)?);
        Ok(self.workers[place].orders.write_all(line.as_bytes()).await?)
    }

    /// Lets everybody end. Whoever does not is killed.
    pub(crate) async fn dismiss(self) -> Result {
        let mut leaving = Vec::new();
        for Worker { process, orders, .. } in self.workers {
            drop(orders);
            leaving.push(process);
        }
        for mut process in leaving {
            if timeout(FAREWELL, process.wait()).await.is_err() {
                process.kill().await?;
            }
        }
        Ok(())
    }

    async fn start(&mut self, setup: &Setup) -> Result<Worker> {
        let life = self.lives;
        self.lives += 1;
        let setup = Setup { seed: setup.seed.wrapping_add(life as u64), ..setup.clone() };
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("chaos-worker").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let mut orders = process.stdin.take().ok_or("a worker has no input")?;
        let output = process.stdout.take().ok_or("a worker has no output")?;
        orders.write_all(format!("{}\n", serde_json::to_string(&setup)?).as_bytes()).await?;
        let ears = self.ears.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                // The last line of a killed worker may be half a line.
                let Ok(said) = serde_json::from_str(&line) else { continue };
                if ears.send((life, Some(said))).await.is_err() {
                    return;
                }
            }
            let _ = ears.send((life, None)).await;
        });
        Ok(Worker { life, process, orders, is_stopped: false })
    }

    fn signal(&mut self, place: usize, signal: Signal, is_stopped: bool) -> Result<Life> {
        let worker = &mut self.workers[place];
        let pid = worker.process.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        kill_process(pid.ok_or("a worker has ended by itself")?, signal)?;
        worker.is_stopped = is_stopped;
        Ok(worker.life)
    }
}
