//! [`List`]: walking all records of a store.

use std::fmt;
use std::vec;

use async_trait::async_trait;

use crate::{SessionStore, StoreError, StoreKey, Stored};

/// Walks the records of a store. An optional power.
///
/// # Contract
///
/// - A record that is there from the first page to the last is listed, whatever happens to others meanwhile.
/// - A record may be listed twice, and one that comes or goes meanwhile may be listed or not.
/// - A record that is there and cannot be read hides no other: its key is among the [unreadable](Page::unreadable) ones.
///   What hinders all records alike, such as an outage, is an error.
/// - The order is the store's own.
#[async_trait]
pub trait List: SessionStore {
    /// The page that begins at `from`, or the first one.
    ///
    /// `limit` is how many records the caller would like at once. A page may hold fewer, even none with more to come,
    /// and a few more where the backend does not count exactly.
    async fn list(&self, from: Option<&Cursor>, limit: usize) -> Result<Page, StoreError>;
}

/// Some records of a store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// The records with their keys.
    pub entries: Vec<(StoreKey, Stored)>,
    /// Records that are there and cannot be read, such as damaged ones. [`load`](SessionStore::load) tells why.
    pub unreadable: Vec<StoreKey>,
    /// Where the next page begins. `None` after the last one.
    pub next: Option<Cursor>,
}

/// What a [`Walk`] comes by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Walked {
    /// A record.
    Record {
        /// Its key.
        key: StoreKey,
        /// The record as it is stored.
        stored: Stored,
    },
    /// The key of a record that is there and cannot be read. [`load`](SessionStore::load) tells why.
    Unreadable(StoreKey),
}

/// Where a page begins: bytes that only the store understands.
#[derive(Clone, Eq, PartialEq)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// A cursor from a store's own bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store that made it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} bytes)", self.0.len())
    }
}

/// All records of a store, page after page: never more than one page is in memory.
///
/// ```
/// # async fn example(store: &dyn oidc_session_core::List) -> Result<(), oidc_session_core::StoreError> {
/// use oidc_session_core::{Walk, Walked};
///
/// let mut records = Walk::over(store);
/// while let Some(walked) = records.next().await? {
///     match walked {
///         Walked::Record { key, stored } => println!("{key:?} is at version {}", stored.version),
///         Walked::Unreadable(key) => println!("{key:?} is damaged"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Walk<'a> {
    store: &'a dyn List,
    page: vec::IntoIter<Walked>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    From(Cursor),
    Nothing,
}

impl<'a> Walk<'a> {
    /// How many records are asked for at a time.
    const PAGE: usize = 100;

    /// Begins before the first record.
    pub fn over(store: &'a dyn List) -> Self {
        Self { store, page: Vec::new().into_iter(), next: Next::First }
    }

    /// The next record, or `None` after the last one. After an error, asking again goes on where it stood.
    pub async fn next(&mut self) -> Result<Option<Walked>, StoreError> {
        loop {
            if let Some(walked) = self.page.next() {
                return Ok(Some(walked));
            }
            let from = match &self.next {
                Next::First => None,
                Next::From(cursor) => Some(cursor),
                Next::Nothing => return Ok(None),
            };
            let page = self.store.list(from, Self::PAGE).await?;
            let records = page.entries.into_iter().map(|(key, stored)| Walked::Record { key, stored });
            let unreadable = page.unreadable.into_iter().map(Walked::Unreadable);
            self.page = records.chain(unreadable).collect::<Vec<_>>().into_iter();
            self.next = page.next.map_or(Next::Nothing, Next::From);
        }
    }
}
