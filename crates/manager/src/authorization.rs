//! [`Authorization`]: the wait for an `Authorization` header value, which most often is none.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderValue;

use crate::{SessionError, SessionHandle};

/// The wait for an `Authorization` header value.
///
/// Written out, because a fresh one is then handed over as it is: what an `async` block makes of it moves it twice, and
/// that costs as much as all the rest.
pub(crate) struct Authorization<'handle> {
    handle: &'handle SessionHandle,
    /// The way that takes longer, once it was needed.
    longer: Option<Longer<'handle>>,
}

type Longer<'handle> = Pin<Box<dyn Future<Output = Result<HeaderValue, SessionError>> + Send + 'handle>>;

impl<'handle> Authorization<'handle> {
    #[inline]
    pub(crate) fn of(handle: &'handle SessionHandle) -> Self {
        Self { handle, longer: None }
    }

    #[cold]
    fn take_longer(&mut self, context: &mut Context<'_>) -> Poll<Result<HeaderValue, SessionError>> {
        let handle = self.handle;
        self.longer.get_or_insert_with(|| Box::pin(handle.usable_authorization())).as_mut().poll(context)
    }
}

impl Future for Authorization<'_> {
    type Output = Result<HeaderValue, SessionError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.longer.is_none()
            && let Some(authorization) = self.handle.try_authorization()
        {
            return Poll::Ready(Ok(authorization));
        }
        self.take_longer(context)
    }
}
