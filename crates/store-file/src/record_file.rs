//! [`RecordFile`]: what the file of a session holds.

use oidc_session_core::{Record, StoreKey, Stored, Timestamp, Version};

use crate::frame::{self, Unreadable, frame, unframe};

const MAGIC: [u8; 4] = *b"OIDR";
const FORMAT: u8 = 1;
const HEAD: usize = 32 + 8 + 1 + 8;

/// No file of a session is longer. Nothing longer is read into memory.
pub(crate) const MAX_LENGTH: usize = HEAD + Record::MAX_STORED_LENGTH + frame::OVERHEAD;

/// Format 1: the store key, the version, `keep_until` (a byte that says whether there is one, and milliseconds since
/// 1970), and the record. Numbers are big-endian.
///
/// The key is in it although the name of the file says it too: a file that was copied onto another name must not pass
/// for that other session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RecordFile {
    pub(crate) stored: Stored,
    pub(crate) keep_until: Option<Timestamp>,
}

impl RecordFile {
    pub(crate) fn encode(stored: &Stored, keep_until: Option<Timestamp>, key: &StoreKey) -> Vec<u8> {
        let record = stored.record.as_bytes();
        let mut body = Vec::with_capacity(HEAD + record.len());
        body.extend(key.as_bytes());
        body.extend(stored.version.as_u64().to_be_bytes());
        body.push(keep_until.is_some().into());
        body.extend(keep_until.map_or(0, Timestamp::as_unix_millis).to_be_bytes());
        body.extend(record);
        frame(MAGIC, FORMAT, &body)
    }

    pub(crate) fn decode(bytes: &[u8], key: &StoreKey) -> Result<Self, Unreadable> {
        let body = unframe(MAGIC, FORMAT, bytes)?;
        let (of, body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let (version, body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let ([is_kept], body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let (millis, record) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let keep_until = match is_kept {
            0 => None,
            1 => Some(Timestamp::from_unix_millis(i64::from_be_bytes(*millis))),
            _ => return Err(Unreadable::Damaged),
        };
        if of != key.as_bytes() {
            return Err(Unreadable::Damaged);
        }
        let version = Version::from_u64(u64::from_be_bytes(*version));
        Ok(Self { stored: Stored { version, record: Record::from_bytes(record.to_vec()) }, keep_until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

    #[test]
    fn what_was_encoded_is_decoded() {
        let instants = [None, Some(Timestamp::MAX), Some(Timestamp::from_unix_millis(i64::MIN))];
        for keep_until in instants {
            for record in [&b""[..], b"sealed", &[0xFF; Record::MAX_STORED_LENGTH]] {
                let stored =
                    Stored { version: Version::from_u64(1 << 62), record: Record::from_bytes(record.to_vec()) };
                let bytes = RecordFile::encode(&stored, keep_until, &KEY);
                assert!(bytes.len() <= MAX_LENGTH);
                assert_eq!(RecordFile::decode(&bytes, &KEY), Ok(RecordFile { stored, keep_until }));
            }
        }
    }

    #[test]
    fn a_file_under_another_sessions_name_is_damaged() {
        let bytes = RecordFile::encode(&stored(), None, &KEY);
        let other = StoreKey::from_bytes([8; 32]);
        assert_eq!(RecordFile::decode(&bytes, &other), Err(Unreadable::Damaged));
    }

    #[test]
    fn format_1_stays_as_it_is() {
        let bytes = RecordFile::encode(&stored(), Some(Timestamp::from_unix_millis(0x0102)), &KEY);
        let (content, _digest) = bytes.split_at(bytes.len() - 32);
        let mut expected = b"OIDR\x01".to_vec();
        expected.extend([7; 32]);
        expected.extend(b"\0\0\0\0\0\0\0\x09\x01\0\0\0\0\0\0\x01\x02sealed");
        assert_eq!(content, expected);
    }

    fn stored() -> Stored {
        Stored { version: Version::from_u64(9), record: Record::from_bytes(b"sealed".to_vec()) }
    }
}
