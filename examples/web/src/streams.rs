//! [`Streams`]: who listens to events, and how many may.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oidc_session::SignInId;
use tokio::sync::oneshot;

/// Streams of one session. Browsers have six connections to a server of HTTP/1.1, and pages need some of them.
const MOST_OF_A_SESSION: usize = 4;
/// Streams of all sessions.
const MOST: usize = 1_000;

/// The open streams. A session that opens one too many loses its oldest: the tab that was looked at longest ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    count: usize,
    of: HashMap<SignInId, VecDeque<(u64, oneshot::Sender<()>)>>,
}

/// A place among the streams; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Streams,
    sign_in: SignInId,
    number: u64,
    /// Ends when a newer stream takes the place.
    pub(crate) replaced: oneshot::Receiver<()>,
}

impl Streams {
    /// Takes a place for a stream of this session; `None` if there are too many streams of others.
    pub(crate) fn enter(&self, sign_in: SignInId) -> Option<Place> {
        let mut open = self.open();
        let known = open.of.get_mut(&sign_in);
        let gone = known.and_then(|places| if places.len() >= MOST_OF_A_SESSION { places.pop_front() } else { None });
        if gone.is_some() {
            open.count -= 1;
        }
        if open.count >= MOST {
            return None;
        }
        let number = open.next;
        open.next += 1;
        open.count += 1;
        let (replace, replaced) = oneshot::channel();
        open.of.entry(sign_in).or_default().push_back((number, replace));
        Some(Place { streams: self.clone(), sign_in, number, replaced })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        let Some(places) = open.of.get_mut(&self.sign_in) else { return };
        let before = places.len();
        places.retain(|(number, _)| *number != self.number);
        let (left, empty) = (before - places.len(), places.is_empty());
        if empty {
            open.of.remove(&self.sign_in);
        }
        open.count -= left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_four_streams_and_the_newest_stay() {
        let (streams, sign_in) = (Streams::default(), SignInId::random());
        let mut places: Vec<Place> = (0..6).filter_map(|_| streams.enter(sign_in)).collect();
        let gone: Vec<bool> = places
            .iter_mut()
            .map(|place| place.replaced.try_recv() == Err(oneshot::error::TryRecvError::Closed))
            .collect();
        assert_eq!(gone, [true, true, false, false, false, false]);
        assert_eq!(streams.open().count, 4);
        drop(places);
        assert_eq!(streams.open().count, 0);
        assert!(streams.open().of.is_empty());
    }

    #[test]
    fn there_is_an_end_to_streams_and_room_again_after_it() {
        let streams = Streams::default();
        let mut places: Vec<Place> = (0..MOST).filter_map(|_| streams.enter(SignInId::random())).collect();
        assert!(places.len() == MOST && streams.enter(SignInId::random()).is_none());
        places.pop();
        assert!(streams.enter(SignInId::random()).is_some());
    }
}
