//! [`LeaseFile`]: what the lease file of a session holds.

use std::time::Duration;

use oidc_session_core::{HolderId, LeaseClaim, LeaseState, LeaseTerm, StoreKey, Timestamp, Version};

use crate::frame::{self, Unreadable, frame, unframe};

const MAGIC: [u8; 4] = *b"OIDL";
const FORMAT: u8 = 1;
const BODY: usize = 32 + 8 + 4 + 1 + 16 + 8 + 8;

/// No lease file is longer.
pub(crate) const MAX_LENGTH: usize = BODY + frame::OVERHEAD;

/// Format 1: the store key, the version that the lease belongs to, the unsettled attempts, the claim (0 free, 1 leased,
/// 2 paused), the holder, the end of its term in milliseconds since 1970, and the term's length in milliseconds.
/// Numbers are big-endian; what a claim does not have is zero.
///
/// The lease file of another version is no lease. So the one step that replaces the record also ends its lease, and
/// there is no instant at which a crash could leave a new record under an old lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LeaseFile {
    pub(crate) version: Version,
    pub(crate) state: LeaseState,
}

impl LeaseFile {
    pub(crate) fn encode(self, key: &StoreKey) -> Vec<u8> {
        let (claim, holder, term) = match self.state.claim {
            LeaseClaim::Free => (0, 0, None),
            LeaseClaim::Leased { holder, term } => (1, holder.as_u128(), Some(term)),
            LeaseClaim::Paused { term } => (2, 0, Some(term)),
        };
        let ends_at = term.map_or(0, |term| term.ends_at.as_unix_millis());
        let length = term.map_or(0, |term| u64::try_from(term.length.as_millis()).unwrap_or(u64::MAX));
        let mut body = Vec::with_capacity(BODY);
        body.extend(key.as_bytes());
        body.extend(self.version.as_u64().to_be_bytes());
        body.extend(self.state.unsettled.to_be_bytes());
        body.push(claim);
        body.extend(holder.to_be_bytes());
        body.extend(ends_at.to_be_bytes());
        body.extend(length.to_be_bytes());
        frame(MAGIC, FORMAT, &body)
    }

    pub(crate) fn decode(bytes: &[u8], key: &StoreKey) -> Result<Self, Unreadable> {
        let body = unframe(MAGIC, FORMAT, bytes)?;
        let (of, body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let (version, body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let (unsettled, body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let ([claim], body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let (holder, body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let (ends_at, body) = body.split_first_chunk().ok_or(Unreadable::Damaged)?;
        let length = body.try_into().map_err(|_| Unreadable::Damaged)?;
        if of != key.as_bytes() {
            return Err(Unreadable::Damaged);
        }
        let term = LeaseTerm {
            ends_at: Timestamp::from_unix_millis(i64::from_be_bytes(*ends_at)),
            length: Duration::from_millis(u64::from_be_bytes(length)),
        };
        let claim = match claim {
            0 => LeaseClaim::Free,
            1 => LeaseClaim::Leased { holder: HolderId::from_u128(u128::from_be_bytes(*holder)), term },
            2 => LeaseClaim::Paused { term },
            _ => return Err(Unreadable::Damaged),
        };
        let state = LeaseState { claim, unsettled: u32::from_be_bytes(*unsettled) };
        Ok(Self { version: Version::from_u64(u64::from_be_bytes(*version)), state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
    const TERM: LeaseTerm =
        LeaseTerm { ends_at: Timestamp::from_unix_millis(0x0102), length: Duration::from_millis(0x0304) };

    #[test]
    fn what_was_encoded_is_decoded() {
        let leased = LeaseClaim::Leased { holder: HolderId::from_u128(u128::MAX - 1), term: TERM };
        for claim in [LeaseClaim::Free, leased, LeaseClaim::Paused { term: TERM }] {
            let file = LeaseFile { version: Version::from_u64(9), state: LeaseState { claim, unsettled: 5 } };
            let bytes = file.encode(&KEY);
            assert_eq!(bytes.len(), MAX_LENGTH);
            assert_eq!(LeaseFile::decode(&bytes, &KEY), Ok(file));
            let other = StoreKey::from_bytes([8; 32]);
            assert_eq!(LeaseFile::decode(&bytes, &other), Err(Unreadable::Damaged));
        }
    }

    #[test]
    fn format_1_stays_as_it_is() {
        let claim = LeaseClaim::Leased { holder: HolderId::from_u128(0x0506), term: TERM };
        let file = LeaseFile { version: Version::from_u64(9), state: LeaseState { claim, unsettled: 5 } };
        let bytes = file.encode(&KEY);
        let (content, _digest) = bytes.split_at(bytes.len() - 32);
        let mut expected = b"OIDL\x01".to_vec();
        expected.extend([7; 32]);
        expected.extend(b"\0\0\0\0\0\0\0\x09\0\0\0\x05\x01");
        expected.extend(b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\x06\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\x03\x04");
        assert_eq!(content, expected);
    }
}
