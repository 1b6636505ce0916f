//! [`Failure`]: why a command did not do what it was asked, as a person and as a script read it.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use oidc_session_core::{EndReason, ProviderError, RecordError, StoreError, Tombstone};
use oidc_session_manager::{SessionError, SessionErrorKind};
use oidc_session_sealing::KeyRingError;
use serde_json::{Map, Value, json};

use crate::exit_code::{Exit, meaning};
use crate::standby::Unready;

/// Why a command did not do what it was asked. Never holds a secret.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Told>);

#[derive(Clone, Debug)]
struct Told {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    reason: Option<String>,
    retry_after: Option<Duration>,
    hint: Option<String>,
    /// What the authorization server wants to see in the next authorization request.
    sign_in_parameters: Vec<(String, String)>,
    /// What the command found out all the same: stands beside `error` in the JSON output.
    findings: Map<String, Value>,
    /// Nobody is listening any more: end without a word.
    quiet: bool,
    /// Stdout has said it already.
    in_answer: bool,
}

impl Failure {
    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// There is no session, or it has ended.
    pub(crate) fn sign_in_needed(message: impl Into<String>) -> Self {
        Self::new(Exit::SignInNeeded, message)
    }

    /// The session is kept; later may help.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unavailable, message)
    }

    /// Settings are wrong.
    pub(crate) fn misconfigured(message: impl Into<String>) -> Self {
        Self::new(Exit::Misconfigured, message)
    }

    /// Anything else.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The session has ended, as its tombstone says.
    pub(crate) fn of_ended(name: &str, tombstone: &Tombstone) -> Self {
        let code = tombstone.error.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        let message = format!("the session {name:?} has ended: {}{code}", tombstone.reason);
        let failure = Self::sign_in_needed(message).reason(tombstone.reason.as_str());
        match (tombstone.reason, &tombstone.moving) {
            (EndReason::Moved, Some(_)) => {
                failure.hint("it is still on its way: run `oidc-session migrate` again, then use the store it goes to")
            }
            (EndReason::Moved, None) => failure.hint(OTHER_STORE),
            _ => failure.hint("sign in with `oidc-session login`"),
        }
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self(Box::new(Told {
            exit,
            message: message.into(),
            causes: Vec::new(),
            reason: None,
            retry_after: None,
            hint: None,
            sign_in_parameters: Vec::new(),
            findings: Map::new(),
            quiet: false,
            in_answer: false,
        }))
    }

    /// The same failure with its chain of causes.
    #[must_use]
    pub(crate) fn because(mut self, cause: &(dyn Error + 'static)) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            self.0.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    /// The same failure with one stable word for a script.
    #[must_use]
    pub(crate) fn reason(mut self, reason: impl Into<String>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// The same failure with what to do next, in place of a more general hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same failure as one that `cause` has brought about.
    #[must_use]
    pub(crate) fn caused_by(mut self, cause: Self) -> Self {
        self.0.causes.push(cause.0.message);
        self.0.causes.extend(cause.0.causes);
        self.0.sign_in_parameters = cause.0.sign_in_parameters;
        // Without a hint it is one that says itself what to do.
        self.0.hint = self.0.hint.filter(|_| cause.0.hint.is_some());
        self
    }

    /// The same failure; if signing in helps, `command` is how. It is given the parameters to sign in with.
    #[must_use]
    pub(crate) fn sign_in_with(self, command: impl FnOnce(&[(String, String)]) -> String) -> Self {
        match self.0.exit {
            // It is alive, elsewhere.
            _ if self.has_reason(EndReason::Moved.as_str()) => self,
            Exit::SignInNeeded => {
                let command = command(&self.0.sign_in_parameters);
                self.hint(format!("sign in: {command}"))
            }
            _ => self,
        }
    }

    /// The same failure with something that the command found out all the same.
    #[must_use]
    pub(crate) fn finding(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.findings.insert(name.to_owned(), value.into());
        self
    }

    /// The same failure, after an answer on stdout that says it too.
    #[must_use]
    pub(crate) fn in_answer(mut self) -> Self {
        self.0.in_answer = true;
        self
    }

    /// What happened, without the causes.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// What happened and why, in one line.
    pub(crate) fn whole_message(&self) -> String {
        let mut message = self.0.message.clone();
        for cause in &self.0.causes {
            message = format!("{message}: {cause}");
        }
        message
    }

    /// What the shell gets.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.0.quiet { ExitCode::SUCCESS } else { self.0.exit.into() }
    }

    pub(crate) fn has_reason(&self, reason: &str) -> bool {
        self.0.reason.as_deref() == Some(reason)
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.0.quiet
    }

    pub(crate) fn is_in_answer(&self) -> bool {
        self.0.in_answer
    }

    /// For a person: what, why, what next.
    pub(crate) fn lines(&self) -> Vec<(&'static str, &str)> {
        let mut lines = vec![("error", self.0.message.as_str())];
        lines.extend(self.0.causes.iter().map(|cause| ("cause", cause.as_str())));
        lines.extend(self.0.hint.as_deref().map(|hint| ("hint", hint)));
        lines
    }

    /// For a script: one object.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = self.0.findings.clone();
        object.insert(
            "error".to_owned(),
            json!({
                "kind": self.0.exit.as_str(),
                "message": self.whole_message(),
                "reason": self.0.reason,
                "retry_after_seconds": self.0.retry_after.map(whole_seconds),
                "hint": self.0.hint,
            }),
        );
        object.into()
    }
}

/// What to do about a session that lives on elsewhere.
pub(crate) const OTHER_STORE: &str = "use the store it was moved to: --store URL, or the variable OIDC_SESSION_STORE";

/// Rounded up, so that whoever waits that long has waited long enough.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        if let Some(unready) = Unready::behind(&error) {
            return unready;
        }
        let (exit, hint) = meaning(error.kind());
        let mut failure = Self::new(exit, error.to_string());
        failure.0.reason = Some(match error.end_reason() {
            Some(reason) => reason.as_str().to_owned(),
            None => error.outcome().to_owned(),
        });
        failure.0.retry_after = error.retry_in();
        failure.0.sign_in_parameters = error.sign_in_parameters().to_vec();
        failure.0.hint = match (error.kind(), error.retry_in()) {
            (SessionErrorKind::Unavailable, Some(wait)) => {
                Some(format!("nothing is lost; try again in {} s", whole_seconds(wait)))
            }
            _ if error.end_reason() == Some(EndReason::Moved) => Some(OTHER_STORE.to_owned()),
            _ if error.outcome() == "lifetime_too_short" => Some("ask for a smaller --min-valid".to_owned()),
            _ => hint.filter(|_| !is_advised(&error)).map(str::to_owned),
        };
        match error.source() {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::from(&error)
    }
}

impl From<&ProviderError> for Failure {
    fn from(error: &ProviderError) -> Self {
        if let Some(unready) = Unready::behind(error) {
            return unready;
        }
        let (exit, hint) = meaning(error.kind());
        let mut failure = Self::new(exit, error.to_string());
        failure.0.reason = error.error_code().map(str::to_owned);
        failure.0.retry_after = error.retry_after();
        failure.0.sign_in_parameters = error.sign_in_parameters().to_vec();
        failure.0.hint = hint.filter(|_| !is_advised(error)).map(str::to_owned);
        match error.source() {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    }
}

/// Whether an error says itself what to do about it, so that no general hint is wanted.
fn is_advised(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.filter_map(|cause| cause.downcast_ref::<ProviderError>()).any(|cause| cause.advice().is_some())
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (exit, hint) = meaning(error.kind());
        let mut failure = Self::new(exit, error.to_string());
        failure.0.hint = hint.map(str::to_owned);
        match error.source() {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    }
}

impl From<KeyRingError> for Failure {
    fn from(error: KeyRingError) -> Self {
        let failure = Self::misconfigured(error.to_string());
        match error.source() {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        let (exit, hint) = meaning(SessionErrorKind::Damaged);
        let mut failure = Self::new(exit, error.to_string()).reason("damaged");
        failure.0.hint = hint.map(str::to_owned);
        failure
    }
}

/// For output: reading from somewhere else says what it was reading.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let mut failure = Self::failed("the output could not be written").because(&error);
        failure.0.quiet = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }
}
