//! The world of the model: two processes, a store, an authorization server, and all that can happen.

use oidc_session_core::{EndReason, ProviderErrorKind, Renewal, Version};
use oidc_session_policy::protocol::{Action, Answer, CommitView, Event, LeaseView, Outcome, Trigger};
use oidc_session_policy::{Phase, Schedule};

use crate::choice::Choice;
use crate::hands::{NOW, Process, fault, fingerprint, is_verdict, schedule, view};
use crate::server::{Reply, Server, Token, Tokens};
use crate::store::{Asked, Record, Store};

/// How much may happen in one run.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Setting {
    /// Crashes, lost requests, lost answers, late requests, store failures, leases that end early.
    pub(crate) faults: u8,
    /// Logouts, sign-ins, revocations by an administrator, access tokens that expire.
    pub(crate) occasions: u8,
    pub(crate) reuse_window: bool,
    /// The access token is due at first, not expired.
    pub(crate) due: bool,
    /// The second process wants a refresh in any case.
    pub(crate) forced: bool,
    pub(crate) mutant: Option<Mutant>,
}

/// A safeguard taken away.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Mutant {
    /// What was read before the lease is used under it.
    NoReread,
    /// The store commits whatever the version.
    NoCompareAndSet,
    /// Tokens are published when they arrive.
    PublishBeforeCommit,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Breach {
    PresentedTwice,
    LivingSessionEnded,
    SessionLost,
    TombstoneOverwritten,
    SignInOverwritten,
    ServedUncommitted,
    RefreshedInVain,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) store: Store,
    pub(crate) server: Server,
    pub(crate) processes: [Process; 2],
    pub(crate) sign_ins: u8,
    pub(crate) faults: u8,
    pub(crate) occasions: u8,
    /// Tokens up to this one have an expired access token.
    pub(crate) expired: Option<Token>,
    pub(crate) late_request: Option<Token>,
    /// The tokens of the session that was logged out, and whether the logout still has to revoke them.
    pub(crate) logged_out: Option<Token>,
    pub(crate) to_revoke: bool,
    pub(crate) committed: Tokens,
    /// Something happened after which no client can keep the session alive for sure.
    pub(crate) excused: bool,
    pub(crate) refreshed: bool,
    pub(crate) adopted: bool,
    /// A process that should have revoked what it got has crashed, or could not reach the server.
    pub(crate) revocation_excused: bool,
    pub(crate) breach: Option<Breach>,
}

impl World {
    pub(crate) fn new(setting: Setting) -> Self {
        let mut server = Server::new(setting.reuse_window);
        let tokens = server.sign_in();
        let mut store = Store::new(setting.mutant != Some(Mutant::NoCompareAndSet));
        store.write(Record::Active { sign_in: 0, tokens });
        Self {
            setting,
            store,
            server,
            processes: [Process::new(0), Process::new(1)],
            sign_ins: 1,
            faults: setting.faults,
            occasions: setting.occasions,
            expired: (!setting.due).then_some(tokens),
            late_request: None,
            logged_out: None,
            to_revoke: false,
            committed: Tokens::of(tokens),
            excused: false,
            refreshed: false,
            adopted: false,
            revocation_excused: false,
            breach: None,
        }
    }

    pub(crate) fn take(&mut self, choice: Choice) {
        match choice {
            Choice::Begin(index) => {
                let trigger = if self.is_forced(index) { Trigger::Force } else { Trigger::IfDue };
                self.processes[index].begin(trigger, self.setting.reuse_window);
                self.settle(index);
            }
            Choice::Do(index) => self.act(index),
            Choice::DoLate(index) => {
                self.processes[index].late = true;
                self.act(index);
            }
            Choice::Arrive(index) => self.arrive(index),
            Choice::FailBefore(index) => {
                self.faults -= 1;
                self.fail_before(index);
            }
            Choice::FailAfter(index) => {
                self.faults -= 1;
                self.fail_after(index);
            }
            Choice::GiveUp(index) => {
                self.faults -= 1;
                self.late_request = self.presented_token(index);
                self.excused = true;
                self.answer_unknown(index);
            }
            Choice::LateRequestArrives => {
                if let Some(token) = self.late_request.take() {
                    // Nobody waits for the answer, so nobody can revoke what it grants.
                    let _ = self.server.refresh(token);
                    self.revocation_excused = true;
                }
            }
            Choice::Crash(index) => {
                self.faults -= 1;
                self.note_what_dies_with(index);
                self.processes[index].crash();
                self.processes[index].flights_left = 1;
            }
            Choice::LeaseExpires => {
                let holder = self.store.holder();
                let alive = |process: &&mut Process| process.flight.is_some() && Some(process.holder) == holder;
                if let Some(process) = self.processes.iter_mut().find(alive) {
                    self.faults -= 1;
                    process.overslept = true;
                    // With a request under way, whoever takes over cannot know its outcome.
                    self.excused |= process.presented.is_some();
                }
                self.store.expire_lease();
            }
            Choice::PauseEnds => self.store.end_pause(),
            Choice::AccessTokenExpires => {
                self.occasions -= 1;
                if let Some((_, Record::Active { tokens, .. })) = self.store.record {
                    self.expired = Some(tokens);
                }
            }
            Choice::AdministratorRevokes => {
                self.occasions -= 1;
                if let Some((_, Record::Active { tokens, .. })) = self.store.record {
                    self.server.revoke_family(tokens);
                }
            }
            Choice::Logout => {
                self.occasions -= 1;
                if let Some((_, Record::Active { tokens, .. })) = self.store.record {
                    self.store.write(Record::Ended(EndReason::LoggedOut));
                    self.logged_out = Some(tokens);
                    self.to_revoke = true;
                }
            }
            Choice::LogoutRevokes => {
                self.to_revoke = false;
                if let Some(token) = self.logged_out {
                    self.server.revoke(token);
                }
            }
            Choice::SignIn => {
                self.occasions -= 1;
                let tokens = self.server.sign_in();
                self.store.write(Record::Active { sign_in: self.sign_ins, tokens });
                self.sign_ins += 1;
                self.committed.insert(tokens);
            }
        }
    }

    /// Carries out the pending action of a process, and lets it go well.
    pub(crate) fn act(&mut self, index: usize) {
        let Some(action) = self.processes[index].action else {
            return;
        };
        let event = match action {
            Action::Load => {
                self.processes[index].read = self.store.record;
                Event::Loaded(Ok(self.store.record.map(|(version, record)| self.view(version, record))))
            }
            Action::Prepare => Event::Prepared(Ok(())),
            Action::Lease { .. } => Event::Leased(Ok(self.lease(index))),
            Action::Refresh { .. } if self.processes[index].overslept => {
                self.processes[index].overslept = false;
                Event::Answered(Answer::TooLate)
            }
            Action::Refresh { .. } => return self.send(index),
            Action::Commit { expected } => {
                let committed = self.commit(index, expected);
                Event::Committed(Ok(committed))
            }
            Action::ServeUncommitted => {
                if !self.processes[index].commit_failed {
                    self.breach = Some(Breach::ServedUncommitted);
                }
                Event::Served
            }
            Action::End { expected, reason } => Event::Committed(Ok(self.end(expected, reason))),
            Action::Renew { .. } => {
                let holder = self.processes[index].holder;
                Event::Renewed(Ok(if self.store.renew(holder) { Renewal::Done } else { Renewal::Lost }))
            }
            Action::Release(release) => {
                let holder = self.processes[index].holder;
                self.store.release(holder, release.unsettled, !release.pause.is_zero());
                Event::Released
            }
            Action::Wait(_) => Event::Waited,
            Action::Revoke => {
                if let Some(token) = self.processes[index].granted {
                    self.server.revoke(token);
                }
                Event::Revoked
            }
            Action::Done(outcome) => return self.done(index, outcome),
        };
        self.step(index, event);
    }

    pub(crate) fn lease(&mut self, index: usize) -> LeaseView {
        let process = &mut self.processes[index];
        match self.store.try_lease(process.holder) {
            Asked::Absent => LeaseView::Absent,
            Asked::Held => LeaseView::Held { remaining: std::time::Duration::from_secs(15) },
            Asked::Paused => LeaseView::Paused { remaining: std::time::Duration::from_secs(1) },
            Asked::Granted { version, record, unsettled } => {
                let read = match (self.setting.mutant, process.read) {
                    (Some(Mutant::NoReread), Some(before)) => before,
                    _ => (version, record),
                };
                process.read = Some(read);
                process.journaled = unsettled > 0;
                LeaseView::Granted { record: self.view(read.0, read.1), unsettled }
            }
        }
    }

    /// The request reaches the server; its answer is on the way.
    pub(crate) fn send(&mut self, index: usize) {
        let Some(token) = self.presented_token(index) else {
            return;
        };
        if !self.is_forced(index) && self.schedule(token).phase(NOW) == Phase::Fresh {
            self.breach = Some(Breach::RefreshedInVain);
        }
        let process = &mut self.processes[index];
        process.presented = Some(token);
        let reply = self.server.refresh(token);
        if reply == Reply::ReuseDetected {
            if !process.journaled {
                self.breach = Some(Breach::PresentedTwice);
            } else if !self.excused {
                self.breach = Some(Breach::SessionLost);
            }
        }
        self.processes[index].reply = Some(reply);
    }

    pub(crate) fn arrive(&mut self, index: usize) {
        let process = &mut self.processes[index];
        let event = match process.reply.take() {
            Some(Reply::Granted(token)) => {
                process.granted = Some(token);
                Event::Answered(Answer::Granted {
                    access: Some(fingerprint(b'a', token)),
                    refresh: Some(fingerprint(b'r', token)),
                    violation: None,
                })
            }
            Some(Reply::Rejected | Reply::ReuseDetected) => {
                Event::Answered(Answer::Failed(fault(ProviderErrorKind::Rejected)))
            }
            None => return,
        };
        self.step(index, event);
    }

    pub(crate) fn commit(&mut self, index: usize, expected: Version) -> CommitView {
        let process = &self.processes[index];
        let (Some((_, Record::Active { sign_in, .. })), Some(tokens)) = (process.read, process.granted) else {
            return CommitView::Conflict;
        };
        let before = self.store.record;
        let Some(version) = self.store.commit(expected, Record::Active { sign_in, tokens }) else {
            return CommitView::Conflict;
        };
        match before {
            Some((_, Record::Ended(_))) => self.breach = Some(Breach::TombstoneOverwritten),
            Some((_, Record::Active { sign_in: stored, .. })) if stored != sign_in => {
                self.breach = Some(Breach::SignInOverwritten);
            }
            _ => {}
        }
        self.committed.insert(tokens);
        self.processes[index].presented = None;
        CommitView::Done(version)
    }

    pub(crate) fn end(&mut self, expected: Version, reason: EndReason) -> CommitView {
        let before = self.store.record;
        let Some(version) = self.store.commit(expected, Record::Ended(reason)) else {
            return CommitView::Conflict;
        };
        if let Some((_, Record::Active { tokens, .. })) = before
            && (self.server.is_live(tokens) || !is_verdict(reason))
        {
            self.breach = Some(Breach::LivingSessionEnded);
        }
        CommitView::Done(version)
    }

    pub(crate) fn done(&mut self, index: usize, outcome: Outcome) {
        if outcome == Outcome::Refreshed {
            self.publish(index);
        }
        self.refreshed |= outcome == Outcome::Refreshed;
        self.adopted |= outcome == Outcome::Adopted;
        self.processes[index].land(outcome);
    }

    pub(crate) fn step(&mut self, index: usize, event: Event) {
        self.processes[index].step(event);
        let publishes_early = self.setting.mutant == Some(Mutant::PublishBeforeCommit);
        if publishes_early && matches!(self.processes[index].action, Some(Action::Commit { .. })) {
            self.publish(index);
        }
        self.settle(index);
    }

    /// Carries out at once what concerns nobody else: its place among the steps of others makes no difference.
    pub(crate) fn settle(&mut self, index: usize) {
        let process = &self.processes[index];
        let alone = match process.action {
            Some(Action::Prepare | Action::ServeUncommitted | Action::Done(_)) => true,
            Some(Action::Wait(_)) => !self.waits_for_holder(process),
            _ => false,
        };
        if alone {
            self.act(index);
        }
    }

    pub(crate) fn publish(&mut self, index: usize) {
        if let Some(token) = self.processes[index].granted
            && !self.committed.contains(token)
        {
            self.breach = Some(Breach::ServedUncommitted);
        }
    }

    pub(crate) fn note_what_dies_with(&mut self, index: usize) {
        let process = &self.processes[index];
        // What the server granted and nobody stored is gone.
        let unsaved = process.presented.is_some();
        self.excused |= unsaved;
        self.revocation_excused |= unsaved;
    }

    pub(crate) fn presented_token(&self, index: usize) -> Option<Token> {
        match self.processes[index].read {
            Some((_, Record::Active { tokens, .. })) => Some(tokens),
            _ => None,
        }
    }

    fn is_forced(&self, index: usize) -> bool {
        self.setting.forced && index == 1
    }

    /// Whether the process has nothing to do but wait for the holder of the lease.
    pub(crate) fn waits_for_holder(&self, process: &Process) -> bool {
        process.presented.is_none() && self.store.holder().is_some_and(|holder| holder != process.holder)
    }

    pub(crate) fn view(&self, version: Version, record: Record) -> oidc_session_policy::protocol::RecordView {
        view(version, record, |tokens| self.schedule(tokens))
    }

    pub(crate) fn schedule(&self, tokens: Token) -> Schedule {
        if self.expired.is_some_and(|expired| tokens <= expired) {
            schedule(-20, -10)
        } else if self.setting.due && tokens == 0 {
            schedule(-10, 10)
        } else {
            schedule(10, 20)
        }
    }
}
