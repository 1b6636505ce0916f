//! [`Head`]: the entry that says what the record of a session is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oidc_session_core::{LeaseState, Record, StoreError, StoreErrorKind, Timestamp, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::damaged;
use crate::lease::Lease;

/// What is known of one key. Writing it is the one atomic step of every change.
pub(crate) struct Head {
    pub(crate) version: Version,
    pub(crate) keep_until: Option<Timestamp>,
    pub(crate) lease: LeaseState,
    pub(crate) content: Content,
}

/// Where the record is.
pub(crate) enum Content {
    /// In the head.
    Inline(Record),
    /// In entries of its own, because it is too long for one.
    Chunks(Chunks),
}

/// Entries that hold a record between them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Chunks {
    /// Random, so that no name is used twice.
    #[serde(with = "hex_number")]
    pub(crate) generation: u64,
    pub(crate) count: u32,
    /// Of their text together.
    pub(crate) length: usize,
    #[serde(with = "base64_digest")]
    digest: [u8; 32],
}

/// The text of a head. Borrows the record, so that no further copy of it is made.
#[derive(Deserialize, Serialize)]
struct Wire<'a> {
    format: u32,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_until_unix_ms: Option<i64>,
    #[serde(default)]
    lease: Lease,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunks: Option<Chunks>,
}

/// The one thing that every format has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

const FORMAT: u32 = 1;

impl Head {
    pub(crate) fn encode(&self, doing: &'static str) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let (record, chunks) = match &self.content {
            Content::Inline(record) => (Some(encode_record(record)), None),
            Content::Chunks(chunks) => (None, Some(*chunks)),
        };
        let record = record.as_deref().map(String::as_str);
        let wire = Wire {
            format: FORMAT,
            version: self.version.as_u64(),
            keep_until_unix_ms: self.keep_until.map(Timestamp::as_unix_millis),
            lease: self.lease.into(),
            record,
            chunks,
        };
        // Room enough, so that no part of it stays behind in memory that was outgrown.
        let mut text = Zeroizing::new(Vec::with_capacity(record.map_or(0, str::len) + 1024));
        serde_json::to_writer(&mut *text, &wire).map_err(|_| {
            StoreError::new(StoreErrorKind::Misconfigured, doing).because("it cannot be written as text")
        })?;
        Ok(text)
    }

    pub(crate) fn decode(doing: &'static str, text: &[u8]) -> Result<Self, StoreError> {
        // The parser's messages could quote the record, so they go no further.
        let Format { format } = serde_json::from_slice(text).map_err(|_| damaged(doing))?;
        if format > FORMAT {
            return Err(StoreError::new(StoreErrorKind::Misconfigured, doing)
                .because(format!("the entry has format {format}, this version knows up to {FORMAT}")));
        }
        let wire: Wire<'_> = serde_json::from_slice(text).map_err(|_| damaged(doing))?;
        let content = match (wire.record, wire.chunks) {
            (Some(record), None) => Content::Inline(decode_record(doing, record.as_bytes())?),
            (None, Some(chunks)) => Content::Chunks(chunks),
            _ => return Err(damaged(doing)),
        };
        Ok(Self {
            version: Version::from_u64(wire.version),
            keep_until: wire.keep_until_unix_ms.map(Timestamp::from_unix_millis),
            lease: wire.lease.into(),
            content,
        })
    }
}

impl Chunks {
    /// How the text of a record is told that is split into pieces of at most `size` bytes.
    pub(crate) fn of(text: &[u8], size: usize, generation: u64) -> Self {
        let count = u32::try_from(text.len().div_ceil(size)).unwrap_or(u32::MAX);
        Self { generation, count, length: text.len(), digest: Sha256::digest(text).into() }
    }

    /// Whether `text` is what was split.
    pub(crate) fn match_text(&self, text: &[u8]) -> bool {
        text.len() == self.length && self.digest == <[u8; 32]>::from(Sha256::digest(text))
    }
}

/// A record as text: KWallet keeps nothing else.
pub(crate) fn encode_record(record: &Record) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(record.as_bytes()))
}

pub(crate) fn decode_record(doing: &'static str, text: &[u8]) -> Result<Record, StoreError> {
    let mut bytes = Vec::with_capacity(text.len());
    match STANDARD.decode_vec(text, &mut bytes) {
        Ok(()) => Ok(Record::from_bytes(bytes)),
        Err(_) => {
            bytes.zeroize();
            Err(damaged(doing))
        }
    }
}

mod hex_number {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        u64::from_str_radix(text, 16).map_err(de::Error::custom)
    }
}

mod base64_digest {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(digest: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(de::Error::custom)?;
        bytes.try_into().map_err(|_| de::Error::custom("a digest has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use oidc_session_core::{HolderId, LeaseClaim, LeaseTerm};

    use super::*;

    fn head(content: Content) -> Head {
        let now = Timestamp::from_unix_seconds(1_700_000_000);
        let term = LeaseTerm::new(Duration::from_secs(20), now);
        let claim = LeaseClaim::Leased { holder: HolderId::from_u128(7), term };
        let lease = LeaseState { claim, unsettled: 0 };
        Head { version: Version::from_u64(i64::MAX as u64), keep_until: Some(now), lease, content }
    }

    #[test]
    fn the_text_of_format_1_stays_as_it_is() {
        let inline = head(Content::Inline(Record::from_bytes(b"sealed".to_vec())));
        assert_eq!(
            String::from_utf8_lossy(&inline.encode("test").unwrap()),
            concat!(
                r#"{"format":1,"version":9223372036854775807,"keep_until_unix_ms":1700000000000,"#,
                r#""lease":{"unsettled":0,"claim":{"leased":{"holder":"00000000000000000000000000000007","#,
                r#""term":{"ends_at_unix_ms":1700000020000,"length_ms":20000}}}},"record":"c2VhbGVk"}"#,
            )
        );
        let chunks = head(Content::Chunks(Chunks::of(b"c2VhbGVk", 3, 5)));
        let text = chunks.encode("test").unwrap();
        let text = String::from_utf8_lossy(&text);
        let at_the_end = concat!(r#""chunks":{"generation":"0000000000000005","count":3,"length":8,"#, r#""digest":"#,);
        assert!(text.contains(at_the_end), "{text}");
        assert!(text.len() < 512, "a head that names chunks fits into the smallest entry");
    }

    #[test]
    fn a_head_is_read_back() {
        let written = head(Content::Chunks(Chunks::of(b"c2VhbGVk", 3, 5)));
        let read = Head::decode("test", &written.encode("test").unwrap()).unwrap();
        assert_eq!(read.version, written.version);
        assert_eq!(read.keep_until, written.keep_until);
        assert_eq!(read.lease, written.lease);
        assert!(matches!(read.content, Content::Chunks(chunks) if chunks.match_text(b"c2VhbGVk")));
    }

    #[test]
    fn a_newer_format_is_not_called_damaged() {
        let error = Head::decode("test", br#"{"format":2,"all":"new"}"#).err().unwrap();
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
    }

    #[test]
    fn what_is_no_head_is_damaged_and_not_quoted() {
        for text in [
            "",
            "hunter2",
            r#"{"format":1}"#,
            r#"{"format":1,"version":-1,"record":"aHVudGVyMg=="}"#,
            r#"{"format":1,"version":1}"#,
            r#"{"format":1,"version":1,"record":"hunter2!"}"#,
            r#"{"format":1,"version":1,"record":7}"#,
            r#"{"format":1,"version":1,"chunks":{"generation":"hunter2","count":1,"length":1,"digest":""}}"#,
        ] {
            let error = Head::decode("test", text.as_bytes()).err().unwrap();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{text}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }
}
