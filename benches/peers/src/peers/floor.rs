//! The least that answers the question: what is known, a look at the clock, a copy of a ready header value.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::HeaderValue;
use rustix::time::{ClockId, clock_gettime};

use crate::bearer::bearer;
use crate::{Peer, TokenEndpoint};

const COPIES: usize = 8;

/// The floor. In the storm every task waits by itself, as long as the endpoint takes.
#[derive(Debug)]
pub struct Floor {
    known: ArcSwap<Known>,
}

#[derive(Debug)]
struct Known {
    deadline_millis: i64,
    /// One for each thread: a copy counts its readers, and threads that share a count wait for each other.
    headers: [HeaderValue; COPIES],
}

impl Known {
    fn fresh_header(&self, thread: usize) -> Option<HeaderValue> {
        (now_millis() < self.deadline_millis).then(|| self.headers[thread % COPIES].clone())
    }
}

impl Peer for Floor {
    const NAME: &'static str = "floor";
    const CRATE: Option<&'static str> = None;

    async fn start(endpoint: Arc<TokenEndpoint>) -> Self {
        let issued = endpoint.token().await;
        Self { known: ArcSwap::from_pointee(known(&issued.token, issued.lifetime)) }
    }

    async fn authorization(&self) -> HeaderValue {
        if let Some(header) = self.known.load().fresh_header(0) {
            return header;
        }
        tokio::time::sleep(TokenEndpoint::WAIT).await;
        TokenEndpoint::right_header()
    }

    fn header(&self, thread: usize) -> HeaderValue {
        self.known.load().fresh_header(thread).expect("a fresh token is at hand")
    }
}

fn known(token: &str, lifetime: Duration) -> Known {
    let lifetime = i64::try_from(lifetime.as_millis()).expect("a day");
    Known { deadline_millis: now_millis() + lifetime, headers: std::array::from_fn(|_| apart(&bearer(token))) }
}

/// A copy whose count has a cache line of its own.
fn apart(header: &HeaderValue) -> HeaderValue {
    let bytes = Bytes::from_owner(OwnLine(header.as_bytes().to_vec()));
    let mut copy = HeaderValue::from_maybe_shared(bytes).expect("it is one already");
    copy.set_sensitive(true);
    copy
}

#[repr(align(128))]
struct OwnLine(Vec<u8>);

impl AsRef<[u8]> for OwnLine {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The kernel's time of the last tick.
fn now_millis() -> i64 {
    let time = clock_gettime(ClockId::RealtimeCoarse);
    time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}
