//! [`KnownCode`]: a row in a table of codes.

/// A code of the vendor's, and what it says about a refresh token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownCode {
    pub(crate) number: u32,
    pub(crate) class: Class,
    /// What to do about it: one clause.
    pub(crate) advice: Option<&'static str>,
    /// The least to wait, in seconds, if coming back is what it asks for.
    pub(crate) least_wait: u64,
}

/// What a code says. Whether it may decide is another matter: see `refusal.rs`.
///
/// In order of what to believe when an answer carries several: whoever did not judge comes first, and general codes,
/// which servers add to special ones, come last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Class {
    /// The server could not judge.
    Transient,
    /// The subject has to do something, or an administrator.
    Interaction,
    /// The refresh token is gone.
    Dead,
    /// The request was not readable, most often because the refresh token was cut short.
    Malformed,
    /// The client, its registration or the tenant is set up wrongly.
    Setup,
}

impl KnownCode {
    const fn of(number: u32, class: Class) -> Self {
        Self { number, class, advice: None, least_wait: 0 }
    }

    /// The same with what to do about it.
    pub(crate) const fn advice(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// The same with the least to wait, in seconds.
    pub(crate) const fn least_wait(mut self, seconds: u64) -> Self {
        self.least_wait = seconds;
        self
    }
}

pub(crate) const fn transient(number: u32) -> KnownCode {
    KnownCode::of(number, Class::Transient)
}

pub(crate) const fn interaction(number: u32) -> KnownCode {
    KnownCode::of(number, Class::Interaction)
}

pub(crate) const fn dead(number: u32) -> KnownCode {
    KnownCode::of(number, Class::Dead)
}

pub(crate) const fn malformed(number: u32) -> KnownCode {
    KnownCode::of(number, Class::Malformed)
}

pub(crate) const fn setup(number: u32) -> KnownCode {
    KnownCode::of(number, Class::Setup)
}
