//! Events that answer nothing, in any order: a fault in whoever carries the actions out must not become a panic.

use std::time::Duration;

use oidc_session_core::{
    EndReason, ProviderErrorKind, Renewal, SessionEnd, SignInId, StoreErrorKind, Timestamp, Version, Violation,
};
use oidc_session_policy::protocol::{
    Action, Answer, CommitView, Event, FailureCause, Fault, Flight, LeaseView, Outcome, RecordView, SessionView,
    StateView, Trigger,
};
use oidc_session_policy::{OnRefreshFailure, Phase, Schedule};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::select;

use crate::dialogue::{
    Dialogue, WALL, due, expired, loaded, now, postponed, rules_with, session, token, tokens, unavailable,
};

#[test]
fn an_event_that_answers_nothing_ends_the_flight() {
    let out_of_step = FailureCause::OutOfStep;
    Dialogue::of(Trigger::IfDue).says(tokens()).ends(unavailable(out_of_step, None));
    Dialogue::of(Trigger::IfDue).says(Event::Started).ends(unavailable(out_of_step, None));
    Dialogue::presenting(expired()).says(loaded(expired())).ends(unavailable(out_of_step, None));
    Dialogue::presenting(due()).says(Event::Waited).ends(postponed(out_of_step, None));
}

fn is_out_of_step(action: Action) -> bool {
    matches!(action, Action::Done(Outcome::Postponed(failure) | Outcome::Unavailable(failure))
        if failure.cause == FailureCause::OutOfStep)
}

/// Whether `event` answers `action`.
fn answers(event: &Event, action: &Action) -> bool {
    match action {
        Action::Load => matches!(event, Event::Loaded(_)),
        Action::Prepare => matches!(event, Event::Prepared(_)),
        Action::Lease { .. } => matches!(event, Event::Leased(_)),
        Action::Refresh { .. } => matches!(event, Event::Answered(_)),
        Action::Commit { .. } | Action::End { .. } => matches!(event, Event::Committed(_)),
        Action::ServeUncommitted => matches!(event, Event::Served),
        Action::Renew { .. } => matches!(event, Event::Renewed(_)),
        Action::Release(_) => matches!(event, Event::Released),
        Action::Wait(_) => matches!(event, Event::Waited),
        Action::Revoke => matches!(event, Event::Revoked),
        Action::Done(_) => false,
    }
}

proptest! {
    #[test]
    fn no_sequence_of_events_makes_it_panic(
        mut flight in any_flight(),
        events in vec((any_event(), any_pause()), 0..40),
    ) {
        let mut elapsed = Duration::ZERO;
        let mut landed = false;
        for (event, pause) in events {
            elapsed += pause;
            let action = flight.step(event, now(elapsed));
            prop_assert!(!landed || is_out_of_step(action), "{:?} after the end", action);
            landed |= matches!(action, Action::Done(_));
        }
    }

    #[test]
    fn every_action_has_an_answer_and_only_a_wrong_one_is_out_of_step(
        mut flight in any_flight(),
        events in vec((any_event(), any_pause()), 0..200),
    ) {
        let mut elapsed = Duration::ZERO;
        let mut action = flight.step(Event::Started, now(elapsed));
        // Of the events, those that answer are said; so the walk goes deep into the protocol.
        for (event, pause) in events {
            elapsed += pause;
            let next = flight.clone().step(event, now(elapsed));
            if answers(&event, &action) {
                prop_assert!(!is_out_of_step(next), "{:?} answers {:?}", event, action);
                flight.step(event, now(elapsed));
                action = next;
            } else {
                prop_assert!(is_out_of_step(next), "{:?} does not answer {:?}", event, action);
            }
        }
    }
}

fn any_pause() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        (0_u64..2_000).prop_map(Duration::from_millis),
        (0_u64..400).prop_map(Duration::from_secs),
        Just(Duration::from_secs(1 << 40)),
    ]
}

fn any_flight() -> impl Strategy<Value = Flight> {
    let trigger = prop_oneof![
        Just(Trigger::IfDue),
        Just(Trigger::Force),
        (1_u8..4).prop_map(|grant| Trigger::IfCurrentIs(token(&format!("at-{grant}")))),
    ];
    let on_failure = select(vec![OnRefreshFailure::DiscardOnVerdict, OnRefreshFailure::DiscardAlways]);
    let window = option::of((0_u64..20).prop_map(Duration::from_secs));
    let quiet = option::of(any_pause());
    (trigger, on_failure, window, option::of(any_record()), quiet, any::<bool>()).prop_map(
        |(trigger, on_failure, window, cached, quiet, further)| {
            let flight = Flight::new(rules_with(window, on_failure), trigger, cached).quiet_until(quiet);
            if further { flight.for_further_target() } else { flight }
        },
    )
}

fn limit(at: Timestamp) -> SessionEnd {
    SessionEnd { at, reason: EndReason::LimitReached }
}

fn any_record() -> impl Strategy<Value = RecordView> {
    let phase = select(vec![Phase::Fresh, Phase::Due, Phase::Expired]);
    let active =
        (phase, 1_u8..4, 1_u64..3, 0_u32..2, 0_u8..8).prop_map(|(phase, grant, sign_in, unsettled, oddity)| {
            let mut view = SessionView { sign_in: SignInId::from_u64(sign_in), unsettled, ..session(phase, grant) };
            match oddity {
                0 => view.refresh = None,
                1 => (view.access, view.schedule) = (None, Schedule::NoAccessToken),
                2 => view.schedule = Schedule::Unknown,
                3 => view.end = Some(limit(WALL + Duration::from_secs(100))),
                _ => (),
            }
            StateView::Active(view)
        });
    let ended = select(vec![EndReason::LoggedOut, EndReason::Rejected]).prop_map(StateView::Ended);
    (1_u64..4, prop_oneof![6 => active, 1 => ended])
        .prop_map(|(version, state)| RecordView { version: Version::from_u64(version), state })
}

fn any_fault() -> impl Strategy<Value = Fault> {
    let kind = select(vec![
        ProviderErrorKind::NotSent,
        ProviderErrorKind::OutcomeUnknown,
        ProviderErrorKind::TryLater,
        ProviderErrorKind::Rejected,
        ProviderErrorKind::InteractionRequired,
        ProviderErrorKind::Refused,
        ProviderErrorKind::Misconfigured,
        ProviderErrorKind::InvalidAnswer,
    ]);
    (kind, option::of(any::<Duration>()), any::<bool>()).prop_map(|(kind, retry_after, presented)| Fault {
        kind,
        retry_after,
        presented,
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let trouble = || select(vec![StoreErrorKind::Unavailable, StoreErrorKind::Corrupt]);
    let loaded = prop_oneof![
        6 => any_record().prop_map(|record| Ok(Some(record))),
        1 => Just(Ok(None)),
        1 => trouble().prop_map(Err),
    ];
    let leased = prop_oneof![
        6 => (any_record(), 0_u32..2).prop_map(|(record, unsettled)| Ok(LeaseView::Granted { record, unsettled })),
        2 => any::<Duration>().prop_map(|remaining| Ok(LeaseView::Held { remaining })),
        1 => any::<Duration>().prop_map(|remaining| Ok(LeaseView::Paused { remaining })),
        1 => Just(Ok(LeaseView::Absent)),
        1 => trouble().prop_map(Err),
    ];
    let answered = prop_oneof![
        2 => option::of(select(vec![Violation::Subject, Violation::NoAccessToken])).prop_map(|violation| {
            Answer::Granted { access: Some(token("at-2")), refresh: Some(token("rt-2")), violation }
        }),
        4 => any_fault().prop_map(Answer::Failed),
        1 => Just(Answer::TooLate),
    ];
    let committed = prop_oneof![
        Just(Ok(CommitView::Done(Version::from_u64(3)))),
        Just(Ok(CommitView::Conflict)),
        trouble().prop_map(Err),
    ];
    let renewed = prop_oneof![Just(Ok(Renewal::Done)), Just(Ok(Renewal::Lost)), trouble().prop_map(Err)];
    let prepared = prop_oneof![3 => Just(Ok(())), 1 => any_fault().prop_map(Err)];
    prop_oneof![
        Just(Event::Started),
        loaded.prop_map(Event::Loaded),
        prepared.prop_map(Event::Prepared),
        leased.prop_map(Event::Leased),
        answered.prop_map(Event::Answered),
        committed.prop_map(Event::Committed),
        renewed.prop_map(Event::Renewed),
        select(vec![Event::Served, Event::Released, Event::Waited, Event::Revoked]),
    ]
}
