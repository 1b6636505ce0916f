//! [`Records`]: records in a vault whose entries may be small.

use std::collections::BTreeMap;

use oidc_session_core::{LeaseState, Record, StoreError, StoreErrorKind, StoreKey, Stored, Timestamp};
use zeroize::Zeroizing;

use crate::error::damaged;
use crate::head::{Chunks, Content, Head, decode_record, encode_record};
use crate::name::EntryName;
use crate::vault::Vault;

/// The records of one service.
///
/// A record is in its head entry, together with its lease, or else in chunks that the head names. New chunks are
/// written under fresh names before the head, and old ones deleted after it: so the head is the one atomic step, and a
/// crash leaves the old record or the new one, and at worst chunks that no head names, for the next sweep.
#[derive(Debug)]
pub(crate) struct Records {
    vault: Vault,
    sizes: EntrySizes,
}

/// How much text goes into one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntrySizes {
    /// The longest head that holds its record.
    pub(crate) head: usize,
    /// The longest chunk.
    pub(crate) chunk: usize,
}

impl Records {
    pub(crate) fn new(vault: Vault, sizes: EntrySizes) -> Self {
        Self { vault, sizes }
    }

    pub(crate) fn service(&self) -> &str {
        self.vault.service()
    }

    pub(crate) fn head(&self, doing: &'static str, key: &StoreKey) -> Result<Option<Head>, StoreError> {
        let text = self.vault.read(doing, EntryName::Head { key: *key })?;
        text.map(|text| Head::decode(doing, &text)).transpose()
    }

    pub(crate) fn stored(&self, doing: &'static str, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let head = self.head(doing, key)?;
        head.map(|head| Ok(Stored { version: head.version, record: self.record(doing, key, &head)? })).transpose()
    }

    /// The record of a head. Without the lock, its chunks may be replaced meanwhile, and then seem damaged.
    pub(crate) fn record(&self, doing: &'static str, key: &StoreKey, head: &Head) -> Result<Record, StoreError> {
        let chunks = match &head.content {
            Content::Inline(record) => return Ok(record.clone()),
            Content::Chunks(chunks) => chunks,
        };
        let mut text = Zeroizing::new(Vec::with_capacity(chunks.length.min(2 * Record::MAX_LENGTH)));
        for name in names_of(key, chunks) {
            let part = self.vault.read(doing, name)?.ok_or_else(|| damaged(doing))?;
            if text.len() + part.len() > chunks.length {
                return Err(damaged(doing));
            }
            text.extend_from_slice(&part);
        }
        if chunks.match_text(&text) { decode_record(doing, &text) } else { Err(damaged(doing)) }
    }

    /// Puts `next` in place of what `old` tells of, with a free lease. Only under the lock.
    pub(crate) fn replace(
        &self,
        doing: &'static str,
        key: &StoreKey,
        old: Option<&Head>,
        next: &Stored,
        keep_until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut head = Head {
            version: next.version,
            keep_until,
            lease: LeaseState::FREE,
            content: Content::Inline(next.record.clone()),
        };
        // Room for a lease, so that a head that holds its record can always take one.
        if head.encode(doing)?.len() + LONGEST_LEASE > self.sizes.head {
            head.content = Content::Chunks(self.write_chunks(doing, key, &next.record)?);
        }
        self.write_head(doing, key, &head)?;
        // From here on the commit stands, whatever becomes of the rest.
        if let Some(Head { content: Content::Chunks(chunks), .. }) = old {
            self.drop_chunks(doing, key, chunks);
        }
        Ok(())
    }

    /// Writes a head whose lease has changed.
    pub(crate) fn write_head(&self, doing: &'static str, key: &StoreKey, head: &Head) -> Result<(), StoreError> {
        self.vault.write(doing, EntryName::Head { key: *key }, &head.encode(doing)?)
    }

    /// Forgets a record and its lease. Only under the lock.
    pub(crate) fn forget(&self, doing: &'static str, key: &StoreKey, head: &Head) -> Result<(), StoreError> {
        self.vault.delete(doing, EntryName::Head { key: *key })?;
        if let Content::Chunks(chunks) = &head.content {
            self.drop_chunks(doing, key, chunks);
        }
        Ok(())
    }

    /// The keys of all entries, with the chunks there are of each, whether a head names them or not.
    pub(crate) fn keys(&self, doing: &'static str) -> Result<BTreeMap<StoreKey, Vec<EntryName>>, StoreError> {
        let mut keys = BTreeMap::<_, Vec<_>>::new();
        for name in self.vault.names(doing)? {
            let chunks = keys.entry(name.key()).or_default();
            if let EntryName::Chunk { .. } = name {
                chunks.push(name);
            }
        }
        Ok(keys)
    }

    /// Deletes those of `found` that `head` does not name: a crash left them. Only under the lock.
    pub(crate) fn tidy(&self, doing: &'static str, head: Option<&Head>, found: &[EntryName]) -> Result<(), StoreError> {
        let current = match head {
            Some(Head { content: Content::Chunks(chunks), .. }) => Some(chunks.generation),
            _ => None,
        };
        for name in found {
            if matches!(name, EntryName::Chunk { generation, .. } if Some(*generation) != current) {
                self.vault.delete(doing, *name)?;
            }
        }
        Ok(())
    }

    fn write_chunks(&self, doing: &'static str, key: &StoreKey, record: &Record) -> Result<Chunks, StoreError> {
        let text = encode_record(record);
        let chunks = Chunks::of(text.as_bytes(), self.sizes.chunk, fresh_generation(doing)?);
        for (name, part) in names_of(key, &chunks).zip(text.as_bytes().chunks(self.sizes.chunk)) {
            if let Err(error) = self.vault.write(doing, name, part) {
                // No head names them yet, so they may go.
                self.drop_chunks(doing, key, &chunks);
                return Err(error);
            }
        }
        Ok(chunks)
    }

    /// What cannot be deleted now is left for the next sweep.
    fn drop_chunks(&self, doing: &'static str, key: &StoreKey, chunks: &Chunks) {
        for name in names_of(key, chunks) {
            if self.vault.delete(doing, name).is_err() {
                return;
            }
        }
    }
}

/// How much longer a head becomes by any lease.
const LONGEST_LEASE: usize = 256;

fn names_of(key: &StoreKey, chunks: &Chunks) -> impl Iterator<Item = EntryName> + use<> {
    let (key, generation) = (*key, chunks.generation);
    (0..chunks.count).map(move |number| EntryName::Chunk { key, generation, number })
}

fn fresh_generation(doing: &'static str) -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, doing).because(error.to_string()))?;
    Ok(u64::from_be_bytes(bytes))
}
