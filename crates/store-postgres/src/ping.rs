//! [`Ping`]: whether a subscription hears what is said to the server.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{HolderId, StoreError};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::database::Database;
use crate::error::silent;
use crate::statements::{PING_CHANNEL, Statement};
use crate::value::Value;

const PING: &str = "make sure that changes are heard";

/// Notifies a channel that nobody but one subscription listens to, and waits until the subscription has heard it.
///
/// Always over another connection than the one that listens. Over that one it would prove nothing: PgBouncer may hand the
/// same server connection to it again, which then tells at once what it would not have told while it was waiting.
pub(crate) struct Ping {
    database: Database,
    statement: Arc<Statement>,
    name: u128,
    heard: watch::Sender<Option<i64>>,
}

/// What became of a ping.
#[derive(Debug)]
pub(crate) enum Proof {
    Heard,
    /// The server has committed it, and nothing was heard.
    Unheard,
    /// Whether it would have been heard, nobody knows.
    Unsent(Option<StoreError>),
}

impl Ping {
    pub(crate) fn new(database: Database) -> Self {
        let name = HolderId::random().as_u128(); // As good as any 128 random bits.
        Self { database, statement: Arc::new(Statement::ping()), name, heard: watch::Sender::new(None) }
    }

    /// What the subscription has to listen to.
    pub(crate) fn channel(&self) -> String {
        format!("{PING_CHANNEL}{:032x}", self.name)
    }

    /// Has been heard on the channel.
    pub(crate) fn hear(&self, payload: &str) {
        if let Ok(number) = payload.parse() {
            self.heard.send_replace(Some(number));
        }
    }

    /// Sends the ping of this number, which was not used before, and waits for it.
    pub(crate) async fn prove(&self, number: i64, within: Duration) -> Proof {
        let (database, statement, name) = (self.database.clone(), Arc::clone(&self.statement), self.name.to_be_bytes());
        // In a task, so that it is waited for as long as for any call: that gives up the connections that are dead.
        let notified = tokio::spawn(async move {
            database.query(PING, &statement, &[Value::Bytes(&name), Value::Number(number)]).await
        });
        let mut hearing = self.heard.subscribe();
        let mut is_sent = false;
        let heard = async {
            notified.await.map_err(|_| silent(PING))??;
            is_sent = true;
            let _ = hearing.wait_for(|heard| *heard == Some(number)).await; // Its sender is here, too.
            Ok(())
        };
        match timeout(within, heard).await {
            Ok(Ok(())) => Proof::Heard,
            Ok(Err(error)) => Proof::Unsent(Some(error)),
            Err(_) if is_sent => Proof::Unheard,
            Err(_) => Proof::Unsent(None),
        }
    }
}
