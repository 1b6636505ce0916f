//! [`DeviceGrants`]: every device that asked, found by its device code or by its user code. Pure.

use oidc_session_core::Timestamp;

use super::bounded::Bounded;
use super::device_grant::{DeviceGrant, DeviceRules};
use super::opaque::Digest;

const KEPT: usize = 4_096;

/// The devices that wait, and those that waited. The oldest make room for new ones.
pub(super) struct DeviceGrants {
    rules: DeviceRules,
    grants: Bounded<Digest, DeviceGrant>,
}

impl DeviceGrants {
    pub(super) fn new(rules: DeviceRules) -> Self {
        Self { rules, grants: Bounded::new(KEPT) }
    }

    pub(super) fn rules(&self) -> &DeviceRules {
        &self.rules
    }

    pub(super) fn insert(&mut self, device_code: Digest, grant: DeviceGrant) {
        self.grants.insert(device_code, grant);
    }

    /// The device of a client.
    pub(super) fn of_client(&mut self, device_code: &Digest, client_id: &str) -> Option<&mut DeviceGrant> {
        self.grants.get_mut(device_code).filter(|grant| grant.client_id == client_id)
    }

    /// The device that shows this user code, if somebody may still decide about it.
    pub(super) fn open(&mut self, user_code: &str, now: Timestamp) -> Option<&mut DeviceGrant> {
        self.grants.values_mut().find(|grant| grant.user_code.is(user_code) && grant.is_open(now))
    }
}
