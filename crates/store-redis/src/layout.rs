//! [`Layout`]: the names of things in Redis.

use std::fmt::Write as _;

use oidc_session_core::{Change, HolderId, StoreKey, Version};

/// How the keys and the channel of one store are called.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    prefix: String,
    channel: String,
}

impl Layout {
    const LONGEST_PREFIX: usize = 64;

    /// Names under `prefix`, if it has nothing in it that means something to Redis (patterns, hash tags).
    ///
    /// Channels are common to all numbered databases of a server, so the channel bears the number.
    pub(crate) fn new(prefix: &str, database: i64) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        let fits = !prefix.is_empty() && prefix.len() <= Self::LONGEST_PREFIX && prefix.bytes().all(plain);
        fits.then(|| Self { prefix: prefix.to_owned(), channel: format!("{prefix}:changes@{database}") })
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    /// The channel of one subscription, on which it proves that it hears.
    pub(crate) fn ping_channel(&self, name: HolderId) -> String {
        format!("{}:ping@{:032x}", self.prefix, name.as_u128())
    }

    /// The key of a session. Its hash tag is the session, so that all that will ever belong to it is on one node.
    pub(crate) fn key(&self, key: &StoreKey) -> String {
        format!("{}:{{{}}}", self.prefix, hex(key))
    }

    /// The session of a key; `None` for keys that are somebody else's.
    pub(crate) fn session(&self, key: &[u8]) -> Option<StoreKey> {
        let tag = key.strip_prefix(self.prefix.as_bytes())?.strip_prefix(b":{")?.strip_suffix(b"}")?;
        unhex(tag)
    }

    /// What `SCAN` is to look for.
    pub(crate) fn pattern(&self) -> String {
        format!("{}:{{*}}", self.prefix)
    }
}

/// A change as it is published: the session, and the version that is there now, or `-`.
pub(crate) fn published(key: &StoreKey, version: Option<Version>) -> String {
    match version {
        Some(version) => format!("{} {version}", hex(key)),
        None => format!("{} -", hex(key)),
    }
}

/// A change that was published; `None` if that is no change.
pub(crate) fn change(published: &[u8]) -> Option<Change> {
    let (key, version) = std::str::from_utf8(published).ok()?.split_once(' ')?;
    let version = match version {
        "-" => None,
        number => Some(Version::from_u64(number.parse().ok()?)),
    };
    Some(Change { key: unhex(key.as_bytes())?, version })
}

fn hex(key: &StoreKey) -> String {
    key.as_bytes().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // Writing into a string does not fail.
        hex
    })
}

fn unhex(hex: &[u8]) -> Option<StoreKey> {
    let mut bytes = [0; 32];
    if hex.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = 16 * digit(digits[0])? + digit(digits[1])?;
    }
    Some(StoreKey::from_bytes(bytes))
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: StoreKey = StoreKey::from_bytes([0xa5; 32]);

    #[test]
    fn a_session_is_found_under_its_key() {
        let layout = Layout::new("app:sessions", 0).unwrap();
        assert_eq!(layout.key(&KEY), format!("app:sessions:{{{}}}", "a5".repeat(32)));
        assert_eq!(layout.session(layout.key(&KEY).as_bytes()), Some(KEY));
    }

    #[test]
    fn other_keys_are_nobodys() {
        let layout = Layout::new("app", 0).unwrap();
        let tag = "a5".repeat(32);
        for other in [
            format!("app:{tag}"),
            format!("other:{{{tag}}}"),
            format!("app:{{{tag}"),
            format!("app:{{{}}}", &tag[2..]),
            format!("app:{{{}}}", tag.to_uppercase()),
            format!("app:{{{}zz}}", &tag[2..]),
            "app:{}".to_owned(),
            String::new(),
        ] {
            assert_eq!(layout.session(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_prefix_means_nothing_to_redis() {
        for prefix in ["a", "oidc-session", "app/1:x_y.z"] {
            assert!(Layout::new(prefix, 0).is_some(), "{prefix}");
        }
        for prefix in ["", "a*", "a?", "a[b]", "{a}", "a b", "a\\", "ä", "a\r\n", &"a".repeat(65)] {
            assert!(Layout::new(prefix, 0).is_none(), "{prefix}");
        }
    }

    #[test]
    fn a_change_is_read_as_it_was_published() {
        for version in [None, Some(0), Some(1), Some(u64::MAX)] {
            let told = Change { key: KEY, version: version.map(Version::from_u64) };
            assert_eq!(change(published(&told.key, told.version).as_bytes()), Some(told));
        }
        let key = "a5".repeat(32);
        for other in ["", " ", "hello", &key, &format!("{key} "), &format!("{key} -1"), &format!("{} 1", &key[1..])] {
            assert_eq!(change(other.as_bytes()), None, "{other}");
        }
        assert_eq!(change(b"\xff\xfe 1"), None);
    }
}
