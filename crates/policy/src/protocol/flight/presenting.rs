//! With the refresh token under way: what its answer means, and what the lack of one does.

use std::time::Duration;

use oidc_session_core::{EndReason, ProviderErrorKind, Release};

use super::Flight;
use super::state::{Attempt, Ending, State, Unsaved};
use crate::protocol::{Action, Answer, FailureCause, Fault, Now, Rules};

impl Flight {
    pub(super) fn present(&mut self, attempt: Attempt) -> Action {
        self.state = State::Refreshing(attempt);
        Action::Refresh { before: self.leased + (self.rules.lease_ttl - self.rules.request_budget) }
    }

    pub(super) fn renew(&mut self, now: Now) -> Action {
        self.leased = now.monotonic;
        Action::Renew { ttl: self.rules.lease_ttl }
    }

    pub(super) fn answered(&mut self, attempt: Attempt, answer: Answer, now: Now) -> Action {
        match answer {
            Answer::Granted { access, refresh, violation } => self.commit(Unsaved {
                attempt,
                expected: attempt.version,
                access,
                refresh,
                violation,
                granted: now.monotonic,
                served: false,
            }),
            Answer::TooLate => {
                self.state = State::RenewingToPresent(attempt);
                self.renew(now)
            }
            Answer::Failed(fault) => match fault.kind {
                ProviderErrorKind::Rejected if attempt.taken_over || attempt.repeated => {
                    self.state = State::WaitingBeforeVerdict(attempt);
                    Action::Wait(Rules::VERDICT_GRACE)
                }
                ProviderErrorKind::Rejected => self.load_before_verdict(attempt),
                ProviderErrorKind::OutcomeUnknown | ProviderErrorKind::InvalidAnswer => {
                    self.outcome_unknown(attempt, fault, now)
                }
                _ => self.attempt_failed(attempt, fault, now),
            },
        }
    }

    pub(super) fn outcome_unknown(&mut self, attempt: Attempt, fault: Fault, now: Now) -> Action {
        let spent = now.monotonic.saturating_sub(attempt.sent);
        let in_window = self.rules.reuse_window.is_none_or(|window| spent < window);
        // One repeat. If somebody before us lost an answer, ours was the repeat.
        if in_window && !attempt.taken_over && !attempt.repeated {
            self.state = State::RenewingForRepeat(attempt, fault);
            return self.renew(now);
        }
        self.give_up(Attempt { repeated: true, ..attempt }, fault, now)
    }

    pub(super) fn give_up(&mut self, attempt: Attempt, fault: Fault, now: Now) -> Action {
        self.attempt_failed(attempt, Fault { kind: ProviderErrorKind::OutcomeUnknown, ..fault }, now)
    }

    /// The attempt brought no verdict: keep the session, or end it if the program wants that.
    pub(super) fn attempt_failed(&mut self, attempt: Attempt, fault: Fault, now: Now) -> Action {
        if self.discards(now) {
            return self.end(Ending::new(attempt.version, EndReason::RefreshFailed));
        }
        let pause = fault.retry_after.unwrap_or(shortest_pause(fault.kind)).min(LONGEST_PAUSE);
        let outcome = self.failed(FailureCause::Provider(fault.kind), Some(pause), now);
        // Told to the store, the pause holds for every process.
        self.release(Release { pause, unsettled: attempt.repeated }, outcome)
    }
}

/// The longest pause that is asked of every process, whatever the server said.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long everybody leaves the authorization server alone after a failure that named no time.
fn shortest_pause(kind: ProviderErrorKind) -> Duration {
    match kind {
        ProviderErrorKind::OutcomeUnknown => Duration::from_secs(5),
        ProviderErrorKind::InteractionRequired | ProviderErrorKind::Misconfigured => Duration::from_secs(10),
        _ => Duration::from_secs(1),
    }
}
