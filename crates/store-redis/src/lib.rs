//! Keeps sessions in Redis, for any number of processes and machines.
//!
//! ```no_run
//! use oidc_session_core::{Commit, Expected, Record, SessionId, SessionStore as _, Stored, Timestamp, Version};
//! use oidc_session_store_redis::RedisStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = RedisStore::connect("rediss://app:s3cret@redis.example/0").await?;
//! let key = SessionId::named("default")?.store_key();
//! let version = Version::after(Expected::Absent, Timestamp::from_unix_seconds(1_700_000_000));
//! let first = Stored { version, record: Record::from_bytes(b"sealed".to_vec()) };
//! assert_eq!(store.commit(&key, Expected::Absent, &first, None).await?, Commit::Done);
//!
//! let another_machine = RedisStore::connect("rediss://app:s3cret@redis.example/0").await?;
//! assert_eq!(another_machine.load(&key).await?, Some(first));
//! # Ok(())
//! # }
//! ```
//! Start at [`RedisStore`]; [`RedisStoreBuilder`] has the settings. Needs Redis 5 or later, or a server that speaks as it
//! does. Sessions in a cluster: feature `cluster`.
//!
//! # What survives what
//!
//! A refresh token that was rotated exists nowhere else, and Redis answers before it has everything safe unless it is
//! told otherwise. So what survives is the operator's choice:
//!
//! | | `appendonly yes`, `appendfsync always` | `appendfsync everysec` | no append-only file |
//! |---|---|---|---|
//! | a crash of the program | everything, and every lease, which then ends by itself | the same | the same |
//! | a crash of Redis | everything | everything | what the last snapshot had |
//! | a power loss | everything | all but the last second or two | what the last snapshot had |
//! | a failover to a replica | all but what had not been passed on | the same | the same |
//!
//! - **A failover loses commits.** Replicas hear of a commit after it was answered. `min-replicas-to-write 1` refuses
//!   commits while no replica keeps up, which narrows the gap and does not close it. A session whose last commit was lost
//!   has a spent refresh token: its next refresh looks like reuse to the authorization server, and ends it.
//! - **Eviction forgets sessions.** Set `maxmemory-policy noeviction`: a full server then refuses commits, as
//!   *unavailable*, and what is there stays. Connecting warns (`tracing`) of another policy, and of a missing append-only
//!   file, if the user may ask (`INFO`).
//! - **A clock that is set**: leases are measured by Redis' own clock, never by a client's. Set forward, a lease ends
//!   early: the attempt counts as unsettled, and the compare-and-set keeps the session safe. Set back, or after a failover
//!   to a server whose clock is behind, none is believed to last longer from now than its whole time.
//! - **`keep_until`** is an instant of that same clock. Redis drops the record then, without a sweep and without telling
//!   the change feed; not while its lease is running.
//! - **An outage**: calls fail as *unavailable* within the connection timeout and the response timeout together, five
//!   seconds by default (one and four). The next call after it connects anew. A connection whose answers stop coming is given up.
//! - **An answer that was lost**: a call whose connection is closed under it is sent once more. A commit that had taken
//!   effect is recognised, and answered as done; if somebody else has committed since, it is a conflict. So is a remove
//!   that had taken effect.
//!
//! # What operators see
//!
//! One hash per session, `PREFIX:{KEY}`, with the key in 64 hexadecimal digits as the hash tag. The prefix is
//! `oidc-session` by default. Scripts touch nothing else.
//!
//! | Field | Content |
//! |---|---|
//! | `version` | of the record, in decimal digits; another one with every commit |
//! | `record` | bytes: tokens, so seal them |
//! | `call` | which call committed it, at random: so that it knows its own commit if it has to be sent once more |
//! | `keep_until` | Unix time in milliseconds; missing if the record is kept for ever |
//! | `holder` | who refreshes, in hexadecimal digits; missing if nobody does |
//! | `ends` | when the lease ends, or the pause if there is no holder: Unix time in microseconds |
//! | `length` | how long that lease or pause was to last from its beginning, in microseconds |
//! | `unsettled` | attempts on this version that nobody finished |
//!
//! A commit replaces the first four and clears the others. The key expires (`PEXPIREAT`) at `keep_until`, or at `ends`
//! if somebody holds the lease for longer. A hash that is not of this form is reported as *corrupt* and left as it is:
//! restore it, or delete the key, which signs the session out.
//!
//! Changes are published on `PREFIX:changes@DATABASE`, as `KEY VERSION`, or `KEY -` after a remove; an empty message is a
//! store that connects. A subscription has a connection of its own, and proves every three seconds that it hears: the store
//! publishes a number on `PREFIX:ping@RANDOM`, to which only this subscription listens. If that is not heard, the
//! subscription fails: it may be at another server than the store, after a failover for instance. The first proof comes
//! before it begins.
//!
//! # Permissions
//!
//! A user for this store and nothing else:
//!
//! ```text
//! ACL SETUSER sessions on >s3cret ~oidc-session:* &oidc-session:*
//!   +eval +evalsha +hmget +hget +hexists +hset +hsetnx +hdel +exists +del +persist +pexpireat
//!   +time +publish +subscribe +ping +scan +info
//! ```
//!
//! Connecting tries all that commits and leases need, and fails as *denied* if something is missing. `SUBSCRIBE` and
//! `PING` are for the change feed, `SCAN` for listing, `INFO` for the warnings. In a cluster, clients need
//! `CLUSTER SLOTS` as well.
//!
//! # TLS
//!
//! `rediss://` is TLS by rustls. The `redis` crate takes the cryptography that the process has installed; if there is none
//! when a store connects, aws-lc-rs is installed. A program that wants another one installs it first.
//!
//! # In a cluster
//!
//! The hash tag keeps all of a session on one node. There is no change feed, and a list is complete only while no slots
//! move. The `redis` crate follows redirections, and may send a command again when a node fails: see *an answer that was
//! lost*.

#[cfg(feature = "cluster")]
mod cluster;
mod config;
mod error;
mod feed;
mod inspection;
mod layout;
mod lease;
mod link;
mod list;
mod ping;
mod reconnecting;
mod scripts;
mod store;
mod tls;

pub use config::RedisStoreBuilder;
pub use store::RedisStore;
