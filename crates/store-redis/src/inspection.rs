//! [`inspect`]: whether a server is one that sessions can be kept in.

use oidc_session_core::{StoreError, StoreErrorKind, StoreKey};
use redis::{Value, cmd};

use crate::error::{from_redis, misconfigured};
use crate::layout::Layout;
use crate::link::Link;
use crate::scripts::{LOAD, PROBE};

const CONNECT: &str = "connect to Redis";

/// The oldest major version whose scripts may read the clock before they write.
const OLDEST: u64 = 5;

/// Leaves nothing behind. What the server does not let its user see is not held against it; and one that cannot be
/// written to now, because its memory is full or a failover is under way, can still be read.
pub(crate) async fn inspect(link: &Link, layout: &Layout) -> Result<(), StoreError> {
    match link.ask(&cmd("INFO")).await {
        Ok(answer) => texts(answer).iter().try_for_each(|facts| judge(facts, link.is_cluster()))?,
        Err(error) if error.code() == Some("NOPERM") => {
            tracing::debug!("the server does not tell its settings: whether it evicts sessions is unknown");
        }
        Err(error) => return Err(from_redis(CONNECT, &error)),
    }
    let nobody = layout.key(&StoreKey::from_bytes([0; 32])); // No session has this key.
    let channel = if link.is_cluster() { "" } else { layout.channel() };
    // By its text and by a digest, because either may be forbidden.
    let probed = async {
        link.ask(&PROBE.by_text(&nobody, &[channel.as_bytes()])).await?;
        link.run(&LOAD, &nobody, &[]).await
    };
    match probed.await.map_err(|error| from_redis(CONNECT, &error)) {
        Err(error) if error.kind() == StoreErrorKind::Unavailable => {
            tracing::warn!(error = &error as &dyn std::error::Error, "Redis cannot be written to now");
            Ok(())
        }
        probed => probed.map(drop),
    }
}

/// What `INFO` tells of one node.
fn judge(facts: &str, is_cluster: bool) -> Result<(), StoreError> {
    let fact = |name: &str| facts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let major = fact("redis_version").and_then(|version| version.split('.').next()?.parse::<u64>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        return Err(misconfigured(CONNECT, "the server is too old: Redis 5 or later is needed"));
    }
    if fact("cluster_enabled") == Some("1") && !is_cluster {
        return Err(misconfigured(CONNECT, "the server is a node of a cluster: use `RedisStore::cluster_builder`"));
    }
    let policy = fact("maxmemory_policy").unwrap_or("noeviction");
    if policy != "noeviction" {
        tracing::warn!(maxmemory_policy = policy, "Redis may evict sessions: set maxmemory-policy to noeviction");
    }
    if fact("aof_enabled") == Some("0") {
        tracing::warn!("Redis forgets the last commits when it crashes: set appendonly yes and appendfsync always");
    }
    Ok(())
}

/// The texts of one node, or of each.
fn texts(answer: Value) -> Vec<String> {
    match answer {
        Value::BulkString(text) => vec![String::from_utf8_lossy(&text).into_owned()],
        Value::VerbatimString { text, .. } => vec![text],
        Value::Map(nodes) => nodes.into_iter().flat_map(|(_, answer)| texts(answer)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_is_refused() {
        for (version, fits) in
            [("2.8.24", false), ("4.0.14", false), ("5.0.0", true), ("7.0.15", true), ("10.1.0", true)]
        {
            let facts = format!("# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\n");
            assert_eq!(judge(&facts, false).is_ok(), fits, "{version}");
        }
        assert!(judge("", false).is_ok(), "a server that does not tell is believed");
    }

    #[test]
    fn a_node_is_no_single_server() {
        let facts = "redis_version:7.0.15\r\ncluster_enabled:1\r\n";
        assert!(judge(facts, false).is_err());
        assert!(judge(facts, true).is_ok());
    }
}
