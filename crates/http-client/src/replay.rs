//! [`Replay`]: how the body of a request is had a second time.

/// How the body of a request is had a second time, should its token be refused.
///
/// It is asked before each request with a token is sent, so it should cost little. A closure over `&B` is one.
///
/// ```
/// # use oidc_session_http_client::{SessionAuth, SessionLayer};
/// # fn example(auth: SessionAuth) {
/// // Only what is empty is sent again.
/// let layer = SessionLayer::new(auth).replay(|body: &String| body.is_empty().then(String::new));
/// # }
/// ```
pub trait Replay<B> {
    /// The body once more; `None` if it can be read only once.
    fn replay(&self, body: &B) -> Option<B>;
}

/// Clones the body: right for bodies that lie in memory and share it, such as `Full<Bytes>` and `String`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cloned;

/// Sends nothing twice: for bodies that are streams. A refused token is replaced, and the 401 is the program's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl<B: Clone> Replay<B> for Cloned {
    fn replay(&self, body: &B) -> Option<B> {
        Some(body.clone())
    }
}

impl<B> Replay<B> for Never {
    fn replay(&self, _body: &B) -> Option<B> {
        None
    }
}

impl<B, F: Fn(&B) -> Option<B>> Replay<B> for F {
    fn replay(&self, body: &B) -> Option<B> {
        self(body)
    }
}
