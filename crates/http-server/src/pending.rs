//! [`PendingCookies`]: sign-ins on their way, each in a sealed cookie of its own.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use oidc_session_core::{CodeVerifier, DpopKey, PendingSignIn, SignInRequest, Timestamp};
use oidc_session_manager::Envelope;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use crate::cookies::{self, SessionCookie};
use crate::return_to::ReturnTo;

/// Sign-ins on their way, each in a sealed cookie of its own.
///
/// The browser carries what the server would have to remember: so it cannot be made to remember too much, and whoever
/// comes back without the cookie is not the one who went.
#[derive(Debug)]
pub(crate) struct PendingCookies {
    envelope: Envelope,
    prefix: String,
}

/// What was written down when a sign-in began.
pub(crate) struct Begun {
    pub(crate) pending: PendingSignIn,
    pub(crate) return_to: ReturnTo,
}

/// For how long a sign-in may take.
pub(crate) const LIFETIME: Duration = Duration::from_secs(600);

/// How many a browser carries at most. Servers refuse requests whose headers grow beyond some 8 KiB.
const MOST: usize = 4;

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    state: &'a str,
    nonce: &'a str,
    code_verifier: &'a str,
    // Its text may have characters that JSON writes in another way.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    dpop_key: Option<Cow<'a, str>>,
    started_at_unix_ms: Timestamp,
    return_to: &'a str,
}

impl PendingCookies {
    pub(crate) fn new(envelope: Envelope, session: &SessionCookie) -> Self {
        Self { envelope, prefix: format!("{}-pending-", session.name()) }
    }

    /// The cookies to set when a sign-in begins: its own, and those that have to make room. `None` if it does not fit into a
    /// cookie.
    pub(crate) fn begin(
        &self,
        headers: &HeaderMap,
        cookie: &SessionCookie,
        begun: &Begun,
        now: Timestamp,
    ) -> Option<Vec<HeaderValue>> {
        let Begun { pending, return_to } = begun;
        let wire = Wire {
            state: &pending.state,
            nonce: &pending.nonce,
            code_verifier: pending.code_verifier.expose(),
            dpop_key: pending.dpop_key.as_ref().map(|key| key.expose().into()),
            started_at_unix_ms: pending.started_at,
            return_to: return_to.as_str(),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&wire).ok()?);
        let sealed = self.envelope.seal(&plain).ok()?;
        let name = self.name(&pending.state);
        // Browsers keep no cookie that is longer.
        if name.len() + sealed.len() > 4000 {
            return None;
        }
        let mut set = vec![cookie.set_named(&name, &sealed, LIFETIME)?];
        set.extend(self.superfluous(headers, now).iter().filter_map(|name| cookie.clear_named(name)));
        Some(set)
    }

    /// The sign-in that `state` answers, if this browser began it, and the cookie to take from it.
    pub(crate) fn finish(
        &self,
        headers: &HeaderMap,
        cookie: &SessionCookie,
        state: &str,
        request: &SignInRequest,
        base_url: &Url,
        now: Timestamp,
    ) -> Option<(Begun, Option<HeaderValue>)> {
        let name = self.name(state);
        let plain = self.envelope.open(cookies::single(headers, &name)?)?;
        let wire = Wire::read(&plain)?;
        if !wire.is_in_time(now) || wire.state != state {
            return None;
        }
        let verifier = CodeVerifier::new(wire.code_verifier);
        let (state, nonce, started_at) = (wire.state, wire.nonce, wire.started_at_unix_ms);
        // Where the browser was sent is of no further interest.
        let url = request.redirect_uri.clone();
        let mut pending = PendingSignIn::new(url, request, state, nonce, verifier, started_at);
        pending.dpop_key = wire.dpop_key.map(DpopKey::new);
        let return_to = ReturnTo::parse(wire.return_to, base_url)?;
        Some((Begun { pending, return_to }, cookie.clear_named(&name)))
    }

    /// Names of cookies that are over, or the oldest of too many.
    fn superfluous(&self, headers: &HeaderMap, now: Timestamp) -> Vec<String> {
        let mut living = Vec::new();
        let mut superfluous = Vec::new();
        for (name, value) in cookies::all(headers).filter(|(name, _)| name.starts_with(&self.prefix)).take(64) {
            let started_at = self.envelope.open(value).and_then(|plain| {
                Wire::read(&plain).filter(|wire| wire.is_in_time(now)).map(|wire| wire.started_at_unix_ms)
            });
            match started_at {
                Some(started_at) => living.push((started_at, name)),
                None => superfluous.push(name.to_owned()),
            }
        }
        living.sort_unstable();
        let too_many = (living.len() + 1).saturating_sub(MOST);
        superfluous.extend(living.into_iter().take(too_many).map(|(_, name)| name.to_owned()));
        superfluous
    }

    /// Another one for each sign-in, so that tabs do not overwrite each other's.
    fn name(&self, state: &str) -> String {
        let mut name = self.prefix.clone();
        for byte in &Sha256::digest(state)[..8] {
            // Writing to text cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
}

impl<'a> Wire<'a> {
    fn read(plain: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(plain).ok()
    }

    /// Neither too old, nor from the future.
    fn is_in_time(&self, now: Timestamp) -> bool {
        now.saturating_since(self.started_at_unix_ms) < LIFETIME
            && self.started_at_unix_ms.saturating_since(now) < LIFETIME
    }
}
