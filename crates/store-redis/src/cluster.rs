//! [`scan`]: which sessions there are in a cluster, node after node.

use std::collections::BTreeMap;

use oidc_session_core::{Cursor, StoreError, StoreKey};
use redis::{Value, cmd};

use crate::error::{from_redis, unexpected_answer};
use crate::layout::Layout;
use crate::lease::bytes;
use crate::link::Link;
use crate::list::{foreign_cursor, found, step};

const LIST: &str = "list the records";

/// Some sessions, and where to go on: at which node, and at which of its own cursors.
pub(crate) async fn scan(
    link: &Link,
    layout: &Layout,
    from: Option<&str>,
    limit: usize,
) -> Result<(Vec<StoreKey>, Option<Cursor>), StoreError> {
    let primaries = primaries(link).await?;
    let (node, cursor) = match from {
        None => ("", "0"),
        Some(from) => from.split_once(' ').ok_or_else(foreign_cursor)?,
    };
    // A node that is no more has handed its slots on to others.
    let Some((current, slot)) = primaries.range(node.to_owned()..).next() else {
        return Ok((Vec::new(), None));
    };
    let cursor = if current == node { cursor } else { "0" };
    let answer = link.ask_owner(step(layout, cursor, limit)?, *slot).await;
    let (keys, next) = found(answer.map_err(|error| from_redis(LIST, &error))?, layout)?;
    let next = match &*next {
        "0" => primaries.keys().find(|id| *id > current).map(|id| format!("{id} 0")),
        next => Some(format!("{current} {next}")),
    };
    Ok((keys, next.map(|next| Cursor::from_bytes(next.into_bytes()))))
}

/// The nodes that have slots, by their ids, each with one of its slots.
async fn primaries(link: &Link) -> Result<BTreeMap<String, u16>, StoreError> {
    let answer = link.ask(cmd("CLUSTER").arg("SLOTS")).await.map_err(|error| from_redis(LIST, &error))?;
    let Value::Array(ranges) = answer else {
        return Err(unexpected_answer(LIST));
    };
    let primaries = ranges.into_iter().map(|range| primary(range).ok_or_else(|| unexpected_answer(LIST)));
    primaries.collect()
}

/// Of `[first slot, last slot, [host, port, id, …], replicas…]`.
fn primary(range: Value) -> Option<(String, u16)> {
    let Value::Array(range) = range else {
        return None;
    };
    let mut range = range.into_iter();
    let (Value::Int(slot), Some(Value::Array(node))) = (range.next()?, range.nth(1)) else {
        return None;
    };
    let id = String::from_utf8(bytes(node.into_iter().nth(2)?)?).ok()?;
    Some((id, u16::try_from(slot).ok()?))
}
