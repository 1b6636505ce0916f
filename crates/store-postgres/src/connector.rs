//! [`Connector`]: makes connections, and sets them up alike.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// One end of a connection: whoever has it must poll it.
pub(crate) type Line = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// How to reach the server. Clones share it.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) config: Arc<Config>,
    pub(crate) tls: MakeRustlsConnect,
    pub(crate) statement_timeout: Duration,
}

impl Connector {
    /// A new connection that nobody polls yet.
    pub(crate) async fn dial(&self) -> Result<(Client, Line), Error> {
        self.config.connect(self.tls.clone()).await
    }

    /// How long it may take to connect, if it may take `each` for one host.
    pub(crate) fn patience(&self, each: Duration) -> Duration {
        let hosts = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        each.saturating_mul(u32::try_from(hosts).unwrap_or(u32::MAX))
    }

    /// What every connection is told first.
    ///
    /// Statements are made for READ COMMITTED; names mean PostgreSQL's own functions, whoever may write to `public`; a
    /// commit that was answered survives a crash; and whoever no longer listens leaves no statement behind that waits.
    fn settings(&self) -> String {
        format!(
            "SET default_transaction_isolation = 'read committed';
             SET search_path = pg_catalog;
             SET statement_timeout = {};
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
            self.statement_timeout.as_millis().clamp(1, i32::MAX as u128)
        )
    }
}

impl Connect for Connector {
    /// The pool limits how long this takes.
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(async move {
            let (client, line) = self.dial().await?;
            let task = tokio::spawn(async move {
                if line.await.is_err() {
                    tracing::debug!("a connection to PostgreSQL has ended");
                }
            });
            let unready = Unready(Some(task.abort_handle()));
            client.batch_execute(&self.settings()).await?;
            unready.spare();
            Ok((client, task))
        })
    }
}

/// Ends the task of a connection that does not get ready in time: on a dead line it would wait for ever.
struct Unready(Option<AbortHandle>);

impl Unready {
    fn spare(mut self) {
        self.0 = None;
    }
}

impl Drop for Unready {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
