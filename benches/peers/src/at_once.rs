use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The output of a future that is ready when first asked: no executor, no waker, nothing stored.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a fresh token is at hand"),
    }
}
