//! [`Feed`]: `LISTEN` on a connection of its own.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use oidc_session_core::{Change, ChangeFeed, Changes, StoreError, StoreErrorKind, StoreKey, Version};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};

use crate::connector::{Connector, Line};
use crate::database::Database;
use crate::error::{deaf, from_connecting, from_postgres, silent};
use crate::ping::{Ping, Proof};
use crate::schema::Schema;

const SUBSCRIBE: &str = "subscribe to changes";
const WAIT: &str = "wait for a change";

/// How often it is proved that changes would be heard.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// How long a proof may take, and after it the server, to say that it is there. With the heartbeat less than the ten
/// seconds of the contract.
const ANSWER: Duration = Duration::from_secs(3);

/// How many proofs in a row may fail because the store's pool does not let a ping through. It says nothing about the
/// feed if all connections of the pool are in use; but without proof, nobody is kept in good faith for much longer.
const UNPROVEN: u32 = 3;

/// How many changes may wait for their reader. One that is slower still must not hold up the server's queue, which all
/// writers share.
const BACKLOG: usize = 10_000;

/// Tells of changes by PostgreSQL's notifications, which are sent with the commit of the statement that caused them.
#[derive(Clone)]
pub(crate) struct Feed {
    connector: Connector,
    channel: String,
    connect_timeout: Duration,
    database: Database,
}

impl Feed {
    /// `database` is for the pings.
    pub(crate) fn new(connector: Connector, schema: &Schema, connect_timeout: Duration, database: Database) -> Self {
        Self { connector, channel: schema.channel(), connect_timeout, database }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("channel", &self.channel).finish_non_exhaustive()
    }
}

#[async_trait]
impl ChangeFeed for Feed {
    async fn subscribe(&self) -> Result<Box<dyn Changes>, StoreError> {
        let (client, line) = match timeout(self.connect_timeout, self.connector.dial()).await {
            Ok(connected) => connected.map_err(|error| from_connecting(SUBSCRIBE, &error))?,
            Err(_) => return Err(silent(SUBSCRIBE)),
        };
        let (changes, told) = mpsc::channel(BACKLOG);
        let (listens, listening) = oneshot::channel();
        let listener = Listener { channel: self.channel.clone(), ping: Ping::new(self.database.clone()), changes };
        let mut subscription = Subscription { told, task: tokio::spawn(listener.run(client, line, listens)) };
        match listening.await {
            Ok(()) => Ok(Box::new(subscription)),
            Err(_) => match subscription.next().await {
                Err(error) => Err(error),
                Ok(_) => Err(silent(SUBSCRIBE)),
            },
        }
    }
}

/// What a reader has.
struct Subscription {
    told: mpsc::Receiver<Result<Change, StoreError>>,
    task: JoinHandle<()>,
}

#[async_trait]
impl Changes for Subscription {
    async fn next(&mut self) -> Result<Change, StoreError> {
        match self.told.recv().await {
            Some(told) => told,
            None => Err(StoreError::new(StoreErrorKind::Unavailable, WAIT)
                .because("the subscription has ended: its connection broke, or changes were not read fast enough")),
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("waiting", &self.told.len()).finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads the notifications of one connection, whether or not anybody waits for them.
struct Listener {
    channel: String,
    ping: Ping,
    changes: mpsc::Sender<Result<Change, StoreError>>,
}

impl Listener {
    async fn run(self, client: Client, line: Line, listens: oneshot::Sender<()>) {
        let mut beating = pin!(self.beat(&client, listens));
        let mut listening = pin!(self.listen(line));
        let error = match select(&mut beating, &mut listening).await {
            Either::Left((error, _)) => error,
            Either::Right((Some(error), _)) => error,
            Either::Right((None, _)) => return, // Too slow a reader: it finds that the channel has ended.
        };
        // There is room: `listen` keeps one place free.
        let _ = self.changes.try_send(Err(error));
    }

    /// Tells what it hears until the connection breaks, or until too much has been left unread.
    async fn listen(&self, mut line: Line) -> Option<StoreError> {
        loop {
            match poll_fn(|context| line.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    if notification.channel() != self.channel {
                        self.ping.hear(notification.payload());
                        continue;
                    }
                    // Anybody may send on any channel. What is not of this form, no store has sent.
                    let Some(change) = change(notification.payload()) else {
                        continue;
                    };
                    if self.changes.capacity() <= 1 || self.changes.try_send(Ok(change)).is_err() {
                        return None;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some(from_postgres(WAIT, &error)),
                None => return Some(silent(WAIT)),
            }
        }
    }

    /// Listens, proves that it hears, and goes on proving it until it does not.
    async fn beat(&self, client: &Client, listens: oneshot::Sender<()>) -> StoreError {
        let listen = format!("LISTEN \"{}\"; LISTEN \"{}\"", self.channel, self.ping.channel());
        if let Err(error) = answered(SUBSCRIBE, client, &listen).await {
            return error;
        }
        match self.ping.prove(0, ANSWER).await {
            Proof::Heard => {}
            Proof::Unheard => return deaf(StoreErrorKind::Misconfigured, SUBSCRIBE),
            Proof::Unsent(error) => return error.unwrap_or_else(|| silent(SUBSCRIBE)),
        }
        let _ = listens.send(());
        let (mut number, mut unproven) = (0, 0);
        loop {
            sleep(HEARTBEAT).await;
            number += 1;
            match self.ping.prove(number, ANSWER).await {
                Proof::Heard => unproven = 0,
                Proof::Unheard => return deaf(StoreErrorKind::Unavailable, WAIT),
                Proof::Unsent(error) if unproven == UNPROVEN => return error.unwrap_or_else(|| silent(WAIT)),
                Proof::Unsent(_) => unproven += 1,
            }
            // Also after a proof: servers and poolers close connections on which nobody says anything.
            if let Err(error) = answered(WAIT, client, "SELECT 1").await {
                return error;
            }
        }
    }
}

async fn answered(doing: &'static str, client: &Client, sql: &str) -> Result<(), StoreError> {
    match timeout(ANSWER, client.batch_execute(sql)).await {
        Ok(answer) => answer.map_err(|error| from_postgres(doing, &error)),
        Err(_) => Err(silent(doing)),
    }
}

/// Reads `<key in hexadecimal>:<version>`, or without a version if the record was removed.
fn change(payload: &str) -> Option<Change> {
    let (hex, version) = payload.split_once(':')?;
    let hex: &[u8; 64] = hex.as_bytes().try_into().ok()?;
    let mut key = [0; 32];
    for (byte, digits) in key.iter_mut().zip(hex.chunks_exact(2)) {
        let [high, low] = [char::from(digits[0]).to_digit(16)?, char::from(digits[1]).to_digit(16)?];
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    let version = match version {
        "" => None,
        version => Some(Version::from_u64(version.parse().ok()?)),
    };
    Some(Change { key: StoreKey::from_bytes(key), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_key_with_a_version_or_without() {
        let key = StoreKey::from_bytes([0xaf; 32]);
        let hex = "af".repeat(32);
        let committed = Change { key, version: Some(Version::from_u64(12)) };
        assert_eq!(change(&format!("{hex}:12")), Some(committed));
        assert_eq!(change(&format!("{hex}:")), Some(Change { key, version: None }));
        for payload in ["", ":", "af:1", &hex, &format!("{hex}:x"), &format!("{hex}:-1"), &format!("{hex}0:1")] {
            assert_eq!(change(payload), None, "{payload}");
        }
        assert_eq!(change(&format!("{}:1", "zz".repeat(32))), None);
        assert_eq!(change(&format!("{}:1", "ä".repeat(32))), None);
    }
}
