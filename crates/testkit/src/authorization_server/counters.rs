//! [`Counters`]: how often each thing happened since the server started.

use serde::Serialize;

/// A snapshot of what the server has counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// Authorization requests answered with a code.
    pub authorizations: u64,
    /// Authorization requests that were pushed (RFC 9126).
    pub pushed_authorization_requests: u64,
    /// Authorization requests the subject refused, those of devices among them.
    pub denials: u64,
    /// Requests at the token endpoint, of every kind.
    pub token_requests: u64,
    /// Codes redeemed.
    pub code_grants: u64,
    /// Requests at the device authorization endpoint that got a device code.
    pub device_authorizations: u64,
    /// Requests at the token endpoint with a device code, whatever came of them.
    pub device_polls: u64,
    /// Those of them that came too early and were told to slow down.
    pub device_slow_downs: u64,
    /// Device codes redeemed.
    pub device_grants: u64,
    /// Presentations of a refresh token, whatever came of them.
    pub refresh_requests: u64,
    /// Refreshes granted, including those whose answer a fault spoiled or lost.
    pub refresh_grants: u64,
    /// Those of them that were granted only because the reuse window was open.
    pub reuse_window_grants: u64,
    /// Presentations of a consumed refresh token outside the reuse window.
    pub reuse_detected: u64,
    /// Client assertions that were accepted, at every endpoint.
    pub client_assertions: u64,
    /// DPoP proofs that were accepted, at the token endpoint and at the userinfo endpoint.
    pub dpop_proofs: u64,
    /// DPoP proofs that were answered `use_dpop_nonce`, at either.
    pub dpop_nonce_challenges: u64,
    /// Families revoked, for whatever reason.
    pub families_revoked: u64,
    /// Accepted requests at the revocation endpoint.
    pub revocations: u64,
    /// Sessions ended at the end-session endpoint.
    pub end_sessions: u64,
    /// Refusals at the token endpoint, without injected ones.
    pub rejected: u64,
    /// Faults that were applied.
    pub faults_injected: u64,
    /// Requests at the userinfo endpoint.
    pub userinfo_requests: u64,
    /// Requests for the discovery document.
    pub discovery_requests: u64,
    /// Requests for the key set.
    pub jwks_requests: u64,
}
