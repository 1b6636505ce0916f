//! [`RedisFeed`]: what other processes commit, over pub/sub.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::future::select;
use oidc_session_core::{Change, ChangeFeed, Changes, StoreError, StoreErrorKind};
use redis::Client;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::error::{Refusal, from_redis};
use crate::layout::{Layout, change};
use crate::link::Link;
use crate::ping::{Ping, Proof};
use crate::reconnecting::timed_out;

const LISTEN: &str = "listen for changes";

/// How often it is proved that changes would be heard.
const PROVE_EVERY: Duration = Duration::from_secs(3);

/// How long a proof may take, and after it the server, to say that it is there. All three together are less than the ten
/// seconds within which a dead connection is noticed.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// How many proofs in a row may fail because the store itself gets no answer. That says nothing about the feed; but
/// without proof, nobody is kept in good faith for much longer.
const UNPROVEN: u32 = 3;

/// How many changes wait for whoever reads them.
const WAITING: usize = 10_000;

/// The channel of one store.
#[derive(Clone)]
pub(crate) struct RedisFeed {
    client: Client,
    layout: Layout,
    limit: Duration,
    link: Arc<Link>,
}

impl RedisFeed {
    /// `link` is for the pings.
    pub(crate) fn new(client: Client, layout: &Layout, limit: Duration, link: Arc<Link>) -> Self {
        Self { client, layout: layout.clone(), limit, link }
    }
}

impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFeed").field("channel", &self.layout.channel()).finish_non_exhaustive()
    }
}

#[async_trait]
impl ChangeFeed for RedisFeed {
    /// Each subscription has a connection of its own. It fails if 10,000 changes wait to be read.
    async fn subscribe(&self) -> Result<Box<dyn Changes>, StoreError> {
        let ping = Ping::new(Arc::clone(&self.link), &self.layout);
        let subscribing = async {
            let mut connection = self.client.get_async_pubsub().await?;
            connection.subscribe(ping.channel()).await?;
            connection.subscribe(self.layout.channel()).await?;
            Ok(connection.split())
        };
        let subscribed = timeout(self.limit, subscribing).await.unwrap_or_else(|_| Err(timed_out()));
        let (sink, messages) = subscribed.map_err(|error| from_redis(LISTEN, &error))?;
        let (told, changes) = channel(WAITING);
        let (listens, begun) = oneshot::channel();
        let listening = tokio::spawn(Listener { ping, told }.run(sink, messages, listens));
        let mut subscription = Subscription { changes, listening, end: None };
        match begun.await {
            Ok(()) => Ok(Box::new(subscription)),
            Err(_) => Err(subscription.failure().await),
        }
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
        Err(self.failure().await)
    }
}

impl Subscription {
    async fn failure(&mut self) -> StoreError {
        let end = match self.end {
            Some(end) => end,
            None => (&mut self.listening).await.unwrap_or(End::Lost),
        };
        self.end = Some(end);
        StoreError::new(end.kind(), LISTEN).because(Refusal::new(end.reason()))
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
    /// Never heard anything.
    Deaf,
    /// No longer hears anything.
    Deafened,
    Unpublished(StoreErrorKind),
    Full,
    Foreign,
}

impl End {
    fn kind(self) -> StoreErrorKind {
        match self {
            Self::Lost | Self::Silent | Self::Deafened | Self::Full => StoreErrorKind::Unavailable,
            Self::Deaf | Self::Foreign => StoreErrorKind::Misconfigured,
            Self::Unpublished(kind) => kind,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Lost => "the connection was lost",
            Self::Silent => "the connection is dead: the server does not answer",
            Self::Deaf | Self::Deafened => {
                "what the store publishes is not heard: name the same server for both, and nothing in between that keeps \
                 messages to itself"
            }
            Self::Unpublished(_) => "the server does not publish what the store asks it to",
            Self::Full => "too many changes waited to be read",
            Self::Foreign => "something else publishes on the channel of the store",
        }
    }
}

/// Reads what comes, whether or not anybody waits for it.
struct Listener {
    ping: Ping,
    told: Sender<Change>,
}

impl Listener {
    async fn run(self, sink: PubSubSink, messages: PubSubStream, listens: oneshot::Sender<()>) -> End {
        let (hearing, proving) = (pin!(self.hear(messages)), pin!(self.prove(sink, listens)));
        select(hearing, proving).await.factor_first().0
    }

    async fn hear(&self, mut messages: PubSubStream) -> End {
        while let Some(message) = messages.next().await {
            let payload = message.get_payload_bytes();
            if message.get_channel_name() == self.ping.channel() {
                self.ping.hear(payload);
                continue;
            }
            if payload.is_empty() {
                continue; // A store that connects tries whether it may publish.
            }
            let Some(change) = change(payload) else {
                return End::Foreign;
            };
            match self.told.try_send(change) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => return End::Full,
                Err(TrySendError::Closed(_)) => return End::Lost,
            }
        }
        End::Lost
    }

    /// Proves that it hears, and goes on proving it until it does not.
    async fn prove(&self, mut sink: PubSubSink, listens: oneshot::Sender<()>) -> End {
        match self.ping.prove(0, ANSWER_WITHIN).await {
            Proof::Heard => {}
            Proof::Unheard => return End::Deaf,
            Proof::Unsent(kind) => return End::Unpublished(kind),
        }
        let _ = listens.send(());
        let (mut number, mut unproven) = (0, 0);
        loop {
            sleep(PROVE_EVERY).await;
            number += 1;
            match self.ping.prove(number, ANSWER_WITHIN).await {
                Proof::Heard => unproven = 0,
                Proof::Unheard => return End::Deafened,
                Proof::Unsent(kind) if unproven == UNPROVEN => return End::Unpublished(kind),
                Proof::Unsent(_) => unproven += 1,
            }
            // Also after a proof: what stands in between may close connections on which nobody says anything.
            if !matches!(timeout(ANSWER_WITHIN, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                return End::Silent;
            }
        }
    }
}
