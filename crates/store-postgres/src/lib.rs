//! Keeps sessions in PostgreSQL, for any number of processes and machines.
//!
//! ```no_run
//! use oidc_session_core::{Commit, Expected, Record, SessionId, SessionStore as _, Stored, Timestamp, Version};
//! use oidc_session_store_postgres::PostgresStore;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = PostgresStore::connect("postgres://app:password@db.example/app").await?;
//! let key = SessionId::named("default")?.store_key();
//! let version = Version::after(Expected::Absent, Timestamp::from_unix_seconds(1_700_000_000));
//! let first = Stored { version, record: Record::from_bytes(b"sealed".to_vec()) };
//! assert_eq!(store.commit(&key, Expected::Absent, &first, None).await?, Commit::Done);
//! # Ok(())
//! # }
//! ```
//! Start at [`PostgresStore`]; [`PostgresStoreBuilder`] has the settings.
//!
//! # What survives what
//!
//! - **A crash of a process**: everything committed, and every lease, which then ends by itself.
//! - **A crash or a power loss of the server**: the same. A rotated refresh token exists nowhere else, so a call returns
//!   when its change is on the server's disk: a `synchronous_commit = off` is turned on for the store's connections, any
//!   other value is left. Whoever turns `fsync` off has decided otherwise.
//! - **A failover**: what the standby had. With asynchronous replication that is not every commit: the last ones before
//!   the failover are gone, and with them refresh tokens that the authorization server has already replaced. Name the
//!   standby in `synchronous_standby_names` if that must not be. With several hosts in the URL, the one that can be
//!   written to is found; connections to a server that has become a standby are given up.
//! - **A call whose answer is lost**: took effect whole or not at all. Repeating it is harmless.
//! - **A clock that is set**: only the server's counts. Set forward (or by a failover to a machine that is ahead), a
//!   lease ends early: the attempt counts as unsettled, and the compare-and-set keeps the session safe. Set back, no
//!   lease lasts longer from then on than its whole length.
//! - **Rows of another form**: are errors, and stay as they are.
//!
//! # Outages
//!
//! Every call is bounded: by [`acquire_timeout`](PostgresStoreBuilder::acquire_timeout), then
//! [`connect_timeout`](PostgresStoreBuilder::connect_timeout) if it needs a new connection, then
//! [`statement_timeout`](PostgresStoreBuilder::statement_timeout) and half a second. A connection that broke is replaced
//! by the next call; a line that went dead without a word fails the calls that were on it, and no others.
//!
//! # TLS
//!
//! `sslmode` in the URL means what it means to libpq, with two differences: without it, another machine must show a
//! certificate for its name, and `allow` and `prefer` are refused for another machine. So nothing leaves this machine in
//! the clear unless the URL says `disable`.
//!
//! | `sslmode` | encrypted | certificate |
//! |---|---|---|
//! | `disable` | no | |
//! | `allow`, `prefer`; the default on loopback and Unix sockets | if the server can | anybody's |
//! | `require` | yes | anybody's; with an authority as `verify-ca`. A warning is logged without |
//! | `verify-ca` | yes | of an authority that was given |
//! | `verify-full`; the default for another machine | yes | of an authority, for the name in the URL |
//!
//! The authorities are those of [`ca_pem`](PostgresStoreBuilder::ca_pem), or of the file in `sslrootcert`, or else the
//! platform's. Client certificates are not supported.
//!
//! # Tables and privileges
//!
//! | Table | Holds |
//! |---|---|
//! | `sessions` | One row per session: key (a SHA-256), version, record, `keep_until`, lease. The record lies beside the row, so that taking a lease does not write it again |
//! | `layouts` | One row per migration that was run. The greatest `layout` is the one the tables have |
//!
//! They are in a schema of their own, `oidc_session` unless [`schema`](PostgresStoreBuilder::schema) says otherwise. The
//! store makes it, under an advisory lock, however many processes start at once. Its role then needs `CREATE` on the
//! database, or on a schema that is already there. To make the tables by hand, run [`PostgresStore::schema_sql`] with a
//! role that may, turn [`migrations`](PostgresStoreBuilder::migrations) off, and let the program's role do no more than
//! this:
//!
//! ```sql
//! GRANT USAGE ON SCHEMA oidc_session TO app;
//! GRANT SELECT ON oidc_session.layouts TO app;
//! GRANT SELECT, INSERT, UPDATE, DELETE ON oidc_session.sessions TO app;
//! ```
//!
//! # Change feed
//!
//! Each commit, remove and sweep sends a notification on the channel `<schema>_changes`, with key and version, in the
//! same transaction. A subscription has a connection of its own, and proves every three seconds that it hears: a
//! connection of the pool notifies a channel that only this subscription listens to, `oidc_session_ping_` and 32
//! hexadecimal digits. If that is not heard, the subscription fails; the first proof comes before it begins.
//!
//! PostgreSQL puts the commits of transactions that notify
//! in one line, over all databases of a server: that costs little at thousands of commits a second, and limits more.
//! Anybody who may connect to the database may listen and notify: a notification is a reason to look, never the truth.
//!
//! # PgBouncer
//!
//! With session pooling everything works. With transaction pooling, prepared statements need PgBouncer 1.21 and
//! `max_prepared_statements`; the change feed would hear nothing, so that subscribing fails as *misconfigured* unless
//! [`changes_from`](PostgresStoreBuilder::changes_from) leads past the pooler; and the settings that a connection begins with
//! (`statement_timeout`, `default_transaction_isolation`, `search_path`, `synchronous_commit`) reach some server
//! connections of the pool and not others: give the role the same with `ALTER ROLE … SET`, and the store a pool of its
//! own. With statement pooling, turn migrations off as well, because they are a transaction.
//!
//! # Who can read it
//!
//! Whoever reads the database, its backups or its replicas. So [`custody`](oidc_session_core::SessionStore::custody) is
//! [`Server`](oidc_session_core::Custody::Server): seal the records with a key ring that the program brings. Errors, logs
//! and `Debug` show no record, no key in full, no URL and no password.

mod address;
mod config;
mod connector;
mod database;
mod error;
mod feed;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod lease;
mod ping;
mod row;
mod schema;
mod statements;
mod store;
mod tls;
mod value;

pub use config::PostgresStoreBuilder;
pub use deadpool_postgres;
pub use store::PostgresStore;
