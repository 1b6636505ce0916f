//! [`Reconnecting`]: one connection, shared by all calls, that is replaced when it has died.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, RedisResult, Value};
use tokio::time::timeout;

use crate::error::is_from_replica;

/// A connection that is made when it is first needed, and anew after it was given up.
///
/// Not the `redis` crate's own manager, because of three things it does: it answers the first call after an outage with
/// the failure of its last attempt, it keeps a connection whose answers no longer come, and it never tries again once
/// the server itself has refused a connection.
pub(crate) struct Reconnecting {
    client: Client,
    connection_timeout: Duration,
    response_timeout: Duration,
    current: Mutex<Current>,
}

/// The connection, or the attempt to make it that all who need it wait for.
#[derive(Default)]
struct Current {
    number: u64,
    attempt: Option<Attempt>,
}

type Attempt = Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>;

impl Reconnecting {
    pub(crate) fn new(client: Client, connection_timeout: Duration, response_timeout: Duration) -> Self {
        Self { client, connection_timeout, response_timeout, current: Mutex::default() }
    }

    pub(crate) fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// Sends a command. If the connection turns out to have been closed, once more over a new one.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match self.send_once(command).await {
            // Most often it was closed while nobody used it. If not, a command that took effect is harmless to repeat.
            Err(Unsent::Closed(_)) => self.send_once(command).await.map_err(Unsent::into_error),
            answer => answer.map_err(Unsent::into_error),
        }
    }

    async fn send_once(&self, command: &Cmd) -> Result<Value, Unsent> {
        let (number, attempt) = self.current_attempt();
        let mut connection = match attempt.await {
            Ok(connection) => connection,
            Err(error) => {
                self.forget(number);
                return Err(Unsent::Failed(error));
            }
        };
        let answer = match timeout(self.response_timeout, command.query_async(&mut connection)).await {
            Ok(answer) => answer,
            Err(_) => Err(timed_out()),
        };
        answer.map_err(|error| {
            if is_over(&error) {
                self.forget(number);
            }
            if error.is_connection_dropped() { Unsent::Closed(error) } else { Unsent::Failed(error) }
        })
    }

    /// Gives the connection up, so that the next call makes another.
    pub(crate) fn forget_current(&self) {
        self.current().attempt = None;
    }

    fn current_attempt(&self) -> (u64, Attempt) {
        let mut current = self.current();
        let Current { number, attempt } = &mut *current;
        let attempt = attempt.get_or_insert_with(|| {
            *number += 1;
            self.attempt()
        });
        (*number, attempt.clone())
    }

    /// In a task of its own: whoever waits for it may give up, and the next one finds it further on.
    fn attempt(&self) -> Attempt {
        let (client, limit) = (self.client.clone(), self.connection_timeout);
        // Timeouts are counted here, so that a connection whose answers do not come is given up.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connecting = tokio::spawn(async move {
            let connection = client.get_multiplexed_async_connection_with_config(&config);
            timeout(limit, connection).await.unwrap_or_else(|_| Err(timed_out()))
        });
        let connected = connecting.map(|ended| ended.unwrap_or_else(|_| Err(io::Error::other("it was ended").into())));
        connected.boxed().shared()
    }

    fn forget(&self, number: u64) {
        let mut current = self.current();
        if current.number == number {
            current.attempt = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no answer.
enum Unsent {
    /// There was a connection, and it is no more.
    Closed(RedisError),
    Failed(RedisError),
}

impl Unsent {
    fn into_error(self) -> RedisError {
        match self {
            Self::Closed(error) | Self::Failed(error) => error,
        }
    }
}

pub(crate) fn timed_out() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// Whether another connection may fare better.
fn is_over(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error() || is_from_replica(error)
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    #[test]
    fn a_server_that_became_a_replica_is_given_up_whatever_its_version() {
        for (said, over) in [
            ("READONLY You can't write against a read only replica.", true),
            ("ERR Error running script (call to f_x): @user_script:9: -READONLY You can't write against", true),
            ("OOM command not allowed when used memory > 'maxmemory'.", false),
            ("NOPERM this user has no permissions to run the 'evalsha' command", false),
        ] {
            let answer = parse_redis_value(format!("-{said}\r\n").as_bytes()).unwrap();
            assert_eq!(is_over(&answer.extract_error().unwrap_err()), over, "{said}");
        }
    }
}
