//! [`Seal`]: how sessions become records, and records sessions.

use std::sync::Arc;

use oidc_session_core::{
    Expected, Note, NoteName, Record, RecordError, SessionId, SessionState, StoreKey, Stored, Timestamp, Version,
};
use zeroize::Zeroizing;

use crate::key::Binding;
use crate::{Address, KeyId, KeyRing};

/// How sessions become records, and records sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Seal(Option<Arc<KeyRing>>);

/// What a record turned out to be.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The session, or its tombstone.
    pub state: SessionState,
    /// Where it is kept.
    pub address: Address,
}

/// What a record turned out to be that is no session.
#[derive(Clone, Debug)]
pub struct OpenedNote {
    /// The note.
    pub note: Note,
    /// Where it is kept.
    pub address: Address,
}

const KEY_ID: usize = 8;
const DIGEST: usize = 32;
const TAG: usize = 16;

impl Seal {
    /// Seals with the keys of a ring.
    pub fn with(ring: KeyRing) -> Self {
        Self(Some(Arc::new(ring)))
    }

    /// Does not seal: for stores that nobody else can read, such as memory.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The key ring, if there is one.
    pub fn key_ring(&self) -> Option<&KeyRing> {
        self.0.as_deref()
    }

    /// Where the session of this id is kept.
    pub fn address(&self, id: &SessionId) -> Address {
        self.address_of_digest(id.store_key())
    }

    /// Where the note of this name is kept.
    pub fn address_of_note(&self, name: &NoteName) -> Address {
        self.address_of_digest(name.store_key())
    }

    /// Where the session, or the note, of this digest is kept: for copies from one store to another.
    pub fn address_of_digest(&self, digest: StoreKey) -> Address {
        let key = self.0.as_ref().map_or(digest, |ring| ring.name(&digest));
        Address { key, digest }
    }

    /// Makes a record of a session, at a version of its own, to be committed at `now` in place of what is `expected`.
    ///
    /// # Errors
    ///
    /// The session is larger than a record may be.
    pub fn close(
        &self,
        address: &Address,
        expected: Expected,
        state: &SessionState,
        now: Timestamp,
    ) -> Result<Stored, RecordError> {
        self.close_record(address, expected, Record::encode(state)?, now)
    }

    /// As [`close`](Self::close), of a note.
    ///
    /// # Errors
    ///
    /// The note is larger than a record may be.
    pub fn close_note(
        &self,
        address: &Address,
        expected: Expected,
        note: &Note,
        now: Timestamp,
    ) -> Result<Stored, RecordError> {
        self.close_record(address, expected, Record::encode_note(note)?, now)
    }

    fn close_record(
        &self,
        address: &Address,
        expected: Expected,
        record: Record,
        now: Timestamp,
    ) -> Result<Stored, RecordError> {
        let version = Version::after(expected, now);
        let record = match &self.0 {
            Some(ring) => seal(ring, address, version, &record)?,
            None => record,
        };
        Ok(Stored { version, record })
    }

    /// Reads what a store keeps under `key`.
    ///
    /// # Errors
    ///
    /// The record is damaged, or not what was sealed under this key and version. Nothing is destroyed.
    pub fn open(&self, key: &StoreKey, stored: &Stored) -> Result<Opened, RecordError> {
        let (plain, address) = self.open_record(key, stored)?;
        Ok(Opened { state: Record::decode_bytes(&plain)?, address })
    }

    /// As [`open`](Self::open), of a note.
    ///
    /// # Errors
    ///
    /// As there; also if it is a session.
    pub fn open_note(&self, key: &StoreKey, stored: &Stored) -> Result<OpenedNote, RecordError> {
        let (plain, address) = self.open_record(key, stored)?;
        Ok(OpenedNote { note: Record::decode_note_bytes(&plain)?, address })
    }

    /// The bytes of a record as they were before they were sealed.
    fn open_record(&self, key: &StoreKey, stored: &Stored) -> Result<(Zeroizing<Vec<u8>>, Address), RecordError> {
        if stored.record.as_bytes().len() > Record::MAX_STORED_LENGTH {
            return Err(RecordError::TooLarge);
        }
        let Some(ring) = &self.0 else {
            let plain = Zeroizing::new(stored.record.as_bytes().to_vec());
            return Ok((plain, Address { key: *key, digest: *key }));
        };
        let (key_id, sealed) = payload(&stored.record)?;
        let sealing_key = ring.key(key_id).ok_or(RecordError::UnknownKey { key_id: key_id.as_u64() })?;
        let mut plain = sealing_key.open(&binding(key, stored.version), sealed).map_err(|_| RecordError::Refused)?;
        let digest = plain.first_chunk::<DIGEST>().ok_or(RecordError::Refused)?;
        let address = self.address_of_digest(StoreKey::from_bytes(*digest));
        if address.key != *key {
            return Err(RecordError::Refused);
        }
        plain.drain(..DIGEST);
        Ok((plain, address))
    }

    /// The same state, or note, at the same place, sealed anew with the newest key, to be committed in place of `stored`. `None` if
    /// it is sealed with that key already.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn reseal(&self, key: &StoreKey, stored: &Stored, now: Timestamp) -> Result<Option<Stored>, RecordError> {
        let Some(ring) = &self.0 else { return Ok(None) };
        if payload(&stored.record)?.0 == ring.sealing_key_id() {
            return Ok(None);
        }
        let expected = Expected::At(stored.version);
        match self.open(key, stored) {
            Ok(Opened { state, address }) => self.close(&address, expected, &state, now).map(Some),
            Err(RecordError::Note) => {
                let OpenedNote { note, address } = self.open_note(key, stored)?;
                self.close_note(&address, expected, &note, now).map(Some)
            }
            Err(error) => Err(error),
        }
    }
}

fn seal(ring: &KeyRing, address: &Address, version: Version, record: &Record) -> Result<Record, RecordError> {
    // The digest goes along: with it a session can be found under the names of another ring.
    // Room for the tag as well: a buffer that has to grow would leave a copy behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(DIGEST + record.as_bytes().len() + TAG));
    plain.extend_from_slice(address.digest.as_bytes());
    plain.extend_from_slice(record.as_bytes());
    let key = ring.sealing_key();
    let sealed = key.seal(&binding(&address.key, version), plain).map_err(|_| RecordError::TooLarge)?;
    Ok(Record::sealed(&[&key.id.as_u64().to_be_bytes()[..], &sealed].concat()))
}

/// Which key sealed a record, and what it sealed.
fn payload(record: &Record) -> Result<(KeyId, &[u8]), RecordError> {
    let Some(payload) = record.sealed_payload() else {
        // What is readable without a key is a record of its own; whatever else is damage.
        return Err(match record.decode() {
            Ok(_) | Err(RecordError::Note) => RecordError::NotSealed,
            Err(error) => error,
        });
    };
    let (id, sealed) = payload.split_first_chunk::<KEY_ID>().ok_or(RecordError::Corrupt)?;
    Ok((KeyId::from_u64(u64::from_be_bytes(*id)), sealed))
}

fn binding(key: &StoreKey, version: Version) -> Binding {
    Binding { key: *key, version: version.as_u64() }
}
