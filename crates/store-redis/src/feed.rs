//! [`RedisFeed`]: what other processes commit, over pub/sub.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, Stream, StreamExt as _};
use oidc_session_core::{Change, ChangeFeed, Changes, StoreError, StoreErrorKind};
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Client, Msg};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::error::{Refusal, from_redis};
use crate::layout::{Layout, change};
use crate::reconnecting::timed_out;

const LISTEN: &str = "listen for changes";

/// Together less than the ten seconds within which a dead connection is noticed.
const PING_EVERY: Duration = Duration::from_secs(3);
const PONG_WITHIN: Duration = Duration::from_secs(4);

/// How many changes wait for whoever reads them.
const WAITING: usize = 10_000;

/// The channel of one store.
#[derive(Clone)]
pub(crate) struct RedisFeed {
    client: Client,
    channel: String,
    limit: Duration,
}

impl RedisFeed {
    pub(crate) fn new(client: Client, layout: &Layout, limit: Duration) -> Self {
        Self { client, channel: layout.channel().to_owned(), limit }
    }
}

impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFeed").field("channel", &self.channel).finish_non_exhaustive()
    }
}

#[async_trait]
impl ChangeFeed for RedisFeed {
    /// Each subscription has a connection of its own. It fails if 10,000 changes wait to be read.
    async fn subscribe(&self) -> Result<Box<dyn Changes>, StoreError> {
        let subscribing = async {
            let mut connection = self.client.get_async_pubsub().await?;
            connection.subscribe(&self.channel).await?;
            Ok(connection.split())
        };
        let subscribed = timeout(self.limit, subscribing).await.unwrap_or_else(|_| Err(timed_out()));
        let (sink, messages) = subscribed.map_err(|error| from_redis(LISTEN, &error))?;
        let (told, changes) = channel(WAITING);
        let listening = tokio::spawn(listen(sink, messages, told));
        Ok(Box::new(Subscription { changes, listening, end: None }))
    }
}

/// What a task has heard. The task ends with the subscription.
struct Subscription {
    changes: Receiver<Change>,
    listening: JoinHandle<End>,
    end: Option<End>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("end", &self.end).finish_non_exhaustive()
    }
}

#[async_trait]
impl Changes for Subscription {
    async fn next(&mut self) -> Result<Change, StoreError> {
        if let Some(change) = self.changes.recv().await {
            return Ok(change);
        }
        let end = match self.end {
            Some(end) => end,
            None => (&mut self.listening).await.unwrap_or(End::Lost),
        };
        self.end = Some(end);
        Err(StoreError::new(end.kind(), LISTEN).because(Refusal::new(end.reason())))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Why nothing more is heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Lost,
    Silent,
    Full,
    Foreign,
}

impl End {
    fn kind(self) -> StoreErrorKind {
        match self {
            Self::Lost | Self::Silent | Self::Full => StoreErrorKind::Unavailable,
            Self::Foreign => StoreErrorKind::Misconfigured,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Lost => "the connection was lost",
            Self::Silent => "the connection is dead: the server does not answer",
            Self::Full => "too many changes waited to be read",
            Self::Foreign => "something else publishes on the channel of the store",
        }
    }
}

enum Heard {
    Message(Msg),
    Pong(bool),
    Closed,
}

async fn listen(sink: PubSubSink, messages: PubSubStream, told: Sender<Change>) -> End {
    let messages = messages.map(Heard::Message).chain(stream::iter([Heard::Closed]));
    let mut heard = Box::pin(stream::select(messages, pongs(sink)));
    while let Some(heard) = heard.next().await {
        match heard {
            // A store that connects tries whether it may publish.
            Heard::Message(message) if message.get_payload_bytes().is_empty() => {}
            Heard::Message(message) => {
                let Some(change) = change(message.get_payload_bytes()) else {
                    return End::Foreign;
                };
                match told.try_send(change) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => return End::Full,
                    Err(TrySendError::Closed(_)) => return End::Lost,
                }
            }
            Heard::Pong(true) => {}
            Heard::Pong(false) => return End::Silent,
            Heard::Closed => return End::Lost,
        }
    }
    End::Lost
}

/// Whether the server is still there, asked again and again.
fn pongs(sink: PubSubSink) -> impl Stream<Item = Heard> {
    stream::unfold(sink, |mut sink| async {
        sleep(PING_EVERY).await;
        let pong = timeout(PONG_WITHIN, sink.ping::<redis::Value>()).await;
        Some((Heard::Pong(matches!(pong, Ok(Ok(_)))), sink))
    })
}
