//! [`KeyRing`]: the key that signs now, and those that signed before.

use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;

use super::signing_key::{Hint, SigningKey};

/// The signing keys of a server, in the order they were made.
#[derive(Debug)]
pub(super) struct KeyRing {
    current: Arc<SigningKey>,
    former: Vec<Arc<SigningKey>>,
    /// How many of the former keys are no longer published.
    withdrawn: usize,
}

impl KeyRing {
    pub(super) fn new(key: SigningKey) -> Self {
        Self { current: Arc::new(key), former: Vec::new(), withdrawn: 0 }
    }

    /// The key that signs. Take it out of the lock first: a signature takes a moment.
    pub(super) fn current(&self) -> Arc<SigningKey> {
        self.current.clone()
    }

    /// From now on another key signs. The former ones stay published.
    pub(super) fn rotate(&mut self, key: SigningKey) {
        let former = std::mem::replace(&mut self.current, Arc::new(key));
        self.former.push(former);
    }

    /// Publishes the current key only.
    pub(super) fn withdraw_former(&mut self) {
        self.withdrawn = self.former.len();
    }

    /// What `/jwks` publishes: the current key, then the former ones.
    pub(super) fn published(&self) -> JwkSet {
        let former = self.former.iter().skip(self.withdrawn).rev();
        let keys = std::iter::once(&self.current).chain(former).map(|key| key.public().clone()).collect();
        JwkSet { keys }
    }

    /// Reads an ID token that any of the keys has signed, published or not.
    pub(super) fn read_hint(&self, id_token: &str) -> Option<Hint> {
        std::iter::once(&self.current).chain(&self.former).find_map(|key| key.read_hint(id_token))
    }
}
