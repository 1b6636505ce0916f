//! [`Ping`]: whether a subscription hears what the store publishes.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{HolderId, StoreErrorKind};
use redis::cmd;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::error::from_redis;
use crate::layout::Layout;
use crate::link::Link;

/// Publishes on a channel that nobody but one subscription listens to, and waits until the subscription has heard it.
///
/// Over the connection of the calls. So it also shows when that one leads to another server than the subscription: after
/// a failover that left the old server running, or if a program brought connections that do not belong together.
pub(crate) struct Ping {
    link: Arc<Link>,
    channel: String,
    heard: watch::Sender<Option<u64>>,
}

/// What became of a ping.
#[derive(Debug)]
pub(crate) enum Proof {
    Heard,
    /// The server has published it, and nothing was heard.
    Unheard,
    /// Whether it would have been heard, nobody knows.
    Unsent(StoreErrorKind),
}

impl Ping {
    pub(crate) fn new(link: Arc<Link>, layout: &Layout) -> Self {
        let channel = layout.ping_channel(HolderId::random()); // As good as any 128 random bits.
        Self { link, channel, heard: watch::Sender::new(None) }
    }

    /// What the subscription has to listen to.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    /// Has been heard on the channel.
    pub(crate) fn hear(&self, payload: &[u8]) {
        if let Some(number) = std::str::from_utf8(payload).ok().and_then(|number| number.parse().ok()) {
            self.heard.send_replace(Some(number));
        }
    }

    /// Sends the ping of this number, which was not used before, and waits for it.
    pub(crate) async fn prove(&self, number: u64, within: Duration) -> Proof {
        let (link, channel) = (Arc::clone(&self.link), self.channel.clone());
        // In a task, so that it is waited for as long as for any call: that gives up a connection which is dead.
        let published = tokio::spawn(async move { link.ask(cmd("PUBLISH").arg(channel).arg(number)).await });
        let mut hearing = self.heard.subscribe();
        let mut is_sent = false;
        let heard = async {
            match published.await {
                Ok(Ok(_)) => is_sent = true,
                Ok(Err(error)) => return Err(from_redis("make sure that changes are heard", &error).kind()),
                Err(_) => return Err(StoreErrorKind::Unavailable),
            }
            let _ = hearing.wait_for(|heard| *heard == Some(number)).await; // Its sender is here, too.
            Ok(())
        };
        match timeout(within, heard).await {
            Ok(Ok(())) => Proof::Heard,
            Ok(Err(kind)) => Proof::Unsent(kind),
            Err(_) if is_sent => Proof::Unheard,
            Err(_) => Proof::Unsent(StoreErrorKind::Unavailable),
        }
    }
}
