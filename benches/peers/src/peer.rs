//! [`Peer`]: what is measured.

use std::sync::Arc;

use http::HeaderValue;

use crate::TokenEndpoint;
use crate::at_once::at_once;

/// What the storm finds when it breaks loose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// One token, expired.
    Expired,
    /// No token yet, because this peer does not ask on demand; the first one is on its way.
    Empty,
}

/// Somebody who holds a token and hands out its header value.
pub trait Peer: Send + Sync + Sized + 'static {
    /// The name of its rows.
    const NAME: &'static str;

    /// The crate whose version belongs to the rows, if it is one.
    const CRATE: Option<&'static str> = Some(Self::NAME);

    /// What its storm begins with.
    const START: Start = Start::Expired;

    /// A peer that has its tokens from `endpoint`, and has asked for the first one.
    fn start(endpoint: Arc<TokenEndpoint>) -> impl Future<Output = Self> + Send;

    /// The header value of a token that is still valid, refreshed first if need be.
    fn authorization(&self) -> impl Future<Output = HeaderValue> + Send;

    /// The same while the token is fresh, for threads that are in a runtime and do not run its tasks. `thread` is the
    /// caller's number, for whom it helps.
    fn header(&self, thread: usize) -> HeaderValue {
        let _ = thread;
        at_once(self.authorization())
    }
}
