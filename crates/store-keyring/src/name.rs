//! [`EntryName`]: how an entry is called in the secret store.

use std::fmt;

use oidc_session_core::StoreKey;

/// The name of an entry within the service. It holds a digest and numbers, so whoever reads it learns no secret.
///
/// The head of a session is called `<key>`, a chunk `<key>/<generation>/<number>`: in hexadecimal, without the dot that
/// Credential Manager puts between a name and its service.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum EntryName {
    Head { key: StoreKey },
    Chunk { key: StoreKey, generation: u64, number: u32 },
}

impl EntryName {
    /// The name that `text` is, if this crate could have given it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let key = parse_key(parts.next()?)?;
        let name = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => Self::Head { key },
            (Some(generation), Some(number), None) => Self::Chunk {
                key,
                generation: u64::from_str_radix(generation, 16).ok()?,
                number: u32::from_str_radix(number, 16).ok()?,
            },
            _ => return None,
        };
        // The one spelling that finds the entry again.
        (name.to_string() == text).then_some(name)
    }

    pub(crate) fn key(&self) -> StoreKey {
        match *self {
            Self::Head { key } | Self::Chunk { key, .. } => key,
        }
    }

    /// What the user sees in the password manager.
    pub(crate) fn label(&self, service: &str) -> String {
        let session: String = hex(&self.key()).chars().take(8).collect();
        match self {
            Self::Head { .. } => format!("{service}: OpenID Connect session {session}"),
            Self::Chunk { number, .. } => format!("{service}: OpenID Connect session {session}, part {}", number + 1),
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head { key } => f.write_str(&hex(key)),
            Self::Chunk { key, generation, number } => write!(f, "{}/{generation:016x}/{number:x}", hex(key)),
        }
    }
}

fn hex(key: &StoreKey) -> String {
    key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_key(text: &str) -> Option<StoreKey> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(StoreKey::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: StoreKey = StoreKey::from_bytes([0xa7; 32]);

    #[test]
    fn a_name_is_found_again() {
        for name in [
            EntryName::Head { key: KEY },
            EntryName::Chunk { key: KEY, generation: 0, number: 0 },
            EntryName::Chunk { key: KEY, generation: u64::MAX, number: u32::MAX },
        ] {
            assert_eq!(EntryName::parse(&name.to_string()), Some(name));
        }
    }

    #[test]
    fn names_of_others_are_left_alone() {
        let key = "a7".repeat(32);
        for other in [
            "",
            "alice",
            &key[2..],
            &key.to_uppercase(),
            &format!("{}é", &key[2..]),
            &format!("+7{}", &key[2..]),
            &format!("{key}/"),
            &format!("{key}/1/0"),
            &format!("{key}/{:016x}", 1),
            &format!("{key}/{:016x}/00", 1),
            &format!("{key}/{:016x}/0/0", 1),
        ] {
            assert_eq!(EntryName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_label_says_whose_session_it_is() {
        let head = EntryName::Head { key: KEY };
        assert_eq!(head.label("my-program"), "my-program: OpenID Connect session a7a7a7a7");
        let chunk = EntryName::Chunk { key: KEY, generation: 5, number: 1 };
        assert_eq!(chunk.label("my-program"), "my-program: OpenID Connect session a7a7a7a7, part 2");
    }
}
