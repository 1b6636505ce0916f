//! [`LimitFlags`]: how long a session may go on, as the command line says it.

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use oidc_session_core::Limits;
use serde::{Deserialize, Serialize};

use crate::times::duration;

/// How long the session may go on, whatever the server still grants.
#[derive(Args, Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct LimitFlags {
    /// End the session when nobody has asked for its token for so long
    #[arg(long, value_name = "DURATION", value_parser = limit)]
    #[serde(rename = "idle_limit_ms", default, skip_serializing_if = "Option::is_none")]
    idle_limit: Option<Millis>,

    /// End the session so long after the sign-in, however much it is used
    #[arg(long, value_name = "DURATION", value_parser = limit)]
    #[serde(rename = "absolute_limit_ms", default, skip_serializing_if = "Option::is_none")]
    absolute_limit: Option<Millis>,
}

/// A limit in whole milliseconds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
struct Millis(u64);

impl LimitFlags {
    /// The limits that were asked for.
    pub(crate) fn limits(self) -> Limits {
        let limit = |limit: Option<Millis>| limit.map(|Millis(millis)| Duration::from_millis(millis));
        Limits { absolute: limit(self.absolute_limit), idle: limit(self.idle_limit) }
    }

    /// The same as options of a command.
    pub(crate) fn options(self) -> impl Iterator<Item = (&'static str, String)> {
        let given = [("idle-limit", self.idle_limit), ("absolute-limit", self.absolute_limit)];
        given.into_iter().filter_map(|(name, limit)| Some((name, typed(limit?))))
    }
}

/// A limit as it is typed.
fn typed(Millis(millis): Millis) -> String {
    let limit = SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
    format!("{limit:#}").replace(' ', "")
}

fn limit(text: &str) -> Result<Millis, String> {
    match duration(text)? {
        limit if limit < Limits::CLOCK_TOLERANCE => Err("a limit is a minute or longer".to_owned()),
        limit => Ok(Millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_typed_as_it_is_read() {
        for text in ["30m", "1h30m", "8h", "1h30m1s500ms"] {
            assert_eq!(typed(limit(text).unwrap()), text);
        }
        assert!(limit("59s").is_err());
    }
}
