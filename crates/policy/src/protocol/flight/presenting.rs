//! With the refresh token under way: what its answer means, and what the lack of one does.

use std::time::Duration;

use oidc_session_core::{EndReason, ProviderErrorKind, Release};

use super::Flight;
use super::state::{Attempt, Ending, State, Unsaved};
use crate::protocol::{Action, Answer, FailureCause, Fault, Now, Rules};

impl Flight {
    pub(super) fn present(&mut self, attempt: Attempt) -> Action {
        self.state = State::Refreshing(attempt);
        Action::Refresh { before: self.leased.after(self.rules.slack) }
    }

    pub(super) fn renew(&mut self, now: Now) -> Action {
        self.leased = now;
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
                may_serve: violation.is_none(),
            }),
            Answer::TooLate => self.held_up(attempt, now),
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

    /// The process was held up between the lease and the request. A store too slow for the lease never lets it send.
    fn held_up(&mut self, attempt: Attempt, now: Now) -> Action {
        if self.is_last_round() {
            let outcome = self.failed(FailureCause::Contention, None, now);
            return self.release(Release { unsettled: attempt.repeated, ..Release::default() }, outcome);
        }
        self.state = State::RenewingToPresent(attempt);
        self.renew(now)
    }

    pub(super) fn outcome_unknown(&mut self, attempt: Attempt, fault: Fault, now: Now) -> Action {
        let spent = now.monotonic.saturating_sub(attempt.sent);
        // One repeat. If somebody before us lost an answer, ours was the repeat.
        if self.rules.repeats(fault.kind, spent) && !attempt.taken_over && !attempt.repeated {
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
        let pause = pause_after(fault);
        let outcome = self.failed(FailureCause::Provider(fault.kind), Some(pause), now);
        // Told to the store, the pause holds for every process. A target that the server refuses pauses nobody else.
        let about_target = self.for_further_target && is_about_the_target(fault.kind);
        let pause = if about_target { Duration::ZERO } else { pause };
        // A widely used server spends the refresh token before it looks at the target, and grants none in its place.
        let spent = about_target && fault.presented && !self.rules.reuse_is_harmless;
        self.release(Release { pause, unsettled: attempt.repeated || spent }, outcome)
    }
}

/// Whether a failure may have to do with what was asked for, and not with the session or the server.
fn is_about_the_target(kind: ProviderErrorKind) -> bool {
    use ProviderErrorKind::{InteractionRequired, Misconfigured, Refused};
    matches!(kind, InteractionRequired | Misconfigured | Refused)
}

/// How long everybody leaves the authorization server alone: as long as it asked for, within reason.
pub(super) fn pause_after(fault: Fault) -> Duration {
    let shortest = match fault.kind {
        ProviderErrorKind::OutcomeUnknown => Duration::from_secs(5),
        ProviderErrorKind::InteractionRequired => Duration::from_secs(10),
        // Short for a wrong setting, too: whoever mends it should see at once that it is mended.
        _ => Duration::from_secs(1),
    };
    fault.retry_after.unwrap_or_default().clamp(shortest, LONGEST_PAUSE)
}

/// The longest pause, whatever the server said: a slip there must not silence a fleet for a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
