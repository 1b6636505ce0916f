//! A store with compare-and-set and leases, as small as the contract allows.

use oidc_session_core::{EndReason, Version};

use crate::server::{Grant, Target, Token};
use crate::setting::Mutant;

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Record {
    Active { sign_in: u8, tokens: TokenSets },
    Ended(EndReason),
}

/// The access tokens of a session over its one refresh token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct TokenSets {
    pub(crate) refresh: Token,
    pub(crate) own: Token,
    pub(crate) further: Option<Token>,
}

impl TokenSets {
    pub(crate) fn of(sign_in: Token) -> Self {
        Self { refresh: sign_in, own: sign_in, further: None }
    }

    pub(crate) fn access(self, target: Target) -> Option<Token> {
        match target {
            Target::Own => Some(self.own),
            Target::Further => self.further,
        }
    }

    pub(crate) fn merge(self, grant: Grant, target: Target) -> Self {
        let refreshed = Self { refresh: grant.refresh, ..self };
        match target {
            Target::Own => Self { own: grant.access, ..refreshed },
            Target::Further => Self { further: Some(grant.access), ..refreshed },
        }
    }
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Store {
    pub(crate) record: Option<(Version, Record)>,
    next_version: u64,
    lease: Option<LeaseEntry>,
    unsettled: u32,
    paused: bool,
    mutant: Option<Mutant>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct LeaseEntry {
    holder: u8,
    expired: bool,
}

pub(crate) enum Asked {
    Absent,
    Granted { version: Version, record: Record, unsettled: u32 },
    Held,
    Paused,
}

impl Store {
    pub(crate) fn new(mutant: Option<Mutant>) -> Self {
        Self { record: None, next_version: 1, lease: None, unsettled: 0, paused: false, mutant }
    }

    pub(crate) fn write(&mut self, record: Record) -> Version {
        let version = Version::from_u64(self.next_version);
        self.next_version += 1;
        self.record = Some((version, record));
        self.lease = None;
        self.unsettled = 0;
        self.paused = false;
        version
    }

    pub(crate) fn commit(&mut self, expected: Version, record: Record) -> Option<Version> {
        let holds = self.record.is_some_and(|(version, _)| version == expected);
        (holds || self.mutant == Some(Mutant::NoCompareAndSet)).then(|| self.write(record))
    }

    pub(crate) fn try_lease(&mut self, holder: u8) -> Asked {
        let Some((version, record)) = self.record else {
            return Asked::Absent;
        };
        match self.lease {
            Some(lease) if !lease.expired && lease.holder != holder => return Asked::Held,
            Some(lease) if lease.expired => self.unsettled += 1,
            Some(_) => {}
            None if self.paused => return Asked::Paused,
            None => {}
        }
        self.lease = Some(LeaseEntry { holder, expired: false });
        Asked::Granted { version, record, unsettled: self.unsettled }
    }

    pub(crate) fn renew(&self, holder: u8) -> bool {
        self.is_held_by(holder)
    }

    pub(crate) fn release(&mut self, holder: u8, unsettled: bool, paused: bool) {
        if self.is_held_by(holder) || self.mutant == Some(Mutant::AnybodyReleases) {
            self.lease = None;
            self.unsettled += u32::from(unsettled);
            self.paused = paused;
        }
    }

    /// A lease that ended is nobody's, even before somebody takes it over.
    fn is_held_by(&self, holder: u8) -> bool {
        self.holder() == Some(holder)
    }

    /// The holder whose lease could expire next.
    pub(crate) fn holder(&self) -> Option<u8> {
        self.lease.filter(|lease| !lease.expired).map(|lease| lease.holder)
    }

    pub(crate) fn expire_lease(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.expired = true;
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(crate) fn end_pause(&mut self) {
        self.paused = false;
    }
}
