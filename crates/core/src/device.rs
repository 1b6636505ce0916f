//! [`DeviceSignIn`]: signing in on a device that has no browser (RFC 8628).

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::{DeviceCode, DpopKey, ProviderError, Scopes, Session, Timestamp};

/// Signs a subject in with the device authorization grant (RFC 8628): the subject types a short code into a browser
/// anywhere, and the program polls until that is done.
#[async_trait]
pub trait DeviceSignIn: fmt::Debug + Send + Sync + 'static {
    /// Asks for a user code (RFC 8628 §3.1).
    async fn device_authorization(&self, request: DeviceRequest) -> Result<PendingDevice, ProviderError>;

    /// Asks once whether the subject has finished (RFC 8628 §3.4).
    ///
    /// To be called no sooner than [`PendingDevice::interval`] after the last time. An error of kind `NotSent`,
    /// `OutcomeUnknown` or `TryLater` says nothing about the sign-in: poll on, until the code has expired.
    async fn poll(&self, pending: &mut PendingDevice) -> Result<DevicePoll, ProviderError>;
}

/// What to ask for at a sign-in on a device.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeviceRequest {
    /// The scopes to ask for; `openid` is always among them.
    pub scopes: Scopes,
    /// The resource servers that the session is to reach (RFC 8707).
    pub resources: Vec<String>,
    /// Further parameters of the device authorization request.
    pub parameters: Vec<(String, String)>,
}

impl DeviceRequest {
    /// A request for `scopes`.
    pub fn new(scopes: Scopes) -> Self {
        Self { scopes, resources: Vec::new(), parameters: Vec::new() }
    }
}

/// A sign-in on a device that waits for its subject.
#[non_exhaustive]
pub struct PendingDevice {
    /// What the subject types in.
    pub user_code: String,
    /// Where the subject types it in.
    pub verification_uri: Url,
    /// The same address with the code filled in, for a QR code. Not every server has one.
    pub verification_uri_complete: Option<Url>,
    /// How long to wait between two polls. It grows when the server asks for that.
    pub interval: Duration,
    /// When the code expires.
    pub expires_at: Timestamp,
    /// What the polls present.
    pub device_code: DeviceCode,
    /// The scopes that were asked for.
    pub scopes: Scopes,
    /// The resource servers that were asked for.
    pub resources: Vec<String>,
    /// The key to bind the tokens to, if they are to be bound (RFC 9449).
    pub dpop_key: Option<DpopKey>,
}

impl PendingDevice {
    /// A pending sign-in with the default interval of five seconds (RFC 8628 §3.2). For implementations.
    pub fn new(
        user_code: impl Into<String>,
        verification_uri: Url,
        device_code: DeviceCode,
        expires_at: Timestamp,
        scopes: Scopes,
    ) -> Self {
        Self {
            user_code: user_code.into(),
            verification_uri,
            verification_uri_complete: None,
            interval: Duration::from_secs(5),
            expires_at,
            device_code,
            scopes,
            resources: Vec::new(),
            dpop_key: None,
        }
    }
}

impl fmt::Debug for PendingDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingDevice")
            .field("verification_uri", &self.verification_uri.as_str())
            .field("interval", &self.interval)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What one poll brought.
#[derive(Debug)]
pub enum DevicePoll {
    /// The subject has not finished. Wait for [`PendingDevice::interval`] and poll again.
    Pending,
    /// The subject has signed in.
    SignedIn(Box<Session>),
}
