//! The world of the model: two processes, a store, an authorization server, and all that can happen.

use oidc_session_core::{EndReason, ProviderErrorKind, Renewal, StoreErrorKind, Version};
use oidc_session_policy::Schedule;
use oidc_session_policy::protocol::{Action, Answer, CommitView, Event, LeaseView, Outcome};

use crate::hands::{Process, fault, fingerprint, is_verdict, schedule, view};
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
}

/// Something that can happen next.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Choice {
    Begin(usize),
    /// The pending action goes well; a request is processed and its answer is on the way.
    Do(usize),
    /// The answer arrives.
    Arrive(usize),
    /// Waiting has lasted past every patience.
    DoLate(usize),
    /// The pending action has no effect, and fails.
    FailBefore(usize),
    /// The pending action has its effect, and fails.
    FailAfter(usize),
    /// The request is given up and reaches the server later.
    GiveUp(usize),
    LateRequestArrives,
    Crash(usize),
    LeaseExpires,
    PauseEnds,
    AccessTokenExpires,
    AdministratorRevokes,
    Logout,
    LogoutRevokes,
    SignIn,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct World {
    setting: Setting,
    store: Store,
    server: Server,
    processes: [Process; 2],
    sign_ins: u8,
    faults: u8,
    occasions: u8,
    /// Tokens up to this one have an expired access token.
    expired: Option<Token>,
    late_request: Option<Token>,
    /// The tokens of the session that was logged out, and whether the logout still has to revoke them.
    logged_out: Option<Token>,
    to_revoke: bool,
    committed: Tokens,
    /// Something happened after which no client can keep the session alive for sure.
    excused: bool,
    refreshed: bool,
    adopted: bool,
    /// A process that should have revoked what it got has crashed, or could not reach the server.
    revocation_excused: bool,
    breach: Option<Breach>,
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

    pub(crate) fn choices(&self, choices: &mut Vec<Choice>) {
        for (index, process) in self.processes.iter().enumerate() {
            self.choices_of(index, process, choices);
        }
        if self.late_request.is_some() {
            choices.push(Choice::LateRequestArrives);
        }
        if self.to_revoke {
            choices.push(Choice::LogoutRevokes);
        }
        if self.store.is_paused() {
            choices.push(Choice::PauseEnds);
        }
        if let Some(holder) = self.store.holder() {
            // Once its holder is gone a lease ends by itself; before that it takes a fault.
            let abandoned = !self.processes.iter().any(|process| process.flight.is_some() && process.holder == holder);
            if abandoned || self.faults > 0 {
                choices.push(Choice::LeaseExpires);
            }
        }
        if self.occasions > 0 {
            choices.extend([Choice::AdministratorRevokes, Choice::SignIn]);
            if let Some((_, Record::Active { tokens, .. })) = self.store.record {
                choices.push(Choice::Logout);
                if self.expired < Some(tokens) {
                    choices.push(Choice::AccessTokenExpires);
                }
            }
        }
    }

    fn choices_of(&self, index: usize, process: &Process, choices: &mut Vec<Choice>) {
        let Some(action) = process.action else {
            if process.flights_left > 0 {
                choices.push(Choice::Begin(index));
            }
            return;
        };
        if process.reply.is_some() {
            choices.push(Choice::Arrive(index));
        } else {
            match action {
                // Waiting for a holder in vain changes nothing: only the end of the wait is of interest.
                Action::Wait(_) if self.waits_for_holder(process) => choices.push(Choice::DoLate(index)),
                _ => choices.push(Choice::Do(index)),
            }
        }
        if self.faults > 0 {
            choices.push(Choice::Crash(index));
            match action {
                Action::Refresh { .. } if process.reply.is_some() => choices.push(Choice::FailAfter(index)),
                Action::Refresh { .. } if self.late_request.is_none() => {
                    choices.extend([Choice::FailBefore(index), Choice::GiveUp(index)]);
                }
                Action::Refresh { .. } | Action::Load => choices.push(Choice::FailBefore(index)),
                Action::Lease { .. } | Action::Commit { .. } | Action::End { .. } | Action::Renew { .. } => {
                    choices.extend([Choice::FailBefore(index), Choice::FailAfter(index)]);
                }
                Action::Release(_) | Action::Revoke => choices.push(Choice::FailBefore(index)),
                Action::Prepare | Action::ServeUncommitted | Action::Wait(_) | Action::Done(_) => {}
            }
        }
    }

    pub(crate) fn take(&mut self, choice: Choice) {
        match choice {
            Choice::Begin(index) => {
                self.processes[index].begin(self.setting.reuse_window);
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
    fn act(&mut self, index: usize) {
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
            Action::ServeUncommitted => Event::Served,
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

    fn fail_before(&mut self, index: usize) {
        let unavailable = StoreErrorKind::Unavailable;
        let event = match self.processes[index].action {
            Some(Action::Load) => Event::Loaded(Err(unavailable)),
            Some(Action::Lease { .. }) => Event::Leased(Err(unavailable)),
            // The request is lost, and we cannot tell that from a lost answer.
            Some(Action::Refresh { .. }) => return self.answer_unknown(index),
            Some(Action::Commit { .. } | Action::End { .. }) => Event::Committed(Err(unavailable)),
            Some(Action::Renew { .. }) => Event::Renewed(Err(unavailable)),
            Some(Action::Release(_)) => Event::Released,
            Some(Action::Revoke) => {
                self.revocation_excused = true;
                Event::Revoked
            }
            Some(Action::Prepare | Action::ServeUncommitted | Action::Wait(_) | Action::Done(_)) | None => return,
        };
        self.step(index, event);
    }

    fn fail_after(&mut self, index: usize) {
        let unavailable = StoreErrorKind::Unavailable;
        let event = match self.processes[index].action {
            Some(Action::Lease { .. }) => {
                let holder = self.processes[index].holder;
                let _ = self.store.try_lease(holder);
                Event::Leased(Err(unavailable))
            }
            Some(Action::Refresh { .. }) => {
                self.excused |= matches!(self.processes[index].reply, Some(Reply::Granted(_)));
                self.revocation_excused = true;
                return self.answer_unknown(index);
            }
            Some(Action::Commit { expected }) => {
                let _ = self.commit(index, expected);
                Event::Committed(Err(unavailable))
            }
            Some(Action::End { expected, reason }) => {
                let _ = self.end(expected, reason);
                Event::Committed(Err(unavailable))
            }
            Some(Action::Renew { .. }) => {
                let holder = self.processes[index].holder;
                self.store.renew(holder);
                Event::Renewed(Err(unavailable))
            }
            _ => return,
        };
        self.step(index, event);
    }

    fn lease(&mut self, index: usize) -> LeaseView {
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
    fn send(&mut self, index: usize) {
        let Some(token) = self.presented_token(index) else {
            return;
        };
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

    fn arrive(&mut self, index: usize) {
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

    fn answer_unknown(&mut self, index: usize) {
        let process = &mut self.processes[index];
        process.reply = None;
        process.journaled = true;
        self.step(index, Event::Answered(Answer::Failed(fault(ProviderErrorKind::OutcomeUnknown))));
    }

    fn commit(&mut self, index: usize, expected: Version) -> CommitView {
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

    fn end(&mut self, expected: Version, reason: EndReason) -> CommitView {
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

    fn done(&mut self, index: usize, outcome: Outcome) {
        if outcome == Outcome::Refreshed {
            self.publish(index);
        }
        self.refreshed |= outcome == Outcome::Refreshed;
        self.adopted |= outcome == Outcome::Adopted;
        self.processes[index].land(outcome);
    }

    fn step(&mut self, index: usize, event: Event) {
        self.processes[index].step(event);
        let publishes_early = self.setting.mutant == Some(Mutant::PublishBeforeCommit);
        if publishes_early && matches!(self.processes[index].action, Some(Action::Commit { .. })) {
            self.publish(index);
        }
        self.settle(index);
    }

    /// Carries out at once what concerns nobody else: its place among the steps of others makes no difference.
    fn settle(&mut self, index: usize) {
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

    fn publish(&mut self, index: usize) {
        if let Some(token) = self.processes[index].granted
            && !self.committed.contains(token)
        {
            self.breach = Some(Breach::ServedUncommitted);
        }
    }

    fn note_what_dies_with(&mut self, index: usize) {
        let process = &self.processes[index];
        // What the server granted and nobody stored is gone.
        let unsaved = process.presented.is_some();
        self.excused |= unsaved;
        self.revocation_excused |= unsaved;
    }

    fn presented_token(&self, index: usize) -> Option<Token> {
        match self.processes[index].read {
            Some((_, Record::Active { tokens, .. })) => Some(tokens),
            _ => None,
        }
    }

    /// Whether the process has nothing to do but wait for the holder of the lease.
    fn waits_for_holder(&self, process: &Process) -> bool {
        process.presented.is_none() && self.store.holder().is_some_and(|holder| holder != process.holder)
    }

    fn view(&self, version: Version, record: Record) -> oidc_session_policy::protocol::RecordView {
        view(version, record, |tokens| self.schedule(tokens))
    }

    fn schedule(&self, tokens: Token) -> Schedule {
        if self.expired.is_some_and(|expired| tokens <= expired) {
            schedule(-20, -10)
        } else if self.setting.due && tokens == 0 {
            schedule(-10, 10)
        } else {
            schedule(10, 20)
        }
    }

    // What the properties ask.

    pub(crate) fn breaches(&self, breach: Breach) -> bool {
        self.breach == Some(breach)
    }

    fn is_quiet(&self) -> bool {
        self.processes.iter().all(|process| process.flight.is_none()) && self.late_request.is_none() && !self.to_revoke
    }

    /// Nothing of a session that was logged out is still good at the server, whoever got it and when.
    pub(crate) fn logout_is_final(&self) -> bool {
        let lives_on = self.logged_out.is_some_and(|token| self.server.any_live_beside(token));
        !(self.is_quiet() && lives_on) || self.revocation_excused
    }

    /// From any state in which nothing is under way, one more refresh without faults makes the session fresh, or finds
    /// that it has honestly ended.
    pub(crate) fn recovers(&self) -> bool {
        if !self.is_quiet() {
            return true;
        }
        let mut world = self.clone();
        (world.faults, world.occasions) = (0, 0);
        world.store.expire_lease();
        world.store.end_pause();
        world.processes[0].flights_left = 1;
        world.take(Choice::Begin(0));
        for _ in 0..40 {
            let process = &world.processes[0];
            match process.outcome {
                Some(outcome) => return world.is_honest(outcome),
                None if process.reply.is_some() => world.take(Choice::Arrive(0)),
                None => world.take(Choice::Do(0)),
            }
        }
        false
    }

    fn is_honest(&self, outcome: Outcome) -> bool {
        match (outcome, self.store.record) {
            (Outcome::Fresh | Outcome::Refreshed | Outcome::Adopted, Some((_, Record::Active { tokens, .. }))) => {
                // Only an access token that is still fresh may hide that its session is gone.
                self.server.is_live(tokens) || outcome == Outcome::Fresh
            }
            (Outcome::Ended(reason), Some((_, Record::Ended(stored)))) => reason == stored,
            _ => false,
        }
    }

    pub(crate) fn refreshed(&self) -> bool {
        self.refreshed
    }

    pub(crate) fn adopted(&self) -> bool {
        self.adopted
    }
}
