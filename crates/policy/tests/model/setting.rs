//! What may happen in one run, and to whom.

/// How much may happen in one run.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Setting {
    /// How many processes share the session: two or three.
    pub(crate) processes: u8,
    /// How often each process looks, one flight after another.
    pub(crate) flights: u8,
    /// Crashes, lost requests, lost answers, late requests, store failures, leases that end early.
    pub(crate) faults: u8,
    /// Logouts, sign-ins, revocations by an administrator, access tokens that expire.
    pub(crate) occasions: u8,
    /// Both together.
    pub(crate) in_all: u8,
    /// The server replaces a refresh token whenever it is presented.
    pub(crate) rotates: bool,
    pub(crate) reuse_window: bool,
    /// The clock of a process may be set ahead or back, by far: one more fault.
    pub(crate) clocks: bool,
    /// The access token is due at first, not expired.
    pub(crate) due: bool,
    /// The second process wants a refresh in any case.
    pub(crate) forced: bool,
    /// The second process wants an access token for a further target, over the same refresh token. There is none at
    /// first, unless its refresh is forced: then there is one that is fresh.
    pub(crate) further: bool,
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
    /// The tokens of other targets are written back as they were read first.
    OtherTargetsAsReadFirst,
    /// Whoever takes over presents at once.
    NoGrace,
    /// The store ends a lease for whoever asks.
    AnybodyReleases,
    /// The session's own access token is looked at for every target.
    OwnTokenForEveryTarget,
}
