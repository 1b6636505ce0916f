//! [`PushedRequests`]: authorization requests that a client left here beforehand (RFC 9126). Pure.

use std::time::Duration;

use oidc_session_core::Timestamp;

use super::bounded::Bounded;
use super::opaque::{Digest, Opaque};
use super::params::Params;
use super::protocol_error::ProtocolError;

/// How long a client has to send the browser along.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
const KEPT: usize = 4_096;

/// The requests that were pushed. The oldest make room for new ones.
pub(super) struct PushedRequests(Bounded<Digest, PushedRequest>);

struct PushedRequest {
    client_id: String,
    params: Params,
    expires_at: Timestamp,
    used: bool,
}

impl PushedRequests {
    pub(super) fn new() -> Self {
        Self(Bounded::new(KEPT))
    }

    /// Whether this `request_uri` is one of those this server hands out.
    pub(super) fn is_ours(request_uri: &str) -> bool {
        request_uri.starts_with(PREFIX)
    }

    /// Keeps a request, and returns its `request_uri`.
    pub(super) fn push(&mut self, client_id: &str, params: Params, now: Timestamp) -> String {
        let request_uri = Opaque::mint(PREFIX);
        let expires_at = now + LIFETIME;
        let request = PushedRequest { client_id: client_id.to_owned(), params, expires_at, used: false };
        self.0.insert(request_uri.digest(), request);
        request_uri.expose().to_owned()
    }

    /// The request behind a `request_uri`, for the client that pushed it, as long as nobody has decided on it.
    pub(super) fn read(&self, digest: &Digest, client_id: Option<&str>, now: Timestamp) -> Option<&Params> {
        let request = self.0.get(digest)?;
        let usable = Some(request.client_id.as_str()) == client_id && now < request.expires_at && !request.used;
        usable.then_some(&request.params)
    }

    /// Somebody decides: the `request_uri` is good for this once.
    pub(super) fn consume(&mut self, digest: &Digest) -> Result<(), ProtocolError> {
        const USED: ProtocolError = ProtocolError::new("invalid_request_uri", "the request URI was already used");
        let request = self.0.get_mut(digest).ok_or(USED)?;
        if std::mem::replace(&mut request.used, true) { Err(USED) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[test]
    fn a_pushed_request_is_for_its_client_in_time_and_once() {
        let mut pushed = PushedRequests::new();
        let request_uri = pushed.push("native-app", Params::parse(b"state=s").unwrap(), second(0));
        assert!(PushedRequests::is_ours(&request_uri) && !PushedRequests::is_ours("https://app.example/request"));
        let digest = Digest::of(&request_uri);
        for (client_id, at, usable) in [
            (Some("native-app"), 59, true),
            (Some("native-app"), 60, false),
            (Some("other"), 0, false),
            (None, 0, false),
        ] {
            assert_eq!(pushed.read(&digest, client_id, second(at)).is_some(), usable, "{client_id:?} at {at}");
        }
        assert_eq!(pushed.consume(&digest), Ok(()));
        assert!(pushed.read(&digest, Some("native-app"), second(0)).is_none());
        assert!(pushed.consume(&digest).is_err());
    }
}
