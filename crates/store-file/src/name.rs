//! [`Name`]: which file of the folder is what.

use std::ffi::OsStr;
use std::fmt::Write as _;

use oidc_session_core::StoreKey;

/// A file of the store. Whatever has another name is not ours and is left alone.
///
/// Names have only small letters, digits and dots, so that they mean the same on file systems that ignore case.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Name {
    /// `<64 hex digits>.session`
    Record(StoreKey),
    /// `<64 hex digits>.lease`
    Lease(StoreKey),
    /// `oidc-session.layout`: says that the folder is a store, and of which layout.
    Layout,
}

/// What a file turns out to be by its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    Ours(Name),
    /// A file that somebody was writing when they died, unless they are writing still.
    Draft(String),
    Foreign,
}

/// The file that is locked. It is never replaced nor deleted: a lock on a file that is gone excludes nobody.
pub(crate) const LOCK: &str = "oidc-session.lock";

const LAYOUT: &str = "oidc-session.layout";
const RECORD: &str = ".session";
const LEASE: &str = ".lease";
const DRAFT: &str = ".draft";

/// 64 random bits.
const NONCE_DIGITS: usize = 16;

impl Name {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Record(key) => hex(key.as_bytes()) + RECORD,
            Self::Lease(key) => hex(key.as_bytes()) + LEASE,
            Self::Layout => LAYOUT.to_owned(),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        if name == LAYOUT {
            return Some(Self::Layout);
        }
        let record = name.strip_suffix(RECORD).and_then(key).map(Self::Record);
        record.or_else(|| name.strip_suffix(LEASE).and_then(key).map(Self::Lease))
    }

    /// The name under which the file is written, before it is put in place: `<name>.<16 hex digits>.draft`.
    ///
    /// The lock alone would make a fixed name safe. A random one keeps two writers apart even where locks do not work.
    pub(crate) fn draft(self, nonce: u64) -> String {
        format!("{}.{nonce:0width$x}{DRAFT}", self.text(), width = NONCE_DIGITS)
    }
}

impl Found {
    pub(crate) fn by(name: &OsStr) -> Self {
        let Some(name) = name.to_str() else {
            return Self::Foreign;
        };
        if let Some(ours) = Name::parse(name) {
            return Self::Ours(ours);
        }
        let draft_of = name.strip_suffix(DRAFT).and_then(|rest| rest.rsplit_once('.'));
        match draft_of {
            Some((of, nonce))
                if nonce.len() == NONCE_DIGITS && nonce.bytes().all(is_digit) && Name::parse(of).is_some() =>
            {
                Self::Draft(name.to_owned())
            }
            _ => Self::Foreign,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a string cannot fail.
        text
    })
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn key(digits: &str) -> Option<StoreKey> {
    let digits = digits.as_bytes();
    if digits.len() != 64 || !digits.iter().copied().all(is_digit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(StoreKey::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_again() {
        let key = StoreKey::from_bytes(std::array::from_fn(|index| (index * 8) as u8));
        for name in [Name::Record(key), Name::Lease(key), Name::Layout] {
            assert_eq!(Found::by(name.text().as_ref()), Found::Ours(name));
            let draft = name.draft(7);
            assert_eq!(Found::by(draft.as_ref()), Found::Draft(draft));
        }
    }

    #[test]
    fn any_other_name_is_foreign() {
        let key = hex(&[0xAB; 32]);
        for name in [
            "",
            ".session",
            "notes.txt",
            LOCK,
            "oidc-session.layout.draft",
            "notes.txt.0123456789abcdef.draft",
            &format!("{}.session", &key[1..]),
            &format!("{}.session", key.to_uppercase()),
            &format!("0{key}.session"),
            &format!("{key}.session~"),
            &format!("{key}.session.0123456789abcde.draft"),
            &format!("{key}.session.0123456789abcdeX.draft"),
            &format!("é{}.session", &key[2..]),
        ] {
            assert_eq!(Found::by(name.as_ref()), Found::Foreign, "{name}");
        }
    }
}
