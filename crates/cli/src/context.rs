//! [`Context`]: what every command works with.

use std::sync::Arc;

use oidc_session_core::{Clock, SessionId, SystemClock};

use crate::failure::Failure;
use crate::key_source::KeySource;
use crate::open_store::OpenStore;
use crate::output::Output;
use crate::store_url::StoreUrl;

/// What every command works with: where to print, which store, which session, what time it is.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) clock: Arc<dyn Clock>,
    /// The session's name, already checked.
    pub(crate) session: String,
    store: Option<String>,
    /// Where the store's key ring comes from.
    pub(crate) keys: KeySource,
}

impl Context {
    pub(crate) fn new(output: Output, store: Option<String>, keys: KeySource, session: String) -> Self {
        Self { output, clock: Arc::new(SystemClock), session, store, keys }
    }

    /// The session's id.
    pub(crate) fn id(&self) -> Result<SessionId, Failure> {
        SessionId::named(&self.session).map_err(|error| Failure::usage(error.to_string()))
    }

    /// Which store.
    pub(crate) fn store_url(&self) -> Result<StoreUrl, Failure> {
        match &self.store {
            Some(url) => StoreUrl::parse(url),
            None => StoreUrl::in_data_folder(),
        }
    }

    /// Opens the store, and finds the keys of its records.
    pub(crate) async fn store(&self) -> Result<OpenStore, Failure> {
        OpenStore::open(self.store_url()?, &self.keys, self).await
    }
}
