//! [`ReadyHeader`]: an `Authorization` header value, made once.

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::thread;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

/// An `Authorization` header value, made once and cloned for each caller. Its memory is wiped with the last clone.
///
/// A clone counts references, and two cores that count in one place cost each other several times the rest of the way. So
/// where many threads are found to share a token, each gets a copy to count in. A million sessions that are used now
/// and then have no copies.
pub(crate) struct ReadyHeader {
    value: HeaderValue,
    /// How much of it is the scheme.
    scheme: u16,
    /// How often others than the first thread have asked.
    others: AtomicU16,
    /// The number of the thread that asked first. It has `value` to itself until there are copies.
    first: AtomicU32,
    copies: OnceLock<Box<Copies>>,
}

/// One for each thread, or for a few of them.
struct Copies(Box<[HeaderValue]>);

impl ReadyHeader {
    /// After this many uses by other threads, copies are made.
    const MANY: u16 = 256;
    const MOST_COPIES: usize = 64;

    /// `None` if the token has characters that no header may carry.
    pub(crate) fn new(scheme: &str, token: &str) -> Option<Self> {
        let text = [scheme.as_bytes(), b" ", token.as_bytes()].concat().into_boxed_slice();
        Some(Self {
            value: sensitive(Bytes::from_owner(Zeroizing::new(text)))?,
            scheme: u16::try_from(scheme.len()).ok()?,
            others: AtomicU16::new(0),
            first: AtomicU32::new(NOBODY),
            copies: OnceLock::new(),
        })
    }

    /// How the token is presented.
    pub(crate) fn scheme(&self) -> Option<&str> {
        str::from_utf8(&self.value.as_bytes()[..usize::from(self.scheme)]).ok()
    }

    /// The token.
    pub(crate) fn token(&self) -> Option<&str> {
        str::from_utf8(&self.value.as_bytes()[usize::from(self.scheme) + 1..]).ok()
    }

    #[inline]
    pub(crate) fn get(&self) -> HeaderValue {
        let thread = this_thread();
        let value = match self.copies.get() {
            Some(copies) => copies.of(thread),
            None => {
                if self.first.load(Ordering::Relaxed) != thread {
                    self.share(thread);
                }
                &self.value
            }
        };
        value.clone()
    }

    /// A clone that counts in one place with the first thread's.
    pub(crate) fn original(&self) -> HeaderValue {
        self.value.clone()
    }

    #[cold]
    fn share(&self, thread: u32) {
        if self.first.compare_exchange(NOBODY, thread, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return;
        }
        if self.others.fetch_add(1, Ordering::Relaxed) == Self::MANY
            && let Some(copies) = Copies::of_text(self.value.as_bytes())
        {
            // Whoever was faster made the same.
            let _ = self.copies.set(Box::new(copies));
        }
    }
}

impl Copies {
    fn of_text(text: &[u8]) -> Option<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from).saturating_mul(2);
        let copy = |_| sensitive(Bytes::from_owner(OwnLines(Zeroizing::new(text.into()))));
        (0..threads.next_power_of_two().min(ReadyHeader::MOST_COPIES)).map(copy).collect::<Option<_>>().map(Self)
    }

    #[inline]
    fn of(&self, thread: u32) -> &HeaderValue {
        &self.0[thread as usize % self.0.len()]
    }
}

/// A header's text whose reference count shares no line of the caches with another one's.
#[repr(align(128))]
struct OwnLines(Zeroizing<Box<[u8]>>);

impl AsRef<[u8]> for OwnLines {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn sensitive(text: Bytes) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

const NOBODY: u32 = 0;

/// The number of the calling thread.
#[inline]
fn this_thread() -> u32 {
    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(NOBODY) };
    }
    NUMBER.with(|number| match number.get() {
        NOBODY => {
            static NEXT: AtomicU32 = AtomicU32::new(1);
            let mut next = NEXT.fetch_add(1, Ordering::Relaxed);
            if next == NOBODY {
                next = NEXT.fetch_add(1, Ordering::Relaxed);
            }
            number.set(next);
            next
        }
        known => known,
    })
}

impl fmt::Debug for ReadyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadyHeader([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_copy_is_the_same_sensitive_value() {
        let header = ReadyHeader::new("Bearer", "token").unwrap();
        let asked = |times: u32| {
            thread::scope(|scope| {
                let ask = || (0..times).map(|_| header.get()).collect::<Vec<_>>();
                scope.spawn(ask).join().unwrap()
            })
        };
        let values = [asked(1), asked(1_000), asked(1_000)].concat();
        assert!(values.iter().all(|value| value == "Bearer token" && value.is_sensitive()));
        assert_eq!(format!("{header:?}"), "ReadyHeader([redacted])");
    }

    #[test]
    fn copies_are_made_only_when_many_threads_share() {
        let header = ReadyHeader::new("Bearer", "token").unwrap();
        let ask = |times| (0..times).for_each(|_| drop(header.get()));
        ask(10_000);
        assert!(header.copies.get().is_none(), "one thread alone needs none");
        thread::scope(|scope| drop(scope.spawn(|| ask(ReadyHeader::MANY)).join()));
        assert!(header.copies.get().is_none(), "few uses by others need none");
        thread::scope(|scope| drop(scope.spawn(|| ask(1)).join()));
        assert!(header.copies.get().is_some());
    }

    #[test]
    fn two_threads_get_clones_of_different_copies() {
        let header = ReadyHeader::new("Bearer", "token").unwrap();
        let address = || {
            (0..=ReadyHeader::MANY + 1).for_each(|_| drop(header.get()));
            header.get().as_bytes().as_ptr() as usize
        };
        let addresses = thread::scope(|scope| {
            let first = scope.spawn(address).join().unwrap();
            let second = scope.spawn(address).join().unwrap();
            let third = scope.spawn(address).join().unwrap();
            [first, second, third]
        });
        assert!(addresses[1] != addresses[2] || header.copies.get().unwrap().0.len() == 1);
    }

    #[test]
    fn a_token_that_no_header_may_carry_makes_none() {
        assert!(ReadyHeader::new("Bearer", "line\nbreak").is_none());
    }
}
