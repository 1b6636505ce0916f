//! [`Chronicle`]: everything that happened in a run, as workers, authorization server and troublemaker tell it.

use std::collections::BTreeMap;

use oidc_session_testkit::{Outcome, Presentation};

use super::crew::Life;
use super::desk::SignedIn;
use super::line::{Call, CameTo, Millis, Said};
use super::spans::Spans;

/// A worker presented a refresh token, or was about to.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) life: Life,
    pub(crate) subject: String,
    /// When it asked for the lease: it cannot end before this and its length.
    pub(crate) leased: Millis,
    pub(crate) sent: Millis,
    pub(crate) renewed: Vec<Millis>,
    pub(crate) back: Option<(CameTo, Millis)>,
    pub(crate) committed: Option<Millis>,
}

/// A refresh token was presented, as the authorization server tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented {
    pub(crate) sequence: u64,
    /// Zero for a token that the server does not know.
    pub(crate) family: u64,
    pub(crate) generation: Option<u32>,
    pub(crate) outcome: Outcome,
    pub(crate) at: Millis,
}

impl From<Presentation> for Presented {
    fn from(presentation: Presentation) -> Self {
        let Presentation { sequence, family, generation, outcome, at, .. } = presentation;
        let family = family.and_then(|family| family.to_string().parse().ok()).unwrap_or_default();
        Self { sequence, family, generation, outcome, at: at.as_unix_millis() }
    }
}

/// What was done to a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) killed: Option<Millis>,
    /// From SIGSTOP to SIGCONT.
    pub(crate) stopped: Spans,
    /// When it could not reach the store, though others could.
    pub(crate) cut_off: Spans,
}

/// Something that befell the refreshes of some workers at one instant.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) at: Millis,
    pub(crate) what: String,
    pub(crate) lives: Vec<Life>,
}

/// A sign-in that somebody was told to end.
#[derive(Clone, Debug)]
pub(crate) struct Logout {
    pub(crate) subject: String,
    /// When it was done, as far as is known.
    pub(crate) done: Option<Millis>,
}

/// A call of a session whose sign-in had ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) life: Life,
    pub(crate) subject: String,
    pub(crate) reason: String,
    pub(crate) begun: Millis,
    pub(crate) at: Millis,
}

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chronicle {
    /// How long access tokens live.
    pub(crate) lifetime: Millis,
    pub(crate) attempts: BTreeMap<(Life, u64), Attempt>,
    pub(crate) fates: BTreeMap<Life, Fate>,
    pub(crate) incidents: Vec<Incident>,
    pub(crate) sign_ins: Vec<SignedIn>,
    pub(crate) logouts: Vec<Logout>,
    pub(crate) ends: Vec<End>,
    pub(crate) calls: Vec<(Life, Call)>,
    pub(crate) presentations: Vec<Presented>,
    /// When no worker could reach the store.
    pub(crate) everybody_cut_off: Spans,
    /// When it may be that no worker could write to the store, though all could read.
    pub(crate) nobody_wrote: Spans,
    /// How many presentations the log of the server had forgotten before they were read.
    pub(crate) forgotten: u64,
}

impl Chronicle {
    /// Notes what a worker said of its attempts.
    pub(crate) fn hear(&mut self, life: Life, said: &Said) {
        let known = |attempt: &u64| (life, *attempt);
        match said {
            Said::Sent { attempt, subject, leased, at } => {
                let begun = Attempt {
                    life,
                    subject: subject.clone(),
                    leased: *leased,
                    sent: *at,
                    renewed: Vec::new(),
                    back: None,
                    committed: None,
                };
                self.attempts.insert(known(attempt), begun);
            }
            Said::Back { attempt, came_to, at } => {
                if let Some(found) = self.attempts.get_mut(&known(attempt)) {
                    found.back = Some((came_to.clone(), *at));
                }
            }
            Said::Renewed { attempt, at } => {
                if let Some(found) = self.attempts.get_mut(&known(attempt)) {
                    found.renewed.push(*at);
                }
            }
            Said::Committed { attempt, at } => {
                if let Some(found) = self.attempts.get_mut(&known(attempt)) {
                    found.committed.get_or_insert(*at);
                }
            }
            Said::Ready | Said::Calls(_) | Said::LoggedOut { .. } => {}
        }
    }

    /// Adds what the authorization server has logged since the last time.
    pub(crate) fn read(&mut self, log: Vec<Presentation>) {
        let last = self.presentations.last().map_or(0, |presentation| presentation.sequence);
        let new = log.into_iter().filter(|presentation| presentation.sequence > last).map(Presented::from);
        let before = self.presentations.len();
        self.presentations.extend(new);
        if let Some(first) = self.presentations.get(before) {
            self.forgotten += first.sequence - last - 1;
        }
    }

    pub(crate) fn fate(&mut self, life: Life) -> &mut Fate {
        self.fates.entry(life).or_default()
    }
}
