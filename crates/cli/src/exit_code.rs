//! [`Exit`]: what an exit code says, and the one place that decides which failure gets which.

use std::process::ExitCode;

use oidc_session_core::{ProviderErrorKind, StoreErrorKind};
use oidc_session_manager::SessionErrorKind;

/// What a script can do about a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Anything that is not listed below.
    Failed,
    /// The command line is wrong.
    Usage,
    /// There is no session, or it has ended.
    SignInNeeded,
    /// The session is kept; later may help.
    Unavailable,
    /// Client, issuer, address or store settings are wrong.
    Misconfigured,
}

impl Exit {
    /// The code a shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::SignInNeeded => 3,
            Self::Unavailable => 4,
            Self::Misconfigured => 5,
        }
    }

    /// `error.kind` of the JSON output.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::SignInNeeded => "sign_in_needed",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// What a failure of one of the layers below means to whoever runs the command: the exit code, and what to do next.
pub(crate) fn meaning(kind: impl Into<Cause>) -> (Exit, Option<&'static str>) {
    use ProviderErrorKind as P;
    use SessionErrorKind as S;
    use StoreErrorKind as D;
    match kind.into() {
        Cause::Session(S::SignInNeeded) => (Exit::SignInNeeded, Some(SIGN_IN)),
        Cause::Session(S::Unavailable) => (Exit::Unavailable, Some("nothing is lost; try again later")),
        Cause::Session(S::Misconfigured) => (Exit::Misconfigured, Some(CHECK_CLIENT)),
        Cause::Session(S::Damaged) | Cause::Store(D::Corrupt) => (Exit::Failed, Some(DAMAGED)),

        Cause::Store(D::Denied) => (Exit::Misconfigured, Some("check who may read and write the store")),
        Cause::Store(D::Misconfigured) => {
            (Exit::Misconfigured, Some("check --store, and that this program is up to date"))
        }
        Cause::Store(D::Unavailable) => (Exit::Unavailable, Some("nothing is lost; try again later")),

        Cause::Provider(P::NotSent) => {
            (Exit::Unavailable, Some("check the network and the issuer's address, or try again later"))
        }
        Cause::Provider(P::TryLater | P::OutcomeUnknown) => (Exit::Unavailable, Some("try again later")),
        Cause::Provider(P::Rejected | P::InteractionRequired | P::Refused) => (Exit::SignInNeeded, Some(SIGN_IN)),
        Cause::Provider(P::Misconfigured) => (Exit::Misconfigured, Some(CHECK_CLIENT)),
        Cause::Provider(P::InvalidAnswer) => {
            (Exit::Failed, Some("the server broke the protocol; tell whoever runs it"))
        }

        // Kinds that later versions add.
        Cause::Session(_) | Cause::Store(_) | Cause::Provider(_) => (Exit::Failed, None),
    }
}

const SIGN_IN: &str = "sign in with `oidc-session login`";
const CHECK_CLIENT: &str = "check issuer, client id and client secret, then sign in again if they had to change";
const DAMAGED: &str = "restore the store, or sign in again, which replaces the damaged record";

/// The kind of error of one of the layers below.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause {
    Session(SessionErrorKind),
    Store(StoreErrorKind),
    Provider(ProviderErrorKind),
}

impl From<SessionErrorKind> for Cause {
    fn from(kind: SessionErrorKind) -> Self {
        Self::Session(kind)
    }
}

impl From<StoreErrorKind> for Cause {
    fn from(kind: StoreErrorKind) -> Self {
        Self::Store(kind)
    }
}

impl From<ProviderErrorKind> for Cause {
    fn from(kind: ProviderErrorKind) -> Self {
        Self::Provider(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_a_contract() {
        let code = |cause: Cause| meaning(cause).0.code();
        for (cause, expected) in [
            (Cause::from(SessionErrorKind::SignInNeeded), 3),
            (SessionErrorKind::Unavailable.into(), 4),
            (SessionErrorKind::Misconfigured.into(), 5),
            (SessionErrorKind::Damaged.into(), 1),
            (StoreErrorKind::Corrupt.into(), 1),
            (StoreErrorKind::Denied.into(), 5),
            (StoreErrorKind::Misconfigured.into(), 5),
            (StoreErrorKind::Unavailable.into(), 4),
            (ProviderErrorKind::NotSent.into(), 4),
            (ProviderErrorKind::TryLater.into(), 4),
            (ProviderErrorKind::OutcomeUnknown.into(), 4),
            (ProviderErrorKind::Rejected.into(), 3),
            (ProviderErrorKind::InteractionRequired.into(), 3),
            (ProviderErrorKind::Refused.into(), 3),
            (ProviderErrorKind::Misconfigured.into(), 5),
            (ProviderErrorKind::InvalidAnswer.into(), 1),
        ] {
            assert_eq!(code(cause), expected, "{cause:?}");
        }
    }
}
