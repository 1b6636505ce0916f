//! The one repeat: whether a refresh token is presented once more, by provider and by what came of the first time.

use std::time::Duration;

use oidc_session::{
    EndReason, Fingerprint, OnRefreshFailure, Provider as _, ProviderErrorKind, ProviderProfile, Renewal, Schedule,
    SignInId, Timestamp, Version,
};
use oidc_session_policy::protocol::{
    Action, Answer, CommitView, Event, Fault, Flight, LeaseView, Now, RecordView, Rules, SessionView, StateView,
    Trigger,
};

use crate::every::every_provider;

/// What a provider does with a token that it has replaced, as far as the repeat depends on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reuse {
    /// It takes it as before: presenting it again is harmless at any time, and no sign of anything.
    Harmless,
    /// It takes it for so long.
    Within(Duration),
    /// It does not take it.
    Refused,
}

/// The table. A provider that is not in it fails the test.
fn expected(name: &str) -> Reuse {
    const GRACE: Reuse = Reuse::Within(Duration::from_secs(30));
    match name {
        "oidc" | "auth0" | "b2c" | "cognito" | "cognito, api" | "okta" | "keycloak, revoking" | "pingone"
        | "onelogin" | "duende" => Reuse::Refused,
        "auth0, leeway" | "cognito, grace" | "okta, custom, grace" | "pingone, grace" => GRACE,
        "entra" | "entra, common" | "external id" | "keycloak" | "google" => Reuse::Harmless,
        other => panic!("{other} has no row"),
    }
}

#[test]
fn profile_and_outcome_decide_on_the_one_repeat() {
    use ProviderErrorKind::{InvalidAnswer, Misconfigured, NotSent, OutcomeUnknown, Rejected, TryLater};
    for (name, builder) in every_provider("http://127.0.0.1:1") {
        let profile = builder.build().unwrap().profile().clone();
        let reuse = expected(name);
        // (what came of it, how long that took, whether the token is presented once more)
        let late = Duration::from_secs(31);
        let rows = [
            (NotSent, Duration::ZERO, false),
            (TryLater, Duration::ZERO, false),
            (Misconfigured, Duration::ZERO, false),
            (Rejected, Duration::ZERO, false),
            (OutcomeUnknown, Duration::ZERO, true),
            (InvalidAnswer, Duration::ZERO, true),
            // Past a window the server takes it for reuse. Without one there is nothing to lose: either the request was
            // not processed, or its successor exists nowhere.
            (OutcomeUnknown, late, !matches!(reuse, Reuse::Within(_))),
        ];
        for (kind, after, repeated) in rows {
            let mut attempt = Attempt::begin(&profile);
            let next = attempt.comes_to(kind, after);
            assert_eq!(matches!(next, Action::Renew { .. }), repeated, "{name}: {kind:?} after {after:?}: {next:?}");
            if repeated {
                assert!(matches!(attempt.step(Event::Renewed(Ok(Renewal::Done))), Action::Refresh { .. }));
                // Whatever comes of it: there is one repeat.
                let next = attempt.comes_to(OutcomeUnknown, Duration::ZERO);
                assert!(matches!(next, Action::Release(release) if release.unsettled), "{name}: {next:?}");
            }
        }
    }
}

#[test]
fn a_verdict_after_a_lost_answer_looks_like_reuse_only_where_reuse_is_refused() {
    for (name, builder) in every_provider("http://127.0.0.1:1") {
        let profile = builder.build().unwrap().profile().clone();
        let mut attempt = Attempt::begin(&profile);
        attempt.comes_to(ProviderErrorKind::OutcomeUnknown, Duration::ZERO);
        attempt.step(Event::Renewed(Ok(Renewal::Done)));
        let mut next = attempt.comes_to(ProviderErrorKind::Rejected, Duration::ZERO);
        while let Action::Wait(_) = next {
            next = attempt.step(Event::Waited);
        }
        assert_eq!(next, Action::Load, "{name}");
        let Action::End { reason, .. } = attempt.step(Event::Loaded(Ok(Some(record())))) else { panic!("{name}") };
        let harmless = expected(name) == Reuse::Harmless;
        let expected = if harmless { EndReason::Rejected } else { EndReason::RejectedAfterUnknownOutcome };
        assert_eq!(reason, expected, "{name}");
        let next = attempt.step(Event::Committed(Ok(CommitView::Done(Version::from_u64(2)))));
        assert!(matches!(next, Action::Done(_)), "{name}");
    }
}

/// A flight that has just presented the refresh token of an expired session.
struct Attempt {
    flight: Flight,
    now: Now,
}

impl Attempt {
    fn begin(profile: &ProviderProfile) -> Self {
        let lease = Duration::from_secs(120);
        let rules = Rules::new(profile, Duration::from_secs(5), lease, OnRefreshFailure::DiscardOnVerdict).unwrap();
        let now = Now { wall: Timestamp::from_unix_seconds(1_000_000), monotonic: Duration::from_secs(1) };
        let mut attempt = Self { flight: Flight::new(rules, Trigger::IfDue, None), now };
        assert_eq!(attempt.step(Event::Started), Action::Load);
        assert_eq!(attempt.step(Event::Loaded(Ok(Some(record())))), Action::Prepare);
        assert!(matches!(attempt.step(Event::Prepared(Ok(()))), Action::Lease { .. }));
        let leased = LeaseView::Granted { record: record(), unsettled: 0 };
        assert!(matches!(attempt.step(Event::Leased(Ok(leased))), Action::Refresh { .. }));
        attempt
    }

    fn step(&mut self, event: Event) -> Action {
        self.flight.step(event, self.now)
    }

    fn comes_to(&mut self, kind: ProviderErrorKind, after: Duration) -> Action {
        self.now = self.now.after(after);
        self.step(Event::Answered(Answer::Failed(Fault { kind, retry_after: None, presented: true })))
    }
}

/// An expired session.
fn record() -> RecordView {
    let at = Timestamp::from_unix_seconds;
    let schedule = Schedule::Known {
        requested_at: at(999_000),
        refresh_at: at(999_300),
        expires_at: at(999_300),
        not_before: at(999_001),
    };
    RecordView {
        version: Version::from_u64(1),
        state: StateView::Active(SessionView {
            schedule,
            access: Some(Fingerprint::of(b"at-1")),
            refresh: Some(Fingerprint::of(b"rt-1")),
            sign_in: SignInId::from_u64(1),
            end: None,
            unsettled: 0,
        }),
    }
}
