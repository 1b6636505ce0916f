//! What Redis' errors mean to a caller.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use oidc_session_core::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError};

/// Why the server, or the way to it, refused. Never what the server wrote: it quotes the arguments of a command, and
/// those are keys and records.
#[derive(Debug)]
pub(crate) struct Refusal {
    advice: &'static str,
    code: Option<String>,
}

impl Refusal {
    pub(crate) fn new(advice: &'static str) -> Self {
        Self { advice, code: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl Error for Refusal {}

pub(crate) fn from_redis(doing: &'static str, error: &RedisError) -> StoreError {
    if let Some(failure) = failure(error) {
        let (kind, advice) = from_network(failure);
        return match advice {
            Some(advice) => StoreError::new(kind, doing).because(Refusal::new(advice)),
            // The system's messages are a few words and a number.
            None => StoreError::new(kind, doing).because(io::Error::from(failure.kind())),
        };
    }
    let (kind, advice) = match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => from_server(error),
        ErrorKind::AuthenticationFailed => (StoreErrorKind::Denied, WRONG_PASSWORD),
        ErrorKind::Parse | ErrorKind::RESP3NotSupported => (StoreErrorKind::Misconfigured, NOT_REDIS),
        ErrorKind::UnexpectedReturnType => (StoreErrorKind::Misconfigured, NOT_REDIS),
        ErrorKind::ClusterConnectionNotFound => (StoreErrorKind::Unavailable, "no node of the cluster can be reached"),
        ErrorKind::Io => (StoreErrorKind::Unavailable, "the connection failed"),
        _ => (StoreErrorKind::Misconfigured, "the address or the TLS settings of the server are wrong"),
    };
    let code = error.code().filter(|code| code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase()));
    StoreError::new(kind, doing).because(Refusal { advice, code: code.map(str::to_owned) })
}

/// An answer that none of the scripts gives.
pub(crate) fn unexpected_answer(doing: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Misconfigured, doing).because(Refusal::new(NOT_REDIS))
}

/// A record whose fields cannot be read.
pub(crate) fn damaged(doing: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, doing).because(Refusal::new(DAMAGED))
}

pub(crate) fn misconfigured(doing: &'static str, advice: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Misconfigured, doing).because(Refusal::new(advice))
}

const WRONG_PASSWORD: &str = "the server wants another user or password: put them into the URL, percent-encoded";
const NO_PERMISSION: &str =
    "the server's user lacks a permission: see \"Permissions\" in the documentation of this crate";
const NOT_REDIS: &str = "what answers at this address does not speak as Redis does";
const DAMAGED: &str = "the hash of the session is not as this store writes it; restore or delete its key";

/// Whether the server may only be read, because another one is the primary.
pub(crate) fn is_from_replica(error: &RedisError) -> bool {
    says(error, "READONLY")
}

/// Before Redis 7, what fails within a script comes with the code `ERR`, and tells its own code in the text. What a script
/// may not do comes without a code, in two wordings.
fn says(error: &RedisError, what: &str) -> bool {
    let code = error.code().unwrap_or_default();
    code == what || (code == "ERR" && error.detail().is_some_and(|text| text.contains(what)))
}

fn from_server(error: &RedisError) -> (StoreErrorKind, &'static str) {
    let says = |what: &str| says(error, what);
    if says("DAMAGED") || says("WRONGTYPE") {
        return (StoreErrorKind::Corrupt, DAMAGED);
    }
    if says("NOPERM") || says("The user executing the script can't") || says("ACL failure in script") {
        return (StoreErrorKind::Denied, NO_PERMISSION);
    }
    if says("NOAUTH") || says("WRONGPASS") {
        return (StoreErrorKind::Denied, WRONG_PASSWORD);
    }
    if says("READONLY") {
        return (StoreErrorKind::Unavailable, "the server is a replica: name the primary, or wait for the failover");
    }
    if says("OOM") {
        return (StoreErrorKind::Unavailable, "the server's memory is full: raise maxmemory");
    }
    if says("max number of clients") {
        return (StoreErrorKind::Unavailable, "the server has as many clients as it may have: raise maxclients");
    }
    if says("MOVED") || says("CROSSSLOT") || says("ASK") {
        return (StoreErrorKind::Misconfigured, "the server is a node of a cluster: use the feature `cluster`");
    }
    if error.code() == Some("ERR") {
        return (
            StoreErrorKind::Misconfigured,
            "the server cannot do what this store needs: it needs Redis 5 with scripts",
        );
    }
    // LOADING, BUSY, MISCONF (its disk), NOREPLICAS, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, and what is still to come.
    (StoreErrorKind::Unavailable, "the server cannot do this now")
}

fn from_network(failure: &io::Error) -> (StoreErrorKind, Option<&'static str>) {
    match failure.kind() {
        io::ErrorKind::PermissionDenied => (StoreErrorKind::Denied, None),
        // A TLS handshake that failed comes as invalid data.
        io::ErrorKind::InvalidData => (
            StoreErrorKind::Misconfigured,
            Some("the TLS handshake failed: does the server speak TLS, and is its certificate of a trusted authority?"),
        ),
        io::ErrorKind::TimedOut => (StoreErrorKind::Unavailable, Some("no answer came in time")),
        io::ErrorKind::InvalidInput => (StoreErrorKind::Misconfigured, None),
        _ => (StoreErrorKind::Unavailable, None),
    }
}

/// The network's error in a Redis error.
fn failure(error: &RedisError) -> Option<&io::Error> {
    let source = error.source()?;
    source.downcast_ref::<io::Error>().or_else(|| {
        let shared = source.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
        shared.downcast_ref::<io::Error>()
    })
}

#[cfg(test)]
mod tests {
    use redis::{Value, parse_redis_value};

    use super::*;

    #[test]
    fn the_kind_says_what_the_caller_can_do() {
        for (said, kind) in [
            ("WRONGTYPE Operation against a key holding the wrong kind of value", StoreErrorKind::Corrupt),
            ("DAMAGED its version is no number", StoreErrorKind::Corrupt),
            ("ERR Error running script (call to f_x): @user_script:5: WRONGTYPE Operation", StoreErrorKind::Corrupt),
            ("NOPERM User x has no permissions to run the 'eval' command", StoreErrorKind::Denied),
            ("ERR Error running script (call to f_x): @user_script:5: NOPERM this user", StoreErrorKind::Denied),
            ("ERR The user executing the script can't run this command or subcommand", StoreErrorKind::Denied),
            ("ERR ACL failure in script: User x has no permissions", StoreErrorKind::Denied),
            ("NOAUTH Authentication required.", StoreErrorKind::Denied),
            ("WRONGPASS invalid username-password pair", StoreErrorKind::Denied),
            ("READONLY You can't write against a read only replica.", StoreErrorKind::Unavailable),
            ("OOM command not allowed when used memory > 'maxmemory'.", StoreErrorKind::Unavailable),
            ("LOADING Redis is loading the dataset in memory", StoreErrorKind::Unavailable),
            ("MISCONF Redis is configured to save RDB snapshots", StoreErrorKind::Unavailable),
            ("NOREPLICAS Not enough good replicas to write.", StoreErrorKind::Unavailable),
            ("BUSY Redis is busy running a script.", StoreErrorKind::Unavailable),
            ("CLUSTERDOWN The cluster is down", StoreErrorKind::Unavailable),
            ("ERR max number of clients reached", StoreErrorKind::Unavailable),
            ("MOVED 3999 127.0.0.1:6381", StoreErrorKind::Misconfigured),
            ("ERR unknown command 'EVALSHA', with args beginning with: 'rt-SECRET'", StoreErrorKind::Misconfigured),
        ] {
            let error = from_redis("test", &server_error(said));
            assert_eq!(error.kind(), kind, "{said}");
        }
    }

    #[test]
    fn what_the_server_quotes_is_not_repeated() {
        let error = from_redis("test", &server_error("ERR unknown command 'EVALSHA', with args: 'rt-SECRET'"));
        let shown = format!("{error} {error:?} {:?}", error.source().map(ToString::to_string));
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("(ERR)"), "{shown}");
    }

    #[test]
    fn the_network_is_told_from_the_settings() {
        for (failure, kind) in [
            (io::ErrorKind::ConnectionRefused, StoreErrorKind::Unavailable),
            (io::ErrorKind::TimedOut, StoreErrorKind::Unavailable),
            (io::ErrorKind::BrokenPipe, StoreErrorKind::Unavailable),
            (io::ErrorKind::NotFound, StoreErrorKind::Unavailable),
            (io::ErrorKind::PermissionDenied, StoreErrorKind::Denied),
            (io::ErrorKind::InvalidData, StoreErrorKind::Misconfigured),
        ] {
            assert_eq!(from_redis("test", &io::Error::from(failure).into()).kind(), kind, "{failure:?}");
        }
    }

    fn server_error(said: &str) -> RedisError {
        let value: Value = parse_redis_value(format!("-{said}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }
}
