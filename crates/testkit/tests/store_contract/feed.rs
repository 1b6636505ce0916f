//! [`Feed`]: tells what is committed, or nearly.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use oidc_session_core::{Change, Changes, StoreError, StoreErrorKind, Version};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::yield_now;

use crate::bug::Bug;

#[derive(Debug)]
pub(crate) struct Feed {
    bug: Option<Bug>,
    subscribers: Mutex<Vec<Subscriber>>,
    told: AtomicU64,
    last: Mutex<Option<Change>>,
    held_back: Mutex<Option<Change>>,
}

#[derive(Debug)]
struct Subscriber {
    handle: u64,
    sender: UnboundedSender<Change>,
}

impl Feed {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self {
            bug,
            subscribers: Mutex::default(),
            told: AtomicU64::new(0),
            last: Mutex::default(),
            held_back: Mutex::default(),
        }
    }

    pub(crate) async fn subscribe(&self, handle: u64) -> Box<dyn Changes> {
        let (sender, receiver) = unbounded_channel();
        if let (Some(Bug::TellsWhatWas), Some(last)) = (self.bug, *self.last.lock().unwrap()) {
            let _ = sender.send(last);
        }
        let mut subscribers = self.subscribers.lock().unwrap();
        if self.bug == Some(Bug::TellsOneSubscriberOnly) {
            subscribers.clear();
        }
        subscribers.push(Subscriber { handle, sender });
        let skip = u64::from(self.bug == Some(Bug::ListensLate));
        Box::new(Subscription { bug: self.bug, receiver, skip })
    }

    /// Tells everybody of a change that the handle made.
    pub(crate) fn tell(&self, handle: u64, mut change: Change) {
        *self.last.lock().unwrap() = Some(change);
        let number = self.told.fetch_add(1, Ordering::Relaxed);
        match self.bug {
            Some(Bug::DropsAMessage) if number % 8 == 7 => return,
            Some(Bug::TellsNoRemoves) if change.version.is_none() => return,
            Some(Bug::TellsVersionsAsFloats) => {
                change.version = change.version.map(|version| Version::from_u64(version.as_u64() as f64 as u64));
            }
            Some(Bug::SwapsMessages) if number % 8 == 6 => {
                *self.held_back.lock().unwrap() = Some(change);
                return;
            }
            _ => {}
        }
        let own_only = self.bug == Some(Bug::TellsOnlyItsOwn);
        let held_back = self.held_back.lock().unwrap().take();
        for subscriber in self.subscribers.lock().unwrap().iter() {
            if !own_only || subscriber.handle == handle {
                for change in [Some(change), held_back].into_iter().flatten() {
                    let _ = subscriber.sender.send(change); // Who has gone away needs no telling.
                }
            }
        }
    }

    /// Ends all subscriptions.
    pub(crate) fn cut_off(&self) {
        let mut subscribers = self.subscribers.lock().unwrap();
        if self.bug == Some(Bug::KeepsSilentAfterAnOutage) {
            // They wait for ever: nobody ends them, nobody tells them.
            std::mem::forget(std::mem::take(&mut *subscribers));
        }
        subscribers.clear();
    }
}

#[derive(Debug)]
struct Subscription {
    bug: Option<Bug>,
    receiver: UnboundedReceiver<Change>,
    skip: u64,
}

#[async_trait]
impl Changes for Subscription {
    async fn next(&mut self) -> Result<Change, StoreError> {
        while self.skip > 0 {
            self.receiver.recv().await;
            self.skip -= 1;
        }
        let change = self.receiver.recv().await;
        if self.bug == Some(Bug::LosesWhatADroppedWaitHad) {
            yield_now().await;
        }
        change.ok_or_else(|| StoreError::new(StoreErrorKind::Unavailable, "listen for changes"))
    }
}
