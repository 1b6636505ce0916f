//! [`Team`]: the workers, each a process of its own.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::Result;
use crate::order::{Asked, Order, Reply, Setup};

/// However long an outage lasts, no order takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A worker. The process ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    orders: ChildStdin,
    replies: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Worker {
    /// Starts a worker, and waits until it is ready.
    pub(crate) async fn start(setup: &Setup) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let orders = process.stdin.take().ok_or("a worker has no input")?;
        let replies = process.stdout.take().ok_or("a worker has no output")?;
        let mut worker = Self { orders, replies: BufReader::new(replies).lines(), _process: process };
        worker.send(&serde_json::to_string(setup)?).await?;
        worker.says(&Reply::Ready).await?;
        Ok(worker)
    }

    /// Gives an order.
    pub(crate) async fn order(&mut self, order: &Order) -> Result {
        self.send(&serde_json::to_string(order)?).await
    }

    /// What the worker says next.
    pub(crate) async fn reply(&mut self) -> Result<Reply> {
        let line = timeout(PATIENCE, self.replies.next_line()).await.map_err(|_| "a worker does not answer")??;
        Ok(serde_json::from_str(&line.ok_or("a worker has ended")?)?)
    }

    /// Waits until the worker says that it has come so far.
    pub(crate) async fn says(&mut self, expected: &Reply) -> Result {
        let reply = self.reply().await?;
        if std::mem::discriminant(&reply) == std::mem::discriminant(expected) {
            Ok(())
        } else {
            Err(format!("a worker should say {expected:?}, and says {reply:?}").into())
        }
    }

    /// What its callers got.
    pub(crate) async fn asked(&mut self) -> Result<Asked> {
        match self.reply().await? {
            Reply::Asked(asked) => Ok(asked),
            other => Err(format!("a worker did not do as it was told: {other:?}").into()),
        }
    }

    async fn send(&mut self, line: &str) -> Result {
        Ok(self.orders.write_all(format!("{line}\n").as_bytes()).await?)
    }
}

/// Two workers that share a store.
#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) one: Worker,
    pub(crate) other: Worker,
}

impl Team {
    /// Starts them.
    pub(crate) async fn start(setup: &Setup) -> Result<Self> {
        let (one, other) = tokio::try_join!(Worker::start(setup), Worker::start(setup))?;
        Ok(Self { one, other })
    }

    /// Both ask for the tokens of the same sessions at the same time.
    pub(crate) async fn ask(&mut self, sessions: &[String], callers: usize) -> Result<Asked> {
        self.begin_to_ask(sessions, callers).await?;
        self.asked().await
    }

    /// Tells both to ask, and does not wait.
    pub(crate) async fn begin_to_ask(&mut self, sessions: &[String], callers: usize) -> Result {
        let order = Order::Ask { sessions: sessions.to_vec(), callers };
        self.one.order(&order).await?;
        self.other.order(&order).await
    }

    /// What both got.
    pub(crate) async fn asked(&mut self) -> Result<Asked> {
        let (one, other) = tokio::try_join!(self.one.asked(), self.other.asked())?;
        Ok(one.and(other))
    }
}
