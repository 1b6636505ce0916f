//! Leases as the scripts take and tell them.

use std::time::Duration;

use oidc_session_core::{HolderId, Lease, Record, Stored, Version};
use redis::Value;

/// A holder as text: as a number it would be too great for Lua.
pub(crate) fn holder(holder: HolderId) -> String {
    format!("{:032x}", holder.as_u128())
}

/// A length of time in microseconds; of 30 years, if it is longer: sums of it and an instant stay whole numbers in Lua.
pub(crate) fn micros(length: Duration) -> String {
    const LONGEST: u128 = 30 * 365 * 24 * 3600 * 1_000_000;
    length.as_micros().min(LONGEST).to_string()
}

/// What became of asking for a lease; `None` if that is no answer.
pub(crate) fn answered(answer: Value) -> Option<Lease> {
    let Value::Array(answer) = answer else {
        return None;
    };
    let mut answer = answer.into_iter().map(bytes);
    match &*answer.next()?? {
        b"absent" => Some(Lease::Absent),
        b"held" => Some(Lease::Held { remaining: Duration::from_micros(number(&answer.next()??)?) }),
        b"paused" => Some(Lease::Paused { remaining: Duration::from_micros(number(&answer.next()??)?) }),
        b"granted" => {
            let stored = stored(answer.next()??, answer.next()??)?;
            Some(Lease::Granted { stored, unsettled: number(&answer.next()??)?.try_into().ok()? })
        }
        _ => None,
    }
}

/// A record with its version; `None` if the version is no number of 64 bits.
pub(crate) fn stored(version: Vec<u8>, record: Vec<u8>) -> Option<Stored> {
    Some(Stored { version: Version::from_u64(number(&version)?), record: Record::from_bytes(record) })
}

pub(crate) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
