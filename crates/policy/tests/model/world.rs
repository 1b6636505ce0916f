//! The world of the model: a few processes, a store, an authorization server, and all that can happen.

use oidc_session_core::{EndReason, ProviderErrorKind, Renewal, Version};
use oidc_session_policy::Schedule;
use oidc_session_policy::protocol::{Action, Answer, CommitView, Event, LeaseView, Outcome, RecordView, Trigger};

use crate::choice::Choice;
use crate::hands::{Clock, Process, fault, fingerprint, is_verdict, schedule, view};
use crate::promises::Breach;
use crate::server::{Reply, Server, Target, Token, Tokens};
use crate::setting::{Mutant, Setting};
use crate::store::{Asked, Record, Store, TokenSets};

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) store: Store,
    pub(crate) server: Server,
    pub(crate) processes: Vec<Process>,
    pub(crate) sign_ins: u8,
    pub(crate) faults: u8,
    pub(crate) occasions: u8,
    pub(crate) in_all: u8,
    /// Access tokens up to this one have expired.
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
        let mut server = Server::new(setting.rotates, setting.reuse_window);
        let signed_in = server.sign_in();
        let mut tokens = TokenSets::of(signed_in);
        let mut committed = Tokens::of(signed_in);
        if setting.further
            && setting.forced
            && let Reply::Granted(grant) = server.refresh(tokens.refresh, Target::Further)
        {
            tokens = tokens.merge(grant, Target::Further);
            committed.insert(grant.access);
        }
        let second = if setting.further { Target::Further } else { Target::Own };
        let mut store = Store::new(setting.mutant);
        store.write(Record::Active { sign_in: 0, tokens });
        Self {
            setting,
            store,
            server,
            processes: (0..setting.processes)
                .map(|index| Process::new(index, if index == 1 { second } else { Target::Own }, setting.flights))
                .collect(),
            sign_ins: 1,
            faults: setting.faults,
            occasions: setting.occasions,
            in_all: setting.in_all,
            expired: (!setting.due).then_some(signed_in),
            late_request: None,
            logged_out: None,
            to_revoke: false,
            committed,
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
                self.processes[index].begin(trigger, &self.setting);
                self.settle(index);
            }
            Choice::Do(index) => self.act(index),
            Choice::DoLate(index) => {
                self.processes[index].late = true;
                self.act(index);
            }
            Choice::Arrive(index) => self.arrive(index),
            Choice::FailBefore(index) => {
                self.spend_fault();
                self.fail_before(index);
            }
            Choice::FailAfter(index) => {
                self.spend_fault();
                self.fail_after(index);
            }
            Choice::GiveUp(index) => {
                self.spend_fault();
                self.late_request = self.presented_token(index);
                self.excused = true;
                self.answer_unknown(index);
            }
            Choice::LateRequestArrives => {
                if let Some(token) = self.late_request.take() {
                    // Nobody waits for the answer, so nobody can revoke what it grants.
                    let _ = self.server.refresh(token, Target::Own);
                    self.revocation_excused = true;
                }
            }
            Choice::TurnedAway(index) => {
                self.spend_fault();
                self.step(index, Event::Answered(Answer::Failed(fault(ProviderErrorKind::TryLater))));
            }
            Choice::ClockJumps(index, clock) => {
                self.spend_fault();
                self.processes[index].clock = clock;
            }
            Choice::Crash(index) => {
                self.spend_fault();
                self.note_what_dies_with(index);
                self.processes[index].crash();
                self.processes[index].flights_left = 1;
            }
            Choice::LeaseExpires => {
                let holder = self.store.holder();
                let alive = |process: &&mut Process| process.flight.is_some() && Some(process.holder) == holder;
                if let Some(process) = self.processes.iter_mut().find(alive) {
                    process.overslept = true;
                    // With a request under way, whoever takes over cannot know its outcome.
                    self.excused |= process.presented.is_some() && !process.unsaved;
                    self.spend_fault();
                }
                self.store.expire_lease();
            }
            Choice::PauseEnds => self.store.end_pause(),
            Choice::AccessTokenExpires(token) => {
                self.spend_occasion();
                self.expired = Some(token);
            }
            Choice::AdministratorRevokes => {
                self.spend_occasion();
                if let Some((_, Record::Active { tokens, .. })) = self.store.record {
                    self.server.revoke_family(tokens.refresh);
                }
            }
            Choice::Logout => {
                self.spend_occasion();
                if let Some((_, Record::Active { tokens, .. })) = self.store.record {
                    self.store.write(Record::Ended(EndReason::LoggedOut));
                    self.logged_out = Some(tokens.refresh);
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
                self.spend_occasion();
                let token = self.server.sign_in();
                self.store.write(Record::Active { sign_in: self.sign_ins, tokens: TokenSets::of(token) });
                self.sign_ins += 1;
                self.committed.insert(token);
            }
        }
    }

    pub(crate) fn may_fail(&self) -> bool {
        self.faults > 0 && self.in_all > 0
    }

    pub(crate) fn may_happen(&self) -> bool {
        self.occasions > 0 && self.in_all > 0
    }

    fn spend_fault(&mut self) {
        self.faults -= 1;
        self.in_all -= 1;
    }

    fn spend_occasion(&mut self) {
        self.occasions -= 1;
        self.in_all -= 1;
    }

    /// Carries out the pending action of a process, and lets it go well.
    pub(crate) fn act(&mut self, index: usize) {
        let Some(action) = self.processes[index].action else {
            return;
        };
        let event = match action {
            Action::Load => {
                self.read(index, self.store.record);
                Event::Loaded(Ok(self.store.record.map(|(version, record)| self.view(index, version, record))))
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
                if let CommitView::Done(_) = committed {
                    self.processes[index].read = self.store.record;
                }
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
                if let Some(grant) = self.processes[index].granted {
                    self.server.revoke(grant.refresh);
                }
                Event::Revoked
            }
            Action::Done(outcome) => return self.done(index, outcome),
        };
        self.step(index, event);
    }

    pub(crate) fn lease(&mut self, index: usize) -> LeaseView {
        let process = &mut self.processes[index];
        // Whoever asks anew has given up what it had.
        (process.takes_over, process.unsaved) = (false, false);
        match self.store.try_lease(process.holder) {
            Asked::Absent => LeaseView::Absent,
            Asked::Held => LeaseView::Held { remaining: std::time::Duration::from_secs(15) },
            Asked::Paused => LeaseView::Paused { remaining: std::time::Duration::from_secs(1) },
            Asked::Granted { version, record, unsettled } => {
                let read = match (self.setting.mutant, process.read) {
                    (Some(Mutant::NoReread), Some(before)) => before,
                    _ => (version, record),
                };
                process.journaled = unsettled > 0;
                process.takes_over = unsettled > 0;
                self.read(index, Some(read));
                LeaseView::Granted { record: self.view(index, read.0, read.1), unsettled }
            }
        }
    }

    /// The request reaches the server; its answer is on the way.
    pub(crate) fn send(&mut self, index: usize) {
        let Some(token) = self.presented_token(index) else {
            return;
        };
        if self.has_what_it_wants(index) && self.processes[index].clock == Clock::Right {
            self.breach = Some(Breach::RefreshedInVain);
        }
        let process = &mut self.processes[index];
        // Its answer had arrived and was not stored, although nobody took its place.
        let place = |tokens: Option<TokenSets>| tokens.and_then(|tokens| tokens.access(process.target));
        let is_free = place(process.tokens()) == place(process.first);
        if process.granted.take().is_some() && process.presented == Some(token) && is_free {
            self.breach = Some(Breach::PresentedTwice);
        }
        process.presented = Some(token);
        process.takes_over = false;
        let reply = self.server.refresh(token, process.target);
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
            Some(Reply::Granted(grant)) => {
                process.granted = Some(grant);
                process.unsaved = true;
                Event::Answered(Answer::Granted {
                    access: Some(fingerprint(b'a', grant.access)),
                    refresh: Some(fingerprint(b'r', grant.refresh)),
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
        let (Some((_, Record::Active { sign_in, tokens })), Some(grant)) = (process.read, process.granted) else {
            return CommitView::Conflict;
        };
        let target = process.target;
        let mut merged = tokens.merge(grant, target);
        if self.setting.mutant == Some(Mutant::OtherTargetsAsReadFirst)
            && let Some(first) = process.first
        {
            merged = first.merge(grant, target);
        }
        let before = self.store.record;
        let record = Record::Active { sign_in, tokens: merged };
        let Some(version) = self.store.commit(expected, record) else {
            return CommitView::Conflict;
        };
        match before {
            Some((_, Record::Ended(_))) => self.breach = Some(Breach::TombstoneOverwritten),
            Some((_, Record::Active { sign_in: stored, .. })) if stored != sign_in => {
                self.breach = Some(Breach::SignInOverwritten);
            }
            Some((_, Record::Active { tokens: stored, .. }))
                if stored.merge(grant, target) != merged || stored.access(target) > Some(grant.access) =>
            {
                self.breach = Some(Breach::NewerTokenLost);
            }
            _ => {}
        }
        self.committed.insert(grant.access);
        self.processes[index].presented = None;
        self.processes[index].unsaved = false;
        CommitView::Done(version)
    }

    pub(crate) fn end(&mut self, expected: Version, reason: EndReason) -> CommitView {
        let before = self.store.record;
        let Some(version) = self.store.commit(expected, Record::Ended(reason)) else {
            return CommitView::Conflict;
        };
        if let Some((_, Record::Active { tokens, .. })) = before
            && (self.server.is_live(tokens.refresh) || !is_verdict(reason))
        {
            self.breach = Some(Breach::LivingSessionEnded);
        }
        CommitView::Done(version)
    }

    pub(crate) fn done(&mut self, index: usize, outcome: Outcome) {
        if outcome == Outcome::Refreshed {
            self.publish(index);
        }
        let right = match outcome {
            Outcome::Refreshed => self.has_what_it_got(index),
            Outcome::Fresh | Outcome::Adopted => self.processes[index].found,
            _ => true,
        };
        if !right {
            self.breach = Some(Breach::WrongToken);
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
            Some(Action::Wait(_)) => !self.waits_for_holder(process) && !self.waits_for_a_commit(process),
            _ => false,
        };
        if alone {
            self.act(index);
        }
    }

    pub(crate) fn publish(&mut self, index: usize) {
        if let Some(grant) = self.processes[index].granted
            && !self.committed.contains(grant.access)
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
        self.processes[index].tokens().map(|tokens| tokens.refresh)
    }

    pub(crate) fn is_forced(&self, index: usize) -> bool {
        self.setting.forced && index == 1
    }

    /// Whether the process has nothing to do but wait for the holder of the lease.
    pub(crate) fn waits_for_holder(&self, process: &Process) -> bool {
        !process.waits_to_take_over()
            && process.presented.is_none()
            && self.store.holder().is_some_and(|holder| holder != process.holder)
    }

    /// The grace is long enough for whoever is alive to commit what it has in hand.
    pub(crate) fn waits_for_a_commit(&self, process: &Process) -> bool {
        process.waits_to_take_over()
            && self.setting.mutant != Some(Mutant::NoGrace)
            && self.processes.iter().any(|other| other.unsaved)
    }

    /// What the process has just read; the protocol is told of it for the sake of the target that the process wants.
    fn read(&mut self, index: usize, record: Option<(Version, Record)>) {
        let process = &mut self.processes[index];
        process.read = record;
        process.first = process.first.or(process.tokens());
        self.processes[index].found = self.has_what_it_wants(index);
    }

    fn view(&self, index: usize, version: Version, record: Record) -> RecordView {
        let target = match self.setting.mutant {
            Some(Mutant::OwnTokenForEveryTarget) => Target::Own,
            _ => self.processes[index].target,
        };
        view(version, record, target, |token| self.schedule(token))
    }

    pub(crate) fn schedule(&self, token: Token) -> Schedule {
        if self.expired.is_some_and(|expired| token <= expired) {
            schedule(-20, -10)
        } else if self.setting.due && token == 0 {
            schedule(-10, 10)
        } else {
            schedule(10, 20)
        }
    }
}
