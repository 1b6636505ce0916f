//! What PostgreSQL's, the pool's and the network's errors mean to a caller.

use std::error::Error;
use std::io;

use deadpool_postgres::PoolError;
use oidc_session_core::{StoreError, StoreErrorKind};
use tokio_postgres::error::SqlState;

/// The most that is told of a server's message.
const LONGEST_MESSAGE: usize = 300;

/// What went wrong with a statement.
///
/// The driver's error never becomes the source: its `Debug` has the server's details, which may quote a row.
pub(crate) fn from_postgres(doing: &'static str, error: &tokio_postgres::Error) -> StoreError {
    match error.as_db_error() {
        Some(answer) => {
            let (kind, advice) = meaning(answer.code());
            let mut cause = format!("PostgreSQL answered {}", answer.code().code());
            if quotes_no_values(answer.code()) {
                cause.push_str(": ");
                cause.extend(answer.message().chars().filter(|char| !char.is_control()).take(LONGEST_MESSAGE));
            }
            if let Some(advice) = advice {
                cause.push_str("; ");
                cause.push_str(advice);
            }
            StoreError::new(kind, doing).because(cause)
        }
        // The line, which may have broken after the statement took effect.
        None => StoreError::new(StoreErrorKind::Unavailable, doing).because(told(error)),
    }
}

/// What went wrong while connecting.
pub(crate) fn from_connecting(doing: &'static str, error: &tokio_postgres::Error) -> StoreError {
    if error.as_db_error().is_some() || error.is_closed() {
        return from_postgres(doing, error);
    }
    let kind = match causes(error).find_map(Failure::of) {
        Some(Failure::Line) => StoreErrorKind::Unavailable,
        // A certificate, no TLS at all, no password where one is asked for, another protocol.
        Some(Failure::Tls) | None => StoreErrorKind::Misconfigured,
    };
    StoreError::new(kind, doing).because(told(error))
}

pub(crate) fn from_pool(doing: &'static str, error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => from_connecting(doing, error),
        PoolError::Timeout(_) => StoreError::new(StoreErrorKind::Unavailable, doing).because(error.to_string()),
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            StoreError::new(StoreErrorKind::Misconfigured, doing).because("the connection pool cannot be used")
        }
    }
}

pub(crate) fn silent(doing: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, doing).because("PostgreSQL did not answer in time")
}

/// The connection that listens is there, and notifications do not come.
pub(crate) fn deaf(kind: StoreErrorKind, doing: &'static str) -> StoreError {
    StoreError::new(kind, doing).because(
        "what the server is told is not heard on the connection that listens; a pooler of transactions does that: \
         give the change feed a URL of its own, `changes_from`, of the server itself or of a pool of sessions",
    )
}

/// A row is not of the form in which this crate writes rows. The driver's error may name its column, never its value.
pub(crate) fn corrupt(doing: &'static str, what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, doing).because(what)
}

pub(crate) fn misconfigured(doing: &'static str, what: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Misconfigured, doing).because(what.into())
}

/// Whether a connection that got this answer is of no further use.
///
/// Its prepared statements are gone or out of date, or it leads to a server that has become a standby.
pub(crate) fn spends_the_connection(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            [
                &SqlState::FEATURE_NOT_SUPPORTED, // "cached plan must not change result type"
                &SqlState::INVALID_SQL_STATEMENT_NAME,
                &SqlState::DUPLICATE_PSTATEMENT,
                &SqlState::READ_ONLY_SQL_TRANSACTION,
            ]
            .contains(&code)
                || code.code().starts_with("57P")
        }
        None => true,
    }
}

fn meaning(code: &SqlState) -> (StoreErrorKind, Option<&'static str>) {
    use StoreErrorKind::{Corrupt, Denied, Misconfigured, Unavailable};
    const MIGRATE: Option<&str> =
        Some("the tables are not those of this store: run its migrations, or name its schema");
    match code.code() {
        "42501" => (Denied, Some("grant the role what the documentation lists")),
        "XX001" | "XX002" => (Corrupt, None),
        code => match &code[..2.min(code.len())] {
            "28" => (Denied, None),
            "22" => (Corrupt, Some("a row is not as this store writes rows")),
            "3D" => (Misconfigured, Some("name a database that exists")),
            "3F" | "42" => (Misconfigured, MIGRATE),
            "23" => (Misconfigured, Some("the tables forbid what this store writes")),
            // Too many connections, a full disk, a shutdown, a deadlock, a standby, and whatever nobody has heard of.
            _ => (Unavailable, None),
        },
    }
}

/// Messages about data (class 22), constraints (class 23) and unknown things may quote what was stored.
fn quotes_no_values(code: &SqlState) -> bool {
    ["08", "25", "28", "3D", "3F", "42", "53", "55", "57"].iter().any(|class| code.code().starts_with(class))
}

/// The messages of an error and its causes, none of which knows a value.
fn told(error: &tokio_postgres::Error) -> String {
    let mut told = error.to_string();
    for cause in causes(error).skip(1) {
        told.push_str(": ");
        told.push_str(&cause.to_string());
    }
    told
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

enum Failure {
    Line,
    Tls,
}

impl Failure {
    fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let error = error.downcast_ref::<io::Error>()?;
        // An `io::Error` hides what it was made of from `source`.
        let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        Some(if is_tls { Self::Tls } else { Self::Line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_says_what_the_caller_can_do() {
        for (code, kind) in [
            (SqlState::INVALID_PASSWORD, StoreErrorKind::Denied),
            (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, StoreErrorKind::Denied),
            (SqlState::INSUFFICIENT_PRIVILEGE, StoreErrorKind::Denied),
            (SqlState::UNDEFINED_TABLE, StoreErrorKind::Misconfigured),
            (SqlState::UNDEFINED_COLUMN, StoreErrorKind::Misconfigured),
            (SqlState::DATATYPE_MISMATCH, StoreErrorKind::Misconfigured),
            (SqlState::INVALID_CATALOG_NAME, StoreErrorKind::Misconfigured),
            (SqlState::INVALID_SCHEMA_NAME, StoreErrorKind::Misconfigured),
            (SqlState::CHECK_VIOLATION, StoreErrorKind::Misconfigured),
            (SqlState::NUMERIC_VALUE_OUT_OF_RANGE, StoreErrorKind::Corrupt),
            (SqlState::DATA_CORRUPTED, StoreErrorKind::Corrupt),
            (SqlState::T_R_SERIALIZATION_FAILURE, StoreErrorKind::Unavailable),
            (SqlState::T_R_DEADLOCK_DETECTED, StoreErrorKind::Unavailable),
            (SqlState::ADMIN_SHUTDOWN, StoreErrorKind::Unavailable),
            (SqlState::CRASH_SHUTDOWN, StoreErrorKind::Unavailable),
            (SqlState::CANNOT_CONNECT_NOW, StoreErrorKind::Unavailable),
            (SqlState::TOO_MANY_CONNECTIONS, StoreErrorKind::Unavailable),
            (SqlState::QUERY_CANCELED, StoreErrorKind::Unavailable),
            (SqlState::LOCK_NOT_AVAILABLE, StoreErrorKind::Unavailable),
            (SqlState::DISK_FULL, StoreErrorKind::Unavailable),
            (SqlState::READ_ONLY_SQL_TRANSACTION, StoreErrorKind::Unavailable),
            (SqlState::from_code("ZZ999"), StoreErrorKind::Unavailable),
            (SqlState::from_code(""), StoreErrorKind::Unavailable),
        ] {
            assert_eq!(meaning(&code).0, kind, "{code:?}");
        }
    }

    #[test]
    fn messages_that_may_quote_a_row_are_not_told() {
        assert!(!quotes_no_values(&SqlState::UNIQUE_VIOLATION));
        assert!(!quotes_no_values(&SqlState::INVALID_TEXT_REPRESENTATION));
        assert!(!quotes_no_values(&SqlState::INTERNAL_ERROR));
        assert!(quotes_no_values(&SqlState::UNDEFINED_TABLE));
    }
}
