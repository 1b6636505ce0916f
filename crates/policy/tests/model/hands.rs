//! One process: the shipped [`Flight`], and what its hands hold.

use std::time::Duration;

use oidc_session_core::{
    EndReason, Fingerprint, ProviderErrorKind, ProviderId, ProviderProfile, Rotation, SignInId, Timestamp, Version,
};
use oidc_session_policy::protocol::{
    Action, Event, Flight, Journal, Now, Outcome, RecordView, Rules, SessionView, StateView, Trigger,
};
use oidc_session_policy::{OnRefreshFailure, Schedule};

use crate::server::{Grant, Reply, Target, Token};
use crate::setting::Setting;
use crate::store::{Record, TokenSets};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

/// A process of the model.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Process {
    pub(crate) flight: Option<Flight>,
    pub(crate) action: Option<Action>,
    pub(crate) flights_left: u8,
    /// What its last flight left unsettled.
    pub(crate) given_up: Option<Journal>,
    pub(crate) holder: u8,
    pub(crate) target: Target,
    /// The tokens that the flight saw first.
    pub(crate) first: Option<TokenSets>,
    /// Whether what was read last held what the process wants, at that moment: it may expire before the flight lands.
    pub(crate) found: bool,
    /// What was read or written last.
    pub(crate) read: Option<(Version, Record)>,
    /// The refresh token under way, and the server's reply once it has processed it.
    pub(crate) presented: Option<Token>,
    pub(crate) reply: Option<Reply>,
    pub(crate) granted: Option<Grant>,
    /// Whether the journal says that the token may be presented again.
    pub(crate) journaled: bool,
    /// It holds the lease of an attempt that another began, and has presented nothing yet.
    pub(crate) takes_over: bool,
    /// It has tokens in hand that are stored nowhere.
    pub(crate) unsaved: bool,
    /// A commit of this flight has failed.
    pub(crate) commit_failed: bool,
    pub(crate) outcome: Option<Outcome>,
    /// Every patience has run out.
    pub(crate) late: bool,
    /// It was frozen past its lease.
    pub(crate) overslept: bool,
    pub(crate) clock: Clock,
}

/// The wall clock of a process. Only the monotonic one can be relied on.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) enum Clock {
    #[default]
    Right,
    Ahead,
    Back,
}

impl Clock {
    /// Farther than any token lives.
    const JUMP: Duration = Duration::from_secs(1_000);

    fn wall(self) -> Timestamp {
        match self {
            Self::Right => NOW,
            Self::Ahead => NOW + Self::JUMP,
            Self::Back => NOW - Self::JUMP,
        }
    }
}

impl Process {
    pub(crate) fn new(index: u8, target: Target, flights: u8) -> Self {
        Self {
            flight: None,
            action: None,
            flights_left: flights,
            given_up: None,
            holder: index,
            target,
            first: None,
            found: false,
            read: None,
            presented: None,
            reply: None,
            granted: None,
            journaled: false,
            takes_over: false,
            unsaved: false,
            commit_failed: false,
            outcome: None,
            late: false,
            overslept: false,
            clock: Clock::Right,
        }
    }

    pub(crate) fn begin(&mut self, trigger: Trigger, setting: &Setting) {
        self.late = false;
        let mut flight = Flight::new(rules(setting), trigger, None).having_given_up(self.given_up);
        if self.target == Target::Further {
            flight = flight.for_further_target();
        }
        self.action = Some(flight.step(Event::Started, now(self.clock, self.late)));
        self.flight = Some(flight);
        self.flights_left -= 1;
        // No two processes ever have the same number.
        self.holder += setting.processes;
        self.forget();
        self.outcome = None;
    }

    pub(crate) fn crash(&mut self) {
        self.flight = None;
        self.action = None;
        self.given_up = None;
        self.late = false;
        self.forget();
    }

    pub(crate) fn step(&mut self, event: Event) {
        let Some(flight) = &mut self.flight else { return };
        let action = flight.step(event, now(self.clock, self.late));
        self.action = Some(action);
    }

    pub(crate) fn land(&mut self, outcome: Outcome) {
        let given_up = self.flight.as_ref().and_then(Flight::given_up);
        self.crash();
        self.given_up = given_up;
        self.outcome = Some(outcome);
    }

    /// Whether it gives another holder time before it presents that one's token again.
    pub(crate) fn waits_to_take_over(&self) -> bool {
        self.takes_over && matches!(self.action, Some(Action::Wait(_)))
    }

    /// The tokens of the session that was read or written last.
    pub(crate) fn tokens(&self) -> Option<TokenSets> {
        match self.read {
            Some((_, Record::Active { tokens, .. })) => Some(tokens),
            Some((_, Record::Ended(_))) | None => None,
        }
    }

    fn forget(&mut self) {
        self.first = None;
        self.found = false;
        self.read = None;
        self.presented = None;
        self.reply = None;
        self.granted = None;
        self.journaled = false;
        self.takes_over = false;
        self.unsaved = false;
        self.commit_failed = false;
        self.overslept = false;
    }
}

/// What the protocol sees of a record, looked at for the sake of `target`.
pub(crate) fn view(
    version: Version,
    record: Record,
    target: Target,
    schedule: impl Fn(Token) -> Schedule,
) -> RecordView {
    let state = match record {
        Record::Ended(reason) => StateView::Ended(reason),
        Record::Active { sign_in, tokens } => StateView::Active(SessionView {
            schedule: tokens.access(target).map_or(Schedule::NoAccessToken, schedule),
            access: tokens.access(target).map(|token| fingerprint(b'a', token)),
            refresh: Some(fingerprint(b'r', tokens.refresh)),
            sign_in: SignInId::from_u64(sign_in.into()),
            end: None,
            unsettled: 0,
        }),
    };
    RecordView { version, state }
}

pub(crate) fn fingerprint(kind: u8, token: Token) -> Fingerprint {
    Fingerprint::of(&[kind, token])
}

pub(crate) fn is_verdict(reason: EndReason) -> bool {
    matches!(reason, EndReason::Rejected | EndReason::RejectedAfterUnknownOutcome)
}

pub(crate) fn fault(kind: ProviderErrorKind) -> oidc_session_policy::protocol::Fault {
    oidc_session_policy::protocol::Fault { kind, retry_after: None, presented: kind != ProviderErrorKind::NotSent }
}

/// A schedule that is fresh, due or expired at `NOW`.
pub(crate) fn schedule(refresh_at: i64, expires_at: i64) -> Schedule {
    let at = |seconds: i64| Timestamp::from_unix_seconds(NOW.as_unix_seconds() + seconds);
    Schedule::Known {
        requested_at: at(-100),
        refresh_at: at(refresh_at),
        expires_at: at(expires_at),
        not_before: at(-99),
    }
}

fn rules(setting: &Setting) -> Rules {
    let mut profile = ProviderProfile::new(ProviderId::new("model"));
    profile.reuse_window = setting.reuse_window.then_some(Duration::from_secs(60));
    profile.rotation = if setting.rotates { Rotation::Always } else { Rotation::Never };
    #[expect(clippy::unwrap_used, reason = "a lease of 20 s covers a request of 10 s and a commit of 5 s")]
    Rules::new(&profile, Duration::from_secs(5), Duration::from_secs(20), OnRefreshFailure::DiscardOnVerdict).unwrap()
}

/// `late`: past every patience.
fn now(clock: Clock, late: bool) -> Now {
    Now { wall: clock.wall(), monotonic: if late { Duration::from_secs(100_000) } else { Duration::from_secs(1) } }
}
