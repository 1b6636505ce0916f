//! [`scan`]: which sessions there are.

use oidc_session_core::{Cursor, StoreError, StoreKey};
use redis::{Cmd, Value, cmd};

use crate::error::{from_redis, misconfigured, unexpected_answer};
use crate::layout::Layout;
use crate::lease::bytes;
use crate::link::Link;

const LIST: &str = "list the records";

/// How many keys Redis looks at in one step, at most.
const WIDEST: usize = 250;

/// Some sessions, and where to go on.
pub(crate) async fn scan(
    link: &Link,
    layout: &Layout,
    from: Option<&Cursor>,
    limit: usize,
) -> Result<(Vec<StoreKey>, Option<Cursor>), StoreError> {
    let from = from.map(|cursor| std::str::from_utf8(cursor.as_bytes())).transpose().map_err(|_| foreign_cursor())?;
    #[cfg(feature = "cluster")]
    if link.is_cluster() {
        return crate::cluster::scan(link, layout, from, limit).await;
    }
    let from = from.unwrap_or("0");
    let answer = link.ask(&step(layout, from, limit)?).await.map_err(|error| from_redis(LIST, &error))?;
    let (keys, next) = found(answer, layout)?;
    let next = (next != "0").then(|| Cursor::from_bytes(next.into_bytes()));
    Ok((keys, next))
}

/// One step of a scan, from Redis' own cursor.
pub(crate) fn step(layout: &Layout, from: &str, limit: usize) -> Result<Cmd, StoreError> {
    let from: u64 = from.parse().map_err(|_| foreign_cursor())?;
    let mut step = cmd("SCAN");
    step.arg(from).arg("MATCH").arg(layout.pattern()).arg("COUNT").arg(limit.clamp(1, WIDEST));
    Ok(step)
}

/// The sessions that a step has found, and Redis' cursor for the next.
pub(crate) fn found(answer: Value, layout: &Layout) -> Result<(Vec<StoreKey>, String), StoreError> {
    let Value::Array(answer) = answer else {
        return Err(unexpected_answer(LIST));
    };
    let Ok([next, Value::Array(keys)]) = <[Value; 2]>::try_from(answer) else {
        return Err(unexpected_answer(LIST));
    };
    let next = bytes(next).and_then(|next| String::from_utf8(next).ok()).ok_or_else(|| unexpected_answer(LIST))?;
    let keys = keys.into_iter().filter_map(bytes).filter_map(|key| layout.session(&key)).collect();
    Ok((keys, next))
}

pub(crate) fn foreign_cursor() -> StoreError {
    misconfigured(LIST, "the cursor is another store's")
}
